//! Experiments that show what OATS-S1 does with one tool: its vector round by round, among the queries that
//! pull it (Q⁺) and push it (Q⁻). The paper's Figure 3.
//!
//! ```toml
//! kind = "geometry"
//! name = "geometry"
//! question = "What does OATS-S1 do with one tool?"
//! splits = ["query"]                       # refined from the training part of seed 0
//! datasets = ["builtin", "metatool"]
//! quick = ["builtin"]                      # what --quick keeps; if left out, all
//! tools = { builtin = "nudge_me", metatool = "buildbetter" }
//! embedders = { builtin = "static", metatool = "minilm" }
//!
//! [s1]                                     # hyper-parameters; if left out, the paper's
//! rounds = 3
//! ```
//!
//! One test query is shown with it, by a rule: of those that the tool is right for, the one to which its
//! cosine grows most. `projection.rs` has the principal components, `tool.rs` what is measured.

mod points;
mod projection;
mod report;
mod run;
mod tool;

use std::collections::BTreeMap;

use oats_datasets::{Dataset, SplitKind};
use oats_routers::oats::S1Params;
use serde::{Deserialize, Serialize};

pub use self::{
    points::{ToolPoints, tool_points},
    projection::Projection,
    report::geometry_report,
    run::{GeometryRun, run_geometry},
    tool::{AfterRounds, Example, Rival, ToolGeometry},
};
use crate::{
    EmbedderKind,
    experiment::{
        check::{check_folder, check_list},
        makes::{is_of_dataset, is_one_of},
        quick::{check_part, keep},
    },
    rows::PointRow,
    study::StudyKind,
};

/// An experiment that shows what OATS-S1 does with one tool of each benchmark.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// `geometry`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// OATS-S1 learns from the training part of these splits of seed 0, one after the other.
    pub splits: Vec<SplitKind>,
    /// Benchmarks.
    #[serde(skip_serializing)]
    pub datasets: Vec<Dataset>,
    /// Those of them that a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Vec<Dataset>>,
    /// By dataset, which tool, by its name.
    pub tools: BTreeMap<String, String>,
    /// By dataset, whose vectors.
    pub embedders: BTreeMap<String, EmbedderKind>,
    /// The hyper-parameters.
    #[serde(default)]
    pub s1: S1Params,
}

impl Geometry {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        check_list("splits", &self.splits)?;
        check_list("datasets", &self.datasets)?;
        check_part("quick", self.quick.as_deref(), &self.datasets)?;
        for dataset in &self.datasets {
            let name = dataset.to_string();
            if !self.tools.contains_key(&name) {
                return Err(format!(
                    "tools: there is none for `{name}`; add `{name} = \"…\"` with a tool's name"
                ));
            }
            if !self.embedders.contains_key(&name) {
                return Err(format!(
                    "embedders: there is none for `{name}`; add `{name} = \"minilm\"`, or \"static\""
                ));
            }
        }
        self.s1.check().map_err(|error| format!("s1: {error}"))?;
        match self.s1.gate {
            true => Err("s1: gate: must be false, so that there are rounds to show".to_owned()),
            false => Ok(()),
        }
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
    pub(crate) fn makes(&self, row: &PointRow) -> bool {
        let own = |dataset: &Dataset| {
            let name = dataset.to_string();
            let embedder = self.embedders.get(&name);
            is_of_dataset(row, std::slice::from_ref(dataset))
                && self.tools.get(&name) == Some(&row.tool)
                && embedder.is_some_and(|embedder| embedder.to_string() == row.embedder)
        };
        row.experiment == self.name
            && is_one_of(row, "split", &self.splits)
            && self.datasets.iter().any(own)
    }
}
