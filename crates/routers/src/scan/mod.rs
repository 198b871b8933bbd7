//! An exact scan: the dot products of a query with every tool's vector, and the best k of them.
//!
//! [`Vectors`] holds the tools' vectors as they are, [`Quantised`] with a byte per component, which
//! takes a quarter of the memory and, as large scans wait for memory, of the time. [`Screened`] has both, and
//! gives the exact ranking in little more time than the bytes take. [`Grouped`] has several vectors for a tool.
//!
//! ```
//! use ndarray::array;
//! use oats_routers::scan::Vectors;
//!
//! let tools = Vectors::new(array![[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]);
//! let query = [0.0, 1.0];
//!
//! let best = tools.search(&query, None, 2);
//! assert_eq!((best[0].tool, best[0].score), (2, 1.0));
//! assert_eq!((best[1].tool, best[1].score), (1, 0.8));
//!
//! let listed = tools.quantised().search(&query, Some(&[0, 1]), 1);
//! assert_eq!(listed[0].tool, 1);
//! assert!((listed[0].score - 0.8).abs() < 0.01);
//! ```
//!
//! # Same bits
//! A score depends on its two vectors alone: neither the instruction set that the machine offers, nor
//! the number of threads, nor the other tools change a bit of it. Sums of f32 are formed in the order
//! of ndarray's `dot`, in eight lanes without fused multiplication; those of bytes are exact.
//!
//! # Threads and memory
//! Up to [`PARALLEL_ABOVE`] tools are scanned on the calling thread; above, chunks of the catalogue
//! are scanned on rayon's threads, which keep their own best k. Candidates are always scanned on the
//! calling thread. There, the returned ranking is all that is allocated; it has room for 2k tools,
//! at least k + 16 (but not for more than the pool has).

mod dot;
mod grouped;
mod screened;

pub use grouped::Grouped;
pub use screened::Screened;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};
use oats_datasets::ToolId;
use pulp::Arch;
use rayon::prelude::*;

use crate::{Ranked, router::Best};

/// Catalogues of more tools than that are scanned by several threads.
pub const PARALLEL_ABOVE: usize = 32_768;

/// Tools that a thread scans at a time; so many that handing them out costs nothing beside it.
const CHUNK: usize = 8_192;

/// Tools that are scored before they are ranked: few enough for the stack.
const BLOCK: usize = 64;

/// Tool vectors in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// Tools × d, row by row.
    tools: Array2<f32>,
}

impl Vectors {
    /// One row per tool (tools × d). The scores are cosines if the rows have length 1.
    pub fn new(tools: Array2<f32>) -> Self {
        Self {
            tools: row_by_row(tools),
        }
    }

    /// The same vectors with a byte per component.
    pub fn quantised(&self) -> Quantised {
        let scales: Array1<f32> = self.tools.rows().into_iter().map(scale).collect();
        let mut codes = Array2::zeros(self.tools.raw_dim());
        let scale_of_row = scales.view().insert_axis(Axis(1));
        Zip::from(&mut codes)
            .and(&self.tools)
            .and_broadcast(scale_of_row)
            .for_each(|code, &x, &scale| *code = code_of(x, scale));
        Quantised { codes, scales }
    }

    /// The best `k` tools by dot product with `query` (d components), best first, in the order of
    /// [`top_k`](crate::top_k); among the `candidates` only, where they are given.
    ///
    /// # Panics
    /// If the query has another length than the vectors, or a candidate is not in the catalogue.
    pub fn search(&self, query: &[f32], candidates: Option<&[ToolId]>, k: usize) -> Vec<Ranked> {
        assert_eq!(query.len(), self.tools.ncols(), "components of the query");
        let rows = flat(&self.tools);
        let score = |tools: &[ToolId], scores: &mut [f32]| {
            dot::products(rows, query, tools, scores);
        };
        best(self.tools.nrows(), candidates, k, offering(score))
    }

    /// What scanning the whole catalogue reads, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(flat(&self.tools))
    }

    /// The vectors (tools × d).
    pub fn view(&self) -> ArrayView2<'_, f32> {
        self.tools.view()
    }
}

/// Tool vectors in int8: a component is a whole number from −127 to 127 times its vector's scale.
///
/// The query is rounded in the same way, so that products are summed in whole numbers. A dot product is
/// off by at most √d/2·(s·|q| + r·|t|) + d·r·s/4, rounding to f32 aside, for a query q of scale r and a
/// tool vector t of scale s. For unit vectors that embedders make it is some thousandths.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// Tools × d, row by row.
    codes: Array2<i8>,
    /// What a code of 1 stands for, by tool.
    scales: Array1<f32>,
}

impl Quantised {
    /// Vectors that were quantised before: codes (tools × d) and a scale for each tool. `None` if there
    /// are more of the ones than of the others, or if a scale is negative or not finite.
    pub fn from_parts(codes: Array2<i8>, scales: Array1<f32>) -> Option<Self> {
        let codes = row_by_row(codes);
        let are_scales = scales
            .iter()
            .all(|scale| scale.is_finite() && *scale >= 0.0);
        (codes.nrows() == scales.len() && are_scales).then_some(Self { codes, scales })
    }

