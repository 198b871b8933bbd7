//! `cargo xtask compare`: two routers, two runs, or the code as it is against committed results.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use oats_datasets::SplitKind;
use oats_harness::{
    CellScores, Comparison, Experiment, Manifest, RouterEntry, Study, compare_means,
    compare_routers, compare_runs,
    rows::{ChangedRow, ComparedRow, MetricRow, Row, rows_in, write_rows},
};

use crate::{
    Ending,
    options::{Extent, Inputs, Opened, make_out},
    report::Made,
    study::read_all,
    table, workspace,
};

/// Hold a router against another, or a run against an earlier one.
///
/// compare A B runs two routers on the same splits and pairs what each query scored: differences
/// with 95 % intervals, paired tests with Holm's correction for all tests of a metric, wins, ties and
/// losses by query, and the queries that changed most. A router is named by its label in --experiment, or
/// by its kind.
///
/// compare DIR DIR does the same with two folders that `run --scores` or `reproduce --scores` wrote, each
/// router against itself. compare --baseline results/ runs the code as it is and holds it against results
/// that were kept; where those have means alone, seeds are paired instead of queries (Nadeau and Bengio's
/// corrected t), and with a single seed only intervals are left, which find large differences only.
///
/// Exit code: 0, or 1 if a run's quality fell beyond noise; 2 on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask compare oats-s1 dense --datasets builtin
  cargo xtask compare my-router oats-s1 --experiment my-experiment.toml --seeds 2
  cargo xtask compare target/run/mine target/before/mine
  cargo xtask compare --baseline results/ --datasets builtin")]
pub(crate) struct Args {
    /// Two routers, or two folders of results: what is looked at, and what it is held against.
    #[arg(value_names = ["A", "B"], num_args = 2, required_unless_present = "baseline",
          conflicts_with = "baseline")]
    sides: Vec<String>,
    /// Run experiments as the code is now, and hold them against this folder's.
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// With --baseline: these experiments, by name, separated by commas.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "main",
        requires = "baseline"
    )]
    experiments: Vec<String>,
    /// Of routers: the experiment that they, the data sets and the metrics are taken from
    /// [default: the workspace's experiments/main.toml].
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    experiment: Option<PathBuf>,
    /// Of routers: how training and test are told apart, separated by commas.
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        default_value = "query"
    )]
    splits: Vec<SplitKind>,
    /// Where the results go: DIR/A-against-B or DIR/EXPERIMENT [default: the workspace's
    /// target/compare].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    extent: Extent,
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let out = workspace::out_or(args.out.as_deref(), "target/compare")?;
    make_out(&out)?;
    let extent = Extent {
        scores: true,
        ..args.extent.clone()
    };
    if let Some(baseline) = &args.baseline {
        return against(
            baseline,
            &args.experiments,
            &extent,
            &args.inputs.open()?,
            &out,
        );
    }
    let [ours, theirs] = args.sides.as_slice() else {
        bail!("two routers or two folders are compared; name both");
    };
    match [ours, theirs].map(|side| Path::new(side).is_dir()) {
        [true, true] => folders(Path::new(ours), Path::new(theirs), &out),
        [false, false] => {
            let opened = args.inputs.open()?;
            routers(args, &extent, &opened, [ours, theirs], &out)
        }
        [is_ours, _] => bail!(
            "`{}` is a folder and `{}` is none; compare two routers, or two folders of results",
            if is_ours { ours } else { theirs },
            if is_ours { theirs } else { ours },
        ),
    }
}

/// Two routers on the same splits.
fn routers(
    args: &Args,
    extent: &Extent,
    opened: &Opened,
    [ours, theirs]: [&String; 2],
    out: &Path,
) -> Result<Ending> {
    let file = match &args.experiment {
        Some(file) => file.clone(),
        None => workspace::root()?.join("experiments/main.toml"),
    };
    ensure!(
        ours != theirs,
        "`{ours}` and `{theirs}` are the same router, which has the same scores; to compare a router with \
         itself, list it under another label in an experiment of your own and name it with --experiment"
    );
    let mut experiment = Experiment::read(&file)?;
    let entries = [theirs, ours].map(|name| entry(&experiment, name, &file));
    let [theirs_entry, ours_entry] = entries;
    experiment.routers = vec![theirs_entry?, ours_entry?];
    experiment.baselines = vec![theirs.clone()];
    experiment.report.clear();
    experiment.name = format!("{ours}-against-{theirs}");
    for grid in &mut experiment.grids {
        grid.routers = None;
        grid.splits.clone_from(&args.splits);
        grid.quick = None;
    }
    // As it will be told in the manifest, and checked like one that was written by hand.
    let study = Study::Ranking(experiment);
    let studies = extent.restrict(vec![study])?;
    let study = studies
        .first()
        .context("no data set is left to compare on; name one with --datasets")?;
    let folder = run_one(study, extent, opened, out)?;
    let cells = CellScores::read_all(&folder)?;
    let comparison = compare_routers(&cells, ours, theirs)?;
    tell(&folder, &comparison)?;
    Ok(Ending::Fine)
}

