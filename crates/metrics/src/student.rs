//! Student's t for paired differences that are not all independent, and Holm's correction.
//!
//! Sources: A. C. Cameron and D. L. Miller, *A Practitioner's Guide to Cluster-Robust Inference*, 2015
//! (the variance of a mean over clusters); C. Nadeau and Y. Bengio, *Inference for the Generalization
//! Error*, 2003 (training parts that overlap); S. Holm, *A Simple Sequentially Rejective Multiple Test
//! Procedure*, 1979.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::{
    Error, Estimate, PairedTest, Result, Stratum,
    bootstrap::{ClusterSums, Sample, differences},
};

/// The confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// The difference of each column, treatment minus baseline, with its 95 % interval and two-sided paired
/// test. Where [`Bootstrap::paired`](crate::Bootstrap::paired) resamples clusters, this takes the
/// variance of the same statistic over clusters: p-values are as fine as it takes to
/// [correct](holm) many of them.
///
/// With C clusters in all, t has C − 1 degrees of freedom. Where only k of them differ at all, p is at least
/// 2¹⁻ᵏ, what a test of signs can give, and the interval as wide: t takes a few differences that happen to have
/// one sign for certainty. All differences 0 give a p-value of 1.
///
/// # Errors
/// Those of [`Bootstrap::paired`](crate::Bootstrap::paired), and [`Error::TooFew`] for fewer than two
/// clusters.
pub fn clustered_t(treatment: &[Stratum], baseline: &[Stratum]) -> Result<Vec<PairedTest>> {
    let sample = Sample::new(&differences(treatment, baseline)?)?;
    let clusters = sample.clusters;
    if clusters < 2 {
        return Err(Error::TooFew {
            what: "clusters",
            count: clusters,
        });
    }
    let means = sample.statistic(&vec![1.0; clusters]);
    let of_column = |(column, &difference): (usize, &f64)| {
        // How much each cluster moves the statistic.
        let mut influence = vec![0.0; clusters];
        let mut differs = vec![false; clusters];
        for stratum in &sample.strata {
            let share = 1.0 / (sample.strata.len() as f64 * stratum.observations());
            let mean = stratum.mean(column);
            for (cluster, sum, moved) in stratum.deviations(column, mean) {
                influence[cluster] += share * moved;
                differs[cluster] |= sum.abs() > ROUNDING;
            }
        }
        let c = clusters as f64;
        let variance = influence.iter().map(|u| u * u).sum::<f64>() * c / (c - 1.0);
        let student = student(c - 1.0)?;
        let by_signs = match differs.iter().filter(|differs| **differs).count() {
            few @ 1..=40 => {
                let half_of_p = 0.5_f64.powi(few.max(2) as i32);
                difference.abs() / -student.inverse_cdf(half_of_p)
            }
            // None, or so many that 2¹⁻ᵏ is nothing.
            _ => 0.0,
        };
        let error = variance.sqrt().max(by_signs);
        Ok(paired_test(
            difference,
            error,
            &student,
            sample.observations,
        ))
    };
    means.iter().enumerate().map(of_column).collect()
}

/// The mean of differences that repeated splits of the same data gave, one for each split, with its 95 %
/// interval and two-sided test. `test_to_train` is the size of a test part divided by that of a training
/// part, above 0: as training parts overlap, the variance is that of the differences times 1/J +
/// `test_to_train` for J splits (Nadeau and Bengio's corrected resampled t). `step`, above 0, is by how much one
/// query can move a split's mean: the standard error is taken to be no less, as splits that happen to differ by
/// the same few queries tell nothing of how much others would.
///
/// # Errors
/// [`Error::TooFew`] for fewer than two differences; [`Error::Setting`] for a share or step that is not above 0
/// or a difference that is not finite.
pub fn resampled_t(differences: &[f64], test_to_train: f64, step: f64) -> Result<PairedTest> {
    let count = differences.len();
    if count < 2 {
        return Err(Error::TooFew {
            what: "splits",
            count,
        });
    }
    if let Some(value) = differences.iter().find(|value| !value.is_finite()) {
        return Err(Error::Setting {
            field: "differences",
            value: value.to_string(),
            expected: "finite",
        });
    }
    for (field, value) in [("test_to_train", test_to_train), ("step", step)] {
        if !(value > 0.0 && value.is_finite()) {
            return Err(Error::Setting {
                field,
                value: value.to_string(),
                expected: "above 0",
            });
        }
    }
    let splits = count as f64;
    let mean = differences.iter().sum::<f64>() / splits;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (splits - 1.0);
    let error = (variance * (1.0 / splits + test_to_train)).sqrt().max(step);
    Ok(paired_test(mean, error, &student(splits - 1.0)?, count))
}

/// The difference of two means, treatment minus baseline, of which no more is known than their 95 %
/// intervals, as if the two had nothing in common. Scores of the same queries do have, so that the interval
/// is wider, and the p-value larger, than a paired test's.
pub fn unpaired_z(treatment: Estimate, baseline: Estimate) -> PairedTest {
    let normal = Normal::standard();
    let quantile = normal.inverse_cdf((1.0 + CONFIDENCE) / 2.0);
    let error = |estimate: Estimate| (estimate.high - estimate.low) / 2.0 / quantile;
    let error = error(treatment).hypot(error(baseline));
    let difference = treatment.value - baseline.value;
    PairedTest {
        difference,
        low: difference - quantile * error,
        high: difference + quantile * error,
        p_value: two_sided(difference, error, |z| normal.cdf(z)),
        n: treatment.n,
    }
}

/// Differences closer to each other than this are the same but for rounding.
const ROUNDING: f64 = 1e-12;

fn student(freedom: f64) -> Result<StudentsT> {
    StudentsT::new(0.0, 1.0, freedom).map_err(|_| Error::Setting {
        field: "degrees of freedom",
        value: freedom.to_string(),
        expected: "above 0",
    })
}

fn paired_test(difference: f64, error: f64, student: &StudentsT, n: usize) -> PairedTest {
    let half = error * student.inverse_cdf((1.0 + CONFIDENCE) / 2.0);
    PairedTest {
        difference,
        low: difference - half,
        high: difference + half,
        p_value: two_sided(difference, error, |t| student.cdf(t)),
        n,
    }
}

fn two_sided(difference: f64, error: f64, below: impl Fn(f64) -> f64) -> f64 {
    if difference.abs() <= ROUNDING {
        1.0
    } else if error <= ROUNDING {
        0.0
    } else {
        2.0 * below(-(difference / error).abs())
    }
}

/// P-values, each in 0..=1, corrected for their number by Holm's step-down procedure, in the same order:
/// those of at most 0.05 then hold all together with a chance of error of at most 5 %.
///
/// ```
/// assert_eq!(oats_metrics::holm(&[0.01, 0.5, 0.04]), [0.03, 0.5, 0.08]);
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, place) in order.into_iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        largest = largest.max(p_values[place] * left).min(1.0);
        corrected[place] = largest;
    }
    corrected
}

impl ClusterSums {
    fn observations(&self) -> f64 {
        self.counts.iter().sum()
    }

    fn mean(&self, column: usize) -> f64 {
        self.sums.column(column).sum() / self.observations()
    }

    /// Each cluster with the sum of its observations, and of their deviations from `mean`.
    fn deviations(&self, column: usize, mean: f64) -> impl Iterator<Item = (usize, f64, f64)> {
        let sums = self.sums.column(column).into_iter();
        (self.clusters.iter().zip(&self.counts).zip(sums))
            .map(move |((&cluster, count), &sum)| (cluster, sum, sum - count * mean))
    }
}
