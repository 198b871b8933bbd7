//! Routed calls as the chat history of an LLM that made them itself.
//!
//! Who routes without an LLM may still ask one for the final answer. A prompt that explains the tool
//! and its result is a kind of text that few LLMs were trained on; a conversation in which the LLM
//! called the tool and got the result is what all of them were.
//!
//! ```
//! use oats_datasets::Tool;
//! use oats_llm::{function, function_names, history};
//! use serde_json::{Value, json};
//!
//! let tools = ["weather (now)", "stocks"].map(|name| Tool::new(name, ""));
//! let names = function_names(&tools.each_ref());
//! let offered = names.iter().zip(&tools);
//! let offered: Vec<Value> = offered.map(|(name, tool)| function(name, tool)).collect();
//! let arguments = json!({"place": "Leeds"});
//! let calls = [history::Call {
//!     function: &names[0],
//!     arguments: arguments.as_object().unwrap(),
//!     result: "12 °C, rain",
//! }];
//! let messages = history::messages("Do I need an umbrella in Leeds?", &calls);
//! let request = json!({"messages": messages, "tools": offered});
//!
//! let id = &request["messages"][1]["tool_calls"][0]["id"];
//! let function = json!({"name": "weather__now_", "arguments": r#"{"place":"Leeds"}"#});
//! assert_eq!(
//!     request["messages"],
//!     json!([
//!         {"role": "user", "content": "Do I need an umbrella in Leeds?"},
//!         {"role": "assistant", "content": null, "tool_calls": [
//!             {"id": id, "type": "function", "function": function},
//!         ]},
//!         {"role": "tool", "tool_call_id": id, "content": "12 °C, rain"},
//!     ]),
//! );
//! ```

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::FunctionCall;

/// A call of a tool that somebody else than the LLM chose and made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What the request's field `tools` calls the tool: its name by
    /// [`function_names`](crate::function_names) over all that is offered.
    pub function: &'a str,
    /// What the tool was given, by parameter.
    pub arguments: &'a Map<String, Value>,
    /// What it gave back; may be empty.
    pub result: &'a str,
}

/// A message of a history, in OpenAI's format when serialised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Message {
    /// What the user wrote.
    User {
        /// The text.
        content: String,
    },
    /// What the LLM would have answered with.
    Assistant {
        /// Nothing, which is `null`: the LLM only calls.
        content: (),
        /// At least one.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool gave back.
    Tool {
        /// The [`ToolCall::id`] that it answers.
        tool_call_id: String,
        /// The text.
        content: String,
    },
}

/// One entry of a message's `tool_calls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "function")]
pub struct ToolCall {
    /// `call_` and 24 hexadecimal digits; others for each call of a history, the same each time.
    pub id: String,
    /// Which function, with what.
    pub function: FunctionCall,
}

/// The conversation in which a user asked `query` and an LLM answered with these calls, made side by
/// side: the user's message, the assistant's, and a tool's for each call, in order. The user's alone
/// where there is no call: an assistant that calls nothing and says nothing is not valid.
pub fn messages(query: &str, calls: &[Call<'_>]) -> Vec<Message> {
    let mut messages = vec![Message::User {
        content: query.to_owned(),
    }];
    if calls.is_empty() {
        return messages;
    }
    let tool_calls: Vec<ToolCall> = calls
        .iter()
        .enumerate()
        .map(|(position, call)| tool_call(query, position, call))
        .collect();
    let ids: Vec<String> = tool_calls.iter().map(|call| call.id.clone()).collect();
    messages.push(Message::Assistant {
        content: (),
        tool_calls,
    });
    messages.extend(ids.into_iter().zip(calls).map(|(id, call)| Message::Tool {
        tool_call_id: id,
        content: call.result.to_owned(),
    }));
    messages
}

fn tool_call(query: &str, position: usize, call: &Call<'_>) -> ToolCall {
    let arguments = Value::Object(call.arguments.clone()).to_string();
    // Of all that sets the call apart: histories of different queries have different ids.
    let told = json!([query, position, call.function, arguments]);
    let digits = hex::encode(&Sha256::digest(told.to_string())[..12]);
    ToolCall {
        id: format!("call_{digits}"),
        function: FunctionCall {
            name: call.function.to_owned(),
            arguments,
        },
    }
}
