//! What routers add to the embedding of a request, over 2,400 tools: `oats-s2`, which makes features
//! of the request and the best tools, beside the scan that it stands on and the words that it reads, and
//! `oats-s3`, which moves the request's vector first.
//!
//! Texts are those of the built-in benchmark, again and again; vectors are drawn at random.

#![allow(missing_docs)] // of what criterion's macros make

use std::{cell::LazyCell, hint::black_box};

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Axis};
use oats_datasets::{Dataset, Sources, Tool};
use oats_routers::{Progress, Request, Router, RouterSpec, Training, TrainingQuery};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TOOLS: usize = 2_400;
const DIMENSION: usize = 384;

fn unit_rows(rng: &mut ChaCha8Rng, rows: usize) -> Array2<f32> {
    let drawn = || rng.random_range(-1.0f32..1.0);
    let mut rows = Array2::from_shape_simple_fn((rows, DIMENSION), drawn);
    for mut row in rows.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    rows
}

fn rank(criterion: &mut Criterion) {
    let sources = Sources::new(None, "unused".into());
    let benchmark = Dataset::Builtin
        .load(&sources)
        .expect("the built-in benchmark");
    let tools: Vec<Tool> = benchmark
        .tools()
        .iter()
        .cycle()
        .take(TOOLS)
        .cloned()
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let tool_embeddings = unit_rows(&mut rng, TOOLS);
    let mut query_embeddings = unit_rows(&mut rng, benchmark.queries().len());
    // Near enough to a right tool's for it to be among the best.
    for (mut row, query) in query_embeddings
        .axis_iter_mut(Axis(0))
        .zip(benchmark.queries())
    {
        row += &tool_embeddings.row(query.relevant[0].0);
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    let training = Training {
        tools: &tools,
        tool_embeddings: tool_embeddings.view(),
        queries: benchmark
            .queries()
            .iter()
            .map(TrainingQuery::from)
            .collect(),
        query_embeddings: query_embeddings.view(),
        seed: 0,
        llm: None,
        progress: Progress::silent(),
    };
    let requests: Vec<Request<'_>> = benchmark
        .queries()
        .iter()
        .zip(query_embeddings.rows())
        .map(|(query, embedding)| Request {
            text: &query.text,
            embedding: embedding.to_slice().expect("row by row"),
            candidates: None,
        })
        .collect();
    let mut group = criterion.benchmark_group("rank");
    for spec in [
        "kind = \"dense\"",
        "kind = \"dense-int8\"",
        "kind = \"bm25\"",
        "kind = \"oats-s3\"\nepochs = 1",
        "kind = \"oats-s2\"\nepochs = 1",
    ] {
        let spec: RouterSpec = toml::from_str(spec).expect("a router");
        // Fitted when the filter lets the bench through.
        let router = LazyCell::new(|| spec.fit(&training).expect("a fit"));
        group.bench_function(spec.kind(), |bencher| {
            let router: &dyn Router = &**router;
            let mut next = requests.iter().cycle();
            let mut rank = || {
                next.next()
                    .map(|request| router.rank(black_box(request), 10))
            };
            bencher.iter(&mut rank);
        });
    }
    group.finish();
}

criterion_group!(benches, rank);
criterion_main!(benches);
