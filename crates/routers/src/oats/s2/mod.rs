//! `oats-s2`: an MLP that re-ranks the best-scored tools (the paper's Stage 2).
//!
//! The K best tools of the request's pool are scored anew by a 7→64→32→1 perceptron (2,625
//! parameters) from seven [`Feature`]s of the request and the tool. The paper gives the size of the
//! network but not the features; they are ours.
//!
//! # What a training example may know
//! Features read outcomes, so a training query must not be described by its own. The training
//! queries are cut into five folds; the head and the features of a query come from tool vectors and
//! outcome statistics of the other four, where each tool of the head that is not right for the query
//! lacks a success, too, as the right ones do (`left_out.rs` says why). A feature that is 0 in all
//! examples, as are those of successes where no tool has two, is 0 in service: nothing was learned
//! about it. Refined tool vectors know that the right tool lacks a success; where outcomes are few,
//! that shows in its similarity. Training examples are at most 4,000 queries, drawn by the
//! seed. The share `validation` of the queries is in none of them: after every epoch, NDCG@5 over
//! it (at most about 1,000 queries) decides which weights are kept. The router that is served has the
//! statistics of all training queries.
//!
//! # Loss
//! A softmax over the head's scores, against the right tools in it (listwise cross-entropy, Cao et al.
//! 2007): over the validation parts of MetaTool, StableToolBench and the built-in benchmark, NDCG@5
//! was higher by 0.005 to 0.016 than with a binary cross-entropy over tools (query split, MiniLM, the
//! mean of three seeds). Heads without a right tool teach nothing. Where a logged query has a right
//! tool, the tools that nothing is known of count as wrong beside it. It is minimised by AdamW with a
//! weight decay of 0.01 and gradients of length 1 at most.

mod examples;
mod features;
mod left_out;
mod mlp;

use std::{num::NonZeroUsize, sync::Arc};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use self::features::Feature;
use self::{
    examples::Examples,
    features::Features,
    left_out::{FoldSuccesses, Successes},
    mlp::{LearnedMlp, Mlp},
};
use super::{ToolVectors, WEIGHT_DECAY};
use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training,
    baselines::{Bm25, Bm25Params, Dense},
    learn::{Fit, Schedule, Weights},
    pipeline::{Pipeline, RERANKER, Rerank},
    training::check_share,
};

const KIND: &str = "oats-s2";
const FOLDS: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");
const TRAINING_QUERIES: usize = 4000;

/// Hyper-parameters of Stage 2. But for the network's size the paper gives none; these were chosen on
/// validation parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S2Params {
    /// The tool vectors whose ranking is re-ranked.
    pub base: ToolVectors,
    /// K, how many of the best-scored tools are re-ranked; at least 1.
    pub top_k: usize,
    /// Features to do without: each is a constant 0, for the same number of parameters.
    pub without: Vec<Feature>,
    /// Passes over the training examples at most; at least 1.
    pub epochs: usize,
    /// Queries per step; at least 1.
    pub batch_size: usize,
    /// Adam's step size; above 0.
    pub learning_rate: f64,
    /// How many epochs in a row without a better validation are borne; the next one ends the fit.
    pub patience: usize,
    /// The share of the training queries that the fit is validated on; between 0 and 1.
    pub validation: f64,
}

impl Default for S2Params {
    fn default() -> Self {
        Self {
            base: ToolVectors::default(),
            top_k: 20,
            without: Vec::new(),
            epochs: 30,
            batch_size: 32,
            learning_rate: 3e-3,
            patience: 5,
            validation: 0.2,
        }
    }
}

