//! The transformer: the same code in training and in service.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::softmax;
use ndarray::IxDyn;
use oats_datasets::ToolId;

use super::{EncoderParams, KIND};
use crate::{Error, State, learn::Weights, matmul::matmul};

pub(super) struct Network {
    heads: usize,
    /// Vocabulary × d.
    tokens: Tensor,
    /// Longest text × d.
    positions: Tensor,
    blocks: Vec<Block>,
    /// Tools × d.
    offsets: Tensor,
    /// All of the above by name.
    named: Vec<(String, Tensor)>,
}

struct Block {
    /// d × d each.
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    /// d × 2d.
    widen: Tensor,
    /// 2d × d.
    narrow: Tensor,
}

/// What weights are before training.
enum Start {
    Uniform(f32),
    Constant(f32),
}

/// How many texts are padded to the longest of them.
const CHUNK: usize = 32;

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
            Tensor::from_vec(values, shape, &Device::Cpu).map_err(Error::tensor(KIND))
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
                query: weight("query", &[d, d], layer(d, d))?,
                key: weight("key", &[d, d], layer(d, d))?,
                value: weight("value", &[d, d], layer(d, d))?,
                output: weight("output", &[d, d], layer(d, d))?,
                widen: weight("widen", &[d, 2 * d], layer(d, 2 * d))?,
                narrow: weight("narrow", &[2 * d, d], layer(2 * d, d))?,
            });
        }
        let offsets = weight("offsets".to_owned(), &[tools, d], Start::Constant(0.0))?;
        Ok(Self {
            heads: params.heads,
            tokens,
            positions,
            blocks,
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

    /// Unit vectors of some texts (texts × d), fastest if texts of about the same length stand side
    /// by side. Every text has an id at least and no more than `max_length`.
    pub(super) fn encode(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let chunks = texts.chunks(CHUNK).map(|texts| self.encode_padded(texts));
        Tensor::cat(&chunks.collect::<Result<Vec<_>>>()?, 0)
    }

    fn encode_padded(&self, texts: &[Vec<u32>]) -> Result<Tensor> {
        let (count, d) = (texts.len(), self.tokens.dim(1)?);
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = vec![0u32; count * longest];
        let mut present = vec![0.0f32; count * longest];
        for (row, text) in texts.iter().enumerate() {
            let start = row * longest;
            ids[start..start + text.len()].copy_from_slice(text);
            present[start..start + text.len()].fill(1.0);
        }
        let ids = Tensor::from_vec(ids, count * longest, &Device::Cpu)?;
        let places = Tensor::arange(0, longest as u32, &Device::Cpu)?;
        let places = places.broadcast_as((count, longest))?.flatten_all()?;
        let present = Tensor::from_vec(present, (count, 1, longest), &Device::Cpu)?;
        // Minus a lot where there is no piece, so that attention gives it no weight.
        let absent = ((&present - 1.0)? * 1e9)?.unsqueeze(1)?;

        let mut x =
            (self.tokens.index_select(&ids, 0)? + self.positions.index_select(&places, 0)?)?;
        for block in &self.blocks {
            x = (&x + block.attend(&x, &absent, self.heads)?)?;
            x = (&x + block.forward(&x)?)?;
        }
        // The sum over a text's pieces points where their mean does.
        let sums = matmul(&present, &scale(&x)?.reshape((count, longest, d))?)?;
        normalise(&sums.squeeze(1)?)
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

/// Pieces come and go as rows: texts · longest × d.
impl Block {
    /// Self-attention within each text.
    fn attend(&self, x: &Tensor, absent: &Tensor, heads: usize) -> Result<Tensor> {
        let (count, _, _, longest) = absent.dims4()?;
        let (rows, d) = x.dims2()?;
        let x = scale(x)?;
        // Texts · heads × pieces × d/heads.
        let by_head = |weights: &Tensor| {
            matmul(&x, weights)?
                .reshape((count, longest, heads, d / heads))?
                .transpose(1, 2)?
                .reshape((count * heads, longest, d / heads))
        };
        let query = by_head(&self.query)?;
        let (key, value) = (by_head(&self.key)?, by_head(&self.value)?);
        let scores = (matmul(&query, &key.t()?)? / ((d / heads) as f64).sqrt())?;
        let scores = scores.reshape((count, heads, longest, longest))?;
        let attention = softmax(&scores.broadcast_add(absent)?, D::Minus1)?;
        let attention = attention.reshape((count * heads, longest, longest))?;
        let mixed = matmul(&attention, &value)?
            .reshape((count, heads, longest, d / heads))?
            .transpose(1, 2)?;
        matmul(&mixed.reshape((rows, d))?, &self.output)
    }

    /// The feed-forward layer.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let widened = matmul(&scale(x)?, &self.widen)?.relu()?;
        matmul(&widened, &self.narrow)
    }
}

/// Rows of root mean square 1 (Zhang and Sennrich 2019). The gain that usually follows would only
/// multiply into the next layer's weights.
fn scale(rows: &Tensor) -> Result<Tensor> {
    let squares = (rows.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?;
    rows.broadcast_div(&squares.sqrt()?)
}

/// Rows of unit length.
fn normalise(rows: &Tensor) -> Result<Tensor> {
    let lengths = (rows.sqr()?.sum_keepdim(1)? + 1e-12)?.sqrt()?;
    rows.broadcast_div(&lengths)
}
