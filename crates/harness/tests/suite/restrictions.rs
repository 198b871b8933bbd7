//! Parts of an experiment: routers with fewer seeds or embedders, grids with fewer routers, quick runs.

use std::collections::BTreeSet;

use oats_harness::{Experiment, rows::Row, run};

use crate::laboratory::{Laboratory, Notes, Outcome, toml};

/// The distinct labels of some columns.
fn labels<R: Row>(rows: &[R], columns: &[&str]) -> BTreeSet<String> {
    rows.iter()
        .map(|row| {
            let labels = columns.iter().map(|column| row.label(column).unwrap());
            labels.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn of(labels: &[&str]) -> BTreeSet<String> {
    labels.iter().map(|&label| label.to_owned()).collect()
}

#[test]
fn a_router_can_have_fewer_seeds_than_its_rivals() {
    let laboratory = Laboratory::new();
    let all = toml(&["builtin"], "[3, 1, 2]");
    let fewer = all.replace("\"oats-s1\"", "{ kind = \"oats-s1\", seeds = 2 }");
    let [all, fewer] = [all, fewer].map(|toml| laboratory.run(&toml));
    let expected = [
        "bm25 1",
        "bm25 2",
        "bm25 3",
        "bm25 mean-of-3",
        "dense 1",
        "dense 2",
        "dense 3",
        "dense mean-of-3",
        "oats-s1 1",
        "oats-s1 3",
        "oats-s1 mean-of-2",
    ];
    assert_eq!(labels(&fewer.metrics(), &["router", "seed"]), of(&expected));
    assert_eq!(
        labels(&fewer.tests(), &["router", "baseline", "seed"]),
        of(&["bm25 dense mean-of-3", "oats-s1 dense mean-of-2"])
    );
    // A seed's numbers are those that it has among more.
    for row in fewer.metrics() {
        assert!(all.metrics().contains(&row) || row.seed == "mean-of-2");
    }
    // The difference is that of the two seeds' means.
    let value = |outcome: &Outcome, router: &str, seed: &str| {
        let rows = outcome.metrics();
        let found = rows.iter().find(|row| {
            [&row.router, &row.seed, &row.subset, &row.metric] == [router, seed, "all", "ndcg@5"]
        });
        found.unwrap().value.get()
    };
    let dense = (value(&all, "dense", "3") + value(&all, "dense", "1")) / 2.0;
    let tests = fewer.tests();
    let test = tests
        .iter()
        .find(|row| [&row.router, &row.subset, &row.metric] == ["oats-s1", "all", "ndcg@5"]);
    let difference = value(&fewer, "oats-s1", "mean-of-2") - dense;
    assert!((test.unwrap().difference.get() - difference).abs() < 2e-6);
}

#[test]
fn more_seeds_than_there_are_is_all_of_them() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 4)], "[0]");
    let more = toml.replace("\"oats-s1\"", "{ kind = \"oats-s1\", seeds = 7 }");
    let tables = laboratory.run(&toml).tables();
    assert_eq!(laboratory.run(&more).tables(), tables);
}

#[test]
fn a_router_can_be_left_out_of_an_embedder_and_of_a_grid() {
    let laboratory = Laboratory::new();
    let [one, two] = ["one", "two"].map(|name| laboratory.beir(name, 4));
    let toml = toml(&[&one], "[0]").replace(
        "\"oats-s1\"",
        "{ kind = \"oats-s1\", embedders = [\"minilm\"] }",
    );
    let (head, grid) = toml.split_once("[[grid]]").unwrap();
    let second = grid
        .replace(&one, &two)
        .replace("splits", "routers = [\"bm25\"]\nsplits");
    let grid = grid.replace("[\"static\"]", "[\"minilm\", \"static\"]");
    let outcome = laboratory.run(&format!("{head}[[grid]]{grid}[[grid]]{second}"));
    assert_eq!(
        labels(&outcome.metrics(), &["dataset", "router", "embedder"]),
        of(&[
            "beir:one bm25 none",
            "beir:one dense static",
            "beir:two bm25 none"
        ])
    );
}

#[test]
fn a_selection_is_judged_by_set_metrics_and_a_ranking_by_the_others() {
    let laboratory = Laboratory::new();
    let toml = toml(&["builtin"], "[0]").replace(
        "[\"ndcg@5\", \"recall@1\"]",
        "[\"precision@1\", \"recall@1\", \"recall@5\", \"set-precision\", \"set-recall\"]",
    );
    let outcome = laboratory.run(&toml);
    let rows = outcome.metrics();
    let value = |metric: &str| {
        let row = rows.iter().find(|row| {
            [&row.router, &row.subset, &row.seed, &row.metric] == ["dense", "all", "0", metric]
        });
        row.unwrap().value
    };
    // These routers hand on their best tool, however long their ranking is.
    assert_eq!(value("set-precision"), value("precision@1"));
    assert_eq!(value("set-recall"), value("recall@1"));
    assert!(value("recall@5") > value("recall@1"));
}

const QUICK: &str = r#"
    name = "t"
    question = "?"
    metrics = ["ndcg@5"]
    baselines = ["dense"]
    routers = ["bm25", "dense", "oats-s1"]

    [[grid]]
    datasets = ["builtin"]
    embedders = ["static"]
    splits = ["instance", "query"]
    outcomes = ["all", "per-tool-2", "per-tool-5"]
    pools = ["candidates", "catalogue"]
    seeds = [4, 5]

    [grid.quick]
    routers = ["oats-s1", "dense"]
    splits = ["query"]
    outcomes = ["per-tool-5", "all"]
    pools = ["catalogue"]

    [[grid]]
    datasets = ["metatool"]
    embedders = ["minilm"]
    splits = ["query"]
    pools = ["catalogue"]
    seeds = [0]
    quick = { datasets = [] }
"#;

#[test]
fn a_quick_run_makes_rows_of_the_whole_one() {
    let laboratory = Laboratory::new();
    let whole = laboratory.run(QUICK);
    let mut experiment = Experiment::parse(QUICK, "t.toml").unwrap();
    experiment.quicken();
    assert_eq!(experiment.grids.len(), 1);
    let quick = run(
        &experiment,
        &laboratory.resources(),
        &laboratory.options(),
        &Notes::default(),
    )
    .unwrap();
    assert_eq!(
        labels(&quick.metrics, &["split", "outcomes", "pool", "router"]),
        of(&[
            "query all catalogue dense",
            "query all catalogue oats-s1",
            "query per-tool-5 catalogue dense",
            "query per-tool-5 catalogue oats-s1",
        ])
    );
    let (of_seed, means): (Vec<_>, Vec<_>) = quick
        .metrics
        .into_iter()
        .partition(|row| row.subset == "all" && row.seed == "4");
    assert_eq!(of_seed.len(), 4);
    assert!(
        of_seed
            .iter()
            .all(|row| whole.summary.metrics.contains(row))
    );
    assert!(means.iter().all(|row| row.seed == "mean-of-1"));
}
