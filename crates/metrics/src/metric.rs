//! Ranking metrics, by the definitions of `trec_eval`, and metrics of a selected set.

use std::{fmt, num::NonZeroUsize, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A measure of one ranking, or of one selected set, against the items that are relevant to its
/// query.
///
/// The set metrics (`set-…`, `exact-match`) are for routers that decide how many items a query
/// needs: every item of the slice is selected, and their order does not matter. The others judge a
/// ranking. [`judges_selection`](Self::judges_selection) tells them apart.
///
/// Below, rel_r is 1 if the item at rank r (from 1) is relevant, else 0; g_r is its grade, 0 if it
/// is not relevant; R is the number of relevant items, whether they were ranked or not; S is the number of
/// selected items and H = Σ_r rel_r how many of them are relevant. Every metric lies in 0..=1 and is
/// 0 when nothing is relevant. A ranking metric is 1 when the relevant items come first, by falling
/// grade (recall@k only if R ≤ k, precision@k only if R ≥ k); a set metric is 1 when the selected
/// items are the relevant ones.
///
/// The names used in configurations and result files are [`Display`](fmt::Display)'s, and
/// [`FromStr`] reads them back: `ndcg@5`, `recall@1`, `precision@5`, `hit@5`, `mrr`, `map`,
/// `set-precision`, `set-recall`, `set-f1`, `exact-match`.
///
/// ```
/// # use oats_metrics::Metric;
/// let metric: Metric = "ndcg@5".parse()?;
/// assert_eq!(metric.to_string(), "ndcg@5");
/// // The one relevant item is second: (1 / log2 3) / (1 / log2 2).
/// assert_eq!(metric.score(&[3, 8], &[(8, 1)]), 1.0 / 3f64.log2());
/// // Of two selected items one is relevant: precision 1/2, recall 1.
/// let f1: Metric = "set-f1".parse()?;
/// assert_eq!(f1.score(&[3, 8], &[(8, 1)]), 2.0 / 3.0);
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
    /// The share of the selected items that is relevant: H / S; 0 if none is selected.
    SetPrecision,
    /// The share of the relevant items that is selected: H / R.
    SetRecall,
    /// The harmonic mean of set precision and set recall: 2 H / (S + R), which is 0 where both are.
    /// Its mean over queries is multi-label classification's example-based F1 (scikit-learn's
    /// `f1_score` with `average="samples"`), not the F1 of the mean precision and recall.
    SetF1,
    /// 1 if the selected items are the relevant ones, H = S = R, else 0. Its mean over queries is
    /// multi-label classification's subset accuracy (scikit-learn's `accuracy_score`).
    ExactMatch,
}

impl Metric {
    /// Whether the order of items does not matter, since all of them are selected; such a metric
    /// makes sense of a selection, not of a ranking of the whole catalogue.
    pub fn judges_selection(self) -> bool {
        match self {
            Self::SetPrecision | Self::SetRecall | Self::SetF1 | Self::ExactMatch => true,
            Self::Ndcg(_)
            | Self::Recall(_)
            | Self::Precision(_)
            | Self::Hit(_)
            | Self::Mrr
            | Self::Map => false,
        }
    }

    /// Scores `ranking`, the ids of distinct items: best first for a ranking metric, in any order
    /// for a [set metric](Self::judges_selection).
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
            // An empty selection has no hits; the division must not make a NaN of that.
            Self::SetPrecision => hits(grades) as f64 / ranking.len().max(1) as f64,
            Self::SetRecall => hits(grades) as f64 / relevant_count as f64,
            Self::SetF1 => (2 * hits(grades)) as f64 / (ranking.len() + relevant_count) as f64,
            Self::ExactMatch => f64::from(u8::from(
                ranking.len() == relevant_count && grades.all(|grade| grade > 0),
            )),
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
            Self::SetPrecision => f.write_str("set-precision"),
            Self::SetRecall => f.write_str("set-recall"),
            Self::SetF1 => f.write_str("set-f1"),
            Self::ExactMatch => f.write_str("exact-match"),
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
                "set-precision" => Some(Self::SetPrecision),
                "set-recall" => Some(Self::SetRecall),
                "set-f1" => Some(Self::SetF1),
                "exact-match" => Some(Self::ExactMatch),
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
