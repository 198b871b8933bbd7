//! The leaderboard: means over seeds of the experiment `main`, a table for each choice of labels. All
//! tables go into the page as data; the one that is shown first is also written out here, for readers
//! without JavaScript. `page.js` writes rows the same way.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, ensure};
use oats_harness::{
    Experiment, Manifest,
    rows::{MetricRow, NONE, Number, Row, TestRow, means_over_most_seeds, rows_in},
};
use oats_metrics::holm;
use serde::Serialize;

use super::markup::{command, escape};
use crate::{figures::router_title, report::manifest};

/// What a table is chosen by, in the order of [`Labels`], with what is chosen first.
const FILTERS: [(&str, &str); 5] = [
    ("dataset", "metatool"),
    ("split", "query"),
    ("pool", "candidates"),
    ("embedder", "minilm"),
    ("subset", "all"),
];

/// Dataset, split, pool, embedder, subset.
type Labels = [String; 5];

/// SE, by its label.
const BASELINE: &str = "dense";

/// Chance, by its label: so far from all others that it is left out of the marks' scales.
const CHANCE: &str = "random";

/// A mean with the ends of its interval.
type Interval = [f64; 3];

pub(super) struct Leaderboard {
    /// Labels and titles, in the experiment's order.
    routers: Vec<(String, String)>,
    /// Titles, in the experiment's order; the first is tested.
    metrics: Vec<String>,
    tables: Vec<(Labels, Vec<Line>)>,
    manifest: Manifest,
}

/// What a table says of a router.
#[derive(Serialize)]
struct Line {
    /// Its place in the list of routers.
    router: usize,
    seeds: usize,
    /// Test queries, summed over seeds.
    n: usize,
    /// In the order of the metrics.
    metrics: Vec<Option<Interval>>,
    /// Against [`BASELINE`], by the first metric.
    test: Option<Test>,
}

#[derive(Serialize)]
struct Test {
    difference: Interval,
    /// After Holm's correction.
    p: f64,
}

/// What `page.js` reads.
#[derive(Serialize)]
struct Data<'a> {
    routers: &'a [(String, String)],
    metrics: &'a [String],
    baseline: &'static str,
    chance: &'static str,
    /// Datasets that were read from other files than upstream's.
    reconstructed: Vec<String>,
    tables: &'a [(Labels, Vec<Line>)],
}

impl Leaderboard {
    /// Reads the experiment's committed results.
    pub(super) fn read(experiment: &Experiment, folder: &Path) -> Result<Self> {
        let metrics: Vec<MetricRow> = some_rows(folder)?;
        let tests: Vec<TestRow> = some_rows(folder)?;
        let metrics: Vec<&MetricRow> = means_over_most_seeds(&metrics)
            .into_iter()
            .filter(|row| row.outcomes == "all")
            .collect();
        let routers = ordered(
            experiment.routers.iter().map(|router| router.label.clone()),
            metrics.iter().map(|row| &row.router),
        );
        let names = ordered(
            experiment.metrics.iter().map(ToString::to_string),
            metrics.iter().map(|row| &row.metric),
        );
        let tested = names.first().map_or("", String::as_str);
        let tests: Vec<&TestRow> = means_over_most_seeds(&tests)
            .into_iter()
            .filter(|row| row.outcomes == "all" && row.baseline == BASELINE && row.metric == tested)
            .collect();
        let tables = all_labels(&metrics).into_iter().map(|labels| {
            let lines = lines(&labels, &routers, &names, &metrics, &tests);
            (labels, lines)
        });
        Ok(Self {
            tables: tables.collect(),
            metrics: names.iter().map(|name| metric_title(name)).collect(),
            routers: routers
                .into_iter()
                .map(|label| (label.clone(), router_title(&label).to_owned()))
                .collect(),
            manifest: manifest(folder)?,
        })
    }

