//! A cell: one router, fitted once on one split, and what it scores on the test part.

use std::{path::PathBuf, sync::Arc};

use ndarray::Array3;
use oats_datasets::{Benchmark, Split, ToolId};
use oats_llm::Chat;
use oats_metrics::Metric;
use oats_routers::{Progress, Ranked, Request, Router, Training};
use rayon::prelude::*;

use crate::{
    Embeddings, Error, Observer, Pool, RouterEntry, keepsakes::Keepsakes, outcomes::Drawn,
};

/// What a cell is computed from.
pub(crate) struct Cell<'a> {
    /// Tells it from the experiment's other cells: `dataset/split/outcomes/router-embedder-seed`.
    pub labels: String,
    /// The same as a path, a part for each label: `dataset/split/outcomes/router/embedder/seed`.
    pub folder: PathBuf,
    pub benchmark: &'a Benchmark,
    pub split: &'a Split,
    /// What the router learns from.
    pub drawn: &'a [Drawn],
    pub seed: u64,
    pub router: &'a RouterEntry,
    /// Without rows for routers that read no embeddings.
    pub embeddings: &'a Embeddings,
    pub pools: &'a [Pool],
    pub metrics: &'a [Metric],
    /// Who answers for the router `llm`.
    pub llm: Option<&'a Arc<dyn Chat>>,
}

/// Pools × test queries × metrics.
pub(crate) type Scores = Array3<f64>;

/// What comes of a cell: its scores, or in one line what the router's process did wrong, which is no concern
/// of the others.
pub(crate) type Computed = Result<Scores, String>;

/// What a router makes of one request.
struct Answer {
    /// One for each metric.
    scores: Vec<f64>,
    /// Empty unless it is kept.
    ranking: Vec<Ranked>,
}

impl Cell<'_> {
    /// The shape of its scores.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        (self.pools.len(), self.split.test.len(), self.metrics.len())
    }

    /// Fits the router, scores it, and keeps what is to be kept.
    pub(crate) fn compute(
        &self,
        keepsakes: &Keepsakes,
        observer: &dyn Observer,
    ) -> Result<Computed, Error> {
        let tell = |line: &str| observer.detail(&format!("{}: {line}", self.labels));
        let progress = Progress::to(&tell);
        let router = match self.fit(progress) {
            Ok(router) => router,
            Err(oats_routers::Error::Process(failure)) => return Ok(Err(failure.to_string())),
            Err(source) => {
                return Err(keepsakes.failure(&self.labels, &self.router.spec, source));
            }
        };
        keepsakes.router(self, router.as_ref())?;
        let mut scores = Array3::zeros(self.shape());
        for (mut scores, &pool) in scores.outer_iter_mut().zip(self.pools) {
            let answers: Vec<Answer> = self
                .split
                .test
                .par_iter()
                .map(|&query| self.ask(router.as_ref(), query, pool, keepsakes.rankings()))
                .collect();
            for (mut row, answer) in scores.rows_mut().into_iter().zip(&answers) {
                row.iter_mut()
                    .zip(&answer.scores)
                    .for_each(|(score, &value)| *score = value);
            }
            let rankings = answers.into_iter().map(|answer| answer.ranking);
            keepsakes.run(self, pool, rankings)?;
        }
        keepsakes.qrels(self)?;
        Ok(Ok(scores))
    }

    /// The router, ready for the test queries.
    fn fit(&self, progress: Progress<'_>) -> Result<Box<dyn Router>, oats_routers::Error> {
        let learned: Vec<usize> = self.drawn.iter().map(|drawn| drawn.query).collect();
        let query_embeddings = self.embeddings.of_queries(&learned);
        let training = Training {
            tools: self.benchmark.tools(),
            tool_embeddings: self.embeddings.tools.view(),
            queries: self
                .drawn
                .iter()
                .map(|drawn| drawn.training_query(self.benchmark))
                .collect(),
            query_embeddings: query_embeddings.view(),
            seed: self.seed,
            llm: self.llm,
            progress,
        };
        let router = self.router.spec.fit(&training)?;
        // An LLM was asked before the first cell was begun.
        if !self.router.spec.asks_an_llm() {
            let requests = self.pools.iter().flat_map(|&pool| {
                let queries = self.split.test.iter();
                queries.map(move |&query| self.request(query, pool))
            });
            router.prepare(&requests.collect::<Vec<_>>(), progress)?;
        }
        Ok(router)
    }

    fn request(&self, query: usize, pool: Pool) -> Request<'_> {
        let asked = &self.benchmark.queries()[query];
        Request {
            text: &asked.text,
            embedding: self.embeddings.query(query),
            candidates: pool.candidates(asked),
        }
    }

    fn ask(&self, router: &dyn Router, query: usize, pool: Pool, keep: bool) -> Answer {
        let relevant = &self.benchmark.queries()[query].relevant;
        let request = self.request(query, pool);
        let ranking = router.rank(&request, usize::MAX);
        let ranked: Vec<ToolId> = ranking.iter().map(|ranked| ranked.tool).collect();
        let selects = self.metrics.iter().any(|metric| metric.judges_selection());
        let selected = match selects {
            true => router.select(&request),
            false => Vec::new(),
        };
        let scores = self.metrics.iter().map(|metric| {
            let answer = match metric.judges_selection() {
                true => &selected,
                false => &ranked,
            };
            metric.score(answer, relevant)
        });
        Answer {
            scores: scores.collect(),
            ranking: if keep { ranking } else { Vec::new() },
        }
    }
}
