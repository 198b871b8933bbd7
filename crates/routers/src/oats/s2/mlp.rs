//! The network, as it is learned and as it is served.

use candle_core::Tensor;
use ndarray::{Array1, Array2};

use super::Feature;
use crate::{Error, State, learn::Weights, matmul::matmul};

/// Inputs, hidden units, and one score.
const SIZES: [usize; 4] = [Feature::ALL.len(), 64, 32, 1];
/// As the paper gives it.
const PARAMETERS: usize = SIZES[0] * SIZES[1]
    + SIZES[1]
    + SIZES[1] * SIZES[2]
    + SIZES[2]
    + SIZES[2] * SIZES[3]
    + SIZES[3];
const _: () = assert!(PARAMETERS == 2625);
/// Names of each layer's weights (inputs × outputs) and biases.
const LAYERS: [(&str, &str); 3] = [("w1", "b1"), ("w2", "b2"), ("w3", "b3")];

/// A network that learns.
pub(super) struct LearnedMlp {
    layers: Vec<(Tensor, Tensor)>,
}

impl LearnedMlp {
    /// Weights and biases start uniform in ±1/√inputs.
    pub(super) fn new(weights: &mut Weights) -> candle_core::Result<Self> {
        let mut layers = Vec::new();
        for ((w, b), sizes) in LAYERS.into_iter().zip(SIZES.windows(2)) {
            let bound = 1.0 / (sizes[0] as f32).sqrt();
            layers.push((
                weights.uniform(w, sizes, bound)?,
                weights.uniform(b, &sizes[1..], bound)?,
            ));
        }
        Ok(Self { layers })
    }

    /// One score per row of features (rows × 7), without bounds.
    pub(super) fn score(&self, features: &Tensor) -> candle_core::Result<Tensor> {
        let mut values = features.clone();
        for (layer, (w, b)) in self.layers.iter().enumerate() {
            values = matmul(&values, w)?.broadcast_add(b)?;
            if layer + 1 < self.layers.len() {
                values = values.relu()?;
            }
        }
        values.squeeze(1)
    }
}

/// A network that serves.
pub(super) struct Mlp {
    layers: Vec<(Array2<f32>, Array1<f32>)>,
}

impl Mlp {
    pub(super) fn learned(weights: &Weights) -> Result<Self, Error> {
        let layer = |(w, b)| Ok((weights.array(w)?, weights.array(b)?));
        Ok(Self {
            layers: LAYERS
                .into_iter()
                .map(layer)
                .collect::<Result<_, Error>>()?,
        })
    }

    /// One score per row of features (rows × 7), without bounds.
    pub(super) fn score(&self, features: Array2<f32>) -> Vec<f32> {
        let mut values = features;
        for (layer, (w, b)) in self.layers.iter().enumerate() {
            values = values.dot(w) + b;
            if layer + 1 < self.layers.len() {
                values.mapv_inplace(|x| x.max(0.0));
            }
        }
        values.into_iter().collect()
    }

    pub(super) fn put(&self, state: &mut State) {
        for ((w, b), (weights, biases)) in LAYERS.into_iter().zip(&self.layers) {
            state.put(w, weights);
            state.put(b, biases);
        }
    }

    pub(super) fn restore(state: &State) -> Result<Self, Error> {
        let mut layers = Vec::new();
        for ((w, b), sizes) in LAYERS.into_iter().zip(SIZES.windows(2)) {
            let (weights, biases): (Array2<f32>, Array1<f32>) = (state.array(w)?, state.array(b)?);
            if weights.shape() != sizes || biases.shape() != &sizes[1..] {
                return Err(Error::State(format!("`{w}` or `{b}` has another shape")));
            }
            layers.push((weights, biases));
        }
        Ok(Self { layers })
    }
}
