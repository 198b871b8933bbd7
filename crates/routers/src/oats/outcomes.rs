//! What the stages read from the training queries: for which of them a tool was right (Q⁺), and for
//! which it was wrong (Q⁻).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use oats_datasets::ToolId;
use pulp::{Arch, Simd, WithSimd};
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

/// The vectors of the queries and of the tools of Q⁺ (pairs × d both), ordered by query.
pub(super) fn success_vectors(
    training: &Training<'_>,
    tools: ArrayView2<'_, f32>,
) -> (Array2<f64>, Array2<f64>) {
    let (queries, right): (Vec<_>, Vec<_>) = successes(training).into_iter().unzip();
    let queries = training.query_embeddings.select(Axis(0), &queries);
    let right = tools.select(Axis(0), &right);
    (queries.mapv(f64::from), right.mapv(f64::from))
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
    sum: Vec<f64>,
    count: usize,
}

impl Sum {
    fn zero(dimension: usize) -> Self {
        Self {
            sum: vec![0.0; dimension],
            count: 0,
        }
    }

    fn add(&mut self, vector: &[f32], arch: Arch) {
        arch.dispatch(Addition {
            to: &mut self.sum,
            vector,
        });
        self.count += 1;
    }

    pub(super) fn mean(&self) -> Array1<f64> {
        let count = self.count as f64;
        self.sum.iter().map(|sum| sum / count).collect()
    }

    pub(super) fn total(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.sum)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }
}

struct Addition<'a> {
    to: &'a mut [f64],
    vector: &'a [f32],
}

impl WithSimd for Addition<'_> {
    type Output = ();

    // The loop is plain; inlined here, the compiler makes the machine's widest instructions of it.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (to, &x) in self.to.iter_mut().zip(self.vector) {
            *to += f64::from(x);
        }
    }
}

/// Tools whose sums stay in cache while queries pass by.
const IN_CACHE: usize = 256;

/// Per tool (of so many) that is paired with some query, in rising order, the sum of the queries'
/// vectors in the order of `pairs`, on top of what `before` has of the tool.
pub(super) fn sums_by_tool<'v>(
    pairs: &[(usize, ToolId)],
    tools: usize,
    vector: impl Fn(usize) -> &'v [f32] + Sync,
    before: impl Fn(ToolId) -> Option<&'v Sum> + Sync,
) -> Vec<(ToolId, Sum)> {
    // Each part has some neighbouring tools, and goes through its pairs in the order in which the
    // vectors are in memory.
    let parts = tools.div_ceil(IN_CACHE).max(rayon::current_num_threads());
    let width = tools.div_ceil(parts).max(1);
    let mut parts = vec![Vec::new(); tools.div_ceil(width)];
    for &(query, tool) in pairs {
        parts[tool / width].push((query, tool));
    }
    let arch = Arch::new();
    parts
        .into_par_iter()
        .enumerate()
        .flat_map_iter(|(part, pairs)| {
            let first = part * width;
            let mut sums: Vec<Option<Sum>> = vec![None; width];
            for (query, tool) in pairs {
                let vector = vector(query);
                let sum = sums[tool - first].get_or_insert_with(|| match before(tool) {
                    Some(sum) => sum.clone(),
                    None => Sum::zero(vector.len()),
                });
                sum.add(vector, arch);
            }
            let tools = (first..).zip(sums);
            tools.filter_map(|(tool, sum)| Some((tool, sum?)))
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
    let vector = |query| row(&queries, query);
    for (tool, sum) in sums_by_tool(pairs, tools, vector, |_| None) {
        means[tool] = Some(sum.mean());
    }
    means
}

/// A row of checked training vectors, whose components stand side by side.
pub(super) fn row<'v>(vectors: &ArrayView2<'v, f32>, row: usize) -> &'v [f32] {
    let vector = vectors.index_axis_move(Axis(0), row);
    vector.to_slice().unwrap_or_default()
}
