//! Which rows a section reads, in which order, on which page.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Display,
};

use oats_datasets::Dataset;
use serde::{Deserialize, Serialize};

use super::{COLUMNS, Measured};
use crate::{
    Experiment,
    rows::{NO_EMBEDDER, Row, means_over_most_seeds},
};

/// No number is told without its data set and protocol.
pub(super) const ALWAYS_NAMED: [&str; 3] = ["dataset", "split", "pool"];

/// Lists of labels by column; a row must have one of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Only(BTreeMap<String, Vec<String>>);

impl Only {
    /// The columns, each with its labels.
    pub(super) fn lists(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter()
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

/// The labels that an experiment's rows can have in a column, in the order in which it names them;
/// `None` where its TOML does not say: the subsets are the benchmarks', and a folder is not a label.
pub(super) fn known_labels(experiment: &Experiment, column: &str) -> Option<Vec<String>> {
    fn texts<'a, T: Display + 'a>(labels: impl Iterator<Item = &'a T>) -> Vec<String> {
        labels.map(ToString::to_string).collect()
    }
    let grids = || experiment.grids.iter();
    let mut labels = match column {
        "dataset" => {
            if grids().any(|grid| grid.datasets.iter().any(Dataset::is_folder)) {
                return None;
            }
            texts(grids().flat_map(|grid| &grid.datasets))
        }
        "split" => texts(grids().flat_map(|grid| &grid.splits)),
        "outcomes" => texts(grids().flat_map(|grid| &grid.outcomes)),
        "pool" => texts(grids().flat_map(|grid| &grid.pools)),
        "subset" => experiment.subsets.clone()?,
        "router" => texts(experiment.routers.iter().map(|router| &router.label)),
        "embedder" => {
            let mut embedders = texts(grids().flat_map(|grid| &grid.embedders));
            embedders.push(NO_EMBEDDER.to_owned());
            embedders
        }
        "metric" => texts(experiment.metrics.iter()),
        _ => return None,
    };
    let mut seen = BTreeSet::new();
    labels.retain(|label| seen.insert(label.clone()));
    Some(labels)
}

impl Order {
    pub(super) fn of(experiment: &Experiment) -> Self {
        let columns = COLUMNS.into_iter().flat_map(|column| {
            let labels = known_labels(experiment, column).unwrap_or_default();
            let ranked = (0..).zip(labels);
            ranked.map(move |(rank, label)| ((column, label), rank))
        });
        Self(columns.collect())
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
        let admitted = rows
            .iter()
            .filter(|row| only.admits(*row, &self.first_metric));
        let mut rows = means_over_most_seeds(admitted);
        rows.sort_by_cached_key(|row| {
            COLUMNS.map(|column| {
                let label = row.label(column).unwrap_or_default();
                (self.order.rank(column, label), label.to_owned())
            })
        });
        rows
    }

    /// The LLMs that none of a page's rows is of.
    pub(super) fn unmeasured<R: Row>(&self, rows: &[&R]) -> Vec<&str> {
        let has_row = |llm: &str| rows.iter().any(|row| row.label("router") == Some(llm));
        let llms = self.llms.iter().copied();
        llms.filter(|llm| !has_row(llm)).collect()
    }

    /// Rows by page: those that agree in all columns but `across`, router and embedder. A page's
    /// title names the columns in which the pages differ, and what is always named.
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
                ALWAYS_NAMED.contains(column) || labels.any(|label| Some(label) != first)
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

/// The heading of a page of rows, which tells over how many seeds their means are.
pub(super) fn page_heading<R: Row>(title: &str, rows: &[&R]) -> String {
    let seeds = seeds_in_words(rows.iter().filter_map(|row| row.seeds()).max());
    match title {
        "" => format!("\nMeans over {seeds}.\n\n"),
        title => format!("\n### {title} ({seeds})\n\n"),
    }
}

/// `1 seed`, `5 seeds`.
pub(super) fn seeds_in_words(seeds: Option<usize>) -> String {
    match seeds.unwrap_or(1) {
        1 => "1 seed".to_owned(),
        count => format!("{count} seeds"),
    }
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
