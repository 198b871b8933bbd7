//! `rnn`: an LSTM over WordPieces as the tool controller, trained from scratch on a log of queries and
//! tools, as the post *Optimizing Tool Selection for LLM Workflows with Differentiable Programming*
//! (July 2025) has it.
//!
//! > WordPieces → embedding (E) → LSTM (H) → mean of the hidden states → linear → one logit a tool
//!
//! It classifies: a tool is a label, and neither its name nor its description is read. So a tool
//! without outcomes keeps a low logit whatever is asked for, and a tool that joins the catalogue
//! needs a new fit. Candidates are ranked by the same logits.
//!
//! # Heads and their losses
//! With the logits *l*, the right tools R of a query, y = 1/|R| for each of them (0 for the others),
//! and the mean taken over a batch of queries:
//!
//! - `softmax`: −Σ y·ln softmax(*l*).
//! - `gumbel` samples a tool, as a controller does that is trained through the calls it makes. With
//!   Gumbel noise *g*, forward it is the one-hot vector of argmax(*l* + *g*), backward
//!   p = softmax((*l* + *g*)/τ): the straight-through Gumbel-softmax (Jang, Gu and Poole 2017, §2.2;
//!   Bengio, Léonard and Courville 2013), where τ falls by the same factor from epoch to epoch. It is
//!   taken through the logarithm: −Σ y·ln(one-hot), with −10 for ln 0, has the gradient of
//!   −Σ y·ln p, which is finite. The plainer loss, 1 − Σ over R of the one-hot vector, has a gradient
//!   that vanishes with p: on MetaTool it learned next to nothing. Served as `softmax` is.
//! - `sequence`: a state machine for queries that need several tools. A second LSTM starts from the
//!   encoder's last c and h, is fed the vector of the tool it emitted last (of a start mark, at
//!   first), and emits a tool or stops: cross entropy over tools and the stop, mean over the steps,
//!   with the right tools fed (teacher forcing; Sutskever, Vinyals and Le 2014). They stand in the
//!   order of how many training queries they are right for, the most frequent first. Served
//!   greedily: no tool twice, none outside the pool, at least one.
//!
//! # Learning from a log
//! `labels` takes the tools that are known to be right; of a [log](crate::Feedback::Logged) that is
//! what succeeded. `reinforce` also learns from what failed (REINFORCE, Williams 1992, off policy):
//! for each outcome with tool *a*, reward r (1 or 0) and propensity μ, the loss is
//! −w·(r − b)·ln π(*a*), where π = softmax(*l*), w = min(π(*a*)/μ, `weight_limit`) is not
//! differentiated, and b is the mean reward. The first `warm_up` epochs learn as `labels` does.
//! Without them the policy starts uniform, and what failures take from the tools that were called
//! goes to tools that never were (the translation of rewards in Joachims, Swaminathan and de Rijke
//! 2018): on MetaTool's validation queries it ended below chance.
//!
//! # Defaults
//! Chosen by NDCG@5 over the catalogue on a fifth of MetaTool's training part (`query` split, 3
//! seeds), which was held out; no test query of its seed was looked at. What mattered: reading WordPieces as
//! unknown (`unknown` 0: about 0.30, 0.3: about 0.48), the mean of the hidden states against the last
//! (0.52 and 0.41), a high learning rate. Beyond that it is a matter of time: batches of 32, more
//! epochs and more patience gain up to 0.03 for two to three times as long a fit. For `gumbel`, 1 to
//! 0.5 was best, though no other range of τ was behind by more than 0.03. The built-in benchmark has
//! too few queries a tool to choose anything by: whatever the settings, it stays near 0.1.

mod lstm;
mod network;
mod served;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Feedback, Router, RouterKind, State, Training, TrainingQuery,
    learn::{Epoch, Fit, Schedule, Weights},
    training::check_share,
    vocabulary::Vocabulary,
};

use network::Network;
use served::Rnn;

/// Hyper-parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RnnParams {
    /// How tools are chosen.
    pub head: Head,
    /// Which feedback is learned from.
    pub learn: Learn,
    /// Which hidden states tools are scored by. The head `sequence` always starts from the last.
    pub pooling: Pooling,
    /// Only so many WordPieces of a text are read; at least 1.
    pub max_length: usize,
    /// Components of a WordPiece's (and of an emitted tool's) vector; at least 1.
    pub embedding: usize,
    /// Components of the hidden state; at least 1.
    pub hidden: usize,
    /// Passes over the training queries at most; at least 1.
    pub epochs: usize,
    /// Queries per step; at least 1.
    pub batch_size: usize,
    /// Adam's step size; above 0.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay; at least 0.
    pub weight_decay: f64,
    /// Share of the embeddings' and of the hidden states' components that is dropped while learning;
    /// 0 to 1, without 1.
    pub dropout: f32,
    /// Share of the WordPieces that is read as unknown while learning, so that texts with pieces
    /// that no training query has can be read; 0 to 1, without 1.
    pub unknown: f32,
    /// The share of the training queries that the fit is validated on (at most about 1,000);
    /// between 0 and 1, and neither.
    pub validation: f64,
    /// How many epochs in a row without a better validation are borne; the next one ends the fit.
    pub patience: usize,
    /// τ of the `gumbel` head in the first epoch; above 0.
    pub temperature_from: f64,
    /// τ of the `gumbel` head in the last epoch; above 0.
    pub temperature_to: f64,
    /// Epochs in which `reinforce` learns from the successes alone.
    pub warm_up: usize,
    /// The importance weight of an outcome at most, for `reinforce`; above 0.
    pub weight_limit: f32,
    /// How many tools the `sequence` head emits at most; at least 1.
    pub max_tools: usize,
}

