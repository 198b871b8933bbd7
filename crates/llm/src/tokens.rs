//! How many tokens a request and its reply have.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use crate::{Reply, Request};

/// A tokenizer of OpenAI's, by tiktoken's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tokenizer {
    /// That of GPT-4o and GPT-4.1.
    #[serde(rename = "o200k_base")]
    O200kBase,
    /// That of GPT-3.5 and GPT-4.
    #[serde(rename = "cl100k_base")]
    Cl100kBase,
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        })
    }
}

/// Counts tokens, and remembers the lines it has counted: catalogues repeat them.
///
/// What surrounds texts in a request is not published. The counts follow OpenAI's cookbook, [How to
/// count tokens with
/// tiktoken](https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb)
/// (sections 6 and 7), with its numbers for GPT-4o.
///
/// ```
/// use oats_llm::{TokenCounter, Tokenizer};
/// let counter = TokenCounter::new(Tokenizer::O200kBase);
/// assert_eq!(counter.text("tiktoken is great!"), 6);
/// ```
pub struct TokenCounter {
    tokenizer: &'static CoreBPE,
    lines: Mutex<HashMap<String, u64>>,
}

/// Of a message: its frame.
const MESSAGE: u64 = 3;
/// Of a message's name, beside the name.
const NAME: u64 = 1;
/// Of a request: what begins the reply.
const REPLY: u64 = 3;
/// Of each function, of a function that has parameters, of each parameter, and of all functions.
const FUNCTION: u64 = 7;
const PARAMETERS: u64 = 3;
const PARAMETER: u64 = 3;
const FUNCTIONS: u64 = 12;
/// Of each value that a parameter is limited to; and what such a list saves.
const VALUE: u64 = 3;
const VALUES_SAVE: u64 = 3;
/// Of a call in a message, beside its name and arguments: one token, as tiktoken-rs has it; the
/// cookbook is silent.
const CALL: u64 = 1;

impl TokenCounter {
    /// A counter that has counted nothing yet.
    pub fn new(tokenizer: Tokenizer) -> Self {
        Self {
            tokenizer: match tokenizer {
                Tokenizer::O200kBase => o200k_base_singleton(),
                Tokenizer::Cl100kBase => cl100k_base_singleton(),
            },
            lines: Mutex::default(),
        }
    }

    /// Tokens of a text, special ones taken as ordinary text.
    pub fn text(&self, text: &str) -> u64 {
        lines(text).map(|line| self.line(line)).sum()
    }

    /// Tokens that a request sends: messages, calls in them, functions.
    pub fn request(&self, request: &Request) -> u64 {
        let list = |field: &str| request.body()[field].as_array().into_iter().flatten();
        let messages: u64 = list("messages").map(|message| self.message(message)).sum();
        let functions: u64 = list("tools")
            .map(|tool| self.function(&tool["function"]))
            .sum();
        let frame = if functions > 0 { FUNCTIONS } else { 0 };
        messages + functions + frame + REPLY
    }

    /// Tokens that a reply generates.
    pub fn reply(&self, reply: &Reply) -> u64 {
        let content = reply.content.as_deref().map_or(0, |text| self.text(text));
        let calls = reply.calls.iter();
        content
            + calls
                .map(|call| CALL + self.text(&call.name) + self.text(&call.arguments))
                .sum::<u64>()
    }

    /// Tokens of one message of a conversation, its frame included.
    pub fn message(&self, message: &Value) -> u64 {
        let text = |value: &Value| value.as_str().map_or(0, |text| self.text(text));
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        let calls: u64 = calls
            .map(|call| &call["function"])
            .map(|function| CALL + text(&function["name"]) + text(&function["arguments"]))
            .sum();
        let name = text(&message["name"]);
        let name = name + name.min(NAME);
        MESSAGE + text(&message["role"]) + text(&message["content"]) + name + calls
    }

    /// Tokens of one entry `function` of a request's `tools`.
    pub fn function(&self, function: &Value) -> u64 {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let unstopped = |value: &Value| {
            let text = text(value);
            text.strip_suffix('.').unwrap_or(&text).to_owned()
        };
        let name = text(&function["name"]);
        let described = format!("{name}:{}", unstopped(&function["description"]));
        let mut tokens = FUNCTION + self.text(&described);
        let properties = function["parameters"]["properties"].as_object();
        for (index, (name, property)) in properties.into_iter().flatten().enumerate() {
            if index == 0 {
                tokens += PARAMETERS;
            }
            let kind = text(&property["type"]);
            let described = format!("{name}:{kind}:{}", unstopped(&property["description"]));
            tokens += PARAMETER + self.text(&described);
            if let Some(values) = property["enum"].as_array() {
                let values = values.iter().map(|value| VALUE + self.text(&text(value)));
                tokens = (tokens + values.sum::<u64>()).saturating_sub(VALUES_SAVE);
            }
        }
        tokens
    }

    fn line(&self, line: &str) -> u64 {
        let known = |lines: &HashMap<String, u64>| lines.get(line).copied();
        if let Some(tokens) = known(&self.lines.lock().unwrap_or_else(PoisonError::into_inner)) {
            return tokens;
        }
        let tokens = self.tokenizer.count_ordinary(line) as u64;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.insert(line.to_owned(), tokens);
        tokens
    }
}

/// The pieces of a text between which no token reaches: these tokenizers join a line break with what
/// stands before it, or with further white space and slashes, but never with a letter or digit.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let boundary = bytes
            .windows(2)
            .position(|pair| pair[0] == b'\n' && pair[1].is_ascii_alphanumeric())
            .map_or(rest.len(), |position| position + 1);
        let (line, after) = rest.split_at(boundary);
        rest = after;
        Some(line)
    })
}
