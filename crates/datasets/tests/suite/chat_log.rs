//! The made log `tests/data/chat-log.jsonl`, and lines that a test writes itself.

use std::path::Path;

use oats_datasets::{ChatLog, Dataset, Error, Sources};
use serde_json::{Value, json};

use crate::common::{assert_bad, write};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/chat-log.jsonl");

fn example() -> ChatLog {
    ChatLog::read(&[EXAMPLE.into()]).unwrap()
}

/// Reads a log of these lines.
fn read(lines: &[Value]) -> Result<ChatLog, Error> {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read_text(&lines)
}

fn read_text(text: impl AsRef<[u8]>) -> Result<ChatLog, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.jsonl");
    write(&path, text);
    ChatLog::read(&[path])
}

fn file(log: &ChatLog, path: &str) -> String {
    let files = log.files();
    let (_, contents) = files.iter().find(|(name, _)| *name == path).unwrap();
    contents.clone()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn calls(calls: &[(&str, &str)]) -> Value {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(id, tool)| {
            let function = json!({"name": tool, "arguments": "{}"});
            json!({"id": id, "type": "function", "function": function})
        })
        .collect();
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

fn answer(id: &str, content: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

fn offer(name: &str, description: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "description": description}})
}

/// A line that does not say which tools there were.
fn chat(messages: &[Value]) -> Value {
    json!({"messages": messages})
}

fn successes(log: &ChatLog) -> Vec<Option<bool>> {
    log.calls.iter().map(|call| call.success).collect()
}

#[test]
fn the_example_is_labelled() {
    let log = example();
    assert!(log.bad.is_empty());
    let counts = [
        log.lines,
        log.lines_without_call,
        log.repeated_calls,
        log.calls_without_text,
        log.redescribed_tools,
    ];
    assert_eq!(counts, [14, 1, 3, 1, 1]);

    let judgements = "query-id\tcorpus-id\tscore\n\
        q1\tget_forecast\t1\nq2\tsend_email\t1\nq2\tsearch_contacts\t1\nq3\tset_lights\t1\n\
        q3\tset_timer\t1\nq4\tconvert_currency\t1\nq5\tget_forecast\t0\nq5\tset_lights\t1\n\
        q6\tget_forecast\t1\nq7\tset_timer\t1\nq8\tplay_music\t1\nq9\tset_lights\t1\n\
        q10\tsend_email\t0\n";
    assert_eq!(file(&log, "qrels/log.tsv"), judgements);
    let outcomes = file(&log, "outcomes.jsonl");
    let outcomes: Vec<Value> = outcomes
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |query: &str| -> Vec<(&str, &Value)> {
        let own = outcomes.iter().filter(|outcome| outcome["query"] == query);
        own.map(|outcome| (outcome["tool"].as_str().unwrap(), &outcome["success"]))
            .collect()
    };
    assert_eq!(outcomes.len(), 16);
    let (yes, no, unknown) = (json!(true), json!(false), json!(null));
    assert_eq!(of("q1"), [("get_forecast", &yes), ("get_forecast", &yes)]);
    assert_eq!(
        of("q2"),
        [
            ("send_email", &no),
            ("search_contacts", &yes),
            ("send_email", &unknown)
        ]
    );
    assert_eq!(
        of("q4"),
        [("convert_currency", &no), ("convert_currency", &yes)]
    );
    assert_eq!(of("q9"), [("set_lights", &unknown)]);
}

#[test]
fn the_folder_is_a_benchmark() {
    let log = example();
    let dir = tempfile::tempdir().unwrap();
    for (path, contents) in log.files() {
        write(&dir.path().join(path), contents);
    }
    let benchmark = load(dir.path());
    assert_eq!(benchmark.tools(), log.tools);
    assert_eq!(benchmark.subsets(), ["all", "log"]);
    // The tenth has no right tool.
    assert_eq!(benchmark.query_texts(), log.queries[..9]);
    for (position, query) in benchmark.queries().iter().enumerate() {
        assert_eq!(query.id, format!("q{}", position + 1));
        let right = log.judgements().into_iter();
        let right = right.filter(|&((of, _), right)| of == position && right);
        let right: Vec<_> = right.map(|((_, tool), _)| (tool, 1)).collect();
        assert_eq!(query.relevant, right, "{}", query.text);
    }
}

fn load(folder: &Path) -> oats_datasets::Benchmark {
    let sources = Sources::new(None, "unused".into());
    Dataset::Beir(folder.to_owned()).load(&sources).unwrap()
}

