//! Takes over what was run into the committed results.

use std::{collections::HashSet, path::Path};

use crate::{
    Error, Experiment, Manifest,
    rows::{MetricRow, Row, TestRow, merge_rows, read_rows, write_rows},
};

/// Merges an experiment's folder `from` a run into its folder under the committed results: rows with
/// the same labels are replaced, other rows stay, and so does what the manifest says of them. Rows
/// that the experiment does not make any more go.
///
/// # Errors
/// A result file on either side that cannot be read as one (nothing is changed then), or one that
/// cannot be written.
pub fn bless(experiment: &Experiment, from: &Path, into: &Path) -> Result<(), Error> {
    let mut committed: Vec<MetricRow> = read_rows(&into.join("metrics.csv"))?;
    let measured: Vec<MetricRow> = read_rows(&from.join("metrics.csv"))?;
    let mut committed_tests: Vec<TestRow> = read_rows(&into.join("tests.csv"))?;
    let measured_tests: Vec<TestRow> = read_rows(&from.join("tests.csv"))?;
    committed.retain(|row| experiment.makes(row));
    committed_tests.retain(|row| experiment.makes(row));
    let mut manifest = Manifest::read(&into.join("manifest.json"))?;
    if let Some(newer) = Manifest::read(&from.join("manifest.json"))? {
        manifest = Some(match manifest {
            Some(older) => older.merge(newer, &keep_rows(&committed, &measured)),
            None => newer,
        });
    }

    write_rows(&into.join("metrics.csv"), &merge_rows(committed, &measured))?;
    write_rows(
        &into.join("tests.csv"),
        &merge_rows(committed_tests, &measured_tests),
    )?;
    match manifest {
        Some(manifest) => manifest.write(&into.join("manifest.json")),
        None => Ok(()),
    }
}

/// The datasets that have a committed row that was not measured.
fn keep_rows(committed: &[MetricRow], measured: &[MetricRow]) -> HashSet<String> {
    let measured: HashSet<Vec<&str>> = measured.iter().map(Row::key).collect();
    committed
        .iter()
        .filter(|row| !measured.contains(&row.key()))
        .map(|row| row.dataset.clone())
        .collect()
}
