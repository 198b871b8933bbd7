//! Durations, collected in a histogram.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Durations in nanoseconds, each kept to 3 significant digits (an error of at most 0.1 %) up to
/// 292 years, in constant memory.
///
/// ```
/// # use std::time::Duration;
/// # use oats_metrics::Latencies;
/// let mut latencies = Latencies::default();
/// for millis in 1..=100 {
///     latencies.record(Duration::from_millis(millis));
/// }
/// let summary = latencies.summary().expect("durations were recorded");
/// assert_eq!(summary.count, 100);
/// assert!(summary.p95.abs_diff(Duration::from_millis(95)) < Duration::from_micros(95));
/// ```
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

/// What is told of a set of durations.
///
/// A percentile is the duration that so many percent of the recorded ones do not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencySummary {
    /// How many were recorded.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

const LONGEST_NANOS: u64 = u64::MAX / 2;

impl Default for Latencies {
    fn default() -> Self {
        Self(
            Histogram::new_with_bounds(1, LONGEST_NANOS, 3)
                .expect("1 ≥ 1, 2 ≤ the longest, 3 digits ≤ 5"),
        )
    }
}

impl Latencies {
    /// Adds a duration.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(LONGEST_NANOS);
        self.0.saturating_record(nanos);
    }

    /// Adds all that `other` has recorded.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("all histograms have the same bounds");
    }

    /// The percentiles and the rest; `None` if nothing was recorded.
    pub fn summary(&self) -> Option<LatencySummary> {
        let quantile = |q| Duration::from_nanos(self.0.value_at_quantile(q));
        (!self.0.is_empty()).then(|| LatencySummary {
            count: self.0.len(),
            mean: Duration::from_nanos(self.0.mean().round() as u64),
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: Duration::from_nanos(self.0.max()),
        })
    }
}
