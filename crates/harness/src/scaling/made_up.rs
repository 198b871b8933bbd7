//! Vectors, tools and outcomes that stand for real ones where only their number matters.

use ndarray::{Array2, Axis};
use oats_datasets::{Outcome, Query, Tool};
use oats_routers::{Progress, Training, TrainingQuery};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rows that one generator fills; fixed, so that the threads change nothing.
const BLOCK: usize = 1024;

/// Unit vectors of random direction, a row each.
pub(super) fn unit_vectors(rows: usize, dimension: usize, seed: u64) -> Array2<f32> {
    let mut vectors = Array2::zeros((rows, dimension));
    vectors
        .axis_chunks_iter_mut(Axis(0), BLOCK)
        .into_par_iter()
        .enumerate()
        .for_each(|(block, mut rows)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(block as u64);
            for mut row in rows.rows_mut() {
                row.mapv_inplace(|_: f32| rng.random_range(-1.0..1.0f32));
                let norm = row.dot(&row).sqrt();
                row /= norm;
            }
        });
    vectors
}

/// A catalogue, and queries with an outcome each.
pub(super) struct Problem {
    tools: Vec<Tool>,
    tool_embeddings: Array2<f32>,
    queries: Vec<Query>,
    query_embeddings: Array2<f32>,
    is_logged: bool,
}

impl Problem {
    /// Every query has a right tool, in turn. Of logged ones every second was shown a wrong one.
    pub(super) fn new(tools: usize, queries: usize, dimension: usize, is_logged: bool) -> Self {
        let query = |number: usize| Query {
            id: String::new(),
            text: String::new(),
            relevant: vec![(number % tools, 1)],
            candidates: Vec::new(),
            subsets: Vec::new(),
            scenario: None,
        };
        Self {
            tools: (0..tools)
                .map(|tool| Tool::new(format!("tool {tool}"), ""))
                .collect(),
            tool_embeddings: unit_vectors(tools, dimension, 0),
            queries: (0..queries).map(query).collect(),
            query_embeddings: unit_vectors(queries, dimension, 1),
            is_logged,
        }
    }

    /// The queries of a range, to learn from.
    pub(super) fn training(&self, range: std::ops::Range<usize>) -> Training<'_> {
        let queries = self.queries[range.clone()].iter().zip(range.clone());
        Training {
            tools: &self.tools,
            tool_embeddings: self.tool_embeddings.view(),
            queries: queries
                .map(|(query, number)| self.seen(query, number))
                .collect(),
            query_embeddings: self.query_embeddings.slice_axis(Axis(0), range.into()),
            seed: 0,
            llm: None,
            progress: Progress::silent(),
        }
    }

    fn seen<'q>(&self, query: &'q Query, number: usize) -> TrainingQuery<'q> {
        if !self.is_logged {
            return query.into();
        }
        let (right, _) = query.relevant[0];
        let failed = number % 2 == 1;
        let outcome = Outcome {
            tool: if failed {
                (right + 1) % self.tools.len()
            } else {
                right
            },
            success: !failed,
            propensity: 1.0,
        };
        TrainingQuery::logged(query, vec![outcome])
    }
}
