//! Result files: tidy CSV, one number a row, sorted, merged by key.

use std::{collections::BTreeMap, fs, path::Path};

use oats_metrics::LatencySummary;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, TOLERANCE, write::write_whole};

/// In a column of labels: there is nothing to name.
pub const NONE: &str = "none";
/// In the column `quantity`: what all sums of money but labels' are.
pub const DOLLARS: &str = "dollars-per-million-requests";
/// In the column `embedder`: the router reads no embeddings.
pub(crate) const NO_EMBEDDER: &str = "none";

/// A row of a result file.
pub trait Row: Serialize + DeserializeOwned + Clone {
    /// The columns, in order.
    const COLUMNS: &'static [&'static str];
    /// The labels that say what the row's numbers are of, in the order of the first columns; unique
    /// within a file.
    fn key(&self) -> Vec<&str>;
    /// The numbers that two runs must agree on, with their columns.
    fn numbers(&self) -> Vec<(&'static str, f64)>;

    /// How far apart two runs' numbers in a column may be.
    fn tolerance(&self, _column: &str) -> f64 {
        TOLERANCE
    }

    /// The label in a column, if there is one of that name.
    fn label(&self, column: &str) -> Option<&str> {
        let position = Self::COLUMNS.iter().position(|&name| name == column)?;
        self.key().get(position).copied()
    }

    /// How many seeds it is a mean over, N of `mean-of-N`; `None` for a single seed's row.
    fn seeds(&self) -> Option<usize> {
        self.label("seed")?.strip_prefix("mean-of-")?.parse().ok()
    }
}

/// A row of `metrics.csv`: a metric's mean over test queries, with its 95 % bootstrap interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRow {
    /// The experiment that measured it.
    pub experiment: String,
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// What routers learned from: [`Outcomes`](crate::Outcomes).
    pub outcomes: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// `all`, or one of the benchmark's subsets.
    pub subset: String,
    /// The embedder, or `none` for routers that read no embeddings.
    pub embedder: String,
    /// The router's label.
    pub router: String,
    /// `mean-of-N` for the mean over N seeds: those of the grid that the router is run with, without
    /// those whose test part has no query of the subset. For the subset `all` also each split's seed.
    pub seed: String,
    /// The metric.
    pub metric: String,
    /// The mean.
    pub value: Number,
    /// Lower end of the interval.
    pub ci_low: Number,
    /// Upper end of the interval.
    pub ci_high: Number,
    /// Test queries, summed over seeds.
    pub n: usize,
}

/// A row of `tests.csv`: a router against the baseline, query by query, over the seeds that both were
/// run with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRow {
    /// The experiment that measured it.
    pub experiment: String,
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// What routers learned from: [`Outcomes`](crate::Outcomes).
    pub outcomes: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// `all`, or one of the benchmark's subsets.
    pub subset: String,
    /// The embedder of the router and the baseline, or of the one of them that reads embeddings;
    /// `none` if neither does.
    pub embedder: String,
    /// The router's label.
    pub router: String,
    /// The baseline's label.
    pub baseline: String,
    /// `mean-of-N`, as in `metrics.csv`.
    pub seed: String,
    /// The metric.
    pub metric: String,
    /// Router minus baseline.
    pub difference: Number,
    /// Lower end of the difference's 95 % interval.
    pub ci_low: Number,
    /// Upper end of the difference's 95 % interval.
    pub ci_high: Number,
    /// Two-sided paired bootstrap test.
    pub p_value: Number,
    /// Test queries, summed over seeds.
    pub n: usize,
}

/// A row of `costs.csv`: tokens, what they cost, or what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostRow {
    /// The experiment that counted it.
    pub experiment: String,
    /// The benchmark, or `none` where no data are read.
    pub dataset: String,
    /// What is done, such as `select-list`.
    pub scenario: String,
    /// What the LLM is shown: `candidates`, `top-K` of the router, `catalogue` or `none`.
    pub shown: String,
    /// Steps of a chain of calls, or `none`.
    pub depth: String,
    /// What the tokens were counted with, or `none` where they are given.
    pub tokenizer: String,
    /// The name of the price, or `none` where nothing is priced.
    pub price: String,
    /// What the value is, such as `input-tokens`.
    pub quantity: String,
    /// The value; of tokens the mean over queries.
    pub value: Number,
    /// Queries; 0 where no data are read.
    pub n: usize,
}

/// A row of `latency.csv`: how long a router takes to rank, or how large it is. Two runs never agree on
/// times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyRow {
    /// The experiment that measured it.
    pub experiment: String,
    /// The benchmark.
    pub dataset: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// The embedder, or `none` for routers that read no embeddings.
    pub embedder: String,
    /// The router's label, or `none` in rows about the embedder alone.
    pub router: String,
    /// Threads that a request may use: `1` or `all`; `none` where there are no requests.
    pub threads: String,
    /// Callers at the same time; `none` where there are no requests.
    pub callers: String,
    /// `all`, `router` (all but the embedding), one of [`Stage`](oats_metrics::Stage), or `none`.
    pub stage: String,
    /// What the value is, with its unit, such as `p50-ms`.
    pub quantity: String,
    /// The value.
    pub value: Number,
    /// Requests; 1 where there are none.
    pub n: usize,
}

