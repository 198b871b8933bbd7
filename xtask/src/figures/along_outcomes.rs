//! The metric against how many or how reliable the outcomes are: a line for each router, a panel for
//! each dataset, split, kind of outcomes, embedder, and pool.

use anyhow::Result;
use oats_harness::rows::MetricRow;
use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    DATASETS, POOLS, Shown, embedders, is_with,
    names::{Column, Name},
    ordered,
    style::{self, Canvas},
};

const PANEL: (u32, u32) = (560, 460);
const TOP: u32 = 96;
const LEAST_WIDTH: u32 = 780;
/// Room on the right of a panel for its lines' names.
const LABELS: u32 = 170;

pub(super) fn draw(shown: &Shown<'_>, title: &str) -> Result<Option<String>> {
    let rows: Vec<&MetricRow> = shown.rows.iter().copied().filter(has_amount).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let pools = ordered(rows.iter().map(|row| row.pool.as_str()), &POOLS);
    let lines = lines(&rows);
    let size = (
        (PANEL.0 * pools.len() as u32).max(LEAST_WIDTH),
        TOP + PANEL.1 * lines.len() as u32,
    );
    let svg = style::svg(size, |canvas| {
        let splits = ordered(rows.iter().map(|row| row.split.as_str()), &[]);
        let below = match splits[..] {
            ["query"] => "Query split: no test query stands in training.".to_owned(),
            _ => format!("Split: {}.", splits.join(", ")),
        };
        style::heading(canvas, title, &[shown.caption("bands"), below])?;
        for (down, line) in (0..).zip(&lines) {
            for (across, pool) in (0..).zip(&pools) {
                let panel = Panel {
                    kind: line.kind,
                    title: line.title(pool, &lines),
                    rows: line.rows(&rows, pool),
                };
                if panel.rows.is_empty() {
                    continue;
                }
                let place = (PANEL.0 * across, TOP + PANEL.1 * down);
                panel.draw(&canvas.clone().shrink(place, PANEL), shown)?;
            }
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// What the panels side by side have in common; they differ in the pool.
struct Line<'a> {
    dataset: &'a str,
    split: &'a str,
    kind: &'a str,
    embedder: &'a str,
}

fn lines<'a>(rows: &[&'a MetricRow]) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for dataset in ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS) {
        let own = || rows.iter().copied().filter(|row| row.dataset == dataset);
        let kinds = own().filter_map(|row| amount(row).map(|(kind, _)| kind));
        for kind in ordered(kinds, &[]) {
            for split in ordered(own().map(|row| row.split.as_str()), &[]) {
                for embedder in embedders(own().map(|row| row.embedder.as_str())) {
                    lines.push(Line {
                        dataset,
                        split,
                        kind,
                        embedder,
                    });
                }
            }
        }
    }
    lines.retain(|line| rows.iter().any(|row| line.holds(row)));
    lines
}

impl Line<'_> {
    fn holds(&self, row: &MetricRow) -> bool {
        row.dataset == self.dataset
            && row.split == self.split
            && amount(row).is_some_and(|(kind, _)| kind == self.kind)
            && is_with(row, self.embedder)
    }

    fn rows<'a>(&self, rows: &[&'a MetricRow], pool: &str) -> Vec<&'a MetricRow> {
        let own = rows.iter().copied();
        own.filter(|row| row.pool == pool && self.holds(row))
            .collect()
    }

    /// Without a split or a kind of outcomes that all of `lines` share.
    fn title(&self, pool: &str, lines: &[Self]) -> String {
        let mut title = format!("{}, ", self.dataset);
        if lines.iter().any(|other| other.split != self.split) {
            title += &format!("{} split, ", self.split);
        }
        title += &format!("{pool} ({})", self.embedder);
        if lines.iter().any(|other| other.kind != self.kind) {
            title += &format!(": {}", self.kind);
        }
        title
    }
}

fn has_amount(row: &&MetricRow) -> bool {
    amount(row).is_some()
}

/// `("per-tool", "10")` of `per-tool-10`.
fn amount(row: &MetricRow) -> Option<(&str, &str)> {
    row.outcomes.rsplit_once('-')
}

struct Panel<'a> {
    kind: &'a str,
    title: String,
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
            .caption(&self.title, style::text(15, style::INK))
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
            .x_desc(unit(self.kind))
            .y_desc(shown.metric_title())
            .draw()?;
        let (left, top) = area.get_base_pixel();
        let mut names: Vec<Name> = Vec::new();
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
            match style::dashes(router) {
                Some((dash, gap)) => {
                    chart.draw_series(DashedLineSeries::new(points, dash, gap, stroke))?
                }
                None => chart.draw_series(LineSeries::new(points, stroke))?,
            };
            let (x, y) = chart.backend_coord(&(*x, end.value.get()));
            names.push(Name {
                at: (x - left, y - top),
                words: style::title(router).to_owned(),
                colour,
            });
        }
        let pixel = |y: f64| chart.backend_coord(&(last, y));
        let names_in = Column {
            x: pixel(floor).0 - left + 22,
            side: HPos::Left,
            within: (pixel(ceiling).1 - top, pixel(floor).1 - top),
            size: 12,
        };
        names_in.write(area, names)?;
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
