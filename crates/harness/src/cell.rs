//! A cell: one router, fitted once on one split, and what it scores on the test part.

use std::path::Path;

use ndarray::{Array2, Array3, ArrayViewMut2, Axis};
use oats_datasets::{Benchmark, Split};
use oats_metrics::{Metric, trec};
use oats_routers::{Progress, Ranked, Request, Router, Training};
use rayon::prelude::*;

use crate::{Error, Pool, RouterEntry, resources::Embeddings, write::write_whole};

/// What a cell is computed from.
pub(crate) struct Cell<'a> {
    /// Tells it from the experiment's other cells: `dataset/split/router-embedder-seed`.
    pub labels: String,
    pub benchmark: &'a Benchmark,
    pub split: &'a Split,
    pub seed: u64,
    pub router: &'a RouterEntry,
    /// `None` for routers that read no embeddings.
    pub embeddings: Option<&'a Embeddings>,
    pub pools: &'a [Pool],
    pub metrics: &'a [Metric],
}

/// Pools × test queries × metrics.
pub(crate) type Scores = Array3<f64>;

impl Cell<'_> {
    /// The shape of its scores.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        (self.pools.len(), self.split.test.len(), self.metrics.len())
    }

    /// Fits the router and scores it. With `trec`, also writes the rankings into a folder there.
    pub(crate) fn compute(&self, trec: Option<&Path>) -> Result<Scores, Error> {
        let router = self.fit()?;
        let mut scores = Array3::zeros(self.shape());
        for (scores, &pool) in scores.outer_iter_mut().zip(self.pools) {
            let rankings: Vec<Vec<Ranked>> = self
                .split
                .test
                .par_iter()
                .map(|&query| router.rank(&self.request(query, pool), usize::MAX))
                .collect();
            self.score(&rankings, scores);
            if let Some(folder) = trec {
                let file = format!("{pool}.run");
                self.write_run(&folder.join(&self.labels).join(file), &rankings)?;
            }
        }
        if let Some(folder) = trec {
            self.write_qrels(&folder.join(&self.labels).join("qrels"))?;
        }
        Ok(scores)
    }

    fn fit(&self) -> Result<Box<dyn Router>, Error> {
        let empty = Array2::zeros((0, 0));
        let query_embeddings = match self.embeddings {
            Some(embeddings) => embeddings.queries.select(Axis(0), &self.split.train),
            None => empty.clone(),
        };
        let training = Training {
            tools: self.benchmark.tools(),
            tool_embeddings: self.embeddings.map_or(empty.view(), |e| e.tools.view()),
            queries: self
                .split
                .train
                .iter()
                .map(|&query| (&self.benchmark.queries()[query]).into())
                .collect(),
            query_embeddings: query_embeddings.view(),
            seed: self.seed,
            progress: Progress::silent(),
        };
        self.router
            .spec
            .fit(&training)
            .map_err(|source| Error::Router {
                cell: self.labels.clone(),
                source,
            })
    }

    fn request(&self, query: usize, pool: Pool) -> Request<'_> {
        let asked = &self.benchmark.queries()[query];
        Request {
            text: &asked.text,
            embedding: self
                .embeddings
                .and_then(|embeddings| embeddings.queries.row(query).to_slice())
                .unwrap_or_default(),
            candidates: match pool {
                Pool::Candidates => Some(&asked.candidates),
                Pool::Catalogue => None,
            },
        }
    }

    fn score(&self, rankings: &[Vec<Ranked>], mut scores: ArrayViewMut2<'_, f64>) {
        for ((row, &query), ranking) in scores
            .rows_mut()
            .into_iter()
            .zip(&self.split.test)
            .zip(rankings)
        {
            let tools: Vec<usize> = ranking.iter().map(|ranked| ranked.tool).collect();
            let relevant = &self.benchmark.queries()[query].relevant;
            for (score, metric) in row.into_iter().zip(self.metrics) {
                *score = metric.score(&tools, relevant);
            }
        }
    }

    fn write_run(&self, path: &Path, rankings: &[Vec<Ranked>]) -> Result<(), Error> {
        let (queries, tools) = (self.query_names(), self.tool_names());
        let run = self.split.test.iter().zip(rankings);
        let run = run.map(|(&query, ranking)| trec::Ranking {
            query: queries[query].clone(),
            items: ranking
                .iter()
                .map(|ranked| (tools[ranked.tool].clone(), ranked.score))
                .collect(),
        });
        let mut file = Vec::new();
        trec::write_run(&mut file, &self.router.label, run)?;
        write_whole(path, |out| out.write_all(&file))
    }

    fn write_qrels(&self, path: &Path) -> Result<(), Error> {
        let (queries, tools) = (self.query_names(), self.tool_names());
        let judgements = self.split.test.iter().map(|&query| trec::Judgements {
            query: queries[query].clone(),
            items: self.benchmark.queries()[query]
                .relevant
                .iter()
                .map(|&(tool, grade)| (tools[tool].clone(), grade.try_into().unwrap_or(i32::MAX)))
                .collect(),
        });
        let mut file = Vec::new();
        trec::write_qrels(&mut file, judgements)?;
        write_whole(path, |out| out.write_all(&file))
    }

    fn query_names(&self) -> Vec<String> {
        let queries = self.benchmark.queries().iter();
        trec_names("query", queries.map(|query| query.id.as_str()).collect())
    }

    fn tool_names(&self) -> Vec<String> {
        let tools = self.benchmark.tools().iter();
        trec_names("tool", tools.map(|tool| tool.name.as_str()).collect())
    }
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