/// A row of `scaling.csv`: how long made-up work of some size takes. Two runs never agree on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalingRow {
    /// The experiment that measured it.
    pub experiment: String,
    /// What is done, such as `scan-f32`.
    pub operation: String,
    /// How many tools there are.
    pub tools: String,
    /// How many outcomes are learned from, or `none`.
    pub outcomes: String,
    /// On how many threads.
    pub threads: String,
    /// What the value is, with its unit.
    pub quantity: String,
    /// The value.
    pub value: Number,
    /// How often it was done.
    pub n: usize,
}

/// A row of `points.csv`: where a vector lies around one tool, or how it stands to the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointRow {
    /// The experiment that measured it.
    pub experiment: String,
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// The embedder.
    pub embedder: String,
    /// The tool that is looked at, by its name.
    pub tool: String,
    /// What the point is: `tool`, `positive`, `negative`, `test-query`, `rival-before`, `rival-after`; `axis` is
    /// an axis of the projection, `test-queries` all of the tool's.
    pub role: String,
    /// Which: after how many rounds, a query's id, a tool's name, or an axis.
    pub point: String,
    /// What the value is, such as `x`.
    pub quantity: String,
    /// The value.
    pub value: Number,
}

/// A row of `peers.csv`: one of ours or a peer at the same task. Two runs never agree on its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerRow {
    /// The benchmark.
    pub dataset: String,
    /// What is done, such as `route`.
    pub task: String,
    /// How many threads there were.
    pub threads: String,
    /// The peer, or ours: `oats …`.
    pub peer: String,
    /// `mean-ms`, `p50-ms`, `p95-ms`, `p99-ms`, `max-ms`, `ndcg@5`, `same-ranking` or
    /// `largest-difference`.
    pub quantity: String,
    /// The value.
    pub value: Number,
    /// Queries or fits.
    pub n: usize,
}

impl Row for MetricRow {
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "dataset",
        "split",
        "outcomes",
        "pool",
        "subset",
        "embedder",
        "router",
        "seed",
        "metric",
        "value",
        "ci_low",
        "ci_high",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.experiment,
            &self.dataset,
            &self.split,
            &self.outcomes,
            &self.pool,
            &self.subset,
            &self.embedder,
            &self.router,
            &self.seed,
            &self.metric,
        ]
    }

    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("value", self.value.get()),
            ("ci_low", self.ci_low.get()),
            ("ci_high", self.ci_high.get()),
            ("n", self.n as f64),
        ]
    }
}

impl Row for TestRow {
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "dataset",
        "split",
        "outcomes",
        "pool",
        "subset",
        "embedder",
        "router",
        "baseline",
        "seed",
        "metric",
        "difference",
        "ci_low",
        "ci_high",
        "p_value",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.experiment,
            &self.dataset,
            &self.split,
            &self.outcomes,
            &self.pool,
            &self.subset,
            &self.embedder,
            &self.router,
            &self.baseline,
            &self.seed,
            &self.metric,
        ]
    }

    /// Without the p-value, which moves in steps of two replicates.
    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("difference", self.difference.get()),
            ("ci_low", self.ci_low.get()),
            ("ci_high", self.ci_high.get()),
            ("n", self.n as f64),
        ]
    }
}

impl Row for CostRow {
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "dataset",
        "scenario",
        "shown",
        "depth",
        "tokenizer",
        "price",
        "quantity",
        "value",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.experiment,
            &self.dataset,
            &self.scenario,
            &self.shown,
            &self.depth,
            &self.tokenizer,
            &self.price,
            &self.quantity,
        ]
    }

    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![("value", self.value.get()), ("n", self.n as f64)]
    }

    /// Values are of any size, so theirs is relative. (Where embeddings round differently, the router
    /// shows other tools for a query in thousands.)
    fn tolerance(&self, column: &str) -> f64 {
        match column {
            "value" => TOLERANCE * self.value.get().abs().max(1.0),
            _ => TOLERANCE,
        }
    }
}

impl Row for LatencyRow {
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "dataset",
        "pool",
        "embedder",
        "router",
        "threads",
        "callers",
        "stage",
        "quantity",
        "value",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.experiment,
            &self.dataset,
            &self.pool,
            &self.embedder,
            &self.router,
            &self.threads,
            &self.callers,
            &self.stage,
            &self.quantity,
        ]
    }

    /// None: timings are not compared.
    fn numbers(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

impl Row for ScalingRow {
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "operation",
        "tools",
        "outcomes",
        "threads",
        "quantity",
        "value",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.experiment,
            &self.operation,
            &self.tools,
            &self.outcomes,
            &self.threads,
            &self.quantity,
        ]
    }

    /// None: timings are not compared.
    fn numbers(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

impl Row for PointRow {
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "dataset",
        "split",
        "embedder",
        "tool",
        "role",
        "point",
        "quantity",
        "value",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.experiment,
            &self.dataset,
            &self.split,
            &self.embedder,
            &self.tool,
            &self.role,
            &self.point,
            &self.quantity,
        ]
    }

    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![("value", self.value.get())]
    }
}

