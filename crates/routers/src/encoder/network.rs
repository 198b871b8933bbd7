//! The transformer: the same code in training and in service.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::{layer_norm_slow, softmax};
use ndarray::IxDyn;
use oats_datasets::ToolId;

use super::EncoderParams;
use crate::{Error, State, learn::Weights};

pub(super) struct Network {
    heads: usize,
    /// Vocabulary × d.
    tokens: Tensor,
    /// Longest text × d.
    positions: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    /// Tools × d.
    offsets: Tensor,
    /// All of the above by name.
    named: Vec<(String, Tensor)>,
}

struct Block {
    attention_norm: Norm,
    /// d × d each.
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    forward_norm: Norm,
    /// d × 2d.
    widen: Tensor,
    widen_bias: Tensor,
    /// 2d × d.
    narrow: Tensor,
    narrow_bias: Tensor,
}

struct Norm {
    gain: Tensor,
    bias: Tensor,
}

/// What weights are before training.
enum Start {
    Uniform(f32),
    Constant(f32),
}

impl Network {
    /// A network to train, its weights drawn by `weights`.
    pub(super) fn random(
        params: &EncoderParams,
        vocabulary: usize,
        tools: usize,
        weights: &mut Weights,
    ) -> Result<Self> {
        Self::build(
            params,
            vocabulary,
            tools,
            |name, shape, start| match start {
                Start::Uniform(bound) => weights.uniform(name, shape, bound),
                Start::Constant(value) => weights.constant(name, shape, value),
            },
        )
    }

    /// The network that [`save`](Self::save) put into `state`.
    pub(super) fn restore(
        params: &EncoderParams,
        vocabulary: usize,
        tools: usize,
        state: &State,
    ) -> std::result::Result<Self, Error> {
        Self::build(params, vocabulary, tools, |name, shape, _| {
            let array = state.array::<IxDyn>(name)?;
            if array.shape() != shape {
                return Err(Error::State(format!(
                    "the array `{name}` is {:?}, not {shape:?}",
                    array.shape()
                )));
            }
            let values: Vec<f32> = array.into_iter().collect();
            Tensor::from_vec(values, shape, &Device::Cpu).map_err(Error::tensor("encoder"))
        })
    }

    fn build<E>(
        params: &EncoderParams,
        vocabulary: usize,
        tools: usize,
        mut make: impl FnMut(&str, &[usize], Start) -> std::result::Result<Tensor, E>,
    ) -> std::result::Result<Self, E> {
        let d = params.dimensions;
        let mut named = Vec::new();
        let mut weight = |name: String, shape: &[usize], start: Start| {
            let tensor = make(&name, shape, start)?;
            named.push((name, tensor.clone()));
            Ok(tensor)
        };
        // Glorot and Bengio's bound for layers; for embeddings, a variance of 1/d.
        let layer = |inputs: usize, outputs: usize| {
            Start::Uniform((6.0 / (inputs + outputs) as f32).sqrt())
        };
        let embedding = || Start::Uniform((3.0 / d as f32).sqrt());
        let tokens = weight("tokens".to_owned(), &[vocabulary, d], embedding())?;
        let positions = weight(
            "positions".to_owned(),
            &[params.max_length, d],
            Start::Uniform(0.02),
        )?;
        let mut blocks = Vec::new();
        for block in 0..params.blocks {
            let mut weight = |name: &str, shape: &[usize], start| {
                weight(format!("block{block}/{name}"), shape, start)
            };
            blocks.push(Block {
                attention_norm: Norm {
                    gain: weight("attention-norm/gain", &[d], Start::Constant(1.0))?,
                    bias: weight("attention-norm/bias", &[d], Start::Constant(0.0))?,
                },
                query: weight("query", &[d, d], layer(d, d))?,
                key: weight("key", &[d, d], layer(d, d))?,
                value: weight("value", &[d, d], layer(d, d))?,
                output: weight("output", &[d, d], layer(d, d))?,
                forward_norm: Norm {
                    gain: weight("forward-norm/gain", &[d], Start::Constant(1.0))?,
                    bias: weight("forward-norm/bias", &[d], Start::Constant(0.0))?,
                },
                widen: weight("widen", &[d, 2 * d], layer(d, 2 * d))?,
                widen_bias: weight("widen-bias", &[2 * d], Start::Constant(0.0))?,
                narrow: weight("narrow", &[2 * d, d], layer(2 * d, d))?,
                narrow_bias: weight("narrow-bias", &[d], Start::Constant(0.0))?,
            });
        }
        let norm = Norm {
            gain: weight("norm/gain".to_owned(), &[d], Start::Constant(1.0))?,
            bias: weight("norm/bias".to_owned(), &[d], Start::Constant(0.0))?,
        };
        let offsets = weight("offsets".to_owned(), &[tools, d], Start::Constant(0.0))?;
        Ok(Self {
            heads: params.heads,
            tokens,
            positions,
            blocks,
            norm,
            offsets,
            named,
        })
    }