#[test]
fn odd_texts_and_names_survive() {
    let text = "two\nlines, a\ttab, \"quotes\", 'ünï' \u{2028} \\n";
    let names = ["\"quoted", "a, b", "été☂", "# no comment", " x "];
    let log = read(&[chat(&[
        user(text),
        calls(&names.map(|name| ("", name))),
        user("another"),
        calls(&[("1", "plain")]),
    ])])
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (path, contents) in log.files() {
        write(&dir.path().join(path), contents);
    }
    let benchmark = load(dir.path());
    assert_eq!(benchmark.query_texts(), [text, "another"]);
    assert_eq!(benchmark.tools(), log.tools);
    assert_eq!(benchmark.queries()[0].relevant.len(), names.len());
}

#[test]
fn nothing_else_of_the_log_is_written() {
    let read = std::fs::read_to_string(EXAMPLE).unwrap();
    let written: String = example()
        .files()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    for private in [
        "Internal key",
        "ada@example.org",
        "32150",
        "room.png",
        "house-llm",
        "call_b1",
    ] {
        assert!(read.contains(private), "{private}");
        assert!(!written.contains(private), "{private}");
    }
}

#[test]
fn what_tells_of_failure() {
    let failures = [
        r#"{"error": "no such place"}"#,
        r#"{"error": {"code": 404}, "success": true}"#,
        r#"{"error": true}"#,
        r#"{"success": false}"#,
        r#"{"is_error": true, "content": []}"#,
        r#"{"isError": true}"#,
        r#"{"status": "error"}"#,
        "Error",
        "  ERROR: no such place",
        "error 404",
        r#""Error: in quotes""#,
        "An error occurred while running the tool. Please try again.",
        "Traceback (most recent call last):\n  File",
    ];
    let successes_of_tools = [
        "",
        "ok",
        "null",
        "[]",
        r#"["error"]"#,
        r#"{"error": null, "rain": 0.8}"#,
        r#"{"error": false}"#,
        r#"{"error": 0}"#,
        r#"{"error": ""}"#,
        r#"{"error": []}"#,
        r#"{"error": {}}"#,
        r#"{"success": true}"#,
        r#"{"success": null}"#,
        r#"{"isError": false, "content": [{"type": "text", "text": "Error"}]}"#,
        r#"{"status": "failed"}"#,
        r#"{"order": {"error": "inner"}}"#,
        "Errors: none",
        "No error.",
        "{\"error\": cut off",
    ];
    let cases = failures.map(|content| (content, false));
    let cases = cases
        .into_iter()
        .chain(successes_of_tools.map(|content| (content, true)));
    for (content, success) in cases {
        let log = read(&[chat(&[
            user("first"),
            calls(&[("0", "t")]),
            answer("0", "ok"),
            user("second"),
            calls(&[("1", "t")]),
            answer("1", content),
        ])])
        .unwrap();
        assert_eq!(successes(&log), [Some(true), Some(success)], "{content}");
    }
}

#[test]
fn arguments_that_are_not_json_are_a_failure_of_the_call() {
    for (arguments, success) in [
        (json!("{\"place\": \"Leeds\"}"), Some(true)),
        (json!(""), Some(true)),
        (json!({"place": "Leeds"}), Some(true)),
        (json!(null), Some(true)),
        (json!("{\"place\": \"Lee"), Some(false)),
        (json!("{} {}"), Some(false)),
        (json!("place=Leeds"), Some(false)),
    ] {
        let mut call = calls(&[("1", "t")]);
        call["tool_calls"][0]["function"]["arguments"] = arguments.clone();
        let good = [user("first"), calls(&[("0", "t")]), user("second"), call];
        let answered = [&good[..], &[answer("1", "ok")]].concat();
        assert_eq!(
            successes(&read(&[chat(&answered)]).unwrap()),
            [None, success],
            "{arguments}"
        );
        let unanswered = successes(&read(&[chat(&good)]).unwrap());
        let expected = success.filter(|success| !success);
        assert_eq!(unanswered, [None, expected], "{arguments}");
    }
}

#[test]
fn calls_belong_to_the_latest_user_message() {
    let system = json!({"role": "system", "content": "be kind"});
    let developer = json!({"role": "developer", "content": [{"type": "text", "text": "be short"}]});
    let parts = json!({"role": "user", "name": "ada", "content": [
        {"type": "text", "text": " two"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "text", "text": "parts "},
    ]});
    let picture = json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]});
    let said = json!({"role": "assistant", "content": "which one?", "function_call": null});
    let log = read(&[chat(&[
        system,
        user("never mind"),
        developer,
        user("first"),
        calls(&[("1", "a")]),
        answer("1", "ok"),
        calls(&[("2", "b"), ("3", "c")]),
        answer("3", "ok"),
        answer("2", "Error"),
        said,
        parts,
        calls(&[("4", "a")]),
        picture,
        calls(&[("5", "a")]),
    ])])
    .unwrap();
    assert_eq!(log.queries, ["first", "two\nparts"]);
    let found: Vec<_> = log
        .calls
        .iter()
        .map(|call| (call.query, log.tools[call.tool].name.as_str(), call.success))
        .collect();
    assert_eq!(
        found,
        [
            (0, "a", Some(true)),
            (0, "b", Some(false)),
            (0, "c", Some(true)),
            (1, "a", None)
        ]
    );
    assert_eq!(log.calls_without_text, 1);
}