impl Row for PeerRow {
    const COLUMNS: &'static [&'static str] = &[
        "dataset", "task", "threads", "peer", "quantity", "value", "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.dataset,
            &self.task,
            &self.threads,
            &self.peer,
            &self.quantity,
        ]
    }

    /// None: timings are not compared.
    fn numbers(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// What result files have of a set of durations: quantities with their values.
pub(crate) fn milliseconds(summary: LatencySummary) -> [(&'static str, f64); 5] {
    [
        ("mean-ms", summary.mean),
        ("p50-ms", summary.p50),
        ("p95-ms", summary.p95),
        ("p99-ms", summary.p99),
        ("max-ms", summary.max),
    ]
    .map(|(quantity, duration)| (quantity, duration.as_secs_f64() * 1e3))
}

/// A number as result files hold it: six decimals, finite, zero without a sign.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// Rounds to six decimals.
    pub fn new(value: f64) -> Self {
        // By way of the text, so that a value equals itself after a write and a read; adding 0
        // makes 0 of -0.
        Self(format!("{value:.6}").parse().unwrap_or(value) + 0.0)
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Serialize for Number {
    /// Refuses what is not finite.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return Err(serde::ser::Error::custom(not_finite(self.0)));
        }
        serializer.collect_str(&format_args!("{:.6}", self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if !value.is_finite() {
            return Err(serde::de::Error::custom(not_finite(value)));
        }
        Ok(Self::new(value))
    }
}

fn not_finite(value: f64) -> String {
    format!("{value} is not a finite number")
}

/// Reads a result file; one that does not exist has no rows.
///
/// # Errors
/// [`Error::Results`] with the line, for another header, a bad field, a repeated key or a file that
/// was cut off.
pub fn read_rows<R: Row>(path: &Path) -> Result<Vec<R>, Error> {
    let fault = |problem: String| Error::Results {
        file: path.to_owned(),
        problem,
    };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let columns = reader
        .headers()
        .map_err(|error| fault(problem::<R>(&error)))?;
    if columns != R::COLUMNS {
        return Err(fault(format!(
            "line 1: the columns are `{}`, expected `{}`",
            columns.iter().collect::<Vec<_>>().join(","),
            R::COLUMNS.join(",")
        )));
    }
    let columns = columns.clone();
    let mut rows: Vec<R> = Vec::new();
    let mut lines: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| fault(problem::<R>(&error)))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row: R = record
            .deserialize(Some(&columns))
            .map_err(|error| fault(problem::<R>(&error)))?;
        if let Some(first) = lines.insert(owned_key(&row), line) {
            return Err(fault(format!(
                "line {line} has the same labels as line {first}, `{}`",
                row.key().join(",")
            )));
        }
        rows.push(row);
    }
    if !bytes.ends_with(b"\n") {
        let last = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        return Err(fault(format!("line {last} is cut off")));
    }
    Ok(rows)
}

fn problem<R: Row>(error: &csv::Error) -> String {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} fields, expected {expected_len}"),
        csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|field| R::COLUMNS.get(field as usize));
            format!("{}: {}", column.unwrap_or(&"?"), err.kind())
        }
        _ => error.to_string(),
    };
    format!("line {line}: {problem}")
}

fn owned_key(row: &impl Row) -> Vec<String> {
    row.key().into_iter().map(str::to_owned).collect()
}

/// Writes a result file, sorted by key.
///
/// # Errors
/// [`Error::Io`].
pub fn write_rows<R: Row>(path: &Path, rows: &[R]) -> Result<(), Error> {
    let mut sorted: Vec<&R> = rows.iter().collect();
    sorted.sort_by(|a, b| a.key().cmp(&b.key()));
    write_whole(path, |out| {
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(out);
        writer.write_record(R::COLUMNS)?;
        for row in sorted {
            writer.serialize(row)?;
        }
        writer.flush()
    })
}

/// Of the rows that differ in the seed alone, the mean over the most seeds; sorted by key. A single
/// seed's rows are left out.
pub fn means_over_most_seeds<'r, R: Row>(rows: impl IntoIterator<Item = &'r R>) -> Vec<&'r R> {
    let seed = R::COLUMNS.iter().position(|&column| column == "seed");
    let mut most: BTreeMap<Vec<&str>, &R> = BTreeMap::new();
    for row in rows {
        if row.seeds().is_none() {
            continue;
        }
        let mut labels = row.key();
        seed.map(|seed| labels.remove(seed));
        let kept = most.entry(labels).or_insert(row);
        if row.seeds() > kept.seeds() {
            *kept = row;
        }
    }
    most.into_values().collect()
}

/// `new` rows replace those of `old` with the same key; the others stay.
pub fn merge_rows<R: Row>(old: Vec<R>, new: &[R]) -> Vec<R> {
    let mut merged: BTreeMap<Vec<String>, R> =
        old.into_iter().map(|row| (owned_key(&row), row)).collect();
    for row in new {
        merged.insert(owned_key(row), row.clone());
    }
    merged.into_values().collect()
}
