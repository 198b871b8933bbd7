//! What an LLM is asked that chooses tools, and how its answer is read.

use std::fmt;

use oats_datasets::Tool;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{FunctionCall, Reply, Request, function, function_names};

/// How the choice is put to the LLM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prompt {
    /// MetaTool's question (Huang et al., arXiv 2310.03128): a numbered list of names and
    /// descriptions; the answer is names, or `None`.
    ///
    /// MetaTool asks for exactly one name, or exactly two, with an explanation. Ours asks for as many
    /// as are needed and for nothing else, and has no examples.
    #[default]
    List,
    /// Function calling: each tool is a function with its parameters, and the LLM calls some or none.
    Functions,
}

/// What an LLM chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Positions in the list of offered tools, in the order named, each once.
    pub tools: Vec<usize>,
    /// What in the answer is none of the offered tools, if anything.
    pub fault: Option<Fault>,
}

/// What an answer can have beside, or in place of, offered tools. It counts as a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// No text and no call.
    Empty,
    /// A name that was not offered, or text that is no name.
    UnknownName,
    /// A call whose arguments are no JSON object.
    MalformedArguments,
    /// It was cut off: what stands there may be part of another choice.
    CutOff,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::UnknownName => "with an unknown name",
            Self::MalformedArguments => "with malformed arguments",
            Self::CutOff => "cut off",
        })
    }
}

const LIST_TASK: &str = "You are a helpful AI assistant. Your current task is to choose the \
    appropriate tool to solve the user's query based on their question. I will provide you with the \
    user's question and information about the tools.\n\
    If there is a tool in the list that is applicable to this query, please return the name of the \
    tool. If the query needs several tools, return their names, one on each line. If there isn't, \
    please return 'None'. Return nothing else.\n";

impl Prompt {
    /// The request that asks `model` which of `tools` belong to `query`, with an answer of at most
    /// `max_output` tokens, at temperature 0. (Some models take no temperature, and some servers have
    /// another name for `max_completion_tokens`; they refuse the request.)
    pub fn request(self, model: &str, max_output: u64, query: &str, tools: &[&Tool]) -> Request {
        let mut body = json!({
            "model": model,
            "temperature": 0,
            "max_completion_tokens": max_output,
        });
        match self {
            Self::List => {
                let question = format!("{LIST_TASK}{}", list(query, tools));
                body["messages"] = json!([{"role": "user", "content": question}]);
            }
            Self::Functions => {
                body["messages"] = json!([{"role": "user", "content": query}]);
                let names = function_names(tools);
                let functions = names
                    .iter()
                    .zip(tools)
                    .map(|(name, tool)| function(name, tool));
                body["tools"] = functions.collect();
                body["tool_choice"] = json!("auto");
            }
        }
        Request::from_body(body)
    }

    /// Reads an answer to a request that offered `tools`: strictly, so that what a gateway could not
    /// act on is no choice.
    ///
    /// A line of [`List`](Self::List) is a name as it was offered, or several with commas between
    /// them; `None` alone chooses nothing. For [`Functions`](Self::Functions) text without a call
    /// chooses nothing.
    pub fn read(self, tools: &[&Tool], reply: &Reply) -> Answer {
        let mut answer = Answer::default();
        if reply.cut_off {
            answer.fault = Some(Fault::CutOff);
            return answer;
        }
        let text = reply.content.as_deref().unwrap_or_default().trim();
        if text.is_empty() && reply.calls.is_empty() {
            answer.fault = Some(Fault::Empty);
            return answer;
        }
        match self {
            Self::List => {
                let offered = |name: &str| tools.iter().position(|tool| tool.name.trim() == name);
                // In quotes as MetaTool's question has it.
                let is_none = ["None", "None.", "'None'", "'None.'"].contains(&text);
                if is_none && offered(text).is_none() {
                    return answer;
                }
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    match offered(line) {
                        Some(tool) => answer.choose(tool),
                        None => line.split(',').for_each(|name| match offered(name.trim()) {
                            Some(tool) => answer.choose(tool),
                            None => answer.fault = Some(Fault::UnknownName),
                        }),
                    }
                }
            }
            Self::Functions => {
                let names = function_names(tools);
                for call in &reply.calls {
                    let arguments = serde_json::from_str::<Value>(&call.arguments);
                    match names.iter().position(|name| *name == call.name) {
                        None => answer.fault = Some(Fault::UnknownName),
                        Some(_) if !arguments.is_ok_and(|value| value.is_object()) => {
                            answer.fault = Some(Fault::MalformedArguments);
                        }
                        Some(tool) => answer.choose(tool),
                    }
                }
            }
        }
        answer
    }

    /// The shortest reply that chooses the tools at the positions `chosen` of those offered; each of a
    /// function's required parameters is given as an empty string, as far as a reply's length goes.
    pub fn reply(self, tools: &[&Tool], chosen: &[usize]) -> Reply {
        match self {
            Self::List if chosen.is_empty() => Reply {
                content: Some("None".to_owned()),
                ..Reply::default()
            },
            Self::List => {
                let names: Vec<&str> = chosen.iter().map(|&tool| tools[tool].name.trim()).collect();
                Reply {
                    content: Some(names.join("\n")),
                    ..Reply::default()
                }
            }
            Self::Functions => {
                let names = function_names(tools);
                let call = |&tool: &usize| {
                    let required = tools[tool].parameters.iter().filter(|one| one.required);
                    let arguments: serde_json::Map<String, Value> =
                        required.map(|one| (one.name.clone(), json!(""))).collect();
                    FunctionCall {
                        name: names[tool].clone(),
                        arguments: Value::Object(arguments).to_string(),
                    }
                };
                Reply {
                    calls: chosen.iter().map(call).collect(),
                    ..Reply::default()
                }
            }
        }
    }
}

impl Answer {
    fn choose(&mut self, tool: usize) {
        if !self.tools.contains(&tool) {
            self.tools.push(tool);
        }
    }
}

fn list(query: &str, tools: &[&Tool]) -> String {
    let lines: Vec<String> = (1..)
        .zip(tools)
        .map(|(number, tool)| {
            format!(
                "{number}. tool name: {}, tool description: {}\n",
                tool.name.trim(),
                tool.description
            )
        })
        .collect();
    format!(
        "User's Query:\n[User's Query Start]\n{query}\n[User's Query End].\n\
         List of Tools with Names and Descriptions:\n\
         [List of Tools with Names and Descriptions Start]\n{}\
         [List of Tools with Names and Descriptions End]",
        lines.concat()
    )
}
