//! `hybrid`: words and vectors, fused.
//!
//! BM25 and a cosine router rank the request's pool each for itself. Three ways to make one ranking of
//! theirs:
//!
//! - *Reciprocal rank* (Cormack, Clarke and Büttcher, SIGIR 2009): a tool's score is
//!   Σ 1 / (60 + rank) over the rankings that hold it, with ranks from 1. A tool that shares no word
//!   with the request is not in BM25's.
//! - *Weighted sum*: w · vectors + (1 − w) · words, where both scores were first stretched to 0…1
//!   over the pool (min–max; if all tools of the pool score the same, all are 0).
//! - *Calibrated*: c·vectors + (w + wₜ)·words/scale + bₜ, a conditional logit (McFadden 1974) over the tools that are
//!   right for some training query. The shared weights c and w, and per tool the deviation wₜ and the offset bₜ, maximise
//!   the mean log likelihood of the queries' right tools (in equal shares, where there are several) less
//!   penalty/2·Σ(wₜ² + bₜ²)/queries. That is convex; its minimum does not depend on a seed. c belongs to it: with c = 1,
//!   cosines would be too alike for probabilities, and words would be weighed up in their place. The scale is the mean of
//!   the queries' best BM25 scores. A tool that is right for none has wₜ = bₜ = 0, as S1 leaves its vector. A fit holds
//!   two f32 for each pair of a query and such a tool.

mod calibration;

use serde::{Deserialize, Serialize};

use self::calibration::{Calibration, Likelihood};
use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training,
    baselines::{Bm25, Bm25Params, Dense},
    oats::ToolVectors,
    router::top_k,
};

/// Hyper-parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HybridParams {
    /// The tool vectors beside BM25.
    pub base: ToolVectors,
    /// How the two rankings become one.
    pub fusion: Fusion,
    /// w, the vectors' share of a weighted sum; 0 to 1. Unset, it is chosen from 0, 0.1, … 1 on
    /// held-out training queries ([`Training::ndcg`]), with vectors fitted to the others. Must be
    /// unset for the other fusions.
    pub weight: Option<f32>,
    /// What a calibrated fusion's deviations and offsets per tool are kept small by; above 0. Unset, it is chosen
    /// from 0.1, 1, 10 and 100 as the weight is, the largest of equal ones. Must be unset for the other fusions.
    pub penalty: Option<f64>,
}

/// How two rankings become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// By the tools' ranks; there is nothing to choose.
    #[default]
    ReciprocalRank,
    /// By the tools' scores.
    WeightedSum,
    /// By the tools' scores, with weights and an offset of each tool's own.
    Calibrated,
}

/// The share of the training queries that the weight is chosen by, to about 1,000.
const VALIDATION: f64 = 0.2;

/// What the penalty is chosen from.
const PENALTIES: [f64; 4] = [100.0, 10.0, 1.0, 0.1];

/// Cormack et al.'s constant.
const RANK_OFFSET: f32 = 60.0;

impl RouterKind for HybridParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        let refused = |field, value: &dyn ToString, expected| {
            Err(Error::setting("hybrid", field, value, expected))
        };
        match (self.fusion, self.weight) {
            (_, None) => {}
            (Fusion::WeightedSum, Some(weight)) if (0.0..=1.0).contains(&weight) => {}
            (Fusion::WeightedSum, Some(weight)) => {
                return refused("weight", &weight, "between 0 and 1");
            }
            (Fusion::ReciprocalRank, Some(weight)) => {
                return refused("weight", &weight, "left out, for fusion is reciprocal-rank");
            }
            (Fusion::Calibrated, Some(weight)) => {
                return refused("weight", &weight, "left out, for fusion is calibrated");
            }
        }
        match (self.fusion, self.penalty) {
            (_, None) => Ok(()),
            (Fusion::Calibrated, Some(penalty)) if penalty.is_finite() && penalty > 0.0 => Ok(()),
            (Fusion::Calibrated, Some(penalty)) => refused("penalty", &penalty, "a number above 0"),
            (_, Some(penalty)) => refused(
                "penalty",
                &penalty,
                "left out, for fusion is not calibrated",
            ),
        }
    }

    /// Fits both routers and what they are fused by.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        let rule = match (self.fusion, self.weight) {
            (Fusion::ReciprocalRank, _) => Rule::ReciprocalRank,
            (Fusion::WeightedSum, Some(weight)) => Rule::WeightedSum(weight),
            (Fusion::WeightedSum, None) => Rule::WeightedSum(self.choose_weight(training)?),
            (Fusion::Calibrated, _) => return Ok(Box::new(self.calibrated(training)?)),
        };
        Ok(Box::new(self.with_rule(rule, training)?))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let words = Bm25Params::default().restore(&state.nested("words"))?;
        let vectors = Dense::restore(&state.nested("vectors"))?;
        if words.catalogue_size() != vectors.tool_embeddings().nrows() {
            return Err(Error::State(
                "it has another number of texts than of vectors".to_owned(),
            ));
        }
        let rule = match self.fusion {
            Fusion::ReciprocalRank => Rule::ReciprocalRank,
            Fusion::WeightedSum => {
                let weight = state.read("weight")?;
                if !(0.0..=1.0).contains(&weight) {
                    return Err(Error::State(format!("its weight is {weight}")));
                }
                Rule::WeightedSum(weight)
            }
            Fusion::Calibrated => {
                let state = state.nested("calibration");
                Rule::Calibrated(Calibration::restore(&state, words.catalogue_size())?)
            }
        };
        Ok(Box::new(Hybrid {
            rule,
            words,
            vectors,
        }))
    }
}

