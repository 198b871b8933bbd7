//! Figures, drawn from result files alone: SVG by plotters, PNG from the SVG by resvg, both with
//! the same bundled font, so that they are the same bytes on every machine.

mod along_outcomes;
mod by_router;
mod compared;
mod context_growth;
mod convergence;
mod cost;
mod differences;
mod dots;
mod frontier;
mod geometry;
mod latency;
mod names;
mod peers;
mod scaling;
mod serving;
mod sets;
mod style;
mod trade;

use std::path::{Path, PathBuf};

use anyhow::Result;
use oats_harness::{
    Experiment, Frontier, FrontierPoints, Latency, Manifest, Scaling, Serving, ServingPoints,
    Study, ToolPoints,
    rows::{
        ComparedRow, CostRow, LatencyRow, MetricRow, PeerRow, PointRow, Row, ScalingRow, TestRow,
        means_over_most_seeds, rows_in,
    },
    tool_points,
};
use oats_llm::{ModelPrice, Prices};

use crate::report::{points, serving_points};
pub(crate) use style::title as router_title;

/// A figure of an experiment's.
struct Figure {
    experiment: &'static str,
    /// Its files' name.
    name: &'static str,
    title: &'static str,
    draw: Draw,
}

/// A drawn figure; `None` if there is nothing to show.
type Svg = Result<Option<String>>;

