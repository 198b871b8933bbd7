//! `oats-s3`: a contrastive adapter that moves the query's vector (the paper's Stage 3).
//!
//! > a(q) = normalise(q + W₂·relu(W₁·q + b₁) + b₂)
//!
//! with d→256→d (197,248 parameters for d = 384). W₂ and b₂ start at zero, so the adapter starts as
//! the identity; without the residual there is no identity to start from, and W₂ starts at random.
//!
//! # Loss
//! InfoNCE (van den Oord et al. 2018, equation 4): for a query, one of its right tools t⁺, drawn anew
//! in every epoch, and negative tools N,
//!
//! > −ln( e^(a(q)·t⁺/τ) / (e^(a(q)·t⁺/τ) + Σ e^(a(q)·t/τ) over t in N) )
//!
//! N holds the tools drawn for the batch's other queries, and hard negatives: the best-scored tools of
//! the query's own top K that are known to be wrong (of logged queries: those that it failed for).
//! A tool that is known to be right for the query is never in N. An in-batch tool of which nothing is
//! known is taken as wrong, as it mostly is.
//!
//! It is minimised by AdamW with a weight decay of 0.01 and gradients of length 1 at most.
//!
//! # What it is validated on
//! The share `validation` of the training queries is not learned from. After every epoch, NDCG@5 over
//! them (at most about 1,000) decides which weights are kept. Refined tool vectors are fitted without them
//! too; the router is served with vectors of all training queries.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use oats_datasets::ToolId;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{ToolVectors, WEIGHT_DECAY, has_successes, outcomes::failures, product, unit_or};
use crate::{
    Error, Router, RouterKind, State, Training,
    baselines::Dense,
    learn::{Fit, Schedule, Weights, tensor},
    matmul::matmul,
    pipeline::{Adapt, Pipeline},
    training::check_share,
};

const KIND: &str = "oats-s3";

/// Hyper-parameters of Stage 3. But for the adapter's size the paper gives none; these were chosen on
/// validation parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Params {
    /// The tool vectors that adapted queries are compared with.
    pub base: ToolVectors,
    /// Units of the hidden layer; at least 1.
    pub hidden: usize,
    /// Whether the network's output is added to the query's vector or stands in for it.
    pub residual: bool,
    /// Whether the tools of a batch's other queries are negatives.
    pub in_batch: bool,
    /// Hard negatives per query at most; 0 for none.
    pub hard_negatives: usize,
    /// K, how many retrieved tools a wrong one must be among to be a hard negative; at least 1.
    pub top_k: usize,
    /// τ, by which similarities are divided in the loss; above 0.
    pub temperature: f64,
    /// Passes over the training queries at most; at least 1.
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

impl Default for S3Params {
    fn default() -> Self {
        Self {
            base: ToolVectors::default(),
            hidden: 256,
            residual: true,
            in_batch: true,
            hard_negatives: 2,
            top_k: 20,
            temperature: 0.07,
            epochs: 20,
            batch_size: 64,
            learning_rate: 3e-4,
            patience: 4,
            validation: 0.1,
        }
    }
}

impl RouterKind for S3Params {
    const READS_EMBEDDINGS: bool = true;
    const BY_DESCENT: bool = true;

    fn check(&self) -> Result<(), Error> {
        let setting = |field, value: &dyn ToString, expected| {
            Err(Error::setting(KIND, field, value, expected))
        };
        self.base.check()?;
        self.schedule().check(KIND)?;
        for (field, count) in [("hidden", self.hidden), ("top_k", self.top_k)] {
            if count == 0 {
                return setting(field, &count, "at least 1");
            }
        }
        if !self.in_batch && self.hard_negatives == 0 {
            let expected = "at least 1 where `in_batch` is false: the loss needs negatives";
            return setting("hard_negatives", &self.hard_negatives, expected);
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return setting("temperature", &self.temperature, "a number above 0");
        }
        check_share(KIND, self.validation)
    }

