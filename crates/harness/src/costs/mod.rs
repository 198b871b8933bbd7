//! What tool selection costs: experiments that count tokens and price them.
//!
//! `kind = "cost"` counts, for every query, what an LLM reads and writes that selects tools itself,
//! and holds it against a router:
//!
//! ```toml
//! kind = "cost"
//! name = "cost"
//! question = "What does a selection by an LLM cost?"
//! datasets = ["builtin", "metatool"]
//! quick = ["builtin"]                      # what --quick keeps; if left out, all
//! router = "dense"                         # learns from nothing here, so that every query counts
//! embedders = { builtin = "static", metatool = "minilm" }
//! top_k = [1, 5]                           # how many of the router's tools the LLM is shown
//! router_milliseconds = 20                 # of one core a request, assumed
//! post = { calls = 3, routed_calls = 1, input_tokens = 75, output_tokens = 75 }
//! labels = { per_tool = [1, 5], person_dollars = 0.10 }
//! cache = { least = 1024, step = 128 }     # tokens from which on a provider caches, and by which
//! ```
//!
//! `kind = "context-growth"` counts what chains of calls read and write, by their depth:
//!
//! ```toml
//! kind = "context-growth"
//! name = "context-growth"
//! question = "How do tokens grow with depth?"
//! datasets = ["builtin"]
//! deepest = 20                             # depths 1 to this
//! result_tokens = 75                       # of one call's result
//! argument_tokens = 10                     # of one call's argument values
//! answer_tokens = 75                       # of the last answer
//! kept_steps = 2                           # of a pruned history
//! cache = { least = 1024, step = 128 }
//! ```
//!
//! All models of the price list are priced; the first is the one that reports speak of.

mod growth;
mod labelling;
mod ledger;
pub(crate) mod report;
mod run;
mod selection;
mod workflow;

use std::{collections::BTreeMap, num::NonZeroUsize};

use oats_datasets::Dataset;
use serde::{Deserialize, Serialize};

pub use self::{report::costs_report, run::run_costs, selection::Shown};
use crate::{
    EmbedderKind, RouterEntry,
    experiment::{
        check::{check_folder, check_list},
        quick::{check_part, keep},
    },
    rows::{CostRow, NONE},
    study::StudyKind,
};

/// An experiment that counts tokens and prices them.
#[derive(Clone, Debug)]
pub enum Costs {
    /// Selection by an LLM against a router.
    Comparison(Box<CostComparison>),
    /// Chains of calls by their depth.
    Growth(ContextGrowth),
}

/// Selection by an LLM against a router.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostComparison {
    /// `cost`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// Benchmarks.
    #[serde(skip_serializing)]
    pub datasets: Vec<Dataset>,
    /// Those of them that a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Vec<Dataset>>,
    /// What picks the tools that an LLM is shown instead of all. It is fitted on nothing.
    pub router: RouterEntry,
    /// By dataset, whose vectors it reads.
    pub embedders: BTreeMap<String, EmbedderKind>,
    /// How many of its tools the LLM is shown.
    pub top_k: Vec<NonZeroUsize>,
    /// What a request is assumed to take the router on one core.
    pub router_milliseconds: f64,
    /// The post's workflow.
    pub post: Workflow,
    /// What a trained router's labels cost.
    pub labels: Labels,
    /// What the provider caches.
    pub cache: Cache,
}

/// Calls of an LLM for one request, as *Optimizing Tool Selection for LLM Workflows with
/// Differentiable Programming* (July 2025, viksit.substack.com) counts them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// Calls where the LLM plans.
    pub calls: u64,
    /// Calls where a router stands in.
    pub routed_calls: u64,
    /// Tokens that a call reads.
    pub input_tokens: u64,
    /// Tokens that a call writes.
    pub output_tokens: u64,
}

/// How many labels a router is trained on, and what they cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Labels for each tool of the catalogue.
    pub per_tool: Vec<NonZeroUsize>,
    /// Dollars that a person's label costs.
    pub person_dollars: f64,
}

/// What a provider has in its prompt cache of a prefix that it has seen before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Tokens that a prefix has at least.
    pub least: u64,
    /// Longer prefixes are cached in steps of this many.
    pub step: u64,
}

/// Chains of calls by their depth.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextGrowth {
    /// `context-growth`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// Benchmarks.
    #[serde(skip_serializing)]
    pub datasets: Vec<Dataset>,
    /// Those of them that a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Vec<Dataset>>,
    /// Depths 1 to this are counted.
    pub deepest: u64,
    /// Tokens of a call's result.
    pub result_tokens: u64,
    /// Tokens of a call's argument values.
    pub argument_tokens: u64,
    /// Tokens of the last answer.
    pub answer_tokens: u64,
    /// Steps that a pruned history keeps.
    pub kept_steps: u64,
    /// What the provider caches.
    pub cache: Cache,
}

