//! What can go wrong, told so that the reader knows where and what to do.

use std::{io, path::PathBuf};

/// Why a benchmark could not be had.
///
/// [`is_unavailable`](Error::is_unavailable) tells a set that is merely not here (go on with the
/// others) from one that is here and bad (stop).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file does not hold what it must.
    #[error("{file}: {place}: {problem}; {remedy}")]
    Content {
        /// The file's path as the user knows it.
        file: String,
        /// Line, record or key within the file.
        place: String,
        /// What is wrong there.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A file or folder that was asked for cannot be read.
    #[error("{}: cannot be read ({reason}); {remedy}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
        /// What to do about it.
        remedy: String,
    },
    /// The tools and queries given to [`Benchmark::new`](crate::Benchmark::new) contradict each
    /// other or themselves.
    #[error("benchmark {benchmark}: {place}: {problem}; {remedy}")]
    Inconsistent {
        /// The benchmark's name.
        benchmark: String,
        /// The tool, query or subset.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The files of a data set are neither on this machine nor to be fetched now.
    #[error("{dataset}: cannot be had: {failure}; {remedy}")]
    Unavailable {
        /// The data set's name.
        dataset: String,
        /// What stopped the download.
        failure: Box<FetchFailure>,
        /// How to get the files.
        remedy: String,
    },
    /// No data set has this name.
    #[error(
        "unknown data set `{name}`; choose one of builtin, metatool, toole, toolbench, \
         metatool-description, metatool-for-model, beir:DIR or tools:DIR"
    )]
    UnknownDataset {
        /// What was asked for.
        name: String,
    },
    /// No split has this name.
    #[error(
        "unknown split `{name}`; choose one of instance, query, tool, query-validation or tool-validation"
    )]
    UnknownSplit {
        /// What was asked for.
        name: String,
    },
}

impl Error {
    /// Whether the data set is merely not at hand; every other error is bad input. A download that
    /// came whole but is not the pinned file counts as bad: someone serves other data.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Error::Unavailable { failure, .. } => {
                !matches!(**failure, FetchFailure::WrongChecksum { .. })
            }
            _ => false,
        }
    }
}

/// What stopped a download.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchFailure {
    /// Downloads are switched off.
    #[error("{file} is not in the cache and downloads are switched off")]
    Offline {
        /// The file's path in its repository.
        file: String,
    },
    /// No answer: no network, unknown host, refused connection, time-out.
    #[error("no answer from {url} ({detail})")]
    Unreachable {
        /// The address.
        url: String,
        /// The client's reason.
        detail: String,
    },
    /// The server answered with an error; 404 when the file has gone.
    #[error("{url} answered with HTTP status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke before the whole file had arrived.
    #[error("the download of {url} was cut off ({detail})")]
    CutOff {
        /// The address.
        url: String,
        /// The client's reason.
        detail: String,
    },
    /// The file is longer than any file that is pinned.
    #[error("{url} is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The most that is read.
        limit: u64,
    },
    /// The file came whole but is not the pinned one.
    #[error("{url} has the git blob id {found} instead of {expected}")]
    WrongChecksum {
        /// The address.
        url: String,
        /// The pinned git blob id.
        expected: String,
        /// The git blob id of what came.
        found: String,
    },
    /// The file came but could not be kept.
    #[error("{} cannot be written ({reason})", path.display())]
    CacheUnwritable {
        /// The file in the cache.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
}
