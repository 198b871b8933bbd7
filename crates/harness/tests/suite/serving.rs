//! Quality and the work of serving it: rows of two experiments, joined.

use oats_harness::{
    Serving, ServingPoints, Study,
    rows::{LatencyRow, MetricRow, Number},
    serving_report,
};

use crate::frontier::{latency, quality};

const TOML: &str = r#"
    kind = "serving"
    name = "trial"
    question = "?"
    quality = "main"
    latency = "latency"
    metric = "ndcg@5"
    split = "query"
    embedders = { builtin = "static", metatool = "minilm" }
    routers = ["bm25", "dense", "refined", "unknown"]
    baseline = "dense"
    notes = """
- Something *else*.
"""

    [limit]
    router = "refined"
    microseconds = 10
"#;

fn serving(toml: &str) -> Serving {
    match Study::parse(toml, "trial.toml").unwrap() {
        Study::Serving(study) => *study,
        other => panic!("it says `kind`: {other:?}"),
    }
}

/// What a router's own work takes over the catalogue, what it holds, and rows that are not to be joined.
fn timed(router: &str, embedder: &str, microseconds: f64, bytes: f64) -> Vec<LatencyRow> {
    let p50 = LatencyRow {
        pool: "catalogue".into(),
        stage: "router".into(),
        ..latency(router, embedder, "p50-ms", microseconds / 1e3)
    };
    let other = |change: fn(&mut LatencyRow)| {
        let mut row = LatencyRow {
            value: Number::new(99.0),
            ..p50.clone()
        };
        change(&mut row);
        row
    };
    let size = LatencyRow {
        pool: "none".into(),
        threads: "none".into(),
        callers: "none".into(),
        stage: "none".into(),
        n: 1,
        ..latency(router, embedder, "bytes-per-tool", bytes)
    };
    vec![
        other(|row| row.stage = "all".into()),
        other(|row| row.pool = "candidates".into()),
        other(|row| row.threads = "all".into()),
        other(|row| row.callers = "4".into()),
        other(|row| row.quantity = "p95-ms".into()),
        other(|row| row.dataset = "toolbench".into()),
        other(|row| row.embedder = "minilm-int8".into()),
        p50,
        size,
    ]
}

fn latencies() -> Vec<LatencyRow> {
    [
        timed("bm25", "none", 4.25, 212.4),
        timed("dense", "static", 20.0, 1024.0),
        timed("refined", "static", 29.5, 1536.0),
    ]
    .concat()
}

fn qualities() -> Vec<MetricRow> {
    vec![
        quality("bm25", "none", "candidates", "mean-of-5", 0.5),
        quality("bm25", "none", "candidates", "mean-of-2", 0.9),
        quality("bm25", "none", "catalogue", "mean-of-5", 0.75),
        quality("dense", "static", "candidates", "mean-of-5", 0.6),
        quality("dense", "minilm", "candidates", "mean-of-5", 0.8),
        quality("refined", "static", "candidates", "mean-of-5", 0.7),
        quality("refined", "static", "catalogue", "0", 0.8),
    ]
}

#[test]
fn rows_are_joined_by_their_labels() {
    let points = ServingPoints::new(&serving(TOML), &qualities(), None, &latencies());
    assert_eq!(points.datasets(), ["builtin"]);
    let routers = points.of("builtin");
    let names: Vec<&str> = routers.iter().map(|point| point.router.as_str()).collect();
    assert_eq!(names, ["bm25", "dense", "refined"]);
    let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-9;
    for (point, [microseconds, added, bytes]) in routers.iter().zip([
        [4.25, -15.75, 212.4],
        [20.0, 0.0, 1024.0],
        [29.5, 9.5, 1536.0],
    ]) {
        assert!(close(point.microseconds, microseconds), "{point:?}");
        assert!(close(point.added, added), "{point:?}");
        assert!(close(point.bytes_per_tool, bytes), "{point:?}");
    }
    let means = |point: usize| {
        [routers[point].candidates, routers[point].catalogue].map(|q| q.map(|[mean, ..]| mean))
    };
    // The most seeds, the embedder that is named, and no single seed.
    assert_eq!(means(0), [Some(0.5), Some(0.75)]);
    assert_eq!(means(1), [Some(0.6), None]);
    assert_eq!(means(2), [Some(0.7), None]);
}

#[test]
fn the_report_tells_the_best_the_table_and_the_notes() {
    let study = serving(TOML);
    let points = ServingPoints::new(&study, &qualities(), None, &latencies());
    let report = serving_report(&study, &points, Some("trial.png"));
    for part in [
        "- **builtin, query split.** The highest NDCG@5: refined over candidates, 0.700 [0.690, 0.710] (+9.5 µs); \
         bm25 over the catalogue, 0.750 [0.740, 0.760] (-15.8 µs).\n",
        "\n![trial](trial.png)\n",
        "\n## builtin, query split\n\n| router | ",
        "| bm25 | 212 | 4.25 | -15.8 | 0.500 | 0.750 |\n",
        "| dense | 1,024 | 20.0 | +0.0 | 0.600 | – |\n",
        "| refined | 1,536 | 29.5 | +9.5 | 0.700 | – |\n",
        "`metrics.csv` of [main](../main/README.md)",
    ] {
        assert!(report.contains(part), "`{part}` is not in {report}");
    }
    assert!(
        report.ends_with("\n\n## What was tried\n\n- Something *else*.\n"),
        "{report}"
    );
    let tables = report.lines().filter(|line| line.starts_with('|'));
    let widest = tables.map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}");

    let toml = TOML.replace("notes = \"\"\"\n- Something *else*.\n\"\"\"", "");
    let report = serving_report(&serving(&toml), &points, None);
    assert!(
        !report.contains("tried") && !report.contains("!["),
        "{report}"
    );
}

