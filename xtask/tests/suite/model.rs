//! A model folder that is no MiniLM but goes through the same code, and what happens when it is bad.

use std::fs;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::common::{Place, Told, experiment};

const DIMENSION: usize = 384;
const POSITIONS: usize = 256;

/// A network without layers: a text's vector is the mean over its letters' and positions' vectors.
struct Model {
    /// Of the letters, at the first component of each.
    first_component: Option<f32>,
    /// What the final normalisation multiplies with.
    scale: f32,
}

const GOOD: Model = Model {
    first_component: None,
    scale: 1.0,
};

impl Model {
    fn write(&self, place: &Place) {
        let folder = "models/all-MiniLM-L6-v2";
        let vocabulary = vocabulary();
        let config = json!({
            "vocab_size": vocabulary.len(), "hidden_size": DIMENSION, "num_hidden_layers": 0,
            "num_attention_heads": 12, "intermediate_size": 4, "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1, "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
            "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
        });
        place.write_json(&format!("{folder}/config.json"), &config);
        let ids: Map<String, Value> = vocabulary
            .iter()
            .cloned()
            .zip((0..).map(Value::from))
            .collect();
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": null, "decoder": null,
            "model": {
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": ids,
            },
        });
        place.write_json(&format!("{folder}/tokenizer.json"), &tokenizer);
        let mut words = pseudorandom(vocabulary.len() * DIMENSION);
        if let Some(value) = self.first_component {
            words.iter_mut().step_by(DIMENSION).for_each(|x| *x = value);
        }
        let tensors = [
            (
                "word_embeddings.weight",
                vec![vocabulary.len(), DIMENSION],
                words,
            ),
            (
                "position_embeddings.weight",
                vec![POSITIONS, DIMENSION],
                pseudorandom(POSITIONS * DIMENSION),
            ),
            (
                "token_type_embeddings.weight",
                vec![2, DIMENSION],
                vec![0.0; 2 * DIMENSION],
            ),
            (
                "LayerNorm.weight",
                vec![DIMENSION],
                vec![self.scale; DIMENSION],
            ),
            ("LayerNorm.bias", vec![DIMENSION], vec![0.0; DIMENSION]),
        ];
        place.write(
            &format!("{folder}/model.safetensors"),
            safetensors(&tensors),
        );
    }
}

fn vocabulary() -> Vec<String> {
    let mut tokens: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        .map(String::from)
        .to_vec();
    for letter in ('a'..='z').chain('0'..='9') {
        tokens.extend([letter.to_string(), format!("##{letter}")]);
    }
    tokens
}

/// Numbers between -1 and 1, always the same.
fn pseudorandom(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// The length of a JSON header, the header, the numbers.
fn safetensors(tensors: &[(&str, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
    let mut header = Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(format!("embeddings.{name}"), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

const RUN: [&str; 8] = [
    "run",
    "trial.toml",
    "--backend",
    "candle",
    "--model-dir",
    "models",
    "--out",
    "out",
];

fn place(model: &Model) -> Place {
    let place = Place::with_experiment(&experiment(r#"["builtin"]"#, r#"["static", "minilm"]"#));
    model.write(&place);
    place
}

#[test]
fn a_model_is_used_and_its_vectors_are_kept() {
    let place = place(&GOOD);
    place
        .succeed(&RUN)
        .assert_says(&["dense   static", "dense   minilm"]);
    let first = place.read("out/trial/metrics.csv");
    assert_eq!(place.files("cache/embeddings").len(), 1);
    place.succeed(&RUN);
    assert_eq!(place.read("out/trial/metrics.csv"), first);
}

#[test]
fn a_vector_that_is_not_a_number_is_refused() {
    let model = Model {
        first_component: Some(f32::NAN),
        ..GOOD
    };
    place(&model).refuse(&RUN, &["minilm", "vector", "NaN"]);
}

#[test]
fn a_zero_vector_is_refused() {
    let model = Model { scale: 0.0, ..GOOD };
    place(&model).refuse(&RUN, &["minilm", "vector"]);
}

#[test]
fn a_model_file_that_is_cut_off_is_refused() {
    let place = place(&GOOD);
    let file = place.path("models/all-MiniLM-L6-v2/model.safetensors");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    place.refuse(&RUN, &["model.safetensors", "cargo xtask fetch"]);
}

#[test]
fn a_damaged_embedding_cache_is_made_anew() {
    let place = place(&GOOD);
    place.succeed(&RUN);
    let metrics = place.read("out/trial/metrics.csv");
    let (cache, whole) = place.files("cache/embeddings").pop_first().unwrap();
    let cache = cache.to_str().unwrap();
    let middle = whole.len() / 2;
    let mut altered = whole.clone();
    altered[middle..middle + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    for damaged in [&altered, &whole[..middle], b""] {
        place.write(cache, damaged);
        let told = place.succeed(&RUN);
        assert!(told.stderr.contains("damaged"), "{told}");
        assert_eq!(place.read("out/trial/metrics.csv"), metrics);
    }
}

#[test]
fn vectors_in_the_cache_are_checked_like_new_ones() {
    let place = place(&GOOD);
    place.succeed(&RUN);
    let (cache, mut bytes) = place.files("cache/embeddings").pop_first().unwrap();
    let content = bytes.len() - 32;
    // The first vector, after the file's header and the text's key.
    for bad in [f32::NAN, 0.0] {
        for number in bytes[20 + 32..][..4 * DIMENSION].chunks_exact_mut(4) {
            number.copy_from_slice(&bad.to_le_bytes());
        }
        let checksum = Sha256::digest(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum);
        place.write(cache.to_str().unwrap(), &bytes);
        // Refused or made anew, but never used.
        let told = place.run(&RUN);
        match told.code {
            Some(2) => told.assert_refused(&["embedding"]),
            _ => assert!(told.stderr.contains("damaged"), "{told}"),
        }
    }
}

#[test]
fn without_the_model_the_other_embedder_goes_on() {
    let place = place(&GOOD);
    let told = Told::of(&mut place.command(&["run", "trial.toml", "--out", "out"]));
    assert_eq!(told.code, Some(0), "{told}");
    told.assert_says(&["dense   static", "not run: minilm", "cargo xtask fetch"]);
    assert!(!place.read("out/trial/metrics.csv").contains("minilm"));
}
