//! What `reproduce` is to run, as its options say; shards of one run agree on it.

use std::{fmt, fmt::Display};

use anyhow::{Result, ensure};
use clap::Args;
use oats_harness::Study;
use serde::{Deserialize, Serialize};

use crate::options::Extent;

/// Which experiments, and how much of them.
#[derive(Clone, PartialEq, Args, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Only these experiments, by name, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    experiments: Option<Vec<String>>,
    #[command(flatten)]
    #[serde(flatten)]
    pub extent: Extent,
}

impl Work {
    /// Leaves those experiments that are named, whole.
    ///
    /// # Errors
    /// There is no such experiment.
    pub(crate) fn choose(&self, all: Vec<Study>) -> Result<Vec<Study>> {
        let Some(names) = &self.experiments else {
            return Ok(all);
        };
        let known: Vec<&str> = all.iter().map(|known| known.name()).collect();
        for name in names {
            ensure!(
                known.contains(&name.as_str()),
                "--experiments: there is no `{name}` in experiments/; there are: {}",
                known.join(", ")
            );
        }
        let chosen = |study: &Study| names.iter().any(|name| name == study.name());
        Ok(all.into_iter().filter(chosen).collect())
    }
}

/// As the options were given.
impl Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(option: &str, values: &[impl Display]) -> Option<String> {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            (!values.is_empty()).then(|| format!("--{option} {}", values.join(",")))
        }
        let extent = &self.extent;
        let options = [
            list("experiments", self.experiments.as_deref().unwrap_or(&[])),
            list("datasets", extent.datasets.as_deref().unwrap_or(&[])),
            list("seeds", extent.seeds.as_slice()),
            extent.quick.then(|| "--quick".to_owned()),
            list("require", &extent.require),
            extent.scores.then(|| "--scores".to_owned()),
        ];
        let given: Vec<String> = options.into_iter().flatten().collect();
        match given.is_empty() {
            true => f.write_str("no options"),
            false => write!(f, "{}", given.join(" ")),
        }
    }
}
