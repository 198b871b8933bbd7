//! What routers learn from that are fitted to be served, not to be judged: labels, with seed 0.

use ndarray::ArrayView2;
use oats_datasets::Benchmark;
use oats_routers::{Progress, Training};

/// The training view of some of a benchmark's queries, whose vectors are given, a row each.
pub(crate) fn training<'a>(
    benchmark: &'a Benchmark,
    queries: &[usize],
    tool_embeddings: ArrayView2<'a, f32>,
    query_embeddings: ArrayView2<'a, f32>,
    progress: Progress<'a>,
) -> Training<'a> {
    let labelled = queries.iter().map(|&query| &benchmark.queries()[query]);
    Training {
        tools: benchmark.tools(),
        tool_embeddings,
        queries: labelled.map(Into::into).collect(),
        query_embeddings,
        seed: 0,
        llm: None,
        progress,
    }
}
