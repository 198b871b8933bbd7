//! Takes over what was run into the committed results.

use std::{collections::HashSet, path::Path};

use crate::{
    Costs, Error, Experiment, Geometry, Latency, Manifest,
    rows::{
        CostRow, LatencyRow, MetricRow, NONE, PeerRow, PointRow, Row, ScalingRow, TestRow,
        merge_rows, read_rows, write_rows,
    },
};

/// Merges an experiment's folder `from` a run into its folder under the committed results: rows with
/// the same labels are replaced, other rows stay, and so does what the manifest says of them. Rows
/// that the experiment does not make any more go.
///
/// # Errors
/// A result file on either side that cannot be read as one (nothing is changed then), or one that
/// cannot be written.
pub fn bless(experiment: &Experiment, from: &Path, into: &Path) -> Result<(), Error> {
    let metrics =
        Merging::<MetricRow>::read("metrics.csv", from, into, |row| experiment.makes(row))?;
    let tests = Merging::<TestRow>::read("tests.csv", from, into, |row| experiment.makes(row))?;
    let manifest = merged_manifest(from, into, &metrics)?;
    metrics.write(into)?;
    tests.write(into)?;
    write_manifest(manifest, into)
}

/// The same for an experiment that counts tokens, but that of a dataset that was run nothing else stays:
/// a run makes all its rows.
///
/// # Errors
/// Those of [`bless`].
pub fn bless_costs(costs: &Costs, from: &Path, into: &Path) -> Result<(), Error> {
    bless_whole_datasets("costs.csv", from, into, |row: &CostRow| costs.makes(row))
}

/// As [`bless_costs`], for an experiment that times routers: times of two machines do not compare.
///
/// # Errors
/// Those of [`bless`].
pub fn bless_latency(study: &Latency, from: &Path, into: &Path) -> Result<(), Error> {
    bless_whole_datasets("latency.csv", from, into, |row: &LatencyRow| {
        study.makes(row)
    })
}

/// As [`bless_costs`], for an experiment that shows single tools: places are those of one projection.
///
/// # Errors
/// Those of [`bless`].
pub fn bless_geometry(study: &Geometry, from: &Path, into: &Path) -> Result<(), Error> {
    bless_whole_datasets("points.csv", from, into, |row: &PointRow| study.makes(row))
}

/// As [`bless_costs`], for peers: ratios are of one run.
///
/// # Errors
/// Those of [`bless`].
pub fn bless_peers(from: &Path, into: &Path) -> Result<(), Error> {
    bless_whole_datasets("peers.csv", from, into, |_: &PeerRow| true)
}

/// As [`bless_costs`], for an experiment on made-up vectors, which has no datasets: nothing stays.
///
/// # Errors
/// Those of [`bless`].
pub fn bless_scaling(from: &Path, into: &Path) -> Result<(), Error> {
    bless_whole_datasets("scaling.csv", from, into, |_: &ScalingRow| true)
}

/// Merges one result file. Rows that the experiment still makes stay if nothing of their dataset was run.
fn bless_whole_datasets<R: Row>(
    file: &'static str,
    from: &Path,
    into: &Path,
    makes: impl Fn(&R) -> bool,
) -> Result<(), Error> {
    let ran = Manifest::read(&from.join("manifest.json"))?;
    let was_run = |row: &R| {
        let dataset = row.label("dataset").unwrap_or(NONE);
        ran.iter().any(|ran| ran.datasets.contains_key(dataset))
    };
    let rows = Merging::read(file, from, into, |row: &R| makes(row) && !was_run(row))?;
    let manifest = merged_manifest(from, into, &rows)?;
    rows.write(into)?;
    write_manifest(manifest, into)
}

/// A result file on both sides.
struct Merging<R> {
    file: &'static str,
    /// Those that the experiment still makes.
    committed: Vec<R>,
    measured: Vec<R>,
}

impl<R: Row> Merging<R> {
    fn read(
        file: &'static str,
        from: &Path,
        into: &Path,
        makes: impl Fn(&R) -> bool,
    ) -> Result<Self, Error> {
        let mut committed: Vec<R> = read_rows(&into.join(file))?;
        let measured = read_rows(&from.join(file))?;
        committed.retain(makes);
        Ok(Self {
            file,
            committed,
            measured,
        })
    }

    /// The datasets that have a committed row that was not measured.
    fn keeps_rows_of(&self) -> HashSet<String> {
        let measured: HashSet<Vec<&str>> = self.measured.iter().map(Row::key).collect();
        let committed = self.committed.iter();
        let kept = committed.filter(|row| !measured.contains(&row.key()));
        kept.filter_map(|row| row.label("dataset"))
            .map(str::to_owned)
            .collect()
    }

    fn write(self, into: &Path) -> Result<(), Error> {
        let merged = merge_rows(self.committed, &self.measured);
        write_rows(&into.join(self.file), &merged)
    }
}

fn merged_manifest<R: Row>(
    from: &Path,
    into: &Path,
    rows: &Merging<R>,
) -> Result<Option<Manifest>, Error> {
    let older = Manifest::read(&into.join("manifest.json"))?;
    let newer = Manifest::read(&from.join("manifest.json"))?;
    Ok(match (older, newer) {
        (Some(older), Some(newer)) => Some(older.merge(newer, &rows.keeps_rows_of())),
        (older, newer) => newer.or(older),
    })
}

fn write_manifest(manifest: Option<Manifest>, into: &Path) -> Result<(), Error> {
    match manifest {
        Some(manifest) => manifest.write(&into.join("manifest.json")),
        None => Ok(()),
    }
}
