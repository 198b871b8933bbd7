//! The one interface that all routers serve through, and the order in which tools come out.

use std::cmp::Ordering;

use oats_datasets::ToolId;
use oats_metrics::{Stage, Stopwatch};

use crate::{Error, Progress, State};

/// A request as a gateway sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What the user wrote.
    pub text: &'a str,
    /// The text's unit vector; empty where no embedder runs, which only routers that read no
    /// embeddings accept ([`RouterSpec::reads_embeddings`](crate::RouterSpec::reads_embeddings)).
    pub embedding: &'a [f32],
    /// Rank only these tools; `None` ranks the whole catalogue.
    pub candidates: Option<&'a [ToolId]>,
}

/// A tool with the score it was ranked by. Scores compare within one ranking only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Which tool.
    pub tool: ToolId,
    /// The router's score; higher is better.
    pub score: f32,
}

/// A fitted router: immutable, shareable between threads, the same answer for the same request.
pub trait Router: Send + Sync {
    /// The best `k` tools of the request's pool, best first (all of them if the pool is smaller).
    ///
    /// # Panics
    /// If a candidate is not in the catalogue or, for routers that read embeddings, if the
    /// request's has another length than those of the training view.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked>;

    /// As [`rank`](Self::rank), and tells `watch` of the stages there are: of a
    /// [`Pipeline`](crate::pipeline::Pipeline) [`Stage::Adapt`], [`Stage::Score`] and [`Stage::Rerank`],
    /// of other routers all as [`Stage::Score`].
    ///
    /// # Panics
    /// As [`rank`](Self::rank).
    fn rank_timed(&self, request: &Request<'_>, k: usize, watch: &mut Stopwatch) -> Vec<Ranked> {
        let ranking = self.rank(request, k);
        watch.lap(Stage::Score);
        ranking
    }

    /// The tools of the request's pool that the router would hand on by itself: the best one, unless
    /// the router decides how many the request needs.
    ///
    /// # Panics
    /// As [`rank`](Self::rank).
    fn select(&self, request: &Request<'_>) -> Vec<ToolId> {
        self.rank(request, 1).iter().map(|best| best.tool).collect()
    }

    /// Does beforehand what ranking these requests needs and what can fail: `llm` asks an endpoint,
    /// `process` a process, the others do nothing. Tells `progress` how that comes along.
    ///
    /// # Errors
    /// [`Error::Llm`], [`Error::Process`].
    fn prepare(&self, requests: &[Request<'_>], progress: Progress<'_>) -> Result<(), Error> {
        let _ = (requests, progress);
        Ok(())
    }

    /// What the router consists of, for [`State::to_bytes`];
    /// [`RouterSpec::restore`](crate::RouterSpec::restore) makes the same router of it.
    fn state(&self) -> State;
}

/// Where the scores of tools begin that are to rank above others, whose scores are cosines.
pub(crate) const ABOVE_COSINES: f32 = 2.0;

/// Scores every tool of the request's pool with `score` and keeps the best `k`.
///
/// Equal scores are ordered by a fixed shuffle of the catalogue, not by its order: sources list
/// tools in an order that can carry the label (in StableToolBench right ones stand earlier in the
/// candidate lists than chance would put them), which would flatter routers that tie. A score that
/// is not a number ranks last.
pub fn top_k(
    request: &Request<'_>,
    catalogue_size: usize,
    k: usize,
    score: impl Fn(ToolId) -> f32,
) -> Vec<Ranked> {
    let scored = |tool| Ranked {
        tool,
        score: score(tool),
    };
    let of_pool = |size| Best::new(k, size);
    let best = match request.candidates {
        Some(listed) => of_pool(listed.len()).all(listed.iter().copied().map(scored)),
        None => of_pool(catalogue_size).all((0..catalogue_size).map(scored)),
    };
    best.into_ranking()
}

/// The best `k` of the tools that are offered one after the other, in the order [`top_k`] describes.
/// Which they are does not depend on the order of the offers.
pub(crate) struct Best {
    k: usize,
    /// The best so far, among some that are not. Never grows beyond `room`.
    kept: Vec<Ranked>,
    room: usize,
    /// The worst of k tools that were offered: what is not better is not kept.
    bound: Option<Ranked>,
}

impl Best {
    /// For offers of about `pool` tools; memory is taken for no more.
    pub(crate) fn new(k: usize, pool: usize) -> Self {
        // With room for others, offers are sorted out in one go, at a constant price for each.
        let room = k.saturating_add(k.max(16));
        Self {
            k,
            kept: Vec::with_capacity(room.min(pool)),
            room,
            bound: None,
        }
    }

    /// Keeps the tool if it can be among the best.
    #[inline]
    pub(crate) fn offer(&mut self, ranked: Ranked) {
        if let Some(bound) = &self.bound
            && (ranked.score < bound.score || best_first(&ranked, bound).is_ge())
        {
            return;
        }
        self.keep(ranked);
    }

    /// Whether a tool of this score might be kept.
    #[inline]
    pub(crate) fn can_keep(&self, score: f32) -> bool {
        self.bound
            .is_none_or(|bound| score.partial_cmp(&bound.score) != Some(Ordering::Less))
    }

    fn keep(&mut self, ranked: Ranked) {
        if self.kept.len() == self.room {
            self.kept.select_nth_unstable_by(self.k, best_first);
            self.kept.truncate(self.k);
            self.bound = self.kept.iter().copied().max_by(best_first);
        }
        self.kept.push(ranked);
    }

    pub(crate) fn all(mut self, pool: impl Iterator<Item = Ranked>) -> Self {
        pool.for_each(|ranked| self.offer(ranked));
        self
    }

    /// Those of both.
    pub(crate) fn merge(self, other: Self) -> Self {
        self.all(other.kept.into_iter())
    }

    pub(crate) fn into_ranking(self) -> Vec<Ranked> {
        keep_best(self.kept, self.k)
    }
}

/// The best `k` of `pool`, in the order [`top_k`] describes.
pub(crate) fn keep_best(mut pool: Vec<Ranked>, k: usize) -> Vec<Ranked> {
    if k < pool.len() {
        pool.select_nth_unstable_by(k, best_first);
        pool.truncate(k);
    }
    pool.sort_unstable_by(best_first);
    pool
}

fn best_first(a: &Ranked, b: &Ranked) -> Ordering {
    b.score
        .partial_cmp(&a.score)
        .unwrap_or_else(|| a.score.is_nan().cmp(&b.score.is_nan()))
        .then_with(|| mix(a.tool as u64).cmp(&mix(b.tool as u64)))
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014): a bijection whose output looks random.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
