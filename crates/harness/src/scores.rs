//! What each test query scored, in files of their own: what comparisons pair.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use oats_datasets::{Benchmark, Split};

use crate::{
    Error, Pool,
    aggregate::{SEEN, UNSEEN},
    cell::{Cell, Scores},
    write::write_whole,
};

/// The folder, in an experiment's own.
pub(crate) const FOLDER: &str = "scores";

/// Between the names of a query's subsets: in none, as many are names of files.
const BETWEEN: char = '/';

/// The columns before the metrics.
const COLUMNS: [&str; 3] = ["query", "text", "subsets"];

/// What one router's ranking of one pool scored, on one split: a file
/// `scores/<dataset>/<split>/<outcomes>/<router>/<embedder>/<seed>/<pool>.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct CellScores {
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// What the router learned from.
    pub outcomes: String,
    /// The router's label.
    pub router: String,
    /// The embedder, or `none`.
    pub embedder: String,
    /// The split's seed.
    pub seed: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// What was measured, in the order of each query's scores.
    pub metrics: Vec<String>,
    /// The test queries.
    pub queries: Vec<QueryScores>,
}

/// What one test query scored.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryScores {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// The benchmark's subsets that it is in, and `seen-in-training` or `not-in-training`.
    pub subsets: Vec<String>,
    /// One for each metric.
    pub scores: Vec<f64>,
}

impl CellScores {
    /// All that a run kept in the experiment's folder, by path.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Results`] with file and line for what is no such file.
    pub fn read_all(experiment: &Path) -> Result<Vec<Self>, Error> {
        let root = experiment.join(FOLDER);
        let mut files = BTreeSet::new();
        files_below(&root, &mut files)?;
        let read = |file: &PathBuf| Self::read(file, file.strip_prefix(&root).unwrap_or(file));
        files.iter().map(read).collect()
    }

    fn read(file: &Path, labels: &Path) -> Result<Self, Error> {
        let fault = |problem: String| Error::Results {
            file: file.to_owned(),
            problem,
        };
        let labels = labels.with_extension("");
        let labels: Vec<String> = labels
            .iter()
            .map(|label| label.to_string_lossy().into_owned())
            .collect();
        let [dataset, split, outcomes, router, embedder, seed, pool] = labels
            .try_into()
            .map_err(|_| fault("is not where scores are kept".to_owned()))?;
        let mut reader =
            csv::Reader::from_path(file).map_err(|error| Error::io("read", file)(error.into()))?;
        let header = reader.headers().map_err(|error| fault(error.to_string()))?;
        let mut columns = header.iter();
        if !columns.by_ref().take(COLUMNS.len()).eq(COLUMNS) {
            return Err(fault(format!(
                "line 1: the columns do not begin with {}",
                COLUMNS.join(",")
            )));
        }
        let metrics: Vec<String> = columns.map(str::to_owned).collect();
        let mut queries = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| fault(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let score = |field: &str| match field.parse::<f64>() {
                Ok(score) if score.is_finite() => Ok(score),
                _ => Err(fault(format!("line {line}: `{field}` is no score"))),
            };
            queries.push(QueryScores {
                id: record[0].to_owned(),
                text: record[1].to_owned(),
                subsets: record[2].split(BETWEEN).map(str::to_owned).collect(),
                scores: record
                    .iter()
                    .skip(COLUMNS.len())
                    .map(score)
                    .collect::<Result<_, _>>()?,
            });
        }
        Ok(Self {
            dataset,
            split,
            outcomes,
            router,
            embedder,
            seed,
            pool,
            metrics,
            queries,
        })
    }
}

/// Removes what an earlier run kept in the experiment's folder: it may be of other code or other cells.
pub(crate) fn forget(experiment: &Path) -> Result<(), Error> {
    let folder = experiment.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", &folder)(error))
        }
        _ => Ok(()),
    }
}

/// Keeps what a cell's test queries scored, in the experiment's folder.
pub(crate) fn keep(cell: &Cell<'_>, scores: &Scores, experiment: &Path) -> Result<(), Error> {
    let folder = experiment.join(FOLDER).join(&cell.folder);
    let subsets = subsets(cell.benchmark, cell.split);
    for (pool, scores) in cell.pools.iter().zip(scores.outer_iter()) {
        write_whole(&file(&folder, *pool), |out| {
            let mut writer = csv::Writer::from_writer(out);
            let metrics = cell.metrics.iter().map(ToString::to_string);
            writer.write_record(COLUMNS.map(str::to_owned).into_iter().chain(metrics))?;
            let queries = cell.split.test.iter().zip(&subsets).zip(scores.rows());
            for ((&query, subsets), scores) in queries {
                let query = &cell.benchmark.queries()[query];
                let labels = [query.id.clone(), query.text.clone(), subsets.clone()];
                let scores = scores.into_iter().map(ToString::to_string);
                writer.write_record(labels.into_iter().chain(scores))?;
            }
            writer.flush()
        })?;
    }
    Ok(())
}

fn file(folder: &Path, pool: Pool) -> PathBuf {
    folder.join(format!("{pool}.csv"))
}

/// Of each test query, as it is written.
fn subsets(benchmark: &Benchmark, split: &Split) -> Vec<String> {
    let seen = split.seen_in_training(benchmark);
    let of = |(&query, &seen): (&usize, &bool)| {
        let own = benchmark.queries()[query].subsets.iter();
        let mut names: Vec<&str> = own
            .map(|&subset| benchmark.subsets()[subset].as_str())
            .collect();
        names.push(if seen { SEEN } else { UNSEEN });
        names.join(&BETWEEN.to_string())
    };
    split.test.iter().zip(&seen).map(of).collect()
}

/// None where there is no folder.
fn files_below(folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("read", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "csv") {
            files.insert(path);
        }
    }
    Ok(())
}
