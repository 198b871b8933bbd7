//! `cargo xtask run FILE.toml`: one experiment, wherever its file is.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Result, ensure};
use oats_harness::Study;

use crate::{
    Ending,
    options::{Extent, Inputs, make_out},
    report,
    study::all_came_out,
    workspace,
};

/// Run one experiment and print its table.
///
/// What cannot be had (a data set, the model) is named and left out, and so is a router in another
/// language that fails. A run that was interrupted goes on where it stopped.
///
/// Exit code: 0 if all is well, 2 if cells failed or on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask run experiments/main.toml --datasets builtin --seeds 2
  cargo xtask run my-experiment.toml --out target/mine --trec
  cargo xtask run experiments/llm.toml --datasets builtin --llm-budget 5")]
pub(crate) struct Args {
    /// The experiment's TOML; see experiments/main.toml.
    file: PathBuf,
    /// Where the results go: DIR/EXPERIMENT/ [default: the workspace's target/run].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    extent: Extent,
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let studies = args.extent.restrict(vec![Study::read(&args.file)?])?;
    let out = workspace::out_or(args.out.as_deref(), "target/run")?;
    make_out(&out)?;
    let opened = args.inputs.open()?;
    // Outside the workspace there are none.
    let results = workspace::root().unwrap_or_default().join("results");
    let others = |name: &str| results.join(name);
    let mut stdout = io::stdout();
    for study in &studies {
        let made = args.extent.run(study, &opened, &out, &others)?;
        write!(stdout, "\n{}", made.tables())?;
        for told in made.told_skips() {
            writeln!(stdout, "{told}")?;
        }
        ensure!(
            !made.is_empty(),
            "nothing could be run; the reasons are above"
        );
        for file in report::of_study(study, made.folder(), &others)? {
            file.write()?;
        }
        writeln!(stdout, "Results are in {}", made.folder().display())?;
        all_came_out(&made)?;
    }
    Ok(Ending::Fine)
}
