//! One benchmark: embeddings → splits → cells → rows.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use oats_datasets::{Benchmark, Split, SplitKind};
use oats_embedders::Embedder;

use crate::{
    Error, Experiment, Grid, Observer, Pool, Resources, RouterEntry,
    aggregate::{Block, Series},
    cell::Cell,
    journal::{self, Journal},
    manifest::{self, DatasetEntry},
    resources::Embeddings,
    rows::{MetricRow, NO_EMBEDDER, TestRow},
};

/// What is evaluated, and how.
pub(crate) struct Evaluation<'a> {
    pub experiment: &'a Experiment,
    pub resources: &'a Resources,
    pub observer: &'a dyn Observer,
    pub journal: &'a Journal,
    /// Where rankings are written, if they are.
    pub trec: Option<&'a Path>,
    pub grid: &'a Grid,
    pub benchmark: &'a Benchmark,
    pub pools: &'a [Pool],
    pub embedders: &'a [Arc<dyn Embedder>],
}

/// What one benchmark adds to the result files.
pub(crate) struct Evaluated {
    pub metrics: Vec<MetricRow>,
    pub tests: Vec<TestRow>,
    pub entry: DatasetEntry,
}

/// What all cells of the benchmark read.
struct Inputs<'a> {
    /// Checksum of tools and queries.
    benchmark: String,
    embedded: Vec<Embedded<'a>>,
}

/// The benchmark's vectors by one embedder.
struct Embedded<'a> {
    embedder: &'a dyn Embedder,
    vectors: Embeddings,
}

impl Evaluation<'_> {
    pub(crate) fn run(&self) -> Result<Evaluated, Error> {
        let started = Instant::now();
        let described = manifest::describe_benchmark(self.benchmark);
        self.observer.note(&format!(
            "{}: {} tools, {} queries, {} of them distinct",
            self.benchmark.name(),
            described["tools"],
            described["queries"],
            described["distinct_queries"]
        ));
        for note in &self.benchmark.provenance().notes {
            self.observer
                .note(&format!("{}: {note}", self.benchmark.name()));
        }
        let inputs = self.inputs()?;
        let (mut metrics, mut tests) = (Vec::new(), Vec::new());
        let mut splits_described = BTreeMap::new();
        for &kind in &self.grid.splits {
            let splits: Vec<Split> = self
                .grid
                .seeds
                .iter()
                .map(|&seed| Split::new(kind, self.benchmark, seed))
                .collect();
            splits_described.insert(kind.to_string(), self.describe_splits(kind, &splits));
            let block = Block {
                experiment: self.experiment,
                benchmark: self.benchmark,
                split: kind,
                pools: self.pools,
                seeds: &self.grid.seeds,
                splits: &splits,
                series: self.series(&inputs, kind, &splits)?,
            };
            let rows = block.rows()?;
            metrics.extend(rows.0);
            tests.extend(rows.1);
        }
        let entry = DatasetEntry {
            configuration: manifest::describe_experiment(self.experiment, self.grid),
            code: manifest::describe_code(),
            benchmark: described,
            splits: splits_described,
            embedders: self
                .embedders
                .iter()
                .map(|embedder| {
                    let described = manifest::describe_embedder(embedder.as_ref());
                    (embedder.name().to_owned(), described)
                })
                .collect(),
            machine: manifest::describe_machine(),
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok(Evaluated {
            metrics,
            tests,
            entry,
        })
    }

    fn inputs(&self) -> Result<Inputs<'_>, Error> {
        let content = serde_json::to_string(&(self.benchmark.tools(), self.benchmark.queries()));
        let embedded = self.embedders.iter().map(|embedder| {
            let embedder = embedder.as_ref();
            self.observer.note(&format!(
                "{}: embedder {}: {}",
                self.benchmark.name(),
                embedder.name(),
                embedder.backend()
            ));
            let vectors = self
                .resources
                .embed(embedder, self.benchmark, self.observer)?;
            Ok(Embedded { embedder, vectors })
        });
        Ok(Inputs {
            benchmark: journal::checksum(content.unwrap_or_default().as_bytes()),
            embedded: embedded.collect::<Result<_, Error>>()?,
        })
    }

    fn describe_splits(&self, kind: SplitKind, splits: &[Split]) -> Vec<serde_json::Value> {
        let name = self.benchmark.name();
        let mut shares = 0.0;
        let descriptions = self
            .grid
            .seeds
            .iter()
            .zip(splits)
            .map(|(&seed, split)| {
                let leakage = split.leakage(self.benchmark);
                shares += leakage.share;
                if split.test.is_empty() {
                    self.observer.note(&format!(
                        "{name}: {kind} split, seed {seed}: no query is left to test with"
                    ));
                }
                manifest::describe_split(split, seed, &leakage)
            })
            .collect();
        self.observer.note(&format!(
            "{name}: {kind} split: {:.1} % of test queries also stand in training",
            100.0 * shares / splits.len() as f64
        ));
        descriptions
    }

    /// Every router by every embedder, each with one cell a seed.
    fn series(
        &self,
        inputs: &Inputs<'_>,
        kind: SplitKind,
        splits: &[Split],
    ) -> Result<Vec<Series>, Error> {
        let runs: Vec<(&RouterEntry, Option<&Embedded<'_>>)> = self
            .experiment
            .routers
            .iter()
            .flat_map(|router| -> Vec<_> {
                if router.spec.reads_embeddings() {
                    let embedded = inputs.embedded.iter();
                    embedded.map(|embedded| (router, Some(embedded))).collect()
                } else {
                    vec![(router, None)]
                }
            })
            .collect();
        let what = format!("{}: {kind} split", self.benchmark.name());
        let cells = runs.len() * splits.len();
        self.observer.begin(&what, cells);
        let mut finished = Vec::new();
        let mut taken_over = 0;
        for (router, embedded) in runs {
            let embedder = embedded.map_or(NO_EMBEDDER, |e| e.embedder.name());
            let mut scores = Vec::new();
            for (&seed, split) in self.grid.seeds.iter().zip(splits) {
                let cell = Cell {
                    labels: format!(
                        "{}/{kind}/{}-{embedder}-{seed}",
                        self.benchmark.name(),
                        router.label
                    ),
                    benchmark: self.benchmark,
                    split,
                    seed,
                    router,
                    embeddings: embedded.map(|e| &e.vectors),
                    pools: self.pools,
                    metrics: &self.experiment.metrics,
                };
                let settings = serde_json::json!([
                    cell.labels,
                    inputs.benchmark,
                    embedded.map(|e| e.embedder.fingerprint()),
                    router.spec,
                    self.pools,
                    self.experiment.metrics,
                ]);
                let key = self.journal.key(&settings.to_string());
                scores.push(match self.journal.load(&key, cell.shape()) {
                    // Rankings are not in the journal.
                    Some(scores) if self.trec.is_none() => {
                        taken_over += 1;
                        scores
                    }
                    _ => {
                        let scores = cell.compute(self.trec)?;
                        self.journal.store(&key, &scores)?;
                        scores
                    }
                });
                self.observer.advance(1);
            }
            finished.push(Series {
                router: router.label.clone(),
                embedder: embedder.to_owned(),
                scores,
            });
        }
        self.observer.end();
        if taken_over > 0 {
            self.observer.note(&format!(
                "{what}: {taken_over} of {cells} cells were finished by an earlier run"
            ));
        }
        Ok(finished)
    }
}
