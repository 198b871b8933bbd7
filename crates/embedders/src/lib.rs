//! Text in, unit vectors out: the embedding step of a semantic router.
//!
//! The embedders share the trait [`Embedder`]:
//!
//! - [`Minilm`] is all-MiniLM-L6-v2 (384 dimensions) through ONNX Runtime or, in pure Rust, through
//!   candle; both give the same vectors. `minilm-int8` is the same model of 8 bits. Their files are looked for in
//!   [`ModelSources`] and brought in by [`fetch`].
//! - [`StaticTable`] is compiled in (256 dimensions): one vector per WordPiece, fitted to MiniLM's vectors of texts.
//!   It needs no file and no library and takes some microseconds a query, at the price of ignoring word order and
//!   context.
//!
//! [`EmbeddingCache`] keeps the vectors of slow embedders on disk and checks every vector it hands out.
//!
//! ```
//! use oats_embedders::{Embedder, StaticTable};
//!
//! let embedder = StaticTable::builtin()?;
//! let vectors = embedder.embed(&["book a flight to Oslo", "cheap plane tickets", "bake sourdough bread"])?;
//! let similarity = |a: usize, b: usize| vectors.row(a).dot(&vectors.row(b)); // cosine: rows have length 1
//! assert!(similarity(0, 1) > similarity(0, 2));
//! # Ok::<(), oats_embedders::Error>(())
//! ```
//!
//! # Modules
//! - [`minilm`]: tokenise, truncate, BERT, mean pooling, normalise; the two backends.
//! - [`models`]: where model files and the ONNX Runtime library are looked for.
//! - [`fetch`]: downloads of both, verified.
//! - [`static_table`]: the built-in embedder and its file format; [`distill`] makes that file.
//! - [`wordpiece`]: the built-in tokeniser, also for models trained from scratch.
//! - [`cache`]: embeddings on disk.

use ndarray::Array2;
use oats_metrics::{Stage, Stopwatch};

pub mod cache;
pub mod distill;
mod error;
pub mod fetch;
mod files;
pub mod minilm;
pub mod models;
pub mod static_table;
pub mod wordpiece;

pub use cache::EmbeddingCache;
pub use error::{Error, Result};
pub use minilm::{Backend, Minilm};
pub use models::ModelSources;
pub use static_table::StaticTable;
pub use wordpiece::WordPieces;

/// Text in, unit vectors out.
///
/// A text's vector depends on the text alone: not on its neighbours in the batch, nor on the number
/// of threads.
pub trait Embedder: Send + Sync {
    /// Row label in result files: `minilm`, `minilm-int8` or `static`.
    fn name(&self) -> &str;
    /// What computes the vectors, with its version, for manifests.
    fn backend(&self) -> &str;
    /// SHA-256 (hex) of everything the vectors depend on; the key of the embedding cache.
    fn fingerprint(&self) -> &str;
    /// SHA-256 (hex) of each file that the vectors come from, by file name, as `sha256sum` prints it.
    fn checksums(&self) -> Vec<(&str, String)> {
        Vec::new()
    }
    /// Length of a vector.
    fn dimension(&self) -> usize;
    /// How many numbers were learned, as model cards count them.
    fn parameters(&self) -> usize;
    /// Size of the [files](Self::checksums) that the vectors come from, in bytes.
    fn bytes(&self) -> usize;
    /// One row of length 1 per text, in order.
    ///
    /// # Errors
    /// [`Error::Text`] for the first text that has no vector, [`Error::Backend`] if the backend fails.
    fn embed(&self, texts: &[&str]) -> Result<Array2<f32>>;
    /// The vector of one text, as a request needs it. Tells `watch` of the stages there are:
    /// [`Stage::Tokenise`], [`Stage::Embed`].
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    fn embed_query(&self, text: &str, watch: &mut Stopwatch) -> Result<Vec<f32>> {
        let vector = self.embed(&[text])?.into_raw_vec_and_offset().0;
        watch.lap(Stage::Embed);
        Ok(vector)
    }
    /// Whether reading a vector from disk is faster than computing it.
    fn worth_caching(&self) -> bool {
        true
    }
}

/// Stacks vectors of texts in order; the first error in order wins, whatever the threads did.
fn stack(
    embedder: &str,
    rows: impl IntoIterator<Item = Result<Vec<f32>>>,
    dimension: usize,
) -> Result<Array2<f32>> {
    let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
    Array2::from_shape_vec((rows.len(), dimension), rows.concat()).map_err(|_| Error::Backend {
        embedder: embedder.to_owned(),
        reason: format!("its vectors are not all of length {dimension}"),
    })
}
