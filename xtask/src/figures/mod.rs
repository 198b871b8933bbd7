//! Figures, drawn from `metrics.csv` alone: SVG by plotters, PNG from the SVG by resvg, both with
//! the same bundled font, so that they are the same bytes on every machine.

mod along_outcomes;
mod by_router;
mod convergence;
mod style;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use oats_harness::{Experiment, rows::MetricRow, write_whole};

/// The name of the experiment's figure, if it has one.
pub(crate) fn name(experiment: &str) -> Option<&'static str> {
    match experiment {
        "main" => Some("ndcg-by-router"),
        "s1-convergence" => Some("convergence"),
        "density" => Some("density"),
        "noise" => Some("noise"),
        "bandit" => Some("bandit"),
        _ => None,
    }
}

/// Draws the experiment's figures into `folder` and returns their files. An experiment without a
/// figure of its own, or with nothing to draw, has none.
pub(crate) fn draw(
    experiment: &Experiment,
    rows: &[MetricRow],
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let Some(name) = name(&experiment.name) else {
        return Ok(Vec::new());
    };
    let shown = Shown::of(experiment, rows);
    let svg = match name {
        "ndcg-by-router" => by_router::draw(&shown)?,
        "convergence" => convergence::draw(&shown)?,
        _ => along_outcomes::draw(&shown, &experiment.name)?,
    };
    let Some(svg) = svg else {
        return Ok(Vec::new());
    };
    let (svg_file, png_file) = (
        folder.join(format!("{name}.svg")),
        folder.join(format!("{name}.png")),
    );
    let png = style::rasterise(&svg)?;
    write_whole(&svg_file, |out| out.write_all(svg.as_bytes()))?;
    write_whole(&png_file, |out| out.write_all(&png))?;
    Ok(vec![svg_file, png_file])
}

/// The rows a figure shows: the experiment's first metric over all test queries, each a mean over the
/// most seeds that the router was run with.
struct Shown<'a> {
    rows: Vec<&'a MetricRow>,
    /// Labels in the experiment's order.
    routers: Vec<&'a str>,
    metric: String,
}

impl<'a> Shown<'a> {
    fn of(experiment: &'a Experiment, rows: &'a [MetricRow]) -> Self {
        let metric = experiment.metrics.first().map(ToString::to_string);
        let metric = metric.unwrap_or_default();
        let mut most: BTreeMap<[&str; 6], &MetricRow> = BTreeMap::new();
        for row in rows
            .iter()
            .filter(|row| row.metric == metric && row.subset == "all" && seeds(row) > 0)
        {
            let key = [
                &row.dataset,
                &row.split,
                &row.outcomes,
                &row.pool,
                &row.embedder,
                &row.router,
            ];
            let kept = most.entry(key.map(String::as_str)).or_insert(row);
            if seeds(row) > seeds(kept) {
                *kept = row;
            }
        }
        // Amounts of outcomes in the experiment's order, not by name.
        let amounts: Vec<String> = experiment
            .grids
            .iter()
            .flat_map(|grid| grid.outcomes.iter().map(ToString::to_string))
            .collect();
        let mut rows: Vec<&MetricRow> = most.into_values().collect();
        rows.sort_by_key(|row| amounts.iter().position(|amount| *amount == row.outcomes));
        Self {
            rows,
            routers: experiment
                .routers
                .iter()
                .map(|r| r.label.as_str())
                .collect(),
            metric,
        }
    }

    /// How many seeds the means are over, in words.
    fn seeds(&self) -> String {
        let counts = || self.rows.iter().map(|row| seeds(row));
        match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
            (1, 1) => "1 seed".to_owned(),
            (least, most) if least == most => format!("{most} seeds"),
            (least, most) => format!("{least} to {most} seeds"),
        }
    }

    /// The metric as an axis says it.
    fn metric_title(&self) -> String {
        self.metric.to_uppercase()
    }
}

/// N of `mean-of-N`; 0 for a single seed's row.
fn seeds(row: &MetricRow) -> usize {
    row.seed
        .strip_prefix("mean-of-")
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// The labels in the order of `order`, those it does not name last and by name.
fn ordered<'a>(labels: impl Iterator<Item = &'a str>, order: &[&str]) -> Vec<&'a str> {
    let rank = |label: &str| {
        order
            .iter()
            .position(|&o| o == label)
            .unwrap_or(order.len())
    };
    let mut labels: Vec<&str> = labels.collect();
    labels.sort_by_key(|label| (rank(label), *label));
    labels.dedup();
    labels
}

const DATASETS: [&str; 4] = ["builtin", "metatool", "toole", "toolbench"];
const POOLS: [&str; 2] = ["candidates", "catalogue"];
