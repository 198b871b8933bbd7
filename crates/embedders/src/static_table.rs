//! The built-in embedder: one vector per WordPiece, added up.
//!
//! A text is cut into [`WordPieces`]; its vector is the sum of its tokens' rows, scaled to length 1. The rows are
//! fitted so that this comes close to MiniLM's vector (see [`distill`](crate::distill)); their lengths tell how much a
//! token counts.
//! Unknown words count as the token `[UNK]`; a text without any token (empty, only blanks or control
//! characters) has no vector.
//!
//! # File format
//! A safetensors file with three tensors and one metadata entry, `oats-static-table`, holding [`Description`] as JSON:
//!
//! | tensor | type | shape | content |
//! | --- | --- | --- | --- |
//! | `vocabulary` | `U8` | bytes | the tokens, UTF-8, joined by `\n`, in order |
//! | `vectors` | `I8` | tokens × dimension | −127…127 |
//! | `scales` | `F32` | tokens | token vector = scale × row of `vectors` |

use std::collections::HashMap;

use ndarray::Array2;
use oats_metrics::{Stage, Stopwatch};
use rayon::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::distill::{DistillOptions, Source};
use crate::error::{Error, Result};
use crate::files::sha256;
use crate::{Embedder, WordPieces, stack};

pub(crate) const BUILTIN: &[u8] = include_bytes!("../static/table.safetensors");
const NAME: &str = "static";
const BACKEND: &str = concat!("oats-embedders ", env!("CARGO_PKG_VERSION"), " token table");
const METADATA: &str = "oats-static-table";
pub(crate) const VERSION: u32 = 2;

/// Waking other threads takes as long as embedding some texts.
const WORTH_THREADS: usize = 32;

/// Where a table comes from, kept in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of the file format: 2.
    pub version: u32,
    /// SHA-256 (hex) of the teacher's weights.
    pub teacher_sha256: String,
    /// What it was asked to be.
    pub options: DistillOptions,
    /// The texts it was fitted to.
    pub sources: Vec<Source>,
}

/// What every version of the description has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The `static` embedder.
#[derive(Debug)]
pub struct StaticTable {
    pieces: WordPieces,
    vectors: Array2<i8>,
    scales: Vec<f32>,
    description: Description,
    fingerprint: String,
    file_bytes: usize,
}

impl StaticTable {
    /// The table compiled into this crate: 256 dimensions, fitted to all-MiniLM-L6-v2.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes), if the crate was built with a damaged table.
    pub fn builtin() -> Result<Self> {
        Self::from_bytes(BUILTIN)
    }

    /// Reads a table as [`distill`](crate::distill::distill) writes it.
    ///
    /// # Errors
    /// [`Error::Table`] saying what is missing, of the wrong shape or not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).map_err(invalid)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(invalid)?;
        let description = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA))
            .ok_or_else(|| invalid(format!("no metadata entry {METADATA}")))?;
        let Version { version: found } = serde_json::from_str(description).map_err(invalid)?;
        if found != VERSION {
            return Err(invalid(format!(
                "version {found}; this program reads version {VERSION}"
            )));
        }
        let description: Description = serde_json::from_str(description).map_err(invalid)?;

        let pieces = WordPieces::of_table(&file)?;
        let vectors = tensor(&file, "vectors", Dtype::I8)?;
        let scales = tensor(&file, "scales", Dtype::F32)?;
        let (rows, columns) = (pieces.vocabulary_size(), description.options.dimension);
        if vectors.shape() != [rows, columns] || scales.shape() != [rows] || columns == 0 {
            return Err(invalid(format!(
                "{rows} tokens × {columns} dimensions, but vectors are {:?} and scales {:?}",
                vectors.shape(),
                scales.shape()
            )));
        }
        let scales: Vec<f32> = scales
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        if let Some(scale) = scales
            .iter()
            .find(|scale| !scale.is_finite() || **scale < 0.0)
        {
            return Err(invalid(format!("a scale is {scale}")));
        }
        let vectors = vectors.data().iter().map(|&byte| byte as i8).collect();
        Ok(Self {
            pieces,
            vectors: Array2::from_shape_vec((rows, columns), vectors).map_err(invalid)?,
            scales,
            description,
            fingerprint: sha256(bytes),
            file_bytes: bytes.len(),
        })
    }

    /// Where the table comes from.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The tokens of a text, as [`WordPieces::ids`] gives them.
    ///
    /// # Errors
    /// [`Error::Text`] if the tokeniser fails on the text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        self.pieces.ids(text)
    }

    /// The vector of length 1 of a text with these tokens; `None` if there is no token, if a token is not in the
    /// table, or if the tokens' vectors add up to nothing.
    #[must_use]
    pub fn embed_ids(&self, ids: &[u32]) -> Option<Vec<f32>> {
        let mut sum = vec![0.0f32; self.dimension()];
        for &id in ids {
            let scale = *self.scales.get(id as usize)?;
            let row = self.vectors.row(id as usize);
            for (total, &step) in sum.iter_mut().zip(row.to_slice()?) {
                *total += scale * f32::from(step);
            }
        }
        let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !norm.is_normal() {
            return None;
        }
        sum.iter_mut().for_each(|x| *x /= norm);
        Some(sum)
    }

    fn embed_one(&self, text: &str) -> Result<Vec<f32>> {
        self.embed_query(text, &mut Stopwatch::stopped())
    }
}

