//! Whether a run confirms what was committed.

use std::{fs, slice};

use oats_harness::{
    Conditions, DatasetEntry, Experiment, Manifest, RunSummary, Skip, TOLERANCE, Verdict,
    rows::{MetricRow, Number},
};

use crate::{
    laboratory::{Laboratory, toml},
    results::metric_row,
};

#[test]
fn every_committed_row_agrees_differs_or_was_not_compared() {
    let committed = [
        metric_row("a", "0", 0.5),
        metric_row("a", "1", 0.5),
        metric_row("a", "2", 0.5),
        metric_row("b", "0", 0.5),
        metric_row("c", "0", 0.5),
        MetricRow {
            pool: "candidates".into(),
            ..metric_row("a", "0", 0.5)
        },
        MetricRow {
            embedder: "minilm".into(),
            ..metric_row("a", "0", 0.5)
        },
    ];
    let measured = [
        metric_row("a", "0", 0.5),
        metric_row("a", "1", 0.51),
        metric_row("a", "2", 0.4),
        metric_row("a", "mean-of-3", 0.5),
    ];
    let skip = |reason: &str| Skip {
        reason: reason.into(),
        ..Skip::default()
    };
    let skipped = [
        Skip {
            dataset: Some("b".into()),
            ..skip("b: not here")
        },
        Skip {
            dataset: Some("a".into()),
            pool: Some("candidates".into()),
            ..skip("no lists")
        },
        Skip {
            embedder: Some("minilm".into()),
            ..skip("no model")
        },
    ];
    let conditions = Conditions {
        skipped: &skipped,
        ..Conditions::default()
    };
    let verdict = Verdict::new(&committed, &measured, conditions);
    assert_eq!((verdict.agree, verdict.new), (1, 1));
    let differ: Vec<(f64, f64)> = verdict
        .differ
        .iter()
        .map(|d| (d.committed, d.measured))
        .collect();
    assert_eq!(
        differ,
        [(0.5, 0.4), (0.5, 0.51)],
        "the largest difference first"
    );
    assert_eq!(
        verdict.differ[0].labels,
        "t a query all catalogue all static dense 2 ndcg@5"
    );
    assert_eq!(
        Vec::from_iter(&verdict.not_compared),
        [
            (&"b: not here".to_owned(), &1),
            (&"no lists".to_owned(), &1),
            (&"no model".to_owned(), &1),
            (&"not asked for in this run".to_owned(), &1),
        ]
    );
    assert!(!verdict.confirms());
}

#[test]
fn the_tolerance_is_one_thousandth_at_six_decimals() {
    let confirms = |committed: f64, measured: f64| {
        Verdict::new(
            &[metric_row("a", "0", committed)],
            &[metric_row("a", "0", measured)],
            Conditions::default(),
        )
        .confirms()
    };
    for committed in [0.0, 0.1, 0.3, 0.5, 0.7, 0.869] {
        // In binary, 0.501 − 0.5 is more than 0.001.
        assert!(confirms(committed, committed + TOLERANCE));
        assert!(confirms(committed + TOLERANCE, committed));
        assert!(!confirms(committed, committed + TOLERANCE + 1e-6));
        assert!(!confirms(committed + TOLERANCE + 1e-6, committed));
    }
}

#[test]
fn intervals_and_counts_are_compared_too() {
    let committed = metric_row("a", "0", 0.5);
    let measured = [
        MetricRow {
            ci_low: Number::new(0.4),
            ..committed.clone()
        },
        MetricRow {
            ci_high: Number::new(0.6),
            ..committed.clone()
        },
        MetricRow {
            n: 99,
            ..committed.clone()
        },
    ];
    for (row, column) in measured.into_iter().zip(["ci_low", "ci_high", "n"]) {
        let verdict = Verdict::new(slice::from_ref(&committed), &[row], Conditions::default());
        assert_eq!(verdict.differ.len(), 1);
        assert_eq!(verdict.differ[0].column, column);
    }
}

#[test]
fn nothing_committed_and_nothing_run_are_no_contradiction() {
    let row = metric_row("a", "0", 0.5);
    let fresh = Verdict::new(&[], slice::from_ref(&row), Conditions::default());
    assert!(fresh.confirms() && fresh.new == 1);
    let idle = Verdict::new(&[row], &[], Conditions::default());
    assert!(idle.confirms() && idle.agree == 0);
    assert_eq!(idle.not_compared["not asked for in this run"], 1);
}

