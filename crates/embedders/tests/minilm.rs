//! MiniLM against reference values and its backends against each other. These tests need the model
//! (OATS_MODEL_DIR, ORT_DYLIB_PATH, OATS_CACHE_DIR); without it they are skipped, or fail if OATS_REQUIRE_MODEL=1.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;

use ndarray::Array2;
use oats_embedders::{Backend, Embedder, Error, Minilm, ModelSources, Result};
use oats_metrics::{Stage, Stopwatch};
use rayon::prelude::*;

const TEXTS: [&str; 32] = [
    "",
    " ",
    "a",
    "?",
    "hello",
    "Hello",
    "weather in Oslo",
    "What's the weather like in Oslo, Norway tomorrow morning?",
    "Book a table for two at an Italian restaurant near me at 7 pm.",
    "get_weather(city: str, date: str) -> Forecast",
    "GET /v1/users/{id}/orders?limit=10&offset=20 HTTP/1.1",
    "{\"name\": \"search\", \"parameters\": {\"query\": \"string\"}}",
    "antidisestablishmentarianism",
    "xqzjvk wvutsr qponml",
    "naïve façade, coöperation, Ångström",
    "¿Dónde está la biblioteca?",
    "Wie wird das Wetter morgen in München?",
    "今天天气怎么样？",
    "天気予報を教えてください",
    "Какая завтра погода?",
    "ما هو الطقس غدا؟",
    "🎉🎉🎉",
    "I ❤️ tool routing 🚀",
    "tabs\tand\nnewlines\r\nand   spaces",
    "\u{200b}zero\u{200b}width\u{feff}",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "1234567890 3.14159 1e-12 $99.99 50%",
    "ALL CAPS SHOUTING!!!",
    "e\u{301} combining accents o\u{308}",
    "supercalifragilisticexpialidocious-and-hyphenated_snake_case.camelCase",
    "Translate the following contract into French, then summarise it in three bullet points.",
    "convert 100 USD to EUR",
];

fn sources() -> ModelSources {
    let path = |name| env::var_os(name).map(PathBuf::from);
    ModelSources {
        model_dir: path("OATS_MODEL_DIR"),
        cache_dir: path("OATS_CACHE_DIR").unwrap_or_default(),
        ort_library: path("ORT_DYLIB_PATH"),
        offline: true,
        ..ModelSources::default()
    }
}

/// Each backend is loaded once for all tests; `None` if it is not there.
fn minilm(backend: Backend) -> Option<&'static Minilm> {
    static ONNX: OnceLock<Option<Minilm>> = OnceLock::new();
    static CANDLE: OnceLock<Option<Minilm>> = OnceLock::new();
    let slot = if backend == Backend::Onnx {
        &ONNX
    } else {
        &CANDLE
    };
    slot.get_or_init(|| or_skip(Minilm::open(&sources(), backend)))
        .as_ref()
}

fn int8() -> Option<&'static Minilm> {
    static INT8: OnceLock<Option<Minilm>> = OnceLock::new();
    INT8.get_or_init(|| or_skip(Minilm::open_int8(&sources(), Backend::Auto)))
        .as_ref()
}

