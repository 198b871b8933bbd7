//! The serving path of the routers that compare vectors (the paper's Figure 2):
//! embed → (adapt) → score → (re-rank) → top k.

use oats_metrics::{Stage, Stopwatch};

use crate::{Error, Ranked, Request, Router, State, baselines::Dense, router::ABOVE_COSINES};

/// Scores tool vectors, after an adapter moved the query and before a re-ranker orders the head
/// anew, where there are such. OATS-S1 is a pipeline without either, over other tool vectors.
pub struct Pipeline {
    adapter: Option<Box<dyn Adapt>>,
    tools: Dense,
    reranker: Option<Box<dyn Rerank>>,
}

/// Moves a query's vector before tools are scored.
pub trait Adapt: Send + Sync {
    /// The vector that stands for the query's: as many components as the tool vectors have.
    fn adapt(&self, query: &[f32]) -> Vec<f32>;
    /// As [`Router::state`].
    fn state(&self) -> State;
}

/// Orders the best-scored tools anew.
pub trait Rerank: Send + Sync {
    /// K: how many of the best-scored tools of a request's pool are ordered anew.
    fn depth(&self) -> usize;
    /// A new score from 0 to 1 for each tool of `head`, which is ordered by the old ones. The
    /// request's embedding is the adapted one.
    fn rescore(&self, request: &Request<'_>, head: &[Ranked]) -> Vec<f32>;
    /// As [`Router::state`].
    fn state(&self) -> State;
}

impl Pipeline {
    /// Scores and nothing else: where there is nothing to learn a stage from.
    pub fn plain(tools: Dense) -> Self {
        Self {
            adapter: None,
            tools,
            reranker: None,
        }
    }

    /// Scores adapted queries.
    pub fn adapted(adapter: impl Adapt + 'static, tools: Dense) -> Self {
        Self {
            adapter: Some(Box::new(adapter)),
            tools,
            reranker: None,
        }
    }

    /// Re-ranks the best-scored tools.
    pub fn reranked(tools: Dense, reranker: impl Rerank + 'static) -> Self {
        Self {
            adapter: None,
            tools,
            reranker: Some(Box::new(reranker)),
        }
    }

    /// The same with this adapter in the place of its own.
    pub(crate) fn with_adapter(self, adapter: impl Adapt + 'static) -> Self {
        Self {
            adapter: Some(Box::new(adapter)),
            ..self
        }
    }

    /// The same stages over other tool vectors.
    pub(crate) fn with_tools(self, tools: Dense) -> Self {
        Self { tools, ..self }
    }

    /// What [`adapted`](Self::adapted) or [`plain`](Self::plain) made, of its state.
    pub(crate) fn restore_adapted<A: Adapt + 'static>(
        state: &State,
        adapter: impl Fn(&State, &Dense) -> Result<A, Error>,
    ) -> Result<Box<dyn Router>, Error> {
        let tools = Dense::restore(state)?;
        Ok(Box::new(if is_plain(state)? {
            Self::plain(tools)
        } else {
            Self::adapted(adapter(&state.nested(ADAPTER), &tools)?, tools)
        }))
    }

    /// What [`reranked`](Self::reranked) or [`plain`](Self::plain) made, of its state.
    pub(crate) fn restore_reranked<R: Rerank + 'static>(
        state: &State,
        reranker: impl Fn(&State, &Dense) -> Result<R, Error>,
    ) -> Result<Box<dyn Router>, Error> {
        let tools = Dense::restore(state)?;
        Ok(Box::new(if is_plain(state)? {
            Self::plain(tools)
        } else {
            let reranker = reranker(&state.nested(RERANKER), &tools)?;
            Self::reranked(tools, reranker)
        }))
    }
}

/// Names of the stages in a state.
const ADAPTER: &str = "adapter";
pub(crate) const RERANKER: &str = "reranker";
/// The note that lists those there are, so that one that is missing from a file is missed.
const STAGES: &str = "stages";

fn is_plain(state: &State) -> Result<bool, Error> {
    Ok(state.read::<Vec<String>>(STAGES)?.is_empty())
}

impl Router for Pipeline {
    /// Scores are dot products, cosines where vectors have length 1; those of re-ranked tools are 2 to 3.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        self.rank_timed(request, k, &mut Stopwatch::stopped())
    }

    fn rank_timed(&self, request: &Request<'_>, k: usize, watch: &mut Stopwatch) -> Vec<Ranked> {
        let adapted = self.adapter.as_ref().map(|adapter| {
            let adapted = adapter.adapt(request.embedding);
            watch.lap(Stage::Adapt);
            adapted
        });
        let request = Request {
            embedding: adapted.as_deref().unwrap_or(request.embedding),
            ..*request
        };
        let Some(reranker) = &self.reranker else {
            return self.tools.rank_timed(&request, k, watch);
        };
        let depth = k.max(reranker.depth());
        let mut ranking = self.tools.rank_timed(&request, depth, watch);
        let head = reranker.depth().min(ranking.len());
        let scores = reranker.rescore(&request, &ranking[..head]);
        for (ranked, score) in ranking.iter_mut().zip(scores) {
            ranked.score = ABOVE_COSINES + score;
        }
        ranking = crate::router::keep_best(ranking, k);
        watch.lap(Stage::Rerank);
        ranking
    }

    fn state(&self) -> State {
        let mut state = self.tools.state();
        let mut stages = Vec::new();
        if let Some(adapter) = &self.adapter {
            stages.push(ADAPTER);
            state.nest(ADAPTER, adapter.state());
        }
        if let Some(reranker) = &self.reranker {
            stages.push(RERANKER);
            state.nest(RERANKER, reranker.state());
        }
        state.note(STAGES, stages);
        state
    }
}
