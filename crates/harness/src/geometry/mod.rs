//! Experiments that show what OATS-S1 does with one tool: its vector round by round, among the queries that
//! pull it (Q⁺) and push it (Q⁻). The paper's Figure 3.
//!
//! ```toml
//! kind = "geometry"
//! name = "geometry"
//! question = "What does OATS-S1 do with one tool?"
//! quick = ["builtin"]                      # datasets that --quick keeps; if left out, all
//!
//! [s1]                                     # hyper-parameters; if left out, the paper's
//! rounds = 3
//!
//! [[panel]]                                # one for each tool that is looked at
//! dataset = "metatool"
//! tool = "buildbetter"
//! embedder = "minilm"
//! split = "query"                          # OATS-S1 learns from its training part
//! seed = 0
//! ```
//!
//! One test query is shown with it, by a rule: of those that the tool is right for and whose text is not in
//! training, too, the one to which its cosine grows most. Only if there is none of these may its text be in
//! training, and then it is marked, since what it shows is memory. `projection.rs` has the principal components, `tool.rs` what is measured.

mod points;
mod projection;
mod report;
mod run;
mod tool;

use oats_datasets::{Dataset, SplitKind};
use oats_routers::{RouterKind, oats::S1Params};
use serde::{Deserialize, Serialize};

pub use self::{
    points::{ToolPoints, tool_points},
    projection::Projection,
    report::geometry_report,
    run::run_geometry,
    tool::{AfterRounds, Example, Placed, Rival, TestQuery, ToolGeometry},
};
use crate::{
    EmbedderKind,
    experiment::{
        check::{check_folder, check_list},
        makes::{is_of_dataset, is_one_of},
        quick::check_part,
    },
    rows::PointRow,
    study::StudyKind,
};

/// An experiment that shows what OATS-S1 does with single tools.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// `geometry`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// Those of the datasets that a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Vec<Dataset>>,
    /// The hyper-parameters.
    #[serde(default)]
    pub s1: S1Params,
    /// The tools, where they are looked at.
    #[serde(rename = "panel")]
    pub panels: Vec<Panel>,
}

/// A tool, and where it is looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// The benchmark.
    #[serde(skip_serializing)]
    pub dataset: Dataset,
    /// The tool's name.
    pub tool: String,
    /// Whose vectors.
    pub embedder: EmbedderKind,
    /// OATS-S1 learns from the training part of this split.
    pub split: SplitKind,
    /// The split's seed.
    pub seed: u64,
}

impl Geometry {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        let named = |panel: &Panel| {
            let Panel {
                dataset,
                tool,
                embedder,
                split,
                seed,
            } = panel;
            format!("{dataset}, {tool}, {embedder}, {split} split, seed {seed}")
        };
        check_list("panel", &self.panels.iter().map(named).collect::<Vec<_>>())?;
        check_part("quick", self.quick.as_deref(), &self.datasets())?;
        self.s1.check().map_err(|error| format!("s1: {error}"))?;
        match self.s1.gate {
            true => Err("s1: gate: must be false, so that there are rounds to show".to_owned()),
            false => Ok(()),
        }
    }

    /// What it is run on, each once.
    pub fn datasets(&self) -> Vec<&Dataset> {
        let mut datasets: Vec<&Dataset> = Vec::new();
        for panel in &self.panels {
            if !datasets.contains(&&panel.dataset) {
                datasets.push(&panel.dataset);
            }
        }
        datasets
    }

    /// Keeps only the panels of these datasets.
    pub fn restrict(&mut self, datasets: Option<&[Dataset]>) {
        if let Some(datasets) = datasets {
            self.panels
                .retain(|panel| datasets.contains(&panel.dataset));
        }
    }

    /// Keeps what a quick run is to do: the panels of the datasets of the list `quick`.
    pub fn quicken(&mut self) {
        let quick = self.quick.take();
        self.restrict(quick.as_deref());
    }

    /// Whether the row is one that a run of the experiment makes.
    pub fn makes(&self, row: &PointRow) -> bool {
        let shows = |panel: &Panel| {
            is_of_dataset(row, std::slice::from_ref(&panel.dataset))
                && is_one_of(row, "tool", [&panel.tool])
                && is_one_of(row, "embedder", [panel.embedder])
                && is_one_of(row, "split", [panel.split])
                && is_one_of(row, "seed", [panel.seed])
        };
        row.experiment == self.name && self.panels.iter().any(shows)
    }
}