impl Cache {
    /// How many tokens of a prefix of so many come from the cache.
    fn hit(self, prefix: u64) -> u64 {
        match prefix.checked_sub(self.least) {
            Some(beyond) => prefix - beyond % self.step,
            None => 0,
        }
    }

    fn check(self) -> Result<(), String> {
        if self.step == 0 {
            return Err("cache: step must be at least 1".to_owned());
        }
        Ok(())
    }
}

impl CostComparison {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_common(&self.name, &self.datasets, self.quick.as_deref())?;
        check_list("top_k", &self.top_k)?;
        if self.router.spec.process().is_some() {
            return Err("router: a process is no choice here; name another kind".to_owned());
        }
        check_list("labels: per_tool", &self.labels.per_tool)?;
        for dataset in &self.datasets {
            if !self.embedders.contains_key(&dataset.to_string()) {
                return Err(format!(
                    "embedders: there is none for `{dataset}`; add `{dataset} = \"minilm\"`, or \"static\""
                ));
            }
        }
        if self.post.routed_calls == 0 || self.post.routed_calls >= self.post.calls {
            return Err("post: routed_calls must be at least 1 and less than calls".to_owned());
        }
        not_negative("router_milliseconds", self.router_milliseconds)?;
        not_negative("labels: person_dollars", self.labels.person_dollars)?;
        self.cache.check()
    }
}

impl ContextGrowth {
    /// Curves are told apart from so many points on.
    const LEAST_DEEPEST: u64 = 3;

    pub(crate) fn check(&self) -> Result<(), String> {
        check_common(&self.name, &self.datasets, self.quick.as_deref())?;
        if self.deepest < Self::LEAST_DEEPEST {
            let least = Self::LEAST_DEEPEST;
            return Err(format!("deepest: must be at least {least}, to see a curve"));
        }
        self.cache.check()
    }
}

fn check_common(name: &str, datasets: &[Dataset], quick: Option<&[Dataset]>) -> Result<(), String> {
    check_folder(name)?;
    check_list("datasets", datasets)?;
    match quick {
        Some([]) => Ok(()),
        quick => check_part("quick", quick, datasets),
    }
}

fn not_negative(field: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(format!("{field}: `{value}` must be finite and at least 0"))
}

impl Costs {
    /// The name of its folder under `results/`.
    pub fn name(&self) -> &str {
        match self {
            Self::Comparison(study) => &study.name,
            Self::Growth(study) => &study.name,
        }
    }

    /// The question it answers, in words.
    pub fn question(&self) -> &str {
        match self {
            Self::Comparison(study) => &study.question,
            Self::Growth(study) => &study.question,
        }
    }

    /// What it is run on.
    pub fn datasets(&self) -> &[Dataset] {
        match self {
            Self::Comparison(study) => &study.datasets,
            Self::Growth(study) => &study.datasets,
        }
    }

    /// Keeps only these datasets.
    pub fn restrict(&mut self, datasets: Option<&[Dataset]>) {
        let own = match self {
            Self::Comparison(study) => &mut study.datasets,
            Self::Growth(study) => &mut study.datasets,
        };
        keep(own, datasets.map(<[_]>::to_vec));
    }

    /// Keeps what a quick run is to do: the datasets of the list `quick`.
    pub fn quicken(&mut self) {
        let quick = match self {
            Self::Comparison(study) => study.quick.take(),
            Self::Growth(study) => study.quick.take(),
        };
        self.restrict(quick.as_deref());
    }

    /// Whether the row is one that a run of the experiment makes, with whatever prices.
    pub fn makes(&self, row: &CostRow) -> bool {
        let of_dataset = row.dataset == NONE
            || self
                .datasets()
                .iter()
                .any(|dataset| dataset.can_be(&row.dataset));
        row.experiment == self.name() && of_dataset && self.shows(&row.shown, &row.depth)
    }

    fn shows(&self, shown: &str, depth: &str) -> bool {
        match self {
            Self::Comparison(study) => match shown.strip_prefix("top-") {
                Some(k) => study.top_k.iter().any(|own| own.to_string() == k),
                None => true,
            },
            Self::Growth(study) => {
                depth.parse().is_ok_and(|depth: u64| depth <= study.deepest) || depth == NONE
            }
        }
    }
}
