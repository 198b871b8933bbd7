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
}

impl Error {
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
