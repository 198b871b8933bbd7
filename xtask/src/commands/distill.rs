//! `cargo xtask distill`: the `static` embedder's table, out of MiniLM.

use std::{
    collections::HashSet,
    io::{self, Write},
    iter,
    path::PathBuf,
};

use anyhow::{Context, Result};
use oats_datasets::Dataset;
use oats_embedders::{
    EmbeddingCache, Minilm,
    distill::{Corpus, DistillOptions, Teacher, distill},
    fetch,
    minilm::Candle,
};
use oats_harness::write_whole;
use sha2::{Digest, Sha256};

use crate::{Ending, options::Places, workspace};

/// Data sets whose tools' texts are read.
const CATALOGUES: [Dataset; 2] = [Dataset::Metatool, Dataset::Toolbench];

/// Data sets whose queries must not be read.
const BENCHMARKS: [Dataset; 4] = [
    Dataset::Builtin,
    Dataset::Metatool,
    Dataset::Toole,
    Dataset::Toolbench,
];

/// Distil MiniLM into the token table that is compiled in as the embedder `static`.
///
/// The table is fitted to MiniLM's vectors of WordNet's definitions and examples, of requests made out of
/// them, and of the texts of MetaTool's and ToolBench's tools. A text that is a query of a benchmark, or
/// holds one, is left out.
///
/// Needs MiniLM, WordNet and the data sets (cargo xtask fetch). MiniLM's vectors are kept, so that a second
/// run takes a few minutes. The committed results of `static` belong to the committed table: after a change,
/// run reproduce --bless.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask distill
  cargo xtask distill --dimension 128 --out target/table.safetensors
  cargo xtask distill --texts requests.txt --epochs 8 --out target/table.safetensors")]
pub(crate) struct Args {
    /// Further texts to fit to, one a line.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    texts: Vec<PathBuf>,
    /// Leave out the texts of the data sets' tools.
    #[arg(long)]
    no_tools: bool,
    /// Length of a vector.
    #[arg(long, default_value_t = DistillOptions::default().dimension)]
    dimension: usize,
    /// Leading principal components of the tokens' vectors to leave out at the start.
    #[arg(long, default_value_t = DistillOptions::default().removed_components)]
    removed_components: usize,
    /// a of the frequency weight a / (a + p) at the start.
    #[arg(long, default_value_t = DistillOptions::default().smoothing)]
    smoothing: f64,
    /// How often each text is read.
    #[arg(long, default_value_t = DistillOptions::default().epochs)]
    epochs: usize,
    /// Texts that are compared with each other in a step.
    #[arg(long, default_value_t = DistillOptions::default().batch)]
    batch: usize,
    /// What similarities are divided by before the softmax.
    #[arg(long, default_value_t = DistillOptions::default().temperature)]
    temperature: f64,
    /// Largest step length.
    #[arg(long, default_value_t = DistillOptions::default().rate)]
    rate: f64,
    /// Seed of the order in which texts are read.
    #[arg(long, default_value_t = DistillOptions::default().seed)]
    seed: u64,
    /// Where the table goes [default: the workspace's crates/embedders/static/table.safetensors].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let options = DistillOptions {
        dimension: args.dimension,
        removed_components: args.removed_components,
        smoothing: args.smoothing,
        epochs: args.epochs,
        batch: args.batch,
        temperature: args.temperature,
        rate: args.rate,
        seed: args.seed,
    };
    options.check()?;
    let out = workspace::out_or(
        args.out.as_deref(),
        "crates/embedders/static/table.safetensors",
    )?;
    let sources = args.places.model_sources()?;
    let teacher = Candle::open(&sources)?;
    let corpora = corpora(args, &teacher)?;
    let texts: Vec<&str> = corpora
        .iter()
        .flat_map(|corpus| &corpus.texts)
        .map(String::as_str)
        .collect();

    eprintln!(
        "embedding {} texts, about ten minutes unless they are kept from an earlier run",
        texts.len()
    );
    let minilm = Minilm::open(&sources, args.places.backend.into())?;
    let cache = EmbeddingCache::open(args.places.cache_dir()?.join("distill"))?; // not where every run reads
    let vectors = cache.embed(&minilm, &texts, &|_| {})?;
    eprintln!("embedding the vocabulary and fitting, some minutes");
    let distilled = distill(&teacher, &corpora, vectors.view(), &options)?;
    write_whole(&out, |out| out.write_all(&distilled.table))?;

    let mut told = io::stdout();
    writeln!(
        told,
        "{}: {:.2} MiB, {} components, fitted to {} texts",
        out.display(),
        distilled.table.len() as f64 / f64::from(1 << 20),
        options.dimension,
        distilled.fitted
    )?;
    for (when, agreement) in ["before", "after"].iter().zip(distilled.agreement) {
        writeln!(
            told,
            "{when} the fit, on {} held-out texts: correlation of similarities {:.3}, nearest five shared {:.3}",
            agreement.texts, agreement.correlation, agreement.nearest
        )?;
    }
    Ok(Ending::Fine)
}

