//! Distillation from a teacher whose structure is known.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::collections::HashSet;
use std::fs;

use ndarray::Array2;
use oats_embedders::distill::{Corpus, DistillOptions, Distilled, Teacher, distill};
use oats_embedders::{Embedder, Error, Result, StaticTable};

const DIMENSION: usize = 8;
const WORDS: usize = 60;

/// Alone, word i of 60 points along axis i mod 5 of 8 dimensions. In texts the words below 10 say nothing, and the
/// axis of the others is another.
struct Axes {
    vocabulary: Vec<String>,
    fault: Option<f32>,
}

impl Axes {
    fn new() -> Self {
        let special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[", "?"];
        let words = (0..WORDS).map(|i| format!("word{i}"));
        Self {
            vocabulary: special
                .map(str::to_owned)
                .into_iter()
                .chain(words)
                .collect(),
            fault: None,
        }
    }

    /// Texts of one word that says something and two that say nothing, and the teacher's vectors of them.
    fn lesson() -> (Vec<Corpus>, Array2<f32>) {
        let words: Vec<usize> = (0..600).map(|i| 10 + i * 7 % (WORDS - 10)).collect();
        let texts = words
            .iter()
            .enumerate()
            .map(|(i, word)| format!("word{} word{word} word{}", i % 10, i * 3 % 7));
        let mut vectors = Array2::zeros((words.len(), DIMENSION));
        for (mut row, word) in vectors.rows_mut().into_iter().zip(&words) {
            row[axis_in_texts(*word)] = 0.8;
            row[7] = 0.6; // all texts have something in common
        }
        let corpus = Corpus::new("made up", "checksum", texts.collect());
        (vec![corpus], vectors)
    }
}

fn axis_in_texts(word: usize) -> usize {
    word / 10 - 1
}

impl Teacher for Axes {
    fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    fn sha256(&self) -> &str {
        "teacher"
    }

    fn embed_tokens(&self, ids: &[u32]) -> Result<Array2<f32>> {
        let mut vectors = Array2::from_elem((ids.len(), DIMENSION), 0.5);
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
        dimension: 6,
        removed_components: 1,
        epochs: 40,
        batch: 32,
        rate: 0.05,
        ..Default::default()
    }
}

fn distilled(options: &DistillOptions) -> Distilled {
    let (corpora, vectors) = Axes::lesson();
    distill(&Axes::new(), &corpora, vectors.view(), options).unwrap()
}

#[test]
fn table_learns_from_texts_what_words_mean_and_which_say_nothing() {
    let distilled = distilled(&options());
    let [before, after] = distilled.agreement;
    assert_eq!((distilled.fitted, after.texts), (570, 30));
    assert!(before.correlation < 0.9, "{before:?}");
    assert!(after.correlation > 0.99, "{after:?}");

    let table = StaticTable::from_bytes(&distilled.table).unwrap();
    let vectors = table
        .embed(&[
            "word1 word12 word5",
            "word8 word17 word3",
            "word9 word42 word6",
        ])
        .unwrap();
    let similarity = |a: usize, b: usize| vectors.row(a).dot(&vectors.row(b));
    // The teacher's are 1 for the same axis and 0.6² for another; these combinations of words are new.
    assert!(similarity(0, 1) > 0.9, "{}", similarity(0, 1));
    assert!(similarity(0, 2) < 0.5, "{}", similarity(0, 2));
}

#[test]
fn table_says_what_it_comes_from() {
    let table = StaticTable::from_bytes(&distilled(&options()).table).unwrap();
    assert_eq!(table.dimension(), 6);
    let description = table.description();
    assert_eq!(description.teacher_sha256, "teacher");
    assert_eq!(description.options, options());
    assert_eq!(description.sources, [Axes::lesson().0[0].source.clone()]);
    assert_eq!(description.sources[0].texts, 600);
}

#[test]
fn same_bytes_for_any_thread_count_and_others_for_another_seed() {
    let few = DistillOptions {
        epochs: 2,
        ..options()
    };
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| distilled(&few).table)
    };
    let one = with_threads(1);
    assert!(one == with_threads(3));
    assert!(
        one != distilled(&DistillOptions {
            seed: 1,
            ..few.clone()
        })
        .table
    );
}

#[test]
fn without_a_fit_frequent_tokens_count_less() {
    let unfitted = DistillOptions {
        epochs: 0,
        smoothing: 1e-3,
        ..options()
    };
    let table = StaticTable::from_bytes(&distilled(&unfitted).table).unwrap();
    // word0 is the most frequent word; word51 is rare and on another axis.
    let vectors = table.embed(&["word0 word51", "word0", "word51"]).unwrap();
    let to = |other: usize| vectors.row(0).dot(&vectors.row(other)).abs();
    assert!(to(2) > to(1), "frequent {}, rare {}", to(1), to(2));
}

