//! Cells to rows: means and intervals by seed and over seeds, and paired tests.

use std::{collections::HashMap, slice};

use ndarray::Axis;
use oats_datasets::{Benchmark, Split, SplitKind, split::normalise};
use oats_metrics::{Bootstrap, Stratum};
use rayon::prelude::*;

use crate::{
    Error, Experiment, Pool,
    cell::Scores,
    rows::{MetricRow, NO_EMBEDDER, Number, TestRow},
};

/// All cells of one benchmark under one kind of split.
pub(crate) struct Block<'a> {
    pub experiment: &'a Experiment,
    pub benchmark: &'a Benchmark,
    pub split: SplitKind,
    pub pools: &'a [Pool],
    pub seeds: &'a [u64],
    /// One for each seed.
    pub splits: &'a [Split],
    /// Every router by every embedder it was run with, in the experiment's order.
    pub series: Vec<Series>,
}

/// One router's cells, one for each seed.
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

impl Block<'_> {
    /// The rows of `metrics.csv` and of `tests.csv`.
    pub(crate) fn rows(&self) -> Result<(Vec<MetricRow>, Vec<TestRow>), Error> {
        let clusters = clusters(self.benchmark);
        let groups: Vec<Group<'_>> = self
            .pools
            .iter()
            .enumerate()
            .flat_map(|(position, &pool)| {
                self.subsets().map(move |subset| (position, pool, subset))
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

    fn subsets(&self) -> impl Iterator<Item = usize> {
        let reported = self.experiment.subsets.as_deref();
        let names = self.benchmark.subsets();
        (0..names.len())
            .filter(move |&subset| reported.is_none_or(|list| list.contains(&names[subset])))
    }

    fn group(&self, clusters: &[usize], position: usize, pool: Pool, subset: usize) -> Group<'_> {
        let queries = self.benchmark.queries();
        // A seed whose test part has none of the subset's queries is left out.
        let members: Vec<(usize, Vec<usize>)> = self
            .splits
            .iter()
            .map(|split| {
                (0..split.test.len())
                    .filter(|&row| queries[split.test[row]].subsets.contains(&subset))
                    .collect()
            })
            .enumerate()
            .filter(|(_, rows): &(usize, Vec<usize>)| !rows.is_empty())
            .collect();
        let strata = |series: &Series| {
            members
                .iter()
                .map(|(seed, rows)| Stratum {
                    clusters: rows
                        .iter()
                        .map(|&row| clusters[self.splits[*seed].test[row]])
                        .collect(),
                    values: series.scores[*seed]
                        .index_axis(Axis(0), position)
                        .select(Axis(0), rows),
                })
                .collect()
        };
        Group {
            block: self,
            pool,
            subset: &self.benchmark.subsets()[subset],
            seeds: members.iter().map(|&(seed, _)| self.seeds[seed]).collect(),
            series: self
                .series
                .iter()
                .map(|series| (series, strata(series)))
                .collect(),
        }
    }
}

/// What one subset's queries scored in one pool: per series a stratum for each seed.
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
            for (seed, stratum) in self.seeds.iter().zip(strata) {
                push(seed.to_string(), slice::from_ref(stratum))?;
            }
            push(self.mean_label(), strata)?;
        }
        Ok(rows)
    }

    /// Every series against every baseline with the same embedder, a pair of baselines once. Where
    /// one of the two reads no embeddings, against the other with each embedder.
    fn test_rows(&self) -> Result<Vec<TestRow>, Error> {
        let experiment = self.block.experiment;
        let rank_of = |router: &String| experiment.baselines.iter().position(|b| b == router);
        let mut rows = Vec::new();
        for (baseline, baseline_strata) in &self.series {
            let Some(rank) = rank_of(&baseline.router) else {
                continue;
            };
            for (series, strata) in &self.series {
                if rank_of(&series.router).is_some_and(|other| other <= rank) {
                    continue;
                }
                let embedder = match (series.embedder.as_str(), baseline.embedder.as_str()) {
                    (one, other) if one == other => one,
                    (NO_EMBEDDER, one) | (one, NO_EMBEDDER) => one,
                    _ => continue,
                };
                let tests = BOOTSTRAP.paired(strata, baseline_strata)?;
                for (metric, test) in experiment.metrics.iter().zip(tests) {
                    rows.push(TestRow {
                        experiment: experiment.name.clone(),
                        dataset: self.block.benchmark.name().to_owned(),
                        split: self.block.split.to_string(),
                        pool: self.pool.to_string(),
                        subset: self.subset.to_owned(),
                        embedder: embedder.to_owned(),
                        router: series.router.clone(),
                        baseline: baseline.router.clone(),
                        seed: self.mean_label(),
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

    fn mean_label(&self) -> String {
        format!("mean-of-{}", self.seeds.len())
    }
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
