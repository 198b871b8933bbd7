//! Quality, cost and latency in one: an experiment that runs nothing, but joins other experiments' rows.
//!
//! ```toml
//! kind = "frontier"
//! name = "frontier"
//! question = "What does quality cost?"
//! quality = "main"                         # whose metrics.csv tells how well these routers choose
//! latency = "latency"                      # whose latency.csv tells how long they take
//! costs = "cost"                           # whose costs.csv tells what an LLM's selection costs
//! metric = "ndcg@5"
//! split = "query"
//! embedders = { builtin = "static", metatool = "minilm" }   # by dataset: whose rows are joined
//! routers = ["dense", "oats-s1"]           # labels that both `quality` and `latency` have
//!
//! [llm]                                    # how long an LLM takes that selects tools, as others report
//! milliseconds = [500, 2000]
//! source = "Chen et al., arXiv 2603.13426"
//! ```

mod point;
mod report;

use std::collections::BTreeMap;

use oats_datasets::{Dataset, SplitKind};
use oats_metrics::Metric;
use serde::{Deserialize, Serialize};

pub use self::{
    point::{FrontierPoints, Joined, LlmRange, Point},
    report::frontier_report,
};
use crate::{
    EmbedderKind,
    experiment::check::{check_folder, check_list},
    study::StudyKind,
};

/// An experiment that joins the rows of others.
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
    /// The experiment whose rows tell how long they take.
    pub latency: String,
    /// The experiment whose rows tell what an LLM's selection costs.
    pub costs: String,
    /// Which of the quality rows.
    pub metric: Metric,
    /// Which of the quality rows.
    pub split: SplitKind,
    /// By dataset, the embedder whose rows are joined; other datasets are left out.
    pub embedders: BTreeMap<Dataset, EmbedderKind>,
    /// Labels of routers.
    pub routers: Vec<String>,
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
        check_list("embedders", &Vec::from_iter(self.embedders.keys()))?;
        check_list("routers", &self.routers)?;
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
        if let Some(datasets) = datasets {
            self.embedders
                .retain(|dataset, _| datasets.contains(dataset));
        }
    }
}
