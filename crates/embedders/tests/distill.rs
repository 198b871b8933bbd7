//! Distillation from a teacher whose structure is known.

use ndarray::Array2;
use oats_embedders::distill::{DistillOptions, Teacher, distill};
use oats_embedders::{Embedder, Error, Result, StaticTable};

/// Token i of 60 points along axis i mod 5 of 8 dimensions; the variance falls from axis to axis.
struct Axes {
    vocabulary: Vec<String>,
    fault: Option<f32>,
}

impl Axes {
    fn new() -> Self {
        let special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[", "?"];
        let words = (0..60).map(|i| format!("word{i}"));
        Self {
            vocabulary: special
                .map(str::to_owned)
                .into_iter()
                .chain(words)
                .collect(),
            fault: None,
        }
    }
}

impl Teacher for Axes {
    fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    fn sha256(&self) -> &str {
        "teacher"
    }

    fn embed_tokens(&self, ids: &[u32]) -> Result<Array2<f32>> {
        let mut vectors = Array2::from_elem((ids.len(), 8), 0.5);
        for (mut row, &id) in vectors.rows_mut().into_iter().zip(ids) {
            let axis = id as usize % 5;
            let sign = if id % 2 == 0 { 1.0 } else { -1.0 };
            row[axis] += sign * 10.0 / (1 + axis) as f32;
        }
        if let Some(fault) = self.fault {
            vectors[[3, 3]] = fault;
        }
        Ok(vectors)
    }
}

fn options() -> DistillOptions {
    DistillOptions {
        dimension: 4,
        removed_components: 1,
        smoothing: 1e-3,
    }
}

#[test]
fn table_keeps_wordpieces_and_their_geometry() {
    let bytes = distill(&Axes::new(), &options()).unwrap();
    assert_eq!(bytes, distill(&Axes::new(), &options()).unwrap());
    let table = StaticTable::from_bytes(&bytes).unwrap();
    assert_eq!(table.dimension(), 4);
    assert_eq!(table.description().teacher_sha256, "teacher");

    // word1, word11, word6: ids 8, 18 and 13, all on axis 3; the third points the other way.
    let vectors = table
        .embed(&["word1", "word11", "word6", "word2", "[", "never-seen"])
        .unwrap();
    let similarity = |a: usize, b: usize| vectors.row(a).dot(&vectors.row(b));
    assert!(similarity(0, 1) > 0.99, "{}", similarity(0, 1));
    assert!(similarity(0, 2) < -0.99, "{}", similarity(0, 2));
    assert!(similarity(0, 3).abs() < 0.3, "{}", similarity(0, 3));
}

#[test]
fn frequent_tokens_count_less() {
    let table = StaticTable::from_bytes(&distill(&Axes::new(), &options()).unwrap()).unwrap();
    // word0 is the most frequent word; word51 is rare and on another axis.
    let vectors = table.embed(&["word0 word51", "word0", "word51"]).unwrap();
    let to = |other: usize| vectors.row(0).dot(&vectors.row(other)).abs();
    assert!(to(2) > to(1), "frequent {}, rare {}", to(1), to(2));
}

#[test]
fn impossible_options_and_vectors_are_errors() {
    let teacher = Axes::new();
    for wrong in [
        DistillOptions {
            dimension: 8,
            ..options()
        },
        DistillOptions {
            dimension: 0,
            ..options()
        },
        DistillOptions {
            smoothing: 0.0,
            ..options()
        },
        DistillOptions {
            smoothing: f64::NAN,
            ..options()
        },
    ] {
        assert!(
            matches!(distill(&teacher, &wrong), Err(Error::Distill(_))),
            "{wrong:?}"
        );
    }
    let faulty = Axes {
        fault: Some(f32::NAN),
        ..Axes::new()
    };
    assert!(matches!(
        distill(&faulty, &options()),
        Err(Error::Distill(_))
    ));
}
