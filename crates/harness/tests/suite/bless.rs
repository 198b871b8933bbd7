//! Blessing changes what was run, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use oats_harness::{
    DatasetEntry, Error, Experiment, Manifest, bless,
    rows::{MetricRow, write_rows},
};
use serde_json::json;

use crate::{
    laboratory::{Laboratory, listing, read, toml},
    results::metric_row,
};

fn parse(toml: &str) -> Experiment {
    Experiment::parse(toml, "t.toml").unwrap()
}

/// A result folder with these rows, from one run of each dataset with this many seeds.
fn results(folder: &Path, rows: &[MetricRow], seeds: usize, commit: &str) {
    write_rows(&folder.join("metrics.csv"), rows).unwrap();
    let entry = DatasetEntry {
        configuration: json!({ "seeds": seeds }),
        code: json!({ "commit": commit }),
        benchmark: json!({}),
        splits: BTreeMap::new(),
        embedders: BTreeMap::new(),
        prices: None,
        machine: json!({}),
        seconds: 1.0,
    };
    let datasets = rows
        .iter()
        .map(|row| (row.dataset.clone(), vec![entry.clone()]));
    let manifest = Manifest {
        experiment: "t".into(),
        datasets: datasets.collect(),
    };
    manifest.write(&folder.join("manifest.json")).unwrap();
}

/// By dataset, the commits of the runs that its rows come from.
fn commits(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let manifest = Manifest::read(&folder.join("manifest.json"))
        .unwrap()
        .unwrap();
    let commit = |entry: &DatasetEntry| entry.code["commit"].as_str().unwrap().to_owned();
    let datasets = manifest.datasets.iter();
    datasets
        .map(|(dataset, entries)| (dataset.clone(), entries.iter().map(commit).collect()))
        .collect()
}

fn snapshot(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = listing(folder).into_iter();
    files
        .map(|name| (name.clone(), fs::read(folder.join(name)).unwrap()))
        .collect()
}

#[test]
fn the_first_blessing_takes_over_everything_and_a_second_changes_nothing() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 4)], "[0, 1]");
    let (experiment, run) = (parse(&toml), laboratory.run(&toml));
    let committed = laboratory.path("results/t");
    bless(&experiment, &run.summary.folder, &committed).unwrap();
    assert_eq!(snapshot(&run.summary.folder), snapshot(&committed));
    bless(&experiment, &run.summary.folder, &committed).unwrap();
    assert_eq!(snapshot(&run.summary.folder), snapshot(&committed));
}

#[test]
fn rows_that_were_not_run_stay() {
    let laboratory = Laboratory::new();
    let [first, second] = ["first", "second"].map(|name| laboratory.beir(name, 4));
    let committed = laboratory.path("results/t");
    let whole = toml(&[&first, &second], "[0, 1]");
    let (experiment, full) = (parse(&whole), laboratory.run(&whole));
    bless(&experiment, &full.summary.folder, &committed).unwrap();
    let (metrics, tests) = (full.metrics(), full.tests());

    // One seed of one dataset, with another setting behind the same label.
    let part = toml(&[&second], "[1]").replace(
        "\"oats-s1\"",
        "{ kind = \"oats-s1\", alpha = 0.9, label = \"oats-s1\" }",
    );
    let part = laboratory.run(&part);
    bless(&experiment, &part.summary.folder, &committed).unwrap();
    let merged: Vec<MetricRow> = read(&committed.join("metrics.csv"));
    let again = part.metrics();
    for row in &merged {
        let labels = |other: &&MetricRow| {
            (
                &other.dataset,
                &other.subset,
                &other.router,
                &other.seed,
                &other.metric,
            ) == (
                &row.dataset,
                &row.subset,
                &row.router,
                &row.seed,
                &row.metric,
            )
        };
        let source = again
            .iter()
            .find(labels)
            .or_else(|| metrics.iter().find(labels));
        assert_eq!(source, Some(row));
    }
    let new = again.iter().filter(|row| row.seed == "mean-of-1").count();
    assert_eq!(merged.len(), metrics.len() + new);
    assert!(
        !merged
            .iter()
            .all(|row| metrics.contains(row) || row.seed == "mean-of-1"),
        "some rows changed"
    );
    let merged_tests: Vec<oats_harness::rows::TestRow> = read(&committed.join("tests.csv"));
    assert!(
        tests.iter().all(|row| merged_tests.contains(row)),
        "of two seeds: not run again"
    );
    assert_eq!(merged_tests.len(), tests.len() + part.tests().len());
}

