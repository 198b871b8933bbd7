//! Stage 1 at the shapes of ToolE and ToolBench, on a log of a million outcomes, and as outcomes arrive.
//!
//! `cargo bench -p oats-routers --bench s1 [-- <name>]`. Vectors are random: how long a refinement takes
//! depends on how many there are, hardly on where they point.

use std::{fs, hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use oats_datasets::{Outcome, Query, Tool, ToolId};
use oats_routers::{Progress, Training, TrainingQuery, oats::S1Params};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIMENSION: usize = 384;

/// Tools and queries with unit vectors.
struct Data {
    tools: Vec<Tool>,
    tool_embeddings: Array2<f32>,
    query: Query,
    query_embeddings: Array2<f32>,
    rng: ChaCha8Rng,
}

impl Data {
    fn random(tools: usize, queries: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(17);
        let tool_embeddings = unit_rows(&mut rng, tools);
        let query_embeddings = unit_rows(&mut rng, queries);
        Self {
            tools: (0..tools)
                .map(|tool| Tool::new(tool.to_string(), ""))
                .collect(),
            tool_embeddings,
            query: Query {
                id: String::new(),
                text: String::new(),
                relevant: vec![],
                candidates: vec![],
                subsets: vec![0],
                scenario: None,
            },
            query_embeddings,
            rng,
        }
    }

    /// Queries with `right` labels each.
    fn labelled(&mut self, right: usize) -> Training<'_> {
        let (tools, rng) = (self.tools.len(), &mut self.rng);
        let mut labels = || {
            (0..right)
                .map(|_| (rng.random_range(0..tools), 1))
                .collect()
        };
        let labels: Vec<Vec<(ToolId, u32)>> = (0..self.query_embeddings.nrows())
            .map(|_| labels())
            .collect();
        self.training(labels.into_iter().map(|relevant| TrainingQuery {
            relevant: relevant.into(),
            ..TrainingQuery::from(&self.query)
        }))
    }

    /// Queries with one outcome each, of which half are successes.
    fn logged(&mut self) -> Training<'_> {
        let outcomes: Vec<Outcome> = (0..self.query_embeddings.nrows())
            .map(|_| Outcome {
                tool: self.rng.random_range(0..self.tools.len()),
                success: self.rng.random_bool(0.5),
                propensity: 1.0,
            })
            .collect();
        let outcomes = outcomes.into_iter();
        self.training(outcomes.map(|outcome| TrainingQuery::logged(&self.query, vec![outcome])))
    }

    fn training<'a>(&'a self, queries: impl Iterator<Item = TrainingQuery<'a>>) -> Training<'a> {
        Training {
            tools: &self.tools,
            tool_embeddings: self.tool_embeddings.view(),
            queries: queries.collect(),
            query_embeddings: self.query_embeddings.view(),
            seed: 0,
            llm: None,
            progress: Progress::silent(),
        }
    }
}

fn unit_rows(rng: &mut ChaCha8Rng, rows: usize) -> Array2<f32> {
    let mut vectors =
        Array2::from_shape_simple_fn((rows, DIMENSION), || rng.random_range(-1.0f32..1.0));
    for mut row in vectors.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    vectors
}

/// Fits at the shapes of the benchmarks: queries × tools, with the usual number of right tools.
fn labelled(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("labelled");
    group.sample_size(10);
    for (name, queries, tools, right) in [("toole", 20_614, 199, 1), ("toolbench", 765, 2_490, 2)] {
        group.bench_function(name, |bencher| {
            let mut data = Data::random(tools, queries);
            let training = data.labelled(right);
            bencher.iter(|| S1Params::default().fit(black_box(&training)));
        });
    }
}

/// Fits to logs of growing length over 100,000 tools, and says what memory the longest took.
fn logged(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("logged");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    for outcomes in [100_000, 300_000, 1_000_000] {
        group.throughput(Throughput::Elements(outcomes as u64));
        group.bench_function(format!("{outcomes} outcomes"), |bencher| {
            let mut data = Data::random(100_000, outcomes);
            let training = data.logged();
            let inputs = peak_mebibytes();
            bencher.iter(|| S1Params::default().fit(black_box(&training)));
            if let (Some(inputs), Some(peak)) = (inputs, peak_mebibytes()) {
                println!("{outcomes} outcomes: peak {peak} MiB, of which inputs {inputs} MiB");
            }
        });
    }
}

/// A hundred outcomes after 100,000.
fn added(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("added");
    group.sample_size(10);
    group.bench_function("100 outcomes after 100000", |bencher| {
        let mut data = Data::random(100_000, 100_100);
        let all = data.logged();
        let (first, more) = all.queries.split_at(100_000);
        let first = Training {
            queries: first.to_vec(),
            query_embeddings: rows(all.query_embeddings, 0, 100_000),
            ..all
        };
        let vectors = rows(all.query_embeddings, 100_000, 100_100);
        let started = S1Params::default().start(&first);
        bencher.iter_batched_ref(
            || started.as_ref().ok().cloned(),
            |refinement| {
                refinement
                    .as_mut()
                    .map(|refinement| refinement.add(more, vectors))
            },
            BatchSize::PerIteration,
        );
    });
}

fn rows(mut vectors: ArrayView2<'_, f32>, start: usize, end: usize) -> ArrayView2<'_, f32> {
    vectors.slice_axis_inplace(Axis(0), Slice::from(start..end));
    vectors
}

/// The most memory that the process has taken so far; only Linux says.
fn peak_mebibytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024)
}

criterion_group!(benches, labelled, logged, added);
criterion_main!(benches);
