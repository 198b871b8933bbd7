//! How sure one can be of an average over queries: the percentile bootstrap.
//!
//! Source: B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13
//! (percentile intervals) and 8 (what to resample when observations are not independent).

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The observations of one stratum: of one seed's test part, say.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// The cluster of each observation, by any label. Observations that are not independent of one
    /// another, such as queries with the same text, share a cluster. Labels mean the same in every
    /// stratum; a stratum need not hold all of them.
    pub clusters: Vec<usize>,
    /// Observations × columns, one column a metric; finite.
    pub values: Array2<f64>,
}

/// Percentile bootstrap over clusters.
///
/// The statistic of a column is the mean over strata of the stratum's mean over its observations.
/// A replicate draws, with replacement, as many clusters as there are in all strata together, and
/// weighs each observation by how often its cluster was drawn. All strata see the same draw, because
/// a query that is hard under one seed is hard under the next. A stratum none of whose clusters was
/// drawn is left out of that replicate's mean over strata.
///
/// The intervals say what other queries of the same kind could have given. They do not say what
/// other strata could have given: the seeds are held fixed. A single cluster leaves nothing to
/// resample, so its interval has no width.
///
/// Replicate r draws from stream r of the generator seeded with [`seed`](Self::seed): results are
/// the same for any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// How many times to resample, 1..=1,000,000. Default 1,000.
    pub replicates: usize,
    /// The intervals' nominal coverage, between 0 and 1, both excluded. Default 0.95.
    pub confidence: f64,
    /// The seed of the resampling. Default 0.
    pub seed: u64,
}

/// An average with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The statistic of the observations as they are.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
    /// Observations over all strata.
    pub n: usize,
}

/// The difference between two averages over the same observations, with its interval and test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    /// Treatment minus baseline.
    pub difference: f64,
    /// The lower end of the difference's interval.
    pub low: f64,
    /// The upper end of the difference's interval.
    pub high: f64,
    /// Two-sided, for the hypothesis that the difference is 0. With B replicates d*:
    /// min(1, 2 · min((#(d* ≤ 0) + 1) / (B + 1), (#(d* ≥ 0) + 1) / (B + 1))), so never below
    /// 2 / (B + 1), and 1 if all differences are 0.
    pub p_value: f64,
    /// Paired observations over all strata.
    pub n: usize,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            replicates: 1_000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first field outside its range.
    pub fn check(&self) -> Result<()> {
        let refuse = |field, value, expected| {
            Err(Error::Setting {
                field,
                value,
                expected,
            })
        };
        if !(1..=1_000_000).contains(&self.replicates) {
            return refuse(
                "bootstrap.replicates",
                self.replicates.to_string(),
                "in 1..=1000000",
            );
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return refuse(
                "bootstrap.confidence",
                self.confidence.to_string(),
                "above 0 and below 1, as in 0.95",
            );
        }
        Ok(())
    }

    /// The statistic of each column with its interval, in the order of the columns.
    ///
    /// # Errors
    /// [`Error::Setting`]; [`Error::NoStrata`]; [`Error::Stratum`] if a stratum is empty, holds a
    /// value that is not finite, or has not as many clusters as rows or not as many columns as the
    /// first.
    pub fn intervals(&self, strata: &[Stratum]) -> Result<Vec<Estimate>> {
        self.check()?;
        let sample = Sample::new(strata)?;
        let estimate = |(value, replicates): (f64, Vec<f64>)| {
            let (low, high) = self.percentiles(&replicates);
            Estimate {
                value,
                low,
                high,
                n: sample.observations,
            }
        };
        Ok(sample.resample(self).map(estimate).collect())
    }

    /// The difference of each column, treatment minus baseline, with its interval and test.
    ///
    /// # Errors
    /// Those of [`intervals`](Self::intervals), and [`Error::Unpaired`] if the two sides differ in
    /// their number of strata, or a stratum's shape or clusters.
    pub fn paired(&self, treatment: &[Stratum], baseline: &[Stratum]) -> Result<Vec<PairedTest>> {
        self.check()?;
        let sample = Sample::new(&differences(treatment, baseline)?)?;
        let test = |(difference, replicates): (f64, Vec<f64>)| {
            let (low, high) = self.percentiles(&replicates);
            let at_most_zero = replicates.partition_point(|d| *d <= 0.0);
            let at_least_zero = replicates.len() - replicates.partition_point(|d| *d < 0.0);
            let tail = (at_most_zero.min(at_least_zero) + 1) as f64 / (replicates.len() + 1) as f64;
            PairedTest {
                difference,
                low,
                high,
                p_value: (2.0 * tail).min(1.0),
                n: sample.observations,
            }
        };
        Ok(sample.resample(self).map(test).collect())
    }

    fn percentiles(&self, sorted: &[f64]) -> (f64, f64) {
        let tail = (1.0 - self.confidence) / 2.0;
        (quantile(sorted, tail), quantile(sorted, 1.0 - tail))
    }
}

