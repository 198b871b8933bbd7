//! Has ours and the peers take turns at each task, on each benchmark, with each number of threads.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use oats_datasets::{Benchmark, Dataset, Split, SplitKind};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    COMPARED, K, NAME, PeersPlan, Workers,
    export::{export, model_folder},
    ours::{Learning, Ours},
    tasks::{Made, Tasks, WITH_MODEL},
};
use crate::{
    DatasetEntry, EmbedderKind, Error, Manifest, Observer, Resources, Skip,
    manifest::{describe_benchmark, describe_code, describe_embedder, describe_machine},
    rows::{PeerRow, Row, write_rows},
    skip::Omissions,
    workers::pool,
};

/// What a run made.
#[derive(Debug)]
pub struct PeersSummary {
    /// The folder: `peers.csv`, `manifest.json`.
    pub folder: PathBuf,
    /// The rows of `peers.csv`, sorted by key.
    pub rows: Vec<PeerRow>,
    /// What they were made from.
    pub manifest: Manifest,
    /// What was left out because something is not at hand.
    pub skipped: Vec<Skip>,
    /// The peers that failed, and how, each in one line.
    pub failed: Vec<String>,
}

/// Times ours and the peers on test queries of the query split of seed 0, and writes the folder
/// `out/peers`. Timings differ from run to run.
///
/// # Errors
/// A data set or an embedder that is not what it should be, a fit of ours that fails, or a folder that
/// cannot be written. A peer that fails is no error: [`PeersSummary::failed`] names it.
pub fn run_peers(
    plan: &PeersPlan,
    workers: &Workers,
    resources: &Resources,
    out: &Path,
    observer: &dyn Observer,
) -> Result<PeersSummary, Error> {
    let mut omissions = Omissions::told_to(observer);
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let folder = out.join(NAME);
    let mut manifest = Manifest {
        experiment: NAME.to_owned(),
        datasets: BTreeMap::new(),
    };
    for dataset in &plan.datasets {
        let Some(benchmark) = omissions.benchmark(resources, dataset, &[])? else {
            continue;
        };
        let name = benchmark.name();
        if manifest.datasets.contains_key(name) {
            let reason = format!(
                "`{dataset}` is the second whose rows would be labelled `{name}`; rename its folder"
            );
            omissions.add_dataset(dataset, reason);
            continue;
        }
        let started = Instant::now();
        let ours = ours(resources, &benchmark, &mut omissions, observer)?;
        let meeting = Meeting {
            plan,
            workers,
            benchmark: &benchmark,
            ours: &ours,
            learned_from: learned_from(dataset),
            observer,
        };
        let made = meeting.hold(resources, &mut omissions)?;
        let embedders = ours.iter().map(|ours| {
            let embedder = ours.embedder.as_ref();
            let description = describe_embedder(embedder);
            (embedder.name().to_owned(), description)
        });
        let entry = DatasetEntry {
            configuration: meeting.configuration(&made),
            code: describe_code(),
            benchmark: describe_benchmark(&benchmark),
            splits: BTreeMap::new(),
            embedders: embedders.collect(),
            prices: None,
            machine: describe_machine(),
            seconds: started.elapsed().as_secs_f64(),
        };
        failed.extend(made.failed);
        if made.rows.is_empty() {
            continue;
        }
        // After each benchmark: an hour's work is not lost with the next.
        manifest.datasets.insert(name.to_owned(), vec![entry]);
        rows.extend(made.rows);
        rows.sort_by(|a: &PeerRow, b| a.key().cmp(&b.key()));
        write_rows(&folder.join(PeerRow::FILE), &rows)?;
        manifest.write(&folder.join("manifest.json"))?;
    }
    Ok(PeersSummary {
        folder,
        rows,
        manifest,
        skipped: omissions.into_skipped(),
        failed,
    })
}

