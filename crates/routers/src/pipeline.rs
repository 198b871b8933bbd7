//! The serving path of the routers that compare vectors (the paper's Figure 2):
//! embed → (adapt) → score → (re-rank) → top k.

use crate::{Error, Ranked, Request, Router, State, baselines::Dense};

/// Scores tool vectors, after an adapter moved the query and before a re-ranker orders the head
/// anew, where there are such. OATS-S1 is a pipeline without either, over other tool vectors.
pub struct Pipeline {
    adapter: Option<Box<dyn Adapt>>,
    tools: Dense,
    reranker: Option<Box<dyn Rerank>>,
}

/// Moves a query's vector before tools are scored.
pub trait Adapt: Send + Sync {
    /// The unit vector that stands for the query's (d components both).
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

    /// What [`adapted`](Self::adapted) made, of its state; the tools alone, if there is no adapter
    /// in it, because nothing was known to learn it from.
    pub(crate) fn restore_adapted<A: Adapt + 'static>(
        state: &State,
        adapter: impl Fn(&State, &Dense) -> Result<A, Error>,
    ) -> Result<Box<dyn Router>, Error> {
        let tools = Dense::restore(state)?;
        Ok(match state.nested(ADAPTER) {
            none if none == State::default() => Box::new(tools),
            stage => Box::new(Self::adapted(adapter(&stage, &tools)?, tools)),
        })
    }

    /// As [`restore_adapted`](Self::restore_adapted), for what [`reranked`](Self::reranked) made.
    pub(crate) fn restore_reranked<R: Rerank + 'static>(
        state: &State,
        reranker: impl Fn(&State, &Dense) -> Result<R, Error>,
    ) -> Result<Box<dyn Router>, Error> {
        let tools = Dense::restore(state)?;
        Ok(match state.nested(RERANKER) {
            none if none == State::default() => Box::new(tools),
            stage => {
                let reranker = reranker(&stage, &tools)?;
                Box::new(Self::reranked(tools, reranker))
            }
        })
    }
}

/// Names of the stages in a state.
pub(crate) const ADAPTER: &str = "adapter";
pub(crate) const RERANKER: &str = "reranker";

/// Added to the scores of re-ranked tools, so that they stay above the others' cosines.
const HEAD: f32 = 2.0;

impl Router for Pipeline {
    /// Scores are cosines; those of re-ranked tools are 2 to 3.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let adapted = self
            .adapter
            .as_ref()
            .map(|adapter| adapter.adapt(request.embedding));
        let request = Request {
            embedding: adapted.as_deref().unwrap_or(request.embedding),
            ..*request
        };
        let Some(reranker) = &self.reranker else {
            return self.tools.rank(&request, k);
        };
        let mut ranking = self.tools.rank(&request, k.max(reranker.depth()));
        let head = reranker.depth().min(ranking.len());
        let scores = reranker.rescore(&request, &ranking[..head]);
        for (ranked, score) in ranking.iter_mut().zip(scores) {
            ranked.score = HEAD + score;
        }
        ranking = crate::router::keep_best(ranking, k);
        ranking
    }

    fn state(&self) -> State {
        let mut state = self.tools.state();
        if let Some(adapter) = &self.adapter {
            state.nest(ADAPTER, adapter.state());
        }
        if let Some(reranker) = &self.reranker {
            state.nest(RERANKER, reranker.state());
        }
        state
    }
}
