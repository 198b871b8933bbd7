//! Quality against latency and against cost: a row of panels for each axis, a panel for each dataset,
//! over each query's candidates, with what an LLM is cited with and counted at shaded.

use anyhow::Result;
use oats_harness::{
    Frontier, FrontierPoints, LlmRange, Point,
    rows::{MetricRow, Row, overall_means},
};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS,
    names::{Area, width},
    ordered, seeds,
    style::{self, Canvas},
    trade::{self, Mark, Scale, Trade, embedders_of, metric_title},
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
    let said = [
        format!(
            "{} over each query's candidates, {} split, with 95 % intervals; means over {}. Embedder: {}. Routers: \
             text in to ranked tools out on one core, and that core's price.",
            metric_title(study.metric),
            study.split,
            seeds_of(study, quality),
            embedders_of(&study.embedders, &datasets)
        ),
        format!(
            "Grey line: the best for no more time or money. Shaded: an LLM that selects instead, of unknown quality. Its latency \
             is cited ({}), its tokens are counted, from the cheapest price to the dearest.",
            study.llm.source
        ),
    ];
    let svg = trade::figure(title, &said, &datasets, &AXES, |area, dataset, axis| {
        let Some(llm) = shown().find(|llm| llm.dataset == dataset) else {
            return Ok(());
        };
        draw_panel(area, axis, study, llm, &points.of(dataset, POOL))
    })?;
    Ok(Some(svg))
}

/// Over how many seeds the quality rows that are shown are means.
fn seeds_of(study: &Frontier, quality: &[MetricRow]) -> String {
    let means = overall_means(quality, study.metric, study.split);
    let shown =
        (means.iter()).filter(|row| row.pool == POOL && study.routers.contains(&row.router));
    seeds(shown.filter_map(|row| row.seeds()))
}

fn draw_panel(
    area: &Canvas<'_>,
    axis: &Axis,
    study: &Frontier,
    llm: &LlmRange,
    routers: &[&Point],
) -> Result<()> {
    let marks: Vec<Mark<'_>> = routers
        .iter()
        .filter_map(|point| {
            Some(Mark {
                router: &point.router,
                cost: (axis.of_router)(point),
                quality: point.quality?,
            })
        })
        .collect();
    let scale = Scale {
        decades: (axis.from, axis.to),
        label: &|decade| every_other(axis.label, decade),
        costs: format!("{}: {}", llm.dataset, axis.name),
        quality: metric_title(study.metric),
        ceiling: 1.0,
    };
    let plot = Trade::new(area, &scale, &marks)?;
    let mut clear = plot.panel();
    let mut written: Vec<Area> = Vec::new();
    if let Some([from, to]) = (axis.of_llm)(llm) {
        let corners = [plot.top(from), plot.bottom(to)];
        area.draw(&Rectangle::new(corners, style::FAINT.mix(0.16).filled()))?;
        let words = format!("LLM, {}", axis.known);
        let (x, y) = (corners[1].0, corners[1].1 - 12);
        clear[2] = corners[0].0;
        written.push([clear[2], clear[1], x, clear[3]]);
        written.push([x - width(area, &words, 12)?, y - 8, x, y + 8]);
        area.draw(&Text::new(
            words,
            (x, y),
            style::text(12, style::INK).pos(Pos::new(HPos::Right, VPos::Center)),
        ))?;
    }
    plot.draw(&marks, clear, written)
}

/// The label of an even decade: there is no room for all.
fn every_other(label: fn(f64) -> String, decade: f64) -> String {
    match decade.round() as i64 % 2 {
        0 => label(decade),
        _ => String::new(),
    }
}