/// Those of our embedders that can be had, with the benchmark's vectors.
fn ours(
    resources: &Resources,
    benchmark: &Benchmark,
    omissions: &mut Omissions<'_>,
    observer: &dyn Observer,
) -> Result<Vec<Ours>, Error> {
    let mut ours = Vec::new();
    for kind in EmbedderKind::ALL {
        match resources.embedder(kind)? {
            Ok(embedder) => ours.push(Ours {
                kind,
                vectors: Arc::new(resources.embed(embedder.as_ref(), benchmark, observer)?),
                embedder,
            }),
            Err(reason) => omissions.add(Skip {
                embedder: Some(kind.to_string()),
                reason,
                ..Skip::default()
            }),
        }
    }
    Ok(ours)
}

/// Whose vectors Stage 1 and regressions learn from.
fn learned_from(dataset: &Dataset) -> EmbedderKind {
    match dataset {
        Dataset::Builtin => EmbedderKind::Static,
        _ => EmbedderKind::Minilm,
    }
}

/// Ours and the peers at one benchmark.
struct Meeting<'a> {
    plan: &'a PeersPlan,
    workers: &'a Workers,
    benchmark: &'a Benchmark,
    ours: &'a [Ours],
    learned_from: EmbedderKind,
    observer: &'a dyn Observer,
}

impl Meeting<'_> {
    /// Every task with every number of threads.
    fn hold(&self, resources: &Resources, omissions: &mut Omissions<'_>) -> Result<Made, Error> {
        let split = Split::new(SplitKind::Query, self.benchmark, 0);
        let timed = split.some_of_test(self.plan.queries);
        let texts: Vec<&str> = timed
            .iter()
            .map(|&query| self.benchmark.queries()[query].text.as_str())
            .collect();
        let learned_from = self.learned_from.to_string();
        let learning = self
            .ours
            .iter()
            .find(|ours| ours.embedder.name() == learned_from)
            .map(|ours| Learning::new(self.benchmark, &split, &timed, &ours.vectors));

        let folder = TempDir::new().map_err(Error::io("make", "a temporary folder"))?;
        let model = if self.plan.torch {
            model_folder(resources.models(), folder.path())?
        } else {
            Err("left out, with torch".to_owned())
        };
        if let Err(reason) = &model {
            for peer in WITH_MODEL {
                omissions.add(Skip {
                    router: Some(peer.to_owned()),
                    reason: format!("{}: {reason}", WITH_MODEL.join(", ")),
                    ..Skip::default()
                });
            }
        }
        export(
            folder.path(),
            self.benchmark,
            &texts,
            model.as_deref().ok(),
            learning.as_ref(),
        )?;

        let mut made = Made::default();
        for &threads in &self.plan.threads {
            let ours = self.with_threads(threads, resources)?;
            let mut tasks = Tasks {
                benchmark: self.benchmark,
                timed: &timed,
                texts: &texts,
                ours: &ours,
                learning: learning.as_ref(),
                workers: self.workers,
                folder: folder.path(),
                with_model: model.is_ok(),
                threads,
                fits: self.plan.fits,
                observer: self.observer,
                made: &mut made,
            };
            pool(threads)?.install(|| tasks.run())?;
        }
        Ok(made)
    }

    /// Our embedders with so many threads for a query.
    fn with_threads(&self, threads: usize, resources: &Resources) -> Result<Vec<Ours>, Error> {
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let mut ours = Vec::new();
        for known in self.ours {
            let opened = resources.open(known.kind, threads)?;
            ours.push(Ours {
                embedder: opened.unwrap_or_else(|_| known.embedder.clone()),
                ..known.clone()
            });
        }
        Ok(ours)
    }

    fn configuration(&self, made: &Made) -> Value {
        json!({
            "split": SplitKind::Query,
            "seed": 0,
            "queries": self.plan.queries,
            "fits": self.plan.fits,
            "threads": self.plan.threads,
            "tools_asked_for": K,
            "rankings_compared_to": COMPARED,
            "vectors_learned_from": self.learned_from.to_string(),
            "packages": made.packages,
        })
    }
}
