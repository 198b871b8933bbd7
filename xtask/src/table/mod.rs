//! Tables for the terminal, at most [`WIDTH`] columns wide.

mod compared;

pub(crate) use compared::{comparison, leaderboard, leaderboard_markdown};

use std::{collections::BTreeSet, fmt};

use oats_harness::{
    Costs, Experiment, Frontier, FrontierPoints, Latency, Manifest, Serving, ServingPoints,
    growths,
    rows::{
        CostRow, DOLLARS, LatencyRow, MetricRow, NONE, PointRow, Row, ScalingRow,
        means_over_most_seeds,
    },
    tool_points,
};

const WIDTH: usize = 100;
const READABLE: usize = 30;
const GAP: &str = "  ";

/// Cells under headings. Text is aligned left and cut where the table would be too wide; numbers are
/// aligned right and never cut.
pub(crate) struct Table {
    columns: Vec<Column>,
    headings: usize,
    rows: Vec<Vec<String>>,
}

/// What stands in a column.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Column {
    Text,
    Number,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&str, Column); N]) -> Self {
        let mut table = Self::with_columns(columns.map(|(_, column)| column).to_vec());
        table.heading(columns.map(|(heading, _)| heading));
        table
    }

    /// A table whose headings are still to come.
    fn with_columns(columns: Vec<Column>) -> Self {
        Self {
            columns,
            headings: 0,
            rows: Vec::new(),
        }
    }

    fn heading<S: ToString>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.row(cells);
        self.headings = self.rows.len();
    }

    /// One cell for each column; line breaks in them become spaces.
    pub(crate) fn row<S: ToString>(&mut self, cells: impl IntoIterator<Item = S>) {
        let one_line = |cell: S| {
            let cell = cell.to_string();
            cell.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        self.rows.push(cells.into_iter().map(one_line).collect());
    }

    /// As wide as the widest cell. If the table would pass [`WIDTH`], texts give way, the last one
    /// first, but none below [`READABLE`] while there is another.
    fn widths(&self) -> Vec<usize> {
        let widest = |column: usize| {
            let widths = self.rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        while line_width(&widths) > WIDTH {
            let mut texts =
                (0..widths.len()).filter(|&column| self.columns[column] == Column::Text);
            let last_wide = texts.clone().rfind(|&column| widths[column] > READABLE);
            match last_wide.or_else(|| texts.next()) {
                Some(narrower) if widths[narrower] > 1 => widths[narrower] -= 1,
                _ => break,
            }
        }
        widths
    }

    /// The whole table, nothing cut, as Markdown has it.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let ruler: Vec<String> = (self.columns.iter())
            .map(|column| match column {
                Column::Text => "---".to_owned(),
                Column::Number => "---:".to_owned(),
            })
            .collect();
        let (headings, rows) = self.rows.split_at(self.headings);
        let escaped = rows.iter().map(|row| {
            let cells = row.iter().map(|cell| cell.replace('|', "\\|"));
            line(&cells.collect::<Vec<_>>())
        });
        let headings: String = headings.iter().map(|row| line(row)).collect();
        headings + &line(&ruler) + &escaped.collect::<String>()
    }
}

fn line_width(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

/// The first characters of `cell`, with an ellipsis if it has more than `width`.
fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            if index == self.headings {
                writeln!(f, "{}", "─".repeat(line_width(&widths)))?;
            }
            let cells: Vec<String> = row
                .iter()
                .zip(widths.iter().zip(&self.columns))
                .map(|(cell, (&width, column))| match column {
                    Column::Text => format!("{:<width$}", cut(cell, width)),
                    Column::Number => format!("{cell:>width$}"),
                })
                .collect();
            writeln!(f, "{}", cells.join(GAP).trim_end())?;
        }
        Ok(())
    }
}