/// A gateway's line: the messages, then the LLM's answer to them.
fn logged(messages: &[Value], choices: Value) -> Value {
    json!({
        "request": {"messages": messages, "tools": [offer("a", ""), offer("b", "")]},
        "response": {"choices": choices},
    })
}

#[test]
fn a_conversation_that_each_request_repeats_counts_once() {
    let mut messages = vec![user("do it")];
    let mut lines = Vec::new();
    for (tool, result) in [("a", "Error"), ("a", "Error"), ("b", "ok")] {
        // Some providers number the calls of each answer from the start.
        let message = calls(&[("call_0", tool)]);
        lines.push(logged(&messages, json!([{"message": message}])));
        messages.extend([message, answer("call_0", result)]);
    }
    let (last, unfinished) = (lines.len() - 1, read(&lines).unwrap());
    assert_eq!(successes(&unfinished), [Some(false), Some(false), None]);
    assert_eq!(unfinished.repeated_calls, 3);

    // The closing words, a request that failed, and the lines in another order.
    lines.push(logged(
        &messages,
        json!([{"message": {"role": "assistant", "content": "done"}}]),
    ));
    lines.push(logged(&messages, json!(null)));
    lines.swap(0, last);
    let log = read(&lines).unwrap();
    assert_eq!(log.calls.len(), 3);
    let right: Vec<bool> = log.judgements().into_values().collect();
    assert_eq!((log.queries.len(), right), (1, vec![false, true]));
}

#[test]
fn a_query_asked_again_has_calls_of_its_own() {
    let one =
        |id: &str, result: &str| chat(&[user("do it"), calls(&[(id, "a")]), answer(id, result)]);
    let log = read(&[one("x", "Error"), one("y", "ok")]).unwrap();
    assert_eq!(log.queries, ["do it"]);
    assert_eq!(successes(&log), [Some(false), Some(true)]);
    assert!(log.judgements()[&(0, 0)]);

    // One call, of which one line knows more.
    let log = read(&[one("x", "ok"), one("x", "Error")]).unwrap();
    assert_eq!(successes(&log), [Some(true)]);
}

#[test]
fn calls_with_the_same_id_are_answered_in_order() {
    let log = read(&[chat(&[
        user("do both"),
        calls(&[("", "a"), ("", "b")]),
        answer("", "Error"),
        answer("", "ok"),
    ])])
    .unwrap();
    assert_eq!(successes(&log), [Some(false), Some(true)]);
}

#[test]
fn the_catalogue_is_what_was_offered() {
    let line = |tools: Value, tool: &str| json!({"messages": [user(tool), calls(&[(tool, tool)])], "tools": tools});
    let hosted = json!({"type": "web_search"});
    let nameless = json!({"type": "function", "function": {"name": "late"}});
    let log = read(&[
        // Which tools are offered can change from request to request.
        line(json!([offer("b", " Second. "), hosted, nameless]), "a"),
        line(json!([offer("a", "First."), offer("b", "Other.")]), "a"),
        line(
            json!([offer("late", "At last."), offer("b", "Third.")]),
            "b",
        ),
        line(json!([]), "unsaid"),
        line(json!(null), "late"),
    ])
    .unwrap();
    let tools: Vec<_> = log.tools.iter().map(|tool| tool.text.as_str()).collect();
    assert_eq!(
        tools,
        ["b: Second.", "late: At last.", "a: First.", "unsaid"]
    );
    assert_eq!(log.redescribed_tools, 1);
    assert!(log.bad.is_empty());
    assert_eq!(log.queries, ["a", "b", "unsaid", "late"]);
}