#[test]
fn a_limit_is_held_broken_or_not_measured() {
    let told = |microseconds: &str, latency: &[LatencyRow]| {
        let toml = TOML.replace(
            "microseconds = 10",
            &format!("microseconds = {microseconds}"),
        );
        let study = serving(&toml);
        let points = ServingPoints::new(&study, &qualities(), None, latency);
        let report = serving_report(&study, &points, None);
        let begin = "- **refined adds at most ";
        let line = report.lines().find(|line| line.starts_with(begin));
        line.unwrap().to_owned()
    };
    assert_eq!(
        told("10", &latencies()),
        "- **refined adds at most 10 µs to a request of dense on builtin (aim)**: yes, +9.5 µs."
    );
    assert!(told("9.5", &latencies()).ends_with("yes, +9.5 µs."));
    assert!(told("9.4", &latencies()).ends_with("no, +9.5 µs."));
    let mut without_dense = latencies();
    without_dense.retain(|row| row.router != "dense");
    assert!(told("10", &without_dense).ends_with("not measured."));

    let toml = &TOML[..TOML.find("[limit]").unwrap()];
    let study = serving(toml);
    let points = ServingPoints::new(&study, &qualities(), None, &latencies());
    assert!(!serving_report(&study, &points, None).contains("(aim)"));
}

#[test]
fn missing_rows_are_told_or_left_out() {
    let study = serving(TOML);
    // Timed with rows that say nothing of their size, as those of before.
    let mut latency = latencies();
    latency.retain(|row| row.router != "dense" && row.quantity != "bytes-per-tool");
    let points = ServingPoints::new(&study, &qualities(), None, &latency);
    let report = serving_report(&study, &points, None);
    for part in [
        "refined over candidates, 0.700 [0.690, 0.710] (time not measured)",
        "| dense | – | – | – | 0.600 | – |\n",
        "| refined | – | 29.5 | – | 0.700 | – |\n",
    ] {
        assert!(report.contains(part), "`{part}` is not in {report}");
    }
    let timed_only = ServingPoints::new(&study, &[], None, &latencies());
    assert_eq!(timed_only.routers.len(), 3);
    assert!(!serving_report(&study, &timed_only, None).contains("highest"));
    let nothing = ServingPoints::new(&study, &[], None, &[]);
    assert!(nothing.routers.is_empty() && nothing.datasets().is_empty());
}

#[test]
fn bad_files_are_refused() {
    for (from, to, told) in [
        (
            "{ builtin = \"static\", metatool = \"minilm\" }",
            "{}",
            "embedders",
        ),
        (
            "[\"bm25\", \"dense\"",
            "[\"dense\", \"dense\"",
            "`dense` stands twice",
        ),
        (
            "baseline = \"dense\"",
            "baseline = \"knn\"",
            "baseline: `knn`",
        ),
        ("baseline = \"dense\"", "", "baseline"),
        (
            "router = \"refined\"",
            "router = \"knn\"",
            "limit: router: `knn`",
        ),
        (
            "microseconds = 10",
            "microseconds = -1",
            "limit: microseconds",
        ),
        (
            "microseconds = 10",
            "microseconds = nan",
            "limit: microseconds",
        ),
        ("microseconds = 10", "milliseconds = 10", "milliseconds"),
        ("name = \"trial\"", "name = \"../trial\"", "name"),
    ] {
        let toml = TOML.replacen(from, to, 1);
        let Err(error) = Study::parse(&toml, "trial.toml") else {
            panic!("`{to}` instead of `{from}` is taken");
        };
        assert!(error.to_string().contains(told), "{error}");
    }
}

/// The committed experiment joins the routers that are timed for it.
#[test]
fn the_routers_of_beyond_are_timed() {
    let experiments = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    let read = |name: &str| Study::read(format!("{experiments}/{name}.toml").as_ref()).unwrap();
    let Study::Serving(beyond) = read("beyond") else {
        panic!("it is of another kind");
    };
    let Study::Latency(timed) = read(&beyond.latency) else {
        panic!("{} is of another kind", beyond.latency);
    };
    let labels: Vec<&String> = timed.routers.iter().map(|router| &router.label).collect();
    assert_eq!(labels, Vec::from_iter(&beyond.routers));
    for (dataset, embedder) in &beyond.embedders {
        assert!(timed.datasets.contains(dataset) && timed.embedders.contains(embedder));
    }
}