/// One table a dataset: its routers by split and pool, for the experiment's first metric over all
/// test queries, the mean over the seeds that were run.
pub(crate) fn summary(experiment: &Experiment, rows: &[MetricRow]) -> String {
    let Some(metric) = experiment.metrics.first().map(ToString::to_string) else {
        return String::new();
    };
    let shown = rows
        .iter()
        .filter(|row| row.metric == metric && row.subset == "all");
    let rows = means_over_most_seeds(shown);
    let datasets: BTreeSet<&str> = rows.iter().map(|row| row.dataset.as_str()).collect();
    datasets
        .into_iter()
        .map(|dataset| {
            let own = rows.iter().copied().filter(|row| row.dataset == dataset);
            let table = of_dataset(experiment, &own.collect::<Vec<_>>());
            format!("{dataset}: {metric} by split, over each query's candidates (cand.) or the whole catalogue (cata.)\n{table}\n")
        })
        .collect()
}

fn of_dataset(experiment: &Experiment, rows: &[&MetricRow]) -> Table {
    let protocols: BTreeSet<(&str, &str)> = rows
        .iter()
        .map(|row| (row.split.as_str(), row.pool.as_str()))
        .collect();
    let embedders: BTreeSet<&str> = rows.iter().map(|row| row.embedder.as_str()).collect();
    let outcomes = outcomes(experiment, rows);
    // Most experiments learn from labels alone, and need no column to say so.
    let tells_outcomes = outcomes != ["all"];
    let mut labels = vec!["router", "embedder"];
    if tells_outcomes {
        labels.push("outcomes");
    }
    let mut columns = vec![Column::Text; labels.len()];
    columns.extend(protocols.iter().map(|_| Column::Number));
    let mut table = Table::with_columns(columns);
    table.heading(
        labels
            .iter()
            .map(|_| "")
            .chain(protocols.iter().map(|(split, _)| *split)),
    );
    let pools = protocols.iter().map(|(_, pool)| match *pool {
        "candidates" => "cand.",
        "catalogue" => "cata.",
        other => other,
    });
    table.heading(labels.iter().copied().chain(pools));
    let most = rows.iter().map(|row| row.seeds()).max().flatten();
    for router in &experiment.routers {
        if router.spec.asks_an_llm() && rows.iter().all(|row| row.router != router.label) {
            let mut cells = vec![router.label.as_str()];
            cells.resize(labels.len(), "");
            cells.resize(labels.len() + protocols.len(), "not measured");
            table.row(cells);
            continue;
        }
        for embedder in &embedders {
            for outcomes in &outcomes {
                let found: Vec<Option<&MetricRow>> = protocols
                    .iter()
                    .map(|&(split, pool)| {
                        rows.iter().copied().find(|row| {
                            row.router == router.label
                                && row.embedder == *embedder
                                && row.outcomes == *outcomes
                                && row.split == split
                                && row.pool == pool
                        })
                    })
                    .collect();
                let Some(any) = found.iter().copied().flatten().next() else {
                    continue;
                };
                let label = match any.seeds() {
                    Some(1) if most > Some(1) => format!("{} (1 seed)", router.label),
                    Some(fewer) if Some(fewer) < most => {
                        format!("{} ({fewer} seeds)", router.label)
                    }
                    _ => router.label.clone(),
                };
                let mut cells = vec![label, (*embedder).to_owned()];
                if tells_outcomes {
                    cells.push(outcomes.clone());
                }
                cells.extend(found.iter().map(|row| match row {
                    Some(row) => format!("{:.3}", row.value.get()),
                    None => "–".to_owned(),
                }));
                table.row(cells);
            }
        }
    }
    table
}

/// Those of the rows, in the experiment's order.
fn outcomes(experiment: &Experiment, rows: &[&MetricRow]) -> Vec<String> {
    let mut outcomes: Vec<String> = Vec::new();
    for known in experiment.grids.iter().flat_map(|grid| &grid.outcomes) {
        let known = known.to_string();
        if !outcomes.contains(&known) && rows.iter().any(|row| row.outcomes == known) {
            outcomes.push(known);
        }
    }
    outcomes
}

