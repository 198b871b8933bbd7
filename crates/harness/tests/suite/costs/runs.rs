//! What is run: whole datasets, in any number of threads, priced by the list at hand.

use std::fs;

use oats_datasets::Dataset;
use oats_harness::Study;

use super::{COST, GROWTH, PRICES};
use crate::laboratory::Laboratory;

#[test]
fn the_number_of_threads_changes_nothing() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    for toml in [&toml, GROWTH] {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let out = format!("threads-{threads}");
            let summary = pool
                .install(|| laboratory.try_costs(toml, PRICES, &out))
                .unwrap();
            fs::read(summary.folder.join("costs.csv")).unwrap()
        };
        let one = run(1);
        assert!(one.len() > 1000);
        assert!(one == run(3));
    }
}

#[test]
fn a_dataset_that_is_not_at_hand_is_left_out() {
    let laboratory = Laboratory::new();
    let summary = laboratory.try_costs(COST, PRICES, "out").unwrap();
    assert!(summary.rows.iter().all(|row| row.dataset != "metatool"));
    assert_eq!(summary.skipped.len(), 1);
    assert_eq!(summary.skipped[0].dataset.as_deref(), Some("metatool"));
    assert_eq!(
        Vec::from_iter(summary.manifest.datasets.keys()),
        ["builtin", "none"]
    );
}

#[test]
fn the_price_list_decides_what_is_priced() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    // Another model by another tokenizer.
    let model = PRICES.split("[[machine]]").next().unwrap();
    let older = model
        .replace("\"round\"", "\"older\"")
        .replace("o200k", "cl100k");
    let ledger = laboratory.costs(&toml, &format!("{PRICES}{older}"));
    let dollars = |price: &str| {
        ledger.row(&format!(
            "builtin select-list candidates none {price} dollars-per-million-requests"
        ))
    };
    assert_eq!(dollars("older").tokenizer, "cl100k_base");
    assert_ne!(dollars("older").value, dollars("round").value);
    let counts = ledger.0.iter().filter(|row| {
        row.scenario == "select-list" && row.shown == "candidates" && row.quantity == "input-tokens"
    });
    assert_eq!(counts.count(), 2, "one by each tokenizer");

    for (prices, lacking) in [("", "model"), (model, "machine")] {
        let error = laboratory
            .try_costs(&toml, prices, "none")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("prices.toml: it has no ")
                && error.contains(&format!("add a [[{lacking}]]")),
            "{error}"
        );
        assert!(!laboratory.path("none").exists());
    }
}

#[test]
fn a_quick_run_and_restrictions_keep_whole_datasets() {
    let mut study = Study::parse(COST, "t.toml").unwrap();
    study.quicken();
    assert_eq!(study.datasets(), [&Dataset::Builtin]);
    let mut study = Study::parse(COST, "t.toml").unwrap();
    study.restrict(Some(&[Dataset::Metatool, Dataset::Toole]), Some(1));
    assert_eq!(study.datasets(), [&Dataset::Metatool]);
    study.restrict(Some(&[Dataset::Toole]), None);
    assert!(study.datasets().is_empty());
}
