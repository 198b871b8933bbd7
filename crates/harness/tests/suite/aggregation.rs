//! The rows of a run: which there are, and that their numbers belong together.

use std::collections::{BTreeMap, BTreeSet};

use oats_datasets::{Split, SplitKind};
use oats_harness::{
    Manifest,
    rows::{MetricRow, Row, TestRow},
};

use crate::laboratory::{Laboratory, listing, toml};

const ROUNDING: f64 = 1.5e-6;

const FULL: &str = r#"
    name = "full"
    question = "?"
    metrics = ["ndcg@5", "mrr"]
    baselines = ["dense"]
    routers = ["bm25", "dense", { kind = "oats-s1", alpha = 0.3, label = "s1" }]

    [[grid]]
    datasets = ["builtin"]
    embedders = ["static"]
    splits = ["query", "tool"]
    pools = ["candidates", "catalogue"]
    seeds = [0, 3]
"#;

/// Means over seeds by everything but the seed.
fn by_labels(
    rows: &[MetricRow],
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<Vec<&str>, Vec<&MetricRow>> {
    let mut groups: BTreeMap<Vec<&str>, Vec<&MetricRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| wanted(&row.seed)) {
        let labels = row.key().into_iter().filter(|&label| label != row.seed);
        groups.entry(labels.collect()).or_default().push(row);
    }
    groups
}

#[test]
fn a_run_makes_every_row_once_and_its_numbers_fit_together() {
    let laboratory = Laboratory::new();
    let outcome = laboratory.run(FULL);
    let [metrics, tests] = outcome.tables();
    assert_eq!(
        metrics.lines().next().unwrap(),
        "experiment,dataset,split,outcomes,pool,subset,embedder,router,seed,metric,value,ci_low,ci_high,n"
    );
    assert_eq!(
        tests.lines().next().unwrap(),
        "experiment,dataset,split,outcomes,pool,subset,embedder,router,baseline,seed,metric,difference,\
         ci_low,ci_high,p_value,n"
    );
    assert_eq!(
        listing(&outcome.summary.folder),
        ["manifest.json", "metrics.csv", "tests.csv"]
    );
    assert!(outcome.summary.folder.ends_with("full"));

    let (metrics, tests) = (outcome.metrics(), outcome.tests());
    labels_are_complete(&metrics, &tests);
    counts_are_those_of_the_splits(&laboratory, &metrics);
    means_are_means(&metrics);
    differences_are_differences(&metrics, &tests);
    for row in &metrics {
        assert!(
            row.ci_low <= row.value && row.value <= row.ci_high,
            "{row:?}"
        );
        assert!((0.0..=1.0).contains(&row.value.get()), "{row:?}");
    }
}

fn labels_are_complete(metrics: &[MetricRow], tests: &[TestRow]) {
    let mut expected = BTreeSet::new();
    let mut expected_tests = BTreeSet::new();
    for split in ["query", "tool"] {
        for pool in ["candidates", "catalogue"] {
            for subset in [
                "all",
                "single-tool",
                "two-tools",
                "clear-description",
                "vague-description",
            ] {
                for metric in ["ndcg@5", "mrr"] {
                    let place = ["full", "builtin", split, "all", pool, subset];
                    for (embedder, router) in
                        [("none", "bm25"), ("static", "dense"), ("static", "s1")]
                    {
                        // Single seeds are told of all queries together only.
                        let seeds = match subset {
                            "all" => &["0", "3", "mean-of-2"][..],
                            _ => &["mean-of-2"],
                        };
                        for &seed in seeds {
                            expected
                                .insert([&place[..], &[embedder, router, seed, metric]].concat());
                        }
                    }
                    for router in ["bm25", "s1"] {
                        let labels = ["static", router, "dense", "mean-of-2", metric];
                        expected_tests.insert([&place[..], &labels].concat());
                    }
                }
            }
        }
    }
    let keys: Vec<Vec<&str>> = metrics.iter().map(Row::key).collect();
    assert_eq!(
        keys,
        expected.into_iter().collect::<Vec<_>>(),
        "sorted, each once"
    );
    let keys: Vec<Vec<&str>> = tests.iter().map(Row::key).collect();
    assert_eq!(keys, expected_tests.into_iter().collect::<Vec<_>>());
}