    /// Learns the adapter.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or
    /// [`Error::Diverged`].
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        if !has_successes(training) {
            return Ok(Box::new(Pipeline::plain(self.base.fit(training)?)));
        }
        let (fit, validation) = training.fit_and_validation(self.validation);
        let part = training.part(&fit);
        let learning = part.view();
        let tools = self.base.fit(&learning)?;
        let hard = self.hard_negatives(&learning, &tools);

        let mut weights = Weights::new(training.seed);
        let dimension = training.tool_embeddings.ncols();
        let network =
            LearnedAdapter::new(self, dimension, &mut weights).map_err(Error::tensor(KIND))?;
        let served = || {
            let adapter = Adapter::learned(&weights, self.residual)?;
            Ok(Pipeline::adapted(adapter, tools.clone()))
        };
        let rows = 0..learning.queries.len();
        let learned = Fit {
            router: KIND,
            training,
            rows: rows
                .filter(|&row| !learning.queries[row].relevant.is_empty())
                .collect(),
            schedule: self.schedule(),
        }
        .run(
            &weights,
            |rows, rng, _| {
                let batch = Batch::draw(self, &learning, &hard, rows, rng);
                batch.loss(&network, &learning, &tools, self.temperature)
            },
            served,
            |router| training.ndcg(router, &validation),
        )?;

        Ok(Box::new(learned.with_tools(self.base.fit(training)?)))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Pipeline::restore_adapted(state, |state, tools| Adapter::restore(self, state, tools))
    }
}

impl S3Params {
    fn schedule(&self) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            weight_decay: WEIGHT_DECAY,
            patience: self.patience,
        }
    }

    /// Each training query's hard negatives.
    fn hard_negatives(&self, training: &Training<'_>, tools: &Dense) -> Vec<Vec<ToolId>> {
        let mut hard = vec![Vec::new(); training.queries.len()];
        if self.hard_negatives > 0 {
            let tools = tools.tool_embeddings();
            for (query, tool) in failures(training, tools, self.top_k) {
                if hard[query].len() < self.hard_negatives
                    && !training.queries[query].is_relevant(tool)
                {
                    hard[query].push(tool);
                }
            }
        }
        hard
    }
}

/// Some training queries, and the tools they are compared with.
struct Batch<'a> {
    rows: &'a [usize],
    /// Every tool that is positive or negative for some of the queries, once.
    tools: Vec<ToolId>,
    /// Place in `tools` of each query's positive.
    positives: Vec<u32>,
    /// Queries × tools: 0 for a query's positive and negatives, far below 0 elsewhere.
    mask: Vec<f32>,
}

impl<'a> Batch<'a> {
    fn draw(
        params: &S3Params,
        training: &Training<'_>,
        hard: &[Vec<ToolId>],
        rows: &'a [usize],
        rng: &mut ChaCha8Rng,
    ) -> Self {
        /// Makes e^(similarity/τ) zero for any temperature that makes sense, but is a number.
        const EXCLUDED: f32 = -1e9;

        let drawn: Vec<ToolId> = rows
            .iter()
            .map(|&row| {
                let right = &training.queries[row].relevant;
                right[rng.random_range(0..right.len())].0
            })
            .collect();
        let hard_of = |row: usize| hard[row].iter().copied();
        let all = drawn
            .iter()
            .copied()
            .chain(rows.iter().flat_map(|&row| hard_of(row)));
        let mut place: BTreeMap<ToolId, usize> = all.map(|tool| (tool, 0)).collect();
        for (number, place) in place.values_mut().enumerate() {
            *place = number;
        }
        let mut mask = vec![EXCLUDED; rows.len() * place.len()];
        for ((mask, &row), positive) in mask.chunks_mut(place.len()).zip(rows).zip(&drawn) {
            if params.in_batch {
                let others = drawn.iter();
                for other in others.filter(|&&tool| !training.queries[row].is_relevant(tool)) {
                    mask[place[other]] = 0.0;
                }
            }
            for tool in hard_of(row) {
                mask[place[&tool]] = 0.0;
            }
            mask[place[positive]] = 0.0;
        }
        Self {
            rows,
            positives: drawn.iter().map(|tool| place[tool] as u32).collect(),
            tools: place.into_keys().collect(),
            mask,
        }
    }

