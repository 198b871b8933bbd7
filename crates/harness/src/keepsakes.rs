//! What a run keeps of its cells beside their scores: rankings, fitted routers, checkpoints.

use std::path::{Path, PathBuf};

use oats_metrics::trec;
use oats_routers::{Ranked, Router, RouterSpec, State};

use crate::{
    Error, Pool, RunOptions,
    cell::{Cell, Scores},
    scores,
    write::write_whole,
};

/// Where a run keeps what.
pub(crate) struct Keepsakes {
    trec: Option<PathBuf>,
    routers: Option<PathBuf>,
    /// The experiment's folder, if what queries scored is kept.
    scores: Option<PathBuf>,
    diverged: PathBuf,
}

impl Keepsakes {
    /// What `options` ask for, in the experiment's folder.
    pub(crate) fn new(options: &RunOptions, folder: &Path) -> Self {
        Self {
            trec: options.trec.then(|| folder.join("trec")),
            routers: options.routers.then(|| folder.join("routers")),
            scores: options.scores.then(|| folder.to_owned()),
            diverged: folder.join("diverged"),
        }
    }

    /// Whether a cell whose scores are known is computed again, because only then there is what to
    /// keep.
    pub(crate) fn are_wanted(&self) -> bool {
        self.trec.is_some() || self.routers.is_some()
    }

    /// Whether rankings are kept.
    pub(crate) fn rankings(&self) -> bool {
        self.trec.is_some()
    }

    /// Keeps the fitted router, if it is to be kept.
    pub(crate) fn router(&self, cell: &Cell<'_>, router: &dyn Router) -> Result<(), Error> {
        let Some(folder) = &self.routers else {
            return Ok(());
        };
        save(&router.state(), &cell.router.spec, folder, &cell.labels).map(drop)
    }

    /// What is told of a fit that failed, with its last good state kept.
    pub(crate) fn failure(
        &self,
        labels: &str,
        spec: &RouterSpec,
        source: oats_routers::Error,
    ) -> Error {
        let last_good = match &source {
            oats_routers::Error::Diverged { last_good, .. } => last_good.as_ref(),
            _ => None,
        };
        let saved = last_good.map(|state| save(state, spec, &self.diverged, labels));
        match saved.transpose() {
            Ok(checkpoint) => Error::Router {
                cell: labels.to_owned(),
                source: Box::new(source),
                checkpoint,
            },
            Err(error) => error,
        }
    }

    /// Keeps what the cell's test queries scored, if that is to be kept.
    pub(crate) fn scores(&self, cell: &Cell<'_>, scores: &Scores) -> Result<(), Error> {
        match &self.scores {
            Some(folder) => scores::keep(cell, scores, folder),
            None => Ok(()),
        }
    }

    /// Keeps the rankings of the cell's test queries, if they are to be kept.
    pub(crate) fn run(
        &self,
        cell: &Cell<'_>,
        pool: Pool,
        rankings: impl Iterator<Item = Vec<Ranked>>,
    ) -> Result<(), Error> {
        let Some(folder) = &self.trec else {
            return Ok(());
        };
        let (queries, tools) = (query_names(cell), tool_names(cell));
        let run = cell.split.test.iter().zip(rankings);
        let run = run.map(|(&query, ranking)| trec::Ranking {
            query: queries[query].clone(),
            items: ranking
                .iter()
                .map(|ranked| (tools[ranked.tool].clone(), ranked.score))
                .collect(),
        });
        let mut file = Vec::new();
        trec::write_run(&mut file, &cell.router.label, run)?;
        let path = folder.join(&cell.labels).join(format!("{pool}.run"));
        write_whole(&path, |out| out.write_all(&file))
    }

    /// Keeps the labels of the cell's test queries beside its rankings.
    pub(crate) fn qrels(&self, cell: &Cell<'_>) -> Result<(), Error> {
        let Some(folder) = &self.trec else {
            return Ok(());
        };
        let (queries, tools) = (query_names(cell), tool_names(cell));
        let judgements = cell.split.test.iter().map(|&query| trec::Judgements {
            query: queries[query].clone(),
            items: cell.benchmark.queries()[query]
                .relevant
                .iter()
                .map(|&(tool, grade)| (tools[tool].clone(), grade.try_into().unwrap_or(i32::MAX)))
                .collect(),
        });
        let mut file = Vec::new();
        trec::write_qrels(&mut file, judgements)?;
        let path = folder.join(&cell.labels).join("qrels");
        write_whole(&path, |out| out.write_all(&file))
    }
}

/// Saves a router's state under the labels of its cell.
fn save(state: &State, spec: &RouterSpec, folder: &Path, labels: &str) -> Result<PathBuf, Error> {
    let file = folder.join(format!("{}.safetensors", labels.replace('/', "-")));
    let bytes = state.to_bytes(spec);
    let bytes = bytes.map_err(|error| Error::Save(Box::new(error)))?;
    write_whole(&file, |out| out.write_all(&bytes))?;
    Ok(file)
}

fn query_names(cell: &Cell<'_>) -> Vec<String> {
    let queries = cell.benchmark.queries().iter();
    trec_names("query", queries.map(|query| query.id.as_str()).collect())
}

fn tool_names(cell: &Cell<'_>) -> Vec<String> {
    let tools = cell.benchmark.tools().iter();
    trec_names("tool", tools.map(|tool| tool.name.as_str()).collect())
}

/// The names themselves, if each can be a field of TREC's formats, which white space separates; else
/// `tool-0`, `tool-1`, … by position in the benchmark.
fn trec_names(kind: &str, names: Vec<&str>) -> Vec<String> {
    let separates = |c: char| c.is_whitespace() || c.is_control();
    if names
        .iter()
        .any(|name| name.is_empty() || name.contains(separates))
    {
        (0..names.len())
            .map(|position| format!("{kind}-{position}"))
            .collect()
    } else {
        names.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_state_of_a_fit_that_diverged_is_kept_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let options = RunOptions {
            out: folder.path().to_owned(),
            require: Vec::new(),
            trec: false,
            routers: false,
            scores: false,
            sharing: None,
        };
        let keepsakes = Keepsakes::new(&options, &folder.path().join("t"));
        let mut state = State::default();
        state.put("tools", &ndarray::array![[1.0f32]]);
        let spec = RouterSpec::by_kind("rnn").unwrap();
        let diverged = |last_good| oats_routers::Error::Diverged {
            router: "rnn",
            what: "loss",
            epoch: 3,
            batch: 1,
            loss: f32::NAN,
            last_good,
        };
        let failure =
            |last_good| keepsakes.failure("set/query/all/rnn-none-0", &spec, diverged(last_good));

        let told = failure(Some(Box::new(state.clone()))).to_string();
        let file = folder
            .path()
            .join("t/diverged/set-query-all-rnn-none-0.safetensors");
        assert!(
            told.contains("NaN") && told.ends_with(&file.display().to_string()),
            "{told}"
        );
        assert_eq!(State::load(&file).unwrap(), (spec.clone(), state));

        let told = failure(None).to_string();
        assert!(
            told.contains("NaN") && !told.contains("checkpoint is"),
            "{told}"
        );
    }
}
