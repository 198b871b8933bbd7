//! Figures, drawn from `metrics.csv` alone: SVG by plotters, PNG from the SVG by resvg, both with
//! the same bundled font, so that they are the same bytes on every machine.

mod by_router;
mod convergence;
mod style;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use oats_harness::{rows::MetricRow, write_whole};

/// Draws the experiment's figures into `folder` and returns their files. An experiment without a
/// figure of its own, or with nothing to draw, has none.
pub(crate) fn draw(experiment: &str, rows: &[MetricRow], folder: &Path) -> Result<Vec<PathBuf>> {
    let (name, svg) = match experiment {
        "main" => ("ndcg-by-router", by_router::draw(rows)?),
        "s1-convergence" => ("convergence", convergence::draw(rows)?),
        _ => return Ok(Vec::new()),
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

/// The rows a figure shows: NDCG@5 over all test queries, learned from labels, the mean over the most
/// seeds there are for a router.
fn shown(rows: &[MetricRow]) -> Vec<&MetricRow> {
    let seeds = |row: &MetricRow| -> usize {
        row.seed
            .strip_prefix("mean-of-")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    let mut most: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        let most = most.entry(&row.router).or_default();
        *most = seeds(row).max(*most);
    }
    rows.iter()
        .filter(|row| {
            row.metric == "ndcg@5"
                && row.subset == "all"
                && row.outcomes == "all"
                && seeds(row) > 0
                && seeds(row) == most[row.router.as_str()]
        })
        .collect()
}

/// `mean-of-5` in words.
fn seeds(row: &MetricRow) -> String {
    format!("{} seeds", row.seed.trim_start_matches("mean-of-"))
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
