//! Tests of the crate's public interface, one module per subject.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod bm25;
mod common;
mod encoder;
mod every_router;
mod geometry;
mod hybrid;
mod input;
mod knn;
mod linear;
mod llm;
mod multi_vector;
mod oats;
mod plus;
mod process;
mod procrustes;
mod random;
mod ridge;
mod rnn;
mod s1;
mod s2;
mod s3;
mod scan;
mod spec;
mod threshold;
mod top_k;
