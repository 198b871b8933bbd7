//! Quality, cost and latency in one: an experiment that times routers, and reads how well they choose
//! and what an LLM costs from other experiments' rows.
//!
//! ```toml
//! kind = "frontier"
//! name = "frontier"
//! question = "What does quality cost?"
//! quality = "main"                         # whose metrics.csv tells how well these routers choose
//! costs = "cost"                           # whose costs.csv tells what an LLM's selection costs
//! metric = "ndcg@5"
//! split = "query"
//! datasets = ["builtin", "metatool"]
//! quick = ["builtin"]                      # what --quick keeps; if left out, all
//! embedders = { builtin = "static", metatool = "minilm" }
//! queries = 200                            # test queries that are timed
//! routers = ["dense", "oats-s1"]           # labels as in `quality`
//!
//! [llm]                                    # how long an LLM takes that selects tools, as others report
//! milliseconds = [500, 2000]
//! source = "Chen et al., arXiv 2603.13426"
//! ```

mod measure;
mod point;
mod report;

use std::collections::BTreeMap;

use oats_datasets::{Dataset, SplitKind};
use oats_metrics::Metric;
use serde::{Deserialize, Serialize};

pub use self::{
    measure::{FrontierSummary, run_frontier},
    point::{FrontierPoints, LlmRange, Point},
    report::frontier_report,
};
use crate::{
    EmbedderKind, Pool, RouterEntry,
    experiment::{
        check::{check_folder, check_list},
        makes::is_of_dataset,
        quick::{check_part, keep},
    },
    rows::LatencyRow,
    study::StudyKind,
};

/// Pools that are timed and shown.
pub(crate) const POOLS: [Pool; 2] = [Pool::Candidates, Pool::Catalogue];

/// An experiment that times routers and joins its rows with others'.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frontier {
    /// `frontier`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// The experiment whose rows tell how well the routers choose.
    pub quality: String,
    /// The experiment whose rows tell what an LLM's selection costs.
    pub costs: String,
    /// Which of the quality rows.
    pub metric: Metric,
    /// Which of the quality rows; routers are fitted to this split of seed 0 to be timed.
    pub split: SplitKind,
    /// Benchmarks.
    #[serde(skip_serializing)]
    pub datasets: Vec<Dataset>,
    /// Those of them that a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Vec<Dataset>>,
    /// By dataset, whose vectors routers read.
    pub embedders: BTreeMap<String, EmbedderKind>,
    /// How many test queries are timed.
    pub queries: usize,
    /// Routers, by the labels that the quality rows have for them.
    pub routers: Vec<RouterEntry>,
    /// How long an LLM takes.
    pub llm: CitedLatency,
}

/// How long an LLM takes to select tools, by somebody's word.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CitedLatency {
    /// From, to.
    pub milliseconds: [f64; 2],
    /// Whose word.
    pub source: String,
}

impl Frontier {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        check_list("datasets", &self.datasets)?;
        check_part("quick", self.quick.as_deref(), &self.datasets)?;
        let labels: Vec<&str> = self.routers.iter().map(|r| r.label.as_str()).collect();
        check_list("routers", &labels)?;
        if self.queries == 0 {
            return Err("queries: must be at least 1".to_owned());
        }
        for dataset in &self.datasets {
            if !self.embedders.contains_key(&dataset.to_string()) {
                return Err(format!("embedders: there is none for `{dataset}`"));
            }
        }
        let [low, high] = self.llm.milliseconds;
        if !(low.is_finite() && high.is_finite() && 0.0 <= low && low <= high) {
            return Err(
                "llm: milliseconds: must be two numbers from 0 up, the lower first".to_owned(),
            );
        }
        Ok(())
    }

    /// Keeps only these datasets.
    pub fn restrict(&mut self, datasets: Option<&[Dataset]>) {
        keep(&mut self.datasets, datasets.map(<[_]>::to_vec));
    }

    /// Keeps what a quick run is to do: the datasets of the list `quick`.
    pub fn quicken(&mut self) {
        let quick = self.quick.take();
        self.restrict(quick.as_deref());
    }

    /// Whether the row is one that a run of the experiment makes.
    pub(crate) fn makes(&self, row: &LatencyRow) -> bool {
        row.experiment == self.name
            && self.routers.iter().any(|router| router.label == row.router)
            && is_of_dataset(row, &self.datasets)
    }
}
