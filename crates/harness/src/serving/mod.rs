//! Quality and the work of serving it: an experiment that runs nothing, but joins other experiments' rows.
//!
//! ```toml
//! kind = "serving"
//! name = "beyond"
//! question = "What is better than OATS-S1, and what does it cost?"
//! quality = "beyond-quality"               # whose metrics.csv tells how well these routers choose
//! latency = "beyond-latency"               # whose latency.csv tells how long they take, and how large they are
//! metric = "ndcg@5"
//! split = "query"
//! embedders = { metatool = "minilm" }      # by dataset: whose rows are joined
//! routers = ["dense", "oats-s1"]           # labels that `quality` and `latency` have
//! baseline = "dense"                       # the one of them that all are held against
//! notes = "What was tried and is not among these."    # Markdown; can be left out
//!
//! [limit]                                  # what a router should add at most; can be left out
//! router = "oats-s1"
//! microseconds = 10
//! ```

mod point;
mod report;

use std::collections::BTreeMap;

use oats_datasets::{Dataset, SplitKind};
use oats_metrics::Metric;
use serde::{Deserialize, Serialize};

pub use self::{
    point::{ServingPoint, ServingPoints},
    report::serving_report,
};
use crate::{
    EmbedderKind,
    experiment::check::{check_folder, check_list, known},
    study::StudyKind,
};

/// An experiment that joins how well routers choose with what it takes to serve them, embedding apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serving {
    /// `serving`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// The experiment whose rows tell how well the routers choose.
    pub quality: String,
    /// The experiment whose rows tell how long they take, and how large they are.
    pub latency: String,
    /// Which of the quality rows.
    pub metric: Metric,
    /// Which of the quality rows.
    pub split: SplitKind,
    /// By dataset, the embedder whose rows are joined; other datasets are left out.
    pub embedders: BTreeMap<Dataset, EmbedderKind>,
    /// Labels of routers.
    pub routers: Vec<String>,
    /// The router whose time the others' is held against.
    pub baseline: String,
    /// What else there is to say, as Markdown.
    #[serde(default)]
    pub notes: Option<String>,
    /// What is held against the added time.
    #[serde(default)]
    pub limit: Option<AddedLimit>,
}

/// What a router should add to the baseline's time at most.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedLimit {
    /// The router's label.
    pub router: String,
    /// p50 over the catalogue, on one thread, without the embedding.
    pub microseconds: f64,
}

impl Serving {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        check_list("embedders", &Vec::from_iter(self.embedders.keys()))?;
        check_list("routers", &self.routers)?;
        let known = |field: &str, label: &String| {
            let labels: Vec<&str> = self.routers.iter().map(String::as_str).collect();
            known(std::slice::from_ref(label), &labels)
                .map_err(|problem| format!("{field}: {problem}"))
        };
        known("baseline", &self.baseline)?;
        if let Some(limit) = &self.limit {
            known("limit: router", &limit.router)?;
            if !(limit.microseconds.is_finite() && limit.microseconds >= 0.0) {
                return Err("limit: microseconds: must be a number of at least 0".to_owned());
            }
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
