//! all-MiniLM-L6-v2: a sentence encoder of 22 million parameters and 384 dimensions
//! ([model card](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2)).
//!
//! A text is cut into WordPieces (at most 256 with `[CLS]` and `[SEP]`; the rest is dropped), goes through
//! six BERT layers, and the token states are averaged and scaled to length 1.
//!
//! ONNX Runtime and candle compute the same function; their vectors differ by rounding, well below 1e-4 per
//! component. Either embeds one text at a time, without padding, and the texts of a batch in parallel.
//! Batching inside the model would be no faster on a CPU, and it would make a vector depend on its neighbours.
//!
//! # Eight bits
//!
//! `minilm-int8` is the same model with weights and activations of 8 bits: about twice as fast in one thread.
//! The cosine of its vectors with the exact ones is 0.97 in the mean over the benchmarks' texts, and seldom below
//! 0.93. It is an embedder of its own, as the two do not compare, and runs in ONNX Runtime only. The
//! scale of the activations is taken from each text while it is embedded, one more reason to embed one at a time.
//! These figures are of one export, `model_int8.onnx` with the SHA-256
//! `b3cdafb7…`, which manifests name; [`fetch`](crate::fetch) brings another, which was not measured.
//! Other processors can give other vectors, by more than rounding: the integer products of those without
//! 8-bit dot products can saturate.
//!
//! # Threads
//!
//! A batch is spread over sessions of one thread each, as many as rayon has threads. A text that comes alone has
//! one thread too, unless [`Minilm::with_query_threads`] gives it more. That pays where cores are idle: two
//! take about 0.7 of the time of one. On cores that are busy the threads wait for each other, and a query can
//! take twice as long as in one. The vectors are the same for any number, bit for bit.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use ndarray::Array2;
use oats_metrics::{Stage, Stopwatch};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::files::{fingerprint, sha256};
use crate::models::{INT8_MODEL, ModelSources, ONNX_MODEL, unavailable};
use crate::{Embedder, stack};

mod candle;
mod onnx;

pub use candle::Candle;

/// Length of a vector.
const DIMENSION: usize = 384;

/// Longest sequence in tokens, `[CLS]` and `[SEP]` included: the model's `max_seq_length`.
const MAX_TOKENS: usize = 256;

/// What the vectors depend on besides files and backend.
const RECIPE: &[u8] = b"256 tokens, mean, unit length";

const NAME: &str = "minilm";
const INT8_NAME: &str = "minilm-int8";

/// Numbers in `model.safetensors`: with those of the pooling layer, which no sentence vector goes through.
const PARAMETERS: usize = 22_713_216;

/// What is to compute MiniLM's vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backend {
    /// ONNX Runtime if its library and model are there, else candle.
    #[default]
    Auto,
    /// ONNX Runtime, through fastembed.
    Onnx,
    /// candle, pure Rust; about three times slower.
    Candle,
}

/// MiniLM, exact or of 8 bits, ready to run.
///
/// ```no_run
/// use oats_embedders::{Backend, Embedder, Minilm, ModelSources};
///
/// let sources = ModelSources { cache_dir: "target/oats-cache".into(), ..Default::default() };
/// let minilm = Minilm::open(&sources, Backend::Auto)?;
/// println!("{}", minilm.backend()); // fastembed 7.5 / ONNX Runtime 1.31.1
/// assert_eq!(minilm.embed(&["hello"])?.dim(), (1, 384));
/// # Ok::<(), oats_embedders::Error>(())
/// ```
#[derive(Debug)]
pub struct Minilm {
    name: &'static str,
    model: Model,
    backend: String,
    files: Vec<ModelFile>,
    fingerprint: String,
}

/// A file that vectors come from.
#[derive(Debug, Clone)]
struct ModelFile {
    name: &'static str,
    sha256: String,
    bytes: usize,
}

impl ModelFile {
    fn new(name: &'static str, content: &[u8]) -> Self {
        Self {
            name,
            sha256: sha256(content),
            bytes: content.len(),
        }
    }
}

#[derive(Debug)]
enum Model {
    Onnx(Box<onnx::Sessions>),
    Candle(Box<Candle>),
}