impl HybridParams {
    fn with_rule(&self, rule: Rule, training: &Training<'_>) -> Result<Hybrid, Error> {
        Ok(Hybrid {
            rule,
            words: Bm25Params::default().fit(training)?,
            vectors: self.base.fit(training)?,
        })
    }

    /// The most likely weights, under the penalty that is given or has the highest NDCG@5.
    fn calibrated(&self, training: &Training<'_>) -> Result<Hybrid, Error> {
        training.check()?;
        let penalty = match self.penalty {
            Some(penalty) => penalty,
            None => {
                let (fit, validation) = training.fit_and_validation(VALIDATION);
                let part = training.part(&fit);
                let mut hybrid = self.with_rule(Rule::ReciprocalRank, &part.view())?;
                let likelihood = Likelihood::new(&part.view(), &hybrid.words, &hybrid.vectors);
                let (mut best, mut chosen) = (None, PENALTIES[0]);
                // Without held-out queries there is nothing to compare.
                for penalty in PENALTIES.iter().filter(|_| !validation.is_empty()) {
                    hybrid.calibrate(likelihood.as_ref(), *penalty)?;
                    let ndcg = training.ndcg(&hybrid, &validation);
                    if ndcg > best {
                        (best, chosen) = (ndcg, *penalty);
                    }
                }
                chosen
            }
        };
        let mut hybrid = self.with_rule(Rule::ReciprocalRank, training)?;
        let likelihood = Likelihood::new(training, &hybrid.words, &hybrid.vectors);
        hybrid.calibrate(likelihood.as_ref(), penalty)?;
        Ok(hybrid)
    }

    /// The weight of highest NDCG@5; among equals, and with nothing to choose by, the one nearest to
    /// equal shares.
    fn choose_weight(&self, training: &Training<'_>) -> Result<f32, Error> {
        training.check()?;
        let (fit, validation) = training.fit_and_validation(VALIDATION);
        let part = training.part(&fit);
        let mut hybrid = self.with_rule(Rule::ReciprocalRank, &part.view())?;
        let (mut best, mut chosen) = (None, 0.5);
        for tenths in [5, 6, 4, 7, 3, 8, 2, 9, 1, 10, 0u8] {
            let weight = f32::from(tenths) / 10.0;
            hybrid.rule = Rule::WeightedSum(weight);
            let ndcg = training.ndcg(&hybrid, &validation);
            if ndcg > best {
                (best, chosen) = (ndcg, weight);
            }
        }
        Ok(chosen)
    }
}

/// What was fitted: the fusion, with its weights.
enum Rule {
    ReciprocalRank,
    /// The vectors' share.
    WeightedSum(f32),
    Calibrated(Calibration),
}

struct Hybrid {
    rule: Rule,
    words: Bm25,
    vectors: Dense,
}

impl Hybrid {
    /// By the most likely weights; by cosines alone, where there is nothing to learn from.
    fn calibrate(&mut self, likelihood: Option<&Likelihood>, penalty: f64) -> Result<(), Error> {
        let calibration = match likelihood {
            None => Calibration::none(self.words.catalogue_size()),
            Some(likelihood) => {
                let fitted = likelihood.calibrate(penalty);
                fitted.map_err(|problem| Error::Solver {
                    router: "hybrid",
                    problem,
                })?
            }
        };
        self.rule = Rule::Calibrated(calibration);
        Ok(())
    }
}

impl Router for Hybrid {
    /// Scores are 0 to 2/61 for reciprocal ranks, 0 to 1 for a weighted sum; calibrated ones are log odds but for a
    /// constant, of any size.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let vectors = self.vectors.rank(request, usize::MAX);
        let mut scores = vec![0.0; self.vectors.tool_embeddings().nrows()];
        match &self.rule {
            Rule::ReciprocalRank => {
                let words = self.words.rank(request, usize::MAX);
                let found = words.iter().take_while(|ranked| ranked.score > 0.0);
                add_reciprocal_ranks(&mut scores, found);
                add_reciprocal_ranks(&mut scores, &vectors);
            }
            Rule::WeightedSum(weight) => {
                let words = self.words.rank(request, usize::MAX);
                add_stretched(&mut scores, &words, 1.0 - weight);
                add_stretched(&mut scores, &vectors, *weight);
            }
            Rule::Calibrated(calibration) => {
                let words = self.words.scores(request.text);
                for Ranked { tool, score } in vectors {
                    scores[tool] = calibration.score(tool, score, words[tool]);
                }
            }
        }
        top_k(request, scores.len(), k, |tool| scores[tool])
    }

    fn state(&self) -> State {
        let mut state = State::default();
        match &self.rule {
            Rule::ReciprocalRank => {}
            Rule::WeightedSum(weight) => state.note("weight", *weight),
            Rule::Calibrated(calibration) => state.nest("calibration", calibration.state()),
        }
        state.nest("words", self.words.state());
        state.nest("vectors", self.vectors.state());
        state
    }
}

fn add_reciprocal_ranks<'a>(scores: &mut [f32], ranking: impl IntoIterator<Item = &'a Ranked>) {
    for (above, ranked) in ranking.into_iter().enumerate() {
        scores[ranked.tool] += 1.0 / (RANK_OFFSET + (above + 1) as f32);
    }
}

/// Adds `share` times the scores of a whole pool, stretched so that the worst is 0 and the best 1.
fn add_stretched(scores: &mut [f32], ranking: &[Ranked], share: f32) {
    let (Some(best), Some(worst)) = (ranking.first(), ranking.last()) else {
        return;
    };
    let range = best.score - worst.score;
    if range > 0.0 {
        for ranked in ranking {
            scores[ranked.tool] += share * (ranked.score - worst.score) / range;
        }
    }
}
