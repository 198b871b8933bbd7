//! What the commands do with an experiment, whatever its kind.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    slice,
};

use anyhow::{Context, Result, ensure};
use oats_harness::{
    Conditions, Costs, Experiment, Frontier, FrontierPoints, Geometry, Latency, Manifest,
    RunSummary, Scaling, Serving, ServingPoints, Skip, Study, Verdict, Written, bless,
    bless_whole_datasets,
    rows::{CostRow, LatencyRow, MetricRow, PointRow, Row, ScalingRow, TestRow, rows_in},
};

use crate::table;

/// An experiment that was run.
pub(crate) enum Ran<'a> {
    Ranking(&'a Experiment, RunSummary),
    Costs(&'a Costs, Written<CostRow>),
    Latency(&'a Latency, Written<LatencyRow>),
    Scaling(&'a Scaling, Written<ScalingRow>),
    Geometry(&'a Geometry, Written<PointRow>),
    /// Joined from others' rows, to be told in this folder.
    Frontier(&'a Frontier, FrontierPoints, PathBuf),
    /// The same.
    Serving(&'a Serving, ServingPoints, PathBuf),
}

impl Ran<'_> {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Ranking(experiment, _) => &experiment.name,
            Self::Costs(costs, _) => costs.name(),
            Self::Latency(study, _) => &study.name,
            Self::Scaling(study, _) => &study.name,
            Self::Geometry(study, _) => &study.name,
            Self::Frontier(study, ..) => &study.name,
            Self::Serving(study, ..) => &study.name,
        }
    }

    /// The folder with its result files.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Ranking(_, summary) => &summary.folder,
            Self::Costs(_, summary) => &summary.folder,
            Self::Latency(_, run) => &run.folder,
            Self::Scaling(_, run) => &run.folder,
            Self::Geometry(_, run) => &run.folder,
            Self::Frontier(.., folder) | Self::Serving(.., folder) => folder,
        }
    }

    /// What was left out.
    pub(crate) fn skipped(&self) -> &[Skip] {
        match self {
            Self::Ranking(_, summary) => &summary.skipped,
            Self::Costs(_, summary) => &summary.skipped,
            Self::Latency(_, run) => &run.skipped,
            Self::Scaling(_, run) => &run.skipped,
            Self::Geometry(_, run) => &run.skipped,
            Self::Frontier(..) | Self::Serving(..) => &[],
        }
    }

    /// What was left out, and why, each reason once.
    pub(crate) fn told_skips(&self) -> BTreeSet<String> {
        let told = |skip: &Skip| match skip.failed_cells {
            0 => format!("not run: {}", skip.reason),
            1 => format!("failed: {}", skip.reason),
            count => format!("failed: {} (and {} more cells)", skip.reason, count - 1),
        };
        self.skipped().iter().map(told).collect()
    }

    /// How many cells were begun and failed.
    pub(crate) fn failed_cells(&self) -> usize {
        self.skipped().iter().map(|skip| skip.failed_cells).sum()
    }

    /// Whether nothing could be run.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Ranking(_, summary) => summary.metrics.is_empty(),
            Self::Costs(_, summary) => summary.rows.is_empty(),
            Self::Latency(_, run) => run.rows.is_empty(),
            Self::Scaling(_, run) => run.rows.is_empty(),
            Self::Geometry(_, run) => run.rows.is_empty(),
            Self::Frontier(_, points, _) => points.routers.is_empty(),
            Self::Serving(_, points, _) => points.routers.is_empty(),
        }
    }

    /// Its tables for the terminal.
    pub(crate) fn tables(&self) -> String {
        match self {
            Self::Ranking(experiment, summary) => table::summary(experiment, &summary.metrics),
            Self::Costs(costs, summary) => table::costs(costs, &summary.rows, &summary.manifest),
            Self::Latency(study, run) => table::latency(study, &run.rows),
            Self::Scaling(_, run) => table::scaling(&run.rows),
            Self::Geometry(_, run) => table::geometry(&run.rows),
            Self::Frontier(study, points, _) => table::frontier(study, points),
            Self::Serving(study, points, _) => table::serving(study, points),
        }
    }

    /// Its result files held against those of the folder `committed`, by what they are called.
    pub(crate) fn verdicts(&self, committed: &Path) -> Result<Vec<(String, Verdict)>> {
        let manifest = Manifest::read(&committed.join("manifest.json"))?;
        let made = match self {
            Self::Ranking(_, summary) => &summary.manifest,
            Self::Costs(_, summary) => &summary.manifest,
            Self::Geometry(_, run) => &run.manifest,
            // Timings never agree, and what is joined was compared where it was made.
            Self::Latency(..) | Self::Scaling(..) | Self::Frontier(..) | Self::Serving(..) => {
                return Ok(Vec::new());
            }
        };
        let mut other_data = Vec::new();
        let mut other_rounding = Vec::new();
        if let Some(manifest) = &manifest {
            other_data.extend(manifest.other_data(made));
            other_data.extend(manifest.other_prices(made));
            if let Self::Ranking(experiment, _) = self {
                other_rounding.extend(manifest.other_rounding(made, experiment));
            }
        }
        let conditions = Conditions {
            skipped: self.skipped(),
            other_data: &other_data,
            other_rounding: &other_rounding,
        };
        Ok(match self {
            Self::Ranking(_, summary) => vec![
                self.verdict(committed, &summary.metrics, conditions)?,
                self.verdict(committed, &summary.tests, conditions)?,
            ],
            Self::Costs(_, summary) => {
                vec![self.verdict(committed, &summary.rows, conditions)?]
            }
            Self::Geometry(_, run) => {
                vec![self.verdict(committed, &run.rows, conditions)?]
            }
            Self::Latency(..) | Self::Scaling(..) | Self::Frontier(..) | Self::Serving(..) => {
                Vec::new()
            }
        })
    }

    fn verdict<R: Row>(
        &self,
        committed: &Path,
        measured: &[R],
        conditions: Conditions<'_>,
    ) -> Result<(String, Verdict)> {
        let committed: Vec<R> = rows_in(committed)?;
        let verdict = Verdict::new(&committed, measured, conditions);
        let file = R::FILE.trim_end_matches(".csv");
        Ok((format!("{}, {file}", self.name()), verdict))
    }

    /// Removes what was kept for the case that the run is interrupted.
    pub(crate) fn forget_cells(&self) -> Result<()> {
        match self {
            Self::Ranking(_, summary) => Ok(summary.forget_cells()?),
            Self::Costs(..)
            | Self::Latency(..)
            | Self::Scaling(..)
            | Self::Geometry(..)
            | Self::Frontier(..)
            | Self::Serving(..) => Ok(()),
        }
    }
}

