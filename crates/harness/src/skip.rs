//! Rows by their labels, and what there is to say of them.

use crate::rows::Row;

/// Rows that were not made, or not as before: those with all of the given labels.
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
    /// The router, or any; in a test either of the two.
    pub router: Option<String>,
    /// In one line, why, and what to do about it.
    pub reason: String,
}

impl Skip {
    /// Whether `row` is one of them.
    pub fn covers<R: Row>(&self, row: &R) -> bool {
        let is = |column: &str, router: &str| row.label(column) == Some(router);
        let has_router = |router: &String| is("router", router) || is("baseline", router);
        self.router.as_ref().is_none_or(has_router)
            && [
                ("dataset", &self.dataset),
                ("outcomes", &self.outcomes),
                ("embedder", &self.embedder),
                ("pool", &self.pool),
            ]
            .into_iter()
            .all(|(column, skipped)| skipped.is_none() || skipped.as_deref() == row.label(column))
    }
}
