//! Experiments that time routers.

use std::sync::Mutex;

use oats_datasets::Dataset;
use oats_harness::{
    EmbedderKind, Error, Latency, PeakMemory, RunOptions, Study, Written, latency_report,
    rows::{LatencyRow, read_rows},
    run_latency,
};
use oats_routers::RouterSpec;

use crate::laboratory::{Laboratory, Notes};

const TOML: &str = r#"
    kind = "latency"
    name = "trial"
    question = "?"
    split = "query"
    datasets = ["builtin"]
    embedders = ["static"]
    queries = 20
    routers = ["bm25", "dense", { kind = "oats-s1", label = "refined" }, "adapter-ridge"]

    [load]
    routers = ["bm25", "refined"]
    callers = [1, 3]
    seconds = 0.02

    [[limit]]
    routers = ["dense"]
    datasets = ["builtin"]
    stage = "router"
    microseconds = 1e9

    [[limit]]
    routers = ["refined"]
    datasets = ["builtin"]
    embedders = ["static"]
    stage = "all"
    microseconds = 0
"#;

/// Tells of 3 MiB, and keeps what it was asked.
#[derive(Default)]
struct ThreeMebibytes {
    asked: Mutex<Vec<String>>,
}

impl PeakMemory for ThreeMebibytes {
    fn peak(
        &self,
        dataset: &Dataset,
        embedder: Option<EmbedderKind>,
        router: &RouterSpec,
        texts: &[&str],
    ) -> Result<u64, String> {
        let kind = router.kind();
        let asked = format!("{dataset} {embedder:?} {kind} {}", texts.len());
        self.asked.lock().unwrap().push(asked);
        match kind {
            "bm25" => Err("it hid".to_owned()),
            _ => Ok(3 << 20),
        }
    }
}

fn latency(toml: &str) -> Latency {
    match Study::parse(toml, "trial.toml").unwrap() {
        Study::Latency(study) => *study,
        other => panic!("it says `kind`: {other:?}"),
    }
}

fn run(
    laboratory: &Laboratory,
    study: &Latency,
    memory: &dyn PeakMemory,
) -> (Written<LatencyRow>, Notes) {
    let notes = Notes::default();
    let (resources, options) = (laboratory.resources(), laboratory.options());
    let made = run_latency(study, &resources, memory, &options, &notes).unwrap();
    (made, notes)
}

/// The values of the rows with these labels.
fn values(rows: &[LatencyRow], labels: &[(&str, &str)]) -> Vec<f64> {
    use oats_harness::rows::Row;
    rows.iter()
        .filter(|row| {
            labels
                .iter()
                .all(|(column, label)| row.label(column) == Some(label))
        })
        .map(|row| row.value.get())
        .collect()
}

#[test]
fn every_router_is_timed_on_both_pools_and_by_stage() {
    let laboratory = Laboratory::new();
    let study = latency(TOML);
    let (made, _) = run(&laboratory, &study, &ThreeMebibytes::default());
    for router in ["bm25", "dense", "refined", "adapter-ridge"] {
        for pool in ["candidates", "catalogue"] {
            let of = |stage: &str, quantity: &str| -> Option<f64> {
                let labels = [
                    ("router", router),
                    ("pool", pool),
                    ("threads", "1"),
                    ("callers", "1"),
                    ("stage", stage),
                    ("quantity", quantity),
                ];
                let found = values(&made.rows, &labels);
                assert!(found.len() <= 1, "{router} {stage} {quantity}: {found:?}");
                found.first().copied()
            };
            let whole = ["p50-ms", "p95-ms", "p99-ms", "max-ms"].map(|q| of("all", q).unwrap());
            assert!(whole[0] > 0.0 && whole.is_sorted(), "{router}: {whole:?}");
            assert!(of("router", "p50-ms").unwrap() <= whole[3]);
            assert!(of("score", "p50-ms").is_some());
            assert_eq!(of("embed", "p50-ms").is_some(), router != "bm25");
            assert_eq!(of("adapt", "p50-ms").is_some(), router == "adapter-ridge");
            assert_eq!(of("re-rank", "p50-ms"), None);
        }
    }
    for row in &made.rows {
        assert_eq!(row.embedder == "none", row.router == "bm25", "{row:?}");
    }
    let written: Vec<LatencyRow> = read_rows(&made.folder.join("latency.csv")).unwrap();
    assert_eq!(written, made.rows);
}

