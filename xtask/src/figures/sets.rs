//! Which sets of tools are picked: F1, precision and recall by router; a block of panels for each pool, a
//! panel for each dataset, and each of its subsets of queries that need several tools.

use anyhow::Result;
use oats_harness::{
    Experiment,
    rows::{MetricRow, Row, means_over_most_seeds},
};

use super::{
    DATASETS, POOLS, by_embedder,
    dots::{Block, Dots, Mark, Panel, Shape},
    ordered, seeds, style,
};

const METRICS: [(&str, Shape, &str); 3] = [
    ("set-precision", Shape::Triangle, "precision of the set"),
    ("set-f1", Shape::Dot, "F1 of the set"),
    ("set-recall", Shape::Ring, "recall of the set"),
];

/// All queries, and those that need several tools.
const SUBSETS: [&str; 6] = [
    "all",
    "multi-tool",
    "two-tools",
    "g2-category",
    "g2-instruction",
    "g3-instruction",
];

pub(super) fn draw(
    experiment: &Experiment,
    rows: &[MetricRow],
    title: &str,
) -> Result<Option<String>> {
    let lane = |row: &MetricRow| {
        METRICS
            .iter()
            .position(|(metric, ..)| *metric == row.metric)
    };
    let rows = rows
        .iter()
        .filter(|row| lane(row).is_some() && SUBSETS.contains(&row.subset.as_str()));
    let rows: Vec<&MetricRow> = means_over_most_seeds(rows);
    if rows.is_empty() {
        return Ok(None);
    }
    let routers: Vec<&str> = (experiment.routers.iter())
        .map(|router| router.label.as_str())
        .filter(|router| rows.iter().any(|row| row.router == *router))
        .collect();
    let mark = |row: &MetricRow| {
        let lane = lane(row)?;
        Some(Mark {
            row: routers.iter().position(|router| row.router == *router)?,
            place: 0.27 * (lane as f64 - 1.0),
            value: row.value.get(),
            interval: (row.ci_low.get(), row.ci_high.get()),
            shape: METRICS[lane].1,
            colour: style::colour(&row.router),
        })
    };
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for dataset in ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS) {
        let own = rows.iter().filter(|row| row.dataset == dataset);
        let subsets = ordered(own.map(|row| row.subset.as_str()), &SUBSETS);
        columns.extend(subsets.into_iter().map(|subset| (dataset, subset)));
    }
    let block = |pool: &str| Block {
        title: None,
        rows: style::rows(&routers),
        panels: columns
            .iter()
            .map(|&(dataset, subset)| Panel {
                title: format!("{dataset}, {pool}: {subset}"),
                marks: (rows.iter())
                    .filter(|row| {
                        row.dataset == dataset && row.subset == subset && row.pool == pool
                    })
                    .filter_map(|row| mark(row))
                    .collect(),
            })
            .collect(),
    };
    let pools = ordered(rows.iter().map(|row| row.pool.as_str()), &POOLS);
    let splits = ordered(rows.iter().map(|row| row.split.as_str()), &[]);
    let dots = Dots {
        caption: vec![format!(
            "Split: {}. Embedder: {}. Means over {}; bars: 95 % bootstrap intervals over distinct test queries.",
            splits.join(" and "),
            by_embedder(
                rows.iter()
                    .map(|row| (row.dataset.as_str(), row.embedder.as_str()))
            ),
            seeds(rows.iter().filter_map(|row| row.seeds())),
        )],
        legend: METRICS
            .map(|(_, shape, meaning)| (shape, meaning.to_owned()))
            .into(),
        left: 210,
        row: 36,
        axis: (0.0, 1.0),
        unit: "share".to_owned(),
        tied: false,
        blocks: pools.into_iter().map(block).collect(),
    };
    dots.draw(title).map(Some)
}