    /// The data for `page.js`, safe inside of a `<script>`.
    pub(super) fn data(&self) -> Result<String> {
        let data = Data {
            routers: &self.routers,
            metrics: &self.metrics,
            baseline: BASELINE,
            chance: CHANCE,
            reconstructed: self.reconstructed(),
            tables: &self.tables,
        };
        Ok(serde_json::to_string(&data)?.replace('<', "\\u003c"))
    }

    /// A list to choose from for each label.
    pub(super) fn filters(&self) -> String {
        let chosen = self.first().map(|(labels, _)| labels);
        let mut html = String::new();
        for (place, (name, _)) in FILTERS.iter().enumerate() {
            html += &format!("<label>{name} <select id=\"filter-{name}\">");
            if let Some(labels) = chosen {
                let label = escape(&labels[place]);
                let title = escape(&self.marked(&labels[place]));
                html += &format!("<option value=\"{label}\" selected>{title}</option>");
            }
            html += "</select></label>\n";
        }
        html
    }

    /// What regenerates the numbers of the first table.
    pub(super) fn command(&self) -> String {
        command(&self.regenerates())
    }

    /// The first table, best router first.
    pub(super) fn table(&self) -> String {
        let mut html = String::from("<thead><tr><th scope=\"col\">router</th>");
        for (place, metric) in self.metrics.iter().enumerate() {
            let sorted = if place == 0 {
                " aria-sort=\"descending\""
            } else {
                ""
            };
            html += &format!("<th scope=\"col\"{sorted}>{}</th>", escape(metric));
        }
        let tested = self.metrics.first().map_or("", String::as_str);
        html += &format!(
            "<th scope=\"col\">{} minus SE</th><th scope=\"col\">p, Holm</th>\
             <th scope=\"col\">seeds</th></tr></thead>\n<tbody>",
            escape(tested)
        );
        if let Some((_, lines)) = self.first() {
            let scaled = || lines.iter().filter(|line| self.label(line) != CHANCE);
            let baseline = lines.iter().find(|line| self.label(line) == BASELINE);
            let scales: Vec<Scale> = (0..self.metrics.len())
                .map(|place| {
                    let origin = baseline.and_then(|line| line.metrics[place]);
                    Scale::of(scaled().map(|line| line.metrics[place]), origin)
                })
                .collect();
            let differences = Scale::of(scaled().map(Line::difference), Some([0.0; 3]));
            let mut lines: Vec<&Line> = lines.iter().collect();
            lines.sort_by(|a, b| b.value().total_cmp(&a.value()));
            for line in lines {
                html += &self.row(line, &scales, &differences);
            }
        }
        html + "</tbody>"
    }

    /// What goes for all tables.
    pub(super) fn notes(&self) -> String {
        let mut html = String::new();
        for (dataset, files) in self.manifest.not_upstream() {
            let files: Vec<&str> = files
                .iter()
                .map(|file| file.rsplit('/').next().unwrap_or(file))
                .collect();
            html += &format!(
                "<p>† {}: read from reconstructed copies of {}, not from upstream's originals; the \
                 <a href=\"../README.md\">README</a> says more.</p>\n",
                escape(&dataset),
                escape(&files.join(" and "))
            );
        }
        html
    }

    fn label(&self, line: &Line) -> &str {
        &self.routers[line.router].0
    }

    fn row(&self, line: &Line, scales: &[Scale], differences: &Scale) -> String {
        let (label, title) = &self.routers[line.router];
        let mark = |interval: &Interval, scale: &Scale| match label.as_str() {
            CHANCE => String::new(),
            _ => scale.mark(interval),
        };
        let mut html = format!(
            "<tr data-router=\"{0}\"><th scope=\"row\">{1}<small>{0}</small></th>",
            escape(label),
            escape(title)
        );
        for (metric, scale) in line.metrics.iter().zip(scales) {
            html += &match metric {
                Some(interval @ [value, low, high]) => self.number(
                    &format!("{value:.3}"),
                    &format!("[{low:.3}, {high:.3}]"),
                    &mark(interval, scale),
                ),
                None => NOTHING.to_owned(),
            };
        }
        html += &match &line.test {
            Some(Test { difference, p }) => {
                let [value, low, high] = *difference;
                self.number(
                    &format!("{value:+.3}"),
                    &format!("[{low:+.3}, {high:+.3}]"),
                    &mark(difference, differences),
                ) + &self.number(&format!("{p:.3}"), "", "")
            }
            None => NOTHING.repeat(2),
        };
        html + &format!("<td>{}</td></tr>\n", line.seeds)
    }

