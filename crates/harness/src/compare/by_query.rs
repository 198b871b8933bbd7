//! Both sides by what each query scored.

use std::collections::{BTreeMap, HashMap};

use ndarray::Array2;
use oats_datasets::split::normalise;
use oats_metrics::{Stratum, clustered_t};
use rayon::prelude::*;

use super::{Compared, Comparison, Labels, correct, wins_ties_losses};
use crate::{
    Error,
    aggregate::{LEAST_SHARE, SEEN, UNSEEN},
    rows::{ChangedRow, ComparedRow, NO_EMBEDDER, Number, Row},
    scores::{CellScores, QueryScores},
};

/// Of each router, pool and data set, so many queries that gained and so many that lost are told.
const CHANGED: usize = 10;

/// A cell of each side, on one split.
type Pair<'a> = (&'a CellScores, &'a CellScores);

/// Whether both read the same embedder, or one of them none.
pub(super) fn share_embedder(ours: &CellScores, theirs: &CellScores) -> bool {
    ours.embedder == theirs.embedder
        || [&ours.embedder, &theirs.embedder].contains(&&NO_EMBEDDER.to_owned())
}

/// Compares the cells of the same split and pool that belong together.
pub(super) fn compare(
    cells: &[CellScores],
    baseline: &[CellScores],
    belong: impl Fn(&CellScores, &CellScores) -> bool,
) -> Result<Comparison, Error> {
    let mut theirs: HashMap<Place<'_>, Vec<&CellScores>> = HashMap::new();
    for cell in baseline {
        theirs.entry(place(cell)).or_default().push(cell);
    }
    let mut groups: BTreeMap<Labels, Vec<Pair<'_>>> = BTreeMap::new();
    for ours in cells {
        for theirs in theirs.get(&place(ours)).into_iter().flatten() {
            if belong(ours, theirs) {
                groups
                    .entry(labels(ours, theirs))
                    .or_default()
                    .push((ours, theirs));
            }
        }
    }
    let compared: Vec<Comparison> = groups
        .par_iter()
        .map(|(labels, pairs)| compare_group(labels, pairs))
        .collect::<Result<_, _>>()?;
    let mut all = Comparison::default();
    for of_group in compared {
        all.metric = all.metric.or(of_group.metric);
        all.rows.extend(of_group.rows);
        all.changed.extend(of_group.changed);
    }
    all.rows = correct(all.rows);
    all.changed.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(all)
}

/// Where both sides' cells must be.
type Place<'a> = [&'a str; 5];

fn place(cell: &CellScores) -> Place<'_> {
    [
        &cell.dataset,
        &cell.split,
        &cell.outcomes,
        &cell.pool,
        &cell.seed,
    ]
    .map(String::as_str)
}

fn labels(ours: &CellScores, theirs: &CellScores) -> Labels {
    let embedder = match ours.embedder.as_str() {
        NO_EMBEDDER => &theirs.embedder,
        _ => &ours.embedder,
    };
    Labels {
        dataset: ours.dataset.clone(),
        split: ours.split.clone(),
        outcomes: ours.outcomes.clone(),
        pool: ours.pool.clone(),
        embedder: embedder.clone(),
        router: ours.router.clone(),
        baseline: theirs.router.clone(),
    }
}

fn compare_group(labels: &Labels, pairs: &[Pair<'_>]) -> Result<Comparison, Error> {
    let strata: Vec<Paired<'_>> = pairs
        .iter()
        .map(|pair| Paired::new(labels, *pair))
        .collect::<Result<_, _>>()?;
    let Some(metrics) = strata.first().map(|stratum| stratum.metrics.clone()) else {
        return Ok(Comparison::default());
    };
    if let Some(other) = strata.iter().find(|stratum| stratum.metrics != metrics) {
        return Err(labels.error(&format!(
            "one split has the metrics {}, another {}",
            metrics.join(", "),
            other.metrics.join(", ")
        )));
    }
    let mut clusters = Clusters::default();
    let mut rows = Vec::new();
    for subset in subsets(&strata) {
        let members: Vec<Members> = strata
            .iter()
            .map(|stratum| stratum.members(subset, &mut clusters))
            .filter(|members| !members.clusters.is_empty())
            .collect();
        rows.extend(compare_subset(labels, subset, &metrics, &members)?);
    }
    Ok(Comparison {
        metric: metrics.first().cloned(),
        rows,
        changed: changed(labels, &strata),
    })
}

/// The queries of one split that both sides scored, by the metrics that both have.
struct Paired<'a> {
    metrics: Vec<String>,
    /// With the places of the metrics in each side's scores.
    queries: Vec<(&'a QueryScores, &'a QueryScores)>,
    columns: Vec<(usize, usize)>,
}

