//! What the network learns from: heads of training queries, with what is known of their tools.

use candle_core::{Device, Tensor};
use ndarray::Array2;
use rayon::prelude::*;

use super::{Feature, features::Features, mlp::LearnedMlp};
use crate::{Router, Training, baselines::Dense};

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
    /// Heads × tools: 1 for a tool that is known to be right or wrong.
    known: Vec<f32>,
}

impl Examples {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            depth,
            count: 0,
            features: Vec::new(),
            right: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Adds the heads of these training queries, over the whole catalogue.
    pub(super) fn add(
        &mut self,
        training: &Training<'_>,
        rows: &[usize],
        tools: &Dense,
        features: &Features,
    ) {
        let heads: Vec<(Vec<crate::Ranked>, Array2<f32>)> = rows
            .par_iter()
            .map(|&row| {
                let request = training.request(row);
                let head = tools.rank(&request, self.depth);
                let features = features.rows(&request, &head);
                (head, features)
            })
            .collect();
        for (&row, (head, features)) in rows.iter().zip(heads) {
            let query = &training.queries[row];
            let flag = |known: bool| if known { 1.0 } else { 0.0 };
            let tools = || head.iter().map(|ranked| ranked.tool);
            self.count += 1;
            self.features.extend(features);
            self.right
                .extend(tools().map(|tool| flag(query.is_relevant(tool))));
            self.known
                .extend(tools().map(|tool| flag(query.is_relevant(tool) || query.is_wrong(tool))));
        }
    }

    /// The mean loss over some heads.
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
        let scores = network.score(&features.reshape((rows.len() * self.depth, inputs))?)?;
        let right = gather(&self.right, self.depth)?;
        let known = gather(&self.known, self.depth)?;
        if std::env::var("S2_LOSS").is_ok_and(|l| l == "list") {
            let shape = (rows.len(), self.depth);
            let scores = scores.reshape(shape)?;
            let unknown = known.reshape(shape)?.affine(1e9, -1e9)?;
            let logs = candle_nn::ops::log_softmax(&(scores + unknown)?, 1)?;
            let right = right.reshape(shape)?;
            let total = (logs * &right)?.sum_all()?;
            return total.neg()? / f64::from(right.sum_all()?.to_scalar::<f32>()?.max(1.0));
        }
        // −y·ln σ(x) − (1 − y)·ln(1 − σ(x)) = max(x, 0) − x·y + ln(1 + e^−|x|), which cannot overflow
        let losses = ((scores.relu()? - (&scores * &right)?)?
            + (scores.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
        let known_count = known.sum_all()?.to_scalar::<f32>()?.max(1.0);
        (losses * known)?.sum_all()? / f64::from(known_count)
    }
}
