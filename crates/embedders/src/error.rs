use std::path::{Path, PathBuf};

/// What can go wrong between a text and its vector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model or library is not on this machine, or cannot be fetched. A run can go on with another embedder.
    #[error("{what} is not available: {reason}; {remedy}")]
    Unavailable {
        /// The missing thing: an embedder, a file, a library.
        what: String,
        /// Why it cannot be had, in one line.
        reason: String,
        /// What the user can do about it.
        remedy: &'static str,
    },

    /// A download has other bytes than the pinned ones.
    #[error(
        "{}: the download has SHA-256 {found} instead of {expected} and was thrown away; run `cargo xtask fetch` again",
        path.display()
    )]
    Checksum {
        /// Where the file was to go.
        path: PathBuf,
        /// Pinned SHA-256, in hex.
        expected: String,
        /// SHA-256 of what came, in hex.
        found: String,
    },

    /// A file is there but cannot be used: truncated, of another format, a library of another version.
    #[error("{}: {reason}; put a good file in its place, or delete it and run `cargo xtask fetch`", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The bytes of a static table make no table.
    #[error("static table: {0}; write a new one by `cargo xtask distill`")]
    Table(String),

    /// A teacher or an option that cannot be distilled.
    #[error("distillation: {0}")]
    Distill(String),

    /// A text has no usable vector.
    #[error(
        "{embedder} has no vector for the text {text:?}: {reason}; change the text or leave it out"
    )]
    Text {
        /// Name of the embedder.
        embedder: String,
        /// The first 80 characters of the text.
        text: String,
        /// What is wrong with the vector.
        reason: String,
    },

    /// An embedder broke its contract or its backend failed while running.
    #[error(
        "{embedder} failed: {reason}; fetch its model again by `cargo xtask fetch`, or use the built-in embedder `static`"
    )]
    Backend {
        /// Name of the embedder.
        embedder: String,
        /// What the backend said.
        reason: String,
    },

    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write`, `create`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether a run may go on without this embedder, once the user has been told.
    ///
    /// True for what is missing, false for what is wrong.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn text(embedder: &str, text: &str, reason: impl ToString) -> Self {
        Self::Text {
            embedder: embedder.to_owned(),
            text: text.chars().take(80).collect(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unusable(path: &Path, reason: impl ToString) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            reason: one_line(&reason.to_string()),
        }
    }

    /// For `map_err`: `fs::read(path).map_err(Error::io("read", path))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// Messages of other libraries and programs may run over many lines; ours are one.
pub(crate) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