impl RouterKind for S2Params {
    const READS_EMBEDDINGS: bool = true;
    const BY_DESCENT: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        self.schedule().check(KIND)?;
        if self.top_k == 0 {
            return Err(Error::setting(KIND, "top_k", &self.top_k, "at least 1"));
        }
        check_share(KIND, self.validation)
    }

    /// Learns the re-ranker.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or
    /// [`Error::Diverged`]. The last good state in the latter knows the outcomes of the training
    /// queries without the validation's.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        let words = Arc::new(Bm25Params::default().fit(training)?);
        let (fit, validation) = training.fit_and_validation(self.validation);
        let learning = training.part(&fit);
        let examples = self.examples(&learning.view(), &words)?;
        if examples.count == 0 {
            return Ok(Box::new(Pipeline::plain(self.base.fit(training)?)));
        }

        let mut weights = Weights::new(training.seed);
        let network = LearnedMlp::new(&mut weights).map_err(Error::tensor(KIND))?;
        let unseen = examples.unseen();
        let (tools, features) = self.describe(&learning.view(), &words, &unseen)?;
        let features = Arc::new(features);
        let served = || {
            let mlp = Mlp::learned(&weights)?;
            Ok(self.pipeline(tools.clone(), features.clone(), mlp))
        };
        let learned = Fit {
            router: KIND,
            training,
            rows: (0..examples.count).collect(),
            schedule: self.schedule(),
        }
        .run(
            &weights,
            |rows, _, _| examples.loss(&network, rows),
            served,
            |router| training.ndcg(router, &validation),
        )?;

        let (tools, features) = self.describe(training, &words, &unseen)?;
        let mlp = Mlp::restore(&learned.state().nested(RERANKER))?;
        Ok(Box::new(self.pipeline(tools, Arc::new(features), mlp)))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Pipeline::restore_reranked(state, |state, tools| {
            Ok(Reranker {
                top_k: self.top_k,
                features: Arc::new(Features::restore(state, tools)?),
                mlp: Mlp::restore(state)?,
            })
        })
    }
}

impl S2Params {
    fn schedule(&self) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            weight_decay: WEIGHT_DECAY,
            patience: self.patience,
        }
    }

    /// The tool vectors, and what else of the training queries goes into features.
    fn describe(
        &self,
        training: &Training<'_>,
        words: &Arc<Bm25>,
        without: &[Feature],
    ) -> Result<(Dense, Features), Error> {
        let tools = self.base.fit(training)?;
        let words = words.clone();
        let features = Features::of(training, &tools, self.top_k, words, without.to_vec());
        Ok((tools, features))
    }

    fn pipeline(&self, tools: Dense, features: Arc<Features>, mlp: Mlp) -> Pipeline {
        let reranker = Reranker {
            top_k: self.top_k,
            features,
            mlp,
        };
        Pipeline::reranked(tools, reranker)
    }

    /// The heads of (some of) the training queries, each described by the other folds.
    fn examples(&self, training: &Training<'_>, words: &Arc<Bm25>) -> Result<Examples, Error> {
        let fold_of = training.folds(FOLDS, training.seed);
        let drawn = draw(training.queries.len(), TRAINING_QUERIES, training.seed);
        let successes = Successes::new(training, &fold_of);
        let mut examples = Examples::new(self.top_k.min(training.tools.len()));
        for fold in 0..FOLDS.get() {
            let others: Vec<usize> = (0..fold_of.len())
                .filter(|&row| fold_of[row] != fold)
                .collect();
            let rows: Vec<usize> = drawn
                .iter()
                .copied()
                .filter(|&row| fold_of[row] == fold)
                .collect();
            let (tools, features) =
                self.describe(&training.part(&others).view(), words, &self.without)?;
            let successes = FoldSuccesses::new(&successes, fold);
            examples.add(training, &rows, &tools, &features, &successes);
            training.progress.say(&format!(
                "fold {} of {FOLDS}: {} examples so far",
                fold + 1,
                examples.count
            ));
        }
        Ok(examples)
    }
}

/// At most `count` of the rows below `all`, drawn by the seed, in rising order.
fn draw(all: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..all).collect();
    if all > count {
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        rows.truncate(count);
        rows.sort_unstable();
    }
    rows
}

/// Scores the head by the network.
struct Reranker {
    top_k: usize,
    features: Arc<Features>,
    mlp: Mlp,
}

impl Rerank for Reranker {
    fn depth(&self) -> usize {
        self.top_k
    }

    fn rescore(&self, request: &Request<'_>, head: &[Ranked]) -> Vec<f32> {
        let scores = self.mlp.score(self.features.rows(request, head));
        // A logistic function would be so flat at its ends that scores beside 2 were equal in f32.
        let bounded = |x: f32| 0.5 + 0.5 * x / (1.0 + x.abs());
        scores.into_iter().map(bounded).collect()
    }

    fn state(&self) -> State {
        let mut state = State::default();
        self.features.put(&mut state);
        self.mlp.put(&mut state);
        state
    }
}