/// One table a dataset: what an LLM is shown and what that costs, or a chain's tokens by depth, at the
/// price list's first model.
pub(crate) fn costs(costs: &Costs, rows: &[CostRow], manifest: &Manifest) -> String {
    let Some(model) = manifest.first_model() else {
        return String::new();
    };
    let (heading, label): (&str, fn(&CostRow) -> &str) = match costs {
        Costs::Comparison(_) => ("shown", |row| &row.shown),
        Costs::Growth(_) => ("depth", |row| &row.depth),
    };
    let rows = rows.iter().filter(|row| {
        row.price == model.name
            && row.quantity == DOLLARS
            && row.dataset != NONE
            && label(row) != NONE
    });
    let rows: Vec<&CostRow> = rows.collect();
    let datasets: BTreeSet<&str> = rows.iter().map(|row| row.dataset.as_str()).collect();
    let tables = datasets.into_iter().map(|dataset| {
        let own = || rows.iter().filter(|row| row.dataset == dataset);
        let scenarios: BTreeSet<&str> = own().map(|row| row.scenario.as_str()).collect();
        let mut labels: Vec<&str> = own().map(|row| label(row)).collect();
        // Numbers by size, and what has none around them.
        labels.sort_by_key(|label| {
            let number = label.trim_start_matches("top-").parse().ok();
            (
                number.unwrap_or(if *label == "catalogue" { u64::MAX } else { 0 }),
                *label,
            )
        });
        labels.dedup();
        if labels.len() > MOST_COLUMNS {
            labels.retain(|label| LANDMARKS.contains(label));
        }
        let mut columns = vec![Column::Text];
        columns.extend(labels.iter().map(|_| Column::Number));
        let mut table = Table::with_columns(columns);
        table.heading([heading].into_iter().chain(labels.iter().copied()));
        for scenario in scenarios {
            let cells = labels.iter().map(|column| {
                let cell = own().find(|row| row.scenario == scenario && label(row) == *column);
                cell.map_or("–".to_owned(), |row| format!("{:.0}", row.value.get()))
            });
            let cells: Vec<String> = cells.collect();
            table.row([scenario.to_owned()].into_iter().chain(cells));
        }
        format!(
            "{dataset}: dollars per million requests, {}\n{table}\n",
            model.name
        )
    });
    tables.collect()
}

/// One table a dataset: how long its routers take, one request at a time.
pub(crate) fn latency(study: &Latency, rows: &[LatencyRow]) -> String {
    const QUANTITIES: [&str; 4] = ["p50-ms", "p95-ms", "p99-ms", "max-ms"];
    let datasets: BTreeSet<&str> = rows.iter().map(|row| row.dataset.as_str()).collect();
    let tables = datasets.into_iter().map(|dataset| {
        let own: Vec<&LatencyRow> = rows
            .iter()
            .filter(|row| row.dataset == dataset && row.pool == "catalogue")
            .filter(|row| row.threads == "1" && row.callers == "1" && row.stage == "all")
            .collect();
        let mut kinds = vec![Column::Text, Column::Text];
        kinds.extend(QUANTITIES.map(|_| Column::Number));
        let mut table = Table::with_columns(kinds);
        table.heading(["router", "embedder"].into_iter().chain(QUANTITIES));
        for router in &study.routers {
            let of_router = own.iter().filter(|row| row.router == router.label);
            let embedders: BTreeSet<&str> = of_router.map(|row| row.embedder.as_str()).collect();
            for embedder in embedders {
                let cells = QUANTITIES.map(|quantity| {
                    let row = own.iter().find(|row| {
                        row.router == router.label
                            && row.embedder == embedder
                            && row.quantity == quantity
                    });
                    row.map_or("–".to_owned(), |row| format!("{:.3}", row.value.get()))
                });
                table.row([router.label.clone(), embedder.to_owned()].into_iter().chain(cells));
            }
        }
        format!(
            "{dataset}: text in to ranked tools out, over the catalogue, one request at a time on one \
             thread\n{table}\n"
        )
    });
    tables.collect()
}

