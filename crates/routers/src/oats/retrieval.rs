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

use crate::{Ranked, router::mix};

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
            if !self.values.is_empty() {
                arch.dispatch(Product {
                    panels: self,
                    queries,
                    best: &mut best,
                });
            }
            best.into_iter().map(Best::finish).collect::<Vec<_>>()
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
        let packed = pack::<AT_ONCE>(self.queries, dimension);
        let panel_size = dimension * WIDTH;
        let mut scores = [[[0.0; WIDTH]; PANELS]; AT_ONCE];
        let blocks = self.panels.values.chunks(PANELS * panel_size);
        for (block, tools) in blocks.zip(self.panels.tools.chunks(PANELS * WIDTH)) {
            for (queries, best) in packed
                .chunks_exact(dimension)
                .zip(self.best.chunks_mut(AT_ONCE))
            {
                let panels = block.chunks_exact(panel_size).zip(tools.chunks(WIDTH));
                for (at, (panel, tools)) in panels.enumerate() {
                    let sums = tile::<S, REGISTERS, AT_ONCE>(simd, queries, panel);
                    for (scores, sums) in scores.iter_mut().zip(&sums) {
                        S::as_mut_simd_f32s(&mut scores[at]).0.copy_from_slice(sums);
                        scores[at][tools.len()..].fill(f32::NEG_INFINITY);
                    }
                }
                for (best, scores) in best.iter_mut().zip(&scores) {
                    let scores = &scores[..tools.len().div_ceil(WIDTH)];
                    if best.keys.len() < best.k && best.k <= WIDTH {
                        best.threshold = reached::<S, REGISTERS>(simd, scores, best.k);
                    }
                    for (tools, scores) in tools.chunks(WIDTH).zip(scores) {
                        best.offer(tools, scores);
                    }
                }
            }
        }
    }
}

/// A score that at least `k` of the panels' scores reach, and few others: of the lanes' best scores,
/// the k-th.
#[inline(always)]
fn reached<S: Simd, const REGISTERS: usize>(simd: S, scores: &[[f32; WIDTH]], k: usize) -> f32 {
    let lowest = simd.splat_f32s(f32::NEG_INFINITY);
    let mut lanes = [lowest; REGISTERS];
    for scores in scores {
        for (lane, &score) in lanes.iter_mut().zip(S::as_simd_f32s(scores).0) {
            *lane = simd.max_f32s(*lane, score);
        }
    }
    let mut bound = f32::INFINITY;
    for _ in 0..k {
        let mut top = lowest;
        for &lane in &lanes {
            top = simd.max_f32s(top, lane);
        }
        bound = simd.reduce_max_f32s(top);
        let top = simd.splat_f32s(bound);
        for lane in &mut lanes {
            *lane = simd.select_f32s(simd.less_than_f32s(*lane, top), *lane, lowest);
        }
    }
    bound
}

/// The components of so many queries side by side, zero where the last ones are too few.
// Not inlined, so that it is compiled for the oldest processor: newer ones have an instruction that
// scatters, which takes longer.
#[inline(never)]
fn pack<const AT_ONCE: usize>(
    queries: &[(&[f32], &[Ranked])],
    dimension: usize,
) -> Vec<[f32; AT_ONCE]> {
    let groups = queries.chunks(AT_ONCE);
    let mut packed = vec![[0.0; AT_ONCE]; groups.len() * dimension];
    for (packed, group) in packed.chunks_exact_mut(dimension).zip(groups) {
        for (at, (vector, _)) in group.iter().enumerate() {
            for (packed, &x) in packed.iter_mut().zip(*vector) {
                packed[at] = x;
            }
        }
    }
    packed
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
    keys: Vec<u128>,
    /// What a tool must score to be among the best `k`.
    threshold: f32,
}

impl Best {
    fn of(known: &[Ranked], k: usize) -> Self {
        let mut best = Self {
            k,
            keys: Vec::with_capacity(k.min(WIDTH)),
            threshold: f32::NEG_INFINITY,
        };
        for &known in known {
            best.insert(known);
        }
        best
    }

    #[inline(always)]
    fn offer(&mut self, tools: &[ToolId], scores: &[f32; WIDTH]) {
        // Without a branch per score, the processor compares many at once.
        let mut good = 0;
        for (lane, &score) in scores.iter().enumerate() {
            good |= u32::from(score >= self.threshold) << lane;
        }
        good &= u32::MAX >> (WIDTH - tools.len());
        while good != 0 {
            let lane = good.trailing_zeros() as usize;
            good &= good - 1;
            let (tool, score) = (tools[lane], scores[lane]);
            if score >= self.threshold {
                self.insert(Ranked { tool, score });
            }
        }
    }

    #[inline(always)]
    fn insert(&mut self, ranked: Ranked) {
        let mut key = key(ranked);
        for kept in &mut self.keys {
            // Where it belongs cannot be predicted, so there is no branch.
            (*kept, key) = ((*kept).max(key), (*kept).min(key));
        }
        if self.keys.len() < self.k {
            self.keys.push(key);
        }
        if self.keys.len() == self.k {
            self.threshold = self
                .keys
                .last()
                .map_or(f32::INFINITY, |&key| of_key(key).score);
        }
    }

    fn finish(self) -> Vec<Ranked> {
        self.keys.into_iter().map(of_key).collect()
    }
}

/// A number that is the greater, the better the tool ranks in the order of [`top_k`](crate::top_k): its
/// score, then its place in the shuffle, then which it is (of fewer than 2³²: their vectors fit in memory).
#[inline(always)]
fn key(ranked: Ranked) -> u128 {
    // The bits of floats rise with positive ones and fall with negative ones. The sum is never -0.
    let bits = (ranked.score + 0.0).to_bits();
    let score = if bits < SIGN { bits | SIGN } else { !bits };
    let place = !mix(ranked.tool as u64);
    u128::from(score) << 96 | u128::from(place) << 32 | u128::from(ranked.tool as u32)
}

#[inline(always)]
fn of_key(key: u128) -> Ranked {
    let score = (key >> 96) as u32;
    Ranked {
        tool: key as u32 as ToolId,
        score: f32::from_bits(if score < SIGN { !score } else { score ^ SIGN }),
    }
}

/// The bit of a float that says that it is negative.
const SIGN: u32 = 1 << 31;
