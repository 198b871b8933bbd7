//! Refines, looks at one tool of each benchmark, and writes where it goes.

use std::{cmp::Reverse, collections::BTreeMap, time::Instant};

use oats_datasets::{Benchmark, Dataset, Query, Split, ToolId};
use oats_routers::Progress;

use super::{
    Geometry, Panel, TestQuery, ToolGeometry,
    points::{Labels, Names, rows},
};
use crate::{
    DatasetEntry, Embeddings, Error, Observer, Resources, RunOptions, Written, manifest,
    rows::PointRow, skip::Omissions, training::training,
};

/// Refines by the training part of each panel's split, looks at the tools, and writes the experiment's
/// folder. Result files are bit-identical for any number of threads. Of the options only `out` and
/// `require` matter.
///
/// # Errors
/// Bad content, a tool that a benchmark does not have, a missing data set that is required, a fit that
/// fails, or a folder that cannot be written.
pub fn run_geometry(
    study: &Geometry,
    resources: &Resources,
    options: &RunOptions,
    observer: &dyn Observer,
) -> Result<Written<PointRow>, Error> {
    let mut omissions = Omissions::told_to(observer);
    let mut rows = Vec::new();
    let mut datasets = BTreeMap::new();
    for dataset in study.datasets() {
        let benchmark = omissions.benchmark(resources, dataset, &options.require)?;
        let Some(benchmark) = benchmark else {
            continue;
        };
        let mut own = study.clone();
        own.restrict(Some(std::slice::from_ref(dataset)));
        let made = of_dataset(
            &own,
            dataset,
            &benchmark,
            resources,
            &mut omissions,
            observer,
        )?;
        if let Some((of_dataset, entry)) = made {
            rows.extend(of_dataset);
            datasets.insert(benchmark.name().to_owned(), vec![entry]);
        }
    }
    let skipped = omissions.into_skipped();
    Written::to(&options.out, &study.name, rows, datasets, skipped)
}

/// The rows of a study whose panels are all of one dataset; `None` if an embedder cannot be had.
fn of_dataset(
    study: &Geometry,
    dataset: &Dataset,
    benchmark: &Benchmark,
    resources: &Resources,
    omissions: &mut Omissions<'_>,
    observer: &dyn Observer,
) -> Result<Option<(Vec<PointRow>, DatasetEntry)>, Error> {
    let started = Instant::now();
    let mut rows = Vec::new();
    let mut splits: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut embedders = BTreeMap::new();
    for panel in &study.panels {
        let tool = chosen(study, panel, benchmark)?;
        let Some(embedder) = omissions.embedder(resources, panel.embedder, dataset)? else {
            return Ok(None);
        };
        let embeddings = resources.embed(embedder.as_ref(), benchmark, observer)?;
        let split = Split::new(panel.split, benchmark, panel.seed);
        rows.extend(of_panel(
            study,
            panel,
            benchmark,
            &embeddings,
            &split,
            tool,
        )?);
        let described = manifest::describe_embedder(embedder.as_ref());
        embedders.insert(panel.embedder.to_string(), described);
        let leakage = split.leakage(benchmark);
        let described = manifest::describe_split(&split, panel.seed, &leakage);
        let of_kind = splits.entry(panel.split.to_string()).or_default();
        if !of_kind.contains(&described) {
            of_kind.push(described);
        }
    }
    let entry = DatasetEntry {
        configuration: manifest::by_way_of_text(study),
        code: manifest::describe_code(),
        benchmark: manifest::describe_benchmark(benchmark),
        splits,
        embedders,
        prices: None,
        machine: manifest::describe_machine(),
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Some((rows, entry)))
}

/// The tool of a panel.
fn chosen(study: &Geometry, panel: &Panel, benchmark: &Benchmark) -> Result<ToolId, Error> {
    let Panel { dataset, tool, .. } = panel;
    benchmark.tool_id(tool).ok_or_else(|| {
        let known = nearest_names(benchmark, tool);
        Error::Experiment {
            file: study.name.clone(),
            problem: format!("panel: {dataset} has no tool `{tool}`; there are: {known}"),
        }
    })
}

/// Some names of tools, those first that begin like `name`, and how many more there are.
fn nearest_names(benchmark: &Benchmark, name: &str) -> String {
    const MOST: usize = 12;
    let alike = |other: &str| {
        let letters = |name: &str| name.to_lowercase().chars().collect::<Vec<_>>();
        let (ours, theirs) = (letters(name), letters(other));
        let pairs = ours.iter().zip(&theirs);
        pairs.take_while(|(ours, theirs)| ours == theirs).count()
    };
    let mut names: Vec<&str> = benchmark
        .tools()
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    names.sort_by_key(|other| (Reverse(alike(other)), *other));
    let more = match names.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    names.truncate(MOST);
    names.join(", ") + &more
}

fn of_panel(
    study: &Geometry,
    panel: &Panel,
    benchmark: &Benchmark,
    embeddings: &Embeddings,
    split: &Split,
    tool: ToolId,
) -> Result<Vec<PointRow>, Error> {
    let queries = benchmark.queries();
    let vectors = embeddings.of_queries(&split.train);
    let (tools, silent) = (embeddings.tools.view(), Progress::silent());
    let training = training(benchmark, &split.train, tools, vectors.view(), silent);
    let is_right = |query: &Query| query.relevant.iter().any(|&(right, _)| right == tool);
    let seen = split.seen_in_training(benchmark);
    let tests: Vec<TestQuery<'_>> = (split.test.iter().zip(seen))
        .map(|(&query, in_training)| TestQuery {
            query: &queries[query],
            vector: embeddings.query(query),
            in_training,
        })
        .filter(|test| is_right(test.query))
        .collect();
    let geometry =
        ToolGeometry::of(&study.s1, &training, tool, &tests).map_err(|source| Error::Router {
            cell: format!("{}/{}/oats-s1", benchmark.name(), panel.split),
            source: Box::new(source),
            checkpoint: None,
        })?;
    let labels = Labels {
        experiment: &study.name,
        dataset: benchmark.name(),
        split: &panel.split.to_string(),
        seed: panel.seed,
        embedder: &panel.embedder.to_string(),
        tool: &panel.tool,
    };
    let names = Names {
        training: &|query| &queries[split.train[query]].id,
        tests: &|test| &tests[test].query.id,
        tools: &|tool| &benchmark.tools()[tool].name,
    };
    Ok(rows(&labels, &names, &geometry))
}