#[test]
fn rows_from_other_data_are_not_compared() {
    let laboratory = Laboratory::new();
    let set = laboratory.beir("set", 6);
    let toml = toml(&[&set, "builtin"], "[0]");
    let committed = laboratory.run(&toml).summary;
    let verdict = |again: &RunSummary| {
        let other_data = committed.manifest.other_data(&again.manifest);
        let conditions = Conditions {
            other_data: &other_data,
            ..Conditions::default()
        };
        Verdict::new(&committed.metrics, &again.metrics, conditions)
    };
    let all = committed.metrics.len();
    let same = verdict(&laboratory.run(&toml).summary);
    assert_eq!((same.agree, same.not_compared.len()), (all, 0));

    let corpus = laboratory.path("set/corpus.jsonl");
    let edited = fs::read_to_string(&corpus)
        .unwrap()
        .replacen(r#""text":""#, r#""text":"not "#, 1);
    fs::write(&corpus, edited).unwrap();
    let other = verdict(&laboratory.run(&toml).summary);
    let [(reason, &count)] = Vec::from_iter(&other.not_compared)[..] else {
        panic!("{other:?}");
    };
    assert!(
        reason.contains("beir:set") && reason.contains("corpus.jsonl"),
        "{reason}"
    );
    let of_set = committed
        .metrics
        .iter()
        .filter(|row| row.dataset == "beir:set");
    assert_eq!((count, other.agree), (of_set.count(), all - count));
    assert!(other.confirms());
}

#[test]
fn fits_by_descent_may_move_where_numbers_round_differently() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 6), "builtin"], "[0]").replace(
        "\"oats-s1\"",
        "\"oats-s1\", { kind = \"oats-s2\", embedders = [\"static\"] }",
    );
    let experiment = Experiment::parse(&toml, "t.toml").unwrap();
    let committed = laboratory.run(&toml).summary;
    // Every row of one dataset comes out a little differently.
    let again = laboratory.run(&toml).summary;
    let mut rows = again.metrics.clone();
    for row in rows.iter_mut().filter(|row| row.dataset == "builtin") {
        row.value = Number::new(row.value.get() + 0.01);
    }
    let verdict = |rows: &[MetricRow], change: &dyn Fn(&mut DatasetEntry)| {
        let mut manifest = again.manifest.clone();
        let entries = manifest.datasets.get_mut("builtin").unwrap();
        entries.iter_mut().for_each(change);
        let other_rounding = committed.manifest.other_rounding(&manifest, &experiment);
        let conditions = Conditions {
            other_rounding: &other_rounding,
            ..Conditions::default()
        };
        Verdict::new(&committed.metrics, rows, conditions)
    };
    let counts = |verdict: &Verdict| {
        let moved: usize = verdict.moved.values().map(Vec::len).sum();
        (verdict.agree, verdict.differ.len(), moved)
    };
    let of = |dataset: &str, router: &str| {
        let rows = committed.metrics.iter();
        rows.filter(|row| row.dataset == dataset && row.router.contains(router))
            .count()
    };
    let (steady, changed) = (of("beir:set", ""), of("builtin", ""));
    let fitted = of("builtin", "oats-s2");
    assert!(fitted > 0);

    let same_arithmetic = verdict(&rows, &|_| ());
    assert_eq!(counts(&same_arithmetic), (steady, changed, 0));
    let machine = |entry: &mut DatasetEntry| entry.machine["cpu"] = "another".into();
    let backend = |entry: &mut DatasetEntry| {
        entry.embedders.get_mut("static").unwrap()["backend"] = "abacus".into();
    };
    for (verdict, why) in [
        (verdict(&rows, &machine), "another machine"),
        (verdict(&rows, &backend), "static by abacus"),
    ] {
        let expected = (steady, changed - fitted, fitted);
        assert_eq!(counts(&verdict), expected, "{why}");
        assert!(verdict.moved.keys().all(|reason| reason.contains(why)));
        assert!(!verdict.confirms(), "the others still contradict");
    }

    // Vectors of 8 bits are other ones on another machine or from another file, whoever ranks by them.
    let coarse = |manifest: &Manifest| {
        let mut manifest = manifest.clone();
        let entries = manifest.datasets.values_mut().flatten();
        for entry in entries {
            let described = entry.embedders.remove("static").unwrap();
            entry.embedders.insert("minilm-int8".into(), described);
        }
        manifest
    };
    let covered = |change: &dyn Fn(&mut DatasetEntry)| {
        let mut manifest = coarse(&again.manifest);
        let entries = manifest.datasets.get_mut("builtin").unwrap();
        entries.iter_mut().for_each(change);
        let skips = coarse(&committed.manifest).other_rounding(&manifest, &experiment);
        let mut row = rows[0].clone();
        row.dataset = "builtin".into();
        row.embedder = "minilm-int8".into();
        row.router = "oats-s1".into();
        skips.iter().any(|skip| skip.covers(&row))
    };
    assert!(!covered(&|_| ()));
    assert!(covered(&machine));
    assert!(covered(&|entry| {
        entry.embedders.get_mut("minilm-int8").unwrap()["files"] = "others".into();
    }));

    // No rounding changes the number of queries.
    for row in &mut rows {
        row.value = Number::new(0.5);
        row.n += 1;
    }
    assert_eq!(counts(&verdict(&rows, &machine)), (0, steady + changed, 0));
}