    /// A cell with a number that leads to what regenerates it.
    fn number(&self, value: &str, interval: &str, mark: &str) -> String {
        let interval = match interval {
            "" => String::new(),
            interval => format!("<small>{interval}</small>"),
        };
        let title = escape(&self.regenerates());
        format!("<td><a href=\"#regenerate\" title=\"{title}\">{value}</a>{interval}{mark}</td>")
    }

    fn regenerates(&self) -> String {
        let dataset = self.first().map_or("", |(labels, _)| &labels[0]);
        format!("cargo xtask reproduce --experiments main --datasets {dataset}")
    }

    /// The table that is shown first.
    fn first(&self) -> Option<&(Labels, Vec<Line>)> {
        let wanted = FILTERS.map(|(_, label)| label.to_owned());
        let table = self.tables.iter().find(|(labels, _)| *labels == wanted);
        table.or(self.tables.first())
    }

    fn marked(&self, label: &str) -> String {
        match self.reconstructed().iter().any(|dataset| dataset == label) {
            true => format!("{label} †"),
            false => label.to_owned(),
        }
    }

    fn reconstructed(&self) -> Vec<String> {
        let datasets = self.manifest.not_upstream().into_iter();
        datasets.map(|(dataset, _)| dataset).collect()
    }
}

impl Line {
    fn value(&self) -> f64 {
        let first = self.metrics.first().copied().flatten();
        first.map_or(f64::NEG_INFINITY, |[value, ..]| value)
    }

    fn difference(&self) -> Option<Interval> {
        self.test.as_ref().map(|test| test.difference)
    }
}

const NOTHING: &str = "<td>–</td>";

fn some_rows<R: Row>(folder: &Path) -> Result<Vec<R>> {
    let rows = rows_in(folder)?;
    ensure!(
        !rows.is_empty(),
        "{}: there are no rows; run the experiment again, or restore the file from git",
        folder.join(R::FILE).display()
    );
    Ok(rows)
}