fn counts_are_those_of_the_splits(laboratory: &Laboratory, metrics: &[MetricRow]) {
    let builtin = laboratory.load("builtin");
    let count = |split: &str, seed: u64, subset: &str| {
        let kind: SplitKind = split.parse().unwrap();
        let subset = builtin
            .subsets()
            .iter()
            .position(|name| name == subset)
            .unwrap();
        Split::new(kind, &builtin, seed)
            .test
            .iter()
            .filter(|&&query| builtin.queries()[query].subsets.contains(&subset))
            .count()
    };
    for row in metrics {
        let expected = match row.seed.parse() {
            Ok(seed) => count(&row.split, seed, &row.subset),
            Err(_) => count(&row.split, 0, &row.subset) + count(&row.split, 3, &row.subset),
        };
        assert_eq!(row.n, expected, "{row:?}");
    }
}

fn means_are_means(metrics: &[MetricRow]) {
    let means = by_labels(metrics, |seed| seed == "mean-of-2");
    let seeds = by_labels(metrics, |seed| seed != "mean-of-2");
    assert!(seeds.keys().all(|labels| labels.contains(&"all")));
    for (labels, rows) in seeds {
        let mean = rows.iter().map(|row| row.value.get()).sum::<f64>() / rows.len() as f64;
        let stated = means[&labels][0].value.get();
        assert!(
            (mean - stated).abs() < ROUNDING,
            "{labels:?}: {mean} {stated}"
        );
    }
}

fn differences_are_differences(metrics: &[MetricRow], tests: &[TestRow]) {
    let mean = |test: &TestRow, router: &str| {
        let row = metrics.iter().find(|row| {
            row.seed == test.seed
                && row.router == router
                && (row.embedder == test.embedder || row.embedder == "none")
                && [&row.split, &row.pool, &row.subset, &row.metric]
                    == [&test.split, &test.pool, &test.subset, &test.metric]
        });
        row.unwrap()
    };
    for test in tests {
        let (router, baseline) = (mean(test, &test.router), mean(test, &test.baseline));
        let difference = router.value.get() - baseline.value.get();
        assert!(
            (difference - test.difference.get()).abs() < ROUNDING,
            "{test:?}"
        );
        assert!(
            test.ci_low <= test.difference && test.difference <= test.ci_high,
            "{test:?}"
        );
        assert!((0.0..=1.0).contains(&test.p_value.get()), "{test:?}");
        assert_eq!(test.n, router.n, "{test:?}");
    }
    let learned = tests.iter().find(|test| {
        [
            &test.split,
            &test.pool,
            &test.subset,
            &test.router,
            &test.metric,
        ] == ["query", "catalogue", "all", "s1", "ndcg@5"]
    });
    let learned = learned.unwrap();
    assert!(
        learned.ci_low.get() > 0.0 && learned.p_value.get() < 0.05,
        "S1 beats static embeddings on queries it has not seen: {learned:?}"
    );
}

