//! A scan over tools that have several vectors each.

use ndarray::{Array2, ArrayView2};
use oats_datasets::ToolId;

use super::{BLOCK, best, dot, flat, offering, row_by_row};
use crate::Ranked;

/// Tool vectors in f32, at least one for each tool, whose score is that of its best.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// Vectors × d, row by row, those of a tool beside each other.
    vectors: Array2<f32>,
    /// 0, 1, … the number of vectors − 1: what `dot` is told of a tool is a part of it.
    rows: Vec<usize>,
    /// Where a tool's vectors begin, and behind the last tool their end.
    starts: Vec<usize>,
}

impl Grouped {
    /// Vectors (one row each) of the tools in their order, of each so many as `counts` has. `None` if some tool has
    /// none, or there are others than those that `counts` adds up to.
    pub fn new(vectors: Array2<f32>, counts: &[usize]) -> Option<Self> {
        let mut starts = vec![0_usize];
        for &count in counts {
            let end = starts.last()?.checked_add(count)?;
            starts.push(end);
        }
        let fits = !counts.contains(&0) && starts.last() == Some(&vectors.nrows());
        fits.then(|| Self {
            rows: (0..vectors.nrows()).collect(),
            vectors: row_by_row(vectors),
            starts,
        })
    }

    /// As [`Vectors::search`](super::Vectors::search), with the largest dot product of a tool's vectors as its score.
    ///
    /// # Panics
    /// As [`Vectors::search`](super::Vectors::search).
    pub fn search(&self, query: &[f32], candidates: Option<&[ToolId]>, k: usize) -> Vec<Ranked> {
        assert_eq!(query.len(), self.vectors.ncols(), "components of the query");
        let matrix = flat(&self.vectors);
        let score = |tools: &[ToolId], scores: &mut [f32]| {
            let mut products = [0.0; BLOCK];
            for (&tool, score) in tools.iter().zip(scores) {
                *score = f32::NEG_INFINITY;
                for rows in self.rows[self.starts[tool]..self.starts[tool + 1]].chunks(BLOCK) {
                    let products = &mut products[..rows.len()];
                    dot::products(matrix, query, rows, products);
                    *score = products.iter().copied().fold(*score, f32::max);
                }
            }
        };
        best(self.starts.len() - 1, candidates, k, offering(score))
    }

    /// The vectors (one row each), those of a tool beside each other.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        self.vectors.view()
    }

    /// How many vectors each tool has.
    pub fn counts(&self) -> impl Iterator<Item = usize> {
        self.starts.windows(2).map(|ends| ends[1] - ends[0])
    }
}
