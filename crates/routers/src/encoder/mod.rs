//! `encoder`: a small transformer trained from scratch, with tools as points of the space it maps
//! queries into.
//!
//! A text's WordPieces go through token and position embeddings, pre-norm blocks of self-attention
//! (Vaswani et al. 2017; Xiong et al. 2020), and a mean over the pieces to a unit vector enc(text). A
//! tool's vector is
//!
//! > tᵢ = normalise(enc(textᵢ) + oᵢ)
//!
//! with a learned offset oᵢ that starts at 0. A tool without outcomes keeps it, and is scored from
//! its text alone. Queries are trained by softmax cross entropy over cosines,
//!
//! > − Σᵢ yᵢ log softmax(cos(enc(query), tᵢ) / τ)
//!
//! with equal shares yᵢ for the query's right tools. Each step compares with the right tools of its
//! batch and some more, drawn from those that are right for some query: nothing is learned against
//! a tool without outcomes.
//!
//! A tenth of the training queries (at most about 1,000) tells when to stop and is not learned from.

mod network;
mod served;

use std::collections::BTreeSet;

use candle_core::{D, Device, Tensor};
use candle_nn::ops::log_softmax;
use oats_datasets::ToolId;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::{network::Network, served::Encoder};
use crate::{
    Error, Router, RouterKind, State, Training,
    learn::{Fit, Schedule, Weights},
    matmul::matmul,
    vocabulary::{Vocabulary, with_unknowns},
};

/// Hyper-parameters. The defaults were chosen on held-out training queries of MetaTool and of the
/// built-in benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderParams {
    /// Components of vectors, d; a multiple of `heads`.
    pub dimensions: usize,
    /// Heads of attention; at least 1.
    pub heads: usize,
    /// Blocks of attention and feed-forward layer (2·d wide); 0 leaves the mean of the embeddings.
    pub blocks: usize,
    /// How many WordPieces of a text are read; at least 1.
    pub max_length: usize,
    /// τ, what cosines are divided by for the softmax; above 0.
    pub temperature: f32,
    /// Up to how many tools a step compares with, where its right tools are fewer: others are drawn
    /// to join them.
    pub sampled_tools: usize,
    /// The share of WordPieces that a step reads as unknown; 0 to below 1.
    pub unknown: f32,
    /// Passes over the training queries at most; at least 1.
    pub epochs: usize,
    /// Queries per step; at least 1.
    pub batch_size: usize,
    /// Adam's step size; above 0.
    pub learning_rate: f64,
    /// AdamW's decay, which keeps offsets small; at least 0.
    pub weight_decay: f64,
    /// How many epochs in a row without a better validation are borne; the next one ends the fit.
    pub patience: usize,
}

impl Default for EncoderParams {
    fn default() -> Self {
        Self {
            dimensions: 64,
            heads: 2,
            blocks: 1,
            max_length: 32,
            temperature: 0.2,
            sampled_tools: 128,
            unknown: 0.3,
            epochs: 30,
            batch_size: 128,
            learning_rate: 4e-3,
            weight_decay: 0.01,
            patience: 5,
        }
    }
}

const KIND: &str = "encoder";

/// The share of the training queries that the fit is validated on, to about 1,000.
const VALIDATION: f64 = 0.1;

impl RouterKind for EncoderParams {
    const READS_EMBEDDINGS: bool = false;
    const BY_DESCENT: bool = true;

    fn check(&self) -> Result<(), Error> {
        let setting = |field, value: &dyn ToString, expected| {
            Err(Error::setting(KIND, field, value, expected))
        };
        for (field, value) in [("heads", self.heads), ("max_length", self.max_length)] {
            if value == 0 {
                return setting(field, &value, "at least 1");
            }
        }
        if self.dimensions == 0 || !self.dimensions.is_multiple_of(self.heads) {
            return setting("dimensions", &self.dimensions, "a multiple of heads");
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return setting("temperature", &self.temperature, "a number above 0");
        }
        if !(0.0..1.0).contains(&self.unknown) {
            return setting("unknown", &self.unknown, "at least 0 and below 1");
        }
        self.schedule().check(KIND)
    }

