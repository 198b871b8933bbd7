//! What can be wrong with a router's settings or its training data.

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
}

impl Error {
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
}
