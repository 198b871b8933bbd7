//! `cargo xtask reproduce`: every experiment, held against the committed results.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use oats_harness::{
    Conditions, Experiment, Manifest, RunSummary, Skip, Verdict, bless,
    rows::{MetricRow, TestRow, read_rows},
};

use crate::{
    Ending,
    closing::Closing,
    llm::LlmOptions,
    options::{Extent, Places, make_out},
    readme, report, table, workspace,
};

/// Run every experiment and compare with the committed results.
///
/// Runs experiments/*.toml and ends with a verdict against results/: how many numbers agree, which
/// differ, which were not run and why. What cannot be had (a data set, the model) is named and left
/// out. A run that was interrupted goes on where it stopped.
///
/// Exit code: 0 if nothing differs, 1 if something does, 2 on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce
  cargo xtask reproduce --data-dir ../data --require metatool,toolbench
  cargo xtask reproduce --quick
  cargo xtask reproduce --experiments main --datasets builtin --seeds 1
  cargo xtask reproduce --bless      update results/ and the README with what was run")]
pub(crate) struct Args {
    /// Only these experiments, by name, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    experiments: Option<Vec<String>>,
    /// Where the results go: DIR/EXPERIMENT/ [default: the workspace's target/reproduce].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Update results/ and the README's tables with what was run; other rows stay.
    #[arg(long)]
    bless: bool,
    #[command(flatten)]
    extent: Extent,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    llm: LlmOptions,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let root = workspace::root()?;
    let results = root.join("results");
    let experiments = read_all(&root.join("experiments"))?;
    let whole = choose(experiments, args.experiments.as_deref())?;
    let experiments = args.extent.restrict(whole.clone())?;
    // Before hours are spent on what they are to be compared with.
    let committed = experiments
        .iter()
        .map(|experiment| Committed::read(&results.join(&experiment.name)))
        .collect::<Result<Vec<_>>>()?;
    let readme = root.join("README.md");
    if args.bless {
        readme::check(&readme, &results)?;
    }
    let out = workspace::out_or(args.out.as_deref(), "target/reproduce")?;
    make_out(&out)?;
    let resources = args.places.resources()?;
    let resources = resources.with_llm(args.llm.chat(&args.places)?);

    let mut stdout = io::stdout();
    let mut closing = Closing::default();
    let mut ran = Vec::new();
    for (experiment, committed) in experiments.iter().zip(&committed) {
        eprintln!("{}: {}", experiment.name, experiment.question);
        let summary = args.extent.run(experiment, &resources, &out)?;
        write!(stdout, "\n{}", table::summary(experiment, &summary.metrics))?;
        if !summary.metrics.is_empty() {
            for file in report::write(experiment, &summary.folder)? {
                writeln!(stdout, "written: {}", file.display())?;
            }
        }
        writeln!(stdout)?;
        let (other_data, other_rounding) = committed.circumstances(&summary, experiment);
        let skipped = &summary.skipped;
        let conditions = Conditions {
            skipped,
            other_data: &other_data,
            other_rounding: &other_rounding,
        };
        closing.add(
            format!("{}, metrics", experiment.name),
            Verdict::new(&committed.metrics, &summary.metrics, conditions),
            skipped,
        );
        closing.add(
            format!("{}, tests", experiment.name),
            Verdict::new(&committed.tests, &summary.tests, conditions),
            skipped,
        );
        if !summary.metrics.is_empty() {
            ran.push((experiment, summary));
        }
    }
    writeln!(stdout, "{closing}")?;
    ensure!(
        !ran.is_empty(),
        "nothing could be run; the reasons are above"
    );

    if args.bless {
        // The whole experiments: rows that were not run again are part of the answers too.
        let ran_too = |experiment: &&Experiment| ran.iter().any(|(r, _)| r.name == experiment.name);
        for experiment in whole.iter().filter(ran_too) {
            take_over(experiment, &out, &results)?;
        }
        readme::splice(&readme, &results)?;
        writeln!(stdout, "Blessed: results/ and README.md hold what was run.")?;
    }
    // Only now: experiments share cells, and whatever fails above is to be resumed.
    for (_, summary) in &ran {
        summary.forget_cells()?;
    }
    Ok(if args.bless || closing.confirms() {
        Ending::Fine
    } else {
        Ending::Contradicted
    })
}

/// An experiment's committed results.
struct Committed {
    metrics: Vec<MetricRow>,
    tests: Vec<TestRow>,
    manifest: Option<Manifest>,
}

impl Committed {
    fn read(folder: &Path) -> Result<Self> {
        Ok(Self {
            metrics: read_rows(&folder.join("metrics.csv"))?,
            tests: read_rows(&folder.join("tests.csv"))?,
            manifest: Manifest::read(&folder.join("manifest.json"))?,
        })
    }

    /// What the run had other data for, and what it can round differently.
    fn circumstances(
        &self,
        summary: &RunSummary,
        experiment: &Experiment,
    ) -> (Vec<Skip>, Vec<Skip>) {
        let Some(manifest) = &self.manifest else {
            return Default::default();
        };
        (
            manifest.other_data(&summary.manifest),
            manifest.other_rounding(&summary.manifest, experiment),
        )
    }
}

/// The experiments of a folder, by file name.
fn read_all(folder: &Path) -> Result<Vec<Experiment>> {
    let cannot_read = || format!("cannot read the folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        let file = entry.with_context(cannot_read)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    let mut experiments: Vec<Experiment> = Vec::new();
    for file in &files {
        let experiment = Experiment::read(file)?;
        ensure!(
            experiments
                .iter()
                .all(|other| other.name != experiment.name),
            "{}: name: another file has \"{}\" already, and both would write the same folder",
            file.display(),
            experiment.name
        );
        experiments.push(experiment);
    }
    ensure!(
        !experiments.is_empty(),
        "there is no experiment (a .toml file) in {}",
        folder.display()
    );
    Ok(experiments)
}

fn choose(experiments: Vec<Experiment>, names: Option<&[String]>) -> Result<Vec<Experiment>> {
    let Some(names) = names else {
        return Ok(experiments);
    };
    let known: Vec<&str> = experiments
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    for name in names {
        ensure!(
            known.contains(&name.as_str()),
            "--experiments: there is no `{name}` in experiments/; there are: {}",
            known.join(", ")
        );
    }
    let chosen = |experiment: &Experiment| names.contains(&experiment.name);
    Ok(experiments.into_iter().filter(chosen).collect())
}

/// Merges what was run into the committed results and writes their figures and answers anew.
fn take_over(experiment: &Experiment, out: &Path, results: &Path) -> Result<()> {
    let committed = results.join(&experiment.name);
    bless(experiment, &out.join(&experiment.name), &committed)?;
    report::write(experiment, &committed)?;
    Ok(())
}
