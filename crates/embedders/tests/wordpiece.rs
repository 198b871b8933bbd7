//! The built-in tokeniser: MiniLM's own pieces for known texts, ids that are rows, odd texts.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use oats_embedders::WordPieces;
use proptest::prelude::*;
use safetensors::SafeTensors;
use tokenizers::{
    Tokenizer, models::wordpiece::WordPiece, normalizers::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer,
};

const TABLE: &[u8] = include_bytes!("../static/table.safetensors");

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

    let table = SafeTensors::deserialize(TABLE).unwrap();
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

/// Hugging Face's tokeniser over the same vocabulary.
fn reference() -> Tokenizer {
    let table = SafeTensors::deserialize(TABLE).unwrap();
    let vocabulary = table.tensor("vocabulary").unwrap().data();
    let model = WordPiece::builder()
        .vocab(WordPiece::read_bytes(vocabulary).unwrap())
        .unk_token("[UNK]".to_owned())
        .build()
        .unwrap();
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(BertNormalizer::default()))
        .unwrap()
        .with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer
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

    #[test]
    fn ids_are_those_of_the_reference(
        // Words, long words, every ASCII character, and everything with blanks of all kinds in between.
        texts in proptest::collection::vec(
            prop_oneof![
                4 => "[a-zA-Z]{1,12}",
                1 => "[a-z]{90,110}",
                2 => "[\\x00-\\x7f]{0,20}",
                1 => "[a-zA-Z0-9 \\t\u{a0}\u{b}\u{2028}\u{3000}é’“”İßΣ\u{301}\u{200b}天🦀#\\[\\]]{0,16}",
                1 => any::<String>(),
            ],
            0..8,
        ),
        separator in prop_oneof![Just(""), Just(" "), Just("\n"), Just("\t"), Just("\r")],
    ) {
        thread_local!(static BOTH: (WordPieces, Tokenizer) =
            (WordPieces::builtin().unwrap(), reference()));
        let text = texts.join(separator);
        BOTH.with(|(pieces, reference)| {
            let expected = reference.encode_fast(text.as_str(), false).unwrap();
            prop_assert_eq!(pieces.ids(&text).unwrap(), expected.get_ids(), "{:?}", text);
            Ok(())
        })?;
    }
}