/// The names in `first`, and those of `all` that it leaves out.
fn ordered<'a>(
    first: impl Iterator<Item = String>,
    all: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let mut names: Vec<String> = first.collect();
    for name in all {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn metric_title(metric: &str) -> String {
    match metric.strip_prefix("recall") {
        Some(rest) => format!("Recall{rest}"),
        None => metric.to_uppercase(),
    }
}

/// The labels that there are tables of. What reads no embeddings stands in the tables of every embedder
/// of its dataset, and in one of its own only where there is none.
fn all_labels(rows: &[&MetricRow]) -> Vec<Labels> {
    let mut embedders: BTreeMap<[&String; 4], Vec<&String>> = BTreeMap::new();
    for row in rows {
        let labels = [&row.dataset, &row.split, &row.pool, &row.subset];
        let known = embedders.entry(labels).or_default();
        if !known.contains(&&row.embedder) {
            known.push(&row.embedder);
        }
    }
    let mut all = Vec::new();
    for ([dataset, split, pool, subset], mut embedders) in embedders {
        if embedders.len() > 1 {
            embedders.retain(|embedder| *embedder != NONE);
        }
        for embedder in embedders {
            all.push([dataset, split, pool, embedder, subset].map(String::clone));
        }
    }
    all.sort();
    all
}

fn lines(
    labels: &Labels,
    routers: &[String],
    names: &[String],
    metrics: &[&MetricRow],
    tests: &[&TestRow],
) -> Vec<Line> {
    let [dataset, split, pool, embedder, subset] = labels;
    let metrics: Vec<&&MetricRow> = metrics
        .iter()
        .filter(|row| {
            [&row.dataset, &row.split, &row.pool, &row.subset] == [dataset, split, pool, subset]
                && (row.embedder == *embedder || row.embedder == NONE)
        })
        .collect();
    let tests: Vec<&TestRow> = tests
        .iter()
        .filter(|row| {
            [
                &row.dataset,
                &row.split,
                &row.pool,
                &row.embedder,
                &row.subset,
            ] == [dataset, split, pool, embedder, subset]
        })
        .copied()
        .collect();
    let p_values: Vec<f64> = tests.iter().map(|row| row.p_value.get()).collect();
    let corrected = holm(&p_values);
    let mut lines = Vec::new();
    for (place, router) in routers.iter().enumerate() {
        let row = |name: &String| {
            let mut rows = metrics.iter();
            rows.find(|row| row.router == *router && row.metric == *name)
        };
        let Some(any) = names.iter().find_map(row) else {
            continue;
        };
        let mut corrected = tests.iter().zip(&corrected);
        let test = corrected.find(|(row, _)| row.router == *router);
        lines.push(Line {
            router: place,
            seeds: any.seeds().unwrap_or(1),
            n: any.n,
            metrics: names
                .iter()
                .map(|name| row(name).map(|row| interval(row.value, row.ci_low, row.ci_high)))
                .collect(),
            test: test.map(|(row, p)| Test {
                difference: interval(row.difference, row.ci_low, row.ci_high),
                p: Number::new(*p).get(),
            }),
        });
    }
    lines
}

fn interval(value: Number, low: Number, high: Number) -> Interval {
    [value, low, high].map(Number::get)
}

/// What a column's intervals are drawn on.
struct Scale {
    least: f64,
    most: f64,
    /// Where SE is.
    origin: f64,
}

impl Scale {
    fn of(column: impl Iterator<Item = Option<Interval>>, origin: Option<Interval>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for [value, low, high] in column.chain([origin]).flatten() {
            least = least.min(low).min(value);
            most = most.max(high).max(value);
        }
        Self {
            least,
            most,
            origin: origin.map_or(least, |[value, ..]| value),
        }
    }

    /// Draws an interval.
    fn mark(&self, [value, low, high]: &Interval) -> String {
        let width = match self.most - self.least {
            width if width > 0.0 => width,
            _ => 1.0,
        };
        let [value, low, high, origin] = [*value, *low, *high, self.origin]
            .map(|at| format!("{:.1}%", 100.0 * (at - self.least) / width));
        format!(
            "<i class=\"interval\" \
             style=\"--value:{value};--low:{low};--high:{high};--origin:{origin}\"></i>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_no_embeddings_stands_beside_each_embedder() {
        let row = |embedder: &str, router: &str| MetricRow {
            experiment: "main".to_owned(),
            dataset: "builtin".to_owned(),
            split: "query".to_owned(),
            outcomes: "all".to_owned(),
            pool: "catalogue".to_owned(),
            subset: "all".to_owned(),
            embedder: embedder.to_owned(),
            router: router.to_owned(),
            seed: "mean-of-2".to_owned(),
            metric: "mrr".to_owned(),
            value: Number::new(0.5),
            ci_low: Number::new(0.25),
            ci_high: Number::new(0.75),
            n: 8,
        };
        let rows = [
            row("none", "bm25"),
            row("static", "dense"),
            row("minilm", "dense"),
        ];
        let rows: Vec<&MetricRow> = rows.iter().collect();
        let labels = all_labels(&rows);
        let embedders: Vec<&str> = labels.iter().map(|labels| labels[3].as_str()).collect();
        assert_eq!(embedders, ["minilm", "static"]);
        let names = ["bm25".to_owned(), "dense".to_owned()];
        for labels in &labels {
            let lines = lines(labels, &names, &["mrr".to_owned()], &rows, &[]);
            let routers: Vec<usize> = lines.iter().map(|line| line.router).collect();
            assert_eq!(routers, [0, 1]);
            assert_eq!(lines[0].metrics, [Some([0.5, 0.25, 0.75])]);
        }
    }
}
