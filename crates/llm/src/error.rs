//! What can go wrong.

use std::path::PathBuf;

/// Errors of this crate. None of them holds a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A price list does not say what it should.
    #[error("{file}: {problem}")]
    Prices {
        /// The file, or what stands for it.
        file: String,
        /// What is wrong, where, and what to do.
        problem: String,
    },
    /// A price list lacks an entry.
    #[error(
        "the price list {file} has no {what} `{name}`; it has: {known}; add it, or name your own with --prices"
    )]
    NoPrice {
        /// The file, or what stands for it.
        file: String,
        /// `model` or `machine`.
        what: &'static str,
        /// What was looked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A setting is out of range.
    #[error("{field} is {value}, but must be {expected}")]
    Setting {
        /// What was set.
        field: &'static str,
        /// To what; never a key.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A recording is damaged.
    #[error("{}, line {line}: {problem}; remove the line, and the call is made again", file.display())]
    Recording {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A call has no recording, and there is no endpoint to make it.
    #[error("there are calls without a recording, and no endpoint may be asked: {why}")]
    NotRecorded {
        /// Why no endpoint may be asked, and what to do about it.
        why: String,
    },
    /// The next call could have cost more than is left.
    #[error(
        "the budget of ${limit} does not cover the next call: ${spent:.4} are spent, and it could cost \
         ${next:.4}; {made} calls of this run are recorded and will not be made again: run it again with a \
         budget for the rest"
    )]
    Budget {
        /// What may be spent, in dollars.
        limit: f64,
        /// What is spent.
        spent: f64,
        /// What the next call can cost at most.
        next: f64,
        /// How many calls were answered.
        made: usize,
    },
    /// [`Access::stop`](crate::Access::stop) was set.
    #[error("stopped; {made} calls of this run are recorded and will not be made again")]
    Stopped {
        /// How many calls were answered.
        made: usize,
    },
    /// A call failed in the end.
    #[error("a call failed at attempt {attempts}: {problem}")]
    Failed {
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt met with.
        problem: String,
    },
}

impl Error {
    /// Whether answers could not be had, and all that was given is as it should be.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::NotRecorded { .. } | Self::Budget { .. } | Self::Failed { .. } => true,
            Self::Prices { .. }
            | Self::NoPrice { .. }
            | Self::Io { .. }
            | Self::Setting { .. }
            | Self::Stopped { .. }
            | Self::Recording { .. } => false,
        }
    }

    /// For `map_err` on what the file system returns.
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
