//! Both sides by their means, where what each query scored was not kept.

use std::collections::{BTreeMap, HashMap};

use oats_metrics::{Estimate, resampled_t, unpaired_z};

use super::{Compared, Comparison, Labels, correct, wins_ties_losses};
use crate::{
    Error, Manifest,
    rows::{MetricRow, Row},
};

/// Each row of a run held against the row of the same labels in another: by their intervals alone
/// ([`unpaired_z`]), which finds large differences only; and, where both have the same splits' single seeds,
/// by [`resampled_t`] over these, which finds even ones. Of the two the smaller p counts, twice.
///
/// `manifest` is the run's: it knows how large the parts of its splits are, and which metric is the first.
///
/// # Errors
/// [`Error::Metrics`] where a mean is not finite.
pub fn compare_means(
    rows: &[MetricRow],
    baseline: &[MetricRow],
    manifest: &Manifest,
) -> Result<Comparison, Error> {
    let committed: HashMap<Vec<&str>, &MetricRow> =
        baseline.iter().map(|row| (row.key(), row)).collect();
    let mut groups: BTreeMap<(Labels, &str, &str), Group<'_>> = BTreeMap::new();
    for row in rows {
        let Some(&other) = committed.get(&row.key()) else {
            continue;
        };
        let group = groups
            .entry((labels(row), &row.subset, &row.metric))
            .or_default();
        match row.seeds() {
            None => group.seeds.push((row, other)),
            Some(_) => group.mean = Some((row, other)),
        }
    }
    let mut compared = Vec::new();
    for ((labels, subset, metric), group) in groups {
        let share = manifest.test_to_train(&labels.dataset, &labels.split);
        if let Some(found) = group.compare(share)? {
            compared.push(labels.row(subset, metric, found));
        }
    }
    Ok(Comparison {
        metric: manifest.first_metric(),
        rows: correct(compared),
        changed: Vec::new(),
    })
}

fn labels(row: &MetricRow) -> Labels {
    Labels {
        dataset: row.dataset.clone(),
        split: row.split.clone(),
        outcomes: row.outcomes.clone(),
        pool: row.pool.clone(),
        embedder: row.embedder.clone(),
        router: row.router.clone(),
        baseline: row.router.clone(),
    }
}

/// The rows that differ in the seed alone, each with that of the other side.
#[derive(Default)]
struct Group<'a> {
    seeds: Vec<(&'a MetricRow, &'a MetricRow)>,
    mean: Option<(&'a MetricRow, &'a MetricRow)>,
}

impl Group<'_> {
    fn compare(&self, test_to_train: Option<f64>) -> Result<Option<Compared>, Error> {
        let by_intervals = self.mean.map(by_intervals);
        let by_seeds = match test_to_train {
            Some(share) if self.seeds.len() > 1 => Some(self.by_seeds(share)?),
            _ => None,
        };
        Ok(match (by_intervals, by_seeds) {
            (Some(one), Some(other)) => {
                let mut smaller = match one.test.p_value < other.test.p_value {
                    true => one,
                    false => other,
                };
                smaller.test.p_value = (2.0 * smaller.test.p_value).min(1.0);
                Some(smaller)
            }
            (one, other) => one.or(other),
        })
    }

    fn by_seeds(&self, test_to_train: f64) -> Result<Compared, Error> {
        let pairs = self.seeds.iter();
        let differences: Vec<f64> = pairs
            .map(|(ours, theirs)| ours.value.get() - theirs.value.get())
            .collect();
        let rows = || self.seeds.iter().map(|(row, _)| row);
        let splits = differences.len() as f64;
        let n: usize = rows().map(|row| row.n).sum();
        Ok(Compared {
            paired: "seed",
            seeds: differences.len(),
            value: rows().map(|row| row.value.get()).sum::<f64>() / splits,
            test: resampled_t(&differences, test_to_train, splits / n.max(1) as f64)?,
            counts: wins_ties_losses(differences.iter().copied()),
            n,
        })
    }
}

fn by_intervals((ours, theirs): (&MetricRow, &MetricRow)) -> Compared {
    let test = unpaired_z(estimate(ours), estimate(theirs));
    Compared {
        paired: "none",
        seeds: ours.seeds().unwrap_or(1),
        value: ours.value.get(),
        counts: wins_ties_losses([test.difference].into_iter()),
        n: ours.n,
        test,
    }
}

fn estimate(row: &MetricRow) -> Estimate {
    Estimate {
        value: row.value.get(),
        low: row.ci_low.get(),
        high: row.ci_high.get(),
        n: row.n,
    }
}
