//! Takes over what was run into the committed results.

use std::{collections::HashSet, path::Path};

use crate::{
    Error, Experiment, Manifest,
    rows::{MetricRow, NONE, Row, TestRow, merge_rows, rows_in, write_rows},
};

/// Merges an experiment's folder `from` a run into its folder under the committed results: rows with
/// the same labels are replaced, other rows stay, and so does what the manifest says of them. Rows
/// that the experiment does not make any more go.
///
/// # Errors
/// A result file on either side that cannot be read as one (nothing is changed then), or one that
/// cannot be written.
pub fn bless(experiment: &Experiment, from: &Path, into: &Path) -> Result<(), Error> {
    let metrics = Merging::<MetricRow>::read(from, into, |row| experiment.makes(row))?;
    let tests = Merging::<TestRow>::read(from, into, |row| experiment.makes(row))?;
    let manifest = merged_manifest(from, into, &metrics)?;
    metrics.write(into)?;
    tests.write(into)?;
    write_manifest(manifest, into)
}

/// The same for rows of one kind, but that of a dataset that was run nothing else stays: a run makes all of
/// its rows, and times, or places in a projection, are those of one run. Rows that the experiment does not make any
/// more go.
///
/// # Errors
/// Those of [`bless`].
pub fn bless_whole_datasets<R: Row>(
    from: &Path,
    into: &Path,
    makes: impl Fn(&R) -> bool,
) -> Result<(), Error> {
    let ran = Manifest::read(&from.join("manifest.json"))?;
    let was_run = |row: &R| {
        let dataset = row.label("dataset").unwrap_or(NONE);
        ran.iter().any(|ran| ran.datasets.contains_key(dataset))
    };
    let rows = Merging::read(from, into, |row: &R| makes(row) && !was_run(row))?;
    let manifest = merged_manifest(from, into, &rows)?;
    rows.write(into)?;
    write_manifest(manifest, into)
}

/// A result file on both sides.
struct Merging<R> {
    /// Those that the experiment still makes.
    committed: Vec<R>,
    measured: Vec<R>,
}

impl<R: Row> Merging<R> {
    fn read(from: &Path, into: &Path, makes: impl Fn(&R) -> bool) -> Result<Self, Error> {
        let mut committed: Vec<R> = rows_in(into)?;
        let measured = rows_in(from)?;
        committed.retain(makes);
        Ok(Self {
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
        write_rows(&into.join(R::FILE), &merged)
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