#[test]
fn impossible_options_and_vectors_are_errors() {
    let (corpora, vectors) = Axes::lesson();
    for (wrong, name) in [
        (
            DistillOptions {
                dimension: 9,
                ..options()
            },
            "dimension",
        ),
        (
            DistillOptions {
                dimension: 0,
                ..options()
            },
            "dimension",
        ),
        (
            DistillOptions {
                removed_components: 8,
                ..options()
            },
            "removed_components",
        ),
        (
            DistillOptions {
                smoothing: 0.0,
                ..options()
            },
            "smoothing",
        ),
        (
            DistillOptions {
                temperature: f64::NAN,
                ..options()
            },
            "temperature",
        ),
        (
            DistillOptions {
                rate: -1.0,
                ..options()
            },
            "rate",
        ),
        (
            DistillOptions {
                batch: 1,
                ..options()
            },
            "batch",
        ),
        (
            DistillOptions {
                batch: 601,
                ..options()
            },
            "too few",
        ),
    ] {
        let error = distill(&Axes::new(), &corpora, vectors.view(), &wrong).unwrap_err();
        assert!(
            matches!(&error, Error::Distill(problem) if problem.contains(name)),
            "{error}"
        );
    }

    let refused = |teacher: &Axes, vectors: &Array2<f32>| {
        matches!(
            distill(teacher, &corpora, vectors.view(), &options()),
            Err(Error::Distill(_))
        )
    };
    let faulty = Axes {
        fault: Some(f32::NAN),
        ..Axes::new()
    };
    assert!(refused(&faulty, &vectors));
    let mut infinite = vectors.clone();
    infinite[[5, 5]] = f32::INFINITY;
    assert!(refused(&Axes::new(), &infinite));
    assert!(refused(&Axes::new(), &Array2::ones((599, DIMENSION))));
}

/// Three files of WordNet's in its own layout.
fn wordnet() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, lines) in [
        (
            "noun",
            "100 06 n 02 house 0 dwelling_house 1 000 | a building to live in; \"he has a house on the cape\"\n",
        ),
        (
            "verb",
            "200 40 v 01 buy 0 000 01 + 08 00 | obtain by purchase; \"the family bought a new car\"; \"no\"\n",
        ),
        (
            "adj",
            "300 00 s 01 galore(ip) 0 000 | (used after nouns) in great numbers\n",
        ),
        ("adv", ""),
    ] {
        let content = format!("  1 This software\n  2 is licensed\n{lines}");
        fs::write(folder.path().join(format!("data.{file}")), content).unwrap();
    }
    folder
}

#[test]
fn wordnet_gives_definitions_examples_and_requests() {
    let folder = wordnet();
    let read = || Corpus::from_wordnet(folder.path(), &|word| word != "dwelling house").unwrap();
    let mut corpus = read();
    assert_eq!(corpus, read());
    assert_eq!(corpus.source.sha256.len(), 64);
    let has = |corpus: &Corpus, text: &str| corpus.texts.iter().any(|other| other == text);
    for text in [
        "house: a building to live in",
        "obtain by purchase",
        "galore: (used after nouns) in great numbers",
        "he has a house on the cape",
        "the family bought a new car",
        "Can you obtain by purchase?",
        "Where can I get a building to live in?",
        "How do I buy my house?",
    ] {
        assert!(has(&corpus, text), "{text}");
    }
    assert!(!has(&corpus, "no"));

    let mut seen = HashSet::from(["obtain by purchase".to_owned()]);
    let unwanted = corpus.retain(&mut seen, |text| text == "the family bought a new car");
    assert_eq!(unwanted, 1);
    assert!(!has(&corpus, "the family bought a new car") && !has(&corpus, "obtain by purchase"));
    let distinct: HashSet<_> = corpus.texts.iter().collect();
    assert_eq!(
        (distinct.len(), corpus.source.texts),
        (corpus.texts.len(), corpus.texts.len())
    );
}

#[test]
fn bad_texts_are_errors_that_say_where() {
    let folder = wordnet();
    fs::write(
        folder.path().join("data.adj"),
        "  1 licence\n300 00 s 02 galore 0 000\n",
    )
    .unwrap();
    let error = Corpus::from_wordnet(folder.path(), &|_| true)
        .unwrap_err()
        .to_string();
    assert!(error.contains("data.adj, line 2"), "{error}");
    fs::remove_file(folder.path().join("data.noun")).unwrap();
    assert!(matches!(
        Corpus::from_wordnet(folder.path(), &|_| true),
        Err(Error::Io { .. })
    ));

    let lines = folder.path().join("lines.txt");
    fs::write(&lines, "  one text \n\ntwo\n").unwrap();
    let corpus = Corpus::from_lines(&lines).unwrap();
    assert_eq!(
        (corpus.texts.as_slice(), corpus.source.name.as_str()),
        (&["one text".to_owned(), "two".to_owned()][..], "lines.txt")
    );
    for bad in [&b" \n\n"[..], b"\xff\n"] {
        fs::write(&lines, bad).unwrap();
        let error = Corpus::from_lines(&lines).unwrap_err();
        assert!(
            matches!(error, Error::Distill(_)) && error.to_string().contains("lines.txt"),
            "{error}"
        );
    }
}
