//! What is wrong with a TOML is told with file and place.

use std::fs;

use oats_datasets::{Dataset, SplitKind};
use oats_harness::{EmbedderKind, Error, Experiment, Outcomes, Pool};

use crate::laboratory::Laboratory;

const GOOD: &str = r#"name = "good"
question = "Is it?"
metrics = ["ndcg@5", "map"]
baselines = ["dense"]
routers = ["bm25", "dense", { kind = "oats-s1", rounds = 2, label = "s1" }]

[[grid]]
datasets = ["builtin"]
embedders = ["static"]
splits = ["query"]
pools = ["catalogue"]
seeds = [0, 1]

[[grid]]
datasets = ["metatool", "beir:some/tools"]
embedders = ["minilm"]
splits = ["instance"]
pools = ["candidates"]
seeds = [7]
"#;

#[test]
fn what_is_written_is_what_is_run() {
    let experiment = Experiment::parse(GOOD, "good.toml").unwrap();
    let labels: Vec<&str> = experiment
        .routers
        .iter()
        .map(|r| r.label.as_str())
        .collect();
    assert_eq!(labels, ["bm25", "dense", "s1"]);
    let [first, second] = &experiment.grids[..] else {
        panic!("two grids");
    };
    assert_eq!(first.embedders, [EmbedderKind::Static]);
    assert_eq!(first.pools, [Pool::Catalogue]);
    assert_eq!(first.splits, [SplitKind::Query]);
    assert_eq!(second.datasets[1], Dataset::Beir("some/tools".into()));
    assert_eq!(second.seeds, [7]);
    assert_eq!(experiment.subsets, None);
}