/// How the operations grow.
pub(crate) fn scaling(rows: &[ScalingRow]) -> String {
    let mut table = Table::new([
        ("operation", Column::Text),
        ("threads", Column::Number),
        ("size", Column::Number),
        ("median-ms", Column::Number),
        ("exponent", Column::Number),
    ]);
    for growth in growths(rows) {
        for (place, (size, time)) in growth.points.iter().enumerate() {
            let exponent = growth.exponent.filter(|_| place == 0);
            table.row([
                growth.operation.clone(),
                growth.threads.to_string(),
                format!("{size} {}", growth.along),
                format!("{time:.3}"),
                exponent.map_or(String::new(), |(exponent, _)| format!("{exponent:.2}")),
            ]);
        }
    }
    table.to_string()
}

/// How the tools stand to their queries before and after the rounds.
pub(crate) fn geometry(rows: &[PointRow]) -> String {
    let mut table = Table::new([
        ("dataset", Column::Text),
        ("split", Column::Text),
        ("seed", Column::Number),
        ("tool", Column::Text),
        ("rounds", Column::Number),
        ("cos Q+", Column::Number),
        ("cos Q-", Column::Number),
        ("cos test", Column::Number),
        ("rank", Column::Number),
        ("first for", Column::Number),
        ("leaked", Column::Number),
    ]);
    let cosine = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    let count = |count: Option<usize>| count.map_or("–".to_owned(), |count| count.to_string());
    for tool in tool_points(rows) {
        for rounds in 0..=tool.rounds() {
            table.row([
                tool.dataset().to_owned(),
                tool.split().to_owned(),
                tool.seed().to_owned(),
                tool.tool().to_owned(),
                rounds.to_string(),
                cosine(tool.to_positives(rounds)),
                cosine(tool.to_negatives(rounds)),
                cosine(tool.to_test_query(rounds)),
                count(tool.rank(rounds)),
                format!("{}/{}", count(tool.ranked_first(rounds)), tool.tests()),
                format!("{}/{}", tool.tests_in_training(), tool.tests()),
            ]);
        }
    }
    table.to_string()
}

/// One table a dataset and pool: how well its routers choose, how long they take, what that costs.
pub(crate) fn frontier(study: &Frontier, points: &FrontierPoints) -> String {
    let tables = points.llms.iter().map(|llm| {
        let metric = study.metric.to_string();
        let mut table = Table::with_columns(vec![
            Column::Text,
            Column::Number,
            Column::Number,
            Column::Number,
        ]);
        table.heading(["router", metric.as_str(), "p50-ms", "dollars/million"]);
        let number =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        for point in points.of(&llm.dataset, &llm.pool) {
            table.row([
                point.router.clone(),
                number(point.quality.map(|[value, ..]| value)),
                number(Some(point.p50_ms)),
                number(point.dollars),
            ]);
        }
        format!(
            "{}, {}, {} split\n{table}\n",
            llm.dataset, llm.pool, study.split
        )
    });
    tables.collect()
}

/// One table a dataset: how well its routers choose, over both pools, and what it takes to serve them.
pub(crate) fn serving(study: &Serving, points: &ServingPoints) -> String {
    let tables = points.datasets().into_iter().map(|dataset| {
        let of_pool = |pool: &str| format!("{}, {pool}", study.metric);
        let mut table = Table::new([
            ("router", Column::Text),
            ("bytes/tool", Column::Number),
            ("router-p50-us", Column::Number),
            (&of_pool("candidates"), Column::Number),
            (&of_pool("catalogue"), Column::Number),
        ]);
        let number = |value: Option<f64>, decimals: usize| {
            value.map_or("–".to_owned(), |value| format!("{value:.decimals$}"))
        };
        for point in points.of(dataset) {
            table.row([
                point.router.clone(),
                number(point.bytes_per_tool, 0),
                number(point.microseconds, 1),
                number(point.candidates.map(|[value, ..]| value), 3),
                number(point.catalogue.map(|[value, ..]| value), 3),
            ]);
        }
        format!("{dataset}, {} split\n{table}\n", study.split)
    });
    tables.collect()
}

/// With more columns than this only some depths are shown.
const MOST_COLUMNS: usize = 8;
const LANDMARKS: [&str; 5] = ["1", "2", "5", "10", "20"];
