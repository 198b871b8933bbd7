//! What a training example may know of successes.
//!
//! The right tools of an example have lost its query from their Q⁺. If only they had, few outcomes
//! would give them away: of tools with one outcome each, the right one would be the only one without,
//! and the network would learn to prefer tools without outcomes. So every other tool of the head
//! gives up a query, too, drawn at random from all of its Q⁺, whether it is in the example's fold or
//! not. Then what is left of n outcomes is as many, by the same chances, for right tools and wrong
//! ones: each has lost one for certain, and of the others those in the fold.
//!
//! Q⁻ is left as the other folds have it: of labelled queries, it is large where Q⁺ is small.

use ndarray::{Array1, ArrayView1};
use oats_datasets::{ToolId, split::group_texts};
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::{super::outcomes::successes, features::Success};
use crate::Training;

/// Q⁺ of every tool, in all folds.
pub(super) struct Successes<'a, 't> {
    training: &'a Training<'t>,
    fold_of: &'a [usize],
    /// A number for each query's text: repetitions leave Q⁺ together, as they are in one fold.
    text_of: Vec<usize>,
    by_tool: Vec<Vec<usize>>,
}

impl<'a, 't> Successes<'a, 't> {
    pub(super) fn new(training: &'a Training<'t>, fold_of: &'a [usize]) -> Self {
        let mut by_tool = vec![Vec::new(); training.tools.len()];
        for (query, tool) in successes(training) {
            by_tool[tool].push(query);
        }
        let mut text_of = vec![0; training.queries.len()];
        let groups = group_texts(training.queries.iter().map(|query| query.text));
        for (text, rows) in groups.into_iter().enumerate() {
            for row in rows {
                text_of[row] = text;
            }
        }
        Self {
            training,
            fold_of,
            text_of,
            by_tool,
        }
    }

    fn vector(&self, row: usize) -> ArrayView1<'_, f32> {
        self.training.query_embeddings.row(row)
    }

    /// The queries of a tool's Q⁺ that are not in a fold.
    fn outside(&self, fold: usize, tool: ToolId) -> impl Iterator<Item = usize> + '_ {
        let rows = self.by_tool[tool].iter().copied();
        rows.filter(move |&row| self.fold_of[row] != fold)
    }
}

/// Q⁺ of every tool outside of one fold, for the examples in it.
pub(super) struct FoldSuccesses<'s, 'a, 't> {
    all: &'s Successes<'a, 't>,
    fold: usize,
    /// Sum and number of each tool's vectors.
    sums: Vec<(Array1<f64>, usize)>,
    most: usize,
}

impl<'s, 'a, 't> FoldSuccesses<'s, 'a, 't> {
    pub(super) fn new(all: &'s Successes<'a, 't>, fold: usize) -> Self {
        let sum = |tool| {
            let mut sum = Array1::zeros(all.training.query_embeddings.ncols());
            let mut count = 0;
            for row in all.outside(fold, tool) {
                sum.zip_mut_with(&all.vector(row), |sum, &x| *sum += f64::from(x));
                count += 1;
            }
            (sum, count)
        };
        let sums: Vec<_> = (0..all.by_tool.len()).map(sum).collect();
        let most = sums.iter().map(|&(_, count)| count).max().unwrap_or(0);
        Self {
            all,
            fold,
            sums,
            // The tool with the most has given up one, too. In service, where none does, its count
            // stands for 1 as well.
            most: most.saturating_sub(1),
        }
    }

    /// What the example of this training query knows of a tool.
    pub(super) fn of(&self, row: usize, tool: ToolId, rng: &mut ChaCha8Rng) -> Success {
        let (mut sum, mut count) = self.sums[tool].clone();
        let given_up = match self.all.training.queries[row].is_relevant(tool) {
            true => None,
            false => self.all.by_tool[tool].choose(rng),
        };
        if let Some(&given_up) = given_up {
            let text = self.all.text_of[given_up];
            let same = self.all.outside(self.fold, tool);
            for same in same.filter(|&row| self.all.text_of[row] == text) {
                let vector = self.all.vector(same);
                sum.zip_mut_with(&vector, |sum, &x| *sum -= f64::from(x));
                count -= 1;
            }
        }
        let norm = sum.dot(&sum).sqrt();
        if count == 0 || norm == 0.0 || self.most == 0 {
            return Success::default();
        }
        let along = sum.iter().zip(self.all.vector(row));
        let along: f64 = along.map(|(x, &q)| x * f64::from(q)).sum();
        Success {
            cosine: (along / norm) as f32,
            count: ((count as f32).ln_1p() / (self.most as f32).ln_1p()).min(1.0),
        }
    }
}
