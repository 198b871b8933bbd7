use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use ndarray::Array2;
use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use super::{DIMENSION, MAX_TOKENS, ModelFile, NAME};
use crate::distill::Teacher;
use crate::error::{Error, Result};
use crate::models::{CONFIG, ModelSources, TOKENIZER, WEIGHTS};
use crate::stack;

pub(super) const BACKEND: &str = "candle 0.11";

/// Tokens embedded at once while distilling.
const TEACHING_BATCH: usize = 64;

/// MiniLM's weights and tokeniser in memory.
///
/// [`Minilm`](super::Minilm) is the embedder; this type is public as a [`Teacher`].
pub struct Candle {
    bert: BertModel,
    tokenizer: Tokenizer,
    vocabulary: Vec<String>,
    weights_file: ModelFile,
    config_file: ModelFile,
    tokenizer_file: ModelFile,
}

impl Candle {
    /// Loads `model.safetensors`, `config.json` and `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if one is missing, [`Error::Unusable`] if one is not what it should be.
    pub fn open(sources: &ModelSources) -> Result<Self> {
        let weights_path = sources.model_file(WEIGHTS)?;
        let config_path = sources.model_file(CONFIG)?;
        let tokenizer_path = sources.model_file(TOKENIZER)?;
        let read = |path: &Path| std::fs::read(path).map_err(Error::io("read", path));

        let config_bytes = read(&config_path)?;
        let config: Config = serde_json::from_slice(&config_bytes)
            .map_err(|error| Error::unusable(&config_path, error))?;
        if config.hidden_size != DIMENSION {
            let reason = format!("hidden_size is {}, not {DIMENSION}", config.hidden_size);
            return Err(Error::unusable(&config_path, reason));
        }
        let tokenizer_bytes = read(&tokenizer_path)?;
        let tokenizer = load_tokenizer(&tokenizer_bytes)
            .map_err(|error| Error::unusable(&tokenizer_path, error))?;
        let vocabulary = (0..config.vocab_size as u32)
            .map(|id| tokenizer.id_to_token(id))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                let reason = format!("its vocabulary has not {} tokens", config.vocab_size);
                Error::unusable(&tokenizer_path, reason)
            })?;

        let weights = read(&weights_path)?;
        let weights_file = ModelFile::new(WEIGHTS, &weights);
        let bert = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .and_then(|weights| BertModel::load(weights, &config))
            .map_err(|error| Error::unusable(&weights_path, error))?;
        Ok(Self {
            bert,
            tokenizer,
            vocabulary,
            weights_file,
            config_file: ModelFile::new(CONFIG, &config_bytes),
            tokenizer_file: ModelFile::new(TOKENIZER, &tokenizer_bytes),
        })
    }

    pub(super) fn files(&self) -> Vec<ModelFile> {
        [&self.weights_file, &self.config_file, &self.tokenizer_file]
            .map(ModelFile::clone)
            .into()
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    pub(super) fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| Error::text(NAME, text, error))?;
        let mut rows = self.mean_states(&[encoding.get_ids()]).map_err(failed)?;
        let mut vector = rows.pop().unwrap_or_default();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        Ok(vector)
    }

    /// Mean over the last hidden states of each sequence; all have the same number of tokens, none is padding.
    fn mean_states(&self, sequences: &[&[u32]]) -> candle_core::Result<Vec<Vec<f32>>> {
        let length = sequences.first().map_or(0, |ids| ids.len());
        let ids = Tensor::from_vec(sequences.concat(), (sequences.len(), length), &Device::Cpu)?;
        let states = self.bert.forward(&ids, &ids.zeros_like()?, None)?;
        states.mean(1)?.to_vec2()
    }
}

impl Teacher for Candle {
    fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    fn sha256(&self) -> &str {
        &self.weights_file.sha256
    }

    fn embed_tokens(&self, ids: &[u32]) -> Result<Array2<f32>> {
        let special = |name: &str| {
            self.tokenizer
                .token_to_id(name)
                .ok_or_else(|| Error::Distill(format!("the teacher has no token {name}")))
        };
        let (start, end) = (special("[CLS]")?, special("[SEP]")?);
        let batches: Vec<_> = ids
            .par_chunks(TEACHING_BATCH)
            .map(|batch| {
                let sequences: Vec<_> = batch.iter().map(|&id| [start, id, end]).collect();
                let sequences: Vec<&[u32]> = sequences.iter().map(<[u32; 3]>::as_slice).collect();
                self.mean_states(&sequences).map_err(failed)
            })
            .collect::<Result<_>>()?;
        stack(NAME, batches.into_iter().flatten().map(Ok), DIMENSION)
    }
}

impl std::fmt::Debug for Candle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candle")
            .field("weights_file", &self.weights_file)
            .finish_non_exhaustive()
    }
}

/// tokenizer.json may ask for padding to a fixed length and for another truncation.
fn load_tokenizer(bytes: &[u8]) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(bytes)?;
    tokenizer
        .with_padding(None)
        .with_truncation(Some(TruncationParams {
            max_length: MAX_TOKENS,
            ..Default::default()
        }))?;
    Ok(tokenizer)
}

fn failed(error: candle_core::Error) -> Error {
    Error::Backend {
        embedder: NAME.to_owned(),
        reason: error.to_string(),
    }
}
