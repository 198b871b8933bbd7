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
//!
//! A labelled query costs d multiplications per tool, in the later rounds per tool that moves; a logged
//! outcome costs d additions in all, since nothing is retrieved. No queries × tools matrix is in memory.

mod refinement;

pub use refinement::Refinement;

use serde::{Deserialize, Serialize};

use super::{Negatives, pays};
use crate::{Error, Router, RouterKind, State, Training, baselines::Dense};

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

impl RouterKind for S1Params {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
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

    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(self.fit(training)?))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Dense::restore(state)?))
    }
}

impl S1Params {
    /// Refines the tool vectors and serves them.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    pub fn fit(&self, training: &Training<'_>) -> Result<Dense, Error> {
        self.check()?;
        training.check()?;
        let refined = |training: &Training<'_>| Ok(Refinement::new(*self, training).into_router());
        match self.gate && !pays(training, refined)? {
            true => Dense::fit(training),
            false => refined(training),
        }
    }

    /// Refines the tool vectors and is ready for more outcomes.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); and [`Error::Setting`] with a gate, which judges by all outcomes at once.
    pub fn start<'a>(&self, training: &Training<'a>) -> Result<Refinement<'a>, Error> {
        self.check()?;
        if self.gate {
            let expected = "false where outcomes are added later";
            return Err(Error::setting("oats-s1", "gate", &self.gate, expected));
        }
        training.check()?;
        Ok(Refinement::new(*self, training))
    }
}
