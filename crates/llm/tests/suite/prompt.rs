use std::collections::HashSet;

use oats_datasets::{Parameter, Tool};
use oats_llm::{Answer, Fault, FunctionCall, Prompt, Reply, function, function_names};
use proptest::prelude::*;

fn tools() -> [Tool; 3] {
    [
        Tool::new("Weather now", "Forecasts by place"),
        Tool::new("stocks, bonds", "Prices of shares"),
        Tool::new("maps", ""),
    ]
}

fn says(text: &str) -> Reply {
    Reply {
        content: Some(text.to_owned()),
        ..Reply::default()
    }
}

fn calls(calls: &[(&str, &str)]) -> Reply {
    let call = |(name, arguments): &(&str, &str)| FunctionCall {
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    };
    Reply {
        calls: calls.iter().map(call).collect(),
        ..Reply::default()
    }
}

fn answer(tools: &[usize], fault: Option<Fault>) -> Answer {
    Answer {
        tools: tools.to_vec(),
        fault,
    }
}

#[test]
fn a_list_holds_query_names_and_descriptions() {
    let tools = tools();
    let request = Prompt::List.request("m", 32, "will it rain?", &tools.each_ref());
    assert_eq!((request.model(), request.max_output()), ("m", 32));
    assert_eq!(request.body()["temperature"], 0);
    assert!(request.body().get("tools").is_none());
    let content = request.body()["messages"][0]["content"].as_str().unwrap();
    for part in [
        "[User's Query Start]\nwill it rain?\n[User's Query End]",
        "1. tool name: Weather now, tool description: Forecasts by place\n2. tool name: stocks, bonds,",
        "3. tool name: maps, tool description: \n[List of Tools with Names and Descriptions End]",
    ] {
        assert!(content.contains(part), "{content}");
    }
}

#[test]
fn functions_have_names_that_the_api_takes_and_their_parameters() {
    let mut tools = tools();
    tools[2].parameters = vec![Parameter {
        name: "points".into(),
        kind: "array",
        description: String::new(),
        required: true,
    }];
    let request = Prompt::Functions.request("m", 32, "will it rain?", &tools.each_ref());
    let body = request.body();
    assert_eq!(body["messages"][0]["content"], "will it rain?");
    assert_eq!(body["tools"][0]["function"]["name"], "Weather_now");
    let parameters = &body["tools"][2]["function"]["parameters"];
    assert_eq!(parameters["required"][0], "points");
    assert_eq!(parameters["properties"]["points"]["type"], "array");
    // The API refuses arrays that do not say of what.
    assert!(parameters["properties"]["points"]["items"].is_object());
}

#[test]
fn lists_are_answered_with_names_alone() {
    let tools = tools();
    let offered = tools.each_ref();
    for (text, expected) in [
        ("maps", answer(&[2], None)),
        (" maps\nWeather now \n\n", answer(&[2, 0], None)),
        ("maps, Weather now", answer(&[2, 0], None)),
        ("stocks, bonds", answer(&[1], None)),
        ("maps\nmaps", answer(&[2], None)),
        ("None", answer(&[], None)),
        ("None.", answer(&[], None)),
        ("'None'", answer(&[], None)),
        ("", answer(&[], Some(Fault::Empty))),
        (" \n", answer(&[], Some(Fault::Empty))),
        ("MAPS", answer(&[], Some(Fault::UnknownName))),
        ("`maps`", answer(&[], Some(Fault::UnknownName))),
        ("3. maps", answer(&[], Some(Fault::UnknownName))),
        ("{\"tool\": \"maps\"", answer(&[], Some(Fault::UnknownName))),
        ("I would use maps.", answer(&[], Some(Fault::UnknownName))),
        ("maps\nunicorns", answer(&[2], Some(Fault::UnknownName))),
        ("maps\nNone", answer(&[2], Some(Fault::UnknownName))),
    ] {
        assert_eq!(Prompt::List.read(&offered, &says(text)), expected, "{text}");
    }
    // Calls where none were offered say nothing that was asked for.
    let read = Prompt::List.read(&offered, &calls(&[("maps", "{}")]));
    assert!(read.tools.is_empty());
}

