//! The first things that a newcomer tries.

use oats_datasets::Dataset;
use oats_routers::RouterSpec;

use crate::common::{Place, experiment};

#[test]
fn every_command_explains_itself_with_an_example() {
    let place = Place::empty();
    for command in [
        "",
        "reproduce",
        "run",
        "route",
        "latency",
        "peers",
        "label",
        "check-data",
        "fetch",
        "distill",
    ] {
        let arguments = [command, "--help"];
        let arguments = arguments.iter().filter(|argument| !argument.is_empty());
        let arguments: Vec<&str> = arguments.copied().collect();
        let told = place.bare_command(&arguments).output().unwrap();
        assert!(told.status.success());
        let help = String::from_utf8(told.stdout).unwrap();
        let (_, examples) = help.split_once("Examples:\n").expect(command);
        assert!(
            examples.contains(&format!("cargo xtask {command}")),
            "{help}"
        );
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "too wide: {line}");
        }
    }
}

#[test]
fn help_names_every_router_and_data_set() {
    let told = Place::empty().succeed(&["route", "--help"]);
    let help: Vec<&str> = told.stdout.split_whitespace().collect();
    let help = help.join(" ");
    for spec in RouterSpec::all() {
        assert!(help.contains(spec.kind()), "{}: {help}", spec.kind());
    }
    for dataset in Dataset::NAMED {
        assert!(help.contains(&dataset.to_string()), "{dataset}: {help}");
    }
}

#[test]
fn clear_requests_are_routed_to_their_tool() {
    let place = Place::empty();
    for (text, tool) in [
        (
            "will I need an umbrella in Leeds tomorrow?",
            "forecast_days",
        ),
        ("turn the living room lights off", "control_lights"),
        ("what is 200 euros in yen", "fx_convert"),
    ] {
        let told = place.succeed(&["route", text]);
        let best = told.stdout.lines().nth(2).unwrap_or_default();
        assert!(best.contains(&format!(" {tool} ")), "{told}");
    }
}

#[test]
fn route_shows_as_many_tools_as_asked_for() {
    let place = Place::empty();
    for (k, shown) in [("1", 1), ("7", 7), ("1000", 98)] {
        let told = place.succeed(&["route", "-k", k, "book a flight"]);
        assert_eq!(told.stdout.lines().count(), 2 + shown, "{told}");
    }
}

#[test]
fn route_ranks_the_tools_of_a_folder_too() {
    let place = Place::empty();
    let long = "très ".repeat(60);
    place.write(
        "mine/corpus.jsonl",
        format!(
            "{{\"_id\": \"weather\", \"text\": \"Rain or\\nshine ☂. {long}\"}}\n\
             {{\"_id\": \"{}\", \"text\": \"Prices of shares.\"}}\n",
            "stocks-".repeat(20)
        ),
    );
    place.write(
        "mine/queries.jsonl",
        "{\"_id\": \"1\", \"text\": \"umbrella?\"}\n",
    );
    place.write(
        "mine/qrels/test.tsv",
        "query-id\tcorpus-id\tscore\n1\tweather\t1\n",
    );
    let told = place.succeed(&["route", "--dataset", "beir:mine", "will it rain?"]);
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(
        lines[2].contains("weather") && lines[2].contains("Rain or shine ☂."),
        "{told}"
    );
    assert_narrow(&told.stdout);
}

#[test]
fn tables_are_narrow_and_their_numbers_whole() {
    let label = "oats-s1-with-a-label-that-goes-on-and-on-and-on-to-tell-all-its-settings";
    let toml = experiment(r#"["builtin"]"#, r#"["static"]"#)
        .replace(r#"["query"]"#, r#"["instance", "query", "tool"]"#)
        .replace(
            r#""bm25""#,
            &format!(r#"{{ kind = "oats-s1", label = "{label}" }}"#),
        );
    let place = Place::with_experiment(&toml);
    let told = place.succeed(&["run", "trial.toml", "--out", "out"]);
    assert_narrow(&told.stdout);
    let row = told
        .stdout
        .lines()
        .find(|line| line.starts_with("oats-s1-with-a-label"))
        .unwrap_or_else(|| panic!("{told}"));
    let numbers: Vec<f64> = row
        .split_whitespace()
        .filter(|cell| cell.starts_with("0.") && cell.len() == 5)
        .map(|cell| cell.parse().unwrap())
        .collect();
    assert_eq!(numbers.len(), 6, "three splits by two pools: {told}");
}

#[test]
fn tables_tell_outcomes_and_fewer_seeds() {
    let toml = experiment(r#"["builtin"]"#, r#"["static"]"#)
        .replace(
            "seeds = [0]",
            "outcomes = [\"per-tool-10\", \"per-tool-5\"]\nseeds = [0, 1]",
        )
        .replace(r#""bm25""#, r#"{ kind = "oats-s1", seeds = 1 }"#);
    let place = Place::with_experiment(&toml);
    let told = place.succeed(&["run", "trial.toml", "--out", "out"]);
    let rows: Vec<Vec<&str>> = told
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for row in [
        &["dense", "static", "per-tool-10"][..],
        &["oats-s1", "(1", "seed)", "static", "per-tool-5"],
    ] {
        assert!(rows.iter().any(|cells| cells.starts_with(row)), "{told}");
    }
}

#[test]
fn a_log_file_is_not_cluttered() {
    let place = Place::with_experiment(&experiment(r#"["builtin"]"#, r#"["static"]"#));
    let told = place.succeed(&["run", "trial.toml", "--out", "out"]);
    assert!(!told.stderr.contains(['\r', '\u{1b}']), "{told}");
    assert!(told.stderr.lines().count() < 5, "{told}");
}

#[track_caller]
fn assert_narrow(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
}
