//! Tables for the terminal, at most [`WIDTH`] columns wide.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use oats_harness::{
    Comparison, Costs, Experiment, Frontier, FrontierPoints, Latency, Manifest, growths,
    rows::{
        ChangedRow, ComparedRow, CostRow, DOLLARS, LatencyRow, LeaderboardRow, MetricRow, NONE,
        Number, PointRow, Row, ScalingRow, means_over_most_seeds,
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

/// A table for each data set, pool and embedder with what it is headed by, and one of mean ranks.
fn of_leaderboard(rows: &[LeaderboardRow]) -> Vec<(String, Table)> {
    let place = |row: &LeaderboardRow| {
        [
            &row.dataset,
            &row.split,
            &row.outcomes,
            &row.pool,
            &row.embedder,
        ]
        .map(String::clone)
    };
    let mut sorted: Vec<&LeaderboardRow> = rows.iter().collect();
    sorted.sort_by_key(|row| (place(row), row.rank));
    let mut tables = Vec::new();
    for group in sorted.chunk_by(|a, b| place(a) == place(b)) {
        let Some(first) = group.first() else { continue };
        let mut table = Table::new([
            ("rank", Column::Number),
            ("router", Column::Text),
            ("seeds", Column::Number),
            (first.metric.as_str(), Column::Number),
            ("95 %", Column::Number),
            ("groups", Column::Text),
        ]);
        for row in group {
            table.row([
                row.rank.to_string(),
                row.router.clone(),
                row.seeds().unwrap_or(1).to_string(),
                format!("{:.3}", row.value.get()),
                format!("{:.3} to {:.3}", row.ci_low.get(), row.ci_high.get()),
                row.groups.clone(),
            ]);
        }
        let heading = format!(
            "{}, {} split, {}, {}",
            first.dataset, first.split, first.pool, first.embedder
        );
        tables.push((heading, table));
    }
    if tables.len() > 1 {
        tables.push(("Mean ranks over these tables".to_owned(), mean_ranks(rows)));
    }
    tables
}

/// Of each router, with the number of tables that it stands in.
fn mean_ranks(rows: &[LeaderboardRow]) -> Table {
    let mut ranks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows {
        ranks.entry(&row.router).or_default().push(row.rank as f64);
    }
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    let mut ranks: Vec<(&str, Vec<f64>)> = ranks.into_iter().collect();
    ranks.sort_by(|(a, ranks), (b, others)| {
        mean(ranks).total_cmp(&mean(others)).then_with(|| a.cmp(b))
    });
    let mut table = Table::new([
        ("mean rank", Column::Number),
        ("router", Column::Text),
        ("tables", Column::Number),
    ]);
    for (router, ranks) in ranks {
        table.row([
            format!("{:.1}", mean(&ranks)),
            router.to_owned(),
            ranks.len().to_string(),
        ]);
    }
    table
}

const GROUPS: &str = "Routers that share a letter do not differ significantly: paired tests of all pairs of a table,\n\
                      Holm's correction, p ≤ 0.05.";

/// For the terminal.
pub(crate) fn leaderboard(rows: &[LeaderboardRow]) -> String {
    let tables = of_leaderboard(rows).into_iter();
    let tables = tables.map(|(heading, table)| format!("\n{heading}\n{table}"));
    format!("{}\n{GROUPS}\n", tables.collect::<String>())
}

/// As a page.
pub(crate) fn leaderboard_markdown(rows: &[LeaderboardRow]) -> String {
    let tables = of_leaderboard(rows).into_iter();
    let tables = tables.map(|(heading, table)| format!("\n## {heading}\n\n{}", table.markdown()));
    format!("# Leaderboard\n\n{GROUPS}\n{}", tables.collect::<String>())
}

/// What two sides differ in: of two routers every metric, by subset the first; of runs what moved.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let is_one_pair = rows
        .iter()
        .all(|row| (&row.router, &row.baseline) == (&rows[0].router, &rows[0].baseline));
    let body = match is_one_pair {
        true => pair_of_routers(comparison),
        false => what_moved(rows),
    };
    let better = |row: &&ComparedRow| row.difference.get() > 0.0;
    let significant = || rows.iter().filter(|row| row.is_beyond_noise());
    let up = significant().filter(better).count();
    let verdict = match (&comparison.metric, is_one_pair) {
        (Some(metric), false) => {
            format!(" Whether quality fell is told by {metric} over all queries.")
        }
        _ => String::new(),
    };
    format!(
        "{body}Of {} differences {up} are up and {} down beyond noise\n(p ≤ 0.05 after Holm's correction, by \
         more than rounding).{verdict}\n",
        rows.len(),
        significant().count() - up,
    )
}

