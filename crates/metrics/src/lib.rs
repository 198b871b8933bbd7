//! Rankings in, numbers out.
//!
//! This crate knows no dataset and no router. It scores rankings with the measures of
//! [trec_eval](https://github.com/usnistgov/trec_eval) and selected sets with those of multi-label
//! classification, says how sure one can be of the averages,
//! reads and writes the files `trec_eval` reads, and keeps the books on latency and on the price of
//! tokens.
//!
//! ```
//! use ndarray::array;
//! use oats_metrics::{Bootstrap, Metric, Stratum};
//!
//! // One query: the router ranked tools 4, 7, 2; tools 7 (grade 1) and 9 (grade 2) are relevant.
//! let recall: Metric = "recall@3".parse()?;
//! assert_eq!(recall.score(&[4, 7, 2], &[(7, 1), (9, 2)]), 0.5);
//!
//! // Four test queries, the last two with the same text: three clusters, one column per metric.
//! let seed_0 = Stratum {
//!     clusters: vec![0, 1, 2, 2],
//!     values: array![[1.0, 0.6], [0.5, 0.3], [0.0, 0.0], [0.0, 0.2]],
//! };
//! let estimates = Bootstrap::default().intervals(&[seed_0])?;
//! assert_eq!(estimates[0].value, 0.375);
//! assert!(estimates[0].low < 0.375 && 0.375 < estimates[0].high);
//! # Ok::<(), oats_metrics::Error>(())
//! ```
//!
//! # Map
//!
//! | to | see |
//! | --- | --- |
//! | score one ranking or one selected set | [`Metric`] |
//! | put an interval on an average, or compare two routers | [`Bootstrap`] |
//! | correct many p-values, or compare by t where the bootstrap's are too coarse | [`holm`], [`clustered_t`], [`resampled_t`], [`unpaired_z`] |
//! | exchange runs and judgements with other tools | [`trec`] |
//! | collect durations | [`Latencies`] |
//! | time the stages of a request | [`Stopwatch`], [`Stage`] |
//! | turn tokens into dollars | [`Price`] |
//! | know what went wrong | [`Error`] |

mod bootstrap;
mod cost;
mod error;
mod latency;
mod metric;
mod stopwatch;
mod student;
pub mod trec;

pub use bootstrap::{Bootstrap, Estimate, PairedTest, Stratum};
pub use cost::{Price, Usage};
pub use error::{Error, Result};
pub use latency::{Latencies, LatencySummary};
pub use metric::Metric;
pub use stopwatch::{Stage, Stopwatch};
pub use student::{clustered_t, holm, resampled_t, unpaired_z};
