//! Two routers, or two runs, held against each other: differences with intervals, tests corrected for
//! their number, and the queries that changed most.
//!
//! What each query scored on both sides is paired where it was kept ([`CellScores`]); of results that
//! hold means alone, the seeds are paired.
//!
//! Fitted routers are taken as they are: another initialisation that ranks some queries otherwise is a
//! difference, too.

mod by_query;
mod by_seed;
mod leaderboard;

use std::collections::BTreeMap;

use oats_metrics::{PairedTest, holm};

use crate::{
    Error,
    aggregate::ALL,
    rows::{ChangedRow, ComparedRow, Number, Row},
    scores::CellScores,
};

pub use by_seed::compare_means;
pub use leaderboard::leaderboard;

/// Tests are called significant at this level, after Holm's correction.
pub const LEVEL: f64 = 0.05;

/// The two sides of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The first metric, which the verdict is by; `None` if it is not known.
    pub metric: Option<String>,
    /// By labels.
    pub rows: Vec<ComparedRow>,
    /// Of each router, pool and data set, the queries that gained and lost most by the first metric; none
    /// where the sides hold means alone.
    pub changed: Vec<ChangedRow>,
}

impl Comparison {
    /// Whether some router fell beyond noise by the first metric over all queries: one family of tests, chosen
    /// beforehand.
    pub fn has_fallen(&self) -> bool {
        self.rows.iter().any(|row| {
            Some(&row.metric) == self.metric.as_ref()
                && row.subset == ALL
                && row.is_beyond_noise()
                && row.difference.get() < 0.0
        })
    }
}

impl ComparedRow {
    /// Whether the difference is significant after the correction.
    pub fn is_significant(&self) -> bool {
        self.p_holm.get() <= LEVEL
    }

    /// Whether it is significant, and larger than what rounding on another machine can be
    /// ([`TOLERANCE`](crate::TOLERANCE)).
    pub fn is_beyond_noise(&self) -> bool {
        self.is_significant() && self.difference.get().abs() > crate::TOLERANCE
    }
}

/// One router's cells held against another's of the same runs. Cells are paired that differ in the router,
/// and in the embedder at most where one of the two reads none.
///
/// # Errors
/// [`Error::Compare`] where two sides do not hold the same queries.
pub fn compare_routers(
    cells: &[CellScores],
    router: &str,
    baseline: &str,
) -> Result<Comparison, Error> {
    by_query::compare(cells, cells, |ours, theirs| {
        ours.router == router && theirs.router == baseline && by_query::share_embedder(ours, theirs)
    })
}

/// Each router of one run held against itself in another.
///
/// # Errors
/// [`Error::Compare`] where two sides do not hold the same queries.
pub fn compare_runs(cells: &[CellScores], baseline: &[CellScores]) -> Result<Comparison, Error> {
    by_query::compare(cells, baseline, |ours, theirs| {
        (&ours.router, &ours.embedder) == (&theirs.router, &theirs.embedder)
    })
}

/// What both sides of a row share, but for the routers' names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    dataset: String,
    split: String,
    outcomes: String,
    pool: String,
    embedder: String,
    router: String,
    baseline: String,
}

impl Labels {
    fn row(&self, subset: &str, metric: &str, compared: Compared) -> ComparedRow {
        let Compared {
            paired,
            seeds,
            value,
            test,
            counts: [wins, ties, losses],
            n,
        } = compared;
        ComparedRow {
            dataset: self.dataset.clone(),
            split: self.split.clone(),
            outcomes: self.outcomes.clone(),
            pool: self.pool.clone(),
            subset: subset.to_owned(),
            embedder: self.embedder.clone(),
            router: self.router.clone(),
            baseline: self.baseline.clone(),
            seed: format!("mean-of-{seeds}"),
            metric: metric.to_owned(),
            paired: paired.to_owned(),
            value: Number::new(value),
            difference: Number::new(test.difference),
            ci_low: Number::new(test.low),
            ci_high: Number::new(test.high),
            p_value: Number::new(test.p_value),
            p_holm: Number::new(test.p_value),
            wins,
            ties,
            losses,
            n,
        }
    }
}

/// What is found of one metric.
struct Compared {
    /// `query` or `seed`.
    paired: &'static str,
    seeds: usize,
    /// The router's.
    value: f64,
    test: PairedTest,
    /// Wins, ties and losses.
    counts: [usize; 3],
    /// Test queries, summed over seeds.
    n: usize,
}

/// Differences up to this are ties.
const TIE: f64 = 1e-9;

fn wins_ties_losses(differences: impl Iterator<Item = f64>) -> [usize; 3] {
    let mut counts = [0; 3];
    for difference in differences {
        counts[if difference > TIE {
            0
        } else if difference < -TIE {
            2
        } else {
            1
        }] += 1;
    }
    counts
}

/// Corrects the rows' p-values. Those of one metric over all queries are one family, those over parts of the
/// queries another; where the sides do not differ at all, nothing is tested.
fn correct(mut rows: Vec<ComparedRow>) -> Vec<ComparedRow> {
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    let mut families: BTreeMap<(String, bool), Vec<&mut ComparedRow>> = BTreeMap::new();
    for row in &mut rows {
        if row.wins + row.losses > 0 {
            let family = (row.metric.clone(), row.subset == ALL);
            families.entry(family).or_default().push(row);
        }
    }
    for family in families.values_mut() {
        let p_values: Vec<f64> = family.iter().map(|row| row.p_value.get()).collect();
        for (row, p) in family.iter_mut().zip(holm(&p_values)) {
            row.p_holm = Number::new(p);
        }
    }
    rows
}