/// Linear interpolation between order statistics, as `numpy.quantile` does by default.
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let place = probability * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

pub(crate) fn differences(treatment: &[Stratum], baseline: &[Stratum]) -> Result<Vec<Stratum>> {
    let unpaired = |difference| Err(Error::Unpaired { difference });
    if treatment.len() != baseline.len() {
        return unpaired(format!(
            "{} strata against {}",
            treatment.len(),
            baseline.len()
        ));
    }
    let mut paired = Vec::with_capacity(treatment.len());
    for (stratum, (ours, theirs)) in treatment.iter().zip(baseline).enumerate() {
        if ours.values.dim() != theirs.values.dim() {
            return unpaired(format!(
                "stratum {stratum} (counted from 0) has {} rows × {} columns against {} × {}",
                ours.values.nrows(),
                ours.values.ncols(),
                theirs.values.nrows(),
                theirs.values.ncols(),
            ));
        }
        if ours.clusters.len() != theirs.clusters.len() {
            return unpaired(format!(
                "stratum {stratum} (counted from 0) has {} clusters against {}",
                ours.clusters.len(),
                theirs.clusters.len(),
            ));
        }
        let mut labels = ours.clusters.iter().zip(&theirs.clusters).enumerate();
        if let Some((row, (a, b))) = labels.find(|(_, (a, b))| a != b) {
            return unpaired(format!(
                "stratum {stratum}, row {row} (counted from 0) is of cluster {a} against {b}"
            ));
        }
        paired.push(Stratum {
            clusters: ours.clusters.clone(),
            values: &ours.values - &theirs.values,
        });
    }
    Ok(paired)
}

/// The observations, boiled down to what a replicate needs: sums by cluster.
pub(crate) struct Sample {
    pub(crate) observations: usize,
    columns: usize,
    /// How many clusters there are in all strata together.
    pub(crate) clusters: usize,
    pub(crate) strata: Vec<ClusterSums>,
}

/// A stratum's observations, added up within each cluster it holds.
pub(crate) struct ClusterSums {
    /// The cluster of each row of `sums`, from 0.
    pub(crate) clusters: Vec<usize>,
    /// How many observations each row of `sums` adds up.
    pub(crate) counts: Vec<f64>,
    /// Clusters × columns.
    pub(crate) sums: Array2<f64>,
}

impl Sample {
    pub(crate) fn new(strata: &[Stratum]) -> Result<Self> {
        let columns = strata.first().ok_or(Error::NoStrata)?.values.ncols();
        for (index, stratum) in strata.iter().enumerate() {
            stratum.check(columns).map_err(|problem| Error::Stratum {
                stratum: index,
                problem,
            })?;
        }
        let mut labels: Vec<usize> = strata
            .iter()
            .flat_map(|s| s.clusters.iter().copied())
            .collect();
        labels.sort_unstable();
        labels.dedup();
        Ok(Self {
            observations: strata.iter().map(|s| s.values.nrows()).sum(),
            columns,
            clusters: labels.len(),
            strata: strata
                .iter()
                .map(|s| ClusterSums::new(s, &labels))
                .collect(),
        })
    }

