//! `cargo xtask route`: a first try by hand, and a filter for programs in any language.

mod jsonl;
mod served;

use std::{
    io::{self, Write},
    num::NonZeroUsize,
};

use anyhow::{Result, ensure};
use oats_datasets::Dataset;
use oats_harness::EmbedderKind;
use oats_routers::RouterSpec;

use crate::{
    Ending,
    options::{Inputs, dataset, dataset_names},
    table::{
        Column::{Number, Text},
        Table,
    },
};
use served::Served;

/// Rank a catalogue's tools for a text, or for each line of standard input.
///
/// The router learns from all of the data set's queries. Scores compare within one ranking only.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask route \"will I need an umbrella in Leeds tomorrow?\"
  cargo xtask route --router bm25 -k 3 \"turn the living room lights off\"
  cargo xtask route --embedder minilm --dataset metatool \"find me a recipe with chicken and rice\"
  echo '{\"text\": \"book a flight\"}' | cargo xtask route --jsonl

With --jsonl each line is a request, a JSON object, and is answered by a line, in order and at once:
  {\"text\": \"is it dry in Leeds?\", \"id\": 7, \"k\": 1, \"candidates\": [\"forecast_days\", \"send_text\"]}
  {\"id\": 7, \"tools\": [{\"name\": \"forecast_days\", \"function\": …, \"score\": …, \"description\": …}]}
Only `text` must be there. `id` is any JSON, and comes back. `candidates` are ranked instead of all
tools, `k` counts instead of -k. `function` is the tool's name as OpenAI's API allows it.

A request with the calls that were made for it is answered by a chat in OpenAI's format, as if an
LLM had made them (`arguments` can be left out):
  {\"text\": …, \"calls\": [{\"tool\": \"forecast_days\", \"arguments\": {…}, \"result\": \"no rain\"}]}
  {\"id\": null, \"messages\": [{\"role\": \"user\", …}, {\"role\": \"assistant\", …}, {\"role\": \"tool\", …}]}

A line that is no such request is answered by {\"id\": …, \"error\": \"line 3: …\"}, the next ones are
answered as ever, and the exit code is 2.")]
pub(crate) struct Args {
    /// What a user would write.
    #[arg(required_unless_present = "jsonl")]
    text: Option<String>,
    /// Answer requests from standard input, a JSON object a line (below), until it ends.
    #[arg(long, conflicts_with = "text")]
    jsonl: bool,
    #[arg(long, value_name = "NAME", default_value = "builtin", value_parser = dataset,
          help = format!("Whose tools: {}", dataset_names()))]
    dataset: Dataset,
    #[arg(long, value_name = "KIND", default_value = "oats-plus", value_parser = router,
          help = format!("What ranks them, with its default settings: {}", kinds()))]
    router: RouterSpec,
    /// minilm, minilm-int8 or static.
    #[arg(long, value_name = "NAME", default_value = "static", value_parser = embedder)]
    embedder: EmbedderKind,
    /// Threads in which MiniLM embeds a text. More than one is faster where cores are idle, else slower.
    #[arg(long, value_name = "N", default_value = "1")]
    query_threads: NonZeroUsize,
    /// How many tools to show.
    #[arg(short, value_name = "K", default_value = "5")]
    k: NonZeroUsize,
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    match &args.text {
        Some(text) => show(text, args)?,
        None => jsonl::answer(args)?,
    }
    Ok(Ending::Fine)
}

/// Prints the best tools for one text as a table.
fn show(text: &str, args: &Args) -> Result<()> {
    check_text(text)?;
    let served = Served::learn(args)?;
    let ranking = served.rank(text, None, usize::MAX)?;
    if let [best, .., worst] = ranking[..]
        && best.score == worst.score
    {
        eprintln!("nothing in the text tells the tools apart: all have the same score");
    }
    let mut table = Table::new([("score", Number), ("tool", Text), ("description", Text)]);
    for ranked in ranking.iter().take(args.k.get()) {
        let tool = &served.tools()[ranked.tool];
        let score = format!("{:.3}", ranked.score);
        table.row([&score, &tool.name, &tool.description]);
    }
    write!(io::stdout(), "{table}")?;
    Ok(())
}

fn check_text(text: &str) -> Result<()> {
    ensure!(
        !text.trim().is_empty(),
        "the text is empty; write what a user would ask for"
    );
    Ok(())
}

fn kinds() -> String {
    let all = RouterSpec::all();
    let kinds: Vec<&str> = all.iter().map(RouterSpec::kind).collect();
    kinds.join(", ")
}

fn router(kind: &str) -> Result<RouterSpec, String> {
    RouterSpec::by_kind(kind).map_err(|error| error.to_string())
}

fn embedder(name: &str) -> Result<EmbedderKind, String> {
    name.parse()
}
