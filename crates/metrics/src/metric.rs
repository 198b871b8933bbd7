//! Ranking metrics, by the definitions of `trec_eval`.

use std::{fmt, num::NonZeroUsize, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A measure of one ranking against the items that are relevant to its query.
///
/// Below, rel_r is 1 if the item at rank r (from 1) is relevant, else 0; g_r is its grade, 0 if it
/// is not relevant; R is the number of relevant items, whether they were ranked or not. Every metric
/// lies in 0..=1. It is 0 when nothing is relevant, and 1 when the relevant items come first, by
/// falling grade (recall@k only if R ≤ k, precision@k only if R ≥ k).
///
/// The names used in configurations and result files are [`Display`](fmt::Display)'s, and
/// [`FromStr`] reads them back: `ndcg@5`, `recall@1`, `precision@5`, `hit@5`, `mrr`, `map`.
///
/// ```
/// # use oats_metrics::Metric;
/// let metric: Metric = "ndcg@5".parse()?;
/// assert_eq!(metric.to_string(), "ndcg@5");
/// // The one relevant item is second: (1 / log2 3) / (1 / log2 2).
/// assert_eq!(metric.score(&[3, 8], &[(8, 1)]), 1.0 / 3f64.log2());
/// assert!("ndcg@0".parse::<Metric>().is_err());
/// # Ok::<(), oats_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// Normalised discounted cumulative gain: DCG@k / ideal DCG@k with
    /// DCG@k = Σ_{r ≤ k} g_r / log2(r + 1), where the ideal ranks all relevant items by falling
    /// grade. The gain is the grade itself, not 2^grade − 1. `trec_eval`'s `ndcg_cut.k`.
    Ndcg(NonZeroUsize),
    /// The share of the relevant items that the top k holds: Σ_{r ≤ k} rel_r / R. At most k / R.
    /// `trec_eval`'s `recall.k`.
    Recall(NonZeroUsize),
    /// The share of the top k that is relevant: Σ_{r ≤ k} rel_r / k, also when fewer than k items
    /// are ranked. At most R / k. `trec_eval`'s `P.k`.
    Precision(NonZeroUsize),
    /// 1 if the top k holds a relevant item, else 0. `trec_eval`'s `success.k`.
    Hit(NonZeroUsize),
    /// Reciprocal rank: 1 / the rank of the first relevant item, over the whole ranking; 0 if none
    /// was ranked. Its mean over queries is the MRR. `trec_eval`'s `recip_rank`.
    Mrr,
    /// Average precision: Σ_r rel_r · precision@r / R, over the whole ranking. Its mean over
    /// queries is the MAP. `trec_eval`'s `map`.
    Map,
}

impl Metric {
    /// Scores `ranking`, the ids of distinct items, best first.
    ///
    /// `relevant` holds distinct items with their grades, in any order. A grade of 0 means judged
    /// and not relevant, which counts as not judged at all. Items that are not in `ranking` count as
    /// ranked below everything. The result lies in 0..=1.
    pub fn score(&self, ranking: &[usize], relevant: &[(usize, u32)]) -> f64 {
        let relevant_count = relevant.iter().filter(|(_, grade)| *grade > 0).count();
        if relevant_count == 0 {
            return 0.0;
        }
        let mut grades = ranking.iter().map(|item| grade_of(*item, relevant));
        match self {
            Self::Ndcg(k) => {
                let mut ideal: Vec<u32> = relevant.iter().map(|(_, grade)| *grade).collect();
                ideal.sort_unstable_by(|a, b| b.cmp(a));
                discounted_gain(grades.take(k.get()))
                    / discounted_gain(ideal.into_iter().take(k.get()))
            }
            Self::Recall(k) => hits(grades.take(k.get())) as f64 / relevant_count as f64,
            Self::Precision(k) => hits(grades.take(k.get())) as f64 / k.get() as f64,
            Self::Hit(k) => f64::from(u8::from(hits(grades.take(k.get())) > 0)),
            Self::Mrr => grades
                .position(|grade| grade > 0)
                .map_or(0.0, |above| 1.0 / (above + 1) as f64),
            Self::Map => {
                let hit_ranks = grades.zip(1..).filter(|(grade, _)| *grade > 0);
                let precisions = (1..)
                    .zip(hit_ranks)
                    .map(|(hits, (_, rank))| f64::from(hits) / f64::from(rank));
                total(precisions) / relevant_count as f64
            }
        }
    }
}

/// A linear search: a query has a handful of relevant items.
fn grade_of(item: usize, relevant: &[(usize, u32)]) -> u32 {
    relevant
        .iter()
        .find(|(id, _)| *id == item)
        .map_or(0, |(_, grade)| *grade)
}

fn hits(grades: impl Iterator<Item = u32>) -> usize {
    grades.filter(|grade| *grade > 0).count()
}

fn discounted_gain(grades: impl Iterator<Item = u32>) -> f64 {
    total(
        grades
            .zip(1..)
            .map(|(grade, rank)| f64::from(grade) / f64::from(rank + 1).log2()),
    )
}

/// Not `sum`, which makes -0 of nothing; that sign would show in result files.
fn total(terms: impl Iterator<Item = f64>) -> f64 {
    terms.fold(0.0, |total, term| total + term)
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ndcg(k) => write!(f, "ndcg@{k}"),
            Self::Recall(k) => write!(f, "recall@{k}"),
            Self::Precision(k) => write!(f, "precision@{k}"),
            Self::Hit(k) => write!(f, "hit@{k}"),
            Self::Mrr => f.write_str("mrr"),
            Self::Map => f.write_str("map"),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let metric = match name.split_once('@') {
            None => match name {
                "mrr" => Some(Self::Mrr),
                "map" => Some(Self::Map),
                _ => None,
            },
            Some((family, k)) => k.parse().ok().and_then(|k| match family {
                "ndcg" => Some(Self::Ndcg(k)),
                "recall" => Some(Self::Recall(k)),
                "precision" => Some(Self::Precision(k)),
                "hit" => Some(Self::Hit(k)),
                _ => None,
            }),
        };
        // Names are keys of result rows, so `ndcg@05` must not pass for a second name of `ndcg@5`.
        metric
            .filter(|metric| metric.to_string() == name)
            .ok_or_else(|| Error::UnknownMetric {
                name: name.to_owned(),
            })
    }
}

impl TryFrom<String> for Metric {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.to_string()
    }
}