    /// For each column, its value and its sorted replicates.
    fn resample(&self, settings: &Bootstrap) -> impl Iterator<Item = (f64, Vec<f64>)> {
        let generator = ChaCha8Rng::seed_from_u64(settings.seed);
        let replicates: Vec<Vec<f64>> = (0..settings.replicates)
            .into_par_iter()
            .map_with(Vec::new(), |weights, replicate| {
                let mut generator = generator.clone();
                generator.set_stream(replicate as u64);
                weights.clear();
                weights.resize(self.clusters, 0.0);
                for _ in 0..self.clusters {
                    weights[generator.random_range(0..self.clusters)] += 1.0;
                }
                self.statistic(weights)
            })
            .collect();
        let observed = self.statistic(&vec![1.0; self.clusters]);
        observed
            .into_iter()
            .enumerate()
            .map(move |(column, value)| {
                let mut column: Vec<f64> = replicates
                    .iter()
                    .map(|statistic| statistic[column])
                    .collect();
                column.sort_unstable_by(f64::total_cmp);
                (value, column)
            })
    }

    /// Each column's mean over strata of the stratum's weighted mean.
    pub(crate) fn statistic(&self, weights: &[f64]) -> Vec<f64> {
        let mut total = vec![0.0; self.columns];
        // Never 0 in the end: some cluster has a weight, and every cluster is in some stratum.
        let mut strata_drawn = 0.0;
        for stratum in &self.strata {
            let (count, sums) = stratum.weighted(weights);
            if count > 0.0 {
                strata_drawn += 1.0;
                total
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(total, sum)| *total += sum / count);
            }
        }
        total.iter_mut().for_each(|total| *total /= strata_drawn);
        total
    }
}

impl ClusterSums {
    /// `labels` is sorted and holds every label of the stratum.
    fn new(stratum: &Stratum, labels: &[usize]) -> Self {
        let mut clusters = stratum.clusters.clone();
        clusters.sort_unstable();
        clusters.dedup();
        let mut counts = vec![0.0; clusters.len()];
        let mut sums = Array2::zeros((clusters.len(), stratum.values.ncols()));
        for (label, values) in stratum.clusters.iter().zip(stratum.values.rows()) {
            let row = clusters.partition_point(|cluster| cluster < label);
            counts[row] += 1.0;
            sums.row_mut(row).scaled_add(1.0, &values);
        }
        for cluster in &mut clusters {
            *cluster = labels.partition_point(|label| label < cluster);
        }
        Self {
            clusters,
            counts,
            sums,
        }
    }

    /// The weighted number of observations, and each column's weighted sum.
    fn weighted(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let mut count = 0.0;
        let mut total = vec![0.0; self.sums.ncols()];
        for ((cluster, observations), sums) in
            self.clusters.iter().zip(&self.counts).zip(self.sums.rows())
        {
            let weight = weights[*cluster];
            count += weight * observations;
            total
                .iter_mut()
                .zip(sums)
                .for_each(|(total, sum)| *total += weight * sum);
        }
        (count, total)
    }
}

impl Stratum {
    /// Says what is wrong with it, to follow the words "stratum 3 (counted from 0)".
    fn check(&self, columns: usize) -> std::result::Result<(), String> {
        let (rows, own_columns) = self.values.dim();
        if rows == 0 || own_columns == 0 {
            return Err(format!(
                "is empty ({rows} rows × {own_columns} columns): leave it out"
            ));
        }
        if self.clusters.len() != rows {
            return Err(format!(
                "has {} clusters for {rows} rows: give one a row",
                self.clusters.len()
            ));
        }
        if own_columns != columns {
            return Err(format!(
                "has {own_columns} columns, but the first has {columns}"
            ));
        }
        match self
            .values
            .indexed_iter()
            .find(|(_, value)| !value.is_finite())
        {
            Some(((row, column), value)) => Err(format!(
                "holds {value} in row {row}, column {column}: values must be finite"
            )),
            None => Ok(()),
        }
    }
}
