//! What the built-in embedder takes for one query and for a batch: `cargo bench -p oats-embedders`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use oats_embedders::{Embedder, StaticTable};

/// 25 words.
const QUERY: &str = "I'm planning a weekend in Lisbon with my family; could you find a reasonably priced hotel \
                     near the old town, and tell me whether it will rain?";

/// The same with letters and quotes beyond ASCII.
const NON_ASCII_QUERY: &str = "I’m planning a weekend in Málaga with my family; could you find a reasonably priced \
                               hôtel near the old town, and tell me whether it will rain?";

fn static_table(criterion: &mut Criterion) {
    let table = StaticTable::builtin().expect("the table is compiled in");
    let ids = table.ids(QUERY).expect("a plain text");
    let batch = [QUERY; 1000];

    criterion.bench_function("tokenise a query", |bencher| {
        bencher.iter(|| table.ids(black_box(QUERY)));
    });
    criterion.bench_function("tokenise a query that is not ASCII", |bencher| {
        bencher.iter(|| table.ids(black_box(NON_ASCII_QUERY)));
    });
    criterion.bench_function("embed a tokenised query", |bencher| {
        bencher.iter(|| table.embed_ids(black_box(&ids)));
    });
    criterion.bench_function("embed a query", |bencher| {
        bencher.iter(|| table.embed(black_box(&[QUERY])));
    });
    criterion.bench_function("embed 1000 queries", |bencher| {
        bencher.iter(|| table.embed(black_box(&batch)));
    });
}

criterion_group!(benches, static_table);
criterion_main!(benches);
