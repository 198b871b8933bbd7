//! `cargo xtask compare`: two routers, two runs, or the code as it is against committed results.

use std::{
    collections::BTreeSet,
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
    study::{Ran, all_came_out, read_all},
    table, workspace,
};

/// Hold a router against another, or a run against an earlier one.
///
/// compare A B runs two routers on the same splits and pairs what each query scored: differences
/// with 95 % intervals, paired tests with Holm's correction for all tests of a metric over all queries (and
/// for those over parts of them), wins, ties and losses by query, and the queries that changed most. A router is
/// named by its label in --experiment, or by its kind.
///
/// compare DIR DIR does the same with two folders that `run --scores` or `reproduce --scores` wrote, each
/// router against itself. compare --baseline results/ runs the code as it is and holds it against results
/// that were kept. Where those have means alone, seeds are paired instead of queries (Nadeau and Bengio's
/// corrected t), or intervals held against intervals: this finds large differences only. Keep --scores of the
/// code as it was to find small ones.
///
/// Noise is that of queries. Fits are taken as they are: another initialisation of the same network is a
/// difference if it ranks enough queries otherwise.
///
/// Exit code: 0, or 1 if a run's first metric over all queries fell beyond noise for some router; 2 on bad
/// input, or if a router failed.
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
    /// With --baseline: these experiments, by name, separated by commas [default: main].
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        requires = "baseline"
    )]
    experiments: Option<Vec<String>>,
    /// Of routers: the experiment that they, the data sets and the metrics are taken from
    /// [default: the workspace's experiments/main.toml].
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    experiment: Option<PathBuf>,
    /// Of routers: how training and test are told apart, separated by commas [default: query].
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        conflicts_with = "baseline"
    )]
    splits: Option<Vec<SplitKind>>,
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
        let main = || vec!["main".to_owned()];
        let names = args.experiments.clone().unwrap_or_else(main);
        return against(baseline, &names, &extent, &args.inputs.open()?, &out);
    }
    let [ours, theirs] = args.sides.as_slice() else {
        bail!("two routers or two folders are compared; name both");
    };
    match [ours, theirs].map(|side| Path::new(side).is_dir()) {
        [true, true] => {
            let runs_nothing = args.experiment.is_none()
                && args.splits.is_none()
                && args.extent == Extent::default();
            ensure!(
                runs_nothing,
                "two folders are compared as they are; leave out --experiment, --splits, --datasets, --seeds and \
                 what else says what to run"
            );
            folders(Path::new(ours), Path::new(theirs), &out)
        }
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
        grid.splits = args.splits.clone().unwrap_or(vec![SplitKind::Query]);
        grid.quick = None;
    }
    // As it will be told in the manifest, and checked like one that was written by hand.
    let study = Study::Ranking(experiment);
    let studies = extent.restrict(vec![study])?;
    let study = studies
        .first()
        .context("no data set is left to compare on; name one with --datasets")?;
    let ran = run_one(study, extent, opened, out)?;
    let cells = CellScores::read_all(ran.folder())?;
    let comparison = compare_routers(&cells, ours, theirs)?;
    if comparison.rows.is_empty() {
        all_came_out(&ran)?;
        bail!("`{ours}` and `{theirs}` have no data set, pool and embedder in common");
    }
    tell(ran.folder(), &comparison)?;
    all_came_out(&ran)?;
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

/// Runs one experiment, and says what was left out of it.
fn run_one<'a>(
    study: &'a Study,
    extent: &Extent,
    opened: &'a Opened,
    out: &Path,
) -> Result<Ran<'a>> {
    let none = |name: &str| out.join(name);
    let ran = extent.run(study, opened, out, &none)?;
    let mut stdout = io::stdout();
    for told in ran.told_skips() {
        writeln!(stdout, "{told}")?;
    }
    ensure!(
        !ran.is_empty(),
        "{}: nothing could be run; the reasons are above",
        study.name()
    );
    Ok(ran)
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
        ensure!(
            out.join(name).canonicalize().ok() != baseline.join(name).canonicalize().ok(),
            "--out: {} is the baseline, which the run would overwrite; name another folder",
            out.join(name).display()
        );
    }
    studies.retain(|study| names.iter().any(|name| name == study.name()));
    let mut ending = Ending::Fine;
    for study in extent.restrict(studies)? {
        let ran = run_one(&study, extent, opened, out)?;
        let comparison = runs(ran.folder(), &baseline.join(study.name()))?;
        tell(ran.folder(), &comparison)?;
        all_came_out(&ran)?;
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
    let [rows, baseline]: [Vec<MetricRow>; 2] = [rows_in(ours)?, rows_in(theirs)?];
    tell_of_one_side(ours, &rows, &baseline)?;
    tell_of_one_side(theirs, &baseline, &rows)?;
    let [cells, baseline_cells] = [CellScores::read_all(ours)?, CellScores::read_all(theirs)?];
    let comparison = if cells.is_empty() || baseline_cells.is_empty() {
        compare_means(&rows, &baseline, &ours_manifest)?
    } else {
        compare_runs(&cells, &baseline_cells)?
    };
    ensure!(
        !comparison.rows.is_empty(),
        "{} and {} have nothing in common: no router on the same data set, split and pool",
        ours.display(),
        theirs.display()
    );
    Ok(comparison)
}

/// Says which routers only this folder has on data sets that both have.
fn tell_of_one_side(folder: &Path, rows: &[MetricRow], others: &[MetricRow]) -> Result<()> {
    let routers = |rows: &[MetricRow]| -> BTreeSet<(String, String)> {
        let labels = rows
            .iter()
            .map(|row| (row.dataset.clone(), row.router.clone()));
        labels.collect()
    };
    let (own, known) = (routers(rows), routers(others));
    let datasets: BTreeSet<&String> = known.iter().map(|(dataset, _)| dataset).collect();
    let mut stdout = io::stdout();
    for (dataset, router) in own.difference(&known) {
        if datasets.contains(dataset) {
            writeln!(
                stdout,
                "not compared: {router} on {dataset} is in {} alone",
                folder.display()
            )?;
        }
    }
    Ok(())
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
    match comparison.has_fallen() {
        true => Ending::Contradicted,
        false => Ending::Fine,
    }
}
