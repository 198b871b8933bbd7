//! What is read of a chat completion: what OpenAI's reference says, and what other endpoints make of it.

use oats_metrics::Usage;
use serde_json::Value;

use crate::{FunctionCall, Reply};

/// The first choice's message; without one, a reply that says nothing.
pub(super) fn reply(answer: &Value) -> Reply {
    let choice = &answer["choices"][0];
    let message = &choice["message"];
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let cut_off = ["length", "content_filter"].map(Value::from);
    Reply {
        content: content(&message["content"]),
        calls: calls.map(|call| function_call(&call["function"])).collect(),
        cut_off: cut_off.contains(&choice["finish_reason"]),
    }
}

/// The tokens that the endpoint counted; `None` if it does not tell, or not all.
pub(super) fn usage(answer: &Value) -> Option<Usage> {
    let usage = &answer["usage"];
    let input = usage["prompt_tokens"].as_u64()?;
    let cached = &usage["prompt_tokens_details"]["cached_tokens"];
    Some(Usage {
        input,
        cached_input: cached.as_u64().unwrap_or(0).min(input),
        output: usage["completion_tokens"].as_u64()?,
    })
}

/// A text, or the texts among its parts.
fn content(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            Some(texts.collect())
        }
        _ => None,
    }
}

/// Arguments are JSON as text; some endpoints send the JSON itself.
fn function_call(function: &Value) -> FunctionCall {
    FunctionCall {
        name: function["name"].as_str().unwrap_or_default().to_owned(),
        arguments: match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        },
    }
}
