//! `cargo xtask latency`: how long requests take on this machine.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Result, bail, ensure};
use oats_datasets::Dataset;
use oats_harness::{EmbedderKind, Latency, RunOptions, Study, run_latency};

use crate::{
    Ending,
    options::{Inputs, dataset, dataset_names, make_out},
    progress::Terminal,
    report, table, workspace,
};

/// Time every router on this machine: text in, ranked tools out.
///
/// Runs experiments/latency.toml, or a part of it: one request at a time on one thread and on all,
/// split by stage; many callers at the same time; memory, sizes and fits. What cannot be had (a data
/// set, the model) is named and left out. For times that mean something nothing else should run.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask latency --datasets builtin
  cargo xtask latency --routers bm25,oats-s1 --embedders static,minilm --queries 1000")]
pub(crate) struct Args {
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = dataset,
          help = format!("Only these data sets, separated by commas: {}", dataset_names()))]
    datasets: Option<Vec<Dataset>>,
    /// Only these routers, by the labels in experiments/latency.toml.
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    routers: Option<Vec<String>>,
    /// Only these embedders.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    embedders: Option<Vec<EmbedderKind>>,
    /// How many test queries are timed.
    #[arg(long, value_name = "N")]
    queries: Option<usize>,
    /// Where the results go: DIR/latency/ [default: the workspace's target/latency].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let root = workspace::root()?;
    let file = root.join("experiments/latency.toml");
    let Study::Latency(mut study) = Study::read(&file)? else {
        bail!("{}: it must say `kind = \"latency\"`", file.display());
    };
    args.restrict(&mut study)?;
    let out = workspace::out_or(args.out.as_deref(), "target/latency")?;
    make_out(&out)?;
    let opened = args.inputs.open()?;
    let options = RunOptions {
        out,
        require: Vec::new(),
        trec: false,
        routers: false,
        scores: false,
        sharing: None,
    };
    let terminal = Terminal::default();
    let made = run_latency(
        &study,
        &opened.resources,
        &opened.memory,
        &options,
        &terminal,
    )?;
    ensure!(
        !made.rows.is_empty(),
        "nothing could be timed; the reasons are above"
    );
    let mut stdout = io::stdout();
    write!(stdout, "\n{}", table::latency(&study, &made.rows))?;
    let study = Study::Latency(study);
    let others = |name: &str| made.folder.with_file_name(name);
    for file in report::of_study(&study, &made.folder, &others)? {
        file.write()?;
    }
    writeln!(
        stdout,
        "Stages, throughput, memory and sizes are in {}",
        made.folder.join("README.md").display()
    )?;
    Ok(Ending::Fine)
}

impl Args {
    /// Leaves in the study what is asked for.
    ///
    /// # Errors
    /// Something is asked for that it does not have.
    fn restrict(&self, study: &mut Latency) -> Result<()> {
        if let Some(datasets) = &self.datasets {
            let unknown = datasets.iter().find(|&name| !study.datasets.contains(name));
            if let Some(unknown) = unknown {
                // Somebody's own folder.
                ensure!(
                    unknown.is_folder(),
                    "--datasets: {unknown} is not among those of experiments/latency.toml"
                );
            }
            study.datasets.clone_from(datasets);
        }
        if let Some(labels) = &self.routers {
            for label in labels {
                let known: Vec<&str> = study.routers.iter().map(|r| r.label.as_str()).collect();
                ensure!(
                    known.contains(&label.as_str()),
                    "--routers: there is no `{label}` in experiments/latency.toml; there are: {}",
                    known.join(", ")
                );
            }
            study
                .routers
                .retain(|router| labels.contains(&router.label));
        }
        if let Some(embedders) = &self.embedders {
            study.embedders.clone_from(embedders);
        }
        if let Some(queries) = self.queries {
            ensure!(queries > 0, "--queries: must be at least 1");
            study.queries = queries;
        }
        Ok(())
    }
}
