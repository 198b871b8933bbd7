//! What a run of an experiment leaves whose rows are all of one kind.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    DatasetEntry, Error, Manifest, Skip,
    rows::{Row, write_rows},
};

/// What a run made, and wrote.
#[derive(Debug)]
pub struct Written<R> {
    /// The experiment's folder: the rows' file and `manifest.json`.
    pub folder: PathBuf,
    /// The rows, sorted by key.
    pub rows: Vec<R>,
    /// What they were made from.
    pub manifest: Manifest,
    /// What was left out.
    pub skipped: Vec<Skip>,
}

impl<R: Row> Written<R> {
    /// Writes the folder of the experiment under `out`. Without rows nothing is written.
    pub(crate) fn to(
        out: &Path,
        experiment: &str,
        mut rows: Vec<R>,
        datasets: BTreeMap<String, Vec<DatasetEntry>>,
        skipped: Vec<Skip>,
    ) -> Result<Self, Error> {
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        let folder = out.join(experiment);
        let manifest = Manifest {
            experiment: experiment.to_owned(),
            datasets,
        };
        if !rows.is_empty() {
            write_rows(&folder.join(R::FILE), &rows)?;
            manifest.write(&folder.join("manifest.json"))?;
        }
        Ok(Self {
            folder,
            rows,
            manifest,
            skipped,
        })
    }
}
