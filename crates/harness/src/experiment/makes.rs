//! Which rows an experiment makes.

use std::iter;

use oats_datasets::Dataset;

use super::{Experiment, Grid};
use crate::rows::{NO_EMBEDDER, Row};

impl Experiment {
    /// Whether the row is one that a run of the experiment makes, or a run of some of its datasets and
    /// seeds.
    pub(crate) fn makes(&self, row: &impl Row) -> bool {
        let is_tested = |baseline| {
            row.label("router")
                .is_some_and(|router| self.tests(router, baseline))
        };
        is_one_of(row, "experiment", [&self.name])
            && is_one_of(row, "metric", &self.metrics)
            && self
                .subsets
                .as_ref()
                .is_none_or(|subsets| is_one_of(row, "subset", subsets))
            && row.label("baseline").is_none_or(is_tested)
            && self.grids.iter().any(|grid| self.makes_on(grid, row))
    }

    fn makes_on(&self, grid: &Grid, row: &impl Row) -> bool {
        let routers = || self.routers_on(grid).map(|router| &router.label);
        let embedders = grid.embedders.iter().map(ToString::to_string);
        let means = (1..=grid.seeds.len()).map(|seeds| format!("mean-of-{seeds}"));
        let seeds = grid.seeds.iter().map(ToString::to_string);
        is_of_dataset(row, &grid.datasets)
            && is_one_of(row, "split", &grid.splits)
            && is_one_of(row, "outcomes", &grid.outcomes)
            && is_one_of(row, "pool", &grid.pools)
            && is_one_of(
                row,
                "embedder",
                embedders.chain(iter::once(NO_EMBEDDER.to_owned())),
            )
            && is_one_of(row, "router", routers())
            && is_one_of(row, "baseline", routers())
            && is_one_of(row, "seed", seeds.chain(means))
    }
}

/// A row without the column is one of any.
fn is_one_of<T: ToString>(
    row: &impl Row,
    column: &str,
    values: impl IntoIterator<Item = T>,
) -> bool {
    row.label(column)
        .is_none_or(|label| values.into_iter().any(|value| value.to_string() == label))
}

/// A folder's rows have the folder's name, without the way to it.
fn is_of_dataset(row: &impl Row, datasets: &[Dataset]) -> bool {
    let is_folder = |dataset: &Dataset| matches!(dataset, Dataset::Beir(_));
    is_one_of(row, "dataset", datasets)
        || (datasets.iter().any(is_folder)
            && row
                .label("dataset")
                .is_some_and(|label| label.starts_with("beir:")))
}
