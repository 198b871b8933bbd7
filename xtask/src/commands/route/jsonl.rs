//! `--jsonl`: a request a line in, an answer a line out.

use std::{
    collections::{HashMap, HashSet},
    io::{self, BufRead, Write},
    num::NonZeroUsize,
};

use anyhow::{Context, Result, bail, ensure};
use oats_datasets::{Tool, ToolId};
use oats_llm::{
    function_names,
    history::{self, Message},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Args, check_text, served::Served};
use crate::one_line;

/// Answers standard input's lines until it ends.
///
/// # Errors
/// Some lines could not be answered; or standard input or output fails.
pub(super) fn answer(args: &Args) -> Result<()> {
    let served = Served::learn(args)?;
    let filter = Filter::new(&served, args.k);
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let (mut lines, mut refused) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.context("standard input cannot be read")? == 0 {
            break;
        }
        lines += 1;
        let answer = filter.answer(&line, lines);
        refused += usize::from(matches!(answer.content, Content::Error(_)));
        let mut answer = serde_json::to_string(&answer)?;
        answer.push('\n');
        output.write_all(answer.as_bytes())?;
        output.flush()?;
    }
    ensure!(
        refused == 0,
        "{refused} of {lines} lines could not be answered; their answers tell why"
    );
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    text: String,
    candidates: Option<Vec<String>>,
    k: Option<NonZeroUsize>,
    calls: Option<Vec<Called>>,
}

/// A call that was made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `tool` and `result`")]
struct Called {
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    result: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: Value,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Content<'a> {
    Tools(Vec<Found<'a>>),
    Messages(Vec<Message>),
    Error(String),
}

#[derive(Serialize)]
struct Found<'a> {
    name: &'a str,
    function: &'a str,
    score: f32,
    description: &'a str,
}

/// A served router, with the names that requests and messages have for its tools.
struct Filter<'a> {
    served: &'a Served,
    ids: HashMap<&'a str, ToolId>,
    /// What messages call each tool.
    functions: Vec<String>,
    k: NonZeroUsize,
}

impl<'a> Filter<'a> {
    fn new(served: &'a Served, k: NonZeroUsize) -> Self {
        let tools = served.tools();
        let names = tools.iter().map(|tool| tool.name.as_str());
        Self {
            served,
            ids: names.zip(0..).collect(),
            functions: function_names(&tools.iter().collect::<Vec<&Tool>>()),
            k,
        }
    }

    fn answer(&self, line: &[u8], number: usize) -> Answer<'_> {
        let mut id = Value::Null;
        let content = self
            .content(line, &mut id)
            .unwrap_or_else(|error| Content::Error(format!("line {number}: {}", one_line(&error))));
        Answer { id, content }
    }

    /// What is answered to a line. Fills in its `id`, also where something else is wrong with it.
    fn content(&self, line: &[u8], id: &mut Value) -> Result<Content<'_>> {
        let mut request = object(line)?;
        *id = request.remove("id").unwrap_or_default();
        let asked: Asked = serde_path_to_error::deserialize(Value::Object(request))?;
        check_text(&asked.text)?;
        match &asked.calls {
            None => self.tools(&asked),
            Some(calls) => {
                ensure!(
                    asked.candidates.is_none() && asked.k.is_none(),
                    "`calls` ask for messages, `candidates` and `k` for a ranking; make two requests"
                );
                self.messages(&asked.text, calls)
            }
        }
    }

    fn tools(&self, asked: &Asked) -> Result<Content<'_>> {
        let candidates = asked.candidates.as_deref();
        let candidates = candidates.map(|names| self.candidates(names)).transpose()?;
        let k = asked.k.unwrap_or(self.k).get();
        let ranking = self.served.rank(&asked.text, candidates.as_deref(), k)?;
        let found = ranking.iter().map(|ranked| {
            let tool = &self.served.tools()[ranked.tool];
            Found {
                name: &tool.name,
                function: &self.functions[ranked.tool],
                score: ranked.score,
                description: &tool.description,
            }
        });
        Ok(Content::Tools(found.collect()))
    }

    fn candidates(&self, names: &[String]) -> Result<Vec<ToolId>> {
        ensure!(
            !names.is_empty(),
            "`candidates` are none; leave the field out to rank all tools"
        );
        let mut seen = HashSet::new();
        names
            .iter()
            .map(|name| {
                ensure!(seen.insert(name), "the candidate `{name}` stands twice");
                self.id(name)
            })
            .collect()
    }

    fn messages(&self, text: &str, calls: &[Called]) -> Result<Content<'_>> {
        let calls = calls.iter().map(|call| {
            Ok(history::Call {
                function: &self.functions[self.id(&call.tool)?],
                arguments: &call.arguments,
                result: &call.result,
            })
        });
        let calls = calls.collect::<Result<Vec<_>>>()?;
        Ok(Content::Messages(history::messages(text, &calls)))
    }

    fn id(&self, name: &str) -> Result<ToolId> {
        self.ids.get(name).copied().with_context(|| {
            format!(
                "there is no tool `{name}`; name one of the {} of --dataset",
                self.ids.len()
            )
        })
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>> {
    let line = line.trim_ascii();
    ensure!(
        !line.is_empty(),
        "the line is empty; write a JSON object on it"
    );
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => bail!("the JSON is no object; write one like {{\"text\": \"…\"}}"),
        Err(error) => {
            let column = error.column();
            let message = error.to_string();
            let message = message
                .strip_suffix(&format!(" at line 1 column {column}"))
                .unwrap_or(&message);
            bail!("no JSON, {message} at column {column}; write an object on each line")
        }
    }
}
