//! Times routers: text in, ranked tools out, one request at a time on one thread.

use std::{
    collections::BTreeMap,
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use oats_datasets::{Benchmark, Query, Split};
use oats_embedders::Embedder;
use oats_llm::Prices;
use oats_metrics::{Latencies, LatencySummary};
use oats_routers::{Progress, Request, Router, Training};

use super::{Frontier, POOLS};
use crate::{
    DatasetEntry, Embeddings, Error, Manifest, Observer, Pool, Resources, RunOptions, Skip,
    manifest,
    rows::{LatencyRow, NO_EMBEDDER, Number, Row, write_rows},
    skip::Omissions,
    workers::pool,
};

/// What a run made.
#[derive(Debug)]
pub struct FrontierSummary {
    /// The experiment's folder: `latency.csv`, `manifest.json`.
    pub folder: PathBuf,
    /// The rows of `latency.csv`, sorted by key.
    pub rows: Vec<LatencyRow>,
    /// What they were made from.
    pub manifest: Manifest,
    /// What was left out.
    pub skipped: Vec<Skip>,
}

/// How many tools are asked for, as a gateway would.
const K: usize = 5;

/// Fits every router to the training part of seed 0, times it on test queries, and writes the
/// experiment's folder. Timings differ from run to run.
///
/// Routers take turns, query by query, and each is the first for some, so that all of them meet with
/// the same disturbances; a tenth as many queries go before, untimed. A request includes its embedding, where the router reads one.
///
/// # Errors
/// Bad content, a missing data set that is required, a fit that fails, a price list without a machine,
/// or a folder that cannot be written.
pub fn run_frontier(
    study: &Frontier,
    prices: &Prices,
    resources: &Resources,
    options: &RunOptions,
    observer: &dyn Observer,
) -> Result<FrontierSummary, Error> {
    prices.machine()?;
    let mut omissions = Omissions::told_to(observer);
    let mut rows = Vec::new();
    let mut datasets = BTreeMap::new();
    for dataset in &study.datasets {
        let benchmark = omissions.benchmark(resources, dataset, &options.require)?;
        let Some(benchmark) = benchmark else {
            continue;
        };
        let Some(&kind) = study.embedders.get(&dataset.to_string()) else {
            continue;
        };
        let Some(embedder) = omissions.embedder(resources, kind, dataset)? else {
            continue;
        };
        let started = Instant::now();
        let timing = Timing {
            study,
            benchmark: &benchmark,
            embedder: embedder.as_ref(),
            vectors: resources.embed(embedder.as_ref(), &benchmark, observer)?,
            observer,
        };
        rows.extend(timing.rows()?);
        let entry = DatasetEntry {
            configuration: manifest::by_way_of_text(study),
            code: manifest::describe_code(),
            benchmark: manifest::describe_benchmark(&benchmark),
            splits: BTreeMap::new(),
            embedders: [(
                embedder.name().to_owned(),
                manifest::describe_embedder(embedder.as_ref()),
            )]
            .into(),
            prices: Some(prices.clone()),
            machine: manifest::describe_machine(),
            seconds: started.elapsed().as_secs_f64(),
        };
        datasets.insert(benchmark.name().to_owned(), vec![entry]);
    }
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    let folder = options.out.join(&study.name);
    let manifest = Manifest {
        experiment: study.name.clone(),
        datasets,
    };
    if !rows.is_empty() {
        write_rows(&folder.join("latency.csv"), &rows)?;
        manifest.write(&folder.join("manifest.json"))?;
    }
    Ok(FrontierSummary {
        folder,
        rows,
        manifest,
        skipped: omissions.into_skipped(),
    })
}

/// The routers of one benchmark.
struct Timing<'a> {
    study: &'a Frontier,
    benchmark: &'a Benchmark,
    embedder: &'a dyn Embedder,
    vectors: Embeddings,
    observer: &'a dyn Observer,
}

/// A router that is timed.
struct Timed<'a> {
    label: &'a str,
    reads_embeddings: bool,
    router: Box<dyn Router>,
    /// On each pool.
    latencies: Vec<Latencies>,
}