/// A table for each data set, split, pool and embedder, and the queries that changed most below it.
fn pair_of_routers(comparison: &Comparison) -> String {
    let mut told = String::new();
    let mut rows: Vec<&ComparedRow> = comparison.rows.iter().collect();
    rows.sort_by_key(|row| place(row));
    for group in rows.chunk_by(|a, b| place(a) == place(b)) {
        let Some(first) = group.first() else { continue };
        let mut table = Table::new([
            ("subset", Column::Text),
            ("metric", Column::Text),
            (first.router.as_str(), Column::Number),
            ("difference", Column::Number),
            ("95 %", Column::Number),
            ("p (Holm)", Column::Number),
            ("better", Column::Number),
            ("same", Column::Number),
            ("worse", Column::Number),
        ]);
        let is_first = |row: &&&ComparedRow| comparison.metric.as_ref() == Some(&row.metric);
        let of_all = || group.iter().filter(|row| row.subset == "all");
        let others = group.iter().filter(|row| row.subset != "all");
        let other_metrics = of_all().filter(|row| !is_first(row));
        let shown = of_all().filter(is_first).chain(other_metrics);
        for row in shown.chain(others.filter(is_first)) {
            table.row([
                row.subset.clone(),
                row.metric.clone(),
                format!("{:.3}", row.value.get()),
                signed(row.difference),
                format!("{} to {}", signed(row.ci_low), signed(row.ci_high)),
                p_value(row),
                row.wins.to_string(),
                row.ties.to_string(),
                row.losses.to_string(),
            ]);
        }
        told += &format!(
            "\n{} against {}: {}, {} split, {}, {}\n{table}",
            first.router, first.baseline, first.dataset, first.split, first.pool, first.embedder
        );
        told += &changed(&comparison.changed, first);
    }
    told + "\n"
}

/// Data set, split, outcomes, pool, embedder.
fn place(row: &ComparedRow) -> [&str; 5] {
    [
        &row.dataset,
        &row.split,
        &row.outcomes,
        &row.pool,
        &row.embedder,
    ]
    .map(String::as_str)
}

/// The queries that gained and lost most, in the place of a row.
fn changed(changed: &[ChangedRow], at: &ComparedRow) -> String {
    const SHOWN: usize = 3;
    let is_here = |row: &&ChangedRow| {
        let labels = [
            &row.dataset,
            &row.split,
            &row.outcomes,
            &row.pool,
            &row.embedder,
        ];
        labels.map(String::as_str) == place(at)
    };
    let mut own: Vec<&ChangedRow> = changed.iter().filter(is_here).collect();
    own.sort_by(|a, b| {
        (b.difference.get().total_cmp(&a.difference.get())).then_with(|| a.query.cmp(&b.query))
    });
    let gained = own.iter().filter(|row| row.difference.get() > 0.0);
    let lost = own.iter().filter(|row| row.difference.get() < 0.0);
    let lost_most = lost.clone().count().saturating_sub(SHOWN);
    let mut table = Table::new([
        (at.router.as_str(), Column::Number),
        ("difference", Column::Number),
        ("query", Column::Text),
    ]);
    for row in gained.take(SHOWN).chain(lost.skip(lost_most)) {
        table.row([
            format!("{:.3}", row.value.get()),
            signed(row.difference),
            row.query.clone(),
        ]);
    }
    match own.is_empty() {
        true => "No query is answered otherwise.\n".to_owned(),
        false => format!("{table}"),
    }
}

/// The rows beyond noise, the largest fall first.
fn what_moved(rows: &[ComparedRow]) -> String {
    let mut moved: Vec<&ComparedRow> = rows.iter().filter(|row| row.is_beyond_noise()).collect();
    if moved.is_empty() {
        return String::new();
    }
    moved.sort_by(|a, b| a.difference.get().total_cmp(&b.difference.get()));
    let mut table = Table::new([
        ("router", Column::Text),
        ("where", Column::Text),
        ("metric", Column::Text),
        ("now", Column::Number),
        ("difference", Column::Number),
        ("p (Holm)", Column::Number),
        ("paired", Column::Text),
    ]);
    for row in moved {
        let mut labels = place(row).to_vec();
        labels.push(&row.subset);
        labels.retain(|label| *label != "all");
        table.row([
            row.router.clone(),
            labels.join(" "),
            row.metric.clone(),
            format!("{:.3}", row.value.get()),
            signed(row.difference),
            p_value(row),
            row.paired.clone(),
        ]);
    }
    format!("\n{table}\n")
}

fn signed(number: Number) -> String {
    format!("{:+.3}", number.get())
}

fn p_value(row: &ComparedRow) -> String {
    match row.p_holm.get() {
        p if p < 0.001 => "< 0.001".to_owned(),
        p => format!("{p:.3}"),
    }
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

/// With more columns than this only some depths are shown.
const MOST_COLUMNS: usize = 8;
const LANDMARKS: [&str; 5] = ["1", "2", "5", "10", "20"];
