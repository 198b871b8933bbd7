//! What the network learns from: heads of training queries, with what is known of their tools.

use candle_core::{D, Device, Tensor};
use candle_nn::ops::log_softmax;
use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Feature, features::Features, left_out::FoldSuccesses, mlp::LearnedMlp};
use crate::{Ranked, Router, Training, baselines::Dense};

/// Heads of the same length, one after the other.
pub(super) struct Examples {
    /// Tools per head.
    depth: usize,
    /// Heads.
    pub count: usize,
    /// Heads × tools × features.
    features: Vec<f32>,
    /// Heads × tools: 1 for a right tool.
    right: Vec<f32>,
}

impl Examples {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            depth,
            count: 0,
            features: Vec::new(),
            right: Vec::new(),
        }
    }

    /// Adds the heads of these training queries, over the whole catalogue; those without a right tool
    /// have nothing to teach.
    pub(super) fn add(
        &mut self,
        training: &Training<'_>,
        rows: &[usize],
        tools: &Dense,
        features: &Features,
        successes: &FoldSuccesses<'_, '_, '_>,
    ) {
        let heads: Vec<Option<(Vec<f32>, Array2<f32>)>> = rows
            .par_iter()
            .map(|&row| {
                let request = training.request(row);
                let head = tools.rank(&request, self.depth);
                let is_right = |ranked: &Ranked| training.queries[row].is_relevant(ranked.tool);
                head.iter().any(is_right).then(|| {
                    let right = head
                        .iter()
                        .map(|ranked| f32::from(u8::from(is_right(ranked))));
                    let mut rng = ChaCha8Rng::seed_from_u64(training.seed);
                    rng.set_stream(row as u64);
                    let features = features
                        .rows_with(&request, &head, |tool| successes.of(row, tool, &mut rng));
                    (right.collect(), features)
                })
            })
            .collect();
        for (right, features) in heads.into_iter().flatten() {
            self.count += 1;
            self.right.extend(right);
            self.features.extend(features);
        }
    }

    /// The features that are 0 in every example. Nothing is learned about them.
    pub(super) fn unseen(&self) -> Vec<Feature> {
        let inputs = Feature::ALL.len();
        let seen = |input: usize| {
            let mut values = self.features.iter().skip(input).step_by(inputs);
            values.any(|&value| value != 0.0)
        };
        let features = Feature::ALL.into_iter().enumerate();
        features
            .filter(|&(input, _)| !seen(input))
            .map(|(_, feature)| feature)
            .collect()
    }

    /// The mean loss over some heads: −ln of the share that a softmax over the head's scores gives to
    /// a right tool, averaged over right tools.
    pub(super) fn loss(&self, network: &LearnedMlp, rows: &[usize]) -> candle_core::Result<Tensor> {
        let inputs = Feature::ALL.len();
        let gather = |values: &[f32], width: usize| {
            let rows = rows.iter();
            let values: Vec<f32> = rows
                .flat_map(|&row| &values[row * width..(row + 1) * width])
                .copied()
                .collect();
            let count = values.len();
            Tensor::from_vec(values, count, &Device::Cpu)
        };
        let features = gather(&self.features, self.depth * inputs)?;
        let right = gather(&self.right, self.depth)?.reshape((rows.len(), self.depth))?;
        let scores = network
            .score(&features.reshape((rows.len() * self.depth, inputs))?)?
            .reshape((rows.len(), self.depth))?;
        let logs = log_softmax(&scores, D::Minus1)?;
        let share = right.broadcast_div(&right.sum_keepdim(D::Minus1)?)?;
        (logs * share)?.sum_all()?.neg()? / rows.len() as f64
    }
}