    /// A copy that training does not move.
    pub(super) fn copy(&self, params: &EncoderParams) -> Result<Self> {
        let (vocabulary, tools) = (self.tokens.dim(0)?, self.offsets.dim(0)?);
        let mut values = self.named.iter().map(|(_, tensor)| tensor.detach().copy());
        Self::build(params, vocabulary, tools, |name, _, _| {
            values
                .next()
                .unwrap_or_else(|| candle_core::bail!("no weights `{name}`"))
        })
    }

    /// All weights, by name.
    pub(super) fn named(&self) -> &[(String, Tensor)] {
        &self.named
    }

    /// Unit vectors of some texts (texts × d). Every text has an id at least and no more than
    /// `max_length`.
    pub(super) fn encode(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let count = texts.len();
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = vec![0u32; count * longest];
        let mut mask = vec![0.0f32; count * longest];
        for (row, text) in texts.iter().enumerate() {
            let start = row * longest;
            ids[start..start + text.len()].copy_from_slice(text);
            mask[start..start + text.len()].fill(1.0);
        }
        let ids = Tensor::from_vec(ids, count * longest, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, (count, longest), &Device::Cpu)?;
        // Minus a lot where there is no piece, so that attention gives it no weight.
        let absent = ((&mask - 1.0)? * 1e9)?.reshape((count, 1, 1, longest))?;

        let d = self.tokens.dim(1)?;
        let tokens = self
            .tokens
            .index_select(&ids, 0)?
            .reshape((count, longest, d))?;
        let mut x = tokens.broadcast_add(&self.positions.narrow(0, 0, longest)?)?;
        for block in &self.blocks {
            x = (&x + block.attend(&x, &absent, self.heads)?)?;
            x = (&x + block.forward(&x)?)?;
        }
        let pieces = self.norm.apply(&x)?.broadcast_mul(&mask.unsqueeze(2)?)?;
        // The sum points where the mean does.
        normalise(&pieces.sum(1)?)
    }

    /// Unit vectors of some tools (tools × d), given their texts.
    pub(super) fn tools(&self, tools: &[ToolId], texts: &[Vec<u32>]) -> Result<Tensor> {
        let ids: Vec<i64> = tools.iter().map(|&tool| tool as i64).collect();
        let offsets = self
            .offsets
            .index_select(&Tensor::new(ids, &Device::Cpu)?, 0)?;
        normalise(&(self.encode(texts)? + offsets)?)
    }
}

impl Block {
    fn attend(&self, x: &Tensor, absent: &Tensor, heads: usize) -> Result<Tensor> {
        let (count, longest, d) = x.dims3()?;
        let flat = self
            .attention_norm
            .apply(x)?
            .reshape((count * longest, d))?;
        // Texts × heads × pieces × d/heads.
        let by_head = |weights: &Tensor| {
            flat.matmul(weights)?
                .reshape((count, longest, heads, d / heads))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (query, key, value) = (
            by_head(&self.query)?,
            by_head(&self.key)?,
            by_head(&self.value)?,
        );
        let scores = (query.matmul(&key.t()?)? / ((d / heads) as f64).sqrt())?;
        let attention = softmax(&scores.broadcast_add(absent)?, D::Minus1)?;
        let mixed = attention
            .matmul(&value)?
            .transpose(1, 2)?
            .reshape((count * longest, d))?;
        mixed.matmul(&self.output)?.reshape((count, longest, d))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (count, longest, d) = x.dims3()?;
        let flat = self.forward_norm.apply(x)?.reshape((count * longest, d))?;
        let wide = flat
            .matmul(&self.widen)?
            .broadcast_add(&self.widen_bias)?
            .relu()?;
        let narrow = wide
            .matmul(&self.narrow)?
            .broadcast_add(&self.narrow_bias)?;
        narrow.reshape((count, longest, d))
    }
}

impl Norm {
    /// candle's other layer norms cannot be trained through.
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm_slow(x, &self.gain, &self.bias, 1e-5)
    }
}

/// Rows of unit length.
fn normalise(rows: &Tensor) -> Result<Tensor> {
    let lengths = (rows.sqr()?.sum_keepdim(1)? + 1e-12)?.sqrt()?;
    rows.broadcast_div(&lengths)
}
