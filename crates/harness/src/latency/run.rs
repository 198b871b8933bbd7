//! Times routers: one request at a time, then many callers.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use oats_datasets::{Benchmark, Dataset, Query, Split};
use oats_metrics::{Latencies, LatencySummary, Stage, Stopwatch};

use super::{
    BYTES_PER_TOOL, Latency, Load, POOLS, PeakMemory, ROUTER, WHOLE,
    load::throughput,
    served::{Served, Side, Threads, fit, sides},
};
use crate::{
    DatasetEntry, Error, Observer, Pool, Resources, RunOptions, Written, manifest,
    rows::{LatencyRow, NONE, Number, milliseconds},
    skip::Omissions,
    turns::{Rounds, turns},
    workers::pool,
};

/// Fits every router to the training part of seed 0, times it on test queries, and writes the
/// experiment's folder. Timings differ from run to run.
///
/// Routers take turns of twenty queries, in an order that changes, so that all of them meet with the same
/// disturbances; a tenth as many queries go before, untimed. A request includes its
/// embedding, where the router reads one.
///
/// # Errors
/// Bad content, a missing data set that is required, a fit that fails, or a folder that cannot be
/// written.
pub fn run_latency(
    study: &Latency,
    resources: &Resources,
    memory: &dyn PeakMemory,
    options: &RunOptions,
    observer: &dyn Observer,
) -> Result<Written<LatencyRow>, Error> {
    study.check_lists().map_err(|problem| Error::Experiment {
        file: study.name.clone(),
        problem,
    })?;
    let mut omissions = Omissions::told_to(observer);
    let mut rows = Vec::new();
    let mut datasets = BTreeMap::new();
    for dataset in &study.datasets {
        let benchmark = omissions.benchmark(resources, dataset, &options.require)?;
        let Some(benchmark) = benchmark else {
            continue;
        };
        let started = Instant::now();
        let sides = sides(study, benchmark.name(), resources, &mut omissions)?;
        let split = Split::new(study.split, &benchmark, 0);
        let measuring = Measuring {
            study,
            dataset,
            benchmark: &benchmark,
            queries: split
                .some_of_test(study.queries)
                .into_iter()
                .map(|query| &benchmark.queries()[query])
                .collect(),
            served: fit(study, &benchmark, &split, &sides, resources, observer)?,
            observer,
        };
        rows.extend(measuring.rows(&sides, memory)?);
        let embedders = sides.iter().map(|side| {
            let described = manifest::describe_embedder(side.embedder.as_ref());
            (side.kind.to_string(), described)
        });
        let entry = DatasetEntry {
            configuration: manifest::by_way_of_text(study),
            code: manifest::describe_code(),
            benchmark: manifest::describe_benchmark(&benchmark),
            splits: BTreeMap::new(),
            embedders: embedders.collect(),
            prices: None,
            machine: manifest::describe_machine(),
            seconds: started.elapsed().as_secs_f64(),
        };
        datasets.insert(benchmark.name().to_owned(), vec![entry]);
    }
    let skipped = omissions.into_skipped();
    Written::to(&options.out, &study.name, rows, datasets, skipped)
}

/// The routers of one benchmark.
struct Measuring<'a> {
    study: &'a Latency,
    dataset: &'a Dataset,
    benchmark: &'a Benchmark,
    queries: Vec<&'a Query>,
    served: Vec<Served<'a>>,
    observer: &'a dyn Observer,
}

/// A router over one pool, and the requests that it answered.
struct Timed<'a> {
    served: &'a Served<'a>,
    pool: Pool,
    watches: Vec<Stopwatch>,
}

/// What rows of one kind have in common.
#[derive(Clone, Copy)]
struct Labels<'a> {
    pool: &'a str,
    threads: &'a str,
    callers: &'a str,
}

/// Of what has nothing to do with requests.
const NO_REQUESTS: Labels<'_> = Labels {
    pool: NONE,
    threads: NONE,
    callers: NONE,
};

