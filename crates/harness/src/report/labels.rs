//! Which rows a section reads, in which order, on which page.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{COLUMNS, Measured};
use crate::{Experiment, rows::Row};

/// Lists of labels by column; a row must have one of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Only(BTreeMap<String, Vec<String>>);

impl Only {
    pub(super) fn columns(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    fn admits(&self, row: &impl Row, first_metric: &str) -> bool {
        let default = |column: &str| match column {
            "subset" => Some("all"),
            "metric" => Some(first_metric),
            _ => None,
        };
        COLUMNS.iter().all(|&column| {
            let label = row.label(column);
            match self.0.get(column) {
                Some(list) => label.is_some_and(|label| list.iter().any(|one| one == label)),
                None => default(column).is_none_or(|one| label == Some(one)),
            }
        })
    }
}

/// The order in which an experiment names its labels; others come after, by name.
pub(super) struct Order(HashMap<(&'static str, String), usize>);

impl Order {
    pub(super) fn of(experiment: &Experiment) -> Self {
        let grids = &experiment.grids;
        let datasets = grids.iter().flat_map(|grid| &grid.datasets);
        let splits = grids.iter().flat_map(|grid| &grid.splits);
        let outcomes = grids.iter().flat_map(|grid| &grid.outcomes);
        let pools = grids.iter().flat_map(|grid| &grid.pools);
        let routers = experiment.routers.iter();
        let metrics = experiment.metrics.iter();
        let named = datasets
            .map(|label| ("dataset", label.to_string()))
            .chain(splits.map(|label| ("split", label.to_string())))
            .chain(outcomes.map(|label| ("outcomes", label.to_string())))
            .chain(pools.map(|label| ("pool", label.to_string())))
            .chain(routers.map(|router| ("router", router.label.clone())))
            .chain(metrics.map(|label| ("metric", label.to_string())));
        let mut order = HashMap::new();
        for label in named {
            let next = order.len();
            order.entry(label).or_insert(next);
        }
        Self(order)
    }

    fn rank(&self, column: &'static str, label: &str) -> usize {
        let known = self.0.get(&(column, label.to_owned()));
        known.copied().unwrap_or(usize::MAX)
    }
}

impl Measured<'_> {
    /// The rows that `only` admits: means over seeds, over the most where there are several, in the
    /// experiment's order.
    pub(super) fn rows<'r, R: Row>(&self, rows: &'r [R], only: &Only) -> Vec<&'r R> {
        let mut most: BTreeMap<Vec<&str>, (usize, &'r R)> = BTreeMap::new();
        for row in rows {
            let Some(seeds) = seeds(row) else { continue };
            if !only.admits(row, &self.first_metric) {
                continue;
            }
            let labels = row
                .key()
                .into_iter()
                .filter(|label| Some(*label) != row.label("seed"));
            let kept = most.entry(labels.collect()).or_insert((seeds, row));
            if seeds > kept.0 {
                *kept = (seeds, row);
            }
        }
        let mut rows: Vec<&R> = most.into_values().map(|(_, row)| row).collect();
        rows.sort_by_cached_key(|row| {
            COLUMNS.map(|column| {
                let label = row.label(column).unwrap_or_default();
                (self.order.rank(column, label), label.to_owned())
            })
        });
        rows
    }

    /// Rows by page: those that agree in all columns but `across`, router and embedder. A page's
    /// title names the columns in which the pages differ.
    pub(super) fn pages<'r, R: Row>(
        &self,
        rows: Vec<&'r R>,
        across: &[String],
    ) -> Vec<(String, Vec<&'r R>)> {
        let fixed: Vec<&str> = COLUMNS
            .into_iter()
            .filter(|&column| !["router", "embedder"].contains(&column))
            .filter(|column| !across.iter().any(|name| name == column))
            .filter(|column| {
                let mut labels = rows.iter().map(|row| row.label(column));
                let first = labels.next();
                // A data set is always named: it is what a number is of.
                *column == "dataset" || labels.any(|label| Some(label) != first)
            })
            .collect();
        let mut pages: Vec<(String, Vec<&'r R>)> = Vec::new();
        for row in rows {
            let title = title(row, &fixed);
            match pages.iter_mut().find(|(known, _)| *known == title) {
                Some((_, page)) => page.push(row),
                None => pages.push((title, vec![row])),
            }
        }
        pages
    }
}

/// N of `mean-of-N`.
pub(super) fn seeds(row: &impl Row) -> Option<usize> {
    row.label("seed")?.strip_prefix("mean-of-")?.parse().ok()
}

/// The row's labels in words: `metatool, query split, candidates`.
pub(super) fn title<R: Row>(row: &R, columns: &[&str]) -> String {
    let words = columns.iter().filter_map(|&column| {
        let label = row.label(column)?;
        Some(match column {
            "split" => format!("{label} split"),
            "subset" => format!("subset {label}"),
            _ => label.to_owned(),
        })
    });
    words.collect::<Vec<_>>().join(", ")
}
