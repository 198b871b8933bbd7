//! A refinement that goes on: outcomes arrive, and the tools they touch are refined again.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use oats_datasets::ToolId;
use rayon::prelude::*;

use super::S1Params;
use crate::{
    Error, Feedback, Ranked, Training, TrainingQuery,
    baselines::Dense,
    oats::{
        Negatives,
        outcomes::{Sum, failed_tools, ranked, row, sums_by_tool},
        retrieval::Panels,
    },
    training::check_queries,
};

/// Refined tool vectors, with what it takes to refine them further; of
/// [`S1Params::start`](super::S1Params::start).
///
/// The vectors are those, to the bit, that a fit to all queries so far would give.
///
/// Of logged queries it keeps two sums of d doubles per tool with outcomes, so it does not grow with
/// the log, and an addition costs as much as its outcomes, the tools they name and a pass over a list of all tools. Labelled queries
/// retrieve again whenever vectors change: of these it keeps their vectors, and per round K tools a query
/// and the vectors of all tools.
#[derive(Clone, Debug)]
pub struct Refinement<'a> {
    params: S1Params,
    original: ArrayView2<'a, f32>,
    /// Q⁺ of each tool; the others never move.
    successes: Vec<Option<Sum>>,
    /// What was logged of each tool's Q⁻.
    failures: Vec<Option<Sum>>,
    labelled: Vec<Labelled>,
    /// Of each labelled query.
    vectors: Vec<Cow<'a, [f32]>>,
    /// What each labelled query retrieves, per round.
    retrieved: Vec<Vec<Vec<Ranked>>>,
    /// All tools after each round; as long as no query is labelled, after the last alone.
    refined: Vec<Array2<f32>>,
}

#[derive(Clone, Debug)]
struct Labelled {
    right: Vec<ToolId>,
    candidates: Vec<ToolId>,
    /// The best K of the tools that never move, which are the same in all rounds.
    unmoved: Vec<Ranked>,
}

impl Labelled {
    fn wrong<'q>(&'q self, retrieved: &'q [Ranked]) -> impl Iterator<Item = ToolId> + 'q {
        let tools = retrieved.iter().map(|ranked| ranked.tool);
        tools.filter(|tool| !self.right.contains(tool))
    }
}

impl<'a> Refinement<'a> {
    /// Of training data that were checked.
    pub(super) fn new(params: S1Params, training: &Training<'a>) -> Self {
        let tools = training.tools.len();
        let mut refinement = Self {
            params,
            original: training.tool_embeddings,
            successes: vec![None; tools],
            failures: vec![None; tools],
            labelled: Vec::new(),
            vectors: Vec::new(),
            retrieved: vec![Vec::new(); params.rounds],
            refined: vec![training.tool_embeddings.to_owned()],
        };
        let vectors = training.query_embeddings;
        refinement.take(&training.queries, vectors, |query| {
            Cow::Borrowed(row(&vectors, query))
        });
        refinement
    }

    /// Adds training queries with their unit vectors (queries × d) and refines what they touch. Gives
    /// the tools whose vectors changed, in rising order.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Vector`], naming the query; then nothing is added.
    pub fn add(
        &mut self,
        queries: &[TrainingQuery<'_>],
        embeddings: ArrayView2<'_, f32>,
    ) -> Result<Vec<ToolId>, Error> {
        check_queries(queries, embeddings, self.original.dim())?;
        Ok(self.take(queries, embeddings, |query| {
            Cow::Owned(row(&embeddings, query).to_vec())
        }))
    }

    /// The refined unit vectors (tools × d).
    pub fn tool_embeddings(&self) -> ArrayView2<'_, f32> {
        match self.refined.last() {
            Some(refined) => refined.view(),
            None => self.original.view(),
        }
    }

