//! An experiment of any kind, by the field `kind` of its TOML.

use std::path::Path;

use oats_datasets::Dataset;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Experiment, Frontier, Geometry, Latency, Scaling, Serving,
    costs::{ContextGrowth, CostComparison, Costs},
    parse::{parse, read_text},
};

/// What a file of `experiments/` says.
#[derive(Clone, Debug)]
pub enum Study {
    /// No `kind`: routers are ranked.
    Ranking(Experiment),
    /// `kind = "cost"` or `"context-growth"`: tokens are counted and priced.
    Costs(Costs),
    /// `kind = "latency"`: routers are timed.
    Latency(Box<Latency>),
    /// `kind = "scaling"`: made-up work of growing size is timed.
    Scaling(Box<Scaling>),
    /// `kind = "geometry"`: what OATS-S1 does with one tool is shown.
    Geometry(Box<Geometry>),
    /// `kind = "frontier"`: nothing is run, but others' rows are joined.
    Frontier(Box<Frontier>),
    /// `kind = "serving"`: the same, of quality and the work of serving it.
    Serving(Box<Serving>),
}

/// The field `kind` of a TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudyKind {
    /// [`CostComparison`].
    Cost,
    /// [`ContextGrowth`].
    ContextGrowth,
    /// [`Latency`].
    Latency,
    /// [`Scaling`].
    Scaling,
    /// [`Geometry`].
    Geometry,
    /// [`Frontier`].
    Frontier,
    /// [`Serving`].
    Serving,
}

/// All that is read of a file before its kind is known.
#[derive(Deserialize)]
struct Opening {
    kind: Option<StudyKind>,
}

impl Study {
    /// Reads and checks a TOML file.
    ///
    /// # Errors
    /// Those of [`Experiment::read`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&read_text(path)?, &path.display().to_string())
    }

    /// Parses and checks TOML text; `file` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Experiment`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let opening: Opening = parse(text, file, |_| Ok(()))?;
        Ok(match opening.kind {
            None => Self::Ranking(Experiment::parse(text, file)?),
            Some(StudyKind::Cost) => {
                let study = parse(text, file, CostComparison::check)?;
                Self::Costs(Costs::Comparison(Box::new(study)))
            }
            Some(StudyKind::ContextGrowth) => {
                let study = parse(text, file, ContextGrowth::check)?;
                Self::Costs(Costs::Growth(study))
            }
            Some(StudyKind::Latency) => Self::Latency(Box::new(parse(text, file, Latency::check)?)),
            Some(StudyKind::Scaling) => Self::Scaling(Box::new(parse(text, file, Scaling::check)?)),
            Some(StudyKind::Geometry) => {
                Self::Geometry(Box::new(parse(text, file, Geometry::check)?))
            }
            Some(StudyKind::Frontier) => {
                Self::Frontier(Box::new(parse(text, file, Frontier::check)?))
            }
            Some(StudyKind::Serving) => Self::Serving(Box::new(parse(text, file, Serving::check)?)),
        })
    }

    /// The name of its folder under `results/`.
    pub fn name(&self) -> &str {
        match self {
            Self::Ranking(experiment) => &experiment.name,
            Self::Costs(costs) => costs.name(),
            Self::Latency(study) => &study.name,
            Self::Scaling(study) => &study.name,
            Self::Geometry(study) => &study.name,
            Self::Frontier(study) => &study.name,
            Self::Serving(study) => &study.name,
        }
    }

    /// The question it answers, in words.
    pub fn question(&self) -> &str {
        match self {
            Self::Ranking(experiment) => &experiment.question,
            Self::Costs(costs) => costs.question(),
            Self::Latency(study) => &study.question,
            Self::Scaling(study) => &study.question,
            Self::Geometry(study) => &study.question,
            Self::Frontier(study) => &study.question,
            Self::Serving(study) => &study.question,
        }
    }

    /// Whether what it shows is joined from other experiments' rows.
    pub fn reads_others(&self) -> bool {
        matches!(self, Self::Frontier(_) | Self::Serving(_))
    }

    /// What it is run on; none if there is nothing left to run.
    pub fn datasets(&self) -> Vec<&Dataset> {
        match self {
            Self::Ranking(experiment) => {
                let grids = experiment.grids.iter();
                grids.flat_map(|grid| &grid.datasets).collect()
            }
            Self::Costs(costs) => costs.datasets().iter().collect(),
            Self::Latency(study) => study.datasets.iter().collect(),
            Self::Scaling(_) => Vec::new(),
            Self::Geometry(study) => study.datasets(),
            Self::Frontier(study) => study.embedders.keys().collect(),
            Self::Serving(study) => study.embedders.keys().collect(),
        }
    }

    /// Keeps only these datasets and, of what has seeds, the first so many.
    pub fn restrict(&mut self, datasets: Option<&[Dataset]>, seeds: Option<usize>) {
        match self {
            Self::Ranking(experiment) => experiment.restrict(datasets, seeds),
            Self::Costs(costs) => costs.restrict(datasets),
            Self::Latency(study) => study.restrict(datasets),
            // It reads none.
            Self::Scaling(_) => (),
            Self::Geometry(study) => study.restrict(datasets),
            Self::Frontier(study) => study.restrict(datasets),
            Self::Serving(study) => study.restrict(datasets),
        }
    }

    /// Keeps what a quick run is to do.
    pub fn quicken(&mut self) {
        match self {
            Self::Ranking(experiment) => experiment.quicken(),
            Self::Costs(costs) => costs.quicken(),
            Self::Latency(study) => study.quicken(),
            Self::Scaling(study) => study.quicken(),
            Self::Geometry(study) => study.quicken(),
            // Nothing is run.
            Self::Frontier(_) | Self::Serving(_) => (),
        }
    }
}
