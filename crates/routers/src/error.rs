//! What can be wrong with a router's settings, its training data or its file.

use std::path::PathBuf;

use crate::{State, process::Failure};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A hyper-parameter is outside its range.
    #[error("{router}: {field} is {value}, but must be {expected}")]
    Setting {
        /// Kind of the router, as in an experiment's TOML.
        router: &'static str,
        /// The offending field.
        field: &'static str,
        /// What it was set to.
        value: String,
        /// Which values are allowed.
        expected: &'static str,
    },
    /// There is no such router.
    #[error("there is no router `{kind}`; there are: {kinds}")]
    UnknownKind {
        /// What was asked for.
        kind: String,
        /// The kinds there are.
        kinds: String,
    },
    /// Tools, queries, labels and vectors do not fit together.
    #[error("training data do not fit together: {0}")]
    Shape(String),
    /// A vector whose dot products are no cosines.
    #[error(
        "the embedding of {what} is {problem}; give a finite vector of length 1, or leave it out"
    )]
    Vector {
        /// Which vector: `tool "name"` or `training query "text"`.
        what: String,
        /// `not finite`, `zero` or `not of unit length`.
        problem: &'static str,
    },
    /// There is nothing to learn from.
    #[error("{router}: no training query has a tool that is known to be right; give some outcomes")]
    NothingToLearn {
        /// Kind of the router.
        router: &'static str,
    },
    /// A fit lost its way: a number it needs is not finite any more.
    #[error(
        "{router}: the {what} is not finite any more in epoch {epoch}, batch {batch} (loss {loss}); \
         {}; use a lower learning rate",
        match last_good {
            Some(_) => "the last good checkpoint was kept",
            None => "no epoch had been finished before",
        }
    )]
    Diverged {
        /// Kind of the router.
        router: &'static str,
        /// `loss`, `gradient` or `weight`.
        what: &'static str,
        /// The epoch, from 1.
        epoch: usize,
        /// The batch, from 1.
        batch: usize,
        /// The batch's loss.
        loss: f32,
        /// The router as it was after the epoch that had validated best.
        last_good: Option<Box<State>>,
    },
    /// A computation of candle's failed.
    #[error("{router}: {source}")]
    Tensor {
        /// Kind of the router.
        router: &'static str,
        /// What candle says.
        source: candle_core::Error,
    },
    /// A solver gave up.
    #[error("{router}: {problem}; use more regularisation")]
    Solver {
        /// Kind of the router.
        router: &'static str,
        /// What the solver says.
        problem: String,
    },
    /// The router `llm` was not told whom to ask.
    #[error("llm: nobody is there to ask; name an endpoint or recordings of one")]
    NobodyToAsk,
    /// The LLM did not answer, or its recordings are damaged.
    #[error("llm: {0}")]
    Llm(#[from] oats_llm::Error),
    /// A router in another language failed; nothing else did.
    #[error("process: {0}")]
    Process(Box<Failure>),
    /// A text cannot be cut into WordPieces.
    #[error(transparent)]
    Text(#[from] oats_embedders::Error),
    /// A router's state is not that of such a router.
    #[error("the router's state does not fit: {0}")]
    State(String),
    /// A router's file cannot be read.
    #[error("cannot read the router file {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Process(Box::new(failure))
    }
}

impl Error {
    /// Whether something could not be had, and nothing is wrong with what was given.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::NobodyToAsk => true,
            Self::Llm(error) => error.is_unavailable(),
            _ => false,
        }
    }

    pub(crate) fn setting(
        router: &'static str,
        field: &'static str,
        value: &dyn ToString,
        expected: &'static str,
    ) -> Self {
        Self::Setting {
            router,
            field,
            value: value.to_string(),
            expected,
        }
    }

    /// For `map_err` on what candle returns.
    pub(crate) fn tensor(router: &'static str) -> impl Fn(candle_core::Error) -> Self {
        move |source| Self::Tensor { router, source }
    }
}
