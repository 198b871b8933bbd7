//! Experiments that show how time and memory grow, on made-up vectors.
//!
//! ```toml
//! kind = "scaling"
//! name = "scaling"
//! question = "How do time and memory grow with tools and outcomes?"
//! dimension = 384
//! seconds = 1.0                            # of each measurement, at least
//!
//! [scan]                                   # one query over all tools
//! tools = [199, 2400, 100000, 1000000]
//!
//! [logged]                                 # OATS-S1 from logged outcomes
//! tools = 100000
//! outcomes = [10000, 100000, 1000000]
//! added = 1000                             # more outcomes, after these
//!
//! [labelled]                               # OATS-S1 from labelled queries, which retrieve
//! tools = 2400
//! outcomes = [500, 5000, 50000]
//! added = 100
//!
//! [quick]                                  # --quick keeps nothing that is larger
//! tools = 100000
//! outcomes = 100000
//! ```

mod made_up;
mod report;
mod run;

use serde::{Deserialize, Serialize};

pub use self::{
    report::{Growth, growths, scaling_report},
    run::run_scaling,
};
use crate::{
    experiment::check::{check_folder, check_list},
    study::StudyKind,
};

/// An experiment that shows how time and memory grow.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// `scaling`.
    pub kind: StudyKind,
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// d, of all vectors.
    pub dimension: usize,
    /// How long each measurement is repeated, at least; it is made three times at least.
    pub seconds: f64,
    /// Scans.
    pub scan: Scan,
    /// OATS-S1 from logged outcomes.
    pub logged: Refinements,
    /// OATS-S1 from labelled queries, with a right tool each.
    pub labelled: Refinements,
    /// What a quick run keeps; `None` keeps all.
    #[serde(default, skip_serializing)]
    pub quick: Option<Largest>,
}

/// One query over all tools.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// How many tools there are; a measurement for each number.
    pub tools: Vec<usize>,
}

/// OATS-S1 with its default settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refinements {
    /// How many tools there are.
    pub tools: usize,
    /// From how many outcomes; a measurement for each number.
    pub outcomes: Vec<usize>,
    /// How many more arrive once a refinement is there.
    pub added: usize,
}

/// The most that a quick run does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Largest {
    /// Scans with more are left out.
    pub tools: usize,
    /// Refinements from more are left out.
    pub outcomes: usize,
}

impl Scaling {
    pub(crate) fn check(&self) -> Result<(), String> {
        check_folder(&self.name)?;
        if self.dimension == 0 {
            return Err("dimension: must be at least 1".to_owned());
        }
        if !(self.seconds > 0.0 && self.seconds <= 60.0) {
            return Err("seconds: must be above 0 and at most 60".to_owned());
        }
        check_counts("scan: tools", &self.scan.tools)?;
        for (name, refinements) in [("logged", &self.logged), ("labelled", &self.labelled)] {
            check_counts(&format!("{name}: outcomes"), &refinements.outcomes)?;
            if refinements.tools < 2 || refinements.added == 0 {
                return Err(format!(
                    "{name}: must have 2 tools and 1 added outcome at least"
                ));
            }
        }
        Ok(())
    }

    /// Keeps what a quick run is to do.
    pub fn quicken(&mut self) {
        if let Some(largest) = self.quick.take() {
            self.scan.tools.retain(|&tools| tools <= largest.tools);
            for refinements in [&mut self.logged, &mut self.labelled] {
                let fits = |&outcomes: &usize| outcomes <= largest.outcomes;
                refinements.outcomes.retain(fits);
            }
        }
    }
}

fn check_counts(field: &str, counts: &[usize]) -> Result<(), String> {
    check_list(field, counts)?;
    match counts.contains(&0) {
        true => Err(format!("{field}: must be at least 1 each")),
        false => Ok(()),
    }
}
