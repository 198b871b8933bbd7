//! What each variant of a router changes: differences with their intervals, a block of panels for each
//! router that variants are held against and each pool, a panel for each dataset and embedder.

use anyhow::Result;
use oats_harness::{
    Experiment,
    rows::{Row, TestRow, means_over_most_seeds},
};

use super::{
    POOLS, columns,
    dots::{Block, Dots, Mark, Panel, Shape},
    ordered, seeds, style,
};

pub(super) fn draw(
    experiment: &Experiment,
    rows: &[TestRow],
    title: &str,
) -> Result<Option<String>> {
    let Some(metric) = experiment.metrics.first().map(ToString::to_string) else {
        return Ok(None);
    };
    let rows = rows.iter().filter(|row| {
        row.metric == metric
            && row.subset == "all"
            && Some(row.baseline.as_str()) == held_against(experiment, &row.router)
    });
    let rows: Vec<&TestRow> = means_over_most_seeds(rows);
    let baselines: Vec<&str> = experiment
        .baselines
        .iter()
        .map(String::as_str)
        .filter(|baseline| rows.iter().any(|row| row.baseline == *baseline))
        .collect();
    if baselines.is_empty() {
        return Ok(None);
    }
    let columns = columns(
        rows.iter()
            .map(|row| (row.dataset.as_str(), row.embedder.as_str())),
    );
    let pools = ordered(rows.iter().map(|row| row.pool.as_str()), &POOLS);
    let block = |baseline: &str, pool: &str| {
        let own: Vec<&TestRow> = (rows.iter().copied())
            .filter(|row| row.baseline == baseline && row.pool == pool)
            .collect();
        let routers: Vec<&str> = (experiment.routers.iter())
            .map(|router| router.label.as_str())
            .filter(|router| own.iter().any(|row| row.router == *router))
            .collect();
        let panel = |&(dataset, embedder): &(&str, &str)| Panel {
            title: format!("{dataset}, {pool} ({embedder})"),
            marks: (own.iter())
                .filter(|row| row.dataset == dataset && row.embedder == embedder)
                .filter_map(|row| mark(row, &routers))
                .collect(),
        };
        Block {
            title: (baselines.len() > 1).then(|| format!("from {}", style::title(baseline))),
            rows: routers
                .iter()
                .map(|router| (short(router, baseline), style::INK))
                .collect(),
            panels: columns.iter().map(panel).collect(),
        }
    };
    let blocks = baselines
        .iter()
        .flat_map(|baseline| pools.iter().map(|pool| block(baseline, pool)))
        .collect();
    let splits = ordered(rows.iter().map(|row| row.split.as_str()), &[]);
    let names: Vec<&str> = baselines
        .iter()
        .map(|baseline| style::title(baseline))
        .collect();
    let dots = Dots {
        caption: vec![
            format!(
                "Differences from {}, {} split. Means over {}; bars: 95 % bootstrap intervals over distinct test queries.",
                names.join(", below from "),
                splits.join(" and "),
                seeds(rows.iter().filter_map(|row| row.seeds())),
            ),
            "Filled: the interval does not hold 0, green above it, violet below.".to_owned(),
        ],
        legend: Vec::new(),
        left: 240,
        row: 22,
        axis: style::span(
            rows.iter()
                .flat_map(|row| [row.ci_low.get(), row.ci_high.get(), 0.0]),
        ),
        unit: format!("difference in {}", metric.to_uppercase()),
        tied: false,
        blocks,
    };
    dots.draw(title).map(Some)
}

/// The baseline that a router is named after, else the first.
fn held_against<'a>(experiment: &'a Experiment, router: &str) -> Option<&'a str> {
    let baselines = || experiment.baselines.iter().map(String::as_str);
    if baselines().any(|baseline| baseline == router) {
        return baselines().next();
    }
    let namesakes = baselines().filter(|baseline| router.starts_with(baseline));
    namesakes
        .max_by_key(|baseline| baseline.len())
        .or_else(|| baselines().next())
}

/// A variant's label without the name that all of its block share.
fn short<'a>(router: &'a str, baseline: &str) -> &'a str {
    match router
        .strip_prefix(baseline)
        .and_then(|rest| rest.strip_prefix('-'))
    {
        Some(rest) => rest,
        None => style::title(router),
    }
}

fn mark(row: &TestRow, routers: &[&str]) -> Option<Mark> {
    let [value, low, high] = [row.difference, row.ci_low, row.ci_high].map(|number| number.get());
    let is_clear = low > 0.0 || high < 0.0;
    Some(Mark {
        row: routers.iter().position(|router| row.router == *router)?,
        place: 0.0,
        value,
        interval: (low, high),
        shape: if is_clear { Shape::Dot } else { Shape::Ring },
        colour: if is_clear {
            if value > 0.0 {
                style::BETTER
            } else {
                style::WORSE
            }
        } else {
            style::FAINT
        },
    })
}
