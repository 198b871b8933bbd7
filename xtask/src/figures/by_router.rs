//! A metric by router and split: a block of panels for each pool, a panel for each dataset and embedder.

use anyhow::Result;
use oats_harness::rows::MetricRow;

use super::{
    POOLS, Shown, columns,
    dots::{Block, Dots, Mark, Panel, Shape},
    is_with, ordered, style,
};

const SPLITS: [(&str, Shape, &str); 3] = [
    (
        "instance",
        Shape::Ring,
        "instance split: test queries may stand in training (with candidates: the paper's protocol)",
    ),
    (
        "query",
        Shape::Dot,
        "query split: no query text on both sides",
    ),
    (
        "tool",
        Shape::Triangle,
        "tool split: the test queries' tools have no training outcomes",
    ),
];

/// Every split of every router.
pub(super) fn draw(shown: &Shown<'_>, title: &str) -> Result<Option<String>> {
    draw_rows(shown, &shown.rows, title, false)
}

/// What leakage is worth: a router's two splits tied together, where they differ and it learns.
pub(super) fn draw_pairs(shown: &Shown<'_>, title: &str) -> Result<Option<String>> {
    let rows = shown.rows.iter().copied();
    // No query of the built-in set stands in it twice.
    let rows: Vec<&MetricRow> = rows
        .filter(|row| row.dataset != "builtin" && row.router != "random")
        .collect();
    draw_rows(shown, &rows, title, true)
}

fn draw_rows(
    shown: &Shown<'_>,
    rows: &[&MetricRow],
    title: &str,
    tied: bool,
) -> Result<Option<String>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let splits: Vec<_> = SPLITS
        .into_iter()
        .filter(|(split, ..)| rows.iter().any(|row| row.split == *split))
        .collect();
    let routers = ordered(rows.iter().map(|row| row.router.as_str()), &shown.routers);
    let mark = |row: &MetricRow| {
        let lane = splits.iter().position(|(split, ..)| *split == row.split)?;
        let middle = (splits.len() as f64 - 1.0) / 2.0;
        Some(Mark {
            row: routers.iter().position(|router| row.router == *router)?,
            place: 0.27 * (lane as f64 - middle),
            value: row.value.get(),
            interval: (row.ci_low.get(), row.ci_high.get()),
            shape: splits[lane].1,
            colour: style::colour(&row.router),
        })
    };
    let panel = |pool: &str, dataset: &str, embedder: &str| {
        let own = rows
            .iter()
            .filter(|row| row.dataset == dataset && row.pool == pool && is_with(row, embedder));
        Panel {
            title: format!("{dataset}, {pool} ({embedder})"),
            marks: own.filter_map(|row| mark(row)).collect(),
        }
    };
    let pools = ordered(rows.iter().map(|row| row.pool.as_str()), &POOLS);
    let blocks = pools.into_iter().map(|pool| Block {
        title: None,
        rows: style::rows(&routers),
        panels: columns(
            rows.iter()
                .map(|row| (row.dataset.as_str(), row.embedder.as_str())),
        )
        .into_iter()
        .map(|(dataset, embedder)| panel(pool, dataset, embedder))
        .collect(),
    });
    let dots = Dots {
        caption: vec![format!("{} No mark: not run.", shown.caption("bars"))],
        legend: splits
            .iter()
            .map(|(_, shape, meaning)| (*shape, (*meaning).to_owned()))
            .collect(),
        left: 210,
        row: 12 * splits.len() as u32,
        axis: (0.0, 1.0),
        unit: shown.metric_title(),
        tied,
        blocks: blocks.collect(),
    };
    dots.draw(title).map(Some)
}
