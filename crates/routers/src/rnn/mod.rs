//! `rnn`: an LSTM over WordPieces as the tool controller.

mod lstm;
mod network;
mod served;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Feedback, Router, State, Training, TrainingQuery,
    learn::{Epoch, Fit, Schedule, Weights},
    vocabulary::Vocabulary,
};
use oats_datasets::Outcome;

use network::Network;
use served::Rnn;

/// Hyper-parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RnnParams {
    /// What chooses the tools.
    pub head: Head,
    /// What is learned from.
    pub learn: Learn,
    /// What of a text's hidden states is handed on. A `sequence` head always starts from the last.
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
    /// Share of the training queries that is held out to tell when to stop (1,000 queries at most);
    /// between 0 and 1, without both.
    pub hold_out: f64,
    /// Epochs without a better NDCG@5 on the held-out queries before the fit stops.
    pub patience: usize,
    /// τ of the `gumbel` head in the first epoch; above 0.
    pub temperature_from: f64,
    /// τ of the `gumbel` head in the last epoch; above 0.
    pub temperature_to: f64,
    /// The importance weight of an outcome at most, for `reinforce`; above 0.
    pub weight_limit: f32,
    /// How many tools the `sequence` head emits at most; at least 1.
    pub max_tools: usize,
}

/// What chooses the tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Softmax.
    Softmax,
    /// Gumbel.
    Gumbel,
    /// Sequence.
    Sequence,
}

/// What is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learn {
    /// The tools known to be right.
    Labels,
    /// Outcomes.
    Reinforce,
}

/// What of a text's hidden states is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The last.
    Last,
    /// Their mean.
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
            hidden: 128,
            epochs: 30,
            batch_size: 32,
            learning_rate: 2e-3,
            weight_decay: 1e-2,
            dropout: 0.3,
            unknown: 0.1,
            hold_out: 0.1,
            patience: 3,
            temperature_from: 1.0,
            temperature_to: 0.3,
            weight_limit: 10.0,
            max_tools: 5,
        }
    }
}

impl RnnParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the field.
    pub fn check(&self) -> Result<(), Error> {
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
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return setting("weight_decay", &self.weight_decay, "a number of at least 0");
        }
        if !(self.hold_out > 0.0 && self.hold_out < 1.0) {
            return setting("hold_out", &self.hold_out, "between 0 and 1");
        }
        if self.learn == Learn::Reinforce && self.head != Head::Softmax {
            return setting("learn", &"reinforce", "`labels` for this head");
        }
        Ok(())
    }

    fn schedule(&self) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            patience: self.patience,
            clip: LONGEST_GRADIENT,
        }
    }

    /// Fits the router. Without anything to learn from, every tool has the same logit.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or
    /// [`Error::Diverged`].
    pub fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check_labels()?;
        self.check_feedback(training)?;
        let most = MOST_HELD_OUT / training.queries.len().max(1) as f64;
        let (mut rows, validation) = training.hold_out(self.hold_out.min(most), training.seed);
        rows.retain(|&row| {
            let query = &training.queries[row];
            match self.learn {
                Learn::Labels => !query.relevant.is_empty(),
                Learn::Reinforce => !outcomes(query).is_empty(),
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
        let max_tools = (self.head == Head::Sequence).then_some(self.max_tools);
        let router = fit.run(
            &weights,
            |rows, rng, epoch| network.loss(rows, rng, epoch),
            || Rnn::of(&weights, vocabulary.clone(), self.pooling, max_tools),
            |router| training.ndcg(router, &validation),
        )?;
        Ok(Box::new(router))
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

    /// τ falls by the same factor from epoch to epoch.
    fn temperature(&self, epoch: Epoch) -> f64 {
        let done = (epoch.number - 1) as f64 / (epoch.of - 1).max(1) as f64;
        self.temperature_from * (self.temperature_to / self.temperature_from).powf(done)
    }

    pub(crate) fn restore(state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Rnn::restore(state)?))
    }
}

const KIND: &str = "rnn";

/// Early stopping needs no more, and every epoch ranks them all.
const MOST_HELD_OUT: f64 = 1000.0;

/// Gradients of recurrent networks are clipped by length (Pascanu, Mikolov and Bengio 2013).
const LONGEST_GRADIENT: f32 = 1.0;

/// What was logged of a query.
fn outcomes<'a>(query: &'a TrainingQuery<'_>) -> &'a [Outcome] {
    match &query.feedback {
        Feedback::Complete => &[],
        Feedback::Logged(outcomes) => outcomes,
    }
}
