//! `cargo xtask label LOG.jsonl --out DIR`: a benchmark out of a log of LLM tool calls.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use oats_datasets::ChatLog;
use oats_harness::write_whole;

use crate::{
    Ending,
    table::{
        Column::{Number, Text},
        Table,
    },
};

/// Turn a log of LLM tool calls into a benchmark and outcomes, to train routers from.
///
/// The log is OpenAI chats, one a line: {"messages": […], "tools": […]}, or what a gateway logs of a
/// request, {"request": {…}, "response": {…}}. A query is the text of the latest user message before
/// a call, all by itself. A call that later requests repeat counts once.
///
/// A tool is right for a query unless all its calls for it failed. A call failed if its arguments are
/// not JSON, or if the tool's message begins with "Error", "An error occurred" or "Traceback (most
/// recent call last)", or is a JSON object that tells of an error ("error", "success": false,
/// "is_error": true, "isError": true, "status": "error"). A call that no tool message answers has an
/// unknown outcome: it counts as the LLM's choice, so as right.
///
/// DIR gets corpus.jsonl, queries.jsonl and qrels/log.tsv in BEIR's layout, and outcomes.jsonl with a
/// line for each call. Query texts, names and descriptions of tools and outcomes are written, and
/// nothing else of the log: no answers, arguments or system prompts, and not which tools a line
/// offered, so rank over the catalogue.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask label crates/datasets/tests/data/chat-log.jsonl --out target/my-log
  cargo xtask label monday.jsonl tuesday.jsonl --out my-log --skip-bad
  cargo xtask route --dataset beir:my-log \"will it rain?\"")]
pub(crate) struct Args {
    /// The log's files, in order.
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Where the benchmark goes: a new or empty folder, or one that this command has written.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Leave out lines that are no such chat, and calls of tools that no line offers, and say so.
    #[arg(long)]
    skip_bad: bool,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let mut log = ChatLog::read(&args.logs)?;
    if args.skip_bad {
        for bad in &log.bad {
            eprintln!("left out: {bad}");
        }
    } else if !log.bad.is_empty() {
        return Err(log.bad.swap_remove(0).into());
    }

    let files = log.files();
    check_out(&args.out, &files.each_ref().map(|(path, _)| *path))?;
    for (path, contents) in &files {
        write_whole(&args.out.join(path), |out| {
            out.write_all(contents.as_bytes())
        })?;
    }

    let dataset = format!("beir:{}", args.out.display());
    write!(
        io::stdout(),
        "{}
The benchmark is {dataset}. A first try, and what a grid of an experiment says:
  cargo xtask route --dataset \"{dataset}\" \"what a user would ask\"
  datasets = [{dataset:?}]
  pools = [\"catalogue\"]\n",
        summary(&log)
    )?;
    Ok(Ending::Fine)
}

/// Checks that `out` holds nothing but files that this command writes, the first of them included: a
/// run that was stopped has left it.
///
/// # Errors
/// It holds something else, or cannot be read.
fn check_out(out: &Path, ours: &[&str]) -> Result<()> {
    let first = ours.first().copied().unwrap_or_default();
    let cannot_read = || {
        format!(
            "cannot read {}; name another folder with --out",
            out.display()
        )
    };
    let mut found = names_in(out).with_context(cannot_read)?;
    if found.remove("qrels") {
        let judgements = names_in(&out.join("qrels")).with_context(cannot_read)?;
        found.extend(judgements.iter().map(|name| format!("qrels/{name}")));
    }
    let problem = if let Some(foreign) = found.iter().find(|name| !ours.contains(&name.as_str())) {
        format!("holds {foreign}")
    } else if !found.is_empty() && !found.contains(first) {
        format!("has no {first}")
    } else {
        return Ok(());
    };
    bail!(
        "--out: {} is not empty and {problem}, so this command has not written it; name another folder",
        out.display()
    );
}

/// Of what stands in a folder; none if there is no such folder.
fn names_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// What was read, what was made of it, and what was left out and why.
fn summary(log: &ChatLog) -> Table {
    let ended = |success| {
        let calls = log.calls.iter().filter(|call| call.success == success);
        calls.count()
    };
    let judgements = log.judgements();
    let right = judgements.values().filter(|right| **right).count();

    let mut table = Table::new([("count", Number), ("what", Text)]);
    let mut row = |count: usize, what| table.row([count.to_string().as_str(), what]);
    row(
        log.lines,
        "lines of the log, each a conversation or a request",
    );
    row(log.queries.len(), "queries");
    row(log.tools.len(), "tools");
    row(log.calls.len(), "calls");
    row(ended(Some(true)), "calls that succeeded");
    row(ended(Some(false)), "calls that failed");
    row(
        ended(None),
        "calls of unknown outcome, without a tool message: right, as the LLM's choice",
    );
    row(right, "pairs of a query and a right tool");
    row(
        judgements.len() - right,
        "pairs of a query and a tool that always failed for it",
    );
    for (count, what) in [
        (log.lines_without_call, "lines left out: no tool call"),
        (
            log.calls_without_text,
            "calls left out: the user message before them has no text",
        ),
        (log.bad.len(), "bad lines and calls left out: as told above"),
        (
            log.repeated_calls,
            "repetitions of calls on other lines, not counted again",
        ),
        (
            log.redescribed_tools,
            "tools with several descriptions: the first is kept",
        ),
    ] {
        if count > 0 {
            row(count, what);
        }
    }
    table
}
