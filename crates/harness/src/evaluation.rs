//! One benchmark: embeddings → splits and outcomes → cells → rows.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use oats_datasets::{Benchmark, Split, SplitKind};
use oats_embedders::Embedder;

use crate::{
    EmbedderKind, Embeddings, Error, Experiment, Grid, Observer, Pool, Resources, Sharing, Skip,
    aggregate::Block,
    journal::{self, Journal},
    keepsakes::Keepsakes,
    manifest::{self, DatasetEntry},
    rows::{MetricRow, TestRow},
};

/// What is evaluated, and how.
pub(crate) struct Evaluation<'a> {
    pub experiment: &'a Experiment,
    pub resources: &'a Resources,
    pub observer: &'a dyn Observer,
    pub journal: &'a Journal,
    pub sharing: Option<&'a Sharing>,
    pub keepsakes: &'a Keepsakes,
    pub grid: &'a Grid,
    pub benchmark: &'a Benchmark,
    pub pools: &'a [Pool],
    pub embedders: &'a [(EmbedderKind, Arc<dyn Embedder>)],
    /// Labels of routers that cannot be had.
    pub without: &'a [String],
}

/// What one benchmark adds to the result files.
pub(crate) struct Evaluated {
    pub metrics: Vec<MetricRow>,
    pub tests: Vec<TestRow>,
    pub entry: DatasetEntry,
    /// Routers of which cells failed.
    pub failed: Vec<Skip>,
}

/// What all cells of the benchmark read.
pub(crate) struct Inputs<'a> {
    /// Checksum of tools and queries.
    pub benchmark: String,
    pub embedded: Vec<Embedded<'a>>,
    /// For routers that read no embeddings.
    pub none: Embeddings,
}

/// The benchmark's vectors by one embedder.
pub(crate) struct Embedded<'a> {
    pub kind: EmbedderKind,
    pub embedder: &'a dyn Embedder,
    pub vectors: Embeddings,
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
        let (mut metrics, mut tests, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut splits_described = BTreeMap::new();
        for &kind in &self.grid.splits {
            let splits: Vec<Split> = self
                .grid
                .seeds
                .iter()
                .map(|&seed| Split::new(kind, self.benchmark, seed))
                .collect();
            splits_described.insert(kind.to_string(), self.describe_splits(kind, &splits));
            for &outcomes in &self.grid.outcomes {
                let (series, without) = self.series(&inputs, kind, outcomes, &splits)?;
                failed.extend(without);
                let Some(series) = series else { continue };
                let block = Block {
                    experiment: self.experiment,
                    benchmark: self.benchmark,
                    split: kind,
                    outcomes,
                    pools: self.pools,
                    seeds: &self.grid.seeds,
                    splits: &splits,
                    series,
                };
                let rows = block.rows()?;
                metrics.extend(rows.0);
                tests.extend(rows.1);
            }
        }
        let entry = DatasetEntry {
            configuration: manifest::describe_experiment(self.experiment, self.grid),
            code: manifest::describe_code(),
            benchmark: described,
            splits: splits_described,
            embedders: self
                .embedders
                .iter()
                .map(|(_, embedder)| {
                    let described = manifest::describe_embedder(embedder.as_ref());
                    (embedder.name().to_owned(), described)
                })
                .collect(),
            prices: None,
            machine: manifest::describe_machine(),
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok(Evaluated {
            metrics,
            tests,
            entry,
            failed,
        })
    }

    fn inputs(&self) -> Result<Inputs<'_>, Error> {
        let content = serde_json::to_string(&(self.benchmark.tools(), self.benchmark.queries()));
        let embedded = self.embedders.iter().map(|(kind, embedder)| {
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
            Ok(Embedded {
                kind: *kind,
                embedder,
                vectors,
            })
        });
        Ok(Inputs {
            benchmark: journal::checksum(content.unwrap_or_default().as_bytes()),
            embedded: embedded.collect::<Result<_, Error>>()?,
            none: Embeddings::none(),
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
}
