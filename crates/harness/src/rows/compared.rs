//! The rows of comparisons: of two sides, and of all routers.

use serde::{Deserialize, Serialize};

use super::{Number, Row};

/// A row of `compared.csv`: a router held against another, or against itself in another run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedRow {
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// What routers learned from.
    pub outcomes: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// `all`, or one of the benchmark's subsets.
    pub subset: String,
    /// The embedder of both, or of the one of them that reads embeddings; `none` if neither does.
    pub embedder: String,
    /// The router's label.
    pub router: String,
    /// The label of the router that it is held against; its own where two runs are compared.
    pub baseline: String,
    /// `mean-of-N`, as in `metrics.csv`.
    pub seed: String,
    /// The metric.
    pub metric: String,
    /// What was paired: `query`, `seed` or `none`.
    pub paired: String,
    /// The router's mean.
    pub value: Number,
    /// Router minus baseline.
    pub difference: Number,
    /// Lower end of the difference's 95 % interval.
    pub ci_low: Number,
    /// Upper end of the difference's 95 % interval.
    pub ci_high: Number,
    /// Two-sided paired test.
    pub p_value: Number,
    /// The same after Holm's correction for all tests of the metric in the file over all queries, or for all
    /// over parts of them; rows that do not differ at all are not counted.
    pub p_holm: Number,
    /// Distinct queries, or seeds, that the router is better on.
    pub wins: usize,
    /// Those on which there is no difference.
    pub ties: usize,
    /// Those that the router is worse on.
    pub losses: usize,
    /// Test queries, summed over seeds.
    pub n: usize,
}

/// A row of `leaderboard.csv`: a router among all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaderboardRow {
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// What routers learned from.
    pub outcomes: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// The embedder of those of the table's routers that read embeddings.
    pub embedder: String,
    /// The router's label.
    pub router: String,
    /// `mean-of-N`, as in `metrics.csv`.
    pub seed: String,
    /// The metric that routers are ranked by.
    pub metric: String,
    /// From 1; equal means share the better one.
    pub rank: usize,
    /// The mean.
    pub value: Number,
    /// Lower end of its 95 % interval, by t over distinct queries.
    pub ci_low: Number,
    /// Upper end of its 95 % interval.
    pub ci_high: Number,
    /// Letters; routers that share one do not differ significantly.
    pub groups: String,
    /// Test queries, summed over seeds.
    pub n: usize,
}

/// A row of `changed.csv`: a query that one of two sides answers better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedRow {
    /// The benchmark.
    pub dataset: String,
    /// `instance`, `query` or `tool`.
    pub split: String,
    /// What routers learned from.
    pub outcomes: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// The embedder, as in `compared.csv`.
    pub embedder: String,
    /// The router's label.
    pub router: String,
    /// The label of the router that it is held against.
    pub baseline: String,
    /// The metric.
    pub metric: String,
    /// The query's text.
    pub query: String,
    /// The router's mean over the splits that test the query.
    pub value: Number,
    /// Router minus baseline.
    pub difference: Number,
    /// How often it was tested.
    pub n: usize,
}

impl Row for ComparedRow {
    const FILE: &'static str = "compared.csv";
    const COLUMNS: &'static [&'static str] = &[
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
        "paired",
        "value",
        "difference",
        "ci_low",
        "ci_high",
        "p_value",
        "p_holm",
        "wins",
        "ties",
        "losses",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
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

    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![("difference", self.difference.get())]
    }
}

impl Row for ChangedRow {
    const FILE: &'static str = "changed.csv";
    const COLUMNS: &'static [&'static str] = &[
        "dataset",
        "split",
        "outcomes",
        "pool",
        "embedder",
        "router",
        "baseline",
        "metric",
        "query",
        "value",
        "difference",
        "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.dataset,
            &self.split,
            &self.outcomes,
            &self.pool,
            &self.embedder,
            &self.router,
            &self.baseline,
            &self.metric,
            &self.query,
        ]
    }

    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![("difference", self.difference.get())]
    }
}

impl Row for LeaderboardRow {
    const FILE: &'static str = "leaderboard.csv";
    const COLUMNS: &'static [&'static str] = &[
        "dataset", "split", "outcomes", "pool", "embedder", "router", "seed", "metric", "rank",
        "value", "ci_low", "ci_high", "groups", "n",
    ];

    fn key(&self) -> Vec<&str> {
        vec![
            &self.dataset,
            &self.split,
            &self.outcomes,
            &self.pool,
            &self.embedder,
            &self.router,
            &self.seed,
            &self.metric,
        ]
    }

    fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![("value", self.value.get())]
    }
}
