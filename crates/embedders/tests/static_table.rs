//! The built-in table: known values, properties, damaged files.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::collections::HashMap;

use oats_embedders::distill::DistillOptions;
use oats_embedders::{Embedder, Error, StaticTable};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

const TABLE: &[u8] = include_bytes!("../static/table.safetensors");

#[test]
fn agrees_with_numpy_and_minilms_own_tokenizer() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("data/static.json")).unwrap();
    let table = StaticTable::builtin().unwrap();
    for case in reference["vectors"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let vector = table.embed(&[text]).unwrap();
        for (place, expected) in case["first_components"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let expected = expected.as_f64().unwrap() as f32;
            let found = vector[[0, place]];
            assert!(
                (found - expected).abs() < 1e-5,
                "{text}: [{place}] is {found}, not {expected}"
            );
        }
    }
}

#[test]
fn table_is_small_and_says_where_it_comes_from() {
    assert!(TABLE.len() <= 8 * 1024 * 1024, "{} bytes", TABLE.len());
    let table = StaticTable::builtin().unwrap();
    assert_eq!((table.name(), table.dimension()), ("static", 256));
    assert_eq!(
        table.description().teacher_sha256,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    );
    assert_eq!(table.description().options, DistillOptions::default());
    let sources = table.description().sources.iter();
    let names: Vec<_> = sources.map(|source| source.name.as_str()).collect();
    assert_eq!(
        names,
        ["WordNet 3.1", "tools of metatool", "tools of toolbench"]
    );
}

#[test]
fn similar_texts_are_closer_than_unrelated_ones() {
    let related = [
        (
            "what is the weather in Paris tomorrow",
            "weather forecast for any city",
        ),
        (
            "convert 100 dollars to euros",
            "currency exchange rate calculator",
        ),
        (
            "find me a recipe with chicken",
            "cooking ideas and meals by ingredient",
        ),
        ("play some jazz", "search for songs, albums and artists"),
        (
            "book a hotel near the beach",
            "accommodation and vacation rentals",
        ),
        (
            "translate this sentence into German",
            "language translation service",
        ),
    ];
    let (queries, tools): (Vec<_>, Vec<_>) = related.into_iter().unzip();
    let table = StaticTable::builtin().unwrap();
    let similarity = table
        .embed(&queries)
        .unwrap()
        .dot(&table.embed(&tools).unwrap().t());
    for (own, row) in similarity.rows().into_iter().enumerate() {
        for (other, value) in row.iter().enumerate() {
            assert!(
                other == own || *value < row[own],
                "{} is closer to {}",
                queries[own],
                tools[other]
            );
        }
    }
}

#[test]
fn same_bits_for_any_batch_and_thread_count() {
    let texts: Vec<String> = (0..200)
        .map(|i| format!("tool {i} of {} for travel", i * 7))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embed_with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| StaticTable::builtin().unwrap().embed(&texts).unwrap())
    };
    let (one, three) = (embed_with(1), embed_with(3));
    assert_eq!(one, three);
    let alone = StaticTable::builtin()
        .unwrap()
        .embed(&texts[57..58])
        .unwrap();
    assert_eq!(alone.row(0), one.row(57));
}

#[test]
fn tokens_of_a_text_have_its_vector() {
    let table = StaticTable::builtin().unwrap();
    let text = "Book a flight to Zürich!";
    let ids = table.ids(text).unwrap();
    let whole = table.embed(&[text]).unwrap();
    assert_eq!(table.embed_ids(&ids).unwrap(), whole.row(0).to_vec());
    assert_eq!(table.embed_ids(&[]), None);
    assert_eq!(table.embed_ids(&[ids[0], u32::MAX]), None);
}

#[test]
fn text_without_tokens_is_an_error_that_names_it() {
    let table = StaticTable::builtin().unwrap();
    for blank in ["", " \t\n", "\u{200b}\u{7}"] {
        let error = table.embed(&["fine", blank]).unwrap_err();
        assert!(
            matches!(&error, Error::Text { text, .. } if text == blank),
            "{error}"
        );
        assert!(error.to_string().contains("static"), "{error}");
    }
    assert_eq!(table.embed(&[]).unwrap().dim(), (0, 256));
}

