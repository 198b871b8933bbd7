//! Cells to rows: means and intervals by seed and over seeds, and paired tests.

use std::{collections::HashMap, slice};

use ndarray::Axis;
use oats_datasets::{Benchmark, Split, SplitKind, split::normalise};
use oats_metrics::{Bootstrap, Stratum};
use rayon::prelude::*;

use crate::{
    Error, Experiment, Outcomes, Pool,
    cell::Scores,
    rows::{MetricRow, NO_EMBEDDER, Number, TestRow},
};

/// All cells of one benchmark under one kind of split and of outcomes.
pub(crate) struct Block<'a> {
    pub experiment: &'a Experiment,
    pub benchmark: &'a Benchmark,
    pub split: SplitKind,
    pub outcomes: Outcomes,
    pub pools: &'a [Pool],
    pub seeds: &'a [u64],
    /// One for each seed.
    pub splits: &'a [Split],
    /// Every router by every embedder it was run with, in the experiment's order.
    pub series: Vec<Series>,
}

/// One router's cells, one for each seed or for the first of them.
pub(crate) struct Series {
    pub router: String,
    /// `none` for routers that read no embeddings.
    pub embedder: String,
    pub scores: Vec<Scores>,
}

/// Behind every interval and test.
pub(crate) const BOOTSTRAP: Bootstrap = Bootstrap {
    replicates: 1000,
    confidence: 0.95,
    seed: 0,
};

/// The subset that every query is in.
pub(crate) const ALL: &str = "all";

/// The test queries whose text also stands in training, and the others. Reported where either part
/// is at least [`LEAST_SHARE`] of the test in every split.
pub(crate) const SEEN: &str = "seen-in-training";
pub(crate) const UNSEEN: &str = "not-in-training";
pub(crate) const LEAST_SHARE: f64 = 0.05;

impl Block<'_> {
    /// The rows of `metrics.csv` and of `tests.csv`.
    pub(crate) fn rows(&self) -> Result<(Vec<MetricRow>, Vec<TestRow>), Error> {
        let clusters = clusters(self.benchmark);
        let subsets = self.subsets();
        let groups: Vec<Group<'_>> = self
            .pools
            .iter()
            .enumerate()
            .flat_map(|(position, &pool)| {
                subsets.iter().map(move |subset| (position, pool, subset))
            })
            .map(|(position, pool, subset)| self.group(&clusters, position, pool, subset))
            .filter(|group| !group.seeds.is_empty())
            .collect();
        let rows: Vec<_> = groups
            .into_par_iter()
            .map(|group| Ok((group.metric_rows()?, group.test_rows()?)))
            .collect::<Result<_, Error>>()?;
        let (metrics, tests): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Ok((metrics.concat(), tests.concat()))
    }

    /// The benchmark's subsets, and where they tell something, the test queries that stand in
    /// training and those that do not: what of a gain is memory?
    fn subsets(&self) -> Vec<Subset<'_>> {
        let queries = self.benchmark.queries();
        let names = self.benchmark.subsets().iter().enumerate();
        let mut subsets: Vec<Subset<'_>> = names
            .map(|(subset, name)| Subset {
                name,
                rows: self.rows_where(|_, _, query| queries[query].subsets.contains(&subset)),
            })
            .collect();
        let seen: Vec<Vec<bool>> = self
            .splits
            .iter()
            .map(|split| split.seen_in_training(self.benchmark))
            .collect();
        let tells = |seen: &Vec<bool>| {
            let share = seen.iter().filter(|&&seen| seen).count() as f64 / seen.len() as f64;
            (LEAST_SHARE..=1.0 - LEAST_SHARE).contains(&share)
        };
        if seen.iter().all(tells) {
            subsets.push(Subset {
                name: SEEN,
                rows: self.rows_where(|split, row, _| seen[split][row]),
            });
            subsets.push(Subset {
                name: UNSEEN,
                rows: self.rows_where(|split, row, _| !seen[split][row]),
            });
        }
        if let Some(reported) = &self.experiment.subsets {
            subsets.retain(|subset| reported.iter().any(|name| name == subset.name));
        }
        subsets
    }

    /// Per split, the rows of its test part for which `belongs(split, row, query)`.
    fn rows_where(&self, belongs: impl Fn(usize, usize, usize) -> bool) -> Vec<Vec<usize>> {
        let rows = |(index, split): (usize, &Split)| {
            let rows = split.test.iter().enumerate();
            rows.filter(|&(row, &query)| belongs(index, row, query))
                .map(|(row, _)| row)
                .collect()
        };
        self.splits.iter().enumerate().map(rows).collect()
    }

    fn group<'a>(
        &'a self,
        clusters: &[usize],
        position: usize,
        pool: Pool,
        subset: &Subset<'a>,
    ) -> Group<'a> {
        // A seed whose test part has none of the subset's queries is left out.
        let members: Vec<(usize, &Vec<usize>)> = subset
            .rows
            .iter()
            .enumerate()
            .filter(|(_, rows)| !rows.is_empty())
            .collect();
        let strata = |series: &Series| {
            members
                .iter()
                .filter_map(|(seed, rows)| {
                    let scores = series.scores.get(*seed)?;
                    Some(Stratum {
                        clusters: rows
                            .iter()
                            .map(|&row| clusters[self.splits[*seed].test[row]])
                            .collect(),
                        values: scores.index_axis(Axis(0), position).select(Axis(0), rows),
                    })
                })
                .collect()
        };
        Group {
            block: self,
            pool,
            subset: subset.name,
            seeds: members.iter().map(|&(seed, _)| self.seeds[seed]).collect(),
            series: self
                .series
                .iter()
                .map(|series| (series, strata(series)))
                .filter(|(_, strata): &(_, Vec<Stratum>)| !strata.is_empty())
                .collect(),
        }
    }
}