#[test]
fn rows_that_the_experiment_does_not_make_any_more_go() {
    let laboratory = Laboratory::new();
    let [set, other] = [laboratory.beir("set", 4), "metatool".to_owned()];
    let before = toml(&[&set, "builtin"], "[0, 1]")
        .replace("\"bm25\", \"dense\"", "\"bm25\", \"dense\", \"random\"");
    let committed = laboratory.path("results/t");
    let run = laboratory.run(&before);
    bless(&parse(&before), &run.summary.folder, &committed).unwrap();
    let older = run.metrics();

    // Without `random`, `recall@1`, the second seed and `builtin`; `set` is not run again.
    let now = toml(&[&set, &other], "[0]").replace(", \"recall@1\"", "");
    let part = laboratory.path("part");
    results(&part, &[metric_row("metatool", "0", 0.5)], 1, "new");
    bless(&parse(&now), &part, &committed).unwrap();
    let kept: Vec<MetricRow> = read(&committed.join("metrics.csv"));
    let (new, kept): (Vec<_>, Vec<_>) = kept.into_iter().partition(|row| row.dataset == "metatool");
    assert_eq!(new.len(), 1);
    let still = |row: &&MetricRow| {
        row.dataset == "beir:set"
            && row.router != "random"
            && row.metric == "ndcg@5"
            && row.seed == "0"
    };
    assert_eq!(
        kept.iter().collect::<Vec<_>>(),
        older.iter().filter(still).collect::<Vec<_>>()
    );
    assert!(!kept.is_empty());
    let tests: Vec<oats_harness::rows::TestRow> = read(&committed.join("tests.csv"));
    assert!(tests.is_empty(), "they are means over two seeds");
    let datasets: Vec<String> = commits(&committed).into_keys().collect();
    assert_eq!(datasets, ["beir:set", "metatool"]);
}

#[test]
fn rows_that_a_router_does_not_make_any_more_go() {
    let laboratory = Laboratory::new();
    let set = laboratory.beir("set", 4);
    let before = toml(&[&set], "[0, 1]");
    let committed = laboratory.path("results/t");
    let run = laboratory.run(&before);
    bless(&parse(&before), &run.summary.folder, &committed).unwrap();

    // BM25 has one seed of the two, S1 another embedder.
    let now = before
        .replace("[\"static\"]", "[\"static\", \"minilm\"]")
        .replace("\"bm25\"", "{ kind = \"bm25\", seeds = 1 }")
        .replace(
            "\"oats-s1\"",
            "{ kind = \"oats-s1\", embedders = [\"minilm\"] }",
        );
    let part = laboratory.path("part");
    results(&part, &[], 1, "new");
    bless(&parse(&now), &part, &committed).unwrap();
    let kept: Vec<MetricRow> = read(&committed.join("metrics.csv"));
    let of = |router: &str| -> BTreeSet<&str> {
        let rows = kept.iter().filter(|row| row.router == router);
        rows.map(|row| row.seed.as_str()).collect()
    };
    assert_eq!(of("bm25"), BTreeSet::from(["0"]));
    assert_eq!(of("dense"), BTreeSet::from(["0", "1", "mean-of-2"]));
    assert_eq!(of("oats-s1"), BTreeSet::new());
    let tests: Vec<oats_harness::rows::TestRow> = read(&committed.join("tests.csv"));
    assert!(
        tests.is_empty(),
        "both have lost a side's seeds or embedder"
    );
}

#[test]
fn the_manifest_keeps_every_run_that_has_rows_left() {
    let laboratory = Laboratory::new();
    let [run, committed] = ["run", "results"].map(|name| laboratory.path(name));
    let rows = [
        metric_row("metatool", "0", 0.1),
        metric_row("metatool", "1", 0.1),
        metric_row("toole", "0", 0.1),
    ];
    let experiment = parse(&toml(&["metatool", "toole"], "[0, 1]"));
    results(&committed, &rows, 2, "old");
    // Seed 0 of `metatool` alone: seed 1 is still the old run's, and so is `toole`.
    results(&run, &rows[..1], 1, "part");
    bless(&experiment, &run, &committed).unwrap();
    let expect = |metatool: &[&str], toole: &[&str]| {
        let expected = [("metatool", metatool), ("toole", toole)].map(|(dataset, commits)| {
            (
                dataset.to_owned(),
                commits.iter().map(|&c| c.to_owned()).collect(),
            )
        });
        assert_eq!(commits(&committed), BTreeMap::from(expected));
    };
    expect(&["part", "old"], &["old"]);
    // The same part again replaces itself.
    results(&run, &rows[..1], 1, "part again");
    bless(&experiment, &run, &committed).unwrap();
    expect(&["part again", "old"], &["old"]);
    // All of `metatool`: nothing older has a row left there.
    results(&run, &rows[..2], 2, "whole");
    bless(&experiment, &run, &committed).unwrap();
    expect(&["whole"], &["old"]);
}

#[test]
fn bad_files_on_either_side_leave_the_committed_results_alone() {
    for (side, file, content) in [
        ("run", "metrics.csv", "experiment,dataset\n"),
        ("run", "tests.csv", "not,a,result\n"),
        ("run", "manifest.json", "{\"experiment\": "),
        ("results", "metrics.csv", "experiment,dataset\n"),
        ("results", "tests.csv", ""),
        ("results", "manifest.json", "[]"),
    ] {
        let laboratory = Laboratory::new();
        let experiment = parse(&toml(&["metatool"], "[0, 1]"));
        let [run, committed] = ["run", "results"].map(|name| laboratory.path(name));
        results(&run, &[metric_row("metatool", "0", 0.2)], 1, "new");
        results(&committed, &[metric_row("metatool", "0", 0.1)], 1, "old");
        let bad = laboratory.path(side).join(file);
        fs::write(&bad, content).unwrap();
        let before = snapshot(&committed);
        let error = bless(&experiment, &run, &committed).unwrap_err();
        assert!(matches!(error, Error::Results { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(&bad.display().to_string()), "{message}");
        assert!(message.contains("line"), "{message}");
        assert_eq!(snapshot(&committed), before, "{side}/{file}");
    }
}
