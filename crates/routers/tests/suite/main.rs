//! Tests of the crate's public interface, one module per subject.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod bm25;
mod common;
mod input;
mod random;
mod rnn;
mod s1;
mod spec;
mod top_k;
