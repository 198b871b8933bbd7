//! What reading a data set gives: the benchmark, and what its source has besides.

use std::path::Path;

use crate::{Benchmark, Error, Provenance, Query, SourceFile, Tool, provenance::Origin};

/// A benchmark as it was read.
pub(crate) struct Reading {
    pub(crate) benchmark: Benchmark,
    /// The ids of queries that the benchmark leaves out, because no tool is right for them.
    pub(crate) unlabelled: Vec<String>,
}

impl From<Benchmark> for Reading {
    fn from(benchmark: Benchmark) -> Self {
        Self {
            benchmark,
            unlabelled: Vec::new(),
        }
    }
}

/// A folder of the user's own, once its files are read.
pub(crate) struct Folder<'a> {
    /// What stands before the folder in the data set's name.
    pub(crate) kind: &'static str,
    pub(crate) path: &'a Path,
    pub(crate) files: Vec<&'a SourceFile>,
    pub(crate) notes: Vec<String>,
}

impl Folder<'_> {
    /// The benchmark of the labelled ones among the queries, named after the folder's last part, so
    /// that two machines write the same.
    ///
    /// # Errors
    /// As [`Benchmark::new`].
    pub(crate) fn reading(
        mut self,
        tools: Vec<Tool>,
        queries: Vec<Query>,
        subsets: Vec<String>,
    ) -> Result<Reading, Error> {
        let all = queries.len();
        let (labelled, unlabelled): (Vec<Query>, Vec<Query>) = queries
            .into_iter()
            .partition(|query| !query.relevant.is_empty());
        if !unlabelled.is_empty() {
            self.notes.push(format!(
                "{} of {all} queries have no right tool and were left out",
                unlabelled.len()
            ));
        }
        let records = self.files.iter().map(|file| file.record().clone());
        let provenance = Provenance {
            origin: Origin::Folder,
            repository: None,
            commit: None,
            licence: None,
            files: records.collect(),
            notes: self.notes,
        };
        let full = self.path.canonicalize();
        let full = full.unwrap_or_else(|_| self.path.to_owned());
        let name = full.file_name().unwrap_or(full.as_os_str());
        let name = format!("{}:{}", self.kind, name.to_string_lossy());
        Ok(Reading {
            benchmark: Benchmark::new(name, tools, labelled, subsets, provenance)?,
            unlabelled: unlabelled.into_iter().map(|query| query.id).collect(),
        })
    }
}
