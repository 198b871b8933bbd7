//! Fitted routers, each with the embedder whose vectors it reads: what a gateway would hold.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use oats_datasets::{Benchmark, Query, Split};
use oats_embedders::Embedder;
use oats_metrics::Stopwatch;
use oats_routers::{Progress, Ranked, Request, Router};

use super::{ALL_THREADS, Latency};
use crate::{
    EmbedderKind, Embeddings, Error, Observer, Pool, Resources, RouterEntry, Skip,
    rows::NO_EMBEDDER, skip::Omissions, training::training,
};

/// How many tools are asked for, as a gateway would.
const K: usize = 5;

/// A fitted router, and the embedder of its requests.
pub(super) struct Served<'a> {
    pub(super) entry: &'a RouterEntry,
    /// None where the router reads no embeddings.
    pub(super) embedder: Option<Side>,
    pub(super) router: Box<dyn Router>,
    /// How long the fit took, on all threads.
    pub(super) fit: Duration,
}

/// An embedder, by the name of its rows.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) kind: EmbedderKind,
    pub(super) embedder: Arc<dyn Embedder>,
    /// The same with all threads for a text.
    on_all_threads: Arc<dyn Embedder>,
}

/// How many threads a request may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Threads {
    One,
    All,
}

impl Threads {
    pub(super) fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::All => rayon::current_num_threads(),
        }
    }

    /// In the column `threads`.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::All => ALL_THREADS,
        }
    }
}

impl Served<'_> {
    /// The label in the column `embedder`.
    pub(super) fn embedder_label(&self) -> String {
        match &self.embedder {
            Some(side) => side.kind.to_string(),
            None => NO_EMBEDDER.to_owned(),
        }
    }

    /// Text in, ranked tools out.
    pub(super) fn answer(
        &self,
        query: &Query,
        pool: Pool,
        threads: Threads,
        watch: &mut Stopwatch,
    ) -> Result<Vec<Ranked>, Error> {
        let vector = match (&self.embedder, threads) {
            (Some(side), Threads::One) => side.embedder.embed_query(&query.text, watch)?,
            (Some(side), Threads::All) => side.on_all_threads.embed_query(&query.text, watch)?,
            (None, _) => Vec::new(),
        };
        let request = Request {
            text: &query.text,
            embedding: &vector,
            candidates: pool.candidates(query),
        };
        Ok(self.router.rank_timed(&request, K, watch))
    }
}

/// The embedders that can be had.
pub(super) fn sides(
    study: &Latency,
    dataset: &str,
    resources: &Resources,
    omissions: &mut Omissions<'_>,
) -> Result<Vec<Side>, Error> {
    let mut sides = Vec::new();
    for &kind in &study.embedders {
        match resources.embedder(kind)? {
            Ok(embedder) => {
                let all = NonZeroUsize::new(rayon::current_num_threads());
                let on_all_threads = resources.open(kind, all.unwrap_or(NonZeroUsize::MIN))?;
                sides.push(Side {
                    kind,
                    on_all_threads: on_all_threads.unwrap_or_else(|_| embedder.clone()),
                    embedder,
                });
            }
            Err(reason) => omissions.add(Skip {
                dataset: Some(dataset.to_owned()),
                embedder: Some(kind.to_string()),
                reason,
                ..Skip::default()
            }),
        }
    }
    Ok(sides)
}

/// Every router with every embedder that it reads, after learning what a gateway would have learned.
pub(super) fn fit<'a>(
    study: &'a Latency,
    benchmark: &Benchmark,
    split: &Split,
    sides: &[Side],
    resources: &Resources,
    observer: &dyn Observer,
) -> Result<Vec<Served<'a>>, Error> {
    let (readers, others): (Vec<_>, Vec<_>) = study
        .routers
        .iter()
        .partition(|entry| entry.spec.reads_embeddings());
    let mut served = Vec::new();
    let mut fit_all = |entries: &[&'a RouterEntry], vectors: &Embeddings, side: Option<&Side>| {
        let learned = vectors.of_queries(&split.train);
        let with = side.map_or(String::new(), |side| format!(" with {}", side.kind));
        let what = format!("{}: fitting routers{with}", benchmark.name());
        observer.begin(&what, entries.len());
        for entry in entries {
            let tell = |line: &str| observer.detail(&format!("{}: {line}", entry.label));
            let tools = vectors.tools.view();
            let progress = Progress::to(&tell);
            let training = training(benchmark, &split.train, tools, learned.view(), progress);
            let started = Instant::now();
            let fitted = entry.spec.fit(&training).map_err(|source| Error::Router {
                cell: format!("{}/{}", benchmark.name(), entry.label),
                source: Box::new(source),
                checkpoint: None,
            })?;
            served.push(Served {
                entry,
                embedder: side.cloned(),
                router: fitted,
                fit: started.elapsed(),
            });
            observer.advance(1);
        }
        observer.end();
        Ok::<(), Error>(())
    };
    if !others.is_empty() {
        fit_all(&others, &Embeddings::none(), None)?;
    }
    if !readers.is_empty() {
        for side in sides {
            let vectors = resources.embed(side.embedder.as_ref(), benchmark, observer)?;
            fit_all(&readers, &vectors, Some(side))?;
        }
    }
    Ok(served)
}
