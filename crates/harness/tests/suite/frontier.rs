//! The frontier: rows of three experiments, joined.

use std::collections::BTreeMap;

use oats_harness::{
    DatasetEntry, Frontier, FrontierPoints, Joined, Manifest, Study, frontier_report,
    rows::{CostRow, LatencyRow, MetricRow, Number},
};
use oats_llm::Prices;
use serde_json::Value;

const TOML: &str = r#"
    kind = "frontier"
    name = "trial"
    question = "?"
    quality = "main"
    latency = "latency"
    costs = "cost"
    metric = "ndcg@5"
    split = "query"
    embedders = { builtin = "static" }
    routers = ["bm25", "dense", "refined"]

    [llm]
    milliseconds = [500, 2000]
    source = "somebody"
"#;

fn frontier(toml: &str) -> Frontier {
    match Study::parse(toml, "trial.toml").unwrap() {
        Study::Frontier(study) => *study,
        other => panic!("it says `kind`: {other:?}"),
    }
}

/// A manifest with the built-in prices.
fn priced() -> Manifest {
    let entry = DatasetEntry {
        configuration: Value::Null,
        code: Value::Null,
        benchmark: Value::Null,
        splits: BTreeMap::new(),
        embedders: BTreeMap::new(),
        prices: Some(Prices::builtin().unwrap()),
        machine: Value::Null,
        seconds: 0.0,
    };
    Manifest {
        experiment: "cost".into(),
        datasets: [("builtin".to_owned(), vec![entry])].into(),
    }
}

pub(crate) fn quality(
    router: &str,
    embedder: &str,
    pool: &str,
    seed: &str,
    value: f64,
) -> MetricRow {
    MetricRow {
        experiment: "main".into(),
        dataset: "builtin".into(),
        split: "query".into(),
        outcomes: "all".into(),
        pool: pool.into(),
        subset: "all".into(),
        embedder: embedder.into(),
        router: router.into(),
        seed: seed.into(),
        metric: "ndcg@5".into(),
        value: Number::new(value),
        ci_low: Number::new(value - 0.01),
        ci_high: Number::new(value + 0.01),
        n: 10,
    }
}

pub(crate) fn latency(router: &str, embedder: &str, quantity: &str, value: f64) -> LatencyRow {
    LatencyRow {
        experiment: "latency".into(),
        dataset: "builtin".into(),
        pool: "candidates".into(),
        embedder: embedder.into(),
        router: router.into(),
        threads: "1".into(),
        callers: "1".into(),
        stage: "all".into(),
        quantity: quantity.into(),
        value: Number::new(value),
        n: 20,
    }
}

fn cost(scenario: &str, shown: &str, price: &str, quantity: &str, value: f64) -> CostRow {
    CostRow {
        experiment: "cost".into(),
        dataset: "builtin".into(),
        scenario: scenario.into(),
        shown: shown.into(),
        depth: "none".into(),
        tokenizer: "o200k_base".into(),
        price: price.into(),
        quantity: quantity.into(),
        value: Number::new(value),
        n: 10,
    }
}

