//! A log of tool calls becomes a benchmark that the other commands take.

use crate::common::{Place, Told, experiment};

/// With lines of every kind.
const EXAMPLE: &str = "crates/datasets/tests/data/chat-log.jsonl";

const GOOD: &str = r#"{"messages": [{"role": "user", "content": "umbrella?"},
    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "forecast", "arguments": "{}"}}]}],
    "tools": [{"type": "function", "function": {"name": "forecast", "description": "Rain or shine."}}]}"#;

fn good() -> String {
    GOOD.replace('\n', " ")
}

fn label(place: &Place, arguments: &[&str]) -> Told {
    Told::of(&mut place.bare_command(&[&["label"], arguments].concat()))
}

#[track_caller]
fn succeed(place: &Place, arguments: &[&str]) -> Told {
    let told = label(place, arguments);
    assert_eq!(told.code, Some(0), "{told}");
    told
}

/// Fails unless the command refuses with all of `parts` and leaves the place as it was.
#[track_caller]
fn refuse(place: &Place, arguments: &[&str], parts: &[&str]) {
    let before = place.files("");
    label(place, arguments).assert_refused(parts);
    assert_eq!(place.files(""), before);
}

#[test]
fn a_labelled_log_can_be_used_at_once() {
    let place = Place::with_experiment(
        &experiment(r#"["beir:my-log"]"#, r#"["static"]"#)
            .replace(r#"["candidates", "catalogue"]"#, r#"["catalogue"]"#),
    );
    place.copy(EXAMPLE);
    let told = succeed(&place, &[EXAMPLE, "--out", "my-log"]);
    assert_eq!(told.stderr, "");
    told.assert_says(&[
        "   14  lines of the log",
        "   10  queries",
        "   16  calls\n",
        "   10  calls that succeeded",
        "    4  calls that failed",
        "    2  calls of unknown outcome",
        "   11  pairs of a query and a right tool",
        "    2  pairs of a query and a tool that always failed",
        "    1  lines left out: no tool call",
        "    1  calls left out: the user message",
        "    3  repetitions",
        "    1  tools with several descriptions",
        "cargo xtask route --dataset \"beir:my-log\"",
        "datasets = [\"beir:my-log\"]",
    ]);
    assert!(!told.stdout.contains("bad lines"), "{told}");

    let routed = place.succeed(&["route", "--dataset", "beir:my-log", "rain in York?"]);
    let best = routed.stdout.lines().nth(2).unwrap_or_default();
    assert!(best.contains("get_forecast"), "{routed}");
    let run = place.succeed(&["run", "trial.toml", "--out", "out"]);
    run.assert_says(&["beir:my-log: ndcg@5"]);
}

#[test]
fn its_own_folder_is_written_again_and_no_other() {
    let place = Place::empty();
    place.write("log.jsonl", good());
    let arguments = ["log.jsonl", "--out", "made/my log"];
    let told = succeed(&place, &arguments);
    told.assert_says(&["--dataset \"beir:made/my log\""]);
    let first = place.files("made");
    assert_eq!(first.len(), 4);
    succeed(&place, &arguments);
    assert_eq!(place.files("made"), first);
    place.copy(EXAMPLE);
    succeed(&place, &[EXAMPLE, "--out", "made/my log"]);
    assert_ne!(place.files("made"), first);

    for (path, problem) in [
        ("made/my log/notes.txt", "holds notes.txt"),
        ("made/my log/qrels/test.tsv", "holds qrels/test.tsv"),
    ] {
        place.write(path, "mine");
        refuse(
            &place,
            &arguments,
            &["made/my log", problem, "another folder"],
        );
        std::fs::remove_file(place.path(path)).unwrap();
    }
    std::fs::remove_file(place.path("made/my log/outcomes.jsonl")).unwrap();
    refuse(
        &place,
        &arguments,
        &["has no outcomes.jsonl", "another folder"],
    );
    refuse(
        &place,
        &["log.jsonl", "--out", "."],
        &["holds ", "another folder"],
    );
    refuse(
        &place,
        &["log.jsonl", "--out", "log.jsonl"],
        &["log.jsonl", "--out"],
    );
    std::fs::create_dir(place.path("empty")).unwrap();
    succeed(&place, &["log.jsonl", "--out", "empty"]);
}

#[test]
fn bad_lines_are_refused_or_left_out() {
    let place = Place::empty();
    let invented = good().replace(
        "{\"name\": \"forecast\", \"arg",
        "{\"name\": \"crystal_ball\", \"arg",
    );
    place.write(
        "log.jsonl",
        format!("{}\n{}\n{{\"messages\"\n{invented}\n", good(), good()),
    );
    let arguments = ["log.jsonl", "--out", "my-log"];
    refuse(
        &place,
        &arguments,
        &["log.jsonl: line 3, column", "cut off", "--skip-bad"],
    );

    let told = succeed(&place, &["log.jsonl", "--out", "my-log", "--skip-bad"]);
    told.assert_says(&["    2  bad lines and calls left out", "    1  calls\n"]);
    let left_out: Vec<&str> = told.stderr.lines().collect();
    assert_eq!(left_out.len(), 2, "{told}");
    assert!(
        left_out[0].starts_with("left out: log.jsonl: line 3"),
        "{told}"
    );
    assert!(
        left_out[1].starts_with("left out: log.jsonl: line 4"),
        "{told}"
    );
    assert!(left_out[1].contains("`crystal_ball`"), "{told}");
    assert!(!place.read("my-log/corpus.jsonl").contains("crystal_ball"));

    // Without any good line there is nothing to leave it out of.
    place.write("log.jsonl", invented);
    let parts = ["log.jsonl: line 1", "`crystal_ball`", "--skip-bad"];
    refuse(&place, &["log.jsonl", "--out", "other"], &parts);
    refuse(
        &place,
        &["log.jsonl", "--out", "other", "--skip-bad"],
        &parts,
    );
}

#[test]
fn logs_that_hold_nothing() {
    let place = Place::empty();
    place.write("empty.jsonl", "");
    place.write(
        "talk.jsonl",
        r#"{"messages": [{"role": "user", "content": "hello"}]}"#,
    );
    let out = ["--out", "my-log"];
    let with = |logs: &[&'static str]| [logs, &out[..]].concat();
    refuse(
        &place,
        &with(&["empty.jsonl"]),
        &["empty.jsonl: whole log", "no conversation"],
    );
    refuse(
        &place,
        &with(&["empty.jsonl", "talk.jsonl"]),
        &["empty.jsonl, talk.jsonl: whole log", "no", "tool call"],
    );
    refuse(
        &place,
        &with(&["nowhere.jsonl"]),
        &["nowhere.jsonl", "cannot be read", "name files"],
    );
    label(&place, &out).assert_misused(&["<LOG>"]);
    label(&place, &["talk.jsonl"]).assert_misused(&["--out"]);
}
