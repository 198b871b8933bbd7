//! Dot products of a query with some rows of a matrix, in the widest instructions that the machine
//! has. The loops are plain; the compiler makes vector instructions of them.

use std::hint::black_box;

use oats_datasets::ToolId;
use pulp::{Arch, Simd, WithSimd};

/// Writes the dot products of `query` with the tools' rows of `matrix`.
pub(super) fn products<T: Component<Q>, Q>(
    matrix: &[T],
    query: &[Q],
    tools: &[ToolId],
    scores: &mut [f32],
) {
    Arch::new().dispatch(Products {
        matrix,
        query,
        tools,
        scores,
    });
}

struct Products<'a, T, Q> {
    matrix: &'a [T],
    query: &'a [Q],
    tools: &'a [ToolId],
    scores: &'a mut [f32],
}

impl<T: Component<Q>, Q> WithSimd for Products<'_, T, Q> {
    type Output = ();

    // What is not inlined here is compiled for the oldest machine.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let d = self.query.len();
        for (&tool, score) in self.tools.iter().zip(self.scores) {
            *score = T::dot(&self.matrix[tool * d..][..d], self.query);
        }
    }
}

/// What rows consist of, and how it is multiplied with the `Q` of queries and summed.
pub(super) trait Component<Q>: Sized {
    fn dot(row: &[Self], query: &[Q]) -> f32;
}

impl Component<f32> for f32 {
    /// In the order of ndarray's `dot`, to the bit.
    #[inline(always)]
    fn dot(row: &[f32], query: &[f32]) -> f32 {
        const LANES: usize = 8;
        let (row, row_rest) = row.as_chunks::<LANES>();
        let (query, query_rest) = query.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for (row, query) in row.iter().zip(query) {
            for ((lane, x), y) in lanes.iter_mut().zip(row).zip(query) {
                *lane += x * y;
            }
        }
        // The compiler looks from here for what to do at once: as one array, that is all lanes, else
        // pairs of them, which takes several times as long.
        let lanes = black_box(lanes);
        let (low, high) = lanes.split_at(LANES / 2);
        let mut sum = 0.0;
        for (x, y) in low.iter().zip(high) {
            sum += x + y;
        }
        for (x, y) in row_rest.iter().zip(query_rest) {
            sum += x * y;
        }
        sum
    }
}

impl Component<i16> for i8 {
    /// Exact, up to the rounding to f32. The query's codes have the width that instructions multiply.
    #[inline(always)]
    fn dot(row: &[i8], query: &[i16]) -> f32 {
        /// The products of so many codes sum up to less than an i32 holds.
        const EXACT: usize = 1 << 16;
        let mut sum = 0;
        for (row, query) in row.chunks(EXACT).zip(query.chunks(EXACT)) {
            let mut part = 0i32;
            for (&x, &y) in row.iter().zip(query) {
                part += i32::from(x) * i32::from(y);
            }
            sum += i64::from(part);
        }
        sum as f32
    }
}