/// All texts to fit to, each once and none of them with a query of a benchmark in it.
fn corpora(args: &Args, teacher: &Candle) -> Result<Vec<Corpus>> {
    let words: HashSet<&str> = teacher.vocabulary().iter().map(String::as_str).collect();
    let is_common = |text: &str| {
        let text = text.to_lowercase();
        text.split([' ', '-']).all(|word| words.contains(word))
    };
    let wordnet = fetch::wordnet(&args.places.model_sources()?)?;
    let mut corpora = vec![Corpus::from_wordnet(&wordnet, &is_common)?];

    let data = args.places.data_sources()?;
    for dataset in CATALOGUES.iter().filter(|_| !args.no_tools) {
        let benchmark = dataset.load(&data)?;
        let texts = benchmark
            .tools()
            .iter()
            .flat_map(|tool| [&tool.text, &tool.description])
            .filter(|text| !text.trim().is_empty())
            .cloned()
            .collect::<Vec<_>>();
        let sha256 = hex::encode(Sha256::digest(texts.join("\n")));
        corpora.push(Corpus::new(format!("tools of {dataset}"), sha256, texts));
    }
    for path in &args.texts {
        corpora.push(Corpus::from_lines(path)?);
    }

    let mut queries = HashSet::new();
    for dataset in &BENCHMARKS {
        let benchmark = dataset.load(&data).with_context(|| {
            format!("{dataset}'s queries must be known so that none is fitted to")
        })?;
        queries.extend(benchmark.query_texts().into_iter().map(normalised));
    }
    let mut seen = HashSet::new();
    for corpus in &mut corpora {
        let dropped = corpus.retain(&mut seen, |text| holds_one_of(&normalised(text), &queries));
        eprintln!(
            "{}: {} texts, without {dropped} that are or hold queries of a benchmark",
            corpus.source.name, corpus.source.texts
        );
    }
    Ok(corpora)
}

/// Whether the text is one of these, or has one of at least three words in it; a query that is the word
/// "certainly" tells nothing.
fn holds_one_of(text: &str, queries: &HashSet<String>) -> bool {
    let longest = queries.iter().map(String::len).max().unwrap_or(0);
    let starts = || {
        let later = text.match_indices(' ').map(|(blank, _)| blank + 1);
        iter::once(0).chain(later)
    };
    let ends = || {
        let blanks = text.match_indices(' ').map(|(blank, _)| blank);
        blanks.chain([text.len()])
    };
    starts().any(|start| {
        let mut ends = ends().filter(|&end| end > start && end <= start + longest);
        ends.any(|end| {
            let part = &text[start..end];
            let is_telling = part == text || part.split(' ').count() >= 3;
            is_telling && queries.contains(part)
        })
    })
}

/// Letters and digits, small, with one blank between words.
fn normalised(text: &str) -> String {
    text.to_lowercase()
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_hold_a_query_are_found() {
        let queries = HashSet::from(["what time is it", "certainly"].map(str::to_owned));
        let holds = |text: &str| holds_one_of(&normalised(text), &queries);
        assert!(holds("What time is it?"));
        assert!(holds("He asked: what time is it, please?"));
        assert!(holds("Certainly!"));
        assert!(!holds("it is certainly late"));
        assert!(!holds("somewhat time is it"));
        assert!(!holds("what time is italy"));
        assert!(!holds(""));
    }
}
