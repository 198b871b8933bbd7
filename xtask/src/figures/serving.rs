//! Quality against the work of serving it: a panel for each dataset and pool, with what the baseline takes, and what it
//! takes at most to be within the limit, as lines.

use anyhow::Result;
use oats_harness::{
    Serving, ServingPoint, ServingPoints,
    rows::{MetricRow, Row, overall_means},
};
use plotters::{
    element::DashedPathElement,
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

/// A pool, as an axis says it, and what a router has there.
type OfPool = (&'static str, fn(&ServingPoint) -> Option<[f64; 3]>);

const POOLS: [OfPool; 2] = [
    ("candidates", |point| point.candidates),
    ("catalogue", |point| point.catalogue),
];

const HOW_TO_READ: &str = "Time: the router's own work on a request over the catalogue, one thread. Grey line: the best \
                           for no more time.";

pub(super) fn draw(
    study: &Serving,
    points: &ServingPoints,
    quality: &[MetricRow],
    title: &str,
) -> Result<Option<String>> {
    let shown = points.routers.iter().filter(|point| {
        point.microseconds.is_some() && (point.candidates.is_some() || point.catalogue.is_some())
    });
    let datasets = ordered(shown.map(|point| point.dataset.as_str()), &DATASETS);
    if datasets.is_empty() {
        return Ok(None);
    }
    let means = overall_means(quality, study.metric, study.split);
    let means = means.iter().filter(|row| {
        study.routers.contains(&row.router) && datasets.contains(&row.dataset.as_str())
    });
    let said = [
        format!(
            "{}, {} split, with 95 % intervals; means over {}. Embedder: {}.",
            metric_title(study.metric),
            study.split,
            seeds(means.filter_map(|row| row.seeds())),
            embedders_of(&study.embedders, &datasets)
        ),
        match &study.limit {
            Some(limit) => format!(
                "{HOW_TO_READ} Dashed: the most that {} is to take.",
                style::title(&limit.router)
            ),
            None => HOW_TO_READ.to_owned(),
        },
    ];
    let svg = trade::figure(title, &said, &datasets, &POOLS, |area, dataset, pool| {
        draw_panel(area, study, dataset, *pool, &points.of(dataset))
    })?;
    Ok(Some(svg))
}

/// Nothing where no router was measured over the pool.
fn draw_panel(
    area: &Canvas<'_>,
    study: &Serving,
    dataset: &str,
    (pool, quality): OfPool,
    routers: &[&ServingPoint],
) -> Result<()> {
    let marks: Vec<Mark<'_>> = routers
        .iter()
        .filter_map(|point| {
            Some(Mark {
                router: &point.router,
                cost: point.microseconds,
                quality: quality(point)?,
            })
        })
        .collect();
    let Some(decades) = style::decades(marks.iter().filter_map(|mark| mark.cost)) else {
        return Ok(());
    };
    let highest = marks.iter().map(|mark| mark.quality[2]).fold(0.0, f64::max);
    let scale = Scale {
        decades,
        label: &style::amount,
        costs: format!("{dataset}: microseconds of a router (p50)"),
        quality: format!("{}, {pool}", metric_title(study.metric)),
        // Routers that cost about the same are told apart by quality alone, so that it has all the room.
        ceiling: ((highest * 10.0).floor() / 10.0 + 0.1).min(1.0),
    };
    let plot = Trade::new(area, &scale, &marks)?;
    let mut written = Vec::new();
    let baseline = routers
        .iter()
        .find(|point| point.router == study.baseline)
        .and_then(|point| point.microseconds);
    if let Some((limit, baseline)) = study.limit.as_ref().zip(baseline) {
        let words = format!(
            "{} + {} µs",
            style::title(&study.baseline),
            limit.microseconds
        );
        written.push(draw_line(
            area,
            &plot,
            baseline + limit.microseconds,
            words,
        )?);
    }
    plot.draw(&marks, plot.panel(), written)
}

/// A line up from that cost, with words at its foot; returns where they stand.
fn draw_line(area: &Canvas<'_>, plot: &Trade<'_, '_>, cost: f64, words: String) -> Result<Area> {
    let ends = [plot.top(cost), plot.bottom(cost)];
    let colour = style::FAINT.mix(0.6);
    area.draw(&DashedPathElement::new(ends, 4, 4, colour.stroke_width(1)))?;
    let (foot, y) = (ends[1].0, ends[1].1 - 12);
    let width = width(area, &words, 12)?;
    let left = match foot + 5 + width <= plot.panel()[2] {
        true => foot + 5,
        false => foot - 5 - width,
    };
    area.draw(&Text::new(
        words,
        (left, y),
        style::text(12, style::INK).pos(Pos::new(HPos::Left, VPos::Center)),
    ))?;
    Ok([left, y - 8, left + width, y + 8])
}