impl Embedder for StaticTable {
    fn name(&self) -> &str {
        NAME
    }

    fn backend(&self) -> &str {
        BACKEND
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn checksums(&self) -> Vec<(&str, String)> {
        vec![("table.safetensors", self.fingerprint.clone())]
    }

    fn dimension(&self) -> usize {
        self.description.options.dimension
    }

    fn embed(&self, texts: &[&str]) -> Result<Array2<f32>> {
        let vectors: Vec<_> = if texts.len() < WORTH_THREADS {
            texts.iter().map(|text| self.embed_one(text)).collect()
        } else {
            texts.par_iter().map(|text| self.embed_one(text)).collect()
        };
        stack(NAME, vectors, self.dimension())
    }

    fn embed_query(&self, text: &str, watch: &mut Stopwatch) -> Result<Vec<f32>> {
        let ids = self.ids(text)?;
        watch.lap(Stage::Tokenise);
        let vector = self.embed_ids(&ids).ok_or_else(|| {
            let reason = if ids.is_empty() {
                "it holds no token"
            } else {
                "its token vectors add up to nothing"
            };
            Error::text(NAME, text, reason)
        });
        watch.lap(Stage::Embed);
        vector
    }

    fn parameters(&self) -> usize {
        self.vectors.len()
    }

    fn bytes(&self) -> usize {
        self.file_bytes
    }

    fn worth_caching(&self) -> bool {
        false
    }
}

/// Writes a table of `vectors` (tokens × dimension), each row in steps of its largest component / 127.
pub(crate) fn to_bytes(
    tokens: &[&str],
    vectors: &Array2<f32>,
    description: &Description,
) -> Result<Vec<u8>> {
    let mut steps = Vec::with_capacity(vectors.len());
    let mut scales = Vec::with_capacity(4 * tokens.len());
    for row in vectors.rows() {
        let scale = row.iter().fold(0.0f32, |largest, x| largest.max(x.abs())) / 127.0;
        let in_steps = |x: &f32| {
            if scale > 0.0 {
                (x / scale).round() as i8
            } else {
                0
            }
        };
        steps.extend(row.iter().map(|x| in_steps(x) as u8));
        scales.extend(scale.to_le_bytes());
    }
    let vocabulary = tokens.join("\n");
    let view = |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).map_err(invalid);
    let tensors = [
        (
            "vocabulary",
            view(Dtype::U8, vec![vocabulary.len()], vocabulary.as_bytes())?,
        ),
        (
            "vectors",
            view(Dtype::I8, vec![tokens.len(), vectors.ncols()], &steps)?,
        ),
        ("scales", view(Dtype::F32, vec![tokens.len()], &scales)?),
    ];
    // One entry only: safetensors writes several in no fixed order.
    let description = serde_json::to_string(description).map_err(invalid)?;
    let metadata = HashMap::from([(METADATA.to_owned(), description)]);
    safetensors::serialize(tensors, Some(metadata)).map_err(invalid)
}

pub(crate) fn tensor<'data>(
    file: &SafeTensors<'data>,
    name: &str,
    dtype: Dtype,
) -> Result<TensorView<'data>> {
    let tensor = file
        .tensor(name)
        .map_err(|error| invalid(format!("{name}: {error}")))?;
    if tensor.dtype() != dtype {
        return Err(invalid(format!(
            "{name} has type {:?}, not {dtype:?}",
            tensor.dtype()
        )));
    }
    Ok(tensor)
}

pub(crate) fn invalid(reason: impl ToString) -> Error {
    Error::Table(reason.to_string())
}
