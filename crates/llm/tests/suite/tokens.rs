use oats_datasets::{Parameter, Tool};
use oats_llm::{
    FunctionCall, Prompt, Reply, Request, TokenCounter, Tokenizer, function, function_names,
};
use proptest::prelude::*;
use serde_json::json;

fn counter() -> TokenCounter {
    TokenCounter::new(Tokenizer::O200kBase)
}

fn parameter(name: &str, description: &str, required: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        kind: "string",
        description: description.to_owned(),
        required,
    }
}

/// Section 7 of OpenAI's cookbook prints 101 tokens for GPT-4o, by its formula and by the API.
#[test]
fn counts_the_cookbook_example_with_functions() {
    let messages = [
        json!({
            "role": "system",
            "content":
                "You are a helpful assistant that can answer to questions about the weather.",
        }),
        json!({"role": "user", "content": "What's the weather like in San Francisco?"}),
    ];
    let function = json!({
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {
                    "type": "string",
                    "description": "The city and state, e.g. San Francisco, CA",
                },
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    });
    let request = Request::from_body(json!({
        "model": "gpt-4o",
        "messages": messages,
        "tools": [{"type": "function", "function": function}],
    }));
    assert_eq!(counter().request(&request), 101);
}

/// tiktoken's own examples.
#[test]
fn counts_known_texts() {
    for (tokenizer, text, tokens) in [
        (Tokenizer::O200kBase, "tiktoken is great!", 6),
        (Tokenizer::Cl100kBase, "tiktoken is great!", 6),
        (Tokenizer::Cl100kBase, "antidisestablishmentarianism", 6),
        (Tokenizer::Cl100kBase, "2 + 2 = 4", 7),
        (Tokenizer::Cl100kBase, "お誕生日おめでとう", 9),
        (Tokenizer::O200kBase, "", 0),
    ] {
        assert_eq!(TokenCounter::new(tokenizer).text(text), tokens, "{text}");
    }
}

#[test]
fn what_looks_like_a_special_token_is_text() {
    assert!(counter().text("<|endoftext|>") > 1);
}

#[test]
fn a_request_with_functions_is_the_sum_of_its_parts() {
    let mut tools = [
        Tool::new("Weather now", "Forecasts."),
        Tool::new("stocks", ""),
    ];
    tools[0].parameters = vec![
        parameter("place", "Where.", true),
        parameter("day", "", false),
    ];
    let offered = tools.each_ref();
    let counter = counter();
    let request = Prompt::Functions.request("gpt-4.1", 64, "rain?", &offered);
    let functions: u64 = function_names(&offered)
        .iter()
        .zip(offered)
        .map(|(name, tool)| counter.function(&function(name, tool)["function"]))
        .sum();
    let message = counter.message(&json!({"role": "user", "content": "rain?"}));
    assert_eq!(counter.request(&request), message + functions + 12 + 3);
    // 3 for the frame, the role, "rain" and "?".
    assert_eq!(message, 3 + 1 + 2);
    // 7, "stocks" and ":".
    assert_eq!(
        counter.function(&function("stocks", &tools[1])["function"]),
        7 + counter.text("stocks:")
    );
}

#[test]
fn calls_in_a_reply_count_with_their_arguments() {
    let counter = counter();
    let reply = Reply {
        calls: vec![FunctionCall {
            name: "weather".to_owned(),
            arguments: "{}".to_owned(),
        }],
        ..Reply::default()
    };
    assert_eq!(counter.reply(&reply), 1 + counter.text("weather") + 1);
    assert_eq!(counter.reply(&Reply::default()), 0);
}

proptest! {
    /// A counter cuts texts at lines to remember them. No token may reach across such a cut: the whole
    /// text has as many tokens as tiktoken gives it.
    #[test]
    fn cutting_at_lines_changes_no_count(
        text in proptest::collection::vec("[a-zA-Z0-9 ./:,'\\n\\r\\t\\[é漢]{0,12}", 0..6)
    ) {
        let text = text.join("\n");
        let whole = tiktoken_rs::o200k_base_singleton().count_ordinary(&text) as u64;
        prop_assert_eq!(counter().text(&text), whole);
        let whole = tiktoken_rs::cl100k_base_singleton().count_ordinary(&text) as u64;
        prop_assert_eq!(TokenCounter::new(Tokenizer::Cl100kBase).text(&text), whole);
    }
}
