//! `cargo xtask distill`: the `static` embedder's table, out of MiniLM.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use oats_embedders::{
    distill::{DistillOptions, distill},
    minilm::Candle,
};
use oats_harness::write_whole;

use crate::{Ending, options::Places, workspace};

/// Distil MiniLM into the token table that is compiled in as the embedder `static`.
///
/// Needs MiniLM's model.safetensors and tokenizer.json (cargo xtask fetch minilm). The committed
/// results of `static` belong to the committed table: after a change, run reproduce --bless.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask distill
  cargo xtask distill --dimension 128 --out target/table.safetensors")]
pub(crate) struct Args {
    /// Length of a vector.
    #[arg(long, default_value_t = DistillOptions::default().dimension)]
    dimension: usize,
    /// Leading principal components to leave out.
    #[arg(long, default_value_t = DistillOptions::default().removed_components)]
    removed_components: usize,
    /// a of the frequency weight a / (a + p).
    #[arg(long, default_value_t = DistillOptions::default().smoothing)]
    smoothing: f64,
    /// Where the table goes [default: the workspace's crates/embedders/static/table.safetensors].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let out = workspace::out_or(
        args.out.as_deref(),
        "crates/embedders/static/table.safetensors",
    )?;
    let teacher = Candle::open(&args.places.model_sources()?)?;
    let options = DistillOptions {
        dimension: args.dimension,
        removed_components: args.removed_components,
        smoothing: args.smoothing,
    };
    eprintln!("embedding the vocabulary, some minutes");
    let table = distill(&teacher, &options)?;
    write_whole(&out, |out| out.write_all(&table))?;
    writeln!(
        io::stdout(),
        "{}: {:.2} MiB, {} components",
        out.display(),
        table.len() as f64 / f64::from(1 << 20),
        options.dimension
    )?;
    Ok(Ending::Fine)
}
