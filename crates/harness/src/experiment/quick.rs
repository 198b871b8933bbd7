//! What of a grid a quick run keeps.

use std::fmt::Display;

use oats_datasets::{Dataset, SplitKind};
use serde::Deserialize;

use super::{Grid, Pool, check::check_list};
use crate::{EmbedderKind, Outcomes};

/// Parts of the grid's lists of the same names; `None` keeps the whole list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quick {
    /// Of the benchmarks; none of them drops the grid.
    pub datasets: Option<Vec<Dataset>>,
    /// Of the routers' labels.
    pub routers: Option<Vec<String>>,
    /// Of the embedders.
    pub embedders: Option<Vec<EmbedderKind>>,
    /// Of the kinds of split.
    pub splits: Option<Vec<SplitKind>>,
    /// Of the outcomes.
    pub outcomes: Option<Vec<Outcomes>>,
    /// Of the pools.
    pub pools: Option<Vec<Pool>>,
}

impl Quick {
    /// Checks the lists against the grid's, whose routers are `labels`.
    pub(super) fn check(&self, grid: &Grid, labels: &[&str]) -> Result<(), String> {
        match &self.datasets {
            Some(datasets) if datasets.is_empty() => Ok(()),
            datasets => check_part("datasets", datasets.as_deref(), &grid.datasets),
        }?;
        check_part("routers", self.routers.as_deref(), labels)?;
        check_part("embedders", self.embedders.as_deref(), &grid.embedders)?;
        check_part("splits", self.splits.as_deref(), &grid.splits)?;
        check_part("outcomes", self.outcomes.as_deref(), &grid.outcomes)?;
        check_part("pools", self.pools.as_deref(), &grid.pools)?;
        match (&self.embedders, grid.logger()) {
            (Some(kept), Some(logger)) if !kept.contains(&logger) => Err(format!(
                "embedders: the logs of routers that read no embeddings come from the grid's first, \
                 `{logger}`; keep it"
            )),
            _ => Ok(()),
        }
    }
}

impl Grid {
    pub(super) fn quicken(&mut self) {
        let Some(quick) = self.quick.take() else {
            return;
        };
        keep(&mut self.datasets, quick.datasets);
        keep(&mut self.embedders, quick.embedders);
        keep(&mut self.splits, quick.splits);
        keep(&mut self.outcomes, quick.outcomes);
        keep(&mut self.pools, quick.pools);
        if quick.routers.is_some() {
            self.routers = quick.routers;
        }
    }
}

/// Keeps the order of the whole list.
pub(crate) fn keep<T: PartialEq>(list: &mut Vec<T>, part: Option<Vec<T>>) {
    if let Some(part) = part {
        list.retain(|entry| part.contains(entry));
    }
}

/// Checks a part that a quick run keeps against the whole list.
pub(crate) fn check_part(
    name: &str,
    part: Option<&[impl Display]>,
    whole: &[impl Display],
) -> Result<(), String> {
    let Some(part) = part else {
        return Ok(());
    };
    check_list(name, part)?;
    let whole: Vec<String> = whole.iter().map(ToString::to_string).collect();
    match part
        .iter()
        .map(ToString::to_string)
        .find(|entry| !whole.contains(entry))
    {
        Some(other) => Err(format!(
            "{name}: `{other}` is not in the whole list, {}",
            whole.join(", ")
        )),
        None => Ok(()),
    }
}
