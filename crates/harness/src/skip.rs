//! What a run left out.

use crate::rows::MetricRow;

/// Rows that were not made: those with all of the given labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skip {
    /// The dataset, or any.
    pub dataset: Option<String>,
    /// The embedder, or any.
    pub embedder: Option<String>,
    /// The pool, or any.
    pub pool: Option<String>,
    /// In one line, why, and what to do about it.
    pub reason: String,
}

impl Skip {
    /// Whether it explains why `row` was not made.
    pub fn covers(&self, row: &MetricRow) -> bool {
        let covers = |skipped: &Option<String>, label: &str| {
            skipped.as_deref().is_none_or(|skipped| skipped == label)
        };
        covers(&self.dataset, &row.dataset)
            && covers(&self.embedder, &row.embedder)
            && covers(&self.pool, &row.pool)
    }
}
