//! `cargo xtask route "some text"`: a first try by hand.

use std::{
    io::{self, Write},
    num::NonZeroUsize,
};

use anyhow::{Result, anyhow, ensure};
use oats_datasets::Dataset;
use oats_harness::{EmbedderKind, Embeddings, Observer};
use oats_routers::{Progress, Request, RouterSpec, Training};

use crate::{
    Ending,
    options::{Places, dataset, dataset_names},
    progress::Terminal,
    table::{
        Column::{Number, Text},
        Table,
    },
};

/// Rank a catalogue's tools for a text.
///
/// The router learns from all of the data set's queries. Scores compare within one ranking only.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask route \"will I need an umbrella in Leeds tomorrow?\"
  cargo xtask route --router bm25 -k 3 \"turn the living room lights off\"
  cargo xtask route --embedder minilm --dataset metatool \"find me a recipe with chicken and rice\"")]
pub(crate) struct Args {
    /// What a user would write.
    text: String,
    #[arg(long, value_name = "NAME", default_value = "builtin", value_parser = dataset,
          help = format!("Whose tools: {}", dataset_names()))]
    dataset: Dataset,
    #[arg(long, value_name = "KIND", default_value = "oats-s1", value_parser = router,
          help = format!("What ranks them, with its default settings: {}", kinds()))]
    router: RouterSpec,
    /// minilm or static.
    #[arg(long, value_name = "NAME", default_value = "static", value_parser = embedder)]
    embedder: EmbedderKind,
    /// How many tools to show.
    #[arg(short, value_name = "K", default_value = "5")]
    k: NonZeroUsize,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    ensure!(
        !args.text.trim().is_empty(),
        "the text is empty; write what a user would ask for"
    );
    let resources = args.places.resources()?;
    let terminal = Terminal::default();
    let benchmark = resources
        .benchmark(&args.dataset)?
        .map_err(|reason| anyhow!(reason))?;
    let mut known = Embeddings::none();
    let mut asked = Vec::new();
    if args.router.reads_embeddings() {
        let embedder = resources
            .embedder(args.embedder)?
            .map_err(|reason| anyhow!(reason))?;
        known = resources.embed(embedder.as_ref(), &benchmark, &terminal)?;
        asked.extend(embedder.embed(&[&args.text])?);
    }
    let tell = |line: &str| terminal.detail(line);
    let training = Training {
        tools: benchmark.tools(),
        tool_embeddings: known.tools.view(),
        queries: benchmark.queries().iter().map(Into::into).collect(),
        query_embeddings: known.queries.view(),
        seed: 0,
        llm: None,
        progress: Progress::to(&tell),
    };
    terminal.begin(&format!("{} learns", args.router.kind()), 1);
    let fitted = args.router.fit(&training);
    terminal.end();
    let router = fitted?;
    let request = Request {
        text: &args.text,
        embedding: &asked,
        candidates: None,
    };
    let ranking = router.rank(&request, usize::MAX);
    if let [best, .., worst] = ranking[..]
        && best.score == worst.score
    {
        eprintln!("nothing in the text tells the tools apart: all have the same score");
    }
    let mut table = Table::new([("score", Number), ("tool", Text), ("description", Text)]);
    for ranked in ranking.iter().take(args.k.get()) {
        let tool = &benchmark.tools()[ranked.tool];
        let score = format!("{:.3}", ranked.score);
        table.row([&score, &tool.name, &tool.description]);
    }
    write!(io::stdout(), "{table}")?;
    Ok(Ending::Fine)
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
