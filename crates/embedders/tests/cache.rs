//! The embedding cache, with an embedder that counts its work.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use oats_embedders::{Embedder, EmbeddingCache, Error, Result, StaticTable};
use proptest::prelude::*;

/// Unit vectors made of a text's bytes; texts that start with "nan", "zero" or "long" get a bad one.
#[derive(Default)]
struct Fake {
    embedded: Mutex<Vec<String>>,
    narrow: bool,
}

impl Fake {
    fn embedded(&self) -> usize {
        self.embedded.lock().unwrap().len()
    }
}

impl Embedder for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn backend(&self) -> &str {
        "fake 1"
    }

    fn fingerprint(&self) -> &str {
        "f00d"
    }

    fn dimension(&self) -> usize {
        3
    }

    fn parameters(&self) -> usize {
        0
    }

    fn bytes(&self) -> usize {
        0
    }

    fn embed(&self, texts: &[&str]) -> Result<Array2<f32>> {
        self.embedded
            .lock()
            .unwrap()
            .extend(texts.iter().map(|text| text.to_string()));
        let mut vectors = Array2::zeros((texts.len(), if self.narrow { 2 } else { 3 }));
        for (mut row, text) in vectors.rows_mut().into_iter().zip(texts) {
            let angle = text
                .bytes()
                .fold(0u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte))
                as f32;
            row[0] = angle.sin();
            row[1] = angle.cos();
            match text.get(..4) {
                Some("nan ") => row[0] = f32::NAN,
                Some("zero") => row.fill(0.0),
                Some("long") => row.fill(1.0),
                _ => {}
            }
        }
        Ok(vectors)
    }
}

fn silent(_: usize) {}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("f00d.vectors")
}

#[test]
fn second_run_reads_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["one", "two", "three", ""];
    let (first, second) = (Fake::default(), Fake::default());
    let computed = EmbeddingCache::open(folder.path())
        .unwrap()
        .embed(&first, &texts, &silent)
        .unwrap();
    let read = EmbeddingCache::open(folder.path())
        .unwrap()
        .embed(&second, &texts, &silent)
        .unwrap();
    assert_eq!((first.embedded(), second.embedded()), (4, 0));
    let bits = |vectors: &Array2<f32>| vectors.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&computed), bits(&read));
    assert_eq!(
        bits(&computed),
        bits(&Fake::default().embed(&texts).unwrap())
    );
}

#[test]
fn only_unknown_texts_are_embedded_and_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = EmbeddingCache::open(folder.path()).unwrap();
    cache.embed(&Fake::default(), &["a", "b"], &silent).unwrap();

    let fake = Fake::default();
    let done = AtomicUsize::new(0);
    let texts = ["c", "b", "c", "d", "a", "c"];
    let vectors = cache
        .embed(&fake, &texts, &|count| {
            done.fetch_add(count, Ordering::Relaxed);
        })
        .unwrap();
    assert_eq!(*fake.embedded.lock().unwrap(), ["c", "d"]);
    assert_eq!(done.into_inner(), texts.len());
    assert_eq!(vectors, Fake::default().embed(&texts).unwrap());
}

#[test]
fn bad_vectors_are_errors_that_name_the_text_and_the_embedder() {
    let folder = tempfile::tempdir().unwrap();
    let cache = EmbeddingCache::open(folder.path()).unwrap();
    for bad in ["nan text", "zero text", "long text"] {
        let error = cache
            .embed(&Fake::default(), &["good", bad], &silent)
            .unwrap_err();
        assert!(
            matches!(&error, Error::Text { text, .. } if text == bad),
            "{error}"
        );
        assert!(error.to_string().contains("fake"), "{error}");
    }
    let endless = format!("nan {}", "é".repeat(500));
    let Error::Text { text, .. } = cache
        .embed(&Fake::default(), &[&endless], &silent)
        .unwrap_err()
    else {
        panic!("not a text error");
    };
    assert_eq!(text.chars().count(), 80);

    let narrow = Fake {
        narrow: true,
        ..Fake::default()
    };
    let error = cache.embed(&narrow, &["good"], &silent).unwrap_err();
    assert!(matches!(error, Error::Backend { .. }), "{error}");
}

#[test]
fn an_interruption_keeps_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let cache = EmbeddingCache::open(folder.path()).unwrap();
    let mut texts: Vec<String> = (0..300).map(|i| format!("text {i}")).collect();
    texts.push("nan at last".to_owned());
    let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    cache.embed(&Fake::default(), &texts, &silent).unwrap_err();

    let fake = Fake::default();
    texts.pop();
    cache.embed(&fake, &texts, &silent).unwrap();
    assert!(
        fake.embedded() < 100,
        "{} texts embedded again",
        fake.embedded()
    );
}

#[test]
fn static_vectors_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let cache = EmbeddingCache::open(folder.path()).unwrap();
    let table = StaticTable::builtin().unwrap();
    let vectors = cache.embed(&table, &["x", "y", "x"], &silent).unwrap();
    assert_eq!(vectors, table.embed(&["x", "y", "x"]).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("taken"), "").unwrap();
    let error = EmbeddingCache::open(folder.path().join("taken/cache")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

proptest! {
    /// Whatever happens to the file, the vectors are right.
    #[test]
    fn damaged_files_are_set_aside(place in 0usize..10_000, flip in 1u8.., keep in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let cache = EmbeddingCache::open(folder.path()).unwrap();
        let texts = ["one", "two", "three"];
        let right = cache.embed(&Fake::default(), &texts, &silent).unwrap();

        let mut bytes = fs::read(file(&folder)).unwrap();
        let place = place % bytes.len();
        if keep {
            bytes[place] ^= flip;
        } else {
            bytes.truncate(place);
        }
        fs::write(file(&folder), bytes).unwrap();

        let fake = Fake::default();
        prop_assert_eq!(&cache.embed(&fake, &texts, &silent).unwrap(), &right);
        prop_assert_eq!(fake.embedded(), texts.len());
        prop_assert!(folder.path().join("f00d.vectors.damaged").exists());

        let again = Fake::default();
        cache.embed(&again, &texts, &silent).unwrap();
        prop_assert_eq!(again.embedded(), 0);
    }
}
