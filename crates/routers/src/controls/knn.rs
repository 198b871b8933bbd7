//! `knn`: the training queries nearest to the request vote for their right tools.
//!
//! Of the training queries with a right tool, the k of highest cosine with the request vote; queries
//! with the same normalised text, as a log repeats them, are one voter for all their right tools. The
//! i-th of them has the weight
//!
//! > wᵢ = exp(cosᵢ / τ) / Σⱼ exp(cosⱼ / τ)
//!
//! and gives it to each of its right tools, whatever their grades. In logged training data only
//! successes vote. A request that stands in training finds itself: that is what memorising is.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView1, Axis};
use oats_datasets::{ToolId, split::group_texts};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training,
    baselines::Dense,
    router::{ABOVE_COSINES, top_k},
};

/// Hyper-parameters. The defaults did best on held-out training queries of MetaTool and of the
/// built-in benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnnParams {
    /// k, how many distinct training queries vote; at least 1.
    pub neighbours: usize,
    /// τ: the nearer to 0, the more the nearest queries outweigh the others; above 0.
    pub temperature: f32,
}

impl Default for KnnParams {
    fn default() -> Self {
        Self {
            neighbours: 30,
            temperature: 0.1,
        }
    }
}

impl RouterKind for KnnParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        let setting = |field, value: &dyn ToString, expected| {
            Err(Error::setting("knn", field, value, expected))
        };
        if self.neighbours == 0 {
            return setting("neighbours", &self.neighbours, "at least 1");
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return setting("temperature", &self.temperature, "a number above 0");
        }
        Ok(())
    }

    /// Keeps the training queries that have a right tool.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        let tools = Dense::fit(training)?;
        let (mut rows, mut votes) = (Vec::new(), Vec::new());
        for same_text in group_texts(training.queries.iter().map(|query| query.text)) {
            let right = same_text
                .iter()
                .flat_map(|&row| training.queries[row].right_tools());
            let right: BTreeSet<ToolId> = right.collect();
            if !right.is_empty() {
                rows.push(same_text[0]);
                votes.push(right.into_iter().collect());
            }
        }
        Ok(Box::new(Knn {
            params: *self,
            tools,
            queries: training.query_embeddings.select(Axis(0), &rows),
            votes,
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let knn = Knn {
            params: *self,
            tools: Dense::restore(&state.nested("base"))?,
            queries: state.array("queries")?,
            votes: state.read("votes")?,
        };
        let (tools, d) = knn.tools.tool_embeddings().dim();
        if knn.queries.dim() != (knn.votes.len(), d)
            || knn.votes.iter().flatten().any(|&tool| tool >= tools)
        {
            return Err(Error::State(
                "its votes, queries and tools do not fit together".to_owned(),
            ));
        }
        Ok(Box::new(knn))
    }
}

/// Training queries, and whom they vote for.
struct Knn {
    params: KnnParams,
    tools: Dense,
    /// Training queries × d.
    queries: Array2<f32>,
    /// The right tools of each.
    votes: Vec<Vec<ToolId>>,
}

impl Knn {
    /// Each tool's sum of weights, 0 to 1.
    fn count_votes(&self, query: ArrayView1<'_, f32>) -> Vec<f32> {
        let mut counts = vec![0.0; self.tools.tool_embeddings().nrows()];
        let mut nearest: Vec<(usize, f32)> =
            self.queries.dot(&query).into_iter().enumerate().collect();
        let nearest_first =
            |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if self.params.neighbours < nearest.len() {
            nearest.select_nth_unstable_by(self.params.neighbours, nearest_first);
            nearest.truncate(self.params.neighbours);
        }
        nearest.sort_unstable_by(nearest_first);
        let Some(&(_, best)) = nearest.first() else {
            return counts;
        };
        // The best cosine is taken off, so that no exponential overflows.
        let weights: Vec<f32> = nearest
            .iter()
            .map(|(_, cosine)| ((cosine - best) / self.params.temperature).exp())
            .collect();
        let total: f32 = weights.iter().sum();
        for ((row, _), weight) in nearest.into_iter().zip(weights) {
            for &tool in &self.votes[row] {
                counts[tool] += weight / total;
            }
        }
        counts
    }
}

impl Router for Knn {
    /// A tool's score is 2 plus its votes' weights, so 2 to 3; a tool without votes ranks behind, by
    /// the cosine with its own vector.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let query = ArrayView1::from(request.embedding);
        let votes = self.count_votes(query);
        let tools = self.tools.tool_embeddings();
        top_k(request, votes.len(), k, |tool| {
            if votes[tool] > 0.0 {
                ABOVE_COSINES + votes[tool]
            } else {
                tools.row(tool).dot(&query)
            }
        })
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.nest("base", self.tools.state());
        state.put("queries", &self.queries);
        state.note("votes", self.votes.clone());
        state
    }
}
