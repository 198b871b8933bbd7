//! What the stages read from the training queries: for which of them a tool was right (Q⁺), and for
//! which it was wrong (Q⁻).

use ndarray::{Array1, ArrayView1, ArrayView2};
use oats_datasets::ToolId;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::retrieval::Panels;
use crate::{Feedback, Ranked, Training, TrainingQuery, router::keep_best};

/// Among which tools a wrong one has to be retrieved to count for Q⁻.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Negatives {
    /// All tools.
    #[default]
    Catalogue,
    /// The query's own candidates; a query without candidates is in no Q⁻.
    Candidates,
}

/// The pairs (training query, tool) of Q⁺, ordered by query.
pub(super) fn successes(training: &Training<'_>) -> Vec<(usize, ToolId)> {
    let queries = training.queries.iter().enumerate();
    queries
        .flat_map(|(query, asked)| asked.right_tools().map(move |tool| (query, tool)))
        .collect()
}

/// The pairs (training query, tool) of Q⁻, ordered by query, then from the best-scored tool on.
///
/// Of a labelled query, they are the wrong tools that it retrieves in the top K of the catalogue with
/// the unit vectors `tools`. Of a logged query, they are all logged failures: those tools were shown,
/// whatever today's vectors would retrieve.
pub(super) fn failures(
    training: &Training<'_>,
    tools: ArrayView2<'_, f32>,
    top_k: usize,
) -> Vec<(usize, ToolId)> {
    let queries = &training.queries;
    let labelled: Vec<usize> = (0..queries.len())
        .filter(|&query| queries[query].feedback == Feedback::Complete)
        .collect();
    let requests: Vec<(&[f32], &[Ranked])> = labelled
        .iter()
        .map(|&query| (training.request(query).embedding, &[][..]))
        .collect();
    let retrieved = match requests.len() {
        0 => Vec::new(),
        _ => Panels::new(tools, (0..tools.nrows()).collect()).best(&requests, top_k),
    };
    let mut wrong: Vec<Vec<ToolId>> = queries
        .par_iter()
        .enumerate()
        .map(|(query, asked)| {
            let vector = training.query_embeddings.row(query);
            let failed = ranked(vector, tools, failed_tools(asked), usize::MAX);
            failed.iter().map(|failed| failed.tool).collect()
        })
        .collect();
    for (query, retrieved) in labelled.into_iter().zip(retrieved) {
        let retrieved = retrieved.iter().map(|retrieved| retrieved.tool);
        wrong[query] = retrieved
            .filter(|&tool| queries[query].is_wrong(tool))
            .collect();
    }
    let wrong = wrong.into_iter().enumerate();
    wrong
        .flat_map(|(query, wrong)| wrong.into_iter().map(move |tool| (query, tool)))
        .collect()
}

/// The tools that were logged to fail for the query, each once.
pub(super) fn failed_tools(asked: &TrainingQuery<'_>) -> Vec<ToolId> {
    let failed = asked.outcomes().iter().filter(|outcome| !outcome.success);
    let mut tools: Vec<ToolId> = failed.map(|outcome| outcome.tool).collect();
    tools.sort_unstable();
    tools.dedup();
    tools
}

/// The best `k` of a short list, best first.
pub(super) fn ranked(
    query: ArrayView1<'_, f32>,
    tools: ArrayView2<'_, f32>,
    list: Vec<ToolId>,
    k: usize,
) -> Vec<Ranked> {
    let scored = list.into_iter().map(|tool| Ranked {
        tool,
        score: tools.row(tool).dot(&query),
    });
    keep_best(scored.collect(), k)
}

/// The sum of some vectors.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    sum: Array1<f64>,
    count: usize,
}

impl Sum {
    fn add(&mut self, vector: ArrayView1<'_, f32>) {
        self.sum
            .zip_mut_with(&vector, |sum, &x| *sum += f64::from(x));
        self.count += 1;
    }

    pub(super) fn mean(&self) -> Array1<f64> {
        &self.sum / self.count as f64
    }
}

/// Per tool that is paired with some query, in rising order, the sum of the queries' vectors in the
/// order of `pairs`, on top of what `before` has of the tool.
pub(super) fn sums_by_tool<'v, Q: Copy + Send + Sync>(
    mut pairs: Vec<(Q, ToolId)>,
    vector: impl Fn(Q) -> ArrayView1<'v, f32> + Sync,
    before: impl Fn(ToolId) -> Option<&'v Sum> + Sync,
) -> Vec<(ToolId, Sum)> {
    pairs.par_sort_by_key(|&(_, tool)| tool);
    let by_tool: Vec<&[(Q, ToolId)]> = pairs.chunk_by(|a, b| a.1 == b.1).collect();
    by_tool
        .into_par_iter()
        .map(|pairs| {
            let (first, tool) = pairs[0];
            let mut sum = before(tool).cloned().unwrap_or_else(|| Sum {
                sum: Array1::zeros(vector(first).len()),
                count: 0,
            });
            for &(query, _) in pairs {
                sum.add(vector(query));
            }
            (tool, sum)
        })
        .collect()
}

/// Per tool, the mean vector of the queries it is paired with (`None` without any), summed in the
/// order of `pairs`.
pub(super) fn means_by_tool(
    pairs: &[(usize, ToolId)],
    queries: ArrayView2<'_, f32>,
    tools: usize,
) -> Vec<Option<Array1<f64>>> {
    let mut means = vec![None; tools];
    for (tool, sum) in sums_by_tool(pairs.to_vec(), |query| queries.row(query), |_| None) {
        means[tool] = Some(sum.mean());
    }
    means
}