impl Timing<'_> {
    fn rows(&self) -> Result<Vec<LatencyRow>, Error> {
        let split = Split::new(self.study.split, self.benchmark, 0);
        let pools = self.pools();
        let mut timed = self.fit(&split, pools.len())?;
        let queries = self.queries(&split);
        let what = format!("{}: timing routers", self.benchmark.name());
        self.observer.begin(&what, queries.len());
        let warm_up = queries.len().div_ceil(10);
        pool(1)?.install(|| {
            for query in queries.iter().take(warm_up) {
                self.serve(query, &pools, &mut timed, |_, _| ())?;
            }
            for query in &queries {
                self.serve(query, &pools, &mut timed, Latencies::record)?;
                // Whoever is first finds the query in no cache: everybody is, in turn.
                timed.rotate_left(1);
                self.observer.advance(1);
            }
            Ok::<(), Error>(())
        })?;
        self.observer.end();
        let mut rows = Vec::new();
        for timed in &timed {
            for (&pool, latencies) in pools.iter().zip(&timed.latencies) {
                if let Some(summary) = latencies.summary() {
                    rows.extend(self.rows_of(timed, pool, summary));
                }
            }
        }
        Ok(rows)
    }

    /// Every router, after learning what a gateway would have learned.
    fn fit(&self, split: &Split, pools: usize) -> Result<Vec<Timed<'_>>, Error> {
        let queries = self.benchmark.queries();
        let learned = self.vectors.of_queries(&split.train);
        let what = format!("{}: fitting routers to time them", self.benchmark.name());
        self.observer.begin(&what, self.study.routers.len());
        let mut timed = Vec::new();
        for router in &self.study.routers {
            let training = Training {
                tools: self.benchmark.tools(),
                tool_embeddings: self.vectors.tools.view(),
                queries: split
                    .train
                    .iter()
                    .map(|&query| (&queries[query]).into())
                    .collect(),
                query_embeddings: learned.view(),
                seed: 0,
                llm: None,
                progress: Progress::silent(),
            };
            let fitted = router.spec.fit(&training).map_err(|source| Error::Router {
                cell: format!("{}/{}", self.benchmark.name(), router.label),
                source: Box::new(source),
                checkpoint: None,
            })?;
            timed.push(Timed {
                label: &router.label,
                reads_embeddings: router.spec.reads_embeddings(),
                router: fitted,
                latencies: vec![Latencies::default(); pools],
            });
            self.observer.advance(1);
        }
        self.observer.end();
        Ok(timed)
    }

    fn pools(&self) -> Vec<Pool> {
        let is_there = |pool: &Pool| *pool == Pool::Catalogue || self.benchmark.has_candidates();
        POOLS.into_iter().filter(is_there).collect()
    }

    /// As many test queries as are to be timed, spread evenly over the test part.
    fn queries(&self, split: &Split) -> Vec<&Query> {
        let (there, wanted) = (split.test.len(), self.study.queries);
        let positions = (0..wanted.min(there)).map(|index| index * there / wanted.min(there));
        positions
            .map(|position| &self.benchmark.queries()[split.test[position]])
            .collect()
    }

    /// Has every router in turn answer one query, over one pool after the other: a router that went
    /// twice in a row would find its tools in the processor's cache.
    fn serve(
        &self,
        query: &Query,
        pools: &[Pool],
        timed: &mut [Timed<'_>],
        record: impl Fn(&mut Latencies, Duration),
    ) -> Result<(), Error> {
        for (position, pool) in pools.iter().enumerate() {
            for timed in &mut *timed {
                let started = Instant::now();
                let vector = match timed.reads_embeddings {
                    true => {
                        self.embedder
                            .embed(&[&query.text])?
                            .into_raw_vec_and_offset()
                            .0
                    }
                    false => Vec::new(),
                };
                let request = Request {
                    text: &query.text,
                    embedding: &vector,
                    candidates: pool.candidates(query),
                };
                black_box(timed.router.rank(&request, K));
                record(&mut timed.latencies[position], started.elapsed());
            }
        }
        Ok(())
    }

    fn rows_of(&self, timed: &Timed<'_>, pool: Pool, summary: LatencySummary) -> [LatencyRow; 5] {
        let quantities = [
            ("mean-ms", summary.mean),
            ("p50-ms", summary.p50),
            ("p95-ms", summary.p95),
            ("p99-ms", summary.p99),
            ("max-ms", summary.max),
        ];
        let row = |(quantity, duration): (&str, Duration)| LatencyRow {
            experiment: self.study.name.clone(),
            dataset: self.benchmark.name().to_owned(),
            pool: pool.to_string(),
            embedder: match timed.reads_embeddings {
                true => self.embedder.name().to_owned(),
                false => NO_EMBEDDER.to_owned(),
            },
            router: timed.label.to_owned(),
            quantity: quantity.to_owned(),
            value: Number::new(duration.as_secs_f64() * 1e3),
            n: summary.count as usize,
        };
        quantities.map(row)
    }
}
