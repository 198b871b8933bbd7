//! `cargo xtask peers`: routers here beside other libraries, in one run.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use oats_datasets::Dataset;
use oats_harness::{PeersPlan, Workers, bless_whole_datasets, rows::PeerRow, run_peers};

use crate::{
    Ending,
    options::{Places, dataset, dataset_names, make_out},
    progress::Terminal,
    report::{Made, of_peers},
    venv, workspace,
};

/// Time routers here beside other libraries that do the same, in one run.
///
/// Makes a virtual environment with sentence-transformers, semantic-router, bm25s, rank-bm25,
/// scikit-learn and NumPy from PyPI (some 6 GB: torch brings CUDA's libraries), starts each as a
/// process of its own, and has them and ours take turns on the same queries, machine and threads.
/// MiniLM's weights are needed: cargo xtask fetch minilm. A peer that fails is named, and the others
/// go on.
///
/// Exit code: 0 if all was run, 2 if a peer failed or on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask peers
  cargo xtask peers --quick
  cargo xtask peers --quick --without-torch      no model, and 0.3 GB instead of 6
  cargo xtask peers --datasets toolbench --queries 500 --threads 1
  cargo xtask peers --bless      update results/peers with what was run")]
pub(crate) struct Args {
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = dataset,
          help = format!("The data sets, separated by commas [default: metatool,toolbench,toole, quick: metatool]: {}", dataset_names()))]
    datasets: Option<Vec<Dataset>>,
    /// How many test queries are timed [default: 200, quick: 20].
    #[arg(long, value_name = "N")]
    queries: Option<NonZeroUsize>,
    /// How often what is fitted is fitted [default: 5, quick: 1].
    #[arg(long, value_name = "N")]
    fits: Option<NonZeroUsize>,
    /// Numbers of threads, separated by commas [default: 1, and as many as there are].
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    threads: Option<Vec<NonZeroUsize>>,
    /// A first look: few queries, one fit, one data set.
    #[arg(long)]
    quick: bool,
    /// Leave out sentence-transformers and semantic-router, and the gigabytes that they need.
    #[arg(long)]
    without_torch: bool,
    /// Where the results go: DIR/peers/ [default: the workspace's target/run].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The virtual environment; it is made, or completed, if need be [default: the workspace's
    /// target/peers-venv, without torch: target/peers-venv-small].
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// Seconds that a peer may take to load, and for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    patience: u64,
    /// Update results/peers with what was run; other data sets stay.
    #[arg(long, conflicts_with = "quick")]
    bless: bool,
    /// A script that stands for all peers, run by python3 without a virtual environment.
    #[arg(long, value_name = "FILE", hide = true)]
    worker: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let out = workspace::out_or(args.out.as_deref(), "target/run")?;
    make_out(&out)?;
    let resources = args.places.resources()?;
    let workers = args.workers()?;
    let summary = run_peers(
        &args.plan(),
        &workers,
        &resources,
        &out,
        &Terminal::default(),
    )?;

    let mut stdout = io::stdout();
    let reasons: BTreeSet<&String> = summary.skipped.iter().map(|skip| &skip.reason).collect();
    for reason in &reasons {
        writeln!(stdout, "not run: {reason}")?;
    }
    ensure!(
        !summary.rows.is_empty(),
        "nothing could be run; the reasons are above"
    );
    for made in write_report(&summary.folder)? {
        if !made.is_figure() {
            stdout.write_all(b"\n")?;
            stdout.write_all(&made.content)?;
        }
    }
    writeln!(stdout, "\nResults are in {}", summary.folder.display())?;
    if !summary.failed.is_empty() {
        bail!(
            "of the peers, these failed: {}; the results are those of the others",
            summary.failed.join("; ")
        );
    }
    if args.bless {
        ensure!(
            reasons.is_empty(),
            "--bless: nothing was taken over, since something was not run; the reasons are above"
        );
        let results = workspace::root()?.join("results/peers");
        bless_whole_datasets(&summary.folder, &results, |_: &PeerRow| true)?;
        write_report(&results)?;
        writeln!(stdout, "Blessed: {} holds what was run.", results.display())?;
    }
    Ok(Ending::Fine)
}

/// Writes the figure and the README.md of the rows in `folder`.
fn write_report(folder: &Path) -> Result<Vec<Made>> {
    let made = of_peers(folder)?;
    made.iter().try_for_each(Made::write)?;
    Ok(made)
}

impl Args {
    fn plan(&self) -> PeersPlan {
        let or = |given: Option<NonZeroUsize>, whole, quick| {
            given.map_or(if self.quick { quick } else { whole }, NonZeroUsize::get)
        };
        let datasets = match &self.datasets {
            Some(datasets) => datasets.clone(),
            None if self.quick => vec![Dataset::Metatool],
            None => vec![Dataset::Metatool, Dataset::Toolbench, Dataset::Toole],
        };
        let mut threads: Vec<usize> = match &self.threads {
            Some(threads) => threads.iter().map(|threads| threads.get()).collect(),
            None => vec![
                1,
                thread::available_parallelism().map_or(1, NonZeroUsize::get),
            ],
        };
        threads.sort_unstable();
        threads.dedup();
        PeersPlan {
            datasets,
            queries: or(self.queries, 200, 20),
            fits: or(self.fits, 5, 1),
            threads,
            torch: !self.without_torch,
        }
    }

    fn workers(&self) -> Result<Workers> {
        let patience = Duration::from_secs(self.patience);
        if let Some(script) = &self.worker {
            return Ok(Workers {
                python: venv::python().into(),
                script: script.clone(),
                patience,
            });
        }
        let peers = workspace::root()?.join("xtask/peers");
        let (default, lists) = if self.without_torch {
            ("target/peers-venv-small", &["requirements.txt"][..])
        } else {
            let both = &["requirements.txt", "requirements-torch.txt"][..];
            ("target/peers-venv", both)
        };
        let venv = match &self.venv {
            Some(folder) => folder.clone(),
            None => workspace::root()?.join(default),
        };
        let lists: Vec<PathBuf> = lists.iter().map(|list| peers.join(list)).collect();
        Ok(Workers {
            python: venv::environment(&venv, &lists, self.places.offline)?,
            script: peers.join("worker.py"),
            patience,
        })
    }
}