fn entry(experiment: &Experiment, name: &str, file: &Path) -> Result<RouterEntry> {
    let listed = experiment.routers.iter();
    if let Some(entry) = listed.clone().find(|entry| entry.label == name) {
        return Ok(entry.clone());
    }
    RouterEntry::try_from(toml::Value::String(name.to_owned())).map_err(|problem| {
        let labels: Vec<&str> = listed.map(|entry| entry.label.as_str()).collect();
        anyhow::anyhow!(
            "`{name}` is neither a folder, nor a router in {} ({}), nor a router's kind: {problem}",
            file.display(),
            labels.join(", ")
        )
    })
}

/// Runs one experiment and gives its folder.
fn run_one(study: &Study, extent: &Extent, opened: &Opened, out: &Path) -> Result<PathBuf> {
    let none = |name: &str| out.join(name);
    let made = extent.run(study, opened, out, &none)?;
    ensure!(
        !made.is_empty(),
        "{}: nothing could be run; the reasons are above",
        study.name()
    );
    made.forget_cells()?;
    Ok(made.folder().to_owned())
}

/// Two experiments' folders, each router against itself.
fn folders(ours: &Path, theirs: &Path, out: &Path) -> Result<Ending> {
    let name = |folder: &Path| match folder.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => "results".to_owned(),
    };
    let comparison = runs(ours, theirs)?;
    let folder = out.join(format!("{}-against-{}", name(ours), name(theirs)));
    tell(&folder, &comparison)?;
    Ok(ending(&comparison))
}

/// The code as it is, against results that were kept.
fn against(
    baseline: &Path,
    names: &[String],
    extent: &Extent,
    opened: &Opened,
    out: &Path,
) -> Result<Ending> {
    let root = workspace::root()?;
    let mut studies = read_all(&root.join("experiments"))?;
    for name in names {
        let known = studies.iter().find(|study| study.name() == name);
        ensure!(
            matches!(known, Some(Study::Ranking(_))),
            "--experiments: `{name}` is no experiment in experiments/ that ranks routers"
        );
        ensure!(
            baseline.join(name).join(MetricRow::FILE).exists(),
            "--baseline: there is no {}; name a folder that holds results of `{name}`",
            baseline.join(name).join(MetricRow::FILE).display()
        );
    }
    studies.retain(|study| names.iter().any(|name| name == study.name()));
    let mut ending = Ending::Fine;
    for study in extent.restrict(studies)? {
        let folder = run_one(&study, extent, opened, out)?;
        let comparison = runs(&folder, &baseline.join(study.name()))?;
        tell(&folder, &comparison)?;
        if let Ending::Contradicted = self::ending(&comparison) {
            ending = Ending::Contradicted;
        }
    }
    Ok(ending)
}

/// Queries are paired where both folders hold what they scored.
fn runs(ours: &Path, theirs: &Path) -> Result<Comparison> {
    let manifest = |folder: &Path| -> Result<Manifest> {
        let file = folder.join("manifest.json");
        Manifest::read(&file)?.with_context(|| {
            format!(
                "there is no {}; name the folder of an experiment that was run",
                file.display()
            )
        })
    };
    let [ours_manifest, theirs_manifest] = [manifest(ours)?, manifest(theirs)?];
    if let Some(skip) = theirs_manifest.other_data(&ours_manifest).first() {
        bail!(
            "{}; leave the data set out with --datasets, or compare with a run on the same data",
            skip.reason
        );
    }
    let [cells, baseline] = [CellScores::read_all(ours)?, CellScores::read_all(theirs)?];
    let comparison = if cells.is_empty() || baseline.is_empty() {
        let [rows, baseline]: [Vec<MetricRow>; 2] = [rows_in(ours)?, rows_in(theirs)?];
        compare_means(&rows, &baseline, &ours_manifest)?
    } else {
        compare_runs(&cells, &baseline)?
    };
    ensure!(
        !comparison.rows.is_empty(),
        "{} and {} have nothing in common: no router on the same data set, split and pool",
        ours.display(),
        theirs.display()
    );
    Ok(comparison)
}

/// Writes the files, and what is to be known of them to the terminal.
fn tell(folder: &Path, comparison: &Comparison) -> Result<()> {
    write_rows(&folder.join(ComparedRow::FILE), &comparison.rows)?;
    write_rows(&folder.join(ChangedRow::FILE), &comparison.changed)?;
    let mut stdout = io::stdout();
    write!(stdout, "{}", table::comparison(comparison))?;
    for made in crate::report::of_comparison(folder, &comparison.rows)? {
        Made::write(&made)?;
        writeln!(stdout, "written: {}", made.path.display())?;
    }
    writeln!(
        stdout,
        "All rows are in {}, the queries that changed most in {}",
        folder.join(ComparedRow::FILE).display(),
        ChangedRow::FILE
    )?;
    Ok(())
}

fn ending(comparison: &Comparison) -> Ending {
    let fell = |row: &ComparedRow| row.is_beyond_noise() && row.difference.get() < 0.0;
    match comparison.rows.iter().any(fell) {
        true => Ending::Contradicted,
        false => Ending::Fine,
    }
}