fn or_skip(opened: Result<Minilm>) -> Option<Minilm> {
    match opened {
        Ok(minilm) => Some(minilm),
        Err(error)
            if error.is_unavailable()
                && env::var_os("OATS_REQUIRE_MODEL").is_none_or(|v| v != "1") =>
        {
            eprintln!("skipped: MiniLM tests: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The exact model, by each backend.
fn available() -> impl Iterator<Item = &'static Minilm> {
    [Backend::Onnx, Backend::Candle]
        .into_iter()
        .filter_map(minilm)
}

fn bits(vectors: &Array2<f32>) -> Vec<u32> {
    vectors.iter().map(|x| x.to_bits()).collect()
}

fn long_texts() -> Vec<String> {
    [60, 120, 250, 260, 2000]
        .map(|words| "Which tool answers this request? ".repeat(words / 5))
        .into()
}

fn all_texts(long: &[String]) -> Vec<&str> {
    TEXTS
        .into_iter()
        .chain(long.iter().map(String::as_str))
        .collect()
}

#[test]
fn agrees_with_python() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("data/minilm.json")).unwrap();
    for minilm in available() {
        for case in reference["vectors"].as_array().unwrap() {
            let repeat = case["repeat"].as_u64().unwrap() as usize;
            let text = case["text"].as_str().unwrap().repeat(repeat);
            let vector = minilm.embed(&[&text]).unwrap();
            for (place, expected) in case["first_components"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
            {
                let difference = (f64::from(vector[[0, place]]) - expected.as_f64().unwrap()).abs();
                assert!(
                    difference < 1e-4,
                    "{}, {text:.40}: [{place}] is off by {difference}",
                    minilm.backend()
                );
            }
        }
    }
}

#[test]
fn backends_agree() {
    let (Some(onnx), Some(candle)) = (minilm(Backend::Onnx), minilm(Backend::Candle)) else {
        return;
    };
    let long = long_texts();
    let texts = all_texts(&long);
    let (a, b) = (onnx.embed(&texts).unwrap(), candle.embed(&texts).unwrap());
    assert_eq!(a.dim(), (texts.len(), 384));
    for (text, (a, b)) in texts.iter().zip(a.rows().into_iter().zip(b.rows())) {
        let cosine = a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt();
        let difference = a
            .iter()
            .zip(b)
            .map(|(x, y)| (x - y).abs())
            .fold(0.0, f32::max);
        assert!(
            cosine >= 0.9999 && difference <= 1e-4,
            "{text:.40}: cosine {cosine}, difference {difference}"
        );
    }
    assert_ne!(onnx.fingerprint(), candle.fingerprint());
    assert!(
        onnx.backend().contains("ONNX Runtime 1."),
        "{}",
        onnx.backend()
    );
    assert!(
        candle.backend().starts_with("candle"),
        "{}",
        candle.backend()
    );
}

#[test]
fn same_bits_for_any_batch_and_thread_count() {
    let long = long_texts();
    let texts = all_texts(&long);
    for minilm in available().chain(int8()) {
        let embed_with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| minilm.embed(&texts).unwrap())
        };
        let one = embed_with(1);
        let alone: Vec<u32> = texts
            .iter()
            .flat_map(|text| bits(&minilm.embed(&[text]).unwrap()))
            .collect();
        let one = bits(&one);
        assert!(
            one == bits(&embed_with(4)),
            "{}: other bits with 4 threads",
            minilm.backend()
        );
        assert!(one == alone, "{}: other bits alone", minilm.backend());
    }
}

#[test]
fn query_threads_change_no_bit() {
    let long = long_texts();
    let texts = all_texts(&long);
    let again: [fn() -> Result<Minilm>; 2] = [
        || Minilm::open(&sources(), Backend::Onnx),
        || Minilm::open_int8(&sources(), Backend::Onnx),
    ];
    for (one_thread, again) in [minilm(Backend::Onnx), int8()].into_iter().zip(again) {
        let Some(one_thread) = one_thread else {
            continue;
        };
        let expected = bits(&one_thread.embed(&texts).unwrap());
        let three = NonZeroUsize::new(3).unwrap();
        let several = again().unwrap().with_query_threads(three).unwrap();
        let name = several.name();
        assert_eq!(several.fingerprint(), one_thread.fingerprint());
        let alone = |text: &&str| bits(&several.embed(&[text]).unwrap());
        let in_turn: Vec<u32> = texts.iter().flat_map(alone).collect();
        assert!(in_turn == expected, "{name}: other bits in turn");
        // Most of them find the session of three threads taken.
        let at_once: Vec<u32> = texts.par_iter().flat_map_iter(alone).collect();
        assert!(at_once == expected, "{name}: other bits at once");
        let batch = bits(&several.embed(&texts).unwrap());
        assert!(batch == expected, "{name}: other bits in a batch");
    }
}

#[test]
fn eight_bits_are_close_to_the_exact_model_and_not_mistaken_for_it() {
    let (Some(exact), Some(int8)) = (minilm(Backend::Onnx), int8()) else {
        return;
    };
    let long = long_texts();
    let texts = all_texts(&long);
    let (a, b) = (exact.embed(&texts).unwrap(), int8.embed(&texts).unwrap());
    let cosines: Vec<f32> = a
        .rows()
        .into_iter()
        .zip(b.rows())
        .map(|(a, b)| a.dot(&b))
        .collect();
    for (text, cosine) in texts.iter().zip(&cosines) {
        assert!(*cosine > 0.8, "{text:.40}: cosine {cosine}");
    }
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    assert!((0.9..0.9999).contains(&mean), "mean cosine {mean}");
    assert_eq!((int8.name(), int8.dimension()), ("minilm-int8", 384));
    assert_ne!(int8.fingerprint(), exact.fingerprint());
}

