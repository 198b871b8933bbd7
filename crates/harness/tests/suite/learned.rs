//! Fitted routers as a run saves them: loadable, and made of nothing that stands in the test part.

use std::path::Path;

use oats_datasets::{Split, SplitKind};
use oats_harness::{Experiment, RunOptions, run};
use oats_routers::{RouterSpec, State};

use crate::{
    laboratory::{Laboratory, Notes, listing, toml},
    leakage::relabelled,
};

/// What is fitted beside every kind's defaults: kinds whose defaults leave out a part that learns from
/// labels, and logs, which are drawn from labels. Label, kind with settings, and outcomes.
const VARIANTS: [(&str, &str, &str); 15] = [
    ("oats-s1-gated", r#"kind = "oats-s1", gate = true"#, "all"),
    (
        "oats-plus-gated",
        r#"kind = "oats-plus", gate = true"#,
        "all",
    ),
    (
        "oats-s2-s1",
        r#"kind = "oats-s2", base = { kind = "oats-s1" }"#,
        "all",
    ),
    (
        "oats-s3-s1",
        r#"kind = "oats-s3", base = { kind = "oats-s1" }"#,
        "all",
    ),
    (
        "hybrid-sum",
        r#"kind = "hybrid", fusion = "weighted-sum", base = { kind = "oats-s1" }"#,
        "all",
    ),
    (
        "hybrid-calibrated",
        r#"kind = "hybrid", fusion = "calibrated", base = { kind = "oats-s1" }"#,
        "all",
    ),
    ("rnn-sequence", r#"kind = "rnn", head = "sequence""#, "all"),
    ("rnn-gumbel", r#"kind = "rnn", head = "gumbel""#, "all"),
    (
        "encoder-no-attention",
        r#"kind = "encoder", blocks = 0"#,
        "all",
    ),
    ("knn-of-few", r#"kind = "knn""#, "per-tool-2"),
    ("oats-s1-of-calls", r#"kind = "oats-s1""#, "calls-300"),
    ("oats-plus-of-calls", r#"kind = "oats-plus""#, "calls-300"),
    ("oats-s2-of-noise", r#"kind = "oats-s2""#, "flipped-0.2"),
    ("oats-s3-of-shown", r#"kind = "oats-s3""#, "shown-0.2"),
    (
        "rnn-reinforce",
        r#"kind = "rnn", learn = "reinforce""#,
        "calls-300",
    ),
];

/// Fits one router in a run of its own and loads what was saved.
fn fitted(
    laboratory: &Laboratory,
    label: &str,
    settings: &str,
    outcomes: &str,
    dataset: &str,
    out: &Path,
) -> State {
    let router = format!("{{ {settings}, label = {label:?} }}");
    let toml = toml(&[dataset], "[0]")
        .replace("\"bm25\", \"dense\", \"oats-s1\"", &router)
        .replace("[\"dense\"]", &format!("[{label:?}]"))
        .replace("pools =", &format!("outcomes = [{outcomes:?}]\npools ="));
    let experiment = Experiment::parse(&toml, "t.toml").unwrap();
    let options = RunOptions {
        out: out.to_owned(),
        routers: true,
        ..laboratory.options()
    };
    let (resources, observer) = (laboratory.resources(), Notes::default());
    run(&experiment, &resources, &options, &observer).unwrap();
    let folder = out.join("t/routers");
    let [file] = &listing(&folder)[..] else {
        panic!("{label}: one router was fitted");
    };
    let start = format!("beir:set-query-{outcomes}-{label}-");
    assert!(
        file.starts_with(&start) && file.ends_with("-0.safetensors"),
        "{file}"
    );
    let (spec, _) = oats_routers::load(&folder.join(file)).unwrap();
    assert_eq!(spec, experiment.routers[0].spec);
    State::load(&folder.join(file)).unwrap().1
}

#[test]
fn permuting_the_test_labels_changes_no_fitted_parameter() {
    let laboratory = Laboratory::new();
    let benchmark = laboratory.load(&laboratory.beir("original", 8));
    let split = Split::new(SplitKind::Query, &benchmark, 0);
    let [original, other_test, other_train] = [
        ("original-labels", &[][..]),
        ("test-permuted", &split.test[..]),
        ("train-permuted", &split.train[..]),
    ]
    .map(|(name, changed)| (name, relabelled(&laboratory, name, changed)));
    let mut learning = Vec::new();
    let defaults = RouterSpec::all();
    let defaults = defaults.iter().map(RouterSpec::kind);
    let defaults = defaults.filter(|kind| *kind != "llm"); // there is none to ask
    let routers = defaults
        .map(|kind| (kind, format!("kind = {kind:?}"), "all"))
        .chain(VARIANTS.map(|(label, settings, outcomes)| (label, settings.to_owned(), outcomes)));
    for (label, settings, outcomes) in routers {
        let fit = |(name, dataset): &(&str, String)| {
            let out = laboratory.path(&format!("{name}/{label}"));
            fitted(&laboratory, label, &settings, outcomes, dataset, &out)
        };
        let state = fit(&original);
        assert!(
            fit(&other_test) == state,
            "{label} has seen labels of the test part"
        );
        if fit(&other_train) != state {
            learning.push(label);
        }
    }
    // The same change in training shows in whatever learns, so the comparison could have failed.
    let (kinds, variants) = learning.split_at(12);
    assert_eq!(variants, VARIANTS.map(|(label, ..)| label));
    assert_eq!(
        kinds,
        [
            "oats-s1",
            "oats-s2",
            "oats-s3",
            "oats-plus",
            "adapter-ridge",
            "adapter-procrustes",
            "multi-vector",
            "linear",
            "knn",
            "threshold",
            "rnn",
            "encoder",
        ]
    );
}
