//! Result files: tidy CSV, one number a row, sorted, merged by key.

mod compared;
mod kinds;
mod number;

use std::{collections::BTreeMap, fs, path::Path};

use oats_datasets::SplitKind;
use oats_metrics::{LatencySummary, Metric};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, TOLERANCE, write::write_whole};

pub use compared::{ChangedRow, ComparedRow, LeaderboardRow};
pub use kinds::{CostRow, LatencyRow, MetricRow, PeerRow, PointRow, ScalingRow, TestRow};
pub use number::Number;

/// In a column of labels: there is nothing to name.
pub const NONE: &str = "none";
/// In the column `quantity`: what all sums of money but labels' are.
pub const DOLLARS: &str = "dollars-per-million-requests";
/// In the column `embedder`: the router reads no embeddings.
pub(crate) const NO_EMBEDDER: &str = "none";

/// A row of a result file.
pub trait Row: Serialize + DeserializeOwned + Clone {
    /// The name of the files that hold such rows.
    const FILE: &'static str;
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

/// The rows of one kind in a folder of results.
///
/// # Errors
/// Those of [`read_rows`].
pub fn rows_in<R: Row>(folder: &Path) -> Result<Vec<R>, Error> {
    read_rows(&folder.join(R::FILE))
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

/// Of the means over the most seeds, those over all test queries of routers that learned from all labels.
pub fn overall_means(rows: &[MetricRow], metric: Metric, split: SplitKind) -> Vec<&MetricRow> {
    let (metric, split) = (metric.to_string(), split.to_string());
    means_over_most_seeds(rows.iter().filter(|row| {
        row.metric == metric && row.split == split && row.subset == "all" && row.outcomes == "all"
    }))
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