/// Those of a subset: their clusters, and both sides' scores, queries × metrics.
struct Members {
    clusters: Vec<usize>,
    ours: Array2<f64>,
    theirs: Array2<f64>,
}

impl<'a> Paired<'a> {
    fn new(labels: &Labels, (ours, theirs): Pair<'a>) -> Result<Self, Error> {
        let same = ours.queries.len() == theirs.queries.len()
            && (ours.queries.iter().zip(&theirs.queries))
                .all(|(a, b)| (&a.id, &a.text, &a.subsets) == (&b.id, &b.text, &b.subsets));
        if !same {
            return Err(labels.error(&format!(
                "seed {}: the two sides were not tested with the same queries; were they run on the same \
                 data?",
                ours.seed
            )));
        }
        let place = |metric: &String| {
            let theirs = theirs.metrics.iter().position(|known| known == metric)?;
            Some((metric.clone(), theirs))
        };
        let (mut metrics, mut columns) = (Vec::new(), Vec::new());
        for (column, (metric, other)) in ours
            .metrics
            .iter()
            .enumerate()
            .filter_map(|(column, metric)| Some((column, place(metric)?)))
        {
            metrics.push(metric);
            columns.push((column, other));
        }
        if metrics.is_empty() {
            return Err(labels.error("the two sides have no metric in common"));
        }
        Ok(Self {
            metrics,
            queries: ours.queries.iter().zip(&theirs.queries).collect(),
            columns,
        })
    }

    fn members(&self, subset: &str, clusters: &mut Clusters) -> Members {
        let own: Vec<&(&QueryScores, &QueryScores)> = self
            .queries
            .iter()
            .filter(|(query, _)| query.subsets.iter().any(|name| name == subset))
            .collect();
        let shape = (own.len(), self.columns.len());
        Members {
            clusters: own
                .iter()
                .map(|(query, _)| clusters.of(&query.text))
                .collect(),
            ours: Array2::from_shape_fn(shape, |(row, metric)| {
                own[row].0.scores[self.columns[metric].0]
            }),
            theirs: Array2::from_shape_fn(shape, |(row, metric)| {
                own[row].1.scores[self.columns[metric].1]
            }),
        }
    }
}

/// Queries with the same normalised text are one: their scores are not independent.
#[derive(Default)]
struct Clusters(HashMap<String, usize>);

impl Clusters {
    fn of(&mut self, text: &str) -> usize {
        let next = self.0.len();
        *self.0.entry(normalise(text)).or_insert(next)
    }
}

/// The names, in the order in which they come. Whether a query stands in training counts where either part
/// is at least [`LEAST_SHARE`] of every split, as in the tables.
fn subsets<'a>(strata: &[Paired<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (query, _) in strata.iter().flat_map(|stratum| &stratum.queries) {
        for subset in &query.subsets {
            if !names.contains(&subset.as_str()) {
                names.push(subset);
            }
        }
    }
    let tells = strata.iter().all(|stratum| {
        let is_seen =
            |(query, _): &&(&QueryScores, &QueryScores)| query.subsets.iter().any(|s| s == SEEN);
        let seen = stratum.queries.iter().filter(is_seen).count();
        let share = seen as f64 / stratum.queries.len() as f64;
        (LEAST_SHARE..=1.0 - LEAST_SHARE).contains(&share)
    });
    names.retain(|name| tells || ![SEEN, UNSEEN].contains(name));
    names
}

