//! all-MiniLM-L6-v2: a sentence encoder of 22 million parameters and 384 dimensions
//! ([model card](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2)).
//!
//! A text is cut into WordPieces (at most 256 with `[CLS]` and `[SEP]`; the rest is dropped), goes through
//! six BERT layers, and the token states are averaged and scaled to length 1.
//!
//! ONNX Runtime and candle compute the same function; their vectors differ by rounding, well below 1e-4 per
//! component. Either embeds one text at a time, without padding, and the texts of a batch in parallel.
//! Batching inside the model would be no faster on a CPU, and it would make a vector depend on its neighbours.

use ndarray::Array2;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::files::fingerprint;
use crate::models::{ModelSources, unavailable};
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

/// The MiniLM embedder, ready to run.
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
    model: Model,
    backend: String,
    checksums: Checksums,
    fingerprint: String,
}

/// SHA-256 (hex) of the model's files, by file name.
type Checksums = Vec<(&'static str, String)>;

#[derive(Debug)]
enum Model {
    Onnx(Box<onnx::Sessions>),
    Candle(Box<Candle>),
}

impl Minilm {
    /// Loads the model.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if a file is missing (`Auto`: for every backend);
    /// [`Error::Unusable`] if a file that is there cannot be used. `Auto` does not hide that
    /// behind the other backend.
    pub fn open(sources: &ModelSources, backend: Backend) -> Result<Self> {
        match backend {
            Backend::Onnx => Self::open_onnx(sources),
            Backend::Candle => Self::open_candle(sources),
            Backend::Auto => match Self::open_onnx(sources) {
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

    fn open_onnx(sources: &ModelSources) -> Result<Self> {
        let sessions = onnx::Sessions::open(sources)?;
        let (backend, checksums) = (sessions.backend(), sessions.checksums());
        Ok(Self::new(
            Model::Onnx(Box::new(sessions)),
            backend,
            checksums,
        ))
    }

    fn open_candle(sources: &ModelSources) -> Result<Self> {
        let model = Candle::open(sources)?;
        let (backend, checksums) = (candle::BACKEND.to_owned(), model.checksums());
        Ok(Self::new(
            Model::Candle(Box::new(model)),
            backend,
            checksums,
        ))
    }

    fn new(model: Model, backend: String, checksums: Checksums) -> Self {
        let mut parts = vec![RECIPE, backend.as_bytes()];
        parts.extend(checksums.iter().map(|(_, sha256)| sha256.as_bytes()));
        Self {
            fingerprint: fingerprint(&parts),
            model,
            backend,
            checksums,
        }
    }
}

impl Embedder for Minilm {
    fn name(&self) -> &str {
        NAME
    }

    fn backend(&self) -> &str {
        &self.backend
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn checksums(&self) -> Vec<(&str, String)> {
        self.checksums.clone()
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn embed(&self, texts: &[&str]) -> Result<Array2<f32>> {
        let vectors: Vec<Result<Vec<f32>>> = match &self.model {
            Model::Onnx(sessions) => sessions.embed(texts),
            Model::Candle(model) => texts.par_iter().map(|text| model.embed(text)).collect(),
        };
        stack(NAME, vectors, DIMENSION)
    }
}
