//! One call of an LLM: what is sent, what comes back.

use oats_metrics::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of a request to `/chat/completions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Request(Value);

/// A function that the LLM wants called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The function's name, as the LLM wrote it.
    pub name: String,
    /// Its arguments, JSON as text, as the LLM wrote them.
    pub arguments: String,
}

/// The message that an LLM answers with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says.
    pub content: Option<String>,
    /// What it wants called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<FunctionCall>,
    /// Whether the endpoint cut it off: it became too long, or was filtered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_off: bool,
}

/// A reply and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The reply.
    pub reply: Reply,
    /// The tokens that the endpoint counted.
    pub usage: Usage,
    /// Which model answered, by the endpoint's word: often a dated version of the one asked for.
    pub model: String,
    /// Time from the request's last attempt to the whole answer, in milliseconds.
    pub milliseconds: u64,
}

impl Request {
    /// A request with this body, the fields of OpenAI's reference.
    pub fn from_body(body: Value) -> Self {
        Self(body)
    }

    /// The body.
    pub fn body(&self) -> &Value {
        &self.0
    }

    /// Which model is asked.
    pub fn model(&self) -> &str {
        self.0["model"].as_str().unwrap_or_default()
    }

    /// The most tokens that the answer may have.
    pub fn max_output(&self) -> u64 {
        self.0["max_completion_tokens"].as_u64().unwrap_or_default()
    }
}
