//! The best tools of many queries at once, as a matrix product that forgets every score that is not
//! among the best: no queries × tools matrix is in memory.
//!
//! A score is the sum of its d products in their order, each added by one fused multiply-add. So it has
//! the same bits for any number of threads, on any processor, and whichever tools and queries it is
//! computed beside, which lets vectors be scored again in parts.

use ndarray::ArrayView2;
use oats_datasets::ToolId;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{Ranked, router::best_first};

/// Tools of a panel.
const WIDTH: usize = 32;

/// Panels that a block of queries goes through before the next: with the queries, they stay in cache.
const PANELS: usize = 8;

/// Queries of a block.
const QUERIES: usize = 96;

/// The vectors of some tools, laid out for products.
pub(super) struct Panels {
    tools: Vec<ToolId>,
    dimension: usize,
    /// Panels × d × [`WIDTH`], zero where the last panel has no more tools.
    values: Vec<f32>,
}

impl Panels {
    /// Of these rows of `vectors` (all tools × d).
    pub(super) fn new(vectors: ArrayView2<'_, f32>, tools: Vec<ToolId>) -> Self {
        let dimension = vectors.ncols();
        let mut values = vec![0.0; tools.len().div_ceil(WIDTH) * WIDTH * dimension];
        values
            .par_chunks_mut((WIDTH * dimension).max(1))
            .zip(tools.par_chunks(WIDTH))
            .for_each(|(panel, tools)| {
                for (lane, &tool) in tools.iter().enumerate() {
                    for (values, &x) in panel.chunks_exact_mut(WIDTH).zip(vectors.row(tool)) {
                        values[lane] = x;
                    }
                }
            });
        Self {
            tools,
            dimension,
            values,
        }
    }

    /// For each query (a vector of d components and scores that are known already, of other tools), the
    /// best `k` of these tools and the known ones, best first.
    pub(super) fn best(&self, queries: &[(&[f32], &[Ranked])], k: usize) -> Vec<Vec<Ranked>> {
        let arch = Arch::new();
        let blocks = queries.par_chunks(QUERIES).map(|queries| {
            let known = queries.iter();
            let mut best: Vec<Best> = known.map(|(_, known)| Best::of(known, k)).collect();
            if self.dimension > 0 {
                arch.dispatch(Product {
                    panels: self,
                    queries,
                    best: &mut best,
                });
            }
            best.into_iter().map(|best| best.list).collect::<Vec<_>>()
        });
        blocks.flatten_iter().collect()
    }
}

/// A block of queries times all panels.
struct Product<'a> {
    panels: &'a Panels,
    queries: &'a [(&'a [f32], &'a [Ranked])],
    best: &'a mut [Best],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Registers of a panel's width × queries at once, as many as the processor has registers for.
        match S::F32_LANES {
            16 => self.run::<S, 2, 12>(simd),
            8 => self.run::<S, 4, 3>(simd),
            4 => self.run::<S, 8, 2>(simd),
            _ => self.run::<S, WIDTH, 1>(simd),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const REGISTERS: usize, const AT_ONCE: usize>(self, simd: S) {
        let dimension = self.panels.dimension;
        let groups = self.queries.chunks(AT_ONCE);
        let mut packed = vec![[0.0; AT_ONCE]; groups.len() * dimension];
        for (packed, group) in packed.chunks_exact_mut(dimension).zip(groups) {
            for (at, (vector, _)) in group.iter().enumerate() {
                for (packed, &x) in packed.iter_mut().zip(*vector) {
                    packed[at] = x;
                }
            }
        }
        let panel_size = dimension * WIDTH;
        let blocks = self.panels.values.chunks(PANELS * panel_size);
        for (block, tools) in blocks.zip(self.panels.tools.chunks(PANELS * WIDTH)) {
            for (queries, best) in packed
                .chunks_exact(dimension)
                .zip(self.best.chunks_mut(AT_ONCE))
            {
                for (panel, tools) in block.chunks_exact(panel_size).zip(tools.chunks(WIDTH)) {
                    let sums = tile::<S, REGISTERS, AT_ONCE>(simd, queries, panel);
                    for (best, sums) in best.iter_mut().zip(&sums) {
                        let mut scores = [0.0; WIDTH];
                        S::as_mut_simd_f32s(&mut scores).0.copy_from_slice(sums);
                        best.offer(tools, &scores[..tools.len()]);
                    }
                }
            }
        }
    }
}

/// The scores of a panel for some queries, whose components stand side by side.
#[inline(always)]
fn tile<S: Simd, const REGISTERS: usize, const AT_ONCE: usize>(
    simd: S,
    queries: &[[f32; AT_ONCE]],
    panel: &[f32],
) -> [[S::f32s; REGISTERS]; AT_ONCE] {
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; AT_ONCE];
    for (queries, tools) in queries.iter().zip(panel.chunks_exact(WIDTH)) {
        let (tools, _) = S::as_simd_f32s(tools);
        for (sums, &query) in sums.iter_mut().zip(queries) {
            let query = simd.splat_f32s(query);
            for (sum, &tools) in sums.iter_mut().zip(tools) {
                *sum = simd.mul_add_f32s(query, tools, *sum);
            }
        }
    }
    sums
}

/// The best tools of a query so far.
struct Best {
    k: usize,
    /// Best first, at most `k`.
    list: Vec<Ranked>,
    /// What a tool must score to be among the best `k`.
    threshold: f32,
}

impl Best {
    fn of(known: &[Ranked], k: usize) -> Self {
        let mut best = Self {
            k,
            list: Vec::new(),
            threshold: f32::NEG_INFINITY,
        };
        for &known in known {
            best.insert(known);
        }
        best
    }

    #[inline(always)]
    fn offer(&mut self, tools: &[ToolId], scores: &[f32]) {
        let threshold = self.threshold;
        // Without a branch per score, the processor compares many at once.
        if scores
            .iter()
            .fold(false, |any, &score| any | (score >= threshold))
        {
            self.add(tools, scores);
        }
    }

    #[inline(never)]
    fn add(&mut self, tools: &[ToolId], scores: &[f32]) {
        for (&tool, &score) in tools.iter().zip(scores) {
            if score >= self.threshold {
                self.insert(Ranked { tool, score });
            }
        }
    }

    fn insert(&mut self, ranked: Ranked) {
        let better = |kept: &Ranked| best_first(kept, &ranked).is_lt();
        let place = self.list.iter().rposition(better).map_or(0, |at| at + 1);
        if place < self.k {
            self.list.truncate(self.k - 1);
            self.list.insert(place, ranked);
            if self.list.len() == self.k {
                self.threshold = self.list[self.k - 1].score;
            }
        }
    }
}
