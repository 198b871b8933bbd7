//! What can go wrong in an experiment.

use std::path::PathBuf;

use crate::{Lack, Shard};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An experiment's TOML says something that cannot be run.
    #[error("{file}: {problem}")]
    Experiment {
        /// The TOML file, as it was named; the experiment's name once it is being run.
        file: String,
        /// Place, problem and remedy.
        problem: String,
    },
    /// A result file cannot be read as one.
    #[error(
        "{file}: {problem}; regenerate it with `cargo xtask reproduce`, or restore it from git"
    )]
    Results {
        /// The result file.
        file: PathBuf,
        /// Line and problem.
        problem: String,
    },
    /// A required data set or model is not at hand.
    #[error("required, but not at hand: {0}")]
    Required(String),
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A cell that a shard should have computed cannot be read from its folder.
    #[error("{cell}: {lack}; {}run shard {shard} again, into {}{}", match lack {
        Lack::Other(_) => "",
        _ => "copy it again, or ",
    }, folder.display(), match lack {
        Lack::Other(_) => ", with what is here",
        _ => "",
    })]
    NoCell {
        /// Experiment and labels.
        cell: String,
        /// What is wrong.
        lack: Lack,
        /// What the shard was run into.
        folder: PathBuf,
        /// The one that the cell falls to.
        shard: Shard,
    },
    /// A router could not be fitted.
    #[error("{cell}: {source}{}", match checkpoint {
        Some(file) => format!("; the checkpoint is {}", file.display()),
        None => String::new(),
    })]
    Router {
        /// `dataset/split/outcomes/router-embedder-seed`.
        cell: String,
        /// Why.
        source: Box<oats_routers::Error>,
        /// Where the last good state of a fit that diverged was saved.
        checkpoint: Option<PathBuf>,
    },
    /// A fitted router cannot be saved.
    #[error(transparent)]
    Save(Box<oats_routers::Error>),
    /// Two sides cannot be compared.
    #[error("{what}: {problem}")]
    Compare {
        /// The data set, the protocol and the two sides.
        what: String,
        /// Why, and what to do.
        problem: String,
    },
    /// A benchmark is not as it should be.
    #[error(transparent)]
    Dataset(#[from] oats_datasets::Error),
    /// A tool or query of a benchmark has no vector.
    #[error("{place}: {source}")]
    Vector {
        /// The data set with the tool or the query.
        place: String,
        /// Why.
        source: oats_embedders::Error,
    },
    /// Embedding failed.
    #[error(transparent)]
    Embedder(#[from] oats_embedders::Error),
    /// What an LLM costs cannot be said.
    #[error(transparent)]
    Llm(#[from] oats_llm::Error),
    /// A metric or interval cannot be computed.
    #[error(transparent)]
    Metrics(#[from] oats_metrics::Error),
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
