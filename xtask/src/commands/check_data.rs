//! `cargo xtask check-data DIR`: whether a data set can be read, and what it is like.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::{Result, anyhow};
use oats_datasets::{
    Dataset, Description, Leakage, Problems,
    description::{LONG, Spread},
};
use serde_json::json;

use crate::{
    Ending,
    options::Places,
    table::{
        Column::{Number, Text},
        Table,
    },
};

/// Check a data set and describe it: sizes, repetitions, leakage, tools without queries.
///
/// A folder has corpus.jsonl, queries.jsonl and qrels/*.tsv in BEIR's layout, or tools.json, an answer to
/// MCP's tools/list or a `tools` array for OpenAI's API, with queries.jsonl, a line {"query": …, "tools":
/// [names]} for each query. docs/your-dataset.md has an example.
///
/// Of bad files the first problems are told, each with file and line, and the exit code is 2. What makes
/// numbers worth less, such as texts that stand in training and test, is told and no error.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask check-data my-tools
  cargo xtask check-data beir:my-log --json
  cargo xtask check-data builtin")]
pub(crate) struct Args {
    /// The folder, or the name of a data set as other commands take it.
    #[arg(value_name = "DIR")]
    dataset: String,
    /// Print JSON, with all names and ids, instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let dataset = named(&args.dataset)?;
    let description = match dataset.describe(&args.places.data_sources()?) {
        Ok(description) => description,
        Err(problems) => return Err(refuse(&dataset, &problems, args.json)?),
    };
    let mut stdout = io::stdout();
    if args.json {
        let json = serde_json::to_string_pretty(&description)?;
        writeln!(stdout, "{json}")?;
    } else {
        let findings = findings(&description);
        write!(stdout, "{}", sizes(&description))?;
        match findings {
            None => writeln!(stdout, "\nNothing stands twice, is missing or leaks.")?,
            Some(findings) => write!(stdout, "\n{findings}")?,
        }
    }
    Ok(Ending::Fine)
}

/// The data set of that name, or that a folder holds.
///
/// # Errors
/// There is none.
fn named(name: &str) -> Result<Dataset> {
    name.parse().or_else(|unknown| {
        let folder = Path::new(name);
        match folder.is_dir() {
            true => Ok(Dataset::of_folder(folder)?),
            false => Err(anyhow!("{name}: no such folder, and {unknown}")),
        }
    })
}

/// Tells what is wrong, and gives the error that sums it up: where there is one problem, that one.
fn refuse(dataset: &Dataset, problems: &Problems, as_json: bool) -> Result<anyhow::Error> {
    let told: Vec<String> = problems.told().iter().map(ToString::to_string).collect();
    if as_json {
        let json = json!({
            "dataset": dataset.to_string(),
            "problems": told,
            "count": problems.count(),
        });
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&json)?)?;
    }
    if let [only] = &told[..] {
        return Ok(anyhow!("{only}"));
    }
    if !as_json {
        for problem in &told {
            eprintln!("{problem}");
        }
    }
    Ok(anyhow!(
        "{dataset}: {} problems, {} of them told above; nothing can be run on it until they are gone",
        problems.count(),
        told.len()
    ))
}

/// How much there is.
fn sizes(found: &Description) -> Table {
    let mut table = Table::new([("count", Number), ("what", Text)]);
    let mut row = |count: String, what: &str| table.row([count.as_str(), what]);
    row(found.tools.to_string(), "tools");
    row(found.queries.to_string(), "queries");
    row(
        found.distinct_queries.to_string(),
        "distinct queries, whatever their case and punctuation",
    );
    let spread = |what: &str, Spread { least, mean, most }: Spread| {
        (format!("{mean:.2}"), format!("{what}: {least} to {most}"))
    };
    if let Some(labels) = found.labels_per_query {
        let (mean, what) = spread("right tools a query, the mean", labels);
        row(mean, &what);
    }
    row(
        found.queries_with_candidates.to_string(),
        match found.queries_with_candidates == found.queries {
            true => "queries with candidates: the pool `candidates` can be run",
            false => "queries with candidates: only the pool `catalogue` can be run",
        },
    );
    if let Some(candidates) = found.candidates_per_query {
        let (mean, what) = spread("candidates where there are any, the mean", candidates);
        row(mean, &what);
    }
    for subset in &found.subsets[1..] {
        let what = format!("queries in the subset `{}`", subset.name);
        row(subset.queries.to_string(), &what);
    }
    let leakage = |split: &str, leakage: &Leakage| {
        (
            leakage.test_queries_in_training.to_string(),
            format!(
                "of {} test queries with their text in training, {split}: {:.1} %",
                leakage.test_queries,
                100.0 * leakage.share
            ),
        )
    };
    if let Some(given) = &found.given_split {
        let (count, what) = leakage("subsets `train` and `test`", given);
        row(count, &what);
    }
    let (count, what) = leakage("instance split, seed 0", &found.instance_split);
    row(count, &what);
    table
}

/// What makes the numbers worth less, and where it is; `None` if there is nothing.
fn findings(found: &Description) -> Option<Table> {
    let groups = |groups: &[Vec<String>]| -> Vec<String> {
        groups.iter().map(|group| group.join(" = ")).collect()
    };
    let repeated = |same_labels: bool| -> Vec<String> {
        let queries = found.repeated_queries.iter();
        let own = queries.filter(|repeated| repeated.same_labels == same_labels);
        own.map(|repeated| repeated.ids.join(" = ")).collect()
    };
    let long =
        |what: &str| format!("{what} of more than {LONG} words, not read to the end by MiniLM");
    let findings = [
        (
            "tools that are right for no query".to_owned(),
            found.tools_without_queries.clone(),
        ),
        (
            "queries without a right tool, left out".to_owned(),
            found.unlabelled_queries.clone(),
        ),
        (
            "texts of several queries, same labels".to_owned(),
            repeated(true),
        ),
        (
            "texts of several queries, other labels".to_owned(),
            repeated(false),
        ),
        (
            "tool names that are nearly the same".to_owned(),
            groups(&found.similar_tool_names),
        ),
        (
            "descriptions of several tools".to_owned(),
            groups(&found.same_tool_descriptions),
        ),
        (
            "tools without a description".to_owned(),
            found.tools_without_description.clone(),
        ),
        (long("tools"), found.long_tools.clone()),
        (long("queries"), found.long_queries.clone()),
    ];
    let mut table = Table::new([("count", Number), ("to look at", Text), ("which", Text)]);
    let mut is_clean = true;
    for (what, which) in findings {
        if !which.is_empty() {
            is_clean = false;
            table.row([which.len().to_string(), what, which.join(", ")]);
        }
    }
    (!is_clean).then_some(table)
}
