//! Logs of LLM tool calls, as a benchmark and outcomes.

mod conversation;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{Error, SourceFile, Tool, ToolId, file::Spot};

use conversation::{Conversation, Line};

const REMEDY: &str = "each line must be one OpenAI chat, {\"messages\": […], \"tools\": […]} or \
                      {\"request\": {…}, \"response\": {…}}; correct or remove it, or leave out what \
                      is bad with --skip-bad";

/// What a log of LLM tool calls tells: which tools there were, what was asked, what was called for it
/// and whether that worked.
///
/// **A line** is one conversation of OpenAI's chat format: `{"messages": […], "tools": […]}`, as for
/// fine-tuning, or what a gateway logs of one request, `{"request": {"messages": […], "tools": […]},
/// "response": {"choices": [{"message": {…}}]}}`, where the first choice is the last message.
///
/// **The query** of a call is the text of the latest user message before it, trimmed, without images
/// and the like, and without what was said earlier: an answer such as "yes, the second" is a query
/// too, and a poor one. Queries with the same text are one, and all that was called for it belongs
/// to it.
///
/// **A call** that stands on several lines, as where each request repeats the conversation so far,
/// counts once. It is known again by its query, tool and id, and among several of those on one line by
/// its place in their order. What any of the lines tells of its outcome counts; success counts before
/// failure.
///
/// **A call failed** if its arguments are not JSON, or if the tool's message is a JSON object with an
/// `error` that is not null, false, 0 or empty, `"success": false`, `"is_error": true`,
/// `"isError": true` or `"status": "error"`, or a text that begins with the word "error", "An error
/// occurred" or "Traceback (most recent call last)". It succeeded if there is any other message from
/// the tool. If there is none, its outcome is not known: that it was called is then all there is.
///
/// **The catalogue** is every function that some line's `tools` offers, with the first description
/// that is not empty, in order of appearance. On lines that offer none, tools are known by their calls
/// alone and have no description. Which tools a line offered is not kept.
///
/// ```
/// use oats_datasets::ChatLog;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("log.jsonl");
/// std::fs::write(&path, r#"{"messages": [
///     {"role": "user", "content": "umbrella today?"},
///     {"role": "assistant", "tool_calls": [
///         {"id": "a", "function": {"name": "tides", "arguments": "{}"}},
///         {"id": "b", "function": {"name": "forecast", "arguments": "{}"}}]},
///     {"role": "tool", "tool_call_id": "a", "content": "Error: no such port"},
///     {"role": "tool", "tool_call_id": "b", "content": "rain"}]}"#.replace('\n', " "))?;
///
/// let log = ChatLog::read(&[path])?;
/// assert!(log.bad.is_empty());
/// assert_eq!(log.queries, ["umbrella today?"]);
/// assert_eq!([log.calls[0].success, log.calls[1].success], [Some(false), Some(true)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChatLog {
    /// The catalogue.
    pub tools: Vec<Tool>,
    /// The distinct texts that a tool was called for, in order of appearance.
    pub queries: Vec<String>,
    /// The calls, in order of appearance.
    pub calls: Vec<LoggedCall>,
    /// How many lines there are; blank ones are none.
    pub lines: usize,
    /// How many of the lines have no call.
    pub lines_without_call: usize,
    /// How often a call stood on a line again.
    pub repeated_calls: usize,
    /// How many calls were left out because the user message before them has no text.
    pub calls_without_text: usize,
    /// How many tools have several descriptions.
    pub redescribed_tools: usize,
    /// What was left out because it is bad: each line that is no conversation, and each call of a
    /// tool that its line does not offer, nor any other. Empty where all is well.
    pub bad: Vec<Error>,
}

/// A call in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedCall {
    /// Position in [`ChatLog::queries`].
    pub query: usize,
    /// Position in [`ChatLog::tools`].
    pub tool: ToolId,
    /// Whether it worked; `None` where the log does not tell.
    pub success: Option<bool>,
}

