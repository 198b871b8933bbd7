//! Which rows an experiment makes.

use oats_datasets::Dataset;

use super::{Experiment, Grid, RouterEntry};
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
        let sides = ["router", "baseline"].map(|column| row.label(column));
        let sides: Option<Vec<&RouterEntry>> = sides
            .into_iter()
            .flatten()
            .map(|label| self.routers_on(grid).find(|router| router.label == label))
            .collect();
        sides.is_some_and(|sides| {
            is_of_dataset(row, &grid.datasets)
                && is_one_of(row, "split", &grid.splits)
                && is_one_of(row, "outcomes", &grid.outcomes)
                && is_one_of(row, "pool", &grid.pools)
                && is_read_by(&sides, grid, row)
                && sides.iter().all(|router| has_seeds(router, grid, row))
        })
    }
}

/// Whether the row's embedder is that of the first side that reads any.
fn is_read_by(sides: &[&RouterEntry], grid: &Grid, row: &impl Row) -> bool {
    match sides.iter().find(|router| router.spec.reads_embeddings()) {
        None => is_one_of(row, "embedder", [NO_EMBEDDER]),
        Some(router) => {
            let embedders = grid.embedders.iter();
            let read = embedders.filter(|&&embedder| router.is_run_with(embedder));
            is_one_of(row, "embedder", read)
        }
    }
}

/// Whether the row is of one of the router's seeds, or a mean over at most as many.
fn has_seeds(router: &RouterEntry, grid: &Grid, row: &impl Row) -> bool {
    let seeds = router.seeds_of(grid);
    match row.seeds() {
        Some(count) => count <= seeds.len(),
        None => is_one_of(row, "seed", seeds),
    }
}

/// A row without the column is one of any.
pub(crate) fn is_one_of<T: ToString>(
    row: &impl Row,
    column: &str,
    values: impl IntoIterator<Item = T>,
) -> bool {
    row.label(column)
        .is_none_or(|label| values.into_iter().any(|value| value.to_string() == label))
}

pub(crate) fn is_of_dataset(row: &impl Row, datasets: &[Dataset]) -> bool {
    row.label("dataset")
        .is_none_or(|label| datasets.iter().any(|dataset| dataset.can_be(label)))
}
