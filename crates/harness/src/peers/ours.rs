//! Our sides: routers, served and fitted.

use std::{sync::Arc, time::Instant};

use ndarray::{Array2, ArrayView2};
use oats_datasets::{Benchmark, Split};
use oats_embedders::Embedder;
use oats_routers::{
    Progress, Request, Router, RouterKind, RouterSpec, Training, controls::LinearParams,
    oats::S1Params,
};

use super::{Fault, Fits, Fitted, Part, Ranking, Ranks};
use crate::{EmbedderKind, Embeddings, Error, training::training};

/// An embedder of ours, with the benchmark's vectors.
#[derive(Clone)]
pub(super) struct Ours {
    pub(super) kind: EmbedderKind,
    pub(super) embedder: Arc<dyn Embedder>,
    pub(super) vectors: Arc<Embeddings>,
}

/// What is learned from, and the vectors of the timed queries.
pub(super) struct Learning<'a> {
    benchmark: &'a Benchmark,
    vectors: &'a Embeddings,
    training: (&'a [usize], Array2<f32>),
    all: (Vec<usize>, Array2<f32>),
    timed: Array2<f32>,
}

impl<'a> Learning<'a> {
    /// `timed` are positions of queries.
    pub(super) fn new(
        benchmark: &'a Benchmark,
        split: &'a Split,
        timed: &[usize],
        vectors: &'a Embeddings,
    ) -> Self {
        let all: Vec<usize> = (0..benchmark.queries().len()).collect();
        Self {
            benchmark,
            vectors,
            training: (&split.train, vectors.of_queries(&split.train)),
            all: (all, vectors.queries.clone()),
            timed: vectors.of_queries(timed),
        }
    }

    pub(super) fn tools(&self) -> ArrayView2<'_, f32> {
        self.vectors.tools.view()
    }

    /// A row for each timed query.
    pub(super) fn timed(&self) -> ArrayView2<'_, f32> {
        self.timed.view()
    }

    pub(super) fn training(&self, part: Part) -> Training<'_> {
        let (queries, vectors) = match part {
            Part::Training => (self.training.0, &self.training.1),
            Part::All => (self.all.0.as_slice(), &self.all.1),
        };
        training(
            self.benchmark,
            queries,
            self.tools(),
            vectors.view(),
            Progress::silent(),
        )
    }
}

/// A router that is given texts, with its embedder, if it reads embeddings.
pub(super) struct Served<'a> {
    router: Box<dyn Router>,
    embedder: Option<&'a dyn Embedder>,
    queries: &'a [&'a str],
}

impl<'a> Served<'a> {
    /// A router that learns from the tools alone.
    pub(super) fn fit(
        spec: &RouterSpec,
        benchmark: &Benchmark,
        ours: Option<&'a Ours>,
        queries: &'a [&'a str],
    ) -> Result<Self, Error> {
        let none = Embeddings::none();
        let tools = ours
            .map_or(&none, |ours| ours.vectors.as_ref())
            .tools
            .view();
        let no_queries = Array2::zeros((0, tools.ncols()));
        let training = training(benchmark, &[], tools, no_queries.view(), Progress::silent());
        let router = spec.fit(&training);
        Ok(Self {
            router: router.map_err(|source| failed(benchmark, spec.kind(), source))?,
            embedder: ours.map(|ours| ours.embedder.as_ref()),
            queries,
        })
    }
}

impl Ranks for Served<'_> {
    fn rank(&mut self, row: usize, k: usize) -> Result<Ranking, Fault> {
        let text = self.queries[row];
        let started = Instant::now();
        let vector = match self.embedder {
            Some(embedder) => embedder.embed(&[text])?.into_raw_vec_and_offset().0,
            None => Vec::new(),
        };
        Ok(rank(Some(self.router.as_ref()), text, &vector, k, started))
    }
}

/// Stage 1.
pub(super) struct Refining<'a>(pub(super) &'a Learning<'a>);

impl Fits for Refining<'_> {
    fn fit(&mut self, part: Part) -> Result<Fitted, Fault> {
        let training = self.0.training(part);
        let started = Instant::now();
        let fitted = S1Params::default().fit(&training);
        let time = started.elapsed();
        let fitted = fitted.map_err(|source| failed(self.0.benchmark, "oats-s1", source))?;
        Ok(Fitted {
            time,
            vectors: fitted.tool_embeddings().iter().copied().collect(),
        })
    }
}

/// Logistic regression, which is given vectors.
pub(super) struct Regression<'a> {
    learning: &'a Learning<'a>,
    /// What was fitted last; as it is, it knows of no tool.
    fitted: Option<Box<dyn Router>>,
}

impl<'a> Regression<'a> {
    pub(super) fn on(learning: &'a Learning<'a>) -> Self {
        Self {
            learning,
            fitted: None,
        }
    }
}

impl Fits for Regression<'_> {
    fn fit(&mut self, part: Part) -> Result<Fitted, Fault> {
        let training = self.learning.training(part);
        let started = Instant::now();
        let fitted = LinearParams::default().fit(&training);
        let time = started.elapsed();
        let fitted = fitted.map_err(|source| failed(self.learning.benchmark, "linear", source))?;
        self.fitted = Some(fitted);
        Ok(Fitted {
            time,
            vectors: Vec::new(),
        })
    }
}

impl Ranks for Regression<'_> {
    fn rank(&mut self, row: usize, k: usize) -> Result<Ranking, Fault> {
        let vector = self.learning.timed.row(row);
        let vector = vector.to_slice().unwrap_or_default();
        let router = self.fitted.as_deref();
        let started = Instant::now();
        Ok(rank(router, "", vector, k, started))
    }
}

fn rank(
    router: Option<&dyn Router>,
    text: &str,
    embedding: &[f32],
    k: usize,
    started: Instant,
) -> Ranking {
    let request = Request {
        text,
        embedding,
        candidates: None,
    };
    let ranked = router.map_or(Vec::new(), |router| router.rank(&request, k));
    let time = started.elapsed();
    Ranking {
        time,
        tools: ranked.iter().map(|ranked| ranked.tool).collect(),
        scores: ranked.iter().map(|ranked| ranked.score.into()).collect(),
    }
}

fn failed(benchmark: &Benchmark, router: &str, source: oats_routers::Error) -> Error {
    Error::Router {
        cell: format!("{}/{router}", benchmark.name()),
        source: Box::new(source),
        checkpoint: None,
    }
}
