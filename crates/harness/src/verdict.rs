//! Whether a run confirms the committed results.

use std::collections::{BTreeMap, HashMap};

use crate::{
    Skip,
    rows::{Number, Row},
};

/// Numbers of two machines agree within this, costs within this share of theirs; on one machine they
/// are bit-identical.
pub const TOLERANCE: f64 = 1e-3;

/// A run's result file held against the committed one, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Rows whose numbers all agree within [`TOLERANCE`].
    pub agree: usize,
    /// Rows with a number that does not, the largest difference first.
    pub differ: Vec<Difference>,
    /// The same of rows that other rounding can move, by the reason.
    pub moved: BTreeMap<String, Vec<Difference>>,
    /// Committed rows that the run did not make, or made from other data: how many, by the reason.
    pub not_compared: BTreeMap<String, usize>,
    /// Rows that are not among the committed ones.
    pub new: usize,
    /// Of those not compared, how many were run, on other data.
    pub of_other_data: usize,
}

/// What is known of a run beside its rows. A row's first in each list counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// What was not run.
    pub skipped: &'a [Skip],
    /// What was run on other data than the committed rows.
    pub other_data: &'a [Skip],
    /// What other rounding than the committed rows' can move
    /// ([`Manifest::other_rounding`](crate::Manifest::other_rounding)).
    pub other_rounding: &'a [Skip],
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
    /// Compares.
    pub fn new<R: Row>(committed: &[R], measured: &[R], conditions: Conditions<'_>) -> Self {
        let reason = |known: &[Skip], row: &R| {
            let skip = known.iter().find(|skip| skip.covers(row))?;
            Some(skip.reason.clone())
        };
        let mut verdict = Self::default();
        let mut unmatched: HashMap<Vec<&str>, &R> =
            measured.iter().map(|row| (row.key(), row)).collect();
        for row in committed {
            let mut not_compared = |reason: String| {
                *verdict.not_compared.entry(reason).or_default() += 1;
            };
            let Some(again) = unmatched.remove(&row.key()) else {
                let reason = reason(conditions.skipped, row);
                not_compared(reason.unwrap_or_else(|| "not asked for in this run".to_owned()));
                continue;
            };
            if let Some(reason) = reason(conditions.other_data, row) {
                not_compared(reason);
                verdict.of_other_data += 1;
                continue;
            }
            let worst = Difference::worst(row, again);
            match worst.filter(|difference| difference.is_beyond(row)) {
                None => verdict.agree += 1,
                // No rounding changes how many queries there are.
                Some(difference) if difference.column == "n" => verdict.differ.push(difference),
                Some(difference) => match reason(conditions.other_rounding, row) {
                    Some(reason) => verdict.moved.entry(reason).or_default().push(difference),
                    None => verdict.differ.push(difference),
                },
            }
        }
        verdict.new = unmatched.len();
        for differences in verdict.moved.values_mut().chain([&mut verdict.differ]) {
            differences.sort_by(|a, b| b.size().total_cmp(&a.size()));
        }
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
            .max_by(|a, b| {
                (a.is_beyond(committed).cmp(&b.is_beyond(committed)))
                    .then(a.size().total_cmp(&b.size()))
            })
    }

    fn is_beyond(&self, row: &impl Row) -> bool {
        self.size() > row.tolerance(self.column)
    }

    /// At six decimals, so that 0.501 is within 0.001 of 0.5.
    fn size(&self) -> f64 {
        Number::new((self.committed - self.measured).abs()).get()
    }
}
