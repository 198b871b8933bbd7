//! `oats-s1`: outcome-guided refinement of the tool vectors (the paper's Stage 1).
//!
//! In each of N rounds, every training query retrieves its top K tools with the current vectors. For
//! tool *i*, Q⁺ holds the training queries it is right for, and Q⁻ those that retrieved it although
//! it is wrong for them (of logged queries: those that it failed for). Then
//!
//! > eᵢ ← normalise((1 − α)·eᵢ + α·mean(Q⁺) − β·mean(Q⁻))
//!
//! A tool without Q⁺ keeps its vector. Grades of relevance are not used. Serving is unchanged:
//! [`Dense`] over other vectors.

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::outcomes::{Negatives, failures, means_by_tool, successes};
use crate::{Error, Training, baselines::Dense};

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
    /// What the training queries retrieve from.
    pub negatives: Negatives,
    /// Whether the original vectors are kept unless refining them pays: when vectors that were
    /// refined by four fifths of the training queries give a better NDCG@5 on the rest (of at most
    /// about 1,000).
    pub gate: bool,
}

impl Default for S1Params {
    fn default() -> Self {
        Self {
            alpha: 0.3,
            beta: 0.1,
            rounds: 3,
            top_k: 5,
            anchored: false,
            negatives: Negatives::Catalogue,
            gate: false,
        }
    }
}

/// The share of the training queries that the gate judges by, to about 1,000.
const VALIDATION: f64 = 0.2;

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
        if self.gate && !self.pays(training) {
            return Dense::fit(training);
        }
        Ok(self.refine(training))
    }

    fn pays(&self, training: &Training<'_>) -> bool {
        let (fit, validation) = training.fit_and_validation(VALIDATION);
        let refined = self.refine(&training.part(&fit).view());
        let original = Dense::new(training.tool_embeddings.to_owned());
        training.ndcg(&refined, &validation) > training.ndcg(&original, &validation)
    }

    fn refine(&self, training: &Training<'_>) -> Dense {
        let original = training.tool_embeddings;
        let queries = training.query_embeddings;
        let positive_means = means_by_tool(&successes(training), queries, original.nrows());

        let mut refined = original.to_owned();
        for _ in 0..self.rounds {
            let negatives = failures(training, refined.view(), self.top_k, self.negatives);
            let negative_means = means_by_tool(&negatives, queries, original.nrows());
            let start = if self.anchored {
                original.to_owned()
            } else {
                refined
            };
            refined = self.update(start, &positive_means, &negative_means);
        }
        Dense::new(refined)
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
