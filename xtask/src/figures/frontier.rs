//! Quality against latency and against cost: a row of panels for each axis, a panel for each dataset,
//! over each query's candidates, with what an LLM is cited with and counted at shaded.

use anyhow::Result;
use oats_harness::{
    Frontier, FrontierPoints, LlmRange, Point,
    rows::{MetricRow, Row, means_over_most_seeds},
};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS, by_embedder,
    names::{Area, Column, Name, Spot, along, beside, width},
    ordered, seeds,
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
        to: 4.0,
        label: style::dollars,
    },
];

const POOL: &str = "candidates";

const TOP: u32 = 100;
const PANEL: (u32, u32) = (520, 470);
/// Of names.
const LETTERS: u32 = 11;
/// Between a column of names and its marks.
const AWAY: i32 = 14;

pub(super) fn draw(
    study: &Frontier,
    points: &FrontierPoints,
    quality: &[MetricRow],
    title: &str,
) -> Result<Option<String>> {
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
        let embedders: Vec<(String, String)> = (study.embedders.iter())
            .map(|(dataset, embedder)| (dataset.to_string(), embedder.to_string()))
            .filter(|(dataset, _)| datasets.contains(&dataset.as_str()))
            .collect();
        let lines = [
            format!(
                "{} over each query's candidates, {} split, with 95 % intervals; means over {}. Embedder: {}. Routers: \
                 text in to ranked tools out on one core, and that core's price.",
                metric_title(study),
                study.split,
                seeds_of(study, quality),
                by_embedder(embedders.iter().map(|(d, e)| (d.as_str(), e.as_str())))
            ),
            format!(
                "Grey line: the best for no more time or money. Shaded: an LLM that selects instead, of unknown quality. Its latency \
                 is cited ({}), its tokens are counted, from the cheapest price to the dearest.",
                study.llm.source
            ),
        ];
        style::heading(canvas, title, &lines)?;
        for (line, axis) in AXES.iter().enumerate() {
            for (column, dataset) in datasets.iter().enumerate() {
                let corner = (PANEL.0 * column as u32, TOP + PANEL.1 * line as u32);
                let area = canvas.clone().shrink(corner, PANEL);
                let Some(llm) = shown().find(|llm| llm.dataset == *dataset) else {
                    continue;
                };
                draw_panel(&area, axis, study, llm, &points.of(dataset, POOL))?;
            }
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// The metric as an axis says it.
fn metric_title(study: &Frontier) -> String {
    study.metric.to_string().to_uppercase()
}

/// Over how many seeds the quality rows that are shown are means.
fn seeds_of(study: &Frontier, quality: &[MetricRow]) -> String {
    let (metric, split) = (study.metric.to_string(), study.split.to_string());
    let shown = quality.iter().filter(|row| {
        row.metric == metric
            && row.split == split
            && row.pool == POOL
            && row.subset == "all"
            && row.outcomes == "all"
            && study.routers.contains(&row.router)
    });
    seeds(
        means_over_most_seeds(shown)
            .iter()
            .filter_map(|row| row.seeds()),
    )
}

fn draw_panel(
    area: &Canvas<'_>,
    axis: &Axis,
    study: &Frontier,
    llm: &LlmRange,
    routers: &[&Point],
) -> Result<()> {
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
        .y_desc(metric_title(study))
        .draw()?;
    let (left, top) = area.get_base_pixel();
    let pixel = |x: f64, y: f64| {
        let (px, py) = chart.backend_coord(&(x.log10().clamp(axis.from, axis.to), y));
        (px - left, py - top)
    };
    let (left_top, right_bottom) = (
        pixel(10f64.powf(axis.from), 1.0),
        pixel(10f64.powf(axis.to), floor),
    );
    let panel = [left_top.0, left_top.1, right_bottom.0, right_bottom.1];
    let mut written: Vec<Area> = Vec::new();
    let mut right_end = panel[2];
    if let Some([from, to]) = (axis.of_llm)(llm) {
        let corners = [pixel(from, 1.0), pixel(to, floor)];
        area.draw(&Rectangle::new(corners, style::FAINT.mix(0.16).filled()))?;
        let words = format!("LLM, {}", axis.known);
        let (x, y) = (corners[1].0, corners[1].1 - 12);
        right_end = corners[0].0;
        written.push([right_end, panel[1], x, panel[3]]);
        written.push([x - width(area, &words, 12)?, y - 8, x, y + 8]);
        area.draw(&Text::new(
            words,
            (x, y),
            style::text(12, style::INK).pos(Pos::new(HPos::Right, VPos::Center)),
        ))?;
    }
    let shown: Vec<(&Point, f64, [f64; 3])> = routers
        .iter()
        .filter_map(|point| Some((*point, (axis.of_router)(point)?, point.quality?)))
        .collect();
    let mut steps: Vec<Spot> = Vec::new();
    for (x, value) in best_by_then(shown.iter().map(|(_, x, [value, ..])| (*x, *value))) {
        let at = pixel(x, value);
        steps.extend(steps.last().map(|last| (at.0, last.1)));
        steps.push(at);
    }
    steps.extend(steps.last().map(|last| (panel[2], last.1)));
    area.draw(&PathElement::new(
        steps.clone(),
        style::FAINT.mix(0.6).stroke_width(1),
    ))?;
    let mut taken = along(&steps);
    let mut names = Vec::new();
    for (point, x, [value, low, high]) in shown {
        let colour = style::colour(&point.router);
        let at = pixel(x, value);
        let ends = [pixel(x, low), pixel(x, high)];
        area.draw(&PathElement::new(ends, colour.mix(0.5).stroke_width(1)))?;
        area.draw(&Circle::new(at, 4, colour.filled()))?;
        taken.extend(along(&ends));
        taken.push(at);
        names.push(Name {
            at,
            words: style::title(&point.router).to_owned(),
            colour,
        });
    }
    let (crowds, alone) = crowds(names);
    for crowd in crowds {
        let clear = [panel[0], panel[1], right_end, panel[3]];
        written.extend(name_crowd(area, clear, crowd, &alone)?);
    }
    beside(area, panel, LETTERS, &alone, &taken, written)
}

/// The points that have a better value than all before them.
fn best_by_then(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = points.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    points.retain(|(_, value)| {
        let is_better = *value > best;
        best = best.max(*value);
        is_better
    });
    points
}

/// Names whose marks crowd so that each cannot have its own beside it, and those that can.
fn crowds(names: Vec<Name>) -> (Vec<Vec<Name>>, Vec<Name>) {
    const NEAR: (i32, i32) = (40, 24);
    const CROWD: usize = 4;
    let near =
        |a: &Name, b: &Name| (a.at.0 - b.at.0).abs() < NEAR.0 && (a.at.1 - b.at.1).abs() < NEAR.1;
    let mut groups: Vec<Vec<Name>> = Vec::new();
    for name in names {
        let (touched, mut others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.iter().any(|other| near(other, &name)));
        let mut group: Vec<Name> = touched.into_iter().flatten().collect();
        group.push(name);
        others.push(group);
        groups = others;
    }
    let (crowds, alone): (Vec<_>, Vec<_>) =
        (groups.into_iter()).partition(|group| group.len() >= CROWD);
    (crowds, alone.into_iter().flatten().collect())
}

/// Names in a column to the right of their marks, or to the left if there is no room but there, above or below
/// the marks that stand `alone` in its way.
fn name_crowd(
    area: &Canvas<'_>,
    clear: Area,
    crowd: Vec<Name>,
    alone: &[Name],
) -> Result<Vec<Area>> {
    const LINE: i32 = LETTERS as i32 + 3;
    let mut widest = 0;
    for name in &crowd {
        widest = widest.max(width(area, &name.words, LETTERS)?);
    }
    let ends = || crowd.iter().map(|name| name.at.0);
    let (first, last) = (ends().min().unwrap_or(0), ends().max().unwrap_or(0));
    let (left, right) = (first - AWAY, last + AWAY);
    let is_on_the_left = right + widest > clear[2] && left - widest >= clear[0];
    let (x, side, span) = match is_on_the_left {
        true => (left, HPos::Right, left - widest..first),
        false => (right, HPos::Left, last..right + widest),
    };
    let heights = || crowd.iter().map(|name| name.at.1);
    let (highest, lowest) = (heights().min().unwrap_or(0), heights().max().unwrap_or(0));
    let in_the_way = || {
        let near = |x: i32| (span.start - AWAY..span.end + AWAY).contains(&x);
        alone
            .iter()
            .filter(move |name| near(name.at.0))
            .map(|name| name.at.1)
    };
    let above = in_the_way().filter(|y| *y < highest).max();
    let below = in_the_way().filter(|y| *y > lowest).min();
    let column = Column {
        x,
        side,
        within: (
            above.map_or(clear[1] + LINE / 2, |y| y + LINE),
            below.map_or(clear[3] - LINE / 2, |y| y - LINE),
        ),
        size: LETTERS,
    };
    column.write(area, crowd)
}

/// The label of an even decade: there is no room for all.
fn every_other(label: fn(f64) -> String, decade: f64) -> String {
    match decade.round() as i64 % 2 {
        0 => label(decade),
        _ => String::new(),
    }
}
