//! `route --jsonl`: requests in, answers out.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::common::{Place, Told};

/// Runs the filter over `input`; what it told, and its answers.
fn filter(place: &Place, options: &[&str], input: impl AsRef<[u8]>) -> (Told, Vec<Value>) {
    place.write("requests.jsonl", input);
    let mut command = place.command(&[&["route", "--jsonl"], options].concat());
    command.stdin(File::open(place.path("requests.jsonl")).unwrap());
    let told = Told::of(&mut command);
    let answers = told.stdout.lines().map(serde_json::from_str);
    let answers = answers.collect::<Result<_, _>>().expect(&told.stdout);
    (told, answers)
}

/// The answers to requests that are all good.
#[track_caller]
fn answers(place: &Place, options: &[&str], requests: &[Value]) -> Vec<Value> {
    let lines: String = requests.iter().map(|line| format!("{line}\n")).collect();
    let (told, answers) = filter(place, options, lines);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{told}");
    assert_eq!(answers.len(), requests.len(), "{told}");
    answers
}

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["tools"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

#[test]
fn requests_are_answered_in_order_with_their_ids() {
    let requests = [
        json!({"text": "turn the living room lights off", "id": 1}),
        json!({"text": "what is 200 euros in yen", "id": ["a", {"b": null}]}),
        json!({"text": "turn the living room lights off", "id": "é"}),
        json!({"text": "will I need an umbrella in Leeds tomorrow?"}),
    ];
    let answers = answers(&Place::empty(), &[], &requests);
    for (request, answer) in requests.iter().zip(&answers) {
        assert_eq!(request.get("id").unwrap_or(&Value::Null), &answer["id"]);
    }
    let best: Vec<&str> = answers.iter().map(|answer| names(answer)[0]).collect();
    let lights = "control_lights";
    assert_eq!(best, [lights, "fx_convert", lights, "forecast_days"]);
    assert_eq!(answers[0]["tools"], answers[2]["tools"]);
}

#[test]
fn a_line_ranks_as_the_command_does() {
    let place = Place::empty();
    let text = "book a flight";
    for router in ["oats-s1", "bm25"] {
        let options = ["--router", router, "-k", "4"];
        let told = place.succeed(&[&["route", text], &options[..]].concat());
        let answers = answers(&place, &options, &[json!({ "text": text })]);
        let answered: Vec<String> = answers[0]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| {
                let text = |field: &str| tool[field].as_str().unwrap();
                assert_eq!(text("name"), text("function"));
                assert_ne!(text("description"), "");
                format!("{:.3} {}", tool["score"].as_f64().unwrap(), text("name"))
            })
            .collect();
        let shown: Vec<String> = told
            .stdout
            .lines()
            .skip(2)
            .map(|line| {
                line.split_whitespace()
                    .take(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        assert_eq!(answered.len(), 4);
        assert_eq!(answered, shown, "{told}");
    }
}

#[test]
fn candidates_and_k_hold_for_their_line() {
    let candidates = ["send_email", "search_flights", "fx_convert"];
    let text = "find me a cheap seat to Lisbon";
    let requests = [
        json!({"text": text, "candidates": candidates}),
        json!({"text": text, "candidates": candidates, "k": 1}),
        json!({"text": text, "k": 1000}),
        json!({"text": text}),
    ];
    let answers = answers(&Place::empty(), &["-k", "2"], &requests);
    let ranked: Vec<Vec<&str>> = answers.iter().map(names).collect();
    assert_eq!(ranked[0].len(), 2);
    assert_eq!(ranked[0][0], "search_flights");
    assert_eq!(ranked[1], ["search_flights"]);
    assert_eq!(ranked[2].len(), 98);
    assert_eq!(ranked[3], ranked[2][..2]);
    let among_all: Vec<&str> = ranked[2]
        .iter()
        .copied()
        .filter(|name| candidates.contains(name))
        .collect();
    assert_eq!(ranked[0], among_all[..2]);
}

#[test]
fn calls_are_answered_by_a_chat() {
    let requests = [
        json!({"id": 1, "text": "dry in Leeds? and 5 € in yen", "calls": [
            {"tool": "forecast_days", "arguments": {"place": "Leeds"}, "result": "rain"},
            {"tool": "fx_convert", "result": "812 ¥"},
        ]}),
        json!({"id": 2, "text": "hello", "calls": []}),
    ];
    let answers = answers(&Place::empty(), &[], &requests);
    let messages = answers[0]["messages"].as_array().unwrap();
    let calls = messages[1]["tool_calls"].as_array().unwrap();
    let id = |call: usize| calls[call]["id"].as_str().unwrap();
    assert_ne!(id(0), id(1));
    let call = |number: usize, name: &str, arguments: &str| {
        let function = json!({"name": name, "arguments": arguments});
        json!({"id": id(number), "type": "function", "function": function})
    };
    let expected = json!([
        {"role": "user", "content": "dry in Leeds? and 5 € in yen"},
        {"role": "assistant", "content": null, "tool_calls": [
            call(0, "forecast_days", r#"{"place":"Leeds"}"#),
            call(1, "fx_convert", "{}"),
        ]},
        {"role": "tool", "tool_call_id": id(0), "content": "rain"},
        {"role": "tool", "tool_call_id": id(1), "content": "812 ¥"},
    ]);
    assert_eq!(answers[0], json!({"id": 1, "messages": expected}));
    let hello = json!([{"role": "user", "content": "hello"}]);
    assert_eq!(answers[1], json!({"id": 2, "messages": hello}));
}

#[test]
fn a_chat_calls_a_tool_by_the_name_that_its_ranking_tells() {
    let place = Place::empty();
    place.write(
        "mine/corpus.jsonl",
        "{\"_id\": \"Rain (now)\", \"text\": \"\"}\n{\"_id\": \"Rain [now]\", \"text\": \"\"}\n",
    );
    place.write(
        "mine/queries.jsonl",
        "{\"_id\": \"1\", \"text\": \"umbrella?\"}\n",
    );
    place.write(
        "mine/qrels/test.tsv",
        "query-id\tcorpus-id\tscore\n1\tRain (now)\t1\n",
    );
    let call = |tool: &str| json!({"text": "rain?", "calls": [{"tool": tool, "result": ""}]});
    let requests = [
        json!({"text": "rain?"}),
        call("Rain (now)"),
        call("Rain [now]"),
    ];
    let answers = answers(&place, &["--dataset", "beir:mine"], &requests);
    let called =
        |answer: &Value| answer["messages"][1]["tool_calls"][0]["function"]["name"].clone();
    assert_eq!(called(&answers[1]), "Rain__now_");
    assert_eq!(called(&answers[2]), "Rain__now__2");
    for tool in answers[0]["tools"].as_array().unwrap() {
        let position = 1 + usize::from(tool["name"] == "Rain [now]");
        assert_eq!(tool["function"], called(&answers[position]));
    }
}

#[test]
fn a_bad_line_is_answered_in_its_place() {
    let ranking = r#"{"text": "book a flight", "id": "good", "k": 1}"#;
    let bad = [
        ("", Value::Null, "empty"),
        ("book a flight", Value::Null, "no JSON"),
        (r#"{"text": "book"#, Value::Null, "column 14"),
        (r#"["book a flight"]"#, Value::Null, "no object"),
        (r#"{"id": 1}"#, json!(1), "`text`"),
        (r#"{"id": 2, "text": " "}"#, json!(2), "the text is empty"),
        (r#"{"id": 3, "text": 7}"#, json!(3), "text"),
        (r#"{"id": 4, "text": "a", "kk": 1}"#, json!(4), "`kk`"),
        (r#"{"id": 5, "text": "a", "k": 0}"#, json!(5), "k: "),
        (
            r#"{"id": 6, "text": "a", "candidates": []}"#,
            json!(6),
            "none",
        ),
        (
            r#"{"id": 7, "text": "a", "candidates": ["send_email", "sing"]}"#,
            json!(7),
            "`sing`",
        ),
        (
            r#"{"id": 8, "text": "a", "candidates": ["send_email", "send_email"]}"#,
            json!(8),
            "twice",
        ),
        (
            r#"{"id": 9, "text": "a", "calls": [{"tool": "sing", "result": ""}]}"#,
            json!(9),
            "`sing`",
        ),
        (
            r#"{"id": 10, "text": "a", "calls": [{"tool": "send_email"}]}"#,
            json!(10),
            "calls[0]: missing field `result`",
        ),
        (
            r#"{"id": 11, "text": "a", "calls": [{"tool": "send_email", "result": "", "arguments": "x"}]}"#,
            json!(11),
            "calls[0].arguments",
        ),
        (
            r#"{"id": 12, "text": "a", "calls": [], "k": 1}"#,
            json!(12),
            "two requests",
        ),
    ];
    let mut input: Vec<u8> = Vec::new();
    for (line, ..) in &bad {
        input.extend(format!("{line}\n{ranking}\r\n").bytes());
    }
    input.extend(b"{\"text\": \"caf\xe9\"}"); // no UTF-8, and no end of line
    let (told, answers) = filter(&Place::empty(), &[], input);
    let lines = 2 * bad.len() + 1;
    told.assert_refused(&[&format!("{} of {lines} lines", bad.len() + 1)]);
    assert_eq!(told.stderr.lines().count(), 1, "{told}");
    assert_eq!(answers.len(), lines, "{told}");
    for (index, (_, id, problem)) in bad.iter().enumerate() {
        let error = answers[2 * index]["error"].as_str().unwrap();
        assert_eq!(answers[2 * index], json!({"id": id, "error": error}));
        let place = format!("line {}: ", 2 * index + 1);
        assert!(
            error.starts_with(&place) && error.contains(problem),
            "{error}"
        );
        assert_eq!(answers[2 * index + 1]["id"], "good");
        assert_eq!(names(&answers[2 * index + 1]), ["search_flights"]);
    }
    assert!(answers[lines - 1]["error"].is_string(), "{told}");
}

#[test]
fn no_request_is_no_answer() {
    let (told, answers) = filter(&Place::empty(), &[], "");
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{told}");
    assert!(answers.is_empty());
}

#[test]
fn an_answer_does_not_wait_for_the_next_request() {
    let place = Place::empty();
    let mut command = place.command(&["route", "--jsonl"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in 0..3 {
        writeln!(input, "{}", json!({"text": "book a flight", "id": id})).unwrap();
        let answer: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["id"], id);
    }
    drop(input);
    assert!(output.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_example_in_the_help_is_one() {
    let place = Place::empty();
    let help = place.succeed(&["route", "--help"]).stdout;
    let mut lines = help.lines().map(str::trim);
    let request = lines.find(|line| line.starts_with(r#"{"text": "#)).unwrap();
    let (told, answers) = filter(&place, &[], request);
    assert_eq!(told.code, Some(0), "{told}");
    assert_eq!(
        (&answers[0]["id"], names(&answers[0])),
        (&json!(7), vec!["forecast_days"])
    );
    let told = lines.next().unwrap();
    assert!(
        told.starts_with(r#"{"id": 7, "tools": [{"name": "forecast_days", "#),
        "{told}"
    );
    for field in answers[0]["tools"][0].as_object().unwrap().keys() {
        assert!(told.contains(&format!("\"{field}\": ")), "{field}: {told}");
    }
}

#[test]
fn a_text_and_a_filter_are_not_asked_for_at_once() {
    let place = Place::empty();
    place
        .run(&["route", "--jsonl", "book a flight"])
        .assert_misused(&["--jsonl", "[TEXT]"]);
    place.run(&["route"]).assert_misused(&["<TEXT>"]);
}
