//! What cannot be had is told and left out; what is bad stops the run and harms nothing.

use std::fs;

use oats_datasets::Dataset;
use oats_harness::{Error, Experiment, RunOptions, run};

use crate::laboratory::{Laboratory, Notes, tables, toml};

#[test]
fn a_data_set_that_is_not_at_hand_is_skipped_with_its_reason() {
    let laboratory = Laboratory::new();
    let set = laboratory.beir("set", 4);
    let outcome = laboratory.run(&toml(&["metatool", &set], "[0]"));
    let [skip] = &outcome.summary.skipped[..] else {
        panic!("one skip: {:?}", outcome.summary.skipped);
    };
    assert_eq!(skip.dataset.as_deref(), Some("metatool"));
    assert_eq!((&skip.embedder, &skip.pool), (&None, &None));
    assert!(skip.reason.contains("metatool") && skip.reason.contains("cargo xtask fetch"));
    assert!(!skip.reason.contains('\n'));
    assert!(outcome.noted(&format!("skipped: {}", skip.reason)));
    assert!(!outcome.metrics().is_empty());
    assert!(
        outcome
            .metrics()
            .iter()
            .all(|row| row.dataset == "beir:set")
    );
}

#[test]
fn a_data_set_that_is_required_is_not_skipped() {
    let laboratory = Laboratory::new();
    let experiment = Experiment::parse(&toml(&["builtin", "metatool"], "[0]"), "t.toml").unwrap();
    let options = RunOptions {
        require: vec![Dataset::Metatool, Dataset::Toolbench],
        ..laboratory.options()
    };
    let notes = Notes::default();
    let error = run(&experiment, &laboratory.resources(), &options, &notes).unwrap_err();
    assert!(matches!(error, Error::Required(_)), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("metatool") && message.contains("cargo xtask fetch"),
        "{message}"
    );
    assert!(
        !laboratory.path("out").exists(),
        "it is known before anything is run"
    );
}

#[test]
fn an_embedder_that_is_not_at_hand_is_skipped_once() {
    let laboratory = Laboratory::new();
    let [first, second] = ["first", "second"].map(|name| laboratory.beir(name, 4));
    let toml = toml(&[&first, &second], "[0]").replace("[\"static\"]", "[\"minilm\", \"static\"]");
    let outcome = laboratory.run(&toml);
    let [skip] = &outcome.summary.skipped[..] else {
        panic!("one skip: {:?}", outcome.summary.skipped);
    };
    assert_eq!(skip.embedder.as_deref(), Some("minilm"));
    assert!(skip.reason.contains("cargo xtask fetch"), "{}", skip.reason);
    assert!(outcome.metrics().iter().all(|row| row.embedder != "minilm"));
    assert!(outcome.metrics().iter().any(|row| row.embedder == "static"));
    assert!(
        outcome
            .metrics()
            .iter()
            .any(|row| row.dataset == "beir:second")
    );
}

#[test]
fn the_candidates_of_a_set_without_any_are_skipped() {
    let laboratory = Laboratory::new();
    let set = laboratory.beir("set", 4);
    let both = toml(&[&set], "[0]").replace("[\"catalogue\"]", "[\"candidates\", \"catalogue\"]");
    let outcome = laboratory.run(&both);
    let skip = &outcome.summary.skipped[0];
    assert_eq!(skip.dataset.as_deref(), Some("beir:set"));
    assert_eq!(skip.pool.as_deref(), Some("candidates"));
    assert!(skip.reason.contains("beir:set") && skip.reason.contains("candidate lists"));
    assert!(outcome.metrics().iter().all(|row| row.pool == "catalogue"));

    let earlier = outcome.metrics();
    let outcome = laboratory.run(&both.replace(", \"catalogue\"", ""));
    assert!(outcome.noted("nothing could be run"), "{:?}", outcome.notes);
    assert!(outcome.summary.metrics.is_empty());
    assert_eq!(outcome.metrics(), earlier, "earlier results stay");
}