fn compare_subset(
    labels: &Labels,
    subset: &str,
    metrics: &[String],
    members: &[Members],
) -> Result<Vec<ComparedRow>, Error> {
    let side = |values: fn(&Members) -> &Array2<f64>| -> Vec<Stratum> {
        let stratum = |members: &Members| Stratum {
            clusters: members.clusters.clone(),
            values: values(members).clone(),
        };
        members.iter().map(stratum).collect()
    };
    let tests = match clustered_t(&side(|m| &m.ours), &side(|m| &m.theirs)) {
        // One query, however often it is asked, says nothing of others.
        Err(oats_metrics::Error::TooFew { .. } | oats_metrics::Error::NoStrata) => {
            return Ok(Vec::new());
        }
        tests => tests?,
    };
    let row = |(column, (metric, test)): (usize, (&String, oats_metrics::PairedTest))| {
        let means = members.iter().filter_map(|m| m.ours.column(column).mean());
        let differences = by_cluster(members, column);
        let compared = Compared {
            paired: "query",
            seeds: members.len(),
            value: means.sum::<f64>() / members.len() as f64,
            n: test.n,
            counts: wins_ties_losses(differences.values().map(|&(sum, n)| sum / n as f64)),
            test,
        };
        labels.row(subset, metric, compared)
    };
    Ok(metrics.iter().zip(tests).enumerate().map(row).collect())
}

/// Of each cluster, the sum of its differences and their number.
fn by_cluster(members: &[Members], column: usize) -> BTreeMap<usize, (f64, usize)> {
    let mut sums: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for members in members {
        let differences = &members.ours.column(column) - &members.theirs.column(column);
        for (&cluster, difference) in members.clusters.iter().zip(differences) {
            let (sum, n) = sums.entry(cluster).or_default();
            *sum += difference;
            *n += 1;
        }
    }
    sums
}

/// The queries whose mean by the first metric differs most, by text.
fn changed(labels: &Labels, strata: &[Paired<'_>]) -> Vec<ChangedRow> {
    let mut sums: BTreeMap<&str, (f64, f64, usize)> = BTreeMap::new();
    for stratum in strata {
        let (ours, theirs) = stratum.columns[0];
        for (query, other) in &stratum.queries {
            let (sum, other_sum, n) = sums.entry(&query.text).or_default();
            *sum += query.scores[ours];
            *other_sum += other.scores[theirs];
            *n += 1;
        }
    }
    let mut rows: Vec<ChangedRow> = sums
        .into_iter()
        .map(|(query, (sum, other_sum, n))| ChangedRow {
            dataset: labels.dataset.clone(),
            split: labels.split.clone(),
            outcomes: labels.outcomes.clone(),
            pool: labels.pool.clone(),
            embedder: labels.embedder.clone(),
            router: labels.router.clone(),
            baseline: labels.baseline.clone(),
            metric: strata[0].metrics[0].clone(),
            query: query.to_owned(),
            value: Number::new(sum / n as f64),
            difference: Number::new((sum - other_sum) / n as f64),
            n,
        })
        .collect();
    rows.sort_by(|a, b| {
        (b.difference.get().total_cmp(&a.difference.get())).then_with(|| a.query.cmp(&b.query))
    });
    let gained = rows.iter().filter(|row| row.difference.get() > 0.0);
    let lost = rows.iter().rev().filter(|row| row.difference.get() < 0.0);
    let mut kept: Vec<ChangedRow> = gained
        .take(CHANGED)
        .chain(lost.take(CHANGED))
        .cloned()
        .collect();
    kept.sort_by(|a, b| a.key().cmp(&b.key()));
    kept
}

impl Labels {
    fn error(&self, problem: &str) -> Error {
        Error::Compare {
            what: format!(
                "{}, {} split, {}, {}: {} against {}",
                self.dataset, self.split, self.pool, self.embedder, self.router, self.baseline
            ),
            problem: problem.to_owned(),
        }
    }
}
