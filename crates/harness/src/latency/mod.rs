//! Experiments that time routers: text in, ranked tools out.
//!
//! ```toml
//! kind = "latency"
//! name = "latency"
//! question = "How long does a request take?"
//! split = "query"                          # routers learn from the training part of seed 0
//! datasets = ["builtin", "metatool"]
//! quick = ["builtin"]                      # what --quick keeps; if left out, all
//! embedders = ["static", "minilm"]         # routers that read embeddings are timed with each
//! queries = 200                            # test queries that are timed
//! routers = ["bm25", "dense", "oats-s1"]
//!
//! [load]                                   # if left out, one request at a time is all
//! routers = ["bm25", "oats-s1"]            # whose throughput and memory are measured
//! callers = [1, 2, 4]                      # at the same time
//! seconds = 1.0                            # of each measurement
//!
//! [[limit]]                                # what routers should take at most
//! routers = ["dense", "oats-s1"]
//! datasets = ["metatool"]
//! embedders = ["static"]                   # if left out, all
//! stage = "router"                         # all but the embedding; or "all", the whole request
//! microseconds = 100                       # p50 over the catalogue, on one thread
//! ```

mod load;
mod report;
mod run;
mod served;

use oats_datasets::{Dataset, SplitKind};
use serde::{Deserialize, Serialize};

pub use self::{load::PeakMemory, report::latency_report, run::run_latency};
use crate::{
    EmbedderKind, Pool, RouterEntry,
    experiment::{
        check::{check_folder, check_list, known},
        makes::{is_of_dataset, is_one_of},
        quick::{check_part, keep},
    },
    rows::{LatencyRow, NONE, Row},
    study::StudyKind,
};

/// Pools that are timed.
pub(crate) const POOLS: [Pool; 2] = [Pool::Candidates, Pool::Catalogue];

/// In the column `threads`: as many as the machine has.
pub(crate) const ALL_THREADS: &str = "all";

/// In the column `stage`: the whole request.
pub(crate) const WHOLE: &str = "all";

/// In the column `stage`: the request without its embedding.
pub(crate) const ROUTER: &str = "router";

/// In the column `quantity`: what a router's state holds, a tool.
pub(crate) const BYTES_PER_TOOL: &str = "bytes-per-tool";

/// An experiment that times routers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// `latency`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// Routers are fitted to the training part of this split of seed 0 and timed on its test part.
    pub split: SplitKind,
    /// Benchmarks.
    #[serde(skip_serializing)]
    pub datasets: Vec<Dataset>,
    /// Those of them that a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Vec<Dataset>>,
    /// Whose vectors routers read, one after the other.
    pub embedders: Vec<EmbedderKind>,
    /// How many test queries are timed.
    pub queries: usize,
    /// Routers. (Their `seeds` mean nothing here.)
    pub routers: Vec<RouterEntry>,
    /// What is measured under load.
    #[serde(default)]
    pub load: Option<Load>,
    /// What is held against the measured times.
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
}

/// What is measured of a server under load.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Labels of routers.
    pub routers: Vec<String>,
    /// How many callers there are at the same time; a measurement for each number.
    pub callers: Vec<usize>,
    /// How long each measurement lasts.
    pub seconds: f64,
}

/// What routers should take at most, over the catalogue, on one thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Labels of routers.
    pub routers: Vec<String>,
    /// Benchmarks.
    pub datasets: Vec<Dataset>,
    /// With which embedders; `None` for all.
    #[serde(default)]
    pub embedders: Option<Vec<EmbedderKind>>,
    /// Of what.
    pub stage: Limited,
    /// Median.
    pub microseconds: f64,
}

/// What a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limited {
    /// All but the embedding.
    Router,
    /// The whole request.
    All,
}

impl Latency {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        self.check_lists()?;
        check_part("quick", self.quick.as_deref(), &self.datasets)?;
        let labels: Vec<&str> = self.routers.iter().map(|r| r.label.as_str()).collect();
        if self.queries == 0 {
            return Err("queries: must be at least 1".to_owned());
        }
        if let Some(llm) = self.routers.iter().find(|r| r.spec.asks_an_llm()) {
            return Err(format!(
                "routers: `{}` asks an LLM, whose time is the endpoint's; leave it out",
                llm.label
            ));
        }
        if let Some(process) = self.routers.iter().find(|r| r.spec.process().is_some()) {
            return Err(format!(
                "routers: `{}` is a process, whose time is the pipe's too; leave it out",
                process.label
            ));
        }
        if let Some(load) = &self.load {
            load.check(&labels)
                .map_err(|problem| format!("load: {problem}"))?;
        }
        for (number, limit) in (1..).zip(&self.limits) {
            let check = || {
                known(&limit.routers, &labels)?;
                check_part("datasets", Some(&limit.datasets), &self.datasets)
            };
            check().map_err(|problem| format!("limit {number}: {problem}"))?;
        }
        Ok(())
    }

    /// Checks what rows are told apart by, which a caller may have narrowed.
    pub(crate) fn check_lists(&self) -> Result<(), String> {
        check_list("datasets", &self.datasets)?;
        check_list("embedders", &self.embedders)?;
        let labels: Vec<&str> = self.routers.iter().map(|r| r.label.as_str()).collect();
        check_list("routers", &labels)
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
    pub fn makes(&self, row: &LatencyRow) -> bool {
        let labels = self.routers.iter().map(|router| router.label.as_str());
        let embedders = self.embedders.iter().map(ToString::to_string);
        row.experiment == self.name
            && is_one_of(row, "router", labels.chain([NONE]))
            && is_one_of(row, "embedder", embedders.chain([NONE.to_owned()]))
            && is_of_dataset(row, &self.datasets)
    }
}

impl Load {
    fn check(&self, labels: &[&str]) -> Result<(), String> {
        check_list("routers", &self.routers)?;
        known(&self.routers, labels).map_err(|problem| format!("routers: {problem}"))?;
        check_list("callers", &self.callers)?;
        if self.callers.contains(&0) {
            return Err("callers: must be at least 1 each".to_owned());
        }
        if !(self.seconds > 0.0 && self.seconds <= 60.0) {
            return Err("seconds: must be above 0 and at most 60".to_owned());
        }
        Ok(())
    }
}

/// The first row of these labels; a label left out can be anything.
pub(crate) fn value<'r>(
    rows: impl IntoIterator<Item = &'r LatencyRow>,
    labels: &[(&str, &str)],
) -> Option<f64> {
    rows.into_iter()
        .find(|row| {
            let mut labels = labels.iter();
            labels.all(|(column, label)| row.label(column) == Some(*label))
        })
        .map(|row| row.value.get())
}
