//! Both sides by their means, where what each query scored was not kept.

use std::collections::{BTreeMap, HashMap};

use oats_metrics::{Estimate, resampled_t, unpaired_z};

use super::{Compared, Comparison, Labels, correct, wins_ties_losses};
use crate::{
    Error, Manifest,
    rows::{MetricRow, Row},
};

/// Each row of a run held against the row of the same labels in another, by
/// [`resampled_t`] over the seeds of the same splits. Rows of other subsets than `all` have one mean over
/// seeds and no more, and single seeds tell nothing of noise: both are
/// held against each other by their intervals alone ([`unpaired_z`]), which finds large differences only.
///
/// `manifest` is the run's: it knows how large the parts of its splits are.
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
        rows: correct(compared),
        ..Comparison::default()
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
        let difference =
            |(ours, theirs): &(&MetricRow, &MetricRow)| ours.value.get() - theirs.value.get();
        let differences: Vec<f64> = self.seeds.iter().map(difference).collect();
        if let Some(share) = test_to_train.filter(|_| differences.len() > 1) {
            let rows = || self.seeds.iter().map(|(row, _)| row);
            return Ok(Some(Compared {
                paired: "seed",
                seeds: differences.len(),
                value: rows().map(|row| row.value.get()).sum::<f64>() / differences.len() as f64,
                test: resampled_t(&differences, share)?,
                counts: wins_ties_losses(differences.iter().copied()),
                n: rows().map(|row| row.n).sum(),
            }));
        }
        Ok(self.mean.map(|(ours, theirs)| {
            let test = unpaired_z(estimate(ours), estimate(theirs));
            Compared {
                paired: "none",
                seeds: ours.seeds().unwrap_or(1),
                value: ours.value.get(),
                counts: wins_ties_losses([test.difference].into_iter()),
                n: ours.n,
                test,
            }
        }))
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