/// Rows of three experiments, made by hand, and what joining them must give.
#[test]
fn rows_are_joined_by_their_labels() {
    let study = frontier(TOML);
    let mut timed = Vec::new();
    for (router, embedder, p50) in [
        ("bm25", "none", 1.0),
        ("dense", "static", 4.0),
        ("refined", "static", 2.0),
    ] {
        for (quantity, times) in [("p50-ms", 1.0), ("p95-ms", 2.0), ("mean-ms", 1.5)] {
            let row = latency(router, embedder, quantity, times * p50);
            // What is not to be joined: parts, other threads, other embedders.
            timed.push(LatencyRow {
                stage: "score".into(),
                ..row.clone()
            });
            timed.push(LatencyRow {
                threads: "all".into(),
                ..row.clone()
            });
            timed.push(LatencyRow {
                embedder: "minilm".into(),
                ..row.clone()
            });
            timed.push(row);
        }
    }
    let measured = [
        quality("bm25", "none", "candidates", "mean-of-5", 0.5),
        quality("bm25", "none", "candidates", "mean-of-2", 0.9),
        quality("bm25", "none", "catalogue", "mean-of-5", 0.1),
        quality("dense", "static", "candidates", "mean-of-5", 0.6),
        quality("dense", "minilm", "candidates", "mean-of-5", 0.8),
        quality("refined", "static", "candidates", "0", 0.7),
    ];
    let dollars = "dollars-per-million-requests";
    let costs = [
        cost("select-list", "candidates", "a", dollars, 30.0),
        cost("select-functions", "candidates", "b", dollars, 500.0),
        cost("select-functions-cached", "candidates", "c", dollars, 3.0),
        cost("select-list", "candidates", "a", "input-tokens", 9000.0),
        cost("select-list", "catalogue", "a", dollars, 7000.0),
        cost("workflow-list", "candidates", "a", dollars, 1.0),
    ];
    let joined = Joined {
        quality: (measured.to_vec(), None),
        latency: timed,
        costs: (costs.to_vec(), Some(priced())),
    };
    let points = FrontierPoints::new(&study, &joined);
    let routers = points.of("builtin", "candidates");
    let names: Vec<&str> = routers.iter().map(|point| point.router.as_str()).collect();
    assert_eq!(names, ["bm25", "dense", "refined"]);
    let values: Vec<Option<f64>> = routers
        .iter()
        .map(|point| point.quality.map(|q| q[0]))
        .collect();
    // The most seeds, the embedder that was timed, and no single seed.
    assert_eq!(values, [Some(0.5), Some(0.6), None]);
    // 1.5 ms a request are 1,500 s a million; the built-in price is 0.0425 dollars an hour.
    let price = 1500.0 / 3600.0 * 0.0425;
    assert!((routers[0].dollars.unwrap() - price).abs() < 1e-12);
    let [llm] = &points.llms[..] else {
        panic!("only candidates were timed: {:?}", points.llms);
    };
    assert_eq!(llm.dollars, Some([30.0, 500.0]));
    assert_eq!(llm.milliseconds, [500.0, 2000.0]);
    assert_eq!(llm.prices, ["a", "b"]);

    let on_it: Vec<bool> = routers
        .iter()
        .map(|one| one.is_on_the_frontier(&routers))
        .collect();
    assert_eq!(on_it, [true, true, false]);
    let report = frontier_report(&study, &points, None);
    for part in [
        "dense has the highest NDCG@5, 0.600 [0.590, 0.610], in 4.00 ms.",
        "The slowest router takes 4.00 ms (p50); an LLM is cited with 500 to 2000 ms, 125 times",
        "| refined | not measured | 2.00 | 4.00 | 20 |",
        "| an LLM | not measured | cited: 500 to 2000 | – | – | counted: 30.00 to 500 |",
        "its latency is cited: somebody.",
    ] {
        assert!(report.contains(part), "`{part}` is not in {report}");
    }
}

#[test]
fn bad_files_are_refused() {
    for (from, to, told) in [
        ("[500, 2000]", "[2000, 500]", "llm: milliseconds"),
        ("{ builtin = \"static\" }", "{}", "embedders"),
        (
            "[\"bm25\", \"dense\"",
            "[\"dense\", \"dense\"",
            "`dense` stands twice",
        ),
        ("kind = \"frontier\"", "kind = \"frontiers\"", "line 2"),
        ("quality = \"main\"", "quantity = \"main\"", "line"),
    ] {
        let error = Study::parse(&TOML.replacen(from, to, 1), "trial.toml").unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

/// The committed experiment joins the routers of main with the same routers, timed.
#[test]
fn the_frontier_joins_the_routers_of_main() {
    let experiments = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    let read = |name: &str| Study::read(format!("{experiments}/{name}.toml").as_ref()).unwrap();
    let (Study::Ranking(main), Study::Latency(latency), Study::Frontier(frontier)) =
        (read("main"), read("latency"), read("frontier"))
    else {
        panic!("they are of other kinds");
    };
    let labels: Vec<&String> = main.routers.iter().map(|router| &router.label).collect();
    assert_eq!(labels, Vec::from_iter(&frontier.routers));
    for chosen in &main.routers {
        let timed = latency.routers.iter().find(|r| r.label == chosen.label);
        assert_eq!(timed.unwrap().spec, chosen.spec);
    }
}
