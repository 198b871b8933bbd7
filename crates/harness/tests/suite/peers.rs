//! What is told of peers, and how their rows are taken over. `xtask` tests the running of them.

use std::{collections::BTreeMap, path::Path};

use oats_harness::{
    DatasetEntry, Manifest, bless_whole_datasets, peers_report,
    rows::{Number, PeerRow, read_rows, write_rows},
};
use serde_json::json;

use crate::laboratory::Laboratory;

fn row(dataset: &str, task: &str, peer: &str, quantity: &str, value: f64) -> PeerRow {
    PeerRow {
        dataset: dataset.into(),
        task: task.into(),
        threads: "2".into(),
        peer: peer.into(),
        quantity: quantity.into(),
        value: Number::new(value),
        n: 200,
    }
}

fn manifest(rows: &[PeerRow], commit: &str) -> Manifest {
    let entry = DatasetEntry {
        configuration: json!({"commit": commit, "packages": {"bm25s": {"bm25s": "0.3", "numpy": "2.4"}}}),
        code: json!({ "commit": commit }),
        benchmark: json!({}),
        splits: BTreeMap::new(),
        embedders: BTreeMap::new(),
        prices: None,
        machine: json!({"cpu": "a fast one"}),
        seconds: 1.0,
    };
    let datasets = rows
        .iter()
        .map(|row| (row.dataset.clone(), vec![entry.clone()]));
    Manifest {
        experiment: "peers".into(),
        datasets: datasets.collect(),
    }
}

#[test]
fn claims_are_checked_against_the_rows() {
    let rows = [
        row("toolbench", "route", "oats dense minilm", "p50-ms", 4.0),
        row("toolbench", "route", "oats dense static", "p50-ms", 0.1),
        row(
            "toolbench",
            "route",
            "sentence-transformers",
            "p50-ms",
            12.0,
        ),
        row(
            "toolbench",
            "route",
            "sentence-transformers",
            "ndcg@5",
            0.555,
        ),
        row(
            "toolbench",
            "words",
            "bm25s-our-words",
            "same-ranking",
            0.995,
        ),
        row(
            "toolbench",
            "s1-all",
            "numpy-s1",
            "largest-difference",
            1e-6,
        ),
        // Only ToolBench has as many tools as the claim is about.
        row("metatool", "words", "oats bm25", "p50-ms", 1.0),
        row("metatool", "words", "bm25s", "p50-ms", 2.0),
    ];
    let text = peers_report(&rows, &manifest(&rows, "1"), None);
    for part in [
        "| toolbench | 2 | route | oats dense minilm | sentence-transformers | 3× as fast | 3.0× | met |",
        "| oats dense static | sentence-transformers | 200× as fast | 120.0× | **not met** |",
        "| oats dense minilm-int8 | sentence-transformers | 8× as fast | – | not measured |",
        "| 100 % same rankings | 99.5 % | **not met** |",
        "| toolbench | 2 | s1-all | oats s1 | numpy-s1 | vectors within 0.00001 | 0.000001 | met |",
        "| toolbench | sentence-transformers | 0.555 | 12.0 | – | 200 |",
        "bm25s 0.3, numpy 2.4; a fast one",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert!(!text.contains("| metatool | 2 | words | oats bm25 | bm25s | 5×"));
}

#[test]
fn of_a_dataset_that_was_run_again_no_older_row_stays() {
    let laboratory = Laboratory::new();
    let write = |folder: &Path, rows: &[PeerRow], commit| {
        write_rows(&folder.join("peers.csv"), rows).unwrap();
        let manifest = manifest(rows, commit);
        manifest.write(&folder.join("manifest.json")).unwrap();
    };
    let (from, into) = (laboratory.path("from"), laboratory.path("into"));
    let kept = row("metatool", "words", "bm25s", "p50-ms", 1.0);
    let older = row("toolbench", "words", "rank-bm25", "p50-ms", 2.0);
    let newer = row("toolbench", "words", "bm25s", "p50-ms", 3.0);
    write(&into, &[kept.clone(), older], "1");
    write(&from, std::slice::from_ref(&newer), "2");

    bless_whole_datasets(&from, &into, |_: &PeerRow| true).unwrap();

    let rows: Vec<PeerRow> = read_rows(&into.join("peers.csv")).unwrap();
    assert_eq!(rows, [kept, newer]);
    let manifest = Manifest::read(&into.join("manifest.json"))
        .unwrap()
        .unwrap();
    let commit = |dataset: &str| {
        let runs = &manifest.datasets[dataset];
        assert_eq!(runs.len(), 1, "{dataset}");
        runs[0].code["commit"].clone()
    };
    assert_eq!([commit("metatool"), commit("toolbench")], ["1", "2"]);
}