    fn loss(
        &self,
        network: &LearnedAdapter,
        training: &Training<'_>,
        tools: &Dense,
        temperature: f64,
    ) -> candle_core::Result<Tensor> {
        let queries = tensor(training.query_embeddings.select(Axis(0), self.rows))?;
        let tools = tensor(tools.tool_embeddings().select(Axis(0), &self.tools))?;
        let similarities = matmul(&network.adapt(&queries)?, &tools.t()?)?;
        let mask = Tensor::from_slice(&self.mask, similarities.shape(), &Device::Cpu)?;
        let logits = ((similarities / temperature)? + mask)?;
        let positives = Tensor::from_slice(&self.positives, self.positives.len(), &Device::Cpu)?;
        candle_nn::loss::cross_entropy(&logits, &positives)
    }
}

/// An adapter that learns. Weights are inputs × outputs.
struct LearnedAdapter {
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    residual: bool,
}

impl LearnedAdapter {
    fn new(
        params: &S3Params,
        dimension: usize,
        weights: &mut Weights,
    ) -> candle_core::Result<Self> {
        let hidden = params.hidden;
        let bound = |inputs: usize| 1.0 / (inputs as f32).sqrt();
        Ok(Self {
            w1: weights.uniform("w1", &[dimension, hidden], bound(dimension))?,
            b1: weights.constant("b1", &[hidden], 0.0)?,
            w2: if params.residual {
                weights.constant("w2", &[hidden, dimension], 0.0)?
            } else {
                weights.uniform("w2", &[hidden, dimension], bound(hidden))?
            },
            b2: weights.constant("b2", &[dimension], 0.0)?,
            residual: params.residual,
        })
    }

    /// Unit vectors for unit vectors (queries × d).
    fn adapt(&self, queries: &Tensor) -> candle_core::Result<Tensor> {
        let hidden = matmul(queries, &self.w1)?;
        let hidden = hidden.broadcast_add(&self.b1)?.relu()?;
        let mut moved = matmul(&hidden, &self.w2)?.broadcast_add(&self.b2)?;
        if self.residual {
            moved = (moved + queries)?;
        }
        // Keeps the gradient finite where the vector vanishes.
        let squares = (moved.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?;
        moved.broadcast_div(&squares.sqrt()?)
    }
}

/// An adapter that serves. Weights are inputs × outputs.
struct Adapter {
    w1: Array2<f32>,
    b1: Array1<f32>,
    w2: Array2<f32>,
    b2: Array1<f32>,
    residual: bool,
}

impl Adapter {
    fn learned(weights: &Weights, residual: bool) -> Result<Self, Error> {
        Ok(Self {
            w1: weights.array("w1")?,
            b1: weights.array("b1")?,
            w2: weights.array("w2")?,
            b2: weights.array("b2")?,
            residual,
        })
    }

    fn restore(params: &S3Params, state: &State, tools: &Dense) -> Result<Self, Error> {
        let adapter = Self {
            w1: state.array("w1")?,
            b1: state.array("b1")?,
            w2: state.array("w2")?,
            b2: state.array("b2")?,
            residual: params.residual,
        };
        let (dimension, hidden) = (tools.tool_embeddings().ncols(), params.hidden);
        let fits = adapter.w1.dim() == (dimension, hidden)
            && adapter.b1.len() == hidden
            && adapter.w2.dim() == (hidden, dimension)
            && adapter.b2.len() == dimension;
        if !fits {
            let problem = "the adapter's weights do not fit the tools and each other";
            return Err(Error::State(problem.to_owned()));
        }
        Ok(adapter)
    }
}

impl Adapt for Adapter {
    fn adapt(&self, query: &[f32]) -> Vec<f32> {
        let original = ArrayView1::from(query);
        let hidden = (product(original, &self.w1) + &self.b1).mapv(|x| x.max(0.0));
        let mut moved = product(hidden.view(), &self.w2) + &self.b2;
        if self.residual {
            moved += &original;
        }
        unit_or(moved, query)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.put("w1", &self.w1);
        state.put("b1", &self.b1);
        state.put("w2", &self.w2);
        state.put("b2", &self.b2);
        state
    }
}
