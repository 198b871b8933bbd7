//! One line of a log: a conversation in OpenAI's chat format, and the calls in it.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    Error, Tool,
    file::Spot,
    tool_list::{ToolEntry, ToolName},
};

/// A line as it is written: `messages` and `tools`, either plain or in a `request`, and the `response`.
#[derive(Deserialize)]
pub(super) struct Line {
    messages: Option<Vec<Message>>,
    tools: Option<Vec<ToolEntry>>,
    request: Option<Request>,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Request {
    messages: Vec<Message>,
    tools: Option<Vec<ToolEntry>>,
}

/// Has no choices where the LLM gave an error.
#[derive(Deserialize)]
struct Response {
    choices: Option<Vec<Choice>>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    content: Option<Content>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
    function_call: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    Function,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`content` must be a text or a list of parts with texts"
)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// Images and the like have no text.
#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
struct ToolCall {
    id: String,
    function: CalledFunction,
}

#[derive(Deserialize)]
struct CalledFunction {
    name: ToolName,
    /// A JSON text; some gateways write the JSON itself.
    #[serde(default)]
    arguments: Value,
}

/// What a line says of tools.
pub(super) struct Conversation {
    /// `None` where the line does not say.
    pub(super) offered: Option<Vec<Tool>>,
    pub(super) calls: Vec<Call>,
}

/// A call that the LLM made.
pub(super) struct Call {
    /// The latest user message before it; blank where that has no text.
    pub(super) query: String,
    pub(super) id: String,
    pub(super) tool: String,
    well_formed: bool,
    /// Whether the tool's message tells of success; `None` where there is no message.
    answer: Option<bool>,
}

impl Call {
    pub(super) fn success(&self) -> Option<bool> {
        if self.well_formed {
            self.answer
        } else {
            Some(false)
        }
    }
}

impl Line {
    /// Follows the messages; `spot` is the line.
    pub(super) fn conversation(self, spot: Spot) -> Result<Conversation, Error> {
        let (mut messages, tools) = match (self.request, self.messages) {
            (Some(request), _) => (request.messages, request.tools),
            (None, Some(messages)) => (messages, self.tools),
            (None, None) => return Err(spot.bad("has neither `messages` nor `request`")),
        };
        let choices = self.response.and_then(|response| response.choices);
        if let Some(choice) = choices.into_iter().flatten().next() {
            messages.push(choice.message);
        }

        let mut query = None;
        let mut calls: Vec<Call> = Vec::new();
        for message in messages {
            if message.function_call.is_some() || matches!(message.role, Role::Function) {
                let problem =
                    "calls by `function_call`, which `tool_calls` has replaced; convert it";
                return Err(spot.bad(problem));
            }
            match message.role {
                Role::System | Role::Developer | Role::Function => {}
                Role::User => query = Some(text(message.content)),
                Role::Assistant => {
                    for call in message.tool_calls.into_iter().flatten() {
                        let query: &String = query.as_ref().ok_or_else(|| {
                            spot.bad(format_args!(
                                "the call `{}` comes before any user message",
                                call.id
                            ))
                        })?;
                        calls.push(Call {
                            query: query.clone(),
                            well_formed: is_json(&call.function.arguments),
                            id: call.id,
                            tool: call.function.name.0,
                            answer: None,
                        });
                    }
                }
                Role::Tool => {
                    let id = message.tool_call_id.unwrap_or_default();
                    let call = calls
                        .iter_mut()
                        .find(|call| call.id == id && call.answer.is_none())
                        .ok_or_else(|| {
                            spot.bad(format_args!(
                                "a tool message answers the call `{id}`, which no message before it \
                                 makes, or which is answered already"
                            ))
                        })?;
                    call.answer = Some(!tells_failure(&text(message.content)));
                }
            }
        }
        let offered = tools.filter(|tools| !tools.is_empty()).map(|tools| {
            let offered = tools.into_iter().filter_map(|tool| tool.offered().ok());
            offered.map(Tool::from).collect()
        });
        Ok(Conversation { offered, calls })
    }
}

fn text(content: Option<Content>) -> String {
    match content {
        None => String::new(),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => {
            let texts: Vec<String> = parts.into_iter().filter_map(|part| part.text).collect();
            texts.join("\n")
        }
    }
}

/// Whether a call's arguments can be read. Some providers leave out what a tool without parameters
/// is called with.
fn is_json(arguments: &Value) -> bool {
    match arguments {
        Value::String(text) => {
            text.trim().is_empty() || serde_json::from_str::<IgnoredAny>(text).is_ok()
        }
        _ => true,
    }
}

/// The rule that [`ChatLog`](super::ChatLog) documents.
fn tells_failure(answer: &str) -> bool {
    match serde_json::from_str(answer) {
        Ok(Value::Object(fields)) => {
            let is = |key: &str, value: Value| fields.get(key) == Some(&value);
            fields.get("error").is_some_and(is_truthy)
                || is("success", false.into())
                || is("is_error", true.into())
                || is("isError", true.into())
                || is("status", "error".into())
        }
        Ok(Value::String(text)) => begins_as_error(&text),
        Ok(_) => false,
        Err(_) => begins_as_error(answer),
    }
}

/// As in Python and JavaScript, but that an empty object or list says nothing.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn begins_as_error(text: &str) -> bool {
    let text = text.trim_start();
    let word: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    word.eq_ignore_ascii_case("error")
        || text.starts_with("An error occurred")
        || text.starts_with("Traceback (most recent call last)")
}
