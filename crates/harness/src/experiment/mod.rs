//! Experiments as data: one TOML file per table or figure. This is the format of those that rank routers;
//! `costs/` has that of those that count tokens.
//!
//! ```toml
//! name = "main"
//! question = "Does S1 beat static embeddings when training queries do not leak into the test?"
//! metrics = ["ndcg@5", "recall@1"]
//! subsets = ["all"]                        # may be left out: then all of a benchmark's
//! baselines = ["dense"]                    # paired tests are made against these routers
//! routers = [
//!     "bm25",
//!     "dense",
//!     { kind = "oats-s1", rounds = 5, label = "oats-s1-n5" },
//!     { kind = "oats-s3", seeds = 2 },                      # only a grid's first two seeds
//!     { kind = "oats-s2", embedders = ["minilm"] },         # only these of a grid's embedders
//! ]
//!
//! [[grid]]                                 # every combination of these is run
//! datasets = ["metatool", "beir:data/my-tools"]
//! routers = ["dense", "oats-s1-n5"]        # labels; may be left out: then all
//! embedders = ["minilm", "static"]
//! splits = ["instance", "query"]
//! outcomes = ["all", "per-tool-5", "flipped-0.2", "shown-0", "calls-1000"]   # if left out, "all"
//! pools = ["candidates", "catalogue"]
//! seeds = [0, 1, 2, 3, 4]
//!
//! [grid.quick]                             # what --quick keeps, with the first seed
//! datasets = ["metatool"]                  # lists that are left out stay; `[]` drops the grid
//! outcomes = ["all", "calls-1000"]
//! ```

pub(crate) mod check;
pub(crate) mod makes;
pub(crate) mod quick;
mod router_entry;

use std::{
    fmt::{self, Display},
    path::Path,
};

use oats_datasets::{Dataset, Query, SplitKind, ToolId};
use oats_metrics::Metric;
use serde::{Deserialize, Serialize};

pub use self::{quick::Quick, router_entry::RouterEntry};
use crate::{
    EmbedderKind, Error, Outcomes, Section,
    parse::{parse, read_text},
};

/// What is run, on what, under which labels, and what it is to show.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// The subsets that are reported; `None` reports all of a benchmark's.
    pub subsets: Option<Vec<String>>,
    /// Labels of the routers that the others, and the later ones of them, are tested against.
    pub baselines: Vec<String>,
    /// The routers, in the order of tables and figures.
    pub routers: Vec<RouterEntry>,
    /// What they are run on; a dataset stands in one of them only.
    #[serde(rename = "grid")]
    pub grids: Vec<Grid>,
    /// What its report says of the results, section by section.
    #[serde(default)]
    pub report: Vec<Section>,
}

/// Every combination of the lists is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Benchmarks.
    pub datasets: Vec<Dataset>,
    /// Labels of the routers that are run; `None` runs all of the experiment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routers: Option<Vec<String>>,
    /// Embedders; routers that read no embeddings are run once, with the label `none`.
    pub embedders: Vec<EmbedderKind>,
    /// How training and test are told apart.
    pub splits: Vec<SplitKind>,
    /// What routers learn from; the labels as they are unless the TOML says otherwise.
    #[serde(default = "all_outcomes")]
    pub outcomes: Vec<Outcomes>,
    /// What is ranked.
    pub pools: Vec<Pool>,
    /// One split and one fit for each seed.
    pub seeds: Vec<u64>,
    /// What of it a [quick](Experiment::quicken) run keeps; `None` keeps everything.
    #[serde(default, skip_serializing)]
    pub quick: Option<Quick>,
}

impl Grid {
    /// Whose vectors the logging policy reads where a router reads none; `None` if nothing is logged.
    pub(crate) fn logger(&self) -> Option<EmbedderKind> {
        let mut outcomes = self.outcomes.iter();
        let logged = outcomes.any(|outcomes| outcomes.are_logged());
        self.embedders.first().copied().filter(|_| logged)
    }
}

fn all_outcomes() -> Vec<Outcomes> {
    vec![Outcomes::All]
}

/// What a router ranks: a query's short list, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// The list that the source offers with the query (the paper's protocol).
    Candidates,
    /// All tools of the benchmark.
    Catalogue,
}

impl Pool {
    /// What of it a query offers, as a router's request has it.
    pub(crate) fn candidates(self, query: &Query) -> Option<&[ToolId]> {
        match self {
            Self::Candidates => Some(&query.candidates),
            Self::Catalogue => None,
        }
    }
}

impl Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidates => "candidates",
            Self::Catalogue => "catalogue",
        })
    }
}

impl Experiment {
    /// Reads and checks a TOML file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Experiment`] if it does not say what can
    /// be run: the message names the file, the place and the problem.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&read_text(path)?, &path.display().to_string())
    }

    /// Parses and checks TOML text; `file` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Experiment`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        parse(text, file, Self::check)
    }

    /// Keeps only these datasets, and only the first so many seeds of each grid. A grid that has
    /// none left goes altogether.
    pub fn restrict(&mut self, datasets: Option<&[Dataset]>, seeds: Option<usize>) {
        for grid in &mut self.grids {
            if let Some(kept) = datasets {
                grid.datasets.retain(|dataset| kept.contains(dataset));
            }
            grid.seeds.truncate(seeds.unwrap_or(usize::MAX));
        }
        self.grids
            .retain(|grid| !grid.datasets.is_empty() && !grid.seeds.is_empty());
    }

    /// Keeps what a quick run is to do: the first seed of each grid, and what its table `quick` names.
    /// A grid that has no dataset left goes altogether.
    pub fn quicken(&mut self) {
        self.grids.iter_mut().for_each(Grid::quicken);
        self.restrict(None, Some(1));
    }

    /// Whether `router` is held against `baseline`: everyone is against each of the baselines, of two
    /// baselines the later against the earlier, and what a claim of the report says is better against
    /// what it is to be better than.
    pub(crate) fn tests(&self, router: &str, baseline: &str) -> bool {
        let rank = |label: &str| self.baselines.iter().position(|known| known == label);
        match (rank(router), rank(baseline)) {
            (Some(router), Some(baseline)) => router > baseline,
            (router, Some(_)) => router.is_none(),
            (Some(_), None) => false,
            (None, None) => self
                .report
                .iter()
                .any(|section| section.compares(router, baseline)),
        }
    }

    /// The routers that are run on one of the grids, in order.
    pub(crate) fn routers_on(&self, grid: &Grid) -> impl Iterator<Item = &RouterEntry> {
        self.routers.iter().filter(|router| match &grid.routers {
            Some(labels) => labels.contains(&router.label),
            None => true,
        })
    }

    /// Whether a grid can do nothing without an embedder, or not everything.
    pub(crate) fn needs_embedder(&self, grid: &Grid) -> bool {
        grid.outcomes.iter().any(|outcomes| outcomes.are_logged())
            || self
                .routers_on(grid)
                .any(|router| router.spec.reads_embeddings())
    }

    /// The routers on the grid that do without embeddings.
    pub(crate) fn text_routers_on(&self, grid: &Grid) -> impl Iterator<Item = &RouterEntry> {
        self.routers_on(grid)
            .filter(|router| !router.spec.reads_embeddings())
    }
}
