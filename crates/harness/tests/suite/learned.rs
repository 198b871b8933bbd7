//! Fitted routers as a run saves them: loadable, and made of nothing that stands in the test part.

use std::path::Path;

use oats_datasets::{Split, SplitKind};
use oats_harness::{Error, Experiment, RunOptions, run};
use oats_routers::{RouterSpec, State};

use crate::{
    laboratory::{Laboratory, Notes, listing, toml},
    leakage::relabelled,
};

/// Every kind of router there is.
fn kinds() -> Vec<String> {
    match RouterSpec::by_kind("?") {
        Err(oats_routers::Error::UnknownKind { kinds, .. }) => {
            kinds.split(", ").map(str::to_owned).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Fits one router in a run of its own and loads what was saved; `None` of a kind that is not built.
fn fitted(laboratory: &Laboratory, kind: &str, dataset: &str, out: &Path) -> Option<State> {
    let toml = toml(&[dataset], "[0]")
        .replace("\"bm25\", \"dense\", \"oats-s1\"", &format!("{kind:?}"))
        .replace("\"dense\"", &format!("{kind:?}"));
    let experiment = Experiment::parse(&toml, "t.toml").unwrap();
    let options = RunOptions {
        out: out.to_owned(),
        routers: true,
        ..laboratory.options()
    };
    match run(
        &experiment,
        &laboratory.resources(),
        &options,
        &Notes::default(),
    ) {
        Err(Error::Router { source, .. }) if source.to_string().contains("not built") => {
            return None;
        }
        ended => ended.unwrap(),
    };
    let folder = out.join("t/routers");
    let [file] = &listing(&folder)[..] else {
        panic!("{kind}: one router was fitted");
    };
    let start = format!("beir:set-query-all-{kind}-");
    assert!(
        file.starts_with(&start) && file.ends_with("-0.safetensors"),
        "{file}"
    );
    let (spec, _) = oats_routers::load(&folder.join(file)).unwrap();
    assert_eq!(spec, RouterSpec::by_kind(kind).unwrap());
    Some(State::load(&folder.join(file)).unwrap().1)
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
    for kind in kinds() {
        let fit = |(name, dataset): &(&str, String)| {
            let out = laboratory.path(&format!("{name}/{kind}"));
            fitted(&laboratory, &kind, dataset, &out)
        };
        let Some(state) = fit(&original) else {
            continue;
        };
        assert!(
            fit(&other_test).as_ref() == Some(&state),
            "{kind} has seen labels of the test part"
        );
        if fit(&other_train) != Some(state) {
            learning.push(kind);
        }
    }
    // The same change in training shows, so the comparison above could have failed.
    assert!(
        learning.iter().any(|kind| kind == "oats-s1"),
        "{learning:?}"
    );
}