#[test]
fn sizes_are_those_of_the_fitted_routers() {
    let laboratory = Laboratory::new();
    let (made, _) = run(&laboratory, &latency(TOML), &ThreeMebibytes::default());
    let parameters = |router: &str| {
        values(
            &made.rows,
            &[("router", router), ("quantity", "parameters")],
        )
    };
    // 98 tools of 256 components; the adapter adds a matrix.
    assert_eq!(parameters("dense"), [98.0 * 256.0]);
    assert_eq!(parameters("adapter-ridge"), [(98.0 + 256.0) * 256.0]);
    assert_eq!(parameters("bm25"), [0.0]);
    let bytes = |router: &str| {
        let labels = [("router", router), ("quantity", "bytes-per-tool")];
        values(&made.rows, &labels)[0]
    };
    // Four bytes a component; the names of a pipeline's stages add a few to all of the tools.
    let near = |value: f64, expected: f64| (0.0..1.0).contains(&(value - expected));
    assert!(near(bytes("dense"), 1024.0), "{}", bytes("dense"));
    let adapter = 1024.0 * (98.0 + 256.0) / 98.0;
    assert!(
        near(bytes("adapter-ridge"), adapter),
        "{}",
        bytes("adapter-ridge")
    );
    // BM25 keeps the tools' texts.
    assert!((50.0..1000.0).contains(&bytes("bm25")), "{}", bytes("bm25"));
    let table = [("router", "none"), ("embedder", "static")];
    let [parameters] = values(
        &made.rows,
        &[&table[..], &[("quantity", "parameters")]].concat(),
    )[..] else {
        panic!("the embedder has no size");
    };
    assert!(parameters > 1e6, "{parameters}");
    let mib = values(
        &made.rows,
        &[&table[..], &[("quantity", "file-mib")]].concat(),
    );
    assert!(mib[0] > 1.0 && mib[0] <= 8.0, "{mib:?}");
}

#[test]
fn load_is_measured_for_its_routers_only() {
    let laboratory = Laboratory::new();
    let memory = ThreeMebibytes::default();
    let (made, notes) = run(&laboratory, &latency(TOML), &memory);
    for (router, measured) in [("bm25", 1), ("refined", 1), ("dense", 0)] {
        for callers in ["1", "3"] {
            let labels = [
                ("router", router),
                ("callers", callers),
                ("quantity", "requests-per-second"),
            ];
            let rates = values(&made.rows, &labels);
            assert_eq!(rates.len(), measured);
            assert!(rates.iter().all(|rate| *rate > 0.0));
        }
    }
    assert_eq!(
        *memory.asked.lock().unwrap(),
        ["builtin None bm25 20", "builtin Some(Static) oats-s1 20"]
    );
    assert_eq!(values(&made.rows, &[("quantity", "peak-mib")]), [3.0]);
    let told = notes.lines();
    assert!(
        told.contains(&"no peak memory of bm25: it hid".to_owned()),
        "{told:?}"
    );
}

#[test]
fn the_report_says_which_limits_are_kept() {
    let laboratory = Laboratory::new();
    let study = latency(TOML);
    let (made, _) = run(&laboratory, &study, &ThreeMebibytes::default());
    let report = latency_report(&study, &made.rows, &made.manifest, Some("latency.png"));
    for part in [
        "- **Beyond the embedding at most 1000000000 µs on builtin (aim)**: yes. Measured (p50, µs): dense with static ",
        "- **A whole request at most 0 µs on builtin (aim)**: no. Measured (p50, µs): refined with static ",
        "![trial](latency.png)",
        "| – | static | ",
        "| refined | static | 25,088 | ",
    ] {
        assert!(report.contains(part), "`{part}` is not in {report}");
    }
}

#[test]
fn what_cannot_be_had_is_left_out() {
    let laboratory = Laboratory::new();
    let toml = TOML
        .replacen(r#"["builtin"]"#, r#"["builtin", "metatool"]"#, 1)
        .replace(r#"["static"]"#, r#"["static", "minilm"]"#);
    let study = latency(&toml);
    let (made, _) = run(&laboratory, &study, &ThreeMebibytes::default());
    let left_out: Vec<_> = made
        .skipped
        .iter()
        .map(|skip| (skip.dataset.as_deref(), skip.embedder.as_deref()))
        .collect();
    let expected = [(Some("builtin"), Some("minilm")), (Some("metatool"), None)];
    assert_eq!(left_out, expected);
    assert!(made.rows.iter().all(|row| row.dataset == "builtin"));
    assert!(made.rows.iter().all(|row| row.embedder != "minilm"));

    let required = RunOptions {
        require: vec!["metatool".parse().unwrap()],
        ..laboratory.options()
    };
    let notes = Notes::default();
    let memory = ThreeMebibytes::default();
    let error = run_latency(&study, &laboratory.resources(), &memory, &required, &notes);
    assert!(matches!(error, Err(Error::Required(_))));
}

#[test]
fn bad_files_are_refused() {
    for (from, to, told) in [
        ("queries = 20", "queries = 0", "queries"),
        ("[\"static\"]", "[]", "embedders"),
        (
            "[\"bm25\", \"dense\"",
            "[\"dense\", \"dense\"",
            "`dense` stands twice",
        ),
        ("\"adapter-ridge\"", "\"llm\"", "`llm` asks an LLM"),
        (
            "[\"bm25\", \"refined\"]",
            "[\"rnn\"]",
            "load: routers: `rnn`",
        ),
        ("[1, 3]", "[1, 0]", "load: callers"),
        ("0.02", "0.0", "load: seconds"),
        ("[\"dense\"]", "[\"knn\"]", "limit 1: `knn`"),
        ("kind = \"latency\"", "kind = \"latencies\"", "line 2"),
    ] {
        let error = Study::parse(&TOML.replacen(from, to, 1), "trial.toml").unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
