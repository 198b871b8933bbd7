//! What a run left out.

use crate::rows::Row;

/// Rows that were not made: those with all of the given labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skip {
    /// The dataset, or any.
    pub dataset: Option<String>,
    /// The outcomes, or any.
    pub outcomes: Option<String>,
    /// The embedder, or any.
    pub embedder: Option<String>,
    /// The pool, or any.
    pub pool: Option<String>,
    /// In one line, why, and what to do about it.
    pub reason: String,
}

impl Skip {
    /// Whether it explains why `row` was not made.
    pub fn covers<R: Row>(&self, row: &R) -> bool {
        [
            ("dataset", &self.dataset),
            ("outcomes", &self.outcomes),
            ("embedder", &self.embedder),
            ("pool", &self.pool),
        ]
        .into_iter()
        .all(|(column, skipped)| skipped.is_none() || skipped.as_deref() == row.label(column))
    }
}