#[test]
fn functions_are_answered_with_calls() {
    let tools = tools();
    let offered = tools.each_ref();
    for (reply, expected) in [
        (calls(&[("Weather_now", "{}")]), answer(&[0], None)),
        (
            calls(&[("maps", r#"{"a": 1}"#), ("stocks__bonds", "{}")]),
            answer(&[2, 1], None),
        ),
        (
            calls(&[("Weather now", "{}")]),
            answer(&[], Some(Fault::UnknownName)),
        ),
        (
            calls(&[("maps", "{\"a\": ")]),
            answer(&[], Some(Fault::MalformedArguments)),
        ),
        (
            calls(&[("maps", "[]")]),
            answer(&[], Some(Fault::MalformedArguments)),
        ),
        (
            calls(&[("maps", "[]"), ("maps", "{}")]),
            answer(&[2], Some(Fault::MalformedArguments)),
        ),
        (says("None of them helps."), answer(&[], None)),
        (Reply::default(), answer(&[], Some(Fault::Empty))),
    ] {
        assert_eq!(
            Prompt::Functions.read(&offered, &reply),
            expected,
            "{reply:?}"
        );
    }
}

#[test]
fn what_was_cut_off_is_no_choice() {
    let tools = tools();
    let offered = tools.each_ref();
    let cut = |reply: Reply| Reply {
        cut_off: true,
        ..reply
    };
    for (prompt, reply) in [
        (Prompt::List, cut(says("maps"))),
        (Prompt::Functions, cut(calls(&[("maps", "{}")]))),
    ] {
        assert_eq!(
            prompt.read(&offered, &reply),
            answer(&[], Some(Fault::CutOff))
        );
    }
}

#[test]
fn a_tool_called_none_can_be_chosen() {
    let tools = [Tool::new("maps", ""), Tool::new("None", "")];
    let read = Prompt::List.read(&tools.each_ref(), &says("None"));
    assert_eq!(read, answer(&[1], None));
}

#[test]
fn requests_tell_apart_all_that_they_are_made_of() {
    let tools = tools();
    let offered = tools.each_ref();
    let ask = |prompt: Prompt, model, most, query, tools: &[&Tool]| {
        prompt.request(model, most, query, tools).body().to_string()
    };
    let hashes = [
        ask(Prompt::List, "m", 32, "rain?", &offered),
        ask(Prompt::Functions, "m", 32, "rain?", &offered),
        ask(Prompt::List, "n", 32, "rain?", &offered),
        ask(Prompt::List, "m", 33, "rain?", &offered),
        ask(Prompt::List, "m", 32, "rain", &offered),
        ask(Prompt::List, "m", 32, "rain?", &offered[..2]),
    ];
    assert_eq!(HashSet::from(hashes.clone()).len(), hashes.len());
    assert_eq!(hashes[0], ask(Prompt::List, "m", 32, "rain?", &offered));
}

proptest! {
    #[test]
    fn names_of_functions_are_distinct_and_valid(
        names in proptest::collection::hash_set(".{1,80}", 1..8)
    ) {
        let tools: Vec<Tool> = names.iter().map(|name| Tool::new(name.clone(), "")).collect();
        let offered: Vec<&Tool> = tools.iter().collect();
        let functions = function_names(&offered);
        let distinct: HashSet<&String> = functions.iter().collect();
        prop_assert_eq!(distinct.len(), tools.len());
        for (name, tool) in functions.iter().zip(&tools) {
            prop_assert!((1..=64).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            prop_assert_eq!(&function(name, tool)["function"]["name"], name.as_str());
        }
    }

    /// What `reply` writes, `read` reads.
    #[test]
    fn replies_are_read_back(
        names in proptest::collection::hash_set("[a-zA-Z]{1,9}( [a-z,]{1,9})?", 1..6),
        chosen in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let tools: Vec<Tool> = names.iter().map(|name| Tool::new(name.clone(), "")).collect();
        let offered: Vec<&Tool> = tools.iter().collect();
        prop_assume!(names.iter().all(|name| name != "None"));
        let mut distinct: Vec<usize> = Vec::new();
        for index in chosen {
            let tool = index.index(tools.len());
            if !distinct.contains(&tool) {
                distinct.push(tool);
            }
        }
        for prompt in [Prompt::List, Prompt::Functions] {
            let reply = prompt.reply(&offered, &distinct);
            let read = prompt.read(&offered, &reply);
            prop_assert_eq!(&read.tools, &distinct);
            let silent = prompt == Prompt::Functions && distinct.is_empty();
            prop_assert_eq!(read.fault, silent.then_some(Fault::Empty));
        }
    }
}
