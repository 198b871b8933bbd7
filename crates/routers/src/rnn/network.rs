//! The controller while it learns: its weights as candle tensors, and the losses of its heads.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use oats_datasets::{Outcome, ToolId};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{
    Training,
    learn::{Epoch, Weights},
    matmul::matmul,
    vocabulary::{Vocabulary, with_unknowns},
};

use super::{
    Head, Learn, Pooling, RnnParams,
    lstm::{Columns, Lstm, Packed},
};

/// Names of the weights. Those of a [`Reader`] stand behind one of the first two.
pub(super) const ENCODER: &str = "encoder";
pub(super) const DECODER: &str = "decoder";
pub(super) const OUTPUT: &str = "output";
pub(super) const OUTPUT_BIAS: &str = "output_bias";

/// An embedding and an LSTM over it.
struct Reader {
    embedding: Tensor,
    input: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    hidden_size: usize,
}

impl Reader {
    fn new(prefix: &str, ids: usize, params: &RnnParams, weights: &mut Weights) -> Result<Self> {
        let (width, hidden) = (params.embedding, params.hidden);
        let bound = 1.0 / (hidden as f32).sqrt();
        // LeCun et al. 1998 (variance 1/width). With the bound of `recurrent` the fit was slower.
        let wide = (3.0 / width as f32).sqrt();
        let name = |part: &str| format!("{prefix}/{part}");
        Ok(Self {
            embedding: weights.uniform(&name("embedding"), &[ids, width], 1.0)?,
            input: weights.uniform(&name("input"), &[width, 4 * hidden], wide)?,
            bias: weights.constant(&name("bias"), &[4 * hidden], 0.0)?,
            recurrent: weights.uniform(&name("recurrent"), &[hidden, 4 * hidden], bound)?,
            hidden_size: hidden,
        })
    }

    /// Each step's gates, c and h (steps × 6H).
    fn read(
        &self,
        packed: &Packed,
        sequences: &[Vec<u32>],
        start: &Tensor,
        mut dropout: Dropout<'_>,
    ) -> Result<Tensor> {
        let ids = packed.steps.iter().map(|&(row, step)| sequences[row][step]);
        let ids = Tensor::from_iter(ids, &Device::Cpu)?;
        let embedded = dropout.apply(&self.embedding.index_select(&ids, 0)?)?;
        let projections = matmul(&embedded, &self.input)?.broadcast_add(&self.bias)?;
        let lstm = Lstm {
            active: packed.active.clone(),
        };
        projections.apply_op3(&self.recurrent, start, lstm)
    }

    /// A start from nothing.
    fn zeros(&self, sequences: usize) -> Result<Tensor> {
        let shape = (sequences, 2 * self.hidden_size);
        Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu)
    }
}

/// In place of the logarithm of a one-hot sample's zeros.
const LOG_OF_ZERO: f32 = -10.0;

/// The controller's weights and everything its losses read.
pub(super) struct Network<'a, 't> {
    params: &'a RnnParams,
    training: &'a Training<'t>,
    /// The training queries as the network reads them.
    texts: Vec<Vec<u32>>,
    encoder: Reader,
    decoder: Option<Reader>,
    output: Tensor,
    output_bias: Tensor,
    /// For how many training queries each tool is right.
    frequencies: Vec<usize>,
    /// REINFORCE's baseline.
    mean_reward: f32,
}

impl<'a, 't> Network<'a, 't> {
    pub(super) fn new(
        params: &'a RnnParams,
        training: &'a Training<'t>,
        rows: &[usize],
        vocabulary: &Vocabulary,
        weights: &mut Weights,
    ) -> Result<Self> {
        let tools = training.tools.len();
        // One more than tools: the start as the decoder's input, the stop as its output.
        let (decoder, outputs) = match params.head {
            Head::Sequence => {
                let decoder = Reader::new(DECODER, tools + 1, params, weights)?;
                (Some(decoder), tools + 1)
            }
            Head::Softmax | Head::Gumbel => (None, tools),
        };
        let mut frequencies = vec![0; tools];
        let mut rewards = Vec::new();
        for &row in rows {
            let query = &training.queries[row];
            for tool in query.right_tools() {
                frequencies[tool] += 1;
            }
            rewards.extend(query.outcomes().iter().map(reward));
        }
        let texts = training.queries.iter();
        let texts = texts.map(|query| vocabulary.ids(query.text)).collect();
        Ok(Self {
            params,
            training,
            texts,
            encoder: Reader::new(ENCODER, vocabulary.len(), params, weights)?,
            decoder,
            // Zeros, so that tools are equal before anything is learned of them.
            output: weights.constant(OUTPUT, &[outputs, params.hidden], 0.0)?,
            output_bias: weights.constant(OUTPUT_BIAS, &[outputs], 0.0)?,
            frequencies,
            mean_reward: rewards.iter().sum::<f32>() / rewards.len().max(1) as f32,
        })
    }