    /// Trains the network; reads no embeddings.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, a text that cannot be
    /// read, or [`Error::Diverged`].
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check_labels()?;
        let (mut rows, validation) = training.fit_and_validation(VALIDATION);
        rows.retain(|&row| !training.queries[row].relevant.is_empty());

        let tools = training.tools.iter().map(|tool| tool.text.as_str());
        let asked = rows.iter().map(|&row| training.queries[row].text);
        let vocabulary = Vocabulary::new(asked.chain(tools.clone()), self.max_length)?;
        let texts = Texts {
            tools: tools.map(|text| vocabulary.ids(text)).collect(),
            queries: training
                .queries
                .iter()
                .map(|query| vocabulary.ids(query.text))
                .collect(),
            known: Vec::from_iter(BTreeSet::from_iter(
                rows.iter()
                    .flat_map(|&row| training.queries[row].right_tools()),
            )),
        };
        let mut weights = Weights::new(training.seed);
        let network = Network::random(self, vocabulary.len(), texts.tools.len(), &mut weights)
            .map_err(Error::tensor(KIND))?;
        let vocabulary = vocabulary.into();

        let fit = Fit {
            router: KIND,
            training,
            rows,
            schedule: self.schedule(),
        };
        let encoder = fit.run(
            &weights,
            |rows, rng, _| self.loss(&network, training, &texts, rows, rng),
            || Encoder::new(self, &vocabulary, &network, &texts.tools),
            |encoder| training.ndcg(encoder, &validation),
        )?;
        Ok(Box::new(encoder))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Encoder::restore(self, state)?))
    }
}

impl EncoderParams {
    fn schedule(&self) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            patience: self.patience,
        }
    }

    fn loss(
        &self,
        network: &Network,
        training: &Training<'_>,
        texts: &Texts,
        rows: &[usize],
        rng: &mut ChaCha8Rng,
    ) -> candle_core::Result<Tensor> {
        // Texts of about the same length stand side by side, so that little is padded.
        let mut rows = rows.to_vec();
        rows.sort_by_key(|&row| texts.queries[row].len());
        let right = |&row: &usize| training.queries[row].right_tools();
        let mut tools = BTreeSet::from_iter(rows.iter().flat_map(right));
        let more = self.sampled_tools.saturating_sub(tools.len());
        tools.extend(texts.known.clone().partial_shuffle(rng, more).0.iter());
        let mut tools = Vec::from_iter(tools);
        tools.sort_by_key(|&tool| texts.tools[tool].len());

        let mut shares = vec![0.0f32; rows.len() * tools.len()];
        for (shares, &row) in shares.chunks_mut(tools.len()).zip(&rows) {
            let count = right(&row).count() as f32;
            for (share, &tool) in shares.iter_mut().zip(&tools) {
                if training.queries[row].is_relevant(tool) {
                    *share = 1.0 / count;
                }
            }
        }
        let shares = Tensor::from_vec(shares, (rows.len(), tools.len()), &Device::Cpu)?;

        let mut read = |ids: &Vec<u32>| with_unknowns(ids, self.unknown, rng);
        let asked: Vec<_> = rows.iter().map(|&row| read(&texts.queries[row])).collect();
        let described: Vec<_> = tools.iter().map(|&tool| read(&texts.tools[tool])).collect();
        let queries = network.encode(&asked)?;
        let tools = network.tools(&tools, &described)?;
        let logits = (matmul(&queries, &tools.t()?)? / f64::from(self.temperature))?;
        (log_softmax(&logits, D::Minus1)? * shares)?.sum_all()? / -(rows.len() as f64)
    }
}

/// What is learned from, as the vocabulary's numbers.
struct Texts {
    tools: Vec<Vec<u32>>,
    /// Of all training queries.
    queries: Vec<Vec<u32>>,
    /// The tools that are right for some query that is learned from.
    known: Vec<ToolId>,
}
