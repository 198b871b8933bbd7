//! The frontier: routers timed, and their rows joined with those of other experiments.

use oats_harness::{
    Error, Frontier, FrontierPoints, FrontierSummary, RunOptions, Study, frontier_report,
    rows::{CostRow, LatencyRow, MetricRow, Number, read_rows},
    run_frontier,
};
use oats_llm::Prices;

use crate::laboratory::{Laboratory, Notes};

const TOML: &str = r#"
    kind = "frontier"
    name = "trial"
    question = "?"
    quality = "main"
    costs = "cost"
    metric = "ndcg@5"
    split = "query"
    datasets = ["builtin"]
    embedders = { builtin = "static" }
    queries = 20
    routers = ["bm25", "dense", { kind = "oats-s1", label = "refined" }]

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

fn run(laboratory: &Laboratory, study: &Frontier) -> (FrontierSummary, Notes) {
    let notes = Notes::default();
    let (prices, resources) = (Prices::builtin().unwrap(), laboratory.resources());
    let summary = run_frontier(study, &prices, &resources, &laboratory.options(), &notes).unwrap();
    (summary, notes)
}

#[test]
fn every_router_is_timed_on_both_pools() {
    let laboratory = Laboratory::new();
    let study = frontier(TOML);
    let (summary, _) = run(&laboratory, &study);
    assert_eq!(summary.rows.len(), 3 * 2 * 5);
    for row in &summary.rows {
        assert!(row.value.get() > 0.0, "{row:?}");
        assert!(row.n == 20, "{row:?}");
        assert_eq!(row.embedder == "none", row.router == "bm25");
        let value = |quantity: &str| {
            let mut rows = summary.rows.iter();
            rows.find(|other| {
                other.quantity == quantity && other.router == row.router && other.pool == row.pool
            })
            .map(|other| other.value.get())
            .unwrap()
        };
        assert!(value("p50-ms") <= value("p95-ms") && value("p95-ms") <= value("max-ms"));
    }
    let written: Vec<LatencyRow> = read_rows(&summary.folder.join("latency.csv")).unwrap();
    assert_eq!(written, summary.rows);
    assert!(summary.manifest.prices("builtin").is_some());
}

#[test]
fn a_data_set_that_cannot_be_had_is_left_out() {
    let laboratory = Laboratory::new();
    let toml = TOML
        .replace(r#"["builtin"]"#, r#"["builtin", "metatool"]"#)
        .replace(
            "builtin = \"static\"",
            "builtin = \"static\", metatool = \"static\"",
        );
    let (summary, _) = run(&laboratory, &frontier(&toml));
    assert_eq!(summary.skipped.len(), 1);
    assert!(summary.rows.iter().all(|row| row.dataset == "builtin"));
    let required = RunOptions {
        require: vec!["metatool".parse().unwrap()],
        ..laboratory.options()
    };
    let notes = Notes::default();
    let prices = Prices::builtin().unwrap();
    let resources = laboratory.resources();
    let error = run_frontier(&frontier(&toml), &prices, &resources, &required, &notes);
    assert!(matches!(error, Err(Error::Required(_))));
}

fn quality(router: &str, embedder: &str, pool: &str, seed: &str, value: f64) -> MetricRow {
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

fn latency(router: &str, embedder: &str, quantity: &str, value: f64) -> LatencyRow {
    LatencyRow {
        experiment: "trial".into(),
        dataset: "builtin".into(),
        pool: "candidates".into(),
        embedder: embedder.into(),
        router: router.into(),
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
    let laboratory = Laboratory::new();
    let study = frontier(TOML);
    let (summary, _) = run(&laboratory, &study);
    let mut timed = Vec::new();
    for (router, embedder, p50) in [
        ("bm25", "none", 1.0),
        ("dense", "static", 4.0),
        ("refined", "static", 2.0),
    ] {
        for (quantity, times) in [("p50-ms", 1.0), ("p95-ms", 2.0), ("mean-ms", 1.5)] {
            timed.push(latency(router, embedder, quantity, times * p50));
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
    let points = FrontierPoints::new(&study, &timed, &summary.manifest, &measured, &costs);
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
        ("queries = 20", "queries = 0", "queries"),
        ("[500, 2000]", "[2000, 500]", "llm: milliseconds"),
        (
            "{ builtin = \"static\" }",
            "{}",
            "embedders: there is none for `builtin`",
        ),
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

/// The committed experiment times the routers whose quality it shows: the same settings, but for the
/// epochs of networks.
#[test]
fn the_frontier_times_the_routers_of_main() {
    let experiments = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    let read = |name: &str| Study::read(format!("{experiments}/{name}.toml").as_ref()).unwrap();
    let (Study::Ranking(main), Study::Frontier(frontier)) = (read("main"), read("frontier")) else {
        panic!("they are of other kinds");
    };
    let labels = |routers: &[oats_harness::RouterEntry]| -> Vec<String> {
        routers.iter().map(|router| router.label.clone()).collect()
    };
    assert_eq!(labels(&main.routers), labels(&frontier.routers));
    for (ours, theirs) in frontier.routers.iter().zip(&main.routers) {
        let [mut ours, mut theirs] =
            [ours, theirs].map(|router| serde_json::to_value(&router.spec).unwrap());
        for settings in [&mut ours, &mut theirs] {
            if ["rnn", "encoder"].contains(&settings["kind"].as_str().unwrap()) {
                settings["epochs"] = 0.into();
            }
        }
        assert_eq!(ours, theirs);
    }
}
