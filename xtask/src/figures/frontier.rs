//! Quality against latency and against cost: a row of panels for each axis, a panel for each dataset,
//! over each query's candidates, with what an LLM is cited with and counted at shaded.

use anyhow::Result;
use oats_harness::{FrontierPoints, LlmRange, Point};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS, ordered,
    style::{self, Canvas},
};

/// An axis: its name, what a router has there, and what an LLM has.
struct Axis {
    name: &'static str,
    of_router: fn(&Point) -> Option<f64>,
    of_llm: fn(&LlmRange) -> Option<[f64; 2]>,
    /// What is said of the LLM's range.
    known: &'static str,
    /// Decades.
    from: f64,
    to: f64,
    label: fn(f64) -> String,
}

const AXES: [Axis; 2] = [
    Axis {
        name: "milliseconds of a request (p50)",
        of_router: |point| Some(point.p50_ms),
        of_llm: |llm| Some(llm.milliseconds),
        known: "cited",
        from: -3.0,
        to: 4.0,
        label: style::amount,
    },
    Axis {
        name: "dollars of a million requests",
        of_router: |point| point.dollars,
        of_llm: |llm| llm.dollars,
        known: "counted",
        from: -5.0,
        to: 5.0,
        label: style::dollars,
    },
];

const POOL: &str = "candidates";

const TOP: u32 = 100;
const PANEL: (u32, u32) = (520, 470);
const LEAST: i32 = 13;

pub(super) fn draw(points: &FrontierPoints, title: &str) -> Result<Option<String>> {
    let shown = || points.llms.iter().filter(|llm| llm.pool == POOL);
    let datasets = ordered(shown().map(|llm| llm.dataset.as_str()), &DATASETS);
    if datasets.is_empty() {
        return Ok(None);
    }
    let size = (
        (PANEL.0 * datasets.len() as u32).max(900),
        TOP + PANEL.1 * AXES.len() as u32,
    );
    let svg = style::svg(size, |canvas| {
        let lines = [
            "NDCG@5 over each query's candidates, query split, with 95 % intervals. Routers: text in to \
             ranked tools out on one core, and that core's price."
                .to_owned(),
            "Shaded: an LLM that selects instead, of unknown quality. Its latency is cited (arXiv \
             2603.13426), its tokens are counted, from the cheapest price to the dearest."
                .to_owned(),
        ];
        style::heading(canvas, title, &lines)?;
        for (line, axis) in AXES.iter().enumerate() {
            for (column, dataset) in datasets.iter().enumerate() {
                let corner = (PANEL.0 * column as u32, TOP + PANEL.1 * line as u32);
                let area = canvas.clone().shrink(corner, PANEL);
                let Some(llm) = shown().find(|llm| llm.dataset == *dataset) else {
                    continue;
                };
                draw_panel(&area, axis, llm, &points.of(dataset, POOL))?;
            }
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn draw_panel(area: &Canvas<'_>, axis: &Axis, llm: &LlmRange, routers: &[&Point]) -> Result<()> {
    let lowest = routers
        .iter()
        .filter_map(|point| point.quality)
        .map(|[_, low, _]| low);
    let floor = (lowest.fold(1.0, f64::min) * 10.0).floor() / 10.0;
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(60)
        .build_cartesian_2d(axis.from..axis.to, floor..1.0)?;
    style::axes(&mut chart.configure_mesh())
        .x_labels((axis.to - axis.from) as usize + 1)
        .x_label_formatter(&|decade| every_other(axis.label, *decade))
        .y_label_formatter(&|y| format!("{y:.2}"))
        .x_desc(format!("{}: {}", llm.dataset, axis.name))
        .y_desc("NDCG@5")
        .draw()?;
    let (left, top) = area.get_base_pixel();
    let pixel = |x: f64, y: f64| {
        let (px, py) = chart.backend_coord(&(x.log10().clamp(axis.from, axis.to), y));
        (px - left, py - top)
    };
    if let Some([from, to]) = (axis.of_llm)(llm) {
        let corners = [pixel(from, 1.0), pixel(to, floor)];
        area.draw(&Rectangle::new(corners, style::FAINT.mix(0.16).filled()))?;
        let words = format!("LLM, {}", axis.known);
        let at = (corners[1].0, corners[0].1 + 12);
        area.draw(&Text::new(
            words,
            at,
            style::text(12, style::INK).pos(Pos::new(HPos::Right, VPos::Center)),
        ))?;
    }
    let mut marks = Vec::new();
    for point in routers {
        let (Some([value, low, high]), Some(x)) = (point.quality, (axis.of_router)(point)) else {
            continue;
        };
        let colour = style::colour(&point.router);
        let at = pixel(x, value);
        let ends = [pixel(x, low), pixel(x, high)];
        area.draw(&PathElement::new(ends, colour.mix(0.5).stroke_width(1)))?;
        area.draw(&Circle::new(at, 4, colour.filled()))?;
        marks.push((at, point.router.as_str()));
    }
    name(area, &marks)
}

/// The label of an even decade: there is no room for all.
fn every_other(label: fn(f64) -> String, decade: f64) -> String {
    match decade.round() as i64 % 2 {
        0 => label(decade),
        _ => String::new(),
    }
}

/// Names in a column to the right of all marks, moved apart, with a line to each.
fn name(area: &Canvas<'_>, marks: &[((i32, i32), &str)]) -> Result<()> {
    let x = marks.iter().map(|((x, _), _)| *x).max().unwrap_or(0) + 30;
    let heights = marks.iter().map(|((_, y), name)| (*y, *name)).collect();
    for (y, name) in style::apart(heights, LEAST) {
        let Some((at, _)) = marks.iter().find(|(_, other)| *other == name) else {
            continue;
        };
        let colour = style::colour(name);
        area.draw(&PathElement::new(
            [(at.0 + 5, at.1), (x - 3, y)],
            colour.mix(0.4).stroke_width(1),
        ))?;
        area.draw(&Text::new(
            style::title(name).to_owned(),
            (x, y),
            style::text(11, colour).pos(Pos::new(HPos::Left, VPos::Center)),
        ))?;
    }
    Ok(())
}
