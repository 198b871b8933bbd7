//! `cargo xtask merge`: the end of a `reproduce` whose parts were computed apart.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    Ending,
    commands::reproduce::{End, to_the_end},
    options::{Inputs, Opened},
    shards::Parts,
};

/// Join the parts that `reproduce --shard` computed, and end as `reproduce` would have.
///
/// All parts must be there, of one program, this one, and with one set of options, which the parts say.
/// No cell is computed: one that is missing is named with the shard to run again. Prices are those that
/// the shards had. The parts stay as they are.
///
/// Exit code: 0 if nothing differs from the committed results, 1 if something does, 2 if cells
/// failed, if the parts do not belong together or if something is missing.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask merge target/shards/*
  cargo xtask merge shards/1 shards/2 shards/3 --out merged")]
pub(crate) struct Args {
    /// The shards' folders, in any order.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let parts = Parts::read(&args.folders)?;
    let sharing = parts.sharing();
    let opened = Opened {
        sharing: Some(sharing.clone()),
        ..args.inputs.open()?
    };
    to_the_end(parts.work(), &args.end, &|study, out, others| {
        parts.made(study, &opened, &sharing, out, others)
    })
}
