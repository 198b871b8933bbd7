//! `cargo xtask leaderboard`: every router on every data set under one protocol.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use oats_datasets::SplitKind;
use oats_harness::{
    CellScores, Experiment, Study, leaderboard,
    rows::{LeaderboardRow, Row, write_rows},
    write_whole,
};
use oats_metrics::Metric;

use crate::{
    Ending,
    options::{Extent, Inputs, make_out},
    study::all_came_out,
    table, workspace,
};

/// Rank every router on every data set under one protocol.
///
/// Runs the routers of an experiment on one kind of split, pairs what each query scored, and ranks
/// by the mean over seeds: with 95 % intervals, and letters for groups: routers that share one do not
/// differ significantly, by paired tests of all pairs of a table with Holm's correction. All of main's routers on
/// all of its data take about an hour; a run that was interrupted goes on where it stopped.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask leaderboard --datasets builtin --seeds 2
  cargo xtask leaderboard --datasets metatool --split instance
  cargo xtask leaderboard --experiment my-experiment.toml --metric recall@1")]
pub(crate) struct Args {
    /// The experiment whose routers are ranked, on its data sets [default: the workspace's
    /// experiments/main.toml].
    #[arg(long, value_name = "FILE")]
    experiment: Option<PathBuf>,
    /// How training and test are told apart.
    #[arg(long, value_name = "KIND", default_value = "query")]
    split: SplitKind,
    /// What routers are ranked by [default: the experiment's first metric].
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,
    /// Where the results go: DIR/leaderboard/ [default: the workspace's target/run].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    extent: Extent,
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let out = workspace::out_or(args.out.as_deref(), "target/run")?;
    make_out(&out)?;
    let file = match &args.experiment {
        Some(file) => file.clone(),
        None => workspace::root()?.join("experiments/main.toml"),
    };
    let mut experiment = Experiment::read(&file)?;
    experiment.name = "leaderboard".to_owned();
    experiment.report.clear();
    for grid in &mut experiment.grids {
        grid.splits = vec![args.split];
    }
    if let Some(metric) = args.metric {
        experiment.metrics = vec![metric];
    }
    let metric = experiment.metrics.first().map(ToString::to_string);
    let metric = metric.with_context(|| format!("{}: it names no metric", file.display()))?;
    let extent = Extent {
        scores: true,
        ..args.extent.clone()
    };
    let studies = extent.restrict(vec![Study::Ranking(experiment)])?;
    let study = studies
        .first()
        .context("no data set is left to rank on; name one with --datasets")?;
    let none = |name: &str| out.join(name);
    let made = extent.run(study, &args.inputs.open()?, &out, &none)?;
    ensure!(
        !made.is_empty(),
        "nothing could be run; the reasons are above"
    );
    let folder = made.folder();
    let rows = leaderboard(&CellScores::read_all(folder)?, &metric)?;
    write_rows(&folder.join(LeaderboardRow::FILE), &rows)?;
    let markdown = table::leaderboard_markdown(&rows);
    let page = folder.join("leaderboard.md");
    write_whole(&page, |out| out.write_all(markdown.as_bytes()))?;

    let mut stdout = io::stdout();
    for told in made.told_skips() {
        writeln!(stdout, "{told}")?;
    }
    write!(stdout, "{}", table::leaderboard(&rows))?;
    writeln!(
        stdout,
        "The same is in {} and {}",
        page.display(),
        LeaderboardRow::FILE
    )?;
    all_came_out(&made)?;
    Ok(Ending::Fine)
}
