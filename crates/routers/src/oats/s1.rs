//! `oats-s1`: outcome-guided refinement of the tool vectors (the paper's Stage 1).
//!
//! In each of N rounds, every training query retrieves its top K tools from the catalogue with the
//! current vectors. For tool *i*, Q⁺ holds the training queries it is right for, and Q⁻ those that
//! retrieved it although it is wrong for them. Then
//!
//! > eᵢ ← normalise((1 − α)·eᵢ + α·mean(Q⁺) − β·mean(Q⁻))
//!
//! A tool without Q⁺ keeps its vector. Grades of relevance are not used. Serving is unchanged:
//! [`Dense`] over other vectors.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use oats_datasets::ToolId;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Ranked, Training, baselines::Dense, router::keep_best};

/// Hyper-parameters of Stage 1. The defaults are the paper's, but for K, which it does not give: 5
/// reproduced its figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S1Params {
    /// α, the pull towards Q⁺; 0 to 1.
    pub alpha: f32,
    /// β, the push away from Q⁻; ≥ 0.
    pub beta: f32,
    /// N, the number of rounds; 0 leaves the vectors as they are.
    pub rounds: usize,
    /// K, how many retrieved tools a wrong one must be among to count for Q⁻; at least 1.
    pub top_k: usize,
    /// Whether each round starts again from the original vectors instead of the current ones, so
    /// that rounds change only which queries are in Q⁻.
    pub anchored: bool,
}

impl Default for S1Params {
    fn default() -> Self {
        Self {
            alpha: 0.3,
            beta: 0.1,
            rounds: 3,
            top_k: 5,
            anchored: false,
        }
    }
}

impl S1Params {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let setting = |field, value: &dyn ToString, expected| {
            Err(Error::setting("oats-s1", field, value, expected))
        };
        if !(0.0..=1.0).contains(&self.alpha) {
            return setting("alpha", &self.alpha, "between 0 and 1");
        }
        if !(self.beta.is_finite() && self.beta >= 0.0) {
            return setting("beta", &self.beta, "a number of at least 0");
        }
        if self.top_k == 0 {
            return setting("top_k", &self.top_k, "at least 1");
        }
        Ok(())
    }

    /// Refines the tool vectors and serves them.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    pub fn fit(&self, training: &Training<'_>) -> Result<Dense, Error> {
        self.check()?;
        training.check()?;

        let original = training.tool_embeddings;
        let queries = training.query_embeddings;
        let positives: Vec<(usize, ToolId)> = training
            .queries
            .iter()
            .enumerate()
            .flat_map(|(query, labels)| labels.relevant.iter().map(move |&(tool, _)| (query, tool)))
            .collect();
        let positive_means = means_by_tool(&positives, queries, original.nrows());

        let mut refined = original.to_owned();
        for _ in 0..self.rounds {
            let negatives = self.wrongly_retrieved(refined.view(), training);
            let negative_means = means_by_tool(&negatives, queries, original.nrows());
            let start = if self.anchored {
                original.to_owned()
            } else {
                refined
            };
            refined = self.update(start, &positive_means, &negative_means);
        }
        Ok(Dense::new(refined))
    }

    /// The pairs (training query, tool) where the tool is among the query's top K and wrong for
    /// it, ordered by query.
    fn wrongly_retrieved(
        &self,
        tools: ArrayView2<'_, f32>,
        training: &Training<'_>,
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
                    let scored = |(tool, &score)| Ranked { tool, score };
                    let pool = scores.iter().enumerate().map(scored).collect();
                    wrong.extend(
                        keep_best(pool, self.top_k)
                            .iter()
                            .filter(|ranked| training.queries[query].is_wrong(ranked.tool))
                            .map(|ranked| (query, ranked.tool)),
                    );
                }
                wrong
            })
            .collect()
    }

    fn update(
        &self,
        mut tools: Array2<f32>,
        positive_means: &[Option<Array1<f64>>],
        negative_means: &[Option<Array1<f64>>],
    ) -> Array2<f32> {
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        for (tool, positive) in positive_means.iter().enumerate() {
            let Some(positive) = positive else { continue };
            let mut vector = tools.row(tool).mapv(f64::from) * (1.0 - alpha) + positive * alpha;
            if let Some(negative) = &negative_means[tool] {
                vector.scaled_add(-beta, negative);
            }
            let norm = vector.dot(&vector).sqrt();
            // Opposite pulls can cancel out; what is left is rounding, and the tool keeps its vector.
            if norm > 1e-6 {
                tools
                    .row_mut(tool)
                    .assign(&vector.mapv(|x| (x / norm) as f32));
            }
        }
        tools
    }
}

/// Per tool, the mean vector of the queries it is paired with (`None` without any), summed in the
/// order of `pairs`.
fn means_by_tool(
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
