//! Quality and the work of serving it, joined of the rows of two experiments.

use std::fmt::Write as _;

use crate::{common::Place, figures::keeps_its_texts, frontier, report};

const STUDY: &str = r#"
kind = "serving"
name = "beyond"
question = "?"
quality = "main"
latency = "latency"
metric = "ndcg@5"
split = "query"
embedders = { builtin = "static" }
routers = ["bm25", "dense", "oats-s1"]
baseline = "dense"
notes = "Much was *tried*."

[limit]
router = "oats-s1"
microseconds = 1e9
"#;

#[test]
fn is_drawn_and_told_from_the_rows_of_two_experiments() {
    let place = frontier::workspace();
    place.write("experiments/beyond.toml", STUDY);
    let told = place.succeed(&[
        "reproduce",
        "--datasets",
        "builtin",
        "--seeds",
        "1",
        "--bless",
    ]);
    assert!(told.stdout.contains("router-p50-us"), "{told}");
    let readme = place.read("results/beyond/README.md");
    for part in [
        "(aim)**: yes, ",
        "![beyond](beyond.png)",
        "## builtin, query split",
        "\n| dense | 1,024 | ",
        " | +0.0 | ",
        "## What was tried\n\nMuch was *tried*.\n",
    ] {
        assert!(readme.contains(part), "`{part}` is not in {readme}");
    }
    let figure = place.read("results/beyond/beyond.svg");
    for part in ["Quality against the cost of serving it", "OATS-S1", "BM25"] {
        assert!(figure.contains(part), "`{part}` is not in the figure");
    }
    // It has no rows of its own: its answer is made of others'.
    let size = "latency,builtin,none,static,dense,none,none,none,bytes-per-tool,";
    place.edit("results/latency/latency.csv", size, &format!("{size}9"));
    report::run(&place, &["report"], 0).assert_says(&["results/beyond/README.md"]);
    assert!(
        place
            .read("results/beyond/README.md")
            .contains("| dense | 91,024 | ")
    );
}

#[test]
fn misses_the_rows_that_it_is_to_be_joined_with() {
    let place = frontier::workspace();
    place.write("experiments/beyond.toml", STUDY);
    let told = place.run(&[
        "reproduce",
        "--datasets",
        "builtin",
        "--experiments",
        "beyond",
    ]);
    told.assert_refused(&[
        "beyond: there are no rows of `main`",
        "run that experiment first",
    ]);
}

/// All routers of the committed experiment, with made-up rows that crowd as theirs do.
#[test]
fn the_committed_experiment_keeps_its_texts_on_the_canvas() {
    const ROUTERS: [(&str, &str, f64, f64); 13] = [
        ("dense", "minilm", 9.0, 0.78),
        ("bm25", "none", 12.0, 0.66),
        ("oats-s1", "minilm", 9.1, 0.84),
        ("oats-plus", "minilm", 9.3, 0.88),
        ("shrinkage", "minilm", 9.2, 0.845),
        ("adapter-ridge-s1", "minilm", 40.0, 0.85),
        ("adapter-ridge-s1-folded", "minilm", 9.0, 0.85),
        ("adapter-procrustes-s1", "minilm", 9.1, 0.846),
        ("geometry-s1", "minilm", 9.2, 0.842),
        ("geometry-s1-hubness", "minilm", 9.5, 0.839),
        ("multi-vector", "minilm", 17.0, 0.83),
        ("hybrid-sum-s1", "minilm", 25.0, 0.87),
        ("hybrid-calibrated-s1", "minilm", 27.0, 0.876),
    ];
    let place = Place::small_workspace();
    place.copy("experiments/beyond.toml");
    let mut metrics = "experiment,dataset,split,outcomes,pool,subset,embedder,router,seed,metric,value,ci_low,ci_high,n\n"
        .to_owned();
    let mut latency =
        "experiment,dataset,pool,embedder,router,threads,callers,stage,quantity,value,n\n"
            .to_owned();
    for (dataset, tools) in [("metatool", 1.0), ("toolbench", 12.0)] {
        for (router, embedder, microseconds, quality) in ROUTERS {
            for (pool, less) in [("candidates", 0.0), ("catalogue", 0.12)] {
                let value = quality - less;
                let (low, high) = (value - 0.01, value + 0.01);
                let _ = writeln!(
                    metrics,
                    "beyond-quality,{dataset},query,all,{pool},all,{embedder},{router},mean-of-5,ndcg@5,{value:.6},{low:.6},{high:.6},100"
                );
            }
            let milliseconds = tools * microseconds / 1e3;
            let _ = writeln!(
                latency,
                "beyond-latency,{dataset},catalogue,{embedder},{router},1,1,router,p50-ms,{milliseconds:.6},200"
            );
        }
    }
    place.write("results/beyond-quality/metrics.csv", metrics);
    place.write("results/beyond-latency/latency.csv", latency);
    place.succeed(&["reproduce", "--experiments", "beyond", "--out", "out"]);
    let figure = place.read("out/beyond/beyond.svg");
    keeps_its_texts("beyond", &figure);
    for part in ["OATS+", "SE + 10 µs", "S1, hubs discounted", "metatool"] {
        assert!(figure.contains(part), "`{part}` is not in the figure");
    }
    let readme = place.read("out/beyond/README.md");
    assert!(
        readme.contains("on metatool (aim)**: yes, +0.3 µs."),
        "{readme}"
    );
    assert!(
        readme.contains("| hybrid-calibrated-s1 | – | 27.0 | +18.0 | 0.876 | 0.756 |"),
        "{readme}"
    );
}