#[test]
fn bad_lines_are_told_and_the_others_read() {
    let good = chat(&[user("do it"), calls(&[("1", "a")]), answer("1", "ok")]);
    let said = |role: &str| json!({"role": role, "content": "?"});
    let mut custom = calls(&[("1", "a")]);
    custom["tool_calls"][0] = json!({"id": "1", "type": "custom", "custom": {"name": "a"}});
    let mut legacy = said("assistant");
    legacy["function_call"] = json!({"name": "a", "arguments": "{}"});
    let cases = [
        ("[1]".to_owned(), "is a list"),
        ("{\"messages\": [".to_owned(), "cut off"),
        ("log started".to_owned(), "expected value"),
        ("{}".to_owned(), "neither `messages` nor `request`"),
        (
            json!({"request": {}}).to_string(),
            "missing field `messages`",
        ),
        (
            chat(&[said("robot")]).to_string(),
            "unknown variant `robot`",
        ),
        (
            chat(&[json!({"role": "user", "content": 3})]).to_string(),
            "must be a text or a list",
        ),
        (
            chat(&[user("?"), custom]).to_string(),
            "missing field `function`",
        ),
        (
            chat(&[user("?"), legacy]).to_string(),
            "`tool_calls` has replaced",
        ),
        (
            chat(&[user("?"), said("function")]).to_string(),
            "`tool_calls` has replaced",
        ),
        (
            chat(&[calls(&[("c7", "a")])]).to_string(),
            "`c7` comes before any user message",
        ),
        (
            chat(&[user("?"), answer("c7", "ok")]).to_string(),
            "answers the call `c7`",
        ),
        (
            chat(&[
                user("?"),
                calls(&[("c7", "a")]),
                answer("c7", ""),
                answer("c7", ""),
            ])
            .to_string(),
            "answers the call `c7`",
        ),
        (
            chat(&[user("?"), said("tool")]).to_string(),
            "answers the call ``",
        ),
        (
            chat(&[user("?"), calls(&[("1", "a\tb")])]).to_string(),
            r#""a\tb" is empty or holds"#,
        ),
        (
            chat(&[user("?"), calls(&[("1", " ")])]).to_string(),
            "is empty or holds",
        ),
        (
            json!({"messages": [], "tools": [offer("", "")]}).to_string(),
            "is empty or holds",
        ),
    ];
    for (bad, problem) in cases {
        let log = read_text(format!("\n{bad}\n{good}\n")).unwrap();
        assert_eq!(
            (log.lines, log.calls.len(), log.tools.len()),
            (2, 1, 1),
            "{bad}"
        );
        let [error]: [Error; 1] = log.bad.try_into().unwrap();
        assert_bad(
            Err::<(), _>(error),
            &["log.jsonl: line 2", problem, "--skip-bad"],
        );
        // With no good line beside it there is no log to go on with.
        assert_bad(
            read_text(format!("\n{bad}\n")),
            &["log.jsonl: line 2", problem],
        );
    }
}

#[test]
fn tools_that_no_line_offers_are_told() {
    let line = |tool: &str| json!({"messages": [user("do it"), calls(&[(tool, tool)])], "tools": [offer("a", "")]});
    let log = read(&[line("a"), line("invented"), line("a")]).unwrap();
    assert_eq!(log.calls.len(), 1);
    assert_eq!(log.tools.len(), 1);
    let [error]: [Error; 1] = log.bad.try_into().unwrap();
    let parts = ["log.jsonl: line 2", "the tool `invented`", "--skip-bad"];
    assert_bad(Err::<(), _>(error), &parts);

    // A line that does not say what it offers vouches for the tool, even if it repeats the call.
    let mut silent = line("invented");
    silent["tools"].take();
    let log = read(&[line("a"), line("invented"), silent]).unwrap();
    assert!(log.bad.is_empty());
    assert_eq!((log.calls.len(), log.repeated_calls), (2, 1));
}

#[test]
fn logs_with_nothing_to_learn_are_refused() {
    assert_bad(read_text(""), &["log.jsonl: whole log", "no conversation"]);
    assert_bad(read_text("\n \n"), &["no conversation"]);
    let talk = chat(&[user("hello"), json!({"role": "assistant", "content": "hi"})]);
    assert_bad(
        read(&[talk.clone(), talk]),
        &["none of its 2 lines has a tool call", "give a log"],
    );
    let failed = chat(&[user("do it"), calls(&[("1", "a")]), answer("1", "Error")]);
    assert_bad(
        read(&[failed]),
        &["all of its 1 calls failed", "give a log"],
    );

    assert_bad(read_text(b"{}\ncaf\xe9\n"), &["log.jsonl: line 2", "UTF-8"]);
    let missing = ChatLog::read(&[EXAMPLE.into(), "nowhere.jsonl".into()]);
    assert_bad(missing, &["nowhere.jsonl: cannot be read", "name files"]);
    assert_bad(ChatLog::read(&[".".into()]), &[".: cannot be read"]);
}

#[test]
fn files_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["empty.jsonl", "b.jsonl", "a.jsonl"].map(|name| dir.path().join(name));
    write(&paths[0], "");
    for path in &paths[1..] {
        let name = path.file_stem().unwrap().to_str().unwrap();
        write(path, chat(&[user(name), calls(&[("1", name)])]).to_string());
    }
    let log = ChatLog::read(&paths).unwrap();
    assert_eq!(log.queries, ["b", "a"]);
    assert_eq!(log.lines, 2);
}