impl Minilm {
    /// Loads `minilm`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if a file is missing (`Auto`: for every backend);
    /// [`Error::Unusable`] if a file that is there cannot be used. `Auto` does not hide that
    /// behind the other backend.
    pub fn open(sources: &ModelSources, backend: Backend) -> Result<Self> {
        match backend {
            Backend::Onnx => Self::open_onnx(NAME, sources, ONNX_MODEL),
            Backend::Candle => Self::open_candle(sources),
            Backend::Auto => match Self::open_onnx(NAME, sources, ONNX_MODEL) {
                Err(Error::Unavailable { reason: onnx, .. }) => match Self::open_candle(sources) {
                    Err(Error::Unavailable { reason, .. }) => {
                        Err(unavailable(NAME, format!("{onnx}, and {reason}")))
                    }
                    opened => opened,
                },
                opened => opened,
            },
        }
    }

    /// Loads `minilm-int8`, [the model of 8 bits](self#eight-bits).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::Unavailable`] for [`Backend::Candle`], which has no such arithmetic.
    pub fn open_int8(sources: &ModelSources, backend: Backend) -> Result<Self> {
        if backend == Backend::Candle {
            let reason = "candle was asked for, and it runs in ONNX Runtime only";
            return Err(unavailable(INT8_NAME, reason));
        }
        Self::open_onnx(INT8_NAME, sources, INT8_MODEL)
    }

    /// The same with so many [threads](self#threads) for a text that comes alone, and nothing else changed.
    ///
    /// While they embed one text, others that come are embedded in one thread each. candle has its own
    /// threads and takes no notice.
    ///
    /// # Errors
    /// [`Error::Unusable`] if ONNX Runtime cannot make another session.
    pub fn with_query_threads(mut self, threads: NonZeroUsize) -> Result<Self> {
        if let Model::Onnx(sessions) = &mut self.model {
            sessions.set_query_threads(threads)?;
        }
        Ok(self)
    }

    /// How long the tokeniser takes for the text, in a run of its own: the first step of
    /// [`embed`](Embedder::embed), which fastembed does not let be parted from the second.
    fn time_tokeniser(&self, text: &str) -> Result<Duration> {
        let tokenizer = match &self.model {
            Model::Onnx(sessions) => sessions.tokenizer(),
            Model::Candle(model) => model.tokenizer(),
        };
        let started = Instant::now();
        let encoding = tokenizer
            .encode_fast(text, true)
            .map_err(|error| Error::text(self.name, text, error))?;
        black_box(encoding);
        Ok(started.elapsed())
    }

    fn open_onnx(
        name: &'static str,
        sources: &ModelSources,
        model_file: &'static str,
    ) -> Result<Self> {
        let sessions = onnx::Sessions::open(name, sources, model_file)?;
        let (backend, files) = (sessions.backend(), sessions.files());
        Ok(Self::new(
            name,
            Model::Onnx(Box::new(sessions)),
            backend,
            files,
        ))
    }

    fn open_candle(sources: &ModelSources) -> Result<Self> {
        let model = Candle::open(sources)?;
        let (backend, files) = (candle::BACKEND.to_owned(), model.files());
        Ok(Self::new(
            NAME,
            Model::Candle(Box::new(model)),
            backend,
            files,
        ))
    }

    fn new(name: &'static str, model: Model, backend: String, files: Vec<ModelFile>) -> Self {
        let mut parts = vec![RECIPE, backend.as_bytes()];
        parts.extend(files.iter().map(|file| file.sha256.as_bytes()));
        Self {
            fingerprint: fingerprint(&parts),
            name,
            model,
            backend,
            files,
        }
    }
}

impl Embedder for Minilm {
    fn name(&self) -> &str {
        self.name
    }

    fn backend(&self) -> &str {
        &self.backend
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn checksums(&self) -> Vec<(&str, String)> {
        let files = self.files.iter();
        files.map(|file| (file.name, file.sha256.clone())).collect()
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn parameters(&self) -> usize {
        PARAMETERS
    }

    fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn embed(&self, texts: &[&str]) -> Result<Array2<f32>> {
        let vectors: Vec<Result<Vec<f32>>> = match &self.model {
            Model::Onnx(sessions) => sessions.embed(texts),
            Model::Candle(model) => texts.par_iter().map(|text| model.embed(text)).collect(),
        };
        stack(self.name, vectors, DIMENSION)
    }

    fn embed_query(&self, text: &str, watch: &mut Stopwatch) -> Result<Vec<f32>> {
        let vector = self.embed(&[text])?.into_raw_vec_and_offset().0;
        watch.lap(Stage::Embed);
        if watch.is_running() {
            watch.part(Stage::Embed, Stage::Tokenise, self.time_tokeniser(text)?);
        }
        Ok(vector)
    }
}