/// Replaces `from` by `to` in [`GOOD`] and expects an error that names the file and has these parts.
#[track_caller]
fn refused(from: &str, to: &str, parts: &[&str]) {
    assert!(GOOD.contains(from), "{from} is not in the example");
    let text = GOOD.replacen(from, to, 1);
    let Err(error) = Experiment::parse(&text, "experiments/good.toml") else {
        panic!("{to} instead of {from} was accepted");
    };
    assert!(matches!(error, Error::Experiment { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with("experiments/good.toml: "), "{message}");
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn unknown_names_are_refused_with_line_and_field_and_the_known_ones() {
    refused(
        r#""bm25""#,
        r#""bm26""#,
        &["line 5", "routers", "`bm26`", "`bm25`"],
    );
    refused(
        r#"kind = "oats-s1""#,
        r#"kind = "oats-s9""#,
        &["line 5", "`oats-s9`", "`oats-s1`"],
    );
    refused(
        "builtin",
        "bultin",
        &["line 8", "datasets", "`bultin`", "builtin"],
    );
    refused(
        "static",
        "statik",
        &["line 9", "embedders", "`statik`", "`static`"],
    );
    refused(
        r#"["query"]"#,
        r#"["text"]"#,
        &["line 10", "splits", "`text`", "`query`"],
    );
    refused(
        "catalogue",
        "catalog",
        &["line 11", "pools", "`catalog`", "`catalogue`"],
    );
    refused(
        r#""map""#,
        r#""map@3""#,
        &["line 3", "metrics", "`map@3`", "mrr"],
    );
    refused(
        r#"["dense"]"#,
        r#"["dens"]"#,
        &["baselines", "`dens`", "bm25, dense, s1"],
    );
}

#[test]
fn unknown_fields_are_refused_with_line_and_the_known_ones() {
    refused(
        "question",
        "questoin",
        &["line 2", "`questoin`", "`question`"],
    );
    refused("rounds", "runds", &["line 5", "`runds`", "`rounds`"]);
    refused("seeds", "seed", &["line 12", "`seed`", "`seeds`"]);
    refused("[[grid]]", "[[grids]]", &["line 7", "`grids`", "`grid`"]);
}

#[test]
fn missing_fields_are_refused() {
    refused("question = \"Is it?\"\n", "", &["missing", "`question`"]);
    refused(
        "seeds = [0, 1]\n",
        "",
        &["line 7", "[[grid]]", "missing", "`seeds`"],
    );
    refused("kind = \"oats-s1\", ", "", &["line 5", "missing", "`kind`"]);
}

#[test]
fn values_of_the_wrong_kind_or_range_are_refused() {
    refused("\"good\"", "3", &["line 1", "name", "string"]);
    refused("\"bm25\"", "3", &["line 5", "routers", "integer"]);
    refused(
        "label = \"s1\"",
        "label = 1",
        &["line 5", "label", "integer"],
    );
    refused("rounds = 2", "rounds = -2", &["line 5", "rounds", "-2"]);
    refused(
        "rounds = 2",
        "alpha = 1.5",
        &["line 5", "oats-s1", "alpha", "1.5", "between 0 and 1"],
    );
    refused(
        "rounds = 2",
        "beta = nan",
        &["line 5", "oats-s1", "beta", "NaN"],
    );
    refused("[0, 1]", "[0, -1]", &["line 12", "seeds", "-1"]);
    refused("\"Is it?\"", "\"Is it?", &["line 2"]);
}

#[test]
fn what_would_run_twice_or_not_at_all_is_refused() {
    refused(
        "label = \"s1\"",
        "label = \"bm25\"",
        &["routers", "`bm25`", "twice", "label"],
    );
    refused("[0, 1]", "[1, 0, 1]", &["grid 1", "seeds", "`1`", "twice"]);
    refused(
        "[\"minilm\"]",
        "[\"minilm\", \"minilm\"]",
        &["grid 2", "embedders", "`minilm`"],
    );
    refused("\"map\"", "\"ndcg@5\"", &["metrics", "`ndcg@5`", "twice"]);
    refused("metatool", "builtin", &["datasets", "`builtin`", "twice"]);
    refused("[0, 1]", "[]", &["grid 1", "seeds", "empty"]);
    refused("[\"minilm\"]", "[]", &["grid 2", "embedders", "empty"]);
    refused("\"ndcg@5\", \"map\"", "", &["metrics", "empty"]);
    refused("metrics", "subsets = []\nmetrics", &["subsets", "empty"]);
}

#[test]
fn what_a_router_or_a_quick_run_cannot_be_restricted_to_is_refused() {
    let entry = "label = \"s1\"";
    for (field, parts) in [
        ("seeds = 0", ["line 5", "seeds", "0"]),
        ("seeds = \"two\"", ["line 5", "seeds", "string"]),
        ("embedders = [\"bert\"]", ["line 5", "embedders", "`bert`"]),
        ("embedders = []", ["routers: s1", "embedders", "empty"]),
    ] {
        refused(entry, &format!("{entry}, {field}"), &parts);
    }
    refused(
        "\"bm25\"",
        "{ kind = \"bm25\", embedders = [\"static\"] }",
        &["routers: bm25", "embedders", "reads none"],
    );
    let grid = "seeds = [0, 1]";
    refused(
        grid,
        &format!("{grid}\nrouters = [\"s2\"]"),
        &["grid 1", "routers", "`s2`", "bm25, dense, s1"],
    );
    for (list, part) in [
        ("datasets = [\"metatool\"]", "`metatool`"),
        ("routers = [\"oats-s1\"]", "`oats-s1`"),
        ("embedders = [\"minilm\"]", "`minilm`"),
        ("splits = [\"tool\"]", "`tool`"),
        ("outcomes = [\"calls-5\"]", "`calls-5`"),
        ("pools = [\"candidates\"]", "`candidates`"),
        ("pools = []", "empty"),
    ] {
        let name = list.split(' ').next().unwrap();
        refused(
            grid,
            &format!("{grid}\nquick = {{ {list} }}"),
            &["grid 1", "quick", name, part],
        );
    }
    refused(
        grid,
        &format!("{grid}\nquick = {{ seeds = [0] }}"),
        &["line 13", "`seeds`", "`datasets`"],
    );
    refused(
        grid,
        &format!("{grid}\nquick = {{ splits = [\"text\"] }}"),
        &["line 13", "`text`", "`query`"],
    );
    // Without the embedder that logs for bm25, the quick rows would be other ones.
    refused(
        "embedders = [\"static\"]",
        "embedders = [\"static\", \"minilm\"]\noutcomes = [\"calls-5\"]\n\
         quick = { embedders = [\"minilm\"] }",
        &["grid 1", "quick", "embedders", "`static`"],
    );
}

#[test]
fn outcomes_are_the_labels_unless_something_else_is_written() {
    let experiment = Experiment::parse(GOOD, "good.toml").unwrap();
    assert_eq!(experiment.grids[0].outcomes, [Outcomes::All]);
    let pools = "pools = [\"catalogue\"]";
    let with = |list: &str| format!("{pools}\noutcomes = {list}");
    let text = GOOD.replacen(pools, &with("[\"calls-5\", \"all\"]"), 1);
    let experiment = Experiment::parse(&text, "good.toml").unwrap();
    let names: Vec<String> = experiment.grids[0]
        .outcomes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["calls-5", "all"]);
    refused(
        pools,
        &with("[\"call-5\"]"),
        &["line 12", "outcomes", "`call-5`", "calls-N"],
    );
    refused(pools, &with("[]"), &["grid 1", "outcomes", "empty"]);
    refused(
        pools,
        &with("[\"all\", \"all\"]"),
        &["grid 1", "outcomes", "`all`", "twice"],
    );
}

#[test]
fn the_folder_of_unfinished_cells_is_no_experiment() {
    refused("\"good\"", "\"cells\"", &["name", "`cells`"]);
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    for name in ["", "..", "a/b", "a b", "-x", "ä"] {
        refused("\"good\"", &format!("{name:?}"), &["name", name, "letters"]);
        refused("\"s1\"", &format!("{name:?}"), &["label", name, "letters"]);
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let laboratory = Laboratory::new();
    let file = laboratory.path("e.toml");
    let missing = Experiment::read(&file).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }), "{missing:?}");
    assert!(missing.to_string().contains("e.toml"), "{missing}");

    fs::write(&file, b"name = \"caf\xe9\"").unwrap();
    let message = Experiment::read(&file).unwrap_err().to_string();
    assert!(
        message.contains("e.toml") && message.contains("UTF-8"),
        "{message}"
    );
}

#[test]
fn restriction_drops_what_is_left_empty() {
    let restricted = |datasets: Option<&[Dataset]>, seeds| {
        let mut experiment = Experiment::parse(GOOD, "good.toml").unwrap();
        experiment.restrict(datasets, seeds);
        experiment.grids
    };
    let grids = restricted(Some(&[Dataset::Metatool]), Some(1));
    assert_eq!(grids.len(), 1);
    assert_eq!(grids[0].datasets, [Dataset::Metatool]);
    let grids = restricted(None, Some(1));
    assert_eq!([&grids[0].seeds[..], &grids[1].seeds[..]], [[0], [7]]);
    assert!(restricted(Some(&[Dataset::Toolbench]), None).is_empty());
    assert!(restricted(None, Some(0)).is_empty());
}
