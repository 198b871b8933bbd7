//! `threshold`: as many tools as score high enough.
//!
//! Ranks as its tool vectors do; [`Router::select`] hands on every tool of the pool whose cosine is
//! at least the threshold, and the best one in any case.
//!
//! Short lists and the whole catalogue need different thresholds: the more tools compete, the more
//! wrong ones score high. So each has its own. Both are chosen for the highest mean F1 of the
//! selected set on held-out training queries, with vectors fitted to the others: one over the lists
//! that these queries were asked with, one over the catalogue. Where no held-out query has a list,
//! the catalogue's threshold stands for both.

use oats_datasets::ToolId;
use oats_metrics::Metric;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training, baselines::Dense, oats::S1Params,
    oats::ToolVectors,
};

/// Hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdParams {
    /// The tool vectors to score with; Stage 1's unless set.
    pub base: ToolVectors,
    /// The lowest cosine that selects a tool, −1 to 1, for every pool. Unset, it is chosen on
    /// held-out training queries.
    pub threshold: Option<f32>,
}

impl Default for ThresholdParams {
    fn default() -> Self {
        Self {
            base: ToolVectors::OatsS1(S1Params::default()),
            threshold: None,
        }
    }
}

impl RouterKind for ThresholdParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        match self.threshold {
            Some(cosine) if !(-1.0..=1.0).contains(&cosine) => Err(Error::setting(
                "threshold",
                "threshold",
                &cosine,
                "between -1 and 1",
            )),
            _ => Ok(()),
        }
    }

    /// Fits the tool vectors and, if they are to be chosen, the thresholds.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        let lowest = match self.threshold {
            Some(cosine) => Lowest {
                candidates: cosine,
                catalogue: cosine,
            },
            None => self.choose(training)?,
        };
        Ok(Box::new(Threshold {
            lowest,
            tools: self.base.fit(training)?,
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let lowest = Lowest {
            candidates: state.read("lowest_of_candidates")?,
            catalogue: state.read("lowest_of_catalogue")?,
        };
        for cosine in [lowest.candidates, lowest.catalogue] {
            if !(-1.0..=1.0).contains(&cosine) {
                return Err(Error::State(format!("its threshold is {cosine}")));
            }
        }
        Ok(Box::new(Threshold {
            lowest,
            tools: Dense::restore(&state.nested("base"))?,
        }))
    }
}

impl ThresholdParams {
    fn choose(&self, training: &Training<'_>) -> Result<Lowest, Error> {
        training.check()?;
        let (fit, validation) = training.fit_and_validation(VALIDATION);
        let part = training.part(&fit);
        let tools = self.base.fit(&part.view())?;

        let judged = |row: &usize| !training.queries[*row].relevant.is_empty();
        let validation: Vec<usize> = validation.into_iter().filter(judged).collect();
        let with_list: Vec<usize> = validation
            .iter()
            .copied()
            .filter(|&row| !training.queries[row].candidates.is_empty())
            .collect();
        let catalogue = best_threshold(training, &validation, |row| {
            tools.rank(&training.request(row), usize::MAX)
        });
        let candidates = best_threshold(training, &with_list, |row| {
            let request = Request {
                candidates: Some(training.queries[row].candidates),
                ..training.request(row)
            };
            tools.rank(&request, usize::MAX)
        });
        let catalogue = catalogue.unwrap_or(ONLY_THE_BEST);
        Ok(Lowest {
            catalogue,
            candidates: candidates.unwrap_or(catalogue),
        })
    }
}

/// The share of the training queries that thresholds are chosen by, to about 1,000.
const VALIDATION: f64 = 0.2;

/// Where nothing was held out to choose by, one tool is selected, as by other routers.
const ONLY_THE_BEST: f32 = 1.0;

/// The threshold among −1, −0.99, … 1 of highest mean set F1 over these rows' rankings; among
/// equals, the highest, which selects least. `None` without rows.
fn best_threshold(
    training: &Training<'_>,
    rows: &[usize],
    ranking: impl Fn(usize) -> Vec<Ranked> + Sync,
) -> Option<f32> {
    let rankings: Vec<Vec<Ranked>> = rows.par_iter().map(|&row| ranking(row)).collect();
    let mean_f1 = |threshold: f32| {
        let f1 = rankings.iter().zip(rows).map(|(ranking, &row)| {
            Metric::SetF1.score(
                &selected(ranking, threshold),
                &training.queries[row].relevant,
            )
        });
        f1.sum::<f64>()
    };
    let thresholds: Vec<f32> = (-100..=100i8)
        .map(|cents| f32::from(cents) / 100.0)
        .collect();
    let scored: Vec<(f32, f64)> = thresholds
        .par_iter()
        .map(|&threshold| (threshold, mean_f1(threshold)))
        .collect();
    let best = scored.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    best.filter(|_| !rows.is_empty())
        .map(|&(threshold, _)| threshold)
}

/// The tools of a ranking that score at least `threshold`, and the first.
fn selected(ranking: &[Ranked], threshold: f32) -> Vec<ToolId> {
    let count = ranking.partition_point(|ranked| ranked.score >= threshold);
    let chosen = ranking.iter().take(count.max(1));
    chosen.map(|ranked| ranked.tool).collect()
}

/// The lowest cosine that selects a tool, by the kind of pool.
#[derive(Clone, Copy, Debug)]
struct Lowest {
    candidates: f32,
    catalogue: f32,
}

struct Threshold {
    lowest: Lowest,
    tools: Dense,
}

impl Router for Threshold {
    /// Scores are cosines, in `[-1, 1]`.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        self.tools.rank(request, k)
    }

    fn select(&self, request: &Request<'_>) -> Vec<ToolId> {
        let lowest = match request.candidates {
            Some(_) => self.lowest.candidates,
            None => self.lowest.catalogue,
        };
        selected(&self.rank(request, usize::MAX), lowest)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.note("lowest_of_candidates", self.lowest.candidates);
        state.note("lowest_of_catalogue", self.lowest.catalogue);
        state.nest("base", self.tools.state());
        state
    }
}
