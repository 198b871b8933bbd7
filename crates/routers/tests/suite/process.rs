//! The router `process`, with shell scripts for programs.

#![cfg(unix)]

use std::{
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

use oats_routers::{
    Error, Progress, Request, Router, RouterSpec, State, Training,
    process::{Child, Fault, Mistake, Problem as Wrong, ProcessParams},
};

use crate::common::{Problem, asks, tool};

/// Three tools: `a`, `b`, `c`.
fn problem() -> Problem {
    Problem::of_texts(["a", "b", "c"].map(|name| tool(name, "")).to_vec())
}

/// A program that answers the request of number `$id`, from 1, by what `answer` prints.
fn program(answer: &str) -> ProcessParams {
    let script = format!(
        "read -r tools; read -r train; echo '{{\"ready\": true}}'; id=0
         while read -r line; do id=$((id + 1)); {answer}; done"
    );
    ProcessParams {
        command: ["sh", "-c", &script].map(str::to_owned).to_vec(),
        answer_seconds: 20,
        ..ProcessParams::default()
    }
}

fn says(ranking: &str) -> ProcessParams {
    program(&format!(r#"echo '{{"id": '$id', "ranking": {ranking}}}'"#))
}

fn fit(params: ProcessParams) -> Box<dyn Router> {
    let problem = problem();
    RouterSpec::Process(params)
        .fit(&problem.training())
        .unwrap()
}

/// What preparing the request fails for.
fn wrong(params: ProcessParams, request: &Request<'_>) -> Wrong {
    let router = fit(params);
    let prepare = || router.prepare(std::slice::from_ref(request), Progress::silent());
    let error = prepare().unwrap_err();
    assert!(router.rank(request, 3).is_empty(), "nothing is made up");
    assert_eq!(prepare().unwrap_err().to_string(), error.to_string());
    match error {
        Error::Process(failure) => failure.problem,
        other => panic!("{other:?}"),
    }
}

fn mistake(ranking: &str, request: &Request<'_>) -> Mistake {
    match wrong(says(ranking), request) {
        Wrong::Line {
            line: 2,
            mistake,
            text,
        } => {
            assert!(text.contains(ranking), "{text}");
            mistake
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_are_taken_as_they_come_and_scores_decide() {
    let ranked = |ranking: &str, k| -> Vec<(usize, f32)> {
        let ranking = fit(says(ranking)).rank(&asks("?"), k);
        ranking.iter().map(|one| (one.tool, one.score)).collect()
    };
    assert_eq!(ranked(r#"["c", "a", "b"]"#, 2), [(2, 1.0), (0, 0.5)]);
    let scored =
        r#"[{"tool": "a", "score": -1}, {"tool": "b", "score": 2.5}, {"tool": "c", "score": 0}]"#;
    assert_eq!(ranked(scored, 9), [(1, 2.5), (2, 0.0), (0, -1.0)]);
    // The same in single precision, told apart all the same.
    let tiny = r#"[{"tool": "a", "score": 1e-300}, {"tool": "b", "score": 1e-299}, {"tool": "c", "score": 1e-298}]"#;
    let order: Vec<usize> = ranked(tiny, 3).iter().map(|one| one.0).collect();
    assert_eq!(order, [2, 1, 0]);
}

/// As Python's `json.dumps` writes it, after more than a message can quote.
#[test]
fn numbers_that_json_has_not_are_told_where_they_stand() {
    for number in ["NaN", "Infinity", "-Infinity"] {
        let answer = format!(
            r#"echo '{{"id": 1, "note": "{}", "ranking": [{{"tool": "a", "score": {number}}}]}}'"#,
            "é".repeat(300)
        );
        let Wrong::Line { mistake, text, .. } = wrong(program(&answer), &asks("?")) else {
            panic!("a line is wrong");
        };
        let told = mistake.to_string();
        assert!(told.contains("JSON has no NaN and no Infinity"), "{told}");
        assert!(!told.contains("line"), "{told}");
        let end = format!(r#""score": {number}}}]}}"#);
        assert!(text.starts_with('…') && text.ends_with(&end), "{text}");
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let script = r#"read -r tools; read -r train; printf '\357\273\277{"ready": true}\n'
        read -r line; echo '{"id": 1, "ranking": ["b", "a", "c"]}'"#;
    let router = fit(ProcessParams {
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..ProcessParams::default()
    });
    assert_eq!(router.rank(&asks("?"), 1)[0].tool, 1);
}

#[test]
fn tools_that_tie_are_ordered_by_neither_list() {
    let order = |names: [&str; 3]| -> Vec<usize> {
        let tools = names.map(|name| format!(r#"{{"tool": "{name}", "score": 1}}"#));
        let ranking = fit(says(&format!("[{}]", tools.join(", ")))).rank(&asks("?"), 3);
        ranking.iter().map(|one| one.tool).collect()
    };
    assert_eq!(order(["a", "b", "c"]), order(["c", "b", "a"]));
    // -0 is 0, whichever tool has it.
    for minus in ["a", "b", "c"] {
        let zero = |name| if name == minus { "-0.0" } else { "0.0" };
        let tools =
            ["a", "b", "c"].map(|name| format!(r#"{{"tool": "{name}", "score": {}}}"#, zero(name)));
        let ranking = fit(says(&format!("[{}]", tools.join(", ")))).rank(&asks("?"), 3);
        let ranked: Vec<usize> = ranking.iter().map(|one| one.tool).collect();
        assert_eq!(ranked, order(["a", "b", "c"]));
    }
}

#[test]
fn each_request_is_asked_once() {
    // The first answer names `a` first, all others `b`.
    let answer = r#"if [ $id = 1 ]; then list='"a", "b"'; else list='"b", "a"'; fi
        echo '{"id": '$id', "ranking": ['$list']}'"#;
    let router = fit(program(answer));
    let list = Request {
        candidates: Some(&[0, 1]),
        ..asks("first")
    };
    let other = Request {
        candidates: Some(&[0, 1]),
        ..asks("second")
    };
    router
        .prepare(&[list, other, list], Progress::silent())
        .unwrap();
    for _ in 0..2 {
        assert_eq!(router.rank(&list, 1)[0].tool, 0);
        assert_eq!(router.rank(&other, 1)[0].tool, 1);
        assert_eq!(router.select(&list), [0]);
    }
}

#[test]
fn as_many_tools_are_ranked_as_were_asked_for() {
    let two = r#"["c", "a"]"#;
    assert_eq!(
        mistake(two, &asks("?")),
        Mistake::TooFew {
            ranked: 2,
            asked: 3
        }
    );
    let depth = ProcessParams {
        depth: 2.try_into().ok(),
        ..says(two)
    };
    assert_eq!(fit(depth).rank(&asks("?"), 9).len(), 2);
    let list = Request {
        candidates: Some(&[0, 2]),
        ..asks("?")
    };
    assert_eq!(fit(says(two)).rank(&list, 9).len(), 2);
}

#[test]
fn wrong_rankings_are_told() {
    let all = asks("?");
    assert_eq!(
        mistake(r#"["a", "x", "b"]"#, &all),
        Mistake::UnknownTool("x".to_owned())
    );
    assert_eq!(
        mistake(r#"["a", "b", "a"]"#, &all),
        Mistake::RepeatedTool("a".to_owned())
    );
    let list = Request {
        candidates: Some(&[0, 2]),
        ..all
    };
    assert_eq!(
        mistake(r#"["a", "b"]"#, &list),
        Mistake::NotACandidate("b".to_owned())
    );
    assert!(matches!(
        mistake(r#"[1, 2, 3]"#, &all),
        Mistake::Form { .. }
    ));
    assert!(matches!(
        mistake(r#"[{"tool": "a", "score": NaN}]"#, &all),
        Mistake::NoJson { .. }
    ));
    let twice = r#"echo '{"id": 999, "id": 1, "ranking": ["a", "b", "c"]}'"#;
    let Wrong::Line { mistake, .. } = wrong(program(twice), &all) else {
        panic!("a line is wrong");
    };
    let told = mistake.to_string();
    assert!(
        told.ends_with("(duplicate field `id` at column 16)"),
        "{told}"
    );
    let late = r#"echo '{"id": 7, "ranking": ["a", "b", "c"]}'"#;
    assert!(matches!(
        wrong(program(late), &all),
        Wrong::Line {
            mistake: Mistake::OtherRequest {
                answered: 7,
                asked: 1
            },
            ..
        }
    ));
}

#[test]
fn what_is_not_ready_has_not_learned() {
    let problem = problem();
    for (script, part) in [
        (
            "echo '{\"ready\": false}'; sleep 600",
            "line 1 of its output is not of the form {\"ready\": true} (it is not ready): `{\"ready\": false}`",
        ),
        (
            "echo bad luck >&2; exit 4",
            "it has ended without an answer (exit status: 4); its last words: bad luck",
        ),
    ] {
        let spec = RouterSpec::Process(ProcessParams {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            ..ProcessParams::default()
        });
        let error = spec.fit(&problem.training()).err().unwrap().to_string();
        assert!(error.ends_with(part), "{error}");
    }
}

#[test]
fn settings_have_ranges_and_files_are_known() {
    for (text, field) in [
        ("", "command is empty"),
        ("command = []", "command is empty"),
        ("command = [\"\"]", "command is empty"),
        ("command = [\"x\"]\nfit_seconds = 0", "fit_seconds is 0"),
        (
            "command = [\"x\"]\nanswer_seconds = 0",
            "answer_seconds is 0",
        ),
        ("command = [\"x\"]\nline_bytes = 1023", "line_bytes is 1023"),
    ] {
        let spec: RouterSpec = toml::from_str(&format!("kind = \"process\"\n{text}")).unwrap();
        let error = spec.check().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("process: {field}, but must be ")),
            "{error}"
        );
    }
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(b"exit").unwrap();
    let file = script.path().to_str().unwrap();
    let command = ["sh", file, "no-such-file"].map(str::to_owned).to_vec();
    let params = ProcessParams {
        command,
        ..ProcessParams::default()
    };
    assert_eq!(params.files(), [script.path()]);
}

#[test]
fn no_file_holds_a_process() {
    let spec = RouterSpec::Process(says("[]"));
    let problem = problem();
    let training: Training<'_> = problem.training();
    let state = spec.fit(&training).unwrap().state();
    assert!(matches!(state.to_bytes(&spec), Err(Error::State(_))));
    assert!(matches!(
        spec.restore(&State::default()),
        Err(Error::State(_))
    ));
}

/// Nobody reads what is written, and much more than a pipe holds is.
#[test]
fn one_that_does_not_listen_is_not_waited_for() {
    let mut child = Child::start(Command::new("sleep").arg("600"), 1024).unwrap();
    for _ in 0..64 {
        child.say("x".repeat(1 << 20));
    }
    let limit = Duration::from_millis(200);
    let fault = child.answer("to listen", limit).unwrap_err();
    assert_eq!(
        fault,
        Fault::TimeLimit {
            doing: "to listen",
            limit
        }
    );
    assert_eq!(fault.to_string(), "it took more than 0.2 s to listen");
    assert!(child.stop().is_some_and(|status| !status.success()));
}

/// A process in a session of its own is not found, but it does not hold up the end either.
#[test]
fn who_keeps_the_pipes_is_not_waited_for() {
    let script = "setsid sleep 60 & sleep 0.5; exit 3";
    let mut child = Child::start(Command::new("sh").args(["-c", script]), 1024).unwrap();
    let started = Instant::now();
    let fault = child
        .answer("to answer", Duration::from_secs(2))
        .unwrap_err();
    assert!(matches!(fault, Fault::TimeLimit { .. }), "{fault}");
    drop(child);
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[test]
fn lines_are_read_up_to_their_limit() {
    let script = "printf '%1024s\\n' x; printf '%1025s\\n' x; echo more";
    let mut child = Child::start(Command::new("sh").args(["-c", script]), 1024).unwrap();
    let limit = Duration::from_secs(20);
    let line = child.answer("to answer", limit).unwrap();
    assert_eq!((line.number, line.text.len()), (1, 1024));
    let fault = child.answer("to answer", limit).unwrap_err();
    let Fault::LongLine {
        number: 2,
        limit: 1024,
        start,
    } = fault
    else {
        panic!("{fault:?}");
    };
    assert_eq!(start.chars().count(), 201);
}
