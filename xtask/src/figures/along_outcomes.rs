//! The metric against how many or how reliable the outcomes are: a line for each router, a panel for
//! each dataset, kind of outcomes, and pool.

use anyhow::Result;
use oats_harness::rows::MetricRow;
use plotters::prelude::*;

use super::{
    Shown,
    style::{self, Canvas},
};

const PANEL: (u32, u32) = (560, 440);
const TOP: u32 = 96;
const LEAST_WIDTH: u32 = 780;
/// Room on the right of a panel for its lines' names.
const LABELS: u32 = 158;
/// Least distance between two of these names.
const LABEL_HEIGHT: i32 = 15;

pub(super) fn draw(shown: &Shown<'_>, experiment: &str) -> Result<Option<String>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for row in &shown.rows {
        let Some((kind, _)) = amount(row) else {
            continue;
        };
        let same = |panel: &&mut Panel<'_>| {
            (panel.dataset, panel.kind, panel.pool)
                == (row.dataset.as_str(), kind, row.pool.as_str())
        };
        match panels.iter_mut().find(same) {
            Some(panel) => panel.rows.push(row),
            None => panels.push(Panel {
                dataset: &row.dataset,
                kind,
                pool: &row.pool,
                rows: vec![row],
            }),
        }
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let columns = panels
        .iter()
        .map(|panel| panel.pool)
        .fold(Vec::new(), |mut pools: Vec<&str>, pool| {
            if !pools.contains(&pool) {
                pools.push(pool);
            }
            pools
        })
        .len();
    let lines = panels.len().div_ceil(columns);
    let size = (
        (PANEL.0 * columns as u32).max(LEAST_WIDTH),
        TOP + PANEL.1 * lines as u32,
    );
    let svg = style::svg(size, |canvas| {
        let below = [
            format!(
                "Mean over {}; bands: 95 % bootstrap intervals over distinct test queries.",
                shown.seeds()
            ),
            "Query split: no test query stands in training.".to_owned(),
        ];
        style::heading(canvas, title(experiment), &below)?;
        for (index, panel) in panels.iter().enumerate() {
            let (line, column) = ((index / columns) as u32, (index % columns) as u32);
            let place = (PANEL.0 * column, TOP + PANEL.1 * line);
            let area = canvas.clone().shrink(place, PANEL);
            panel.draw(&area, shown)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn title(experiment: &str) -> &str {
    match experiment {
        "density" => "How many outcomes does a router need?",
        "noise" => "How much noise does a router bear?",
        "bandit" => "Learning from the outcomes of chosen tools only",
        other => other,
    }
}

/// `("per-tool", "10")` of `per-tool-10`.
fn amount(row: &MetricRow) -> Option<(&str, &str)> {
    row.outcomes.rsplit_once('-')
}

struct Panel<'a> {
    dataset: &'a str,
    kind: &'a str,
    pool: &'a str,
    rows: Vec<&'a MetricRow>,
}

impl Panel<'_> {
    fn draw(&self, area: &Canvas<'_>, shown: &Shown<'_>) -> Result<()> {
        let mut amounts: Vec<&str> = Vec::new();
        for row in &self.rows {
            if let Some((_, amount)) = amount(row)
                && !amounts.contains(&amount)
            {
                amounts.push(amount);
            }
        }
        let bounds = |value: fn(&MetricRow) -> f64, start: f64, pick: fn(f64, f64) -> f64| {
            self.rows.iter().map(|row| value(row)).fold(start, pick)
        };
        let floor = bounds(|row| row.ci_low.get(), 1.0, f64::min);
        let ceiling = bounds(|row| row.ci_high.get(), 0.0, f64::max);
        let (floor, ceiling) = (
            (floor * 20.0).floor() / 20.0,
            (ceiling * 20.0).ceil() / 20.0,
        );
        let last = amounts.len().saturating_sub(1).max(1) as f64;
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(LABELS)
            .x_label_area_size(44)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..last, floor..ceiling)?;
        style::axes(&mut chart.configure_mesh())
            .disable_x_mesh()
            .x_labels(amounts.len())
            .x_label_formatter(&|x| {
                let known = amounts.get(x.round() as usize);
                known.map_or(String::new(), |label| (*label).to_owned())
            })
            .y_label_formatter(&|y| format!("{y:.2}"))
            .x_desc(format!(
                "{}: {}, {}",
                unit(self.kind),
                self.dataset,
                self.pool
            ))
            .y_desc(shown.metric_title())
            .draw()?;
        let mut ends: Vec<(i32, &str)> = Vec::new();
        for router in &shown.routers {
            let line: Vec<(f64, &MetricRow)> = amounts
                .iter()
                .enumerate()
                .filter_map(|(x, label)| {
                    let mut own = self.rows.iter().filter(|row| row.router == *router);
                    let row = own.find(|row| amount(row).is_some_and(|(_, at)| at == *label))?;
                    Some((x as f64, *row))
                })
                .collect();
            let Some((x, end)) = line.last() else {
                continue;
            };
            let colour = style::colour(router);
            let low = line.iter().map(|(x, row)| (*x, row.ci_low.get()));
            let high = line.iter().rev().map(|(x, row)| (*x, row.ci_high.get()));
            let band: Vec<(f64, f64)> = low.chain(high).collect();
            let points: Vec<(f64, f64)> =
                line.iter().map(|(x, row)| (*x, row.value.get())).collect();
            chart.draw_series([Polygon::new(band, colour.mix(0.10).filled())])?;
            chart.draw_series(points.iter().map(|&at| Circle::new(at, 3, colour.filled())))?;
            let stroke = colour.stroke_width(2);
            if style::is_variant(router) {
                chart.draw_series(DashedLineSeries::new(points, 6, 4, stroke))?;
            } else {
                chart.draw_series(LineSeries::new(points, stroke))?;
            }
            ends.push((chart.backend_coord(&(*x, end.value.get())).1, router));
        }
        let (left, top) = area.get_base_pixel();
        let x = chart.backend_coord(&(last, floor)).0 - left + 10;
        for (y, router) in style::apart(ends, LABEL_HEIGHT) {
            area.draw(&Text::new(
                style::title(router).to_owned(),
                (x, y - top - 7),
                style::text(12, style::colour(router)),
            ))?;
        }
        Ok(())
    }
}

/// What the horizontal axis counts.
fn unit(kind: &str) -> &str {
    match kind {
        "per-tool" => "outcomes a tool at most",
        "flipped" => "share of flipped outcomes",
        "shown" => "share of flipped outcomes, shown tools only",
        "calls" => "logged calls",
        other => other,
    }
}