/// Whether all cells came out that were begun. Without those that failed the results are whole, and written.
///
/// # Errors
/// Some failed.
pub(crate) fn ensure_none_failed(ran: &[Ran<'_>]) -> Result<()> {
    let failed: usize = ran.iter().map(Ran::failed_cells).sum();
    ensure!(
        failed == 0,
        "{failed} {} failed; the reasons are above, and all other results were written",
        if failed == 1 { "cell" } else { "cells" }
    );
    Ok(())
}

/// As [`ensure_none_failed`] of one study; then its cells, which are kept as long as some are to be run again,
/// are forgotten.
///
/// # Errors
/// Some failed.
pub(crate) fn all_came_out(ran: &Ran<'_>) -> Result<()> {
    ensure_none_failed(slice::from_ref(ran))?;
    ran.forget_cells()
}

/// Whether the study's committed results can be read.
///
/// # Errors
/// They cannot.
pub(crate) fn check_committed(study: &Study, folder: &Path) -> Result<()> {
    match study {
        Study::Ranking(_) => {
            rows_in::<MetricRow>(folder)?;
            rows_in::<TestRow>(folder)?;
        }
        Study::Costs(_) => {
            rows_in::<CostRow>(folder)?;
        }
        Study::Frontier(_) | Study::Serving(_) => (),
        Study::Geometry(_) => {
            rows_in::<PointRow>(folder)?;
        }
        Study::Scaling(_) => {
            rows_in::<ScalingRow>(folder)?;
        }
        Study::Latency(_) => {
            rows_in::<LatencyRow>(folder)?;
        }
    }
    Manifest::read(&folder.join("manifest.json"))?;
    Ok(())
}

/// Merges what was run into the committed results.
pub(crate) fn take_over(study: &Study, from: &Path, into: &Path) -> Result<()> {
    match study {
        Study::Ranking(experiment) => bless(experiment, from, into)?,
        Study::Costs(costs) => bless_whole_datasets(from, into, |row: &CostRow| costs.makes(row))?,
        Study::Latency(study) => {
            bless_whole_datasets(from, into, |row: &LatencyRow| study.makes(row))?
        }
        Study::Scaling(_) => bless_whole_datasets(from, into, |_: &ScalingRow| true)?,
        Study::Geometry(study) => {
            bless_whole_datasets(from, into, |row: &PointRow| study.makes(row))?
        }
        // They have no rows of their own.
        Study::Frontier(_) | Study::Serving(_) => (),
    }
    Ok(())
}

/// The experiments of a folder, by file name.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Study>> {
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
    let mut experiments: Vec<Study> = Vec::new();
    for file in &files {
        let experiment = Study::read(file)?;
        ensure!(
            experiments
                .iter()
                .all(|other| other.name() != experiment.name()),
            "{}: name: another file has \"{}\" already, and both would write the same folder",
            file.display(),
            experiment.name()
        );
        experiments.push(experiment);
    }
    ensure!(
        !experiments.is_empty(),
        "there is no experiment (a .toml file) in {}",
        folder.display()
    );
    experiments.sort_by_key(Study::reads_others);
    Ok(experiments)
}
