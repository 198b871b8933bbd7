//! Differences between two sides with their intervals: of two routers a row for each metric, of two runs a
//! row for each router and metric; a panel for each data set, split, pool and embedder.

use anyhow::Result;
use oats_harness::rows::{ComparedRow, Row};

use super::{
    dots::{Block, Dots, Mark, Panel, Shape},
    ordered, seeds, style,
};

pub(super) fn draw(rows: &[ComparedRow], title: &str) -> Result<Option<String>> {
    let rows: Vec<&ComparedRow> = rows.iter().filter(|row| row.subset == "all").collect();
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let sides = |row: &ComparedRow| (row.router.clone(), row.baseline.clone());
    let is_one_pair = rows.iter().all(|row| sides(row) == sides(first));
    let label = |row: &ComparedRow| match is_one_pair {
        true => row.metric.clone(),
        false => format!("{}, {}", style::title(&row.router), row.metric),
    };
    let place = |row: &ComparedRow| {
        let mut parts = vec![&row.dataset, &row.split, &row.outcomes, &row.pool];
        parts.retain(|part| *part != "all");
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).collect();
        format!("{} ({})", parts.join(", "), row.embedder)
    };
    let labels: Vec<String> = rows.iter().map(|row| label(row)).collect();
    let labels = ordered(labels.iter().map(String::as_str), &[]);
    let places: Vec<String> = rows.iter().map(|row| place(row)).collect();
    let mark = |row: &ComparedRow| {
        let own = label(row);
        Some(Mark {
            row: labels.iter().position(|label| *label == own)?,
            place: 0.0,
            value: row.difference.get(),
            interval: (row.ci_low.get(), row.ci_high.get()),
            shape: match row.is_significant() {
                true => Shape::Dot,
                false => Shape::Ring,
            },
            colour: style::INK,
        })
    };
    let panel = |title: &str| Panel {
        title: title.to_owned(),
        marks: (rows.iter().filter(|row| place(row) == title))
            .filter_map(|row| mark(row))
            .collect(),
    };
    let what = match is_one_pair {
        true => format!(
            "{} minus {}",
            style::title(&first.router),
            style::title(&first.baseline)
        ),
        false => "This run minus the other".to_owned(),
    };
    let dots = Dots {
        caption: vec![
            format!(
                "{what}. Means over {}; bars: 95 % intervals, by t over what is paired.",
                seeds(rows.iter().filter_map(|row| row.seeds())),
            ),
            "Filled: significant after Holm's correction for all tests of the metric over all queries.".to_owned(),
        ],
        legend: Vec::new(),
        left: 240,
        row: 22,
        axis: style::span(
            rows.iter()
                .flat_map(|row| [row.ci_low.get(), row.ci_high.get(), 0.0]),
        ),
        unit: "difference".to_owned(),
        tied: false,
        blocks: vec![Block {
            title: None,
            rows: labels.iter().map(|label| (*label, style::INK)).collect(),
            panels: ordered(places.iter().map(String::as_str), &[])
                .into_iter()
                .map(panel)
                .collect(),
        }],
    };
    dots.draw(title).map(Some)
}