#[test]
fn sizes_are_those_of_the_files() {
    for minilm in available().chain(int8()) {
        let bytes = minilm.checksums().into_iter().map(|(file, _)| {
            let path = sources().model_file(file).unwrap();
            path.metadata().unwrap().len() as usize
        });
        assert_eq!(minilm.bytes(), bytes.sum::<usize>());
    }
    let Some(candle) = minilm(Backend::Candle) else {
        return;
    };
    let weights = std::fs::read(sources().model_file("model.safetensors").unwrap()).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let parameters = tensors
        .iter()
        .filter(|(_, tensor)| tensor.dtype() == safetensors::Dtype::F32)
        .map(|(_, tensor)| tensor.shape().iter().product::<usize>());
    assert_eq!(candle.parameters(), parameters.sum::<usize>());
}

#[test]
fn a_query_is_embedded_like_a_text_and_its_stages_are_timed() {
    for minilm in available().chain(int8()) {
        let mut watch = Stopwatch::started();
        let vector = minilm.embed_query("book a flight", &mut watch).unwrap();
        let texts = minilm.embed(&["book a flight"]).unwrap();
        assert_eq!(vector, texts.row(0).to_vec());
        let [tokenise, embed] = [Stage::Tokenise, Stage::Embed].map(|s| watch.of(s).unwrap());
        assert!(!tokenise.is_zero() && tokenise < embed);
        let unwatched = minilm.embed_query("book a flight", &mut Stopwatch::stopped());
        assert_eq!(unwatched.unwrap(), vector);
    }
}

#[test]
fn vectors_have_length_one_and_meaning() {
    for minilm in available().chain(int8()) {
        let vectors = minilm
            .embed(&["book a flight", "plane tickets", "bake bread"])
            .unwrap();
        for row in vectors.rows() {
            assert!((row.dot(&row) - 1.0).abs() < 1e-5);
        }
        let similarity = |a: usize, b: usize| vectors.row(a).dot(&vectors.row(b));
        assert!(similarity(0, 1) > similarity(0, 2));
        assert_eq!(minilm.embed(&[]).unwrap().dim(), (0, 384));
    }
}

#[test]
fn auto_takes_the_fastest() {
    let Some(best) = available().next() else {
        return;
    };
    let auto = Minilm::open(&sources(), Backend::Auto).unwrap();
    assert_eq!(auto.backend(), best.backend());
    assert_eq!(auto.fingerprint(), best.fingerprint());
}

#[test]
fn truncated_model_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("all-MiniLM-L6-v2");
    std::fs::create_dir_all(model.join("onnx")).unwrap();
    let broken = ModelSources {
        model_dir: Some(folder.path().to_owned()),
        ..sources()
    };
    let open: fn(&ModelSources, Backend) -> Result<Minilm> = Minilm::open;
    let open_int8 = Minilm::open_int8;
    for (intact, open, backend, file) in [
        (
            minilm(Backend::Onnx),
            open,
            Backend::Onnx,
            "onnx/model.onnx",
        ),
        (
            minilm(Backend::Candle),
            open,
            Backend::Candle,
            "model.safetensors",
        ),
        (int8(), open_int8, Backend::Onnx, "onnx/model_int8.onnx"),
    ] {
        if intact.is_none() {
            continue;
        }
        for intact in ["tokenizer.json", "config.json"] {
            if let Ok(path) = sources().model_file(intact) {
                std::fs::copy(path, model.join(intact)).unwrap();
            }
        }
        let whole = std::fs::read(sources().model_file(file).unwrap()).unwrap();
        std::fs::write(model.join(file), &whole[..whole.len() / 2]).unwrap();
        let error = open(&broken, backend).unwrap_err();
        assert!(
            matches!(&error, Error::Unusable { path, .. } if path.ends_with(file)),
            "{error}"
        );
    }
}

#[test]
fn a_second_library_is_refused() {
    let Some(_) = minilm(Backend::Onnx) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("libonnxruntime.so");
    std::fs::copy(sources().library().unwrap(), &other).unwrap();
    let error = Minilm::open(
        &ModelSources {
            ort_library: Some(other),
            ..sources()
        },
        Backend::Onnx,
    )
    .unwrap_err();
    assert!(error.to_string().contains("already loaded"), "{error}");
}