    /// The codes (tools × d), and what a code of 1 stands for, by tool.
    pub fn parts(&self) -> (ArrayView2<'_, i8>, ArrayView1<'_, f32>) {
        (self.codes.view(), self.scales.view())
    }

    /// The best `k` tools as [`Vectors::search`] gives them, by the rounded vectors.
    ///
    /// # Panics
    /// As [`Vectors::search`].
    pub fn search(&self, query: &[f32], candidates: Option<&[ToolId]>, k: usize) -> Vec<Ranked> {
        assert_eq!(query.len(), self.codes.ncols(), "components of the query");
        self.with_rounded(query, |asked, scale| {
            let score = |tools: &[ToolId], scores: &mut [f32]| {
                self.scores(asked, scale, tools, scores);
            };
            best(self.codes.nrows(), candidates, k, offering(score))
        })
    }

    /// Hands on the query's codes and what a code of 1 stands for.
    fn with_rounded<T>(&self, query: &[f32], search: impl FnOnce(&[i16], f32) -> T) -> T {
        /// More components than embedders make; longer queries are allocated.
        const ON_STACK: usize = 2048;

        let (mut stack, mut heap) = ([0; ON_STACK], Vec::new());
        let asked = match stack.get_mut(..query.len()) {
            Some(asked) => asked,
            None => {
                heap.resize(query.len(), 0);
                heap.as_mut_slice()
            }
        };
        let scale = scale(query.into());
        Arch::new().dispatch(|| {
            for (code, &x) in asked.iter_mut().zip(query) {
                *code = code_of(x, scale).into();
            }
        });
        search(asked, scale)
    }

    /// Writes the scores of these tools for a rounded query.
    fn scores(&self, asked: &[i16], query_scale: f32, tools: &[ToolId], scores: &mut [f32]) {
        dot::products(flat(&self.codes), asked, tools, scores);
        for (score, &tool) in scores.iter_mut().zip(tools) {
            *score *= query_scale * self.scales[tool];
        }
    }

    /// What scanning the whole catalogue reads, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(flat(&self.codes)) + self.scales.len() * size_of::<f32>()
    }
}

/// What a code of 1 stands for in this vector.
fn scale(vector: ArrayView1<'_, f32>) -> f32 {
    vector.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0
}

#[inline(always)]
fn code_of(x: f32, scale: f32) -> i8 {
    // The scale of the least numbers rounds to 0, and casts make 0 of what is not a number.
    (x / scale).round().clamp(-127.0, 127.0) as i8
}

fn row_by_row<T: Clone>(matrix: Array2<T>) -> Array2<T> {
    if matrix.is_standard_layout() {
        matrix
    } else {
        matrix.as_standard_layout().into_owned()
    }
}

fn flat<T>(matrix: &Array2<T>) -> &[T] {
    matrix.as_slice().expect("it lies row by row")
}

/// The best `k` tools, where `consider` offers those of a block, of at most [`BLOCK`] tools, that can be
/// among them.
fn best(
    catalogue_size: usize,
    candidates: Option<&[ToolId]>,
    k: usize,
    consider: impl Fn(&mut Best, &[ToolId]) + Sync,
) -> Vec<Ranked> {
    let best = match candidates {
        Some(listed) => {
            let best = Best::new(k, listed.len());
            scan(best, listed.iter().copied(), &consider)
        }
        None if catalogue_size <= PARALLEL_ABOVE => {
            let best = Best::new(k, catalogue_size);
            scan(best, 0..catalogue_size, &consider)
        }
        None => (0..catalogue_size.div_ceil(CHUNK))
            .into_par_iter()
            .fold(
                || Best::new(k, CHUNK),
                |best, chunk| {
                    let from = chunk * CHUNK;
                    scan(best, from..catalogue_size.min(from + CHUNK), &consider)
                },
            )
            .reduce(|| Best::new(k, 0), Best::merge),
    };
    best.into_ranking()
}

/// Offers every tool of a block with what `score` writes for it.
fn offering(score: impl Fn(&[ToolId], &mut [f32])) -> impl Fn(&mut Best, &[ToolId]) {
    move |best, tools| {
        let mut scores = [0.0; BLOCK];
        let scores = &mut scores[..tools.len()];
        score(tools, scores);
        for (&tool, &score) in tools.iter().zip(&*scores) {
            best.offer(Ranked { tool, score });
        }
    }
}

fn scan(
    mut best: Best,
    mut pool: impl Iterator<Item = ToolId>,
    consider: impl Fn(&mut Best, &[ToolId]),
) -> Best {
    let mut tools = [0; BLOCK];
    loop {
        let mut count = 0;
        for (place, tool) in tools.iter_mut().zip(&mut pool) {
            *place = tool;
            count += 1;
        }
        if count == 0 {
            return best;
        }
        consider(&mut best, &tools[..count]);
    }
}
