//! Metrics over rankings, and the bootstrap over their scores.

#![allow(missing_docs)] // of what criterion's macros make

use std::{hint::black_box, num::NonZeroUsize};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use oats_metrics::{Bootstrap, Metric, Stratum};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// About as many as MetaTool's test part has.
const QUERIES: usize = 1_300;
const TOOLS: usize = 200;
/// A ranking, and the relevant tools with their grades.
type Case = (Vec<usize>, [(usize, u32); 2]);

const DEPTH: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

fn metrics(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let cases: Vec<Case> = (0..QUERIES)
        .map(|_| {
            let first = rng.random_range(0..TOOLS);
            let ranking = (0..TOOLS).map(|place| (first + place * 7) % TOOLS);
            (
                ranking.collect(),
                [(rng.random_range(0..TOOLS), 1), (first, 2)],
            )
        })
        .collect();
    let mut group = criterion.benchmark_group("metric");
    group.throughput(Throughput::Elements(QUERIES as u64));
    for (name, metric) in [
        ("ndcg", Metric::Ndcg(DEPTH)),
        ("recall", Metric::Recall(DEPTH)),
        ("map", Metric::Map),
        ("set-f1", Metric::SetF1),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let scores = cases
                    .iter()
                    .map(|(ranking, relevant)| metric.score(ranking, relevant));
                black_box(scores.sum::<f64>())
            });
        });
    }
    group.finish();
}

fn bootstrap(criterion: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut stratum = || Stratum {
        clusters: (0..QUERIES).map(|query| query / 2).collect(),
        values: Array2::from_shape_simple_fn((QUERIES, 8), || rng.random()),
    };
    let (treatment, baseline) = ([stratum()], [stratum()]);
    let bootstrap = Bootstrap::default();
    let mut group = criterion.benchmark_group("bootstrap");
    group.throughput(Throughput::Elements(bootstrap.replicates as u64));
    group.bench_function("intervals", |bencher| {
        bencher.iter(|| bootstrap.intervals(black_box(&treatment)));
    });
    group.bench_function("paired", |bencher| {
        bencher.iter(|| bootstrap.paired(black_box(&treatment), black_box(&baseline)));
    });
    group.finish();
}

criterion_group!(benches, metrics, bootstrap);
criterion_main!(benches);
