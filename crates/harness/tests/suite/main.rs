//! The harness through its public interface.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod aggregation;
mod bless;
mod compare;
mod costs;
mod experiment;
mod frontier;
mod geometry;
mod laboratory;
mod latency;
mod leakage;
mod learned;
mod llm;
mod outcomes;
mod partial;
mod peers;
mod report;
mod reproducible;
mod restrictions;
mod results;
mod resume;
mod scaling;
mod serving;
mod shard;
mod trec;
mod verdict;
