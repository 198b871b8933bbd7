//! What an experiment's TOML must and must not say.

use std::{collections::HashSet, fmt::Display};

use oats_datasets::Dataset;

use super::{Experiment, Grid, RouterEntry};
use crate::journal;

impl Experiment {
    pub(super) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        check_list("metrics", &self.metrics)?;
        if let Some(subsets) = &self.subsets {
            check_list("subsets", subsets)?;
        }
        let labels: Vec<&str> = self.routers.iter().map(|r| r.label.as_str()).collect();
        check_list("routers", &labels)
            .map_err(|problem| format!("{problem}; a router's label is set with `label = …`"))?;
        for router in &self.routers {
            check_name("routers: label", &router.label)?;
            self.check_embedders(router)
                .map_err(|problem| format!("routers: {}: {problem}", router.label))?;
        }
        check_list("baselines", &self.baselines)?;
        known(&self.baselines, &labels).map_err(|problem| format!("baselines: {problem}"))?;
        let datasets: Vec<&Dataset> = self.grids.iter().flat_map(|grid| &grid.datasets).collect();
        check_list("grid: datasets", &datasets)?;
        for (number, grid) in (1..).zip(&self.grids) {
            self.check_grid(grid, &labels)
                .map_err(|problem| format!("grid {number}: {problem}"))?;
        }
        self.report
            .iter()
            .try_for_each(|section| section.check(self))
    }

    fn check_grid(&self, grid: &Grid, labels: &[&str]) -> Result<(), String> {
        check_list("datasets", &grid.datasets)?;
        if let Some(routers) = &grid.routers {
            check_list("routers", routers)?;
            known(routers, labels).map_err(|problem| format!("routers: {problem}"))?;
        }
        check_list("splits", &grid.splits)?;
        check_list("outcomes", &grid.outcomes)?;
        check_list("pools", &grid.pools)?;
        check_list("seeds", &grid.seeds)?;
        if self.needs_embedder(grid) || !grid.embedders.is_empty() {
            check_list("embedders", &grid.embedders)?;
        }
        if let Some(quick) = &grid.quick {
            let labels: Vec<&str> = self.routers_on(grid).map(|r| r.label.as_str()).collect();
            quick
                .check(grid, &labels)
                .map_err(|problem| format!("quick: {problem}"))?;
        }
        Ok(())
    }

    fn check_embedders(&self, router: &RouterEntry) -> Result<(), String> {
        let Some(embedders) = &router.embedders else {
            return Ok(());
        };
        if !router.spec.reads_embeddings() {
            return Err("embedders: the router reads none".to_owned());
        }
        check_list("embedders", embedders)?;
        let of_grids = || self.grids.iter().flat_map(|grid| &grid.embedders);
        match embedders
            .iter()
            .find(|&embedder| of_grids().all(|other| other != embedder))
        {
            Some(other) => Err(format!("embedders: no grid has `{other}`")),
            None => Ok(()),
        }
    }
}

pub(crate) fn known(named: &[String], labels: &[&str]) -> Result<(), String> {
    match named.iter().find(|name| !labels.contains(&name.as_str())) {
        Some(unknown) => Err(format!(
            "`{unknown}` is none of the routers' labels, {}",
            labels.join(", ")
        )),
        None => Ok(()),
    }
}

/// Rows are told apart by what the lists name, and nothing is run without it.
pub(crate) fn check_list(field: &str, list: &[impl Display]) -> Result<(), String> {
    if list.is_empty() {
        return Err(format!(
            "{field}: the list is empty, so nothing would be run; name at least one"
        ));
    }
    let mut seen = HashSet::new();
    match list.iter().find(|entry| !seen.insert(entry.to_string())) {
        Some(twice) => Err(format!("{field}: `{twice}` stands twice; name each once")),
        None => Ok(()),
    }
}

/// An experiment's name is that of its folder.
pub(crate) fn check_folder(name: &str) -> Result<(), String> {
    check_name("name", name)?;
    if name == journal::FOLDER {
        return Err(format!(
            "name: `{name}` is the folder that unfinished runs keep their cells in; use another"
        ));
    }
    Ok(())
}

/// Names become parts of file names and of TREC's lines.
fn check_name(field: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "{field}: `{name}` is to be part of file names; use letters, digits, `-`, `_` and `.`, a \
         letter or digit first"
    ))
}