/// How tools are chosen, and by which loss that is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// One tool, by its probability.
    Softmax,
    /// One tool, sampled while learning.
    Gumbel,
    /// One tool after another, until it stops.
    Sequence,
}

/// Which feedback is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learn {
    /// The tools that are known to be right.
    Labels,
    /// Logged successes and failures, weighted by their propensities. With the head `softmax` only.
    Reinforce,
}

/// Which of a text's hidden states the tools are scored by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The last one.
    Last,
    /// The mean of all.
    Mean,
}

impl Default for RnnParams {
    fn default() -> Self {
        Self {
            head: Head::Softmax,
            learn: Learn::Labels,
            pooling: Pooling::Mean,
            max_length: 64,
            embedding: 64,
            hidden: 64,
            epochs: 20,
            batch_size: 64,
            learning_rate: 0.02,
            weight_decay: 0.01,
            dropout: 0.3,
            unknown: 0.3,
            validation: 0.1,
            patience: 3,
            temperature_from: 1.0,
            temperature_to: 0.5,
            warm_up: 10,
            weight_limit: 10.0,
            max_tools: 5,
        }
    }
}

impl RouterKind for RnnParams {
    const READS_EMBEDDINGS: bool = false;
    const BY_DESCENT: bool = true;

    fn check(&self) -> Result<(), Error> {
        let setting = |field, value: &dyn ToString, expected| {
            Err(Error::setting(KIND, field, value, expected))
        };
        self.schedule().check(KIND)?;
        for (field, count) in [
            ("max_length", self.max_length),
            ("embedding", self.embedding),
            ("hidden", self.hidden),
            ("max_tools", self.max_tools),
        ] {
            if count == 0 {
                return setting(field, &count, "at least 1");
            }
        }
        for (field, share) in [("dropout", self.dropout), ("unknown", self.unknown)] {
            if !(0.0..1.0).contains(&share) {
                return setting(field, &share, "at least 0 and below 1");
            }
        }
        for (field, number) in [
            ("temperature_from", self.temperature_from),
            ("temperature_to", self.temperature_to),
            ("weight_limit", self.weight_limit.into()),
        ] {
            if !(number.is_finite() && number > 0.0) {
                return setting(field, &number, "a number above 0");
            }
        }
        if self.learn == Learn::Reinforce && self.head != Head::Softmax {
            return setting("learn", &"reinforce", "`labels` for this head");
        }
        check_share(KIND, self.validation)
    }

    /// Fits the router. Without anything to learn from, every tool has the same logit.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or
    /// [`Error::Diverged`].
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check_labels()?;
        self.check_feedback(training)?;
        let (mut rows, validation) = training.fit_and_validation(self.validation);
        rows.retain(|&row| {
            let query = &training.queries[row];
            match self.learn {
                Learn::Labels => !query.relevant.is_empty(),
                Learn::Reinforce => !query.outcomes().is_empty(),
            }
        });
        let texts = rows.iter().map(|&row| training.queries[row].text);
        let vocabulary = Arc::new(Vocabulary::new(texts, self.max_length)?);
        let mut weights = Weights::new(training.seed);
        let network = Network::new(self, training, &rows, &vocabulary, &mut weights)
            .map_err(Error::tensor(KIND))?;
        let fit = Fit {
            router: KIND,
            training,
            rows,
            schedule: self.schedule(),
        };
        let router = fit.run(
            &weights,
            |rows, rng, epoch| network.loss(rows, rng, epoch),
            || Rnn::of(self, &weights, vocabulary.clone()),
            |router| training.ndcg(router, &validation),
        )?;
        Ok(Box::new(router))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Rnn::restore(self, state)?))
    }
}

impl RnnParams {
    fn schedule(&self) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            patience: self.patience,
        }
    }

    /// A label has no propensity, and with nothing but successes no outcome is better than the
    /// baseline.
    fn check_feedback(&self, training: &Training<'_>) -> Result<(), Error> {
        let labelled = |query: &TrainingQuery<'_>| query.feedback == Feedback::Complete;
        if self.learn == Learn::Reinforce && training.queries.iter().any(labelled) {
            let expected = "`labels` where training queries are labelled instead of logged";
            return Err(Error::setting(KIND, "learn", &"reinforce", expected));
        }
        Ok(())
    }

    /// What bounds the decoder, where there is one.
    fn most_emitted(&self) -> Option<usize> {
        (self.head == Head::Sequence).then_some(self.max_tools)
    }

    /// τ falls by the same factor from epoch to epoch.
    fn temperature(&self, epoch: Epoch) -> f64 {
        let done = (epoch.number - 1) as f64 / (epoch.of - 1).max(1) as f64;
        self.temperature_from * (self.temperature_to / self.temperature_from).powf(done)
    }
}

const KIND: &str = "rnn";