#[test]
fn only_the_subsets_that_are_asked_for_are_reported_and_unknown_ones_are_told() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 4)], "[0]")
        .replace("baselines", "subsets = [\"even\", \"evening\"]\nbaselines");
    let outcome = laboratory.run(&toml);
    assert!(outcome.metrics().iter().all(|row| row.subset == "even"));
    assert!(!outcome.metrics().is_empty());
    assert!(
        outcome.noted("`evening`") && !outcome.noted("`even`"),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn a_set_with_nothing_to_test_is_told() {
    let laboratory = Laboratory::new();
    let set = laboratory.write_beir(
        "one",
        &[("weather", "forecast")],
        &[("1", "rain?", "weather")],
    );
    let outcome = laboratory.run(&toml(&[&set], "[0, 1]"));
    assert!(outcome.noted("beir:one: query split, seed 1: no query is left to test with"));
    assert!(outcome.noted("nothing could be run"));
    assert!(outcome.summary.metrics.is_empty());
}

#[test]
fn two_folders_of_one_name_are_refused() {
    let laboratory = Laboratory::new();
    let [first, second] = ["a/set", "b/set"].map(|name| laboratory.beir(name, 4));
    let error = laboratory
        .try_run(&toml(&[&first, &second], "[0]"), &Notes::default())
        .unwrap_err();
    assert!(matches!(error, Error::Experiment { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("`beir:set`") && message.contains("b/set"),
        "{message}"
    );
}

#[test]
fn bad_data_stop_the_run_before_it_begins_and_leave_earlier_results() {
    let laboratory = Laboratory::new();
    let [good, bad] = ["good", "bad"].map(|name| laboratory.beir(name, 4));
    let good_run = laboratory.run(&toml(&[&good], "[0]"));
    let before = good_run.tables();
    good_run.summary.forget_cells().unwrap();
    let corpus = laboratory.path("bad/corpus.jsonl");
    let text = fs::read_to_string(&corpus).unwrap();
    for (content, place) in [
        (text.replacen("\"_id\"", "\"id\"", 1), "line 1"),
        (text[..text.len() - 20].to_owned(), "line 4"),
        (format!("{text}{}", text.lines().next().unwrap()), "line 5"),
    ] {
        fs::write(&corpus, content).unwrap();
        let notes = Notes::default();
        let error = laboratory
            .try_run(&toml(&[&good, &bad], "[1]"), &notes)
            .unwrap_err();
        assert!(matches!(error, Error::Dataset(_)), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains("corpus.jsonl") && message.contains(place),
            "{message}"
        );
        assert_eq!(tables(&laboratory.path("out/t")), before);
        assert!(
            !laboratory.path("out/cells").exists(),
            "no cell was computed"
        );
    }
}

#[test]
fn a_text_without_a_vector_stops_the_run_and_leaves_earlier_results() {
    let laboratory = Laboratory::new();
    let good = laboratory.beir("good", 4);
    let before = laboratory.run(&toml(&[&good], "[0]")).tables();
    // A control character: something is written, but there is nothing to embed.
    let bad = laboratory.write_beir(
        "bad",
        &[("weather", "forecast"), ("stocks", "prices")],
        &[("1", "rain?", "weather"), ("2", "\u{1}", "stocks")],
    );
    let error = laboratory
        .try_run(&toml(&[&good, &bad], "[1]"), &Notes::default())
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("beir:bad: query `2`"), "{message}");
    assert_eq!(tables(&laboratory.path("out/t")), before);

    // The first set's cells were finished; with the text mended they are taken over.
    laboratory.write_beir(
        "bad",
        &[("weather", "forecast"), ("stocks", "prices")],
        &[("1", "rain?", "weather"), ("2", "gold", "stocks")],
    );
    let outcome = laboratory.run(&toml(&[&good, &bad], "[1]"));
    assert!(outcome.noted("beir:good: query split: 3 of 3 cells were finished before"));
}
