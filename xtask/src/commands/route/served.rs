//! Learn once, rank many.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use oats_datasets::{Benchmark, Tool, ToolId};
use oats_embedders::Embedder;
use oats_harness::{Embeddings, Observer};
use oats_metrics::Stopwatch;
use oats_routers::{Progress, Ranked, Request, Router, Training};

use super::Args;
use crate::progress::Terminal;

/// A fitted router with the catalogue that it ranks and the embedder of its requests.
pub(super) struct Served {
    benchmark: Arc<Benchmark>,
    /// None where the router reads no embeddings.
    embedder: Option<Arc<dyn Embedder>>,
    router: Box<dyn Router>,
}

impl Served {
    /// Lets the router learn from all of the data set's queries.
    pub(super) fn learn(args: &Args) -> Result<Self> {
        let resources = args.inputs.open()?.resources;
        let resources = resources.with_query_threads(args.query_threads);
        let terminal = Terminal::default();
        let benchmark = resources
            .benchmark(&args.dataset)?
            .map_err(|reason| anyhow!(reason))?;
        let mut embedder = None;
        let mut known = Embeddings::none();
        if args.router.reads_embeddings() {
            let opened = resources
                .embedder(args.embedder)?
                .map_err(|reason| anyhow!(reason))?;
            known = resources.embed(opened.as_ref(), &benchmark, &terminal)?;
            embedder = Some(opened);
        }
        let tell = |line: &str| terminal.detail(line);
        let training = Training {
            tools: benchmark.tools(),
            tool_embeddings: known.tools.view(),
            queries: benchmark.queries().iter().map(Into::into).collect(),
            query_embeddings: known.queries.view(),
            seed: 0,
            llm: resources.llm(),
            progress: Progress::to(&tell),
        };
        terminal.begin(&format!("{} learns", args.router.kind()), 1);
        let fitted = args.router.fit(&training);
        terminal.end();
        let router = fitted?;
        Ok(Self {
            benchmark,
            embedder,
            router,
        })
    }

    /// The catalogue.
    pub(super) fn tools(&self) -> &[Tool] {
        self.benchmark.tools()
    }

    /// The best `k` of the candidates, or of all tools.
    pub(super) fn rank(
        &self,
        text: &str,
        candidates: Option<&[ToolId]>,
        k: usize,
    ) -> Result<Vec<Ranked>> {
        let embedding = match &self.embedder {
            Some(embedder) => embedder.embed_query(text, &mut Stopwatch::stopped())?,
            None => Vec::new(),
        };
        let request = Request {
            text,
            embedding: &embedding,
            candidates,
        };
        self.router.prepare(&[request], Progress::silent())?;
        Ok(self.router.rank(&request, k))
    }
}
