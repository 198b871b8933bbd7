//! Synthetic histories against OpenAI's format: the types of a client, and the rules that types do
//! not tell.

use std::collections::HashSet;

use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestMessage as Message,
    ChatCompletionRequestToolMessageContent, ChatCompletionRequestUserMessageContent,
};
use oats_datasets::Tool;
use oats_llm::{
    function, function_names,
    history::{Call, messages},
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

/// What is routed: a query, the names of the tools that are offered, and calls of some of them.
#[derive(Clone, Debug)]
struct Routed {
    query: String,
    offered: Vec<String>,
    calls: Vec<(usize, Map<String, Value>, String)>,
}

/// The history as it is sent, and the function names of what is offered.
fn sent(routed: &Routed) -> (Value, Vec<String>) {
    let tools: Vec<Tool> = routed
        .offered
        .iter()
        .map(|name| Tool::new(name, ""))
        .collect();
    let names = function_names(&tools.iter().collect::<Vec<_>>());
    let calls: Vec<Call<'_>> = routed
        .calls
        .iter()
        .map(|(tool, arguments, result)| Call {
            function: &names[*tool],
            arguments,
            result,
        })
        .collect();
    (json!(messages(&routed.query, &calls)), names)
}

fn argument() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        vec(any::<String>(), 0..3).prop_map(Value::from),
        any::<String>().prop_map(|text| json!({ "nested": text })),
    ]
}

fn routed() -> impl Strategy<Value = Routed> {
    // Names are never empty, but can be anything else, alike when cut among them.
    let name = prop_oneof!["(?s).{1,20}", "[a-c ☂.]{60,70}", "[ .☂]"];
    let offered = vec(name, 1..6);
    offered.prop_flat_map(|offered| {
        let arguments = vec((any::<String>(), argument()), 0..4);
        let arguments = arguments.prop_map(Map::from_iter);
        let call = (0..offered.len(), arguments, any::<String>());
        let calls = vec(call, 0..4);
        (any::<String>(), Just(offered), calls).prop_map(|(query, offered, calls)| Routed {
            query,
            offered,
            calls,
        })
    })
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

proptest! {
    #[test]
    fn histories_are_valid_requests(routed in routed()) {
        let (sent, names) = sent(&routed);
        // A client's own types read every message, and lose nothing of it.
        let read: Vec<Message> = serde_json::from_value(sent.clone()).unwrap();
        let mut written = json!(read);
        for message in written.as_array_mut().unwrap() {
            if message["role"] == "assistant" {
                message["content"] = Value::Null; // which the client leaves out
            }
        }
        prop_assert_eq!(&written, &sent);

        // The user asks, the assistant calls, and each call is answered once, in order.
        let mut read = read.into_iter();
        let Some(Message::User(user)) = read.next() else {
            return Err(TestCaseError::fail("the user does not begin"));
        };
        prop_assert_eq!(
            user.content,
            ChatCompletionRequestUserMessageContent::Text(routed.query.clone())
        );
        let mut made = Vec::new();
        if !routed.calls.is_empty() {
            let Some(Message::Assistant(assistant)) = read.next() else {
                return Err(TestCaseError::fail("the assistant does not follow"));
            };
            prop_assert_eq!(assistant.content, None);
            made = assistant.tool_calls.unwrap();
        }
        prop_assert_eq!(made.len(), routed.calls.len());
        let mut ids = HashSet::new();
        for (call, (tool, arguments, result)) in made.into_iter().zip(&routed.calls) {
            let ChatCompletionMessageToolCalls::Function(call) = call else {
                return Err(TestCaseError::fail("no function is called"));
            };
            prop_assert!(is_name(&call.id) && call.id.len() <= 40, "{}", call.id);
            prop_assert_eq!(&call.function.name, &names[*tool]);
            prop_assert!(is_name(&call.function.name));
            let given: Map<String, Value> = serde_json::from_str(&call.function.arguments).unwrap();
            prop_assert_eq!(&given, arguments);
            let Some(Message::Tool(answer)) = read.next() else {
                return Err(TestCaseError::fail("a call is not answered"));
            };
            prop_assert_eq!(&answer.tool_call_id, &call.id);
            prop_assert_eq!(
                answer.content,
                ChatCompletionRequestToolMessageContent::Text(result.clone())
            );
            prop_assert!(ids.insert(call.id));
        }
        prop_assert_eq!(read.next(), None);
    }

    #[test]
    fn histories_call_what_the_tools_field_offers(routed in routed()) {
        let (sent, names) = sent(&routed);
        let offered: HashSet<String> = names
            .iter()
            .map(|name| function(name, &Tool::new("any", ""))["function"]["name"].to_string())
            .collect();
        prop_assert_eq!(offered.len(), names.len(), "each name stands once");
        for call in sent[1]["tool_calls"].as_array().into_iter().flatten() {
            prop_assert!(offered.contains(&call["function"]["name"].to_string()));
        }
    }
}

#[test]
fn a_history_word_for_word() {
    let routed = Routed {
        query: "Rain in Leeds, and what is 5 € in yen?".into(),
        offered: vec!["fx convert".into(), "forecast".into()],
        calls: vec![
            (
                1,
                Map::from_iter([("place".into(), json!("Leeds"))]),
                "12 °C".into(),
            ),
            (0, Map::new(), String::new()),
        ],
    };
    let (sent, _) = sent(&routed);
    let ids = [
        "call_816dbcd15ab88b2dc4049931",
        "call_437c58442c35f22cd569752f",
    ];
    assert_eq!(
        sent,
        json!([
            {"role": "user", "content": "Rain in Leeds, and what is 5 € in yen?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": ids[0], "type": "function",
                 "function": {"name": "forecast", "arguments": "{\"place\":\"Leeds\"}"}},
                {"id": ids[1], "type": "function",
                 "function": {"name": "fx_convert", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": ids[0], "content": "12 °C"},
            {"role": "tool", "tool_call_id": ids[1], "content": ""},
        ])
    );
}

#[test]
fn the_same_call_twice_is_two_calls_and_the_same_each_time() {
    let call = (0, Map::new(), "done".to_owned());
    let routed = Routed {
        query: "water the plants, twice".into(),
        offered: vec!["water".into()],
        calls: vec![call.clone(), call],
    };
    let (first, _) = sent(&routed);
    let id = |call: usize| &first[1]["tool_calls"][call]["id"];
    assert_ne!(id(0), id(1));
    assert_eq!(sent(&routed).0, first);
}
