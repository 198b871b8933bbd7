//! Models and libraries that are missing or broken. This process never loads a working library: only one
//! can be loaded, and the attempts here must really be made.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::fs;
use std::path::Path;

use oats_embedders::{Backend, Error, Minilm, ModelSources};

const BACKENDS: [Backend; 3] = [Backend::Auto, Backend::Onnx, Backend::Candle];

fn sources(folder: &Path) -> ModelSources {
    ModelSources {
        model_dir: Some(folder.to_owned()),
        cache_dir: folder.join("cache"),
        ..ModelSources::default()
    }
}

/// A model folder of the given files, each with the same content.
fn write(folder: &Path, files: &[&str], content: &str) {
    let model = folder.join("all-MiniLM-L6-v2");
    fs::create_dir_all(model.join("onnx")).unwrap();
    for file in files {
        fs::write(model.join(file), content).unwrap();
    }
}

#[test]
fn a_missing_model_is_unavailable_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for backend in BACKENDS {
        let error = Minilm::open(&sources(folder.path()), backend).unwrap_err();
        let message = error.to_string();
        assert!(error.is_unavailable(), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(
            message.contains("cargo xtask fetch") && message.contains("`static`"),
            "{message}"
        );
    }
}

#[test]
fn a_missing_model_of_eight_bits_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["tokenizer.json", "onnx/model.onnx"], "{}");
    let library = folder.path().join("libonnxruntime.so");
    fs::write(&library, "not a library").unwrap();
    let mut sources = sources(folder.path());
    sources.ort_library = Some(library);
    for (backend, parts) in [
        (Backend::Auto, ["minilm-int8", "onnx/model_int8.onnx"]),
        (Backend::Onnx, ["minilm-int8", "onnx/model_int8.onnx"]),
        (Backend::Candle, ["minilm-int8", "candle"]),
    ] {
        let error = Minilm::open_int8(&sources, backend).unwrap_err();
        let message = error.to_string();
        assert!(error.is_unavailable(), "{message}");
        for part in parts {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn a_library_that_was_named_and_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["tokenizer.json", "onnx/model.onnx"], "{}");
    let mut sources = sources(folder.path());
    sources.ort_library = Some(folder.path().join("libonnxruntime.so"));
    for backend in [Backend::Onnx, Backend::Auto] {
        let error = Minilm::open(&sources, backend).unwrap_err();
        assert!(!error.is_unavailable(), "{error}");
        assert!(error.to_string().contains("libonnxruntime.so"), "{error}");
    }
    sources.ort_library = None;
    let error = Minilm::open(&sources, Backend::Onnx).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[test]
fn a_broken_library_is_an_error_that_auto_does_not_hide() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["tokenizer.json", "onnx/model.onnx"], "{}");
    let libraries = folder.path().join("cache/onnxruntime-1.31.1");
    fs::create_dir_all(&libraries).unwrap();
    fs::write(libraries.join("libonnxruntime.so.1.31.1"), "not a library").unwrap();
    for backend in [Backend::Onnx, Backend::Auto] {
        let error = Minilm::open(&sources(folder.path()), backend).unwrap_err();
        assert!(!error.is_unavailable(), "{error}");
        assert!(
            matches!(&error, Error::Unusable { path, .. } if path.ends_with("libonnxruntime.so.1.31.1"))
        );
    }
}

#[test]
fn broken_candle_files_are_errors_that_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &["tokenizer.json", "model.safetensors", "config.json"],
        "{}",
    );
    let broken = |expected: &str| {
        let error = Minilm::open(&sources(folder.path()), Backend::Candle).unwrap_err();
        assert!(
            matches!(&error, Error::Unusable { path, .. } if path.ends_with(expected)),
            "{error}"
        );
    };
    broken("config.json");
    let config = r#"{"vocab_size": 1, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
        "intermediate_size": 1536, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "max_position_embeddings": 512,
        "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0}"#;
    write(folder.path(), &["config.json"], config);
    broken("tokenizer.json");
    let tokenizer = r###"{"version": "1.0", "added_tokens": [], "model": {"type": "WordPiece", "unk_token": "[UNK]",
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0}}}"###;
    write(folder.path(), &["tokenizer.json"], tokenizer);
    broken("model.safetensors");
    write(
        folder.path(),
        &["config.json"],
        &config.replace("384", "768"),
    );
    broken("config.json");
}