impl ChatLog {
    /// Reads a log that is in these files, in this order.
    ///
    /// Goes on after a bad line, so that the caller can choose between refusing
    /// ([`bad`](ChatLog::bad)) and going without.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when a file cannot be read; [`Error::Content`] when it is not UTF-8, and
    /// when the log has no call that did not fail: its first bad line, if it has one.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut reader = Reader::default();
        for path in paths {
            reader.read(path)?;
        }
        let mut log = reader.finish();
        if log.judgements().values().any(|&right| right) {
            return Ok(log);
        }
        if !log.bad.is_empty() {
            return Err(log.bad.swap_remove(0));
        }
        let shown: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Err(Error::Content {
            file: shown.join(", "),
            place: "whole log".to_owned(),
            problem: match (log.lines, log.calls.len()) {
                (0, _) => "there is no conversation in it".to_owned(),
                (lines, 0) => {
                    format!("none of its {lines} lines has a tool call for a user's text")
                }
                (_, calls) => format!("all of its {calls} calls failed, so no tool is right"),
            },
            remedy: "give a log in which an LLM called tools".to_owned(),
        })
    }

    /// For every query and tool that was called for it, in order, whether the tool is right: it is
    /// unless every one of the calls failed. A call without a known outcome is the LLM's choice, and
    /// counts for the tool.
    pub fn judgements(&self) -> BTreeMap<(usize, ToolId), bool> {
        let mut judgements = BTreeMap::new();
        for call in &self.calls {
            *judgements.entry((call.query, call.tool)).or_default() |= call.success != Some(false);
        }
        judgements
    }

    /// The log as a folder that [`Dataset::Beir`](crate::Dataset::Beir) reads: each file's path below
    /// the folder, and its contents.
    ///
    /// `qrels/log.tsv` has the [judgements](ChatLog::judgements), 1 for right tools and 0 for others.
    /// `outcomes.jsonl` is not of BEIR's layout: a line a call, with `success` true, false or null.
    pub fn files(&self) -> [(&'static str, String); 4] {
        let query_id = |query: usize| format!("q{}", query + 1);
        let corpus = self.tools.iter().map(|tool| {
            json!({"_id": tool.name, "title": "", "text": tool.description}).to_string()
        });
        let queries = self
            .queries
            .iter()
            .enumerate()
            .map(|(query, text)| json!({"_id": query_id(query), "text": text}).to_string());
        let header = "query-id\tcorpus-id\tscore".to_owned();
        let judged = self.judgements().into_iter().map(|((query, tool), right)| {
            let name = &self.tools[tool].name;
            format!("{}\t{name}\t{}", query_id(query), u8::from(right))
        });
        let outcomes = self.calls.iter().map(|call| {
            let (query, tool) = (query_id(call.query), &self.tools[call.tool].name);
            json!({"query": query, "tool": tool, "success": call.success}).to_string()
        });
        // Outcomes first: they are what other folders in BEIR's layout do not have.
        [
            ("outcomes.jsonl", lines(outcomes)),
            ("corpus.jsonl", lines(corpus)),
            ("queries.jsonl", lines(queries)),
            ("qrels/log.tsv", lines([header].into_iter().chain(judged))),
        ]
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// A log while it is being read.
#[derive(Default)]
struct Reader {
    catalogue: Catalogue,
    queries: Vec<String>,
    query_ids: HashMap<String, usize>,
    calls: Vec<PendingCall>,
    /// Where in `calls` each one is.
    positions: HashMap<CallKey, usize>,
    lines: usize,
    lines_without_call: usize,
    repeated_calls: usize,
    calls_without_text: usize,
    bad: Vec<Error>,
}

/// What a call is known again by.
#[derive(Clone, PartialEq, Eq, Hash)]
struct CallKey {
    query: usize,
    tool: String,
    id: String,
    /// How many calls before it on the line are the same in all else.
    number: usize,
}

/// A call of a tool that may still be offered on a later line.
struct PendingCall {
    query: usize,
    tool: String,
    success: Option<bool>,
    /// What is wrong if no line offers the tool.
    unless_offered: Option<Error>,
}

impl Reader {
    fn read(&mut self, path: &Path) -> Result<(), Error> {
        let contents = fs::read(path).map_err(|reason| Error::Unreadable {
            path: path.to_owned(),
            reason,
            remedy: "name files of OpenAI chats, one a line".to_owned(),
        })?;
        let shown = path.display().to_string();
        let file = SourceFile::new(shown.clone(), &shown, contents, REMEDY.to_owned())?;
        for line in file.json_lines::<Line>() {
            self.lines += 1;
            match line.and_then(|(spot, line)| Ok((line.conversation(spot)?, spot))) {
                Ok((conversation, spot)) => self.add(conversation, spot),
                Err(error) => self.bad.push(error),
            }
        }
        Ok(())
    }

    fn add(&mut self, conversation: Conversation, spot: Spot) {
        let Conversation { offered, calls } = conversation;
        self.lines_without_call += usize::from(calls.is_empty());
        let says_tools = offered.is_some();
        for tool in offered.into_iter().flatten() {
            self.catalogue.offer(tool);
        }

        let mut on_this_line = HashSet::new();
        for call in calls {
            let text = call.query.trim();
            if text.is_empty() {
                self.calls_without_text += 1;
                continue;
            }
            let success = call.success();
            let mut key = CallKey {
                query: self.query(text),
                tool: call.tool,
                id: call.id,
                number: 0,
            };
            while !on_this_line.insert(key.clone()) {
                key.number += 1;
            }
            if !says_tools {
                self.catalogue.entry(&key.tool);
            }
            if let Some(&known) = self.positions.get(&key) {
                self.repeated_calls += 1;
                // None is less than a failure, and that less than a success.
                let known = &mut self.calls[known].success;
                *known = success.max(*known);
                continue;
            }
            let offered = self.catalogue.id(&key.tool).is_some();
            let unless_offered = (!offered).then(|| {
                spot.bad(format_args!(
                    "the call `{}` is of the tool `{}`, which neither this line's `tools` offers nor \
                     any other's",
                    key.id, key.tool
                ))
            });
            self.calls.push(PendingCall {
                query: key.query,
                tool: key.tool.clone(),
                success,
                unless_offered,
            });
            self.positions.insert(key, self.calls.len() - 1);
        }
    }

    fn query(&mut self, text: &str) -> usize {
        if let Some(&query) = self.query_ids.get(text) {
            return query;
        }
        let query = self.queries.len();
        self.query_ids.insert(text.to_owned(), query);
        self.queries.push(text.to_owned());
        query
    }

    fn finish(self) -> ChatLog {
        let Self {
            catalogue, mut bad, ..
        } = self;
        let mut calls = Vec::new();
        for call in self.calls {
            match catalogue.id(&call.tool) {
                Some(tool) => calls.push(LoggedCall {
                    query: call.query,
                    tool,
                    success: call.success,
                }),
                None => bad.extend(call.unless_offered),
            }
        }
        let redescribed = catalogue.entries.iter().filter(|entry| entry.redescribed);
        ChatLog {
            queries: self.queries,
            calls,
            lines: self.lines,
            lines_without_call: self.lines_without_call,
            repeated_calls: self.repeated_calls,
            calls_without_text: self.calls_without_text,
            redescribed_tools: redescribed.count(),
            bad,
            tools: catalogue
                .entries
                .into_iter()
                .map(|entry| Tool::new(entry.name, entry.description))
                .collect(),
        }
    }
}

/// Tools by name, as the lines tell of them.
#[derive(Default)]
struct Catalogue {
    entries: Vec<Entry>,
    ids: HashMap<String, ToolId>,
}

struct Entry {
    name: String,
    description: String,
    redescribed: bool,
}

impl Catalogue {
    fn id(&self, name: &str) -> Option<ToolId> {
        self.ids.get(name).copied()
    }

    /// The entry of that name, made if there is none.
    fn entry(&mut self, name: &str) -> &mut Entry {
        let id = self.id(name).unwrap_or(self.entries.len());
        if id == self.entries.len() {
            self.ids.insert(name.to_owned(), id);
            self.entries.push(Entry {
                name: name.to_owned(),
                description: String::new(),
                redescribed: false,
            });
        }
        &mut self.entries[id]
    }

    fn offer(&mut self, tool: Tool) {
        let entry = self.entry(&tool.name);
        if entry.description.is_empty() {
            entry.description = tool.description;
        } else if !tool.description.is_empty() && entry.description != tool.description {
            entry.redescribed = true;
        }
    }
}