    /// All unit vectors (tools × d) after so many rounds, 0 to N: what the next round retrieves with. `None`
    /// beyond, and, as long as no query is labelled, between: then only the first and the last are there.
    pub fn after(&self, rounds: usize) -> Option<ArrayView2<'_, f32>> {
        match rounds {
            0 => Some(self.original.view()),
            last if last == self.params.rounds => Some(self.tool_embeddings()),
            _ if self.labelled.is_empty() => None,
            between => self.refined.get(between - 1).map(Array2::view),
        }
    }

    /// What labelled queries add to the tool's Q⁻ in a round, 1 to N: those that retrieved it although it is
    /// wrong for them, as positions among the labelled queries in rising order. None in other rounds.
    ///
    /// # Panics
    /// If there is no such tool.
    pub fn retrieved_wrongly(&self, round: usize, tool: ToolId) -> Vec<usize> {
        assert!(tool < self.successes.len(), "there is no tool {tool}");
        let retrieved = round.checked_sub(1).and_then(|at| self.retrieved.get(at));
        let lists = retrieved.into_iter().flatten().enumerate();
        lists
            .filter(|(query, list)| self.labelled[*query].wrong(list).any(|wrong| wrong == tool))
            .map(|(query, _)| query)
            .collect()
    }

    /// Serves the refined vectors.
    pub fn into_router(mut self) -> Dense {
        Dense::new(match self.refined.pop() {
            Some(refined) => refined,
            None => self.original.to_owned(),
        })
    }

    fn take(
        &mut self,
        queries: &[TrainingQuery<'_>],
        vectors: ArrayView2<'_, f32>,
        keep: impl Fn(usize) -> Cow<'a, [f32]>,
    ) -> Vec<ToolId> {
        let unmoved = |refinement: &Self| -> Vec<bool> {
            refinement.successes.iter().map(Option::is_none).collect()
        };
        let before = unmoved(self);
        let mut touched = self.count(queries, vectors);
        let begins_to_move: Vec<bool> = before
            .iter()
            .zip(&self.successes)
            .map(|(&unmoved, successes)| unmoved && successes.is_some())
            .collect();

        let first_new = self.labelled.len();
        for (query, asked) in queries.iter().enumerate() {
            if asked.feedback == Feedback::Complete {
                self.vectors.push(keep(query));
                self.labelled.push(Labelled {
                    right: asked.right_tools().collect(),
                    candidates: match self.params.negatives {
                        Negatives::Catalogue => Vec::new(),
                        Negatives::Candidates => asked.candidates.to_vec(),
                    },
                    unmoved: Vec::new(),
                });
            }
        }
        if self.labelled.is_empty() || self.params.rounds == 0 {
            return self.refine_without_retrieval(touched);
        }
        if first_new == 0 {
            // From here on every round needs vectors to retrieve with.
            let before = vec![self.original.to_owned(); self.params.rounds - 1];
            self.refined.splice(0..0, before);
            touched = (0..self.successes.len()).collect();
        }
        self.retrieve_unmoved(first_new, &begins_to_move);
        let mut changed = Vec::new();
        for round in 0..self.params.rounds {
            let mut affected = self.retrieve(round, &changed, first_new);
            for &tool in touched.iter().chain(&changed) {
                affected[tool] = true;
            }
            changed = self.refine_round(round, &affected);
        }
        changed
    }

    /// Adds to Q⁺ and to what was logged of Q⁻. Gives the tools of either, in rising order.
    fn count(
        &mut self,
        queries: &[TrainingQuery<'_>],
        vectors: ArrayView2<'_, f32>,
    ) -> Vec<ToolId> {
        let pairs = |query, tools: Vec<ToolId>| tools.into_iter().map(move |tool| (query, tool));
        let successes: Vec<_> = (queries.iter().enumerate())
            .flat_map(|(query, asked)| asked.right_tools().map(move |tool| (query, tool)))
            .collect();
        let failures: Vec<_> = (queries.iter().enumerate())
            .flat_map(|(query, asked)| pairs(query, failed_tools(asked)))
            .collect();
        let mut touched = Vec::new();
        for (sums, pairs) in [
            (&mut self.successes, successes),
            (&mut self.failures, failures),
        ] {
            let of_tool = |tool: ToolId| sums[tool].as_ref();
            let vector = |query| row(&vectors, query);
            for (tool, sum) in sums_by_tool(&pairs, sums.len(), vector, of_tool) {
                sums[tool] = Some(sum);
                touched.push(tool);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    fn refine_without_retrieval(&mut self, touched: Vec<ToolId>) -> Vec<ToolId> {
        let refine = |tool: ToolId| {
            let mut vector = self.original.row(tool).to_owned();
            for _ in 0..self.params.rounds {
                vector = self.moved(tool, vector.view(), self.failures[tool].as_ref())?;
            }
            Some((tool, vector))
        };
        let moved = touched.into_par_iter().filter_map(refine).collect();
        self.replace(0, moved)
    }

    /// Puts vectors in their places and gives the tools for which that made a difference.
    fn replace(&mut self, round: usize, vectors: Vec<(ToolId, Array1<f32>)>) -> Vec<ToolId> {
        let mut changed = Vec::new();
        for (tool, vector) in vectors {
            let mut place = self.refined[round].row_mut(tool);
            if place != vector {
                place.assign(&vector);
                changed.push(tool);
            }
        }
        changed
    }

    /// The best unmoved tools of new queries, and of those that had a tool among them that begins to
    /// move.
    fn retrieve_unmoved(&mut self, first_new: usize, begins_to_move: &[bool]) {
        if self.params.negatives == Negatives::Candidates {
            return;
        }
        let is_stale = |query: &usize| {
            let mut unmoved = self.labelled[*query].unmoved.iter();
            *query >= first_new || unmoved.any(|ranked| begins_to_move[ranked.tool])
        };
        let stale: Vec<usize> = (0..self.labelled.len()).filter(is_stale).collect();
        let unmoved = self.tools(|successes| successes.is_none());
        let requests: Vec<(&[f32], &[Ranked])> = stale
            .iter()
            .map(|&query| (&*self.vectors[query], &[][..]))
            .collect();
        let best = Panels::new(self.original, unmoved).best(&requests, self.params.top_k);
        for (query, best) in stale.into_iter().zip(best) {
            self.labelled[query].unmoved = best;
        }
    }

    /// What the queries retrieve in a round for whose start the vectors of the tools `changed`. Gives,
    /// for each tool, whether that changes its Q⁻.
    fn retrieve(&mut self, round: usize, changed: &[ToolId], first_new: usize) -> Vec<bool> {
        let mut is_changed = vec![false; self.successes.len()];
        for &tool in changed {
            is_changed[tool] = true;
        }
        self.retrieved[round].resize(self.labelled.len(), Vec::new());
        let lists = match self.params.negatives {
            Negatives::Catalogue => {
                self.retrieve_in_catalogue(round, &is_changed, changed, first_new)
            }
            Negatives::Candidates => self.retrieve_in_candidates(round, &is_changed, first_new),
        };

        let mut affected = vec![false; self.successes.len()];
        let mut was_wrong = vec![false; self.successes.len()];
        for (query, list) in lists {
            let asked = &self.labelled[query];
            let old = std::mem::replace(&mut self.retrieved[round][query], list);
            for tool in asked.wrong(&old) {
                was_wrong[tool] = true;
            }
            for tool in asked.wrong(&self.retrieved[round][query]) {
                affected[tool] |= !was_wrong[tool];
                was_wrong[tool] = false;
            }
            for tool in asked.wrong(&old) {
                affected[tool] |= was_wrong[tool];
                was_wrong[tool] = false;
            }
        }
        affected
    }

    fn retrieve_in_catalogue(
        &self,
        round: usize,
        is_changed: &[bool],
        changed: &[ToolId],
        first_new: usize,
    ) -> Vec<(usize, Vec<Ranked>)> {
        let (vectors, k) = (self.start(round), self.params.top_k);
        let mut lists = Vec::new();
        let mut whole: Vec<usize> = Vec::new();
        if !changed.is_empty() && first_new > 0 {
            let old = &self.retrieved[round][..first_new];
            let still_right = |list: &Vec<Ranked>| -> Vec<Ranked> {
                let kept = list.iter().filter(|ranked| !is_changed[ranked.tool]);
                kept.copied().collect()
            };
            let known: Vec<Vec<Ranked>> = old.iter().map(still_right).collect();
            let requests: Vec<(&[f32], &[Ranked])> = known
                .iter()
                .enumerate()
                .map(|(query, known)| (&*self.vectors[query], known.as_slice()))
                .collect();
            let best = Panels::new(vectors, changed.to_vec()).best(&requests, k);
            for (query, (old, new)) in old.iter().zip(best).enumerate() {
                // Tools that are not on the list and did not change are behind the list's last. If
                // that is not where the new list ends, one of them may belong on it.
                let complete = match (old.last(), new.last()) {
                    (Some(old), Some(new)) => new.score > old.score || new == old,
                    _ => true,
                };
                if old.len() < k || complete {
                    lists.push((query, new));
                } else {
                    whole.push(query);
                }
            }
        }
        whole.extend(first_new..self.labelled.len());
        if !whole.is_empty() {
            let moving = Panels::new(vectors, self.tools(|successes| successes.is_some()));
            let requests: Vec<(&[f32], &[Ranked])> = whole
                .iter()
                .map(|&query| {
                    (
                        &*self.vectors[query],
                        self.labelled[query].unmoved.as_slice(),
                    )
                })
                .collect();
            lists.extend(whole.iter().copied().zip(moving.best(&requests, k)));
        }
        lists
    }

    fn retrieve_in_candidates(
        &self,
        round: usize,
        is_changed: &[bool],
        first_new: usize,
    ) -> Vec<(usize, Vec<Ranked>)> {
        let vectors = self.start(round);
        self.labelled
            .par_iter()
            .enumerate()
            .filter(|(query, asked)| {
                *query >= first_new || asked.candidates.iter().any(|&tool| is_changed[tool])
            })
            .map(|(query, asked)| {
                let vector = ArrayView1::from(&*self.vectors[query]);
                let list = asked.candidates.clone();
                (query, ranked(vector, vectors, list, self.params.top_k))
            })
            .collect()
    }

    /// The vectors that a round starts with.
    fn start(&self, round: usize) -> ArrayView2<'_, f32> {
        match round.checked_sub(1) {
            Some(last) => self.refined[last].view(),
            None => self.original.view(),
        }
    }

    /// Moves the `affected` tools. Gives those whose vectors after the round changed, in rising order.
    fn refine_round(&mut self, round: usize, affected: &[bool]) -> Vec<ToolId> {
        let is_affected = |tool: ToolId| affected[tool] && self.successes[tool].is_some();
        let pairs: Vec<(usize, ToolId)> = self.retrieved[round]
            .par_iter()
            .enumerate()
            .flat_map_iter(|(query, retrieved)| {
                let wrong = self.labelled[query].wrong(retrieved);
                wrong.map(move |tool| (query, tool))
            })
            .filter(|&(_, tool)| is_affected(tool))
            .collect();
        let vector = |query: usize| &*self.vectors[query];
        let before = |tool: ToolId| self.failures[tool].as_ref();
        let mut negatives: Vec<Option<Sum>> = vec![None; affected.len()];
        for (tool, sum) in sums_by_tool(&pairs, affected.len(), vector, before) {
            negatives[tool] = Some(sum);
        }
        let start = self.start(round);
        let moved = (0..affected.len())
            .into_par_iter()
            .filter(|&tool| is_affected(tool))
            .filter_map(|tool| {
                let negative = negatives[tool].as_ref().or(self.failures[tool].as_ref());
                Some((tool, self.moved(tool, start.row(tool), negative)?))
            })
            .collect();
        self.replace(round, moved)
    }

    /// Where a tool goes from `start` in one round; `None` if it never moves.
    fn moved(
        &self,
        tool: ToolId,
        start: ArrayView1<'_, f32>,
        negative: Option<&Sum>,
    ) -> Option<Array1<f32>> {
        let (alpha, beta) = (f64::from(self.params.alpha), f64::from(self.params.beta));
        let positive = self.successes[tool].as_ref()?.mean();
        let start = if self.params.anchored {
            self.original.row(tool)
        } else {
            start.reborrow()
        };
        let mut vector = start.mapv(f64::from) * (1.0 - alpha) + positive * alpha;
        if let Some(negative) = negative {
            vector.scaled_add(-beta, &negative.mean());
        }
        let norm = vector.dot(&vector).sqrt();
        // Opposite pulls can cancel out; what is left is rounding, and the tool keeps its vector.
        Some(if norm > 1e-6 {
            vector.mapv(|x| (x / norm) as f32)
        } else {
            start.to_owned()
        })
    }

    fn tools(&self, pick: impl Fn(&Option<Sum>) -> bool) -> Vec<ToolId> {
        let tools = self.successes.iter().enumerate();
        tools
            .filter(|(_, successes)| pick(successes))
            .map(|(tool, _)| tool)
            .collect()
    }
}
