//! Runs an experiment that counts tokens: what can be had is counted, benchmark by benchmark.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use oats_datasets::{Benchmark, Dataset, ToolId};
use oats_embedders::Embedder;
use oats_llm::{ModelPrice, Prices, Tokenizer};
use oats_routers::{Progress, Request};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::{ContextGrowth, CostComparison, Costs, ledger::Ledger, selection::Counting};
use crate::{
    DatasetEntry, Embeddings, Error, Observer, Resources, RunOptions, Written, manifest,
    rows::{CostRow, NONE},
    skip::Omissions,
    training::training,
};

/// Counts and prices what can be had, and writes the experiment's folder. Result files are
/// bit-identical for any number of threads. Of the options only `out` and `require` matter.
///
/// # Errors
/// Bad content, a missing data set that is required, a price list without a model or a machine, or a
/// folder that cannot be written.
pub fn run_costs(
    costs: &Costs,
    prices: &Prices,
    resources: &Resources,
    options: &RunOptions,
    observer: &dyn Observer,
) -> Result<Written<CostRow>, Error> {
    prices.first_model()?;
    let mut run = Run {
        prices,
        resources,
        observer,
        omissions: Omissions::told_to(observer),
        rows: Vec::new(),
        datasets: BTreeMap::new(),
    };
    if let Costs::Comparison(study) = costs {
        run.without_data(study)?;
    }
    let mut benchmarks = Vec::new();
    for dataset in costs.datasets() {
        let found = run
            .omissions
            .benchmark(resources, dataset, &options.require)?;
        match found {
            Some(benchmark) if benchmark.queries().is_empty() => {
                let reason = format!("{dataset}: it has no queries to count");
                run.omissions.add_dataset(dataset, reason);
            }
            Some(benchmark) => benchmarks.push((dataset, benchmark)),
            None => {}
        }
    }
    for (dataset, benchmark) in &benchmarks {
        match costs {
            Costs::Comparison(study) => run.comparison(study, dataset, benchmark)?,
            Costs::Growth(study) => run.growth(study, benchmark)?,
        }
    }
    let skipped = run.omissions.into_skipped();
    let written = Written::to(&options.out, costs.name(), run.rows, run.datasets, skipped)?;
    if written.rows.is_empty() {
        observer.note(&format!(
            "{}: nothing could be run, so its result files stay as they are",
            costs.name()
        ));
    }
    Ok(written)
}

struct Run<'a> {
    prices: &'a Prices,
    resources: &'a Resources,
    observer: &'a dyn Observer,
    omissions: Omissions<'a>,
    rows: Vec<CostRow>,
    datasets: BTreeMap<String, Vec<DatasetEntry>>,
}