/// A named part of the test queries: for each split, rows of its test part.
struct Subset<'a> {
    name: &'a str,
    rows: Vec<Vec<usize>>,
}

/// What one subset's queries scored in one pool: per series a stratum for each of `seeds`, or for the
/// first of them.
struct Group<'a> {
    block: &'a Block<'a>,
    pool: Pool,
    subset: &'a str,
    seeds: Vec<u64>,
    series: Vec<(&'a Series, Vec<Stratum>)>,
}

impl Group<'_> {
    fn metric_rows(&self) -> Result<Vec<MetricRow>, Error> {
        let mut rows = Vec::new();
        for (series, strata) in &self.series {
            let mut push = |seed: String, strata: &[Stratum]| -> Result<(), Error> {
                let estimates = BOOTSTRAP.intervals(strata)?;
                for (metric, estimate) in self.block.experiment.metrics.iter().zip(estimates) {
                    rows.push(MetricRow {
                        experiment: self.block.experiment.name.clone(),
                        dataset: self.block.benchmark.name().to_owned(),
                        split: self.block.split.to_string(),
                        outcomes: self.block.outcomes.to_string(),
                        pool: self.pool.to_string(),
                        subset: self.subset.to_owned(),
                        embedder: series.embedder.clone(),
                        router: series.router.clone(),
                        seed: seed.clone(),
                        metric: metric.to_string(),
                        value: Number::new(estimate.value),
                        ci_low: Number::new(estimate.low),
                        ci_high: Number::new(estimate.high),
                        n: estimate.n,
                    });
                }
                Ok(())
            };
            // Of other subsets nobody asks for a single seed, and there are many of them.
            if self.subset == ALL {
                for (seed, stratum) in self.seeds.iter().zip(strata) {
                    push(seed.to_string(), slice::from_ref(stratum))?;
                }
            }
            push(mean_label(strata), strata)?;
        }
        Ok(rows)
    }

    /// Every series against every baseline with the same embedder, a pair of baselines once. Where
    /// one of the two reads no embeddings, against the other with each embedder.
    fn test_rows(&self) -> Result<Vec<TestRow>, Error> {
        let experiment = self.block.experiment;
        let mut rows = Vec::new();
        for (baseline, baseline_strata) in &self.series {
            for (series, strata) in &self.series {
                if !experiment.tests(&series.router, &baseline.router) {
                    continue;
                }
                let embedder = match (series.embedder.as_str(), baseline.embedder.as_str()) {
                    (one, other) if one == other => one,
                    (NO_EMBEDDER, one) | (one, NO_EMBEDDER) => one,
                    _ => continue,
                };
                let common = strata.len().min(baseline_strata.len());
                let (strata, baseline_strata) = (&strata[..common], &baseline_strata[..common]);
                let tests = BOOTSTRAP.paired(strata, baseline_strata)?;
                for (metric, test) in experiment.metrics.iter().zip(tests) {
                    rows.push(TestRow {
                        experiment: experiment.name.clone(),
                        dataset: self.block.benchmark.name().to_owned(),
                        split: self.block.split.to_string(),
                        outcomes: self.block.outcomes.to_string(),
                        pool: self.pool.to_string(),
                        subset: self.subset.to_owned(),
                        embedder: embedder.to_owned(),
                        router: series.router.clone(),
                        baseline: baseline.router.clone(),
                        seed: mean_label(strata),
                        metric: metric.to_string(),
                        difference: Number::new(test.difference),
                        ci_low: Number::new(test.low),
                        ci_high: Number::new(test.high),
                        p_value: Number::new(test.p_value),
                        n: test.n,
                    });
                }
            }
        }
        Ok(rows)
    }
}

fn mean_label(strata: &[Stratum]) -> String {
    format!("mean-of-{}", strata.len())
}

/// Queries with the same normalised text are one cluster: their scores are not independent.
fn clusters(benchmark: &Benchmark) -> Vec<usize> {
    let mut known = HashMap::new();
    benchmark
        .queries()
        .iter()
        .map(|query| {
            let next = known.len();
            *known.entry(normalise(&query.text)).or_insert(next)
        })
        .collect()
}
