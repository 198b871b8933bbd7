//! Rows by their labels, and what there is to say of them.

use std::{fmt::Display, sync::Arc};

use oats_datasets::{Benchmark, Dataset};
use oats_embedders::Embedder;
use serde::{Deserialize, Serialize};

use crate::{EmbedderKind, Error, Observer, Resources, rows::Row};

/// Rows that were not made, or not as before: those with all of the given labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skip {
    /// The dataset, or any.
    pub dataset: Option<String>,
    /// The kind of split, or any.
    pub split: Option<String>,
    /// The outcomes, or any.
    pub outcomes: Option<String>,
    /// The embedder, or any.
    pub embedder: Option<String>,
    /// The pool, or any.
    pub pool: Option<String>,
    /// The router, or any; in a test either of the two.
    pub router: Option<String>,
    /// The price, or any.
    pub price: Option<String>,
    /// In one line, why, and what to do about it.
    pub reason: String,
    /// How many cells were begun and failed; 0 where nothing was begun.
    pub failed_cells: usize,
}

impl Skip {
    /// Whether `row` is one of them.
    pub fn covers<R: Row>(&self, row: &R) -> bool {
        let is = |column: &str, router: &str| row.label(column) == Some(router);
        let has_router = |router: &String| is("router", router) || is("baseline", router);
        self.router.as_ref().is_none_or(has_router)
            && [
                ("dataset", &self.dataset),
                ("split", &self.split),
                ("outcomes", &self.outcomes),
                ("embedder", &self.embedder),
                ("pool", &self.pool),
                ("price", &self.price),
            ]
            .into_iter()
            .all(|(column, skipped)| skipped.is_none() || skipped.as_deref() == row.label(column))
    }
}

/// What a run leaves out, each reason told to the observer once.
pub(crate) struct Omissions<'a> {
    observer: &'a dyn Observer,
    skipped: Vec<Skip>,
}

impl<'a> Omissions<'a> {
    /// Nothing yet.
    pub(crate) fn told_to(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            skipped: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, skip: Skip) {
        if self.skipped.contains(&skip) {
            return;
        }
        if self.skipped.iter().all(|other| other.reason != skip.reason) {
            let what = if skip.failed_cells > 0 {
                "failed"
            } else {
                "skipped"
            };
            self.observer.note(&format!("{what}: {}", skip.reason));
        }
        self.skipped.push(skip);
    }

    /// All of a dataset.
    pub(crate) fn add_dataset(&mut self, dataset: &impl Display, reason: String) {
        self.add(Skip {
            dataset: Some(dataset.to_string()),
            reason,
            ..Skip::default()
        });
    }

    /// The benchmark, unless it is left out.
    ///
    /// # Errors
    /// It cannot be had and is one of those required, or is not what it should be.
    pub(crate) fn benchmark(
        &mut self,
        resources: &Resources,
        dataset: &Dataset,
        required: &[Dataset],
    ) -> Result<Option<Arc<Benchmark>>, Error> {
        match resources.benchmark(dataset)? {
            Ok(benchmark) => Ok(Some(benchmark)),
            Err(reason) if required.contains(dataset) => Err(Error::Required(reason)),
            Err(reason) => {
                self.add_dataset(dataset, reason);
                Ok(None)
            }
        }
    }

    /// The embedder, unless the dataset is left out for want of it.
    ///
    /// # Errors
    /// It is not what it should be.
    pub(crate) fn embedder(
        &mut self,
        resources: &Resources,
        kind: EmbedderKind,
        dataset: &Dataset,
    ) -> Result<Option<Arc<dyn Embedder>>, Error> {
        match resources.embedder(kind)? {
            Ok(embedder) => Ok(Some(embedder)),
            Err(reason) => {
                self.add_dataset(dataset, reason);
                Ok(None)
            }
        }
    }

    pub(crate) fn into_skipped(self) -> Vec<Skip> {
        self.skipped
    }
}
