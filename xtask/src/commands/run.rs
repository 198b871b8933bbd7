//! `cargo xtask run FILE.toml`: one experiment, wherever its file is.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Result, ensure};
use oats_harness::Experiment;

use crate::{
    Ending,
    llm::LlmOptions,
    options::{Extent, Places, make_out},
    report, table, workspace,
};

/// Run one experiment and print its table.
///
/// What cannot be had (a data set, the model) is named and left out. A run that was interrupted goes
/// on where it stopped.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask run experiments/main.toml --datasets builtin --seeds 2
  cargo xtask run my-experiment.toml --out target/mine --trec")]
pub(crate) struct Args {
    /// The experiment's TOML; see experiments/main.toml.
    file: PathBuf,
    /// Where the results go: DIR/EXPERIMENT/ [default: the workspace's target/run].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    extent: Extent,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    llm: LlmOptions,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let experiments = args.extent.restrict(vec![Experiment::read(&args.file)?])?;
    let out = workspace::out_or(args.out.as_deref(), "target/run")?;
    make_out(&out)?;
    let resources = args.places.resources()?;
    let resources = resources.with_llm(args.llm.chat(&args.places)?);
    let mut stdout = io::stdout();
    for experiment in &experiments {
        let summary = args.extent.run(experiment, &resources, &out)?;
        write!(stdout, "\n{}", table::summary(experiment, &summary.metrics))?;
        let reasons: BTreeSet<&String> = summary.skipped.iter().map(|s| &s.reason).collect();
        for reason in reasons {
            writeln!(stdout, "not run: {reason}")?;
        }
        ensure!(
            !summary.metrics.is_empty(),
            "nothing could be run; the reasons are above"
        );
        report::write(experiment, &summary.folder)?;
        writeln!(stdout, "Results are in {}", summary.folder.display())?;
        summary.forget_cells()?;
    }
    Ok(Ending::Fine)
}