#[test]
fn the_manifest_says_what_the_rows_come_from() {
    let laboratory = Laboratory::new();
    let folder = laboratory.run(FULL).summary.folder;
    let manifest = Manifest::read(&folder.join("manifest.json"))
        .unwrap()
        .unwrap();
    assert_eq!(manifest.experiment, "full");
    let [entry] = &manifest.datasets["builtin"][..] else {
        panic!("one entry");
    };
    let configuration = &entry.configuration;
    assert_eq!(configuration["routers"][2]["label"], "s1");
    assert_eq!(
        configuration["routers"][2]["alpha"], 0.3,
        "as written, not as an f32 in f64"
    );
    assert_eq!(
        configuration["routers"][2]["rounds"], 3,
        "defaults are spelt out"
    );
    assert_eq!(configuration["grid"]["seeds"], serde_json::json!([0, 3]));
    assert_eq!(configuration["bootstrap"]["replicates"], 1000);
    assert_eq!(entry.benchmark["tools"], 98);
    assert_eq!(
        entry.embedders["static"]["files"][0][0],
        "table.safetensors"
    );

    let builtin = laboratory.load("builtin");
    let split = Split::new(SplitKind::Query, &builtin, 3);
    let described = &entry.splits["query"][1];
    assert_eq!(described["seed"], 3);
    assert_eq!(described["train"], split.train.len());
    assert_eq!(described["test"], split.test.len());
    assert_eq!(described["leakage"]["test_queries_in_training"], 0);
}

#[test]
fn routers_are_tested_against_the_baseline_with_their_own_embedder() {
    let laboratory = Laboratory::new();
    let labels = |toml: &str| -> Vec<[String; 3]> {
        let mut labels: Vec<_> = laboratory
            .run(toml)
            .tests()
            .into_iter()
            .filter(|row| row.subset == "all" && row.metric == "ndcg@5")
            .map(|row| [row.router, row.baseline, row.embedder])
            .collect();
        labels.sort();
        labels
    };
    let toml = toml(&[&laboratory.beir("set", 6)], "[0]");
    assert_eq!(
        labels(&toml),
        [["bm25", "dense", "static"], ["oats-s1", "dense", "static"]]
    );
    // Of two baselines the later is tested against the earlier, once.
    let two = toml.replace(
        "baselines = [\"dense\"]",
        "baselines = [\"dense\", \"oats-s1\"]",
    );
    assert_eq!(
        labels(&two),
        [
            ["bm25", "dense", "static"],
            ["bm25", "oats-s1", "static"],
            ["oats-s1", "dense", "static"],
        ]
    );
    // A baseline that reads no embeddings is the same beside every embedder.
    let toml = toml
        .replace("baselines = [\"dense\"]", "baselines = [\"bm25\"]")
        .replace("\"oats-s1\"", "\"random\"");
    assert_eq!(
        labels(&toml),
        [["dense", "bm25", "static"], ["random", "bm25", "none"]]
    );
}

#[test]
fn routers_that_read_no_embeddings_need_no_embedder() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 4)], "[0]")
        .replace("\"dense\", \"oats-s1\"", "\"random\"")
        .replace("\"dense\"", "\"random\"")
        .replace("\"static\"", "");
    let outcome = laboratory.run(&toml);
    assert!(outcome.metrics().iter().all(|row| row.embedder == "none"));
    assert!(!outcome.metrics().is_empty());
}

#[test]
fn a_seed_without_queries_of_a_subset_is_left_out_of_its_mean() {
    let laboratory = Laboratory::new();
    // Two queries: under the split by query, one is tested, and it is in one of the two subsets.
    let dataset = laboratory.write_beir(
        "two",
        &[
            ("weather", "forecast of rain and sun"),
            ("stocks", "share prices"),
        ],
        &[
            ("1", "will it rain", "weather"),
            ("2", "price of gold", "stocks"),
        ],
    );
    let outcome = laboratory.run(&toml(&[&dataset], "[0, 1, 2, 3, 4, 5, 6, 7]"));
    let means = |subset: &str| -> usize {
        let rows = outcome.metrics();
        let row = rows
            .iter()
            .find(|row| row.subset == subset && row.seed.starts_with("mean-of-"));
        row.map_or(0, |row| row.seed["mean-of-".len()..].parse().unwrap())
    };
    assert_eq!(means("all"), 8);
    assert_eq!(means("odd") + means("even"), 8);
    assert!(means("odd") > 0 && means("even") > 0, "a mixed draw");
}