impl Run<'_> {
    /// Models by the tokenizer of theirs.
    fn tokenizers(&self) -> BTreeMap<Tokenizer, Vec<&ModelPrice>> {
        let mut tokenizers: BTreeMap<Tokenizer, Vec<&ModelPrice>> = BTreeMap::new();
        for model in self.prices.models() {
            tokenizers.entry(model.tokenizer).or_default().push(model);
        }
        tokenizers
    }

    /// What follows from the TOML and the price list alone.
    fn without_data(&mut self, study: &CostComparison) -> Result<(), Error> {
        let started = Instant::now();
        let mut ledger = Ledger::new(&study.name, NONE);
        let (models, machine) = (self.prices.models(), self.prices.machine()?);
        study.record_given(models, machine, &mut ledger)?;
        self.close(ledger, study, None, None, started);
        Ok(())
    }

    fn comparison(
        &mut self,
        study: &CostComparison,
        dataset: &Dataset,
        benchmark: &Benchmark,
    ) -> Result<(), Error> {
        let started = Instant::now();
        let embedder = self.embedder(study, dataset)?;
        let rankings = match (&embedder, study.router.spec.reads_embeddings()) {
            (None, true) => None,
            _ => Some(self.rankings(study, benchmark, embedder.as_deref())?),
        };
        let top_k: Vec<usize> = study.top_k.iter().map(|k| k.get()).collect();
        let tokenizers = self.tokenizers();
        let machine = self.prices.machine()?;
        let mut ledger = Ledger::new(&study.name, benchmark.name());
        let what = format!("{}: counting tokens", benchmark.name());
        self.observer.begin(&what, tokenizers.len());
        for (&tokenizer, models) in &tokenizers {
            let counting = Counting {
                benchmark,
                tokenizer,
                cache: study.cache,
                rankings: rankings.as_deref(),
                top_k: &top_k,
            };
            let selections = counting.selections();
            for selection in &selections {
                selection.record(tokenizer, models, &mut ledger)?;
            }
            study.record_measured(&selections, tokenizer, models, machine, &mut ledger)?;
            study.record_labelling(
                benchmark,
                &selections,
                tokenizer,
                models,
                machine,
                &mut ledger,
            )?;
            self.observer.advance(1);
        }
        self.observer.end();
        let embedder = embedder.filter(|_| study.router.spec.reads_embeddings());
        self.close(ledger, study, Some(benchmark), embedder, started);
        Ok(())
    }

    fn growth(&mut self, study: &ContextGrowth, benchmark: &Benchmark) -> Result<(), Error> {
        let started = Instant::now();
        if !benchmark.has_candidates() {
            let name = benchmark.name();
            let reason = format!("{name}: its queries come without candidate lists");
            self.omissions.add_dataset(&name, reason);
            return Ok(());
        }
        let mut ledger = Ledger::new(&study.name, benchmark.name());
        for (tokenizer, models) in self.tokenizers() {
            study.record(benchmark, tokenizer, &models, &mut ledger)?;
        }
        self.close(ledger, study, Some(benchmark), None, started);
        Ok(())
    }

    /// The embedder whose vectors the router reads, unless it cannot be had.
    fn embedder(
        &mut self,
        study: &CostComparison,
        dataset: &Dataset,
    ) -> Result<Option<Arc<dyn Embedder>>, Error> {
        match study.embedders.get(&dataset.to_string()) {
            Some(&kind) => self.omissions.embedder(self.resources, kind, dataset),
            None => Ok(None),
        }
    }

    /// By query, the router's tools from the best on, as many as are shown at most.
    fn rankings(
        &self,
        study: &CostComparison,
        benchmark: &Benchmark,
        embedder: Option<&dyn Embedder>,
    ) -> Result<Vec<Vec<ToolId>>, Error> {
        let spec = &study.router.spec;
        let embeddings = match embedder {
            Some(embedder) if spec.reads_embeddings() => {
                self.resources.embed(embedder, benchmark, self.observer)?
            }
            _ => Embeddings::none(),
        };
        let none = embeddings.of_queries(&[]);
        let tools = embeddings.tools.view();
        let training = training(benchmark, &[], tools, none.view(), Progress::silent());
        let fitted = spec.fit(&training).map_err(|source| Error::Router {
            cell: format!("{}/{}", benchmark.name(), study.router.label),
            source: Box::new(source),
            checkpoint: None,
        });
        let router = fitted?;
        let most = study.top_k.iter().map(|k| k.get()).max().unwrap_or(0);
        let queries = benchmark.queries().par_iter().enumerate();
        let ranked = queries.map(|(index, query)| {
            let request = Request {
                text: &query.text,
                embedding: embeddings.query(index),
                candidates: None,
            };
            let ranking = router.rank(&request, most);
            ranking.iter().map(|ranked| ranked.tool).collect()
        });
        Ok(ranked.collect())
    }

    /// Takes over a benchmark's rows, and what they were made from.
    fn close(
        &mut self,
        ledger: Ledger<'_>,
        study: &impl Serialize,
        benchmark: Option<&Benchmark>,
        embedder: Option<Arc<dyn Embedder>>,
        started: Instant,
    ) {
        self.rows.extend(ledger.into_rows());
        let entry = DatasetEntry {
            configuration: manifest::by_way_of_text(study),
            code: manifest::describe_code(),
            benchmark: benchmark.map_or(Value::Null, manifest::describe_benchmark),
            splits: BTreeMap::new(),
            embedders: embedder
                .iter()
                .map(|embedder| {
                    let described = manifest::describe_embedder(embedder.as_ref());
                    (embedder.name().to_owned(), described)
                })
                .collect(),
            prices: Some(self.prices.clone()),
            machine: manifest::describe_machine(),
            seconds: started.elapsed().as_secs_f64(),
        };
        let name = benchmark.map_or(NONE, Benchmark::name);
        self.datasets.insert(name.to_owned(), vec![entry]);
    }
}