    /// The mean loss of these training queries.
    pub(super) fn loss(
        &self,
        rows: &[usize],
        rng: &mut ChaCha8Rng,
        epoch: Epoch,
    ) -> Result<Tensor> {
        let texts: Vec<Vec<u32>> = rows
            .iter()
            .map(|&row| with_unknowns(&self.texts[row], self.params.unknown, rng))
            .collect();
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let packed = Packed::new(&lengths);
        let start = self.encoder.zeros(rows.len())?;
        let trace = self
            .encoder
            .read(&packed, &texts, &start, self.dropout(rng))?;
        if let Some(decoder) = &self.decoder {
            let pool = pooling(Pooling::Last, &packed, &lengths)?;
            let (begin, width) = Columns::new(self.params.hidden).state();
            let states = matmul(&pool, &trace.narrow(1, begin, width)?)?;
            return self.sequence_loss(decoder, rows, &states, rng);
        }
        let pool = pooling(self.params.pooling, &packed, &lengths)?;
        let (begin, width) = Columns::new(self.params.hidden).hidden();
        let pooled = matmul(&pool, &trace.narrow(1, begin, width)?)?;
        let logits = self.logits(&pooled, rng)?;
        match (self.params.learn, self.params.head) {
            (Learn::Reinforce, _) if epoch.number > self.params.warm_up => {
                self.reinforce_loss(rows, &logits)
            }
            (Learn::Reinforce, _) => self.cross_entropy(rows, &log_softmax(&logits, D::Minus1)?),
            (Learn::Labels, Head::Gumbel) => self.gumbel_loss(rows, &logits, rng, epoch),
            (Learn::Labels, _) => self.cross_entropy(rows, &log_softmax(&logits, D::Minus1)?),
        }
    }

