//! `oats-plus`: tool vectors fitted to outcomes, one per tool, served by the same scan as OATS-S1.
//!
//! # Prototypes
//! The mean x̄ᵢ of nᵢ outcomes estimates where the requests for tool *i* lie, the better the more there are; its
//! description eᵢ is where they would be expected without any. If requests scatter around a centre with variance σ²,
//! and centres around descriptions with variance τ², the centre's posterior mean is
//!
//! > pᵢ = (1 − αᵢ)·eᵢ + αᵢ·x̄ᵢ with αᵢ = nᵢ / (nᵢ + κ), κ = σ²/τ²
//!
//! (Efron and Morris 1975). Requests are never quite like descriptions, so α ends at `pull` instead of 1. n counts
//! distinct texts. OATS-S1 without its push is much the same with one α for all, but makes vectors of length 1 in
//! every round. The length of pᵢ is not made 1: where requests scatter, the mean is short, and the tool gets lower
//! scores.
//!
//! # What is learned
//! A map M that all tools share and a vector oᵢ for each tool with outcomes make the vectors that are served,
//!
//! > wᵢ = pᵢ + M·pᵢ + oᵢ
//!
//! so that a softmax of s·(x·wₖ) over the catalogue finds the right tool i of a training query x: they minimise
//!
//! > −Σ ln( e^(s·x·wᵢ) / Σₖ e^(s·x·wₖ) ) + λ_M/2·‖M‖² + λ_o/2·Σ‖oᵢ‖²
//!
//! summed over pairs of a query and a right tool; other tools that are right for the query's text are left out of
//! the sum over k. Both are linear in what is learned, so the problem is convex and has one minimum; a large λ ends
//! at the prototypes. M gives most of what is gained; the rest keeps it from being lost on other tools and queries
//! (`experiments/beyond-validation.toml` takes each away):
//!
//! - A pair's pᵢ is the prototype *without that query's text*: else wᵢ would hold the answer.
//! - A share `drop` of each pair's loss takes its tool for one without outcomes, eᵢ + M·eᵢ, so that M serves these as
//!   well, and tools with outcomes learn to keep clear of requests that are not theirs.
//! - The loss is counted once more over the right tool and the wrong ones of the query's own short list, where there
//!   are such.
//!
//! In the log of a gateway neither of the last two is sound: short lists hold what some router retrieved. They are
//! applied to labelled queries alone. Logs also err, so that no request of theirs should be too certain of its tool: they
//! have a smaller s (`logged_scale`). Of a log only successes are read; in the softmax, all tools that are not known to
//! be right for a text count as wrong, also those that nobody tried.
//!
//! # Length
//! A vector's length is a prior: long ones win more requests. Over a catalogue that is right, since some tools are
//! asked for more often; over a short list that somebody drew up it is not. Vectors keep a power of their length.
//!
//! # Tools without outcomes
//! Tools with outcomes have learned to speak the language of requests; the others lose to them, though nobody ever
//! said that they were wrong. They get an offset c on their score, found by a rehearsal: a fifth of the tools with
//! outcomes are taken for tools without, the rest is fitted, and c is the smallest offset with which the requests of
//! the held-out tools find them among the others as well as by the tools' own embeddings, by Recall@1 and by NDCG@5.

mod fitted;
mod offset;
mod prototypes;
mod softmax;

use serde::{Deserialize, Serialize};

use self::{fitted::Fitted, offset::offset_of_unknown};
use super::{has_successes, offsets, pays};
use crate::{Error, Router, RouterKind, State, Training, baselines::Dense, pipeline::Pipeline};

const KIND: &str = "oats-plus";

/// Hyper-parameters. The defaults were chosen on validation parts of MetaTool and ToolBench, the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlusParams {
    /// What α ends at with many outcomes; 0 to 1.
    pub pull: f64,
    /// κ, the outcomes with which α is half of that; at least 0.
    pub half: f64,
    /// Whether a pair's prototype is the one without its query's text.
    pub leave_out: bool,
    /// s, the scale of scores in the softmax; above 0.
    pub scale: f64,
    /// s of logged queries; above 0.
    pub logged_scale: f64,
    /// Whether M is learned.
    pub map: bool,
    /// λ_M, the pull of M towards 0; above 0.
    pub ridge_map: f64,
    /// Whether the oᵢ are learned.
    pub own: bool,
    /// λ_o, the pull of the oᵢ towards 0; above 0.
    pub ridge_own: f64,
    /// The weight of the loss over a labelled query's short list; at least 0.
    pub candidates: f64,
    /// The share of a labelled pair's loss that takes its tool for one without outcomes; 0 to 1, and not 1.
    pub drop: f64,
    /// What power of its length a fitted vector keeps; 0 to 1, where 0 makes unit vectors and 1 changes nothing.
    pub length: f64,
    /// Whether tools without outcomes have an offset.
    pub offset: bool,
    /// Whether the tools' own embeddings are kept unless the fit pays: when a fit to four fifths of the training
    /// queries, or to all but about 1,000, gives a better NDCG@5 on the rest. With
    /// one outcome a tool there is no rest whose tools the fit knows, and nothing pays.
    pub gate: bool,
}

impl Default for PlusParams {
    fn default() -> Self {
        Self {
            pull: 0.66,
            half: 1.0,
            leave_out: true,
            scale: 20.0,
            logged_scale: 14.0,
            map: true,
            ridge_map: 200.0,
            own: true,
            ridge_own: 500.0,
            candidates: 1.0,
            drop: 0.25,
            length: 0.7,
            offset: true,
            gate: false,
        }
    }
}

impl RouterKind for PlusParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        let setting =
            |field, value: f64, expected| Err(Error::setting(KIND, field, &value, expected));
        for (field, share) in [("pull", self.pull), ("length", self.length)] {
            if !(0.0..=1.0).contains(&share) {
                return setting(field, share, "between 0 and 1");
            }
        }
        if !(0.0..1.0).contains(&self.drop) {
            return setting("drop", self.drop, "at least 0 and below 1");
        }
        for (field, number) in [("half", self.half), ("candidates", self.candidates)] {
            if !(number.is_finite() && number >= 0.0) {
                return setting(field, number, "a number of at least 0");
            }
        }
        for (field, number) in [
            ("scale", self.scale),
            ("logged_scale", self.logged_scale),
            ("ridge_map", self.ridge_map),
            ("ridge_own", self.ridge_own),
        ] {
            if !(number.is_finite() && number > 0.0) {
                return setting(field, number, "a number above 0");
            }
        }
        Ok(())
    }

    /// Fits the tool vectors.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or [`Error::Solver`]: ridges far below
    /// 1, or a scale far above 100, can ask for more than single precision tells or 500 steps reach.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        let fitted = |training: &Training<'_>| self.fit_ungated(training);
        let is_fitted = has_successes(training) && (!self.gate || pays(training, fitted)?);
        Ok(Box::new(match is_fitted {
            true => fitted(training)?,
            false => Pipeline::plain(Dense::fit(training)?),
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        offsets::restore(state)
    }
}

impl PlusParams {
    fn fit_ungated(&self, training: &Training<'_>) -> Result<Pipeline, Error> {
        let fitted = Fitted::new(self, training)?;
        let tools = 0..training.tools.len();
        let offset = match self.offset && !tools.clone().all(|tool| fitted.is_known(tool)) {
            true => offset_of_unknown(self, training)?,
            false => 0.0,
        };
        let offsets = tools.map(|tool| if fitted.is_known(tool) { 0.0 } else { offset });
        Ok(offsets::with_offsets(&fitted.tools, &offsets.collect()))
    }
}