impl Measuring<'_> {
    fn rows(&self, sides: &[Side], memory: &dyn PeakMemory) -> Result<Vec<LatencyRow>, Error> {
        let mut rows = Vec::new();
        for side in sides {
            rows.extend(self.sizes_of_embedder(side));
        }
        for served in &self.served {
            rows.extend(self.sizes_of_router(served));
        }
        rows.extend(self.one_at_a_time(Threads::One)?);
        if Threads::All.count() > 1 {
            rows.extend(self.one_at_a_time(Threads::All)?);
        }
        if let Some(load) = &self.study.load {
            rows.extend(self.under_load(load)?);
            rows.extend(self.memory(load, memory));
        }
        Ok(rows)
    }

    fn one_at_a_time(&self, threads: Threads) -> Result<Vec<LatencyRow>, Error> {
        let mut timed: Vec<Timed<'_>> = Vec::new();
        for served in &self.served {
            timed.extend(self.pools().map(|pool| Timed {
                served,
                pool,
                watches: Vec::new(),
            }));
        }
        let (benchmark, label) = (self.benchmark.name(), threads.label());
        let what = format!("{benchmark}: timing, threads: {label}");
        let count = self.queries.len();
        let warm_up = count.div_ceil(10);
        self.observer.begin(&what, timed.len() * (warm_up + count));
        pool(threads.count())?.install(|| {
            self.serve(warm_up, threads, &mut timed)?;
            for timed in &mut timed {
                timed.watches.clear();
            }
            self.serve(count, threads, &mut timed)
        })?;
        self.observer.end();
        let mut rows = Vec::new();
        for timed in &timed {
            let labels = Labels {
                pool: &timed.pool.to_string(),
                threads: label,
                callers: "1",
            };
            rows.extend(self.times(timed.served, labels, &timed.watches));
        }
        Ok(rows)
    }

    /// Has all of them answer the first `count` queries.
    fn serve(&self, count: usize, threads: Threads, timed: &mut [Timed<'_>]) -> Result<(), Error> {
        for (position, turn) in turns(timed.len(), Rounds::requests(count)) {
            let timed = &mut timed[position];
            for query in &self.queries[turn.clone()] {
                let mut watch = Stopwatch::started();
                let answer = timed.served.answer(query, timed.pool, threads, &mut watch);
                black_box(answer?);
                timed.watches.push(watch);
            }
            self.observer.advance(turn.len());
        }
        Ok(())
    }

    fn pools(&self) -> impl Iterator<Item = Pool> {
        let is_there = |pool: &Pool| *pool == Pool::Catalogue || self.benchmark.has_candidates();
        POOLS.into_iter().filter(is_there)
    }

    /// The whole request in full, its parts in short.
    fn times(
        &self,
        served: &Served<'_>,
        labels: Labels<'_>,
        watches: &[Stopwatch],
    ) -> Vec<LatencyRow> {
        let mut rows = Vec::new();
        let mut add = |stage: &str, quantities: &[(&str, f64)], count: u64| {
            for (quantity, value) in quantities {
                rows.push(LatencyRow {
                    stage: stage.to_owned(),
                    n: count as usize,
                    ..self.row(served, labels, quantity, *value)
                });
            }
        };
        if let Some(whole) = summary(watches, |watch| Some(watch.total())) {
            add(WHOLE, &milliseconds(whole), whole.count);
        }
        let mut add_part = |stage: &str, of: &dyn Fn(&Stopwatch) -> Option<Duration>| {
            if let Some(part) = summary(watches, of) {
                let [_, p50, p95, ..] = milliseconds(part);
                add(stage, &[p50, p95], part.count);
            }
        };
        add_part(ROUTER, &|watch| {
            let parts = [Stage::Adapt, Stage::Score, Stage::Rerank];
            Some(parts.into_iter().filter_map(|stage| watch.of(stage)).sum())
        });
        for stage in Stage::ALL {
            add_part(&stage.to_string(), &|watch| watch.of(stage));
        }
        rows
    }

    fn under_load(&self, load: &Load) -> Result<Vec<LatencyRow>, Error> {
        let served: Vec<&Served<'_>> = self.loaded(load).collect();
        let what = format!("{}: concurrent callers", self.benchmark.name());
        self.observer
            .begin(&what, served.len() * load.callers.len());
        let length = Duration::from_secs_f64(load.seconds);
        let mut rows = Vec::new();
        for served in served {
            for &callers in &load.callers {
                let (rate, count) = throughput(served, &self.queries, callers, length)?;
                let labels = Labels {
                    pool: &Pool::Catalogue.to_string(),
                    threads: "1",
                    callers: &callers.to_string(),
                };
                rows.push(LatencyRow {
                    n: count,
                    ..self.row(served, labels, "requests-per-second", rate)
                });
                self.observer.advance(1);
            }
        }
        self.observer.end();
        Ok(rows)
    }

    fn memory(&self, load: &Load, memory: &dyn PeakMemory) -> Vec<LatencyRow> {
        let texts: Vec<&str> = self.queries.iter().map(|q| q.text.as_str()).collect();
        let served: Vec<&Served<'_>> = self.loaded(load).collect();
        let what = format!("{}: memory", self.benchmark.name());
        self.observer.begin(&what, served.len());
        let mut rows = Vec::new();
        for served in served {
            let kind = served.embedder.as_ref().map(|side| side.kind);
            match memory.peak(self.dataset, kind, &served.entry.spec, &texts) {
                Ok(bytes) => rows.push(LatencyRow {
                    n: texts.len(),
                    ..self.row(served, NO_REQUESTS, "peak-mib", mib(bytes as f64))
                }),
                Err(reason) => {
                    let router = &served.entry.label;
                    self.observer
                        .note(&format!("no peak memory of {router}: {reason}"));
                }
            }
            self.observer.advance(1);
        }
        self.observer.end();
        rows
    }

    fn loaded<'s>(&'s self, load: &'s Load) -> impl Iterator<Item = &'s Served<'s>> {
        self.served
            .iter()
            .filter(|served| load.routers.contains(&served.entry.label))
    }

    fn sizes_of_embedder(&self, side: &Side) -> [LatencyRow; 2] {
        [
            ("parameters", side.embedder.parameters() as f64),
            ("file-mib", mib(side.embedder.bytes() as f64)),
        ]
        .map(|(quantity, value)| LatencyRow {
            embedder: side.kind.to_string(),
            ..self.blank(NO_REQUESTS, quantity, value)
        })
    }

    fn sizes_of_router(&self, served: &Served<'_>) -> Vec<LatencyRow> {
        let state = served.router.state();
        let tools = self.benchmark.tools().len();
        let mut sizes = vec![
            ("parameters", state.parameters() as f64),
            (BYTES_PER_TOOL, state.bytes() as f64 / tools as f64),
            ("fit-ms", served.fit.as_secs_f64() * 1e3),
        ];
        if let Ok(file) = state.to_bytes(&served.entry.spec) {
            sizes.push(("file-mib", mib(file.len() as f64)));
        }
        sizes
            .into_iter()
            .map(|(quantity, value)| self.row(served, NO_REQUESTS, quantity, value))
            .collect()
    }

    fn row(
        &self,
        served: &Served<'_>,
        labels: Labels<'_>,
        quantity: &str,
        value: f64,
    ) -> LatencyRow {
        LatencyRow {
            embedder: served.embedder_label(),
            router: served.entry.label.clone(),
            ..self.blank(labels, quantity, value)
        }
    }

    fn blank(&self, labels: Labels<'_>, quantity: &str, value: f64) -> LatencyRow {
        LatencyRow {
            experiment: self.study.name.clone(),
            dataset: self.benchmark.name().to_owned(),
            pool: labels.pool.to_owned(),
            embedder: NONE.to_owned(),
            router: NONE.to_owned(),
            threads: labels.threads.to_owned(),
            callers: labels.callers.to_owned(),
            stage: NONE.to_owned(),
            quantity: quantity.to_owned(),
            value: Number::new(value),
            n: 1,
        }
    }
}

/// Of the requests that had the part.
fn summary(
    watches: &[Stopwatch],
    part: impl Fn(&Stopwatch) -> Option<Duration>,
) -> Option<LatencySummary> {
    let mut latencies = Latencies::default();
    for duration in watches.iter().filter_map(part) {
        latencies.record(duration);
    }
    latencies.summary()
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
