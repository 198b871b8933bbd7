//! The same bytes, whenever and with however many threads.

use oats_harness::{Experiment, RunOptions, run};

use crate::laboratory::{Laboratory, Notes, tables};

const TOML: &str = r#"
    name = "t"
    question = "?"
    metrics = ["ndcg@5", "map"]
    baselines = ["dense"]
    routers = ["random", "bm25", "dense", "oats-s1"]

    [[grid]]
    datasets = ["builtin"]
    embedders = ["static"]
    splits = ["instance", "tool"]
    pools = ["candidates", "catalogue"]
    seeds = [0, 1]
"#;

#[test]
fn tables_are_bit_identical_for_any_number_of_threads() {
    let laboratory = Laboratory::new();
    let experiment = Experiment::parse(TOML, "t.toml").unwrap();
    let run_in = |out: &str| {
        let options = RunOptions {
            out: laboratory.path(out),
            ..laboratory.options()
        };
        let summary = run(
            &experiment,
            &laboratory.resources(),
            &options,
            &Notes::default(),
        );
        tables(&summary.unwrap().folder)
    };
    let first = run_in("first");
    assert!(first.iter().all(|table| table.lines().count() > 40));
    assert_eq!(first, run_in("again"));
    for threads in 1..=3 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let tables = pool
            .unwrap()
            .install(|| run_in(&format!("threads-{threads}")));
        assert!(first == tables, "{threads} threads give other numbers");
    }
}