    fn dropout<'r>(&self, rng: &'r mut ChaCha8Rng) -> Dropout<'r> {
        Dropout {
            share: self.params.dropout,
            rng,
        }
    }

    /// One logit a tool (and one to stop) for each hidden state.
    fn logits(&self, hidden: &Tensor, rng: &mut ChaCha8Rng) -> Result<Tensor> {
        let hidden = self.dropout(rng).apply(hidden)?;
        matmul(&hidden, &self.output.t()?)?.broadcast_add(&self.output_bias)
    }

    /// −Σ y·ln p, where y is the same for each of a query's right tools and 0 for the others; the
    /// mean over `rows`.
    fn cross_entropy(&self, rows: &[usize], log_p: &Tensor) -> Result<Tensor> {
        let tools = self.training.tools.len();
        let mut targets = vec![0.0; rows.len() * tools];
        for (position, &row) in rows.iter().enumerate() {
            let relevant = &self.training.queries[row].relevant;
            for &(tool, _) in relevant.iter() {
                targets[position * tools + tool] = 1.0 / relevant.len() as f32;
            }
        }
        let targets = Tensor::from_vec(targets, (rows.len(), tools), &Device::Cpu)?;
        (log_p * targets)?.sum(D::Minus1)?.mean_all()?.neg()
    }

    /// Jang, Gu and Poole 2017, §2.2, in logarithms.
    fn gumbel_loss(
        &self,
        rows: &[usize],
        logits: &Tensor,
        rng: &mut ChaCha8Rng,
        epoch: Epoch,
    ) -> Result<Tensor> {
        let tools = logits.dim(1)?;
        let noise = (0..rows.len() * tools)
            // The smallest positive number instead of 0, whose logarithm is no number.
            .map(|_| -(-rng.random::<f32>().max(f32::MIN_POSITIVE).ln()).ln());
        let noise = Tensor::from_iter(noise, &Device::Cpu)?.reshape(logits.dims())?;
        let noisy = (logits + noise)?;
        let soft = log_softmax(&(&noisy / self.params.temperature(epoch))?, D::Minus1)?;
        let chosen: Vec<u32> = noisy.argmax(D::Minus1)?.to_vec1()?;
        let mut hard = vec![LOG_OF_ZERO; rows.len() * tools];
        for (position, &tool) in chosen.iter().enumerate() {
            hard[position * tools + tool as usize] = 0.0;
        }
        let hard = Tensor::from_vec(hard, logits.dims(), &Device::Cpu)?;
        self.cross_entropy(rows, &(hard + (&soft - soft.detach())?)?)
    }

    fn reinforce_loss(&self, rows: &[usize], logits: &Tensor) -> Result<Tensor> {
        let log_policy = log_softmax(logits, D::Minus1)?;
        let tools = logits.dim(1)?;
        let (mut chosen, mut propensities, mut advantages) = (vec![], vec![], vec![]);
        for (position, &row) in rows.iter().enumerate() {
            for outcome in self.training.queries[row].outcomes() {
                chosen.push((position * tools + outcome.tool) as u32);
                propensities.push(outcome.propensity);
                advantages.push(reward(outcome) - self.mean_reward);
            }
        }
        let count = chosen.len();
        let chosen = Tensor::from_vec(chosen, count, &Device::Cpu)?;
        let log_policy = log_policy.flatten_all()?.index_select(&chosen, 0)?;
        let policy: Vec<f32> = log_policy.exp()?.to_vec1()?;
        let weighted = policy.iter().zip(&propensities).zip(&advantages).map(
            |((policy, propensity), advantage)| {
                (policy / propensity).min(self.params.weight_limit) * advantage
            },
        );
        let weighted = Tensor::from_iter(weighted, &Device::Cpu)?;
        (log_policy * weighted)?.mean_all()?.neg()
    }

    fn sequence_loss(
        &self,
        decoder: &Reader,
        rows: &[usize],
        states: &Tensor,
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor> {
        // The start and the stop have the number after the last tool's.
        let end = self.training.tools.len() as u32;
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for &row in rows {
            let tools = self.in_order(row);
            let emitted = tools.iter().copied().chain([end]);
            targets.push(emitted.take(self.params.max_tools).collect::<Vec<u32>>());
            let fed = [end].into_iter().chain(tools);
            inputs.push(fed.take(self.params.max_tools).collect::<Vec<u32>>());
        }
        let lengths: Vec<usize> = inputs.iter().map(Vec::len).collect();
        let packed = Packed::new(&lengths);
        let first = packed.active.first().copied().unwrap_or(0);
        let order = packed.steps[..first].iter().map(|&(row, _)| row as u32);
        let start = states.index_select(&Tensor::from_iter(order, &Device::Cpu)?, 0)?;
        let trace = decoder.read(&packed, &inputs, &start, self.dropout(rng))?;
        let (begin, width) = Columns::new(self.params.hidden).hidden();
        let logits = self.logits(&trace.narrow(1, begin, width)?, rng)?;
        let targets = packed.steps.iter().map(|&(row, step)| targets[row][step]);
        let targets = Tensor::from_iter(targets, &Device::Cpu)?;
        candle_nn::loss::cross_entropy(&logits, &targets)
    }

    /// A query's right tools, those that are right for more queries first.
    fn in_order(&self, row: usize) -> Vec<u32> {
        let mut tools: Vec<ToolId> = self.training.queries[row].right_tools().collect();
        tools.sort_by_key(|&tool| (usize::MAX - self.frequencies[tool], tool));
        tools.dedup();
        tools.into_iter().map(|tool| tool as u32).collect()
    }
}

fn reward(outcome: &Outcome) -> f32 {
    f32::from(u8::from(outcome.success))
}

/// A matrix (sequences × steps) that, multiplied with something of each step, gives it of each
/// sequence.
fn pooling(kind: Pooling, packed: &Packed, lengths: &[usize]) -> Result<Tensor> {
    let mut shares = vec![0.0f32; lengths.len() * packed.steps.len()];
    for (position, &(sequence, step)) in packed.steps.iter().enumerate() {
        shares[sequence * packed.steps.len() + position] = match kind {
            Pooling::Last => f32::from(u8::from(step + 1 == lengths[sequence])),
            Pooling::Mean => 1.0 / lengths[sequence] as f32,
        };
    }
    Tensor::from_vec(shares, (lengths.len(), packed.steps.len()), &Device::Cpu)
}

/// Sets a share of numbers to 0 and enlarges the others to make up for it.
struct Dropout<'r> {
    share: f32,
    rng: &'r mut ChaCha8Rng,
}

impl Dropout<'_> {
    fn apply(&mut self, values: &Tensor) -> Result<Tensor> {
        if self.share == 0.0 {
            return Ok(values.clone());
        }
        let mask = (0..values.elem_count()).map(|_| {
            if self.rng.random::<f32>() < self.share {
                0.0
            } else {
                1.0 / (1.0 - self.share)
            }
        });
        values * Tensor::from_iter(mask, &Device::Cpu)?.reshape(values.dims())?
    }
}
