//! Routers that learn nothing from outcomes: chance, words, and static embeddings.

mod bm25;
mod dense;
mod random;

pub use bm25::{Bm25, Bm25Params};
pub use dense::{Dense, DenseParams};
pub use random::RandomParams;