/// Makes the SVG, with the title, of the rows of one kind of experiment.
#[derive(Clone, Copy)]
enum Draw {
    Ranking(fn(&Shown<'_>, &str) -> Svg),
    Metrics(fn(&Experiment, &[MetricRow], &str) -> Svg),
    Tests(fn(&Experiment, &[TestRow], &str) -> Svg),
    Costs(fn(&[CostRow], &[ModelPrice], &str) -> Svg),
    Growth(fn(&[CostRow], &ModelPrice, &str) -> Svg),
    Latency(fn(&Latency, &[LatencyRow], &str) -> Svg),
    Scaling(fn(&Scaling, &[ScalingRow], &str) -> Svg),
    Geometry(fn(&[ToolPoints<'_>], &str) -> Svg),
    Frontier(fn(&Frontier, &FrontierPoints, &[MetricRow], &str) -> Svg),
    Serving(fn(&Serving, &ServingPoints, &[MetricRow], &str) -> Svg),
}

const FIGURES: [Figure; 17] = [
    Figure {
        experiment: "main",
        name: "ndcg-by-router",
        title: "NDCG@5 by router",
        draw: Draw::Ranking(by_router::draw),
    },
    Figure {
        experiment: "leakage",
        name: "leakage",
        title: "What leakage is worth",
        draw: Draw::Ranking(by_router::draw_pairs),
    },
    Figure {
        experiment: "s1-ablation",
        name: "s1-ablation",
        title: "OATS-S1 with one setting changed",
        draw: Draw::Tests(differences::draw),
    },
    Figure {
        experiment: "s2-features",
        name: "s2-features",
        title: "OATS-S2 without one of its features",
        draw: Draw::Tests(differences::draw),
    },
    Figure {
        experiment: "s3-ablation",
        name: "s3-ablation",
        title: "OATS-S3 with one ingredient changed",
        draw: Draw::Tests(differences::draw),
    },
    Figure {
        experiment: "multi-tool",
        name: "multi-tool",
        title: "Sets of tools for queries that need several",
        draw: Draw::Metrics(sets::draw),
    },
    Figure {
        experiment: "s1-convergence",
        name: "convergence",
        title: "OATS-S1 over its rounds",
        draw: Draw::Ranking(convergence::draw),
    },
    Figure {
        experiment: "density",
        name: "density",
        title: "How many outcomes does a router need?",
        draw: Draw::Ranking(along_outcomes::draw),
    },
    Figure {
        experiment: "noise",
        name: "noise",
        title: "How much noise does a router bear?",
        draw: Draw::Ranking(along_outcomes::draw),
    },
    Figure {
        experiment: "bandit",
        name: "bandit",
        title: "Learning from the outcomes of chosen tools only",
        draw: Draw::Ranking(along_outcomes::draw),
    },
    Figure {
        experiment: "cost",
        name: "cost",
        title: "What it costs to have an LLM choose the tools",
        draw: Draw::Costs(cost::draw),
    },
    Figure {
        experiment: "context-growth",
        name: "context-growth",
        title: "A chain of tool calls by its depth",
        draw: Draw::Growth(context_growth::draw),
    },
    Figure {
        experiment: "latency",
        name: "latency",
        title: "How long a request takes",
        draw: Draw::Latency(latency::draw),
    },
    Figure {
        experiment: "scaling",
        name: "scaling",
        title: "How time grows with tools and with outcomes",
        draw: Draw::Scaling(scaling::draw),
    },
    Figure {
        experiment: "geometry",
        name: "geometry",
        title: "What OATS-S1 does with one tool",
        draw: Draw::Geometry(geometry::draw),
    },
    Figure {
        experiment: "frontier",
        name: "frontier",
        title: "Quality against latency and cost",
        draw: Draw::Frontier(frontier::draw),
    },
    Figure {
        experiment: "beyond",
        name: "beyond",
        title: "Quality against the cost of serving it",
        draw: Draw::Serving(serving::draw),
    },
];

/// The experiment's figure, if it has one.
fn figure(experiment: &str) -> Option<&'static Figure> {
    FIGURES
        .iter()
        .find(|figure| figure.experiment == experiment)
}

/// A figure as it was drawn.
pub(crate) struct Drawn {
    /// Its files' name, without an ending.
    pub(crate) name: &'static str,
    pub(crate) svg: String,
}

impl Drawn {
    /// The same in pixels.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        style::rasterise(&self.svg)
    }
}

/// Draws the figure of the experiment's results in `folder`. An experiment without a figure of its own, or with
/// nothing to draw, has none.
pub(crate) fn draw(
    study: &Study,
    folder: &Path,
    others: &dyn Fn(&str) -> PathBuf,
) -> Result<Option<Drawn>> {
    let Some(figure) = figure(study.name()) else {
        return Ok(None);
    };
    let svg = match (study, figure.draw) {
        (Study::Ranking(experiment), Draw::Ranking(draw)) => {
            let rows: Vec<MetricRow> = rows_in(folder)?;
            draw(&Shown::of(experiment, &rows), figure.title)?
        }
        (Study::Ranking(experiment), Draw::Metrics(draw)) => {
            let rows: Vec<MetricRow> = rows_in(folder)?;
            draw(experiment, &rows, figure.title)?
        }
        (Study::Ranking(experiment), Draw::Tests(draw)) => {
            let rows: Vec<TestRow> = rows_in(folder)?;
            draw(experiment, &rows, figure.title)?
        }
        (Study::Costs(_), Draw::Costs(draw)) => {
            let rows: Vec<CostRow> = rows_in(folder)?;
            let manifest = Manifest::read(&folder.join("manifest.json"))?;
            let lists = manifest.iter().flat_map(|manifest| {
                let datasets = manifest.datasets.keys();
                datasets.filter_map(|dataset| manifest.prices(dataset))
            });
            let models = lists.map(Prices::models).next();
            draw(&rows, models.unwrap_or_default(), figure.title)?
        }
        (Study::Costs(_), Draw::Growth(draw)) => {
            let rows: Vec<CostRow> = rows_in(folder)?;
            let manifest = Manifest::read(&folder.join("manifest.json"))?;
            match manifest.as_ref().and_then(Manifest::first_model) {
                Some(model) => draw(&rows, model, figure.title)?,
                None => None,
            }
        }
        (Study::Latency(study), Draw::Latency(draw)) => {
            let rows: Vec<LatencyRow> = rows_in(folder)?;
            draw(study, &rows, figure.title)?
        }
        (Study::Scaling(study), Draw::Scaling(draw)) => {
            let rows: Vec<ScalingRow> = rows_in(folder)?;
            draw(study, &rows, figure.title)?
        }
        (Study::Geometry(_), Draw::Geometry(draw)) => {
            let rows: Vec<PointRow> = rows_in(folder)?;
            draw(&tool_points(&rows), figure.title)?
        }
        (Study::Frontier(study), Draw::Frontier(draw)) => {
            let quality: Vec<MetricRow> = rows_in(&others(&study.quality))?;
            draw(study, &points(study, others)?, &quality, figure.title)?
        }
        (Study::Serving(study), Draw::Serving(draw)) => {
            let quality: Vec<MetricRow> = rows_in(&others(&study.quality))?;
            let points = serving_points(study, others)?;
            draw(study, &points, &quality, figure.title)?
        }
        // Somebody's own experiment has the name of another kind's.
        _ => None,
    };
    let name = figure.name;
    Ok(svg.map(|svg| Drawn { name, svg }))
}

/// Draws the figure of a comparison, if there is anything to show.
pub(crate) fn draw_comparison(rows: &[ComparedRow]) -> Result<Option<Drawn>> {
    let svg = compared::draw(rows, "Two sides compared")?;
    let name = "compared";
    Ok(svg.map(|svg| Drawn { name, svg }))
}

/// Draws the figure of the peers' rows, if there are any.
pub(crate) fn draw_peers(rows: &[PeerRow]) -> Result<Option<Drawn>> {
    let svg = peers::draw(rows, "Routers here and other libraries")?;
    Ok(svg.map(|svg| Drawn { name: "peers", svg }))
}

/// The rows a figure shows: the experiment's first metric over all test queries, each a mean over the
/// most seeds that the router was run with.
struct Shown<'a> {
    rows: Vec<&'a MetricRow>,
    /// Labels in the experiment's order.
    routers: Vec<&'a str>,
    metric: String,
}

impl<'a> Shown<'a> {
    fn of(experiment: &'a Experiment, rows: &'a [MetricRow]) -> Self {
        let metric = experiment.metrics.first().map(ToString::to_string);
        let metric = metric.unwrap_or_default();
        // Amounts of outcomes in the experiment's order, not by name.
        let amounts: Vec<String> = experiment
            .grids
            .iter()
            .flat_map(|grid| grid.outcomes.iter().map(ToString::to_string))
            .collect();
        let shown = rows
            .iter()
            .filter(|row| row.metric == metric && row.subset == "all");
        let mut rows = means_over_most_seeds(shown);
        rows.sort_by_key(|row| amounts.iter().position(|amount| *amount == row.outcomes));
        Self {
            rows,
            routers: experiment
                .routers
                .iter()
                .map(|r| r.label.as_str())
                .collect(),
            metric,
        }
    }

    /// What its marks and its `intervals` are.
    fn caption(&self, intervals: &str) -> String {
        let seeds = seeds(self.rows.iter().filter_map(|row| row.seeds()));
        format!(
            "Means over {seeds}; {intervals}: 95 % bootstrap intervals over distinct test queries."
        )
    }

    /// The metric as an axis says it.
    fn metric_title(&self) -> String {
        self.metric.to_uppercase()
    }
}

/// `3 seeds`, of the rows' numbers of seeds.
fn seeds(counts: impl Iterator<Item = usize>) -> String {
    let mut counts: Vec<usize> = counts.collect();
    counts.sort_unstable();
    match (counts.first(), counts.last()) {
        (Some(1), Some(1)) => "1 seed".to_owned(),
        (Some(least), Some(most)) if least == most => format!("{most} seeds"),
        (Some(least), Some(most)) => format!("{least} to {most} seeds, by router"),
        _ => "no seeds".to_owned(),
    }
}

/// `minilm (metatool, toolbench), static (builtin)`, of datasets with their embedders.
fn by_embedder<'a>(of_rows: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let embedders = embedders(of_rows.clone().map(|(_, embedder)| embedder));
    let each = embedders.into_iter().map(|embedder| {
        let own = of_rows.clone().filter(|(_, of)| *of == embedder);
        let datasets = ordered(own.map(|(dataset, _)| dataset), &DATASETS);
        format!("{embedder} ({})", datasets.join(", "))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The panels of rows, given by data set and embedder, side by side: data sets, each with its embedders.
fn columns<'a>(rows: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<(&'a str, &'a str)> {
    let mut columns = Vec::new();
    for dataset in ordered(rows.clone().map(|(dataset, _)| dataset), &DATASETS) {
        let own = rows.clone().filter(|(of, _)| *of == dataset);
        let embedders = embedders(own.map(|(_, embedder)| embedder)).into_iter();
        columns.extend(embedders.map(|embedder| (dataset, embedder)));
    }
    columns
}

/// The embedders of rows, by name; `none` stands for itself only where there is no other.
fn embedders<'a>(of_rows: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut embedders = ordered(of_rows, &[]);
    if embedders.len() > 1 {
        embedders.retain(|embedder| *embedder != NO_EMBEDDER);
    }
    embedders
}

/// Whether a router's row belongs where the others read that embedder.
fn is_with(row: &MetricRow, embedder: &str) -> bool {
    [embedder, NO_EMBEDDER].contains(&row.embedder.as_str())
}

/// In the column `embedder`: the router reads no embeddings.
const NO_EMBEDDER: &str = "none";

/// The labels in the order of `order`, those it does not name last and by name.
fn ordered<'a>(labels: impl Iterator<Item = &'a str>, order: &[&str]) -> Vec<&'a str> {
    let rank = |label: &str| {
        order
            .iter()
            .position(|&o| o == label)
            .unwrap_or(order.len())
    };
    let mut labels: Vec<&str> = labels.collect();
    labels.sort_by_key(|label| (rank(label), *label));
    labels.dedup();
    labels
}

const DATASETS: [&str; 4] = ["builtin", "metatool", "toole", "toolbench"];
const POOLS: [&str; 2] = ["candidates", "catalogue"];