#[test]
fn unknown_words_and_emoji_have_the_vector_of_unknown() {
    let vectors = StaticTable::builtin()
        .unwrap()
        .embed(&["🎉", "🦀🦀", "weather"])
        .unwrap();
    assert!((vectors.row(0).dot(&vectors.row(1)) - 1.0).abs() < 1e-6);
    assert!(vectors.row(0).dot(&vectors.row(2)) < 0.9);
}

#[test]
fn truncated_and_foreign_files_are_errors() {
    for length in [0, 7, 8, 100, 500, 40_000, TABLE.len() - 1] {
        let error = StaticTable::from_bytes(&TABLE[..length]).unwrap_err();
        assert!(matches!(error, Error::Table(_)), "{length} bytes: {error}");
    }
    for garbage in [b"not a table at all".as_slice(), &[0; 64], &[255; 64]] {
        assert!(matches!(
            StaticTable::from_bytes(garbage),
            Err(Error::Table(_))
        ));
    }
}

/// The built-in table with one tensor replaced.
fn with_tensor(name: &str, dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) -> Vec<u8> {
    let table = SafeTensors::deserialize(TABLE).unwrap();
    let (_, header) = SafeTensors::read_metadata(TABLE).unwrap();
    let mut tensors = table.tensors();
    tensors.retain(|(other, _)| other != name);
    tensors.push((
        name.to_owned(),
        TensorView::new(dtype, shape, bytes).unwrap(),
    ));
    safetensors::serialize(tensors, header.metadata().clone()).unwrap()
}

#[test]
fn inconsistent_content_is_an_error_that_says_what() {
    let table = SafeTensors::deserialize(TABLE).unwrap();
    let scales = table.tensor("scales").unwrap();
    let vocabulary = table.tensor("vocabulary").unwrap().data();
    let rows = scales.shape()[0];

    let mut not_a_number = scales.data().to_vec();
    not_a_number[40..44].copy_from_slice(&f32::NAN.to_le_bytes());
    let twice = [vocabulary, b"\nthe"].concat();
    let one_more = [vocabulary, b"\nnoexistingpiece"].concat();
    let no_unknown = String::from_utf8(vocabulary.to_vec())
        .unwrap()
        .replacen("[UNK]", "[unk]", 1);
    let cases = [
        (
            with_tensor("scales", Dtype::F32, vec![rows], &not_a_number),
            "a scale is NaN",
        ),
        (
            with_tensor("scales", Dtype::F32, vec![rows - 1], &scales.data()[4..]),
            "scales",
        ),
        (with_tensor("scales", Dtype::U8, vec![1], &[0]), "type"),
        (
            with_tensor("vocabulary", Dtype::U8, vec![twice.len()], &twice),
            "twice",
        ),
        (
            with_tensor("vocabulary", Dtype::U8, vec![one_more.len()], &one_more),
            "tokens",
        ),
        (
            with_tensor("vocabulary", Dtype::U8, vec![1], &[0xff]),
            "utf-8",
        ),
        (
            with_tensor(
                "vocabulary",
                Dtype::U8,
                vec![no_unknown.len()],
                no_unknown.as_bytes(),
            ),
            "[UNK]",
        ),
    ];
    for (bytes, expected) in cases {
        let message = StaticTable::from_bytes(&bytes).unwrap_err().to_string();
        assert!(
            message.contains(expected),
            "{message:?} does not mention {expected:?}"
        );
    }
    let older = HashMap::from([(
        "oats-static-table".to_owned(),
        r#"{"version":1,"dimension":256}"#.to_owned(),
    )]);
    let older = safetensors::serialize(table.tensors(), Some(older)).unwrap();
    let message = StaticTable::from_bytes(&older).unwrap_err().to_string();
    assert!(
        message.contains("version 1") && message.contains("cargo xtask distill"),
        "{message}"
    );

    let foreign = safetensors::serialize([("scales", scales)], None).unwrap();
    let message = StaticTable::from_bytes(&foreign).unwrap_err().to_string();
    assert!(message.contains("oats-static-table"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_has_a_unit_vector_or_an_error(texts in proptest::collection::vec(any::<String>(), 1..4)) {
        thread_local!(static TABLE: StaticTable = StaticTable::builtin().unwrap());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        match TABLE.with(|table| table.embed(&texts)) {
            Ok(vectors) => for row in vectors.rows() {
                let norm = row.dot(&row).sqrt();
                prop_assert!((norm - 1.0).abs() < 1e-5, "norm {norm}");
            },
            Err(error) => prop_assert!(matches!(error, Error::Text { .. }), "{error}"),
        }
    }
}
