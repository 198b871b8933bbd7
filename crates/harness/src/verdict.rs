//! Whether a run confirms the committed results.

use std::collections::{BTreeMap, HashMap};

use crate::{
    Skip,
    rows::{Number, Row},
};

/// Numbers of two machines agree within this; on one machine they are bit-identical.
pub const TOLERANCE: f64 = 1e-3;

/// A run's result file held against the committed one, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Rows whose numbers all agree within [`TOLERANCE`].
    pub agree: usize,
    /// Rows with a number that does not, the largest difference first.
    pub differ: Vec<Difference>,
    /// Committed rows that the run did not make, or made from other data: how many, by the reason.
    pub not_compared: BTreeMap<String, usize>,
    /// Rows that are not among the committed ones.
    pub new: usize,
}

/// A row that came out differently, by the number that differs most.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The row's labels.
    pub labels: String,
    /// The number's column.
    pub column: &'static str,
    /// The committed value.
    pub committed: f64,
    /// What the run measured.
    pub measured: f64,
}

impl Verdict {
    /// Compares. `skipped` explains what was not run, `other_data` what was run on other data.
    pub fn new<R: Row>(
        committed: &[R],
        measured: &[R],
        skipped: &[Skip],
        other_data: &[Skip],
    ) -> Self {
        let mut verdict = Self::default();
        let mut unmatched: HashMap<Vec<&str>, &R> =
            measured.iter().map(|row| (row.key(), row)).collect();
        for row in committed {
            let again = unmatched.remove(&row.key());
            let mut not_compared = |reason: &str| {
                *verdict.not_compared.entry(reason.to_owned()).or_default() += 1;
            };
            let Some(again) = again else {
                let skip = skipped.iter().find(|skip| skip.covers(row));
                not_compared(skip.map_or("not asked for in this run", |skip| &skip.reason));
                continue;
            };
            if let Some(other) = other_data.iter().find(|other| other.covers(row)) {
                not_compared(&other.reason);
                continue;
            }
            let worst = Difference::worst(row, again);
            match worst.filter(|difference| difference.size() > TOLERANCE) {
                Some(difference) => verdict.differ.push(difference),
                None => verdict.agree += 1,
            }
        }
        verdict.new = unmatched.len();
        verdict.differ.sort_by(|a, b| b.size().total_cmp(&a.size()));
        verdict
    }

    /// Whether nothing that was run contradicts the committed results.
    pub fn confirms(&self) -> bool {
        self.differ.is_empty()
    }
}

impl Difference {
    fn worst<R: Row>(committed: &R, measured: &R) -> Option<Self> {
        committed
            .numbers()
            .into_iter()
            .zip(measured.numbers())
            .map(|((column, committed_number), (_, measured))| Self {
                labels: committed.key().join(" "),
                column,
                committed: committed_number,
                measured,
            })
            .rev() // of equal ones the first is taken: the value before its interval
            .max_by(|a, b| a.size().total_cmp(&b.size()))
    }

    /// At six decimals, so that 0.501 is within 0.001 of 0.5.
    fn size(&self) -> f64 {
        Number::new((self.committed - self.measured).abs()).get()
    }
}
