//! Whether a claim holds, comparison by comparison.

use std::fmt::Write as _;

use super::{
    COLUMNS, Measured,
    labels::{ALWAYS_NAMED, Only, seeds_in_words, title},
};
use crate::rows::{Row, TestRow};

/// A paired difference with its interval, and what it says.
#[derive(Clone, Copy)]
pub(super) struct Difference {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sign {
    Better,
    Same,
    Worse,
}

impl Difference {
    pub(super) fn of(row: &TestRow) -> Self {
        Self {
            value: row.difference.get(),
            low: row.ci_low.get(),
            high: row.ci_high.get(),
        }
    }

    fn reversed(self) -> Self {
        Self {
            value: -self.value,
            low: -self.high,
            high: -self.low,
        }
    }

    pub(super) fn sign(self) -> Sign {
        if self.low > 0.0 {
            Sign::Better
        } else if self.high < 0.0 {
            Sign::Worse
        } else {
            Sign::Same
        }
    }

    pub(super) fn with_interval(self) -> String {
        format!("{:+.3} [{:+.3}, {:+.3}]", self.value, self.low, self.high)
    }
}

pub(super) fn write(
    measured: &Measured<'_>,
    of: &str,
    says: &str,
    [better, than]: [&str; 2],
    only: &Only,
) -> String {
    let comparisons: Vec<(&TestRow, Difference)> = measured
        .rows(measured.tests, only)
        .into_iter()
        .filter_map(|row| match (row.router.as_str(), row.baseline.as_str()) {
            (router, baseline) if router == better && baseline == than => {
                Some((row, Difference::of(row)))
            }
            (router, baseline) if router == than && baseline == better => {
                Some((row, Difference::of(row).reversed()))
            }
            _ => None,
        })
        .collect();
    let with = |sign: Sign| -> Vec<&(&TestRow, Difference)> {
        comparisons
            .iter()
            .filter(|(_, difference)| difference.sign() == sign)
            .collect()
    };
    let (yes, same, no) = (with(Sign::Better), with(Sign::Same), with(Sign::Worse));
    let all = comparisons.len();
    let most_seeds = measured.tests.iter().filter_map(Row::seeds).max();
    let verdict = if all == 0 {
        "not measured".to_owned()
    } else if all == 1 && !yes.is_empty() {
        "yes, in the one comparison".to_owned()
    } else if all == 1 && !no.is_empty() {
        "no, it is the other way round".to_owned()
    } else if all == 1 {
        "no difference".to_owned()
    } else if yes.len() == all {
        format!("yes, in all {all} comparisons")
    } else if no.len() == all {
        format!("no, it is the other way round in all {all} comparisons")
    } else if same.len() == all {
        format!("no difference in any of {all} comparisons")
    } else {
        let parts = [
            (yes.len(), "yes"),
            (same.len(), "no difference"),
            (no.len(), "the other way round"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{what} in {count}"))
            .collect();
        format!("{} of {all} comparisons", parts.join(", "))
    };
    let mut text = format!("- **{says}** ({of}): {verdict}.\n");
    for (what, list) in [
        ("Yes", yes),
        ("No difference", same),
        ("The other way round", no),
    ] {
        if list.is_empty() {
            continue;
        }
        let places: Vec<String> = list
            .iter()
            .map(|(row, difference)| {
                let shown: Vec<&str> = COLUMNS
                    .into_iter()
                    .filter(|&column| column != "router")
                    .filter(|&column| {
                        ALWAYS_NAMED.contains(&column) || varies(&comparisons, column)
                    })
                    .collect();
                let seeds = match row.seeds() {
                    seeds if seeds < most_seeds => format!(" ({})", seeds_in_words(seeds)),
                    _ => String::new(),
                };
                format!(
                    "{}{seeds} {}",
                    title(*row, &shown),
                    difference.with_interval()
                )
            })
            .collect();
        let _ = writeln!(text, "  - {what}: {}.", places.join("; "));
    }
    text
}

fn varies(comparisons: &[(&TestRow, Difference)], column: &str) -> bool {
    let mut labels = comparisons.iter().map(|(row, _)| row.label(column));
    let first = labels.next();
    labels.any(|label| Some(label) != first)
}
