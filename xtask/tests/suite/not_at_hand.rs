//! No data, no model, no network: the rest is run, and the end says what was not and how to get it.

use crate::common::{Place, experiment};

const RUN: [&str; 4] = ["run", "trial.toml", "--out", "out"];

fn place() -> Place {
    Place::with_experiment(&experiment(r#"["builtin", "metatool"]"#, r#"["static"]"#))
}

#[test]
fn a_run_goes_on_without_a_dataset() {
    let place = place();
    let told = place.succeed(&RUN);
    told.assert_says(&["builtin: ndcg@5", "Results are in out/trial"]);
    let skipped: Vec<&str> = told
        .stdout
        .lines()
        .filter(|line| line.starts_with("not run: "))
        .collect();
    let [line] = skipped[..] else {
        panic!("one line should say what was not run: {told}");
    };
    for part in [
        "metatool",
        "switched off",
        "--data-dir",
        "`cargo xtask fetch`",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let metrics = place.read("out/trial/metrics.csv");
    assert!(metrics.contains("trial,builtin,") && !metrics.contains("metatool"));
}

#[test]
fn unless_it_is_required() {
    let require = [&RUN[..], &["--require", "metatool"]].concat();
    place().refuse(&require, &["metatool", "required", "`cargo xtask fetch`"]);
}

#[test]
fn a_run_of_nothing_is_a_failure() {
    let place = place();
    let told = place.run(&[&RUN[..], &["--datasets", "metatool"]].concat());
    told.assert_refused(&["nothing could be run"]);
    told.assert_says(&["not run: metatool"]);
}

#[test]
fn reproduce_ends_with_what_it_did_not_run() {
    let workspace = Place::small_workspace();
    let told = workspace.succeed(&["reproduce", "--seeds", "1"]);
    let end = told.stdout.split("Verdict").nth(1).expect("a verdict");
    for dataset in ["metatool", "toole", "toolbench"] {
        let lines = end.lines().filter(|line| {
            line.starts_with("not compared: ")
                && line.contains(&format!("{dataset}: "))
                && line.contains("cargo xtask fetch")
        });
        assert_eq!(lines.count(), 1, "{dataset}: {told}");
    }
    let last = told.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("Nothing compared"), "{told}");
}
