//! What the stages read from the training queries: for which of them a tool was right (Q⁺), and for
//! which it was wrong (Q⁻).

use std::collections::BTreeSet;

use ndarray::{Array1, ArrayView2, Axis};
use oats_datasets::ToolId;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Feedback, Ranked, Training, router::keep_best};

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
/// Of a labelled query, they are the wrong tools that it retrieves in the top K with the unit vectors
/// `tools`. Of a logged query, they are all logged failures: those tools were shown, whatever today's
/// vectors would retrieve.
pub(super) fn failures(
    training: &Training<'_>,
    tools: ArrayView2<'_, f32>,
    top_k: usize,
    negatives: Negatives,
) -> Vec<(usize, ToolId)> {
    // Blocks keep the product in cache, and no queries × tools matrix in memory. Their bounds
    // do not depend on the number of threads, so neither do the scores.
    const BLOCK: usize = 128;
    training
        .query_embeddings
        .axis_chunks_iter(Axis(0), BLOCK)
        .into_par_iter()
        .enumerate()
        .flat_map_iter(|(block, embeddings)| {
            let scores = embeddings.dot(&tools.t());
            let mut wrong = Vec::new();
            for (row, scores) in scores.rows().into_iter().enumerate() {
                let query = block * BLOCK + row;
                let asked = &training.queries[query];
                let scored = |tool| Ranked {
                    tool,
                    score: scores[tool],
                };
                let (pool, depth): (Vec<Ranked>, usize) = match (&asked.feedback, negatives) {
                    (Feedback::Logged(outcomes), _) => {
                        let shown: BTreeSet<ToolId> =
                            outcomes.iter().map(|outcome| outcome.tool).collect();
                        (shown.into_iter().map(scored).collect(), usize::MAX)
                    }
                    (Feedback::Complete, Negatives::Catalogue) => {
                        ((0..tools.nrows()).map(scored).collect(), top_k)
                    }
                    (Feedback::Complete, Negatives::Candidates) => (
                        asked.candidates.iter().copied().map(scored).collect(),
                        top_k,
                    ),
                };
                let retrieved = keep_best(pool, depth).into_iter();
                wrong.extend(
                    retrieved
                        .filter(|ranked| asked.is_wrong(ranked.tool))
                        .map(|ranked| (query, ranked.tool)),
                );
            }
            wrong
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
    let mut sums: Vec<Option<(Array1<f64>, usize)>> = vec![None; tools];
    for &(query, tool) in pairs {
        let (sum, count) = sums[tool].get_or_insert_with(|| (Array1::zeros(queries.ncols()), 0));
        sum.zip_mut_with(&queries.row(query), |sum, &x| *sum += f64::from(x));
        *count += 1;
    }
    sums.into_iter()
        .map(|sum| sum.map(|(sum, count)| sum / count as f64))
        .collect()
}
