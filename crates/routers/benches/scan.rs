//! The scan over tool vectors, beside a plain read of as many bytes by as many threads: large
//! catalogues are scanned as fast as memory is read, or something is wrong.
//!
//! `cargo bench -p oats-routers --bench scan -- --quick` is a first look; `f32/2400` after the `--`
//! measures that alone. A million tools need 2 GB of memory.

#![allow(missing_docs)] // of what criterion's macros make

use std::{cell::LazyCell, hint::black_box};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use oats_routers::{
    Request,
    scan::{PARALLEL_ABOVE, Quantised, Vectors},
    top_k,
};
use rayon::prelude::*;

/// As MiniLM makes them.
const DIMENSION: usize = 384;
const CATALOGUES: [usize; 4] = [199, 2_400, 100_000, 1_000_000];
const K: usize = 20;

/// Numbers that look drawn from ±1, the same in every run, made by all threads.
fn drawn(count: usize) -> Vec<f32> {
    let numbers = (0..count as u32).into_par_iter();
    numbers
        .map(|number| {
            let mixed = (number ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b1);
            let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca77);
            (mixed ^ (mixed >> 13)) as f32 / u32::MAX as f32 * 2.0 - 1.0
        })
        .collect()
}

fn vectors(tools: usize) -> Vectors {
    let rows = Array2::from_shape_vec((tools, DIMENSION), drawn(tools * DIMENSION));
    Vectors::new(rows.expect("as many numbers as components"))
}

/// Reads every number once, with the threads that a scan of so many tools has.
fn read(numbers: &[f32], tools: usize) -> u32 {
    // Sums of whole numbers can be formed in any order, so in vector instructions.
    let sum = |numbers: &[f32]| {
        let bits = numbers.iter().map(|number| number.to_bits());
        bits.fold(0, u32::wrapping_add)
    };
    if tools <= PARALLEL_ABOVE {
        sum(numbers)
    } else {
        let parts = numbers.par_chunks(1 << 20);
        parts.map(sum).reduce(|| 0, u32::wrapping_add)
    }
}

fn scan(criterion: &mut Criterion) {
    let query = drawn(DIMENSION);
    for tools in CATALOGUES {
        // Made when the first bench is run that the filter lets through.
        let floats = LazyCell::new(|| vectors(tools));
        let codes = LazyCell::new(|| floats.quantised());
        let mut group = criterion.benchmark_group("scan");
        group.sample_size(if tools < 100_000 { 100 } else { 20 });
        let sizes = [
            ("f32", tools * DIMENSION * size_of::<f32>()),
            ("int8", tools * (DIMENSION + size_of::<f32>())),
        ];
        for (kind, bytes) in sizes {
            group.throughput(Throughput::Bytes(bytes as u64));
            let name = |what: &str| BenchmarkId::new(format!("{kind}{what}"), tools);
            group.bench_function(name("-read"), |bencher| {
                let all = floats.view();
                let all = all.as_slice().expect("row by row");
                let numbers = &all[..bytes / size_of::<f32>()];
                bencher.iter(|| read(black_box(numbers), tools));
            });
            group.bench_function(name(""), |bencher| match kind {
                "f32" => {
                    let floats: &Vectors = &floats;
                    bencher.iter(|| floats.search(black_box(&query), None, K));
                }
                _ => {
                    let codes: &Quantised = &codes;
                    bencher.iter(|| codes.search(black_box(&query), None, K));
                }
            });
        }
        group.finish();
    }
}

/// The choice of the best k alone.
fn selection(criterion: &mut Criterion) {
    let request = Request {
        text: "",
        embedding: &[],
        candidates: None,
    };
    let mut group = criterion.benchmark_group("top-k");
    for tools in CATALOGUES {
        let scores = LazyCell::new(|| drawn(tools));
        group.throughput(Throughput::Elements(tools as u64));
        group.bench_function(BenchmarkId::from_parameter(tools), |bencher| {
            let scores: &[f32] = &scores;
            bencher.iter(|| top_k(black_box(&request), tools, K, |tool| scores[tool]));
        });
    }
    group.finish();
}

criterion_group!(benches, scan, selection);
criterion_main!(benches);
