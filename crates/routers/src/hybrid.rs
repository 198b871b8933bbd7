//! `hybrid`: words and vectors, fused.
//!
//! BM25 and a cosine router rank the request's pool each for itself. Two ways to make one ranking of
//! theirs:
//!
//! - *Reciprocal rank* (Cormack, Clarke and Büttcher, SIGIR 2009): a tool's score is
//!   Σ 1 / (60 + rank) over the rankings that hold it, with ranks from 1. A tool that shares no word
//!   with the request is not in BM25's.
//! - *Weighted sum*: w · vectors + (1 − w) · words, where both scores were first stretched to 0…1
//!   over the pool (min–max; if all tools of the pool score the same, all are 0).

use serde::{Deserialize, Serialize};

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
    /// unset for reciprocal ranks.
    pub weight: Option<f32>,
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
}

/// The share of the training queries that the weight is chosen by, to about 1,000.
const VALIDATION: f64 = 0.2;

/// Cormack et al.'s constant.
const RANK_OFFSET: f32 = 60.0;

impl RouterKind for HybridParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        let expected = match (self.fusion, self.weight) {
            (_, None) => return Ok(()),
            (Fusion::WeightedSum, Some(weight)) if (0.0..=1.0).contains(&weight) => return Ok(()),
            (Fusion::WeightedSum, Some(_)) => "between 0 and 1",
            (Fusion::ReciprocalRank, Some(_)) => "left out, for fusion is reciprocal-rank",
        };
        let weight = self.weight.unwrap_or_default();
        Err(Error::setting("hybrid", "weight", &weight, expected))
    }

    /// Fits both routers and, if it is to be chosen, the weight.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        let rule = match (self.fusion, self.weight) {
            (Fusion::ReciprocalRank, _) => Rule::ReciprocalRank,
            (Fusion::WeightedSum, Some(weight)) => Rule::WeightedSum(weight),
            (Fusion::WeightedSum, None) => Rule::WeightedSum(self.choose_weight(training)?),
        };
        Ok(Box::new(self.with_rule(rule, training)?))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let rule = match self.fusion {
            Fusion::ReciprocalRank => Rule::ReciprocalRank,
            Fusion::WeightedSum => Rule::WeightedSum(state.read("weight")?),
        };
        let words = Bm25Params::default().restore(&state.nested("words"))?;
        let vectors = Dense::restore(&state.nested("vectors"))?;
        if let Rule::WeightedSum(weight) = rule
            && !(0.0..=1.0).contains(&weight)
        {
            return Err(Error::State(format!("its weight is {weight}")));
        }
        if words.catalogue_size() != vectors.tool_embeddings().nrows() {
            return Err(Error::State(
                "it has another number of texts than of vectors".to_owned(),
            ));
        }
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

/// What was fitted: the fusion, with the weight that was given or chosen.
#[derive(Clone, Copy)]
enum Rule {
    ReciprocalRank,
    /// The vectors' share.
    WeightedSum(f32),
}

struct Hybrid {
    rule: Rule,
    words: Bm25,
    vectors: Dense,
}

impl Router for Hybrid {
    /// Scores are 0 to 2/61 for reciprocal ranks, 0 to 1 for a weighted sum.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let words = self.words.rank(request, usize::MAX);
        let vectors = self.vectors.rank(request, usize::MAX);
        let mut scores = vec![0.0; self.vectors.tool_embeddings().nrows()];
        match self.rule {
            Rule::ReciprocalRank => {
                let found = words.iter().take_while(|ranked| ranked.score > 0.0);
                add_reciprocal_ranks(&mut scores, found);
                add_reciprocal_ranks(&mut scores, &vectors);
            }
            Rule::WeightedSum(weight) => {
                add_stretched(&mut scores, &words, 1.0 - weight);
                add_stretched(&mut scores, &vectors, weight);
            }
        }
        top_k(request, scores.len(), k, |tool| scores[tool])
    }

    fn state(&self) -> State {
        let mut state = State::default();
        if let Rule::WeightedSum(weight) = self.rule {
            state.note("weight", weight);
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
