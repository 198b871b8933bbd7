//! The rows that there are, by file.

use serde::{Deserialize, Serialize};

use super::{Number, Row};
use crate::TOLERANCE;

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
    /// The split's seed.
    pub seed: String,
    /// The embedder.
    pub embedder: String,
    /// The tool that is looked at, by its name.
    pub tool: String,
    /// What the point is: `tool`, `positive`, `negative`, `test-query`, `rival-before`, `rival-after`; `axis` is
    /// an axis of the projection; `positives`, `negatives` and `test-queries` are all of the tool's.
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
    const FILE: &'static str = "metrics.csv";
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
    const FILE: &'static str = "tests.csv";
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
    const FILE: &'static str = "costs.csv";
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
    const FILE: &'static str = "latency.csv";
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
    const FILE: &'static str = "scaling.csv";
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
    const FILE: &'static str = "points.csv";
    const COLUMNS: &'static [&'static str] = &[
        "experiment",
        "dataset",
        "split",
        "seed",
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
            &self.seed,
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
    const FILE: &'static str = "peers.csv";
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
