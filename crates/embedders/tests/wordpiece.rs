//! The built-in tokeniser: MiniLM's own pieces for known texts, ids that are rows, odd texts.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use oats_embedders::WordPieces;
use proptest::prelude::*;
use safetensors::SafeTensors;

fn tokens(text: &str) -> Vec<String> {
    let pieces = WordPieces::builtin().unwrap();
    let ids = pieces.ids(text).unwrap();
    ids.iter().map(|&id| pieces.token(id).unwrap()).collect()
}

#[test]
fn agrees_with_minilms_own_tokenizer() {
    // Hugging Face's `tokenizers` 0.23.3 with all-MiniLM-L6-v2's tokenizer.json, no special tokens.
    let expected = [
        (
            "Book a flight to Oslo, tokenization",
            "book a flight to oslo , token ##ization",
        ),
        (
            "¿Cuánto CUESTA el café? ☕",
            "¿ cu ##anto cues ##ta el cafe ? [UNK]",
        ),
        (
            "unaffable retrieval-augmented 天气 🦀🦀 x",
            "una ##ffa ##ble retrieval - augmented 天 [UNK] [UNK] x",
        ),
        ("\u{0}a\u{200b}b", "ab"),
    ];
    for (text, pieces) in expected {
        assert_eq!(tokens(text).join(" "), pieces, "{text}");
    }
    assert_eq!(tokens(&"a".repeat(101)), ["[UNK]"]);
}

#[test]
fn ids_are_rows_of_the_table() {
    let pieces = WordPieces::builtin().unwrap();
    assert_eq!(
        pieces.ids("Tokenization to Oslo 🦀").unwrap(),
        [18206, 2991, 1002, 8979, 0]
    );

    let table = SafeTensors::deserialize(include_bytes!("../static/table.safetensors")).unwrap();
    let vocabulary = table.tensor("vocabulary").unwrap().data();
    let rows: Vec<&str> = std::str::from_utf8(vocabulary)
        .unwrap()
        .split('\n')
        .collect();
    assert_eq!(pieces.vocabulary_size(), rows.len());
    for (id, row) in (0..).zip(&rows) {
        assert_eq!(pieces.token(id).as_deref(), Some(*row));
    }
    assert_eq!(pieces.token(rows.len() as u32), None);
    assert_eq!(pieces.token(u32::MAX), None);
}

#[test]
fn case_and_accents_make_no_difference() {
    assert_eq!(tokens("WEATHER in Zürich"), tokens("weather in zurich"));
}

#[test]
fn a_text_without_tokens_has_no_ids() {
    for blank in ["", " \t\n", "\u{200b}\u{7}"] {
        assert!(tokens(blank).is_empty(), "{blank:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_text_has_ids_in_range(text: String) {
        thread_local!(static PIECES: WordPieces = WordPieces::builtin().unwrap());
        PIECES.with(|pieces| {
            let ids = pieces.ids(&text).unwrap();
            prop_assert!(ids.iter().all(|&id| (id as usize) < pieces.vocabulary_size()));
            // A blank ends a word, so that texts can be read one after the other.
            let twice = pieces.ids(&format!("{text} {text}")).unwrap();
            prop_assert_eq!(twice, [ids.clone(), ids].concat());
            Ok(())
        })?;
    }
}
