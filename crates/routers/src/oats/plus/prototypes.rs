//! Tool vectors that shrink from the mean of a tool's outcomes to its description.

use ndarray::{Array1, Array2, ArrayView1, Axis, Zip};
use oats_datasets::{ToolId, split::group_texts};

use super::PlusParams;
use crate::{
    Training,
    oats::outcomes::{Sum, row, sums_by_tool},
};

/// Every tool's prototype; and for every pair of a training query and a tool that is right for it, the tool's
/// prototype as it would be had nobody asked that query, or as it is where nothing is to be left out.
pub(super) struct Prototypes {
    /// Tools × d: (1 − αᵢ)·eᵢ + αᵢ·x̄ᵢ, which is shorter than a unit vector.
    pub(super) tools: Array2<f32>,
    /// nᵢ of each tool: the distinct texts that it was right for.
    pub(super) counts: Vec<usize>,
    /// The pairs, ordered by query; of more than 20,000 so many, evenly spread.
    pub(super) pairs: Vec<Pair>,
    /// Pairs × d.
    pub(super) left_out: Array2<f32>,
}

/// A training query and a tool that is right for it.
pub(super) struct Pair {
    pub(super) query: usize,
    pub(super) tool: ToolId,
    /// The other tools that are right for the query's text.
    pub(super) also_right: Vec<ToolId>,
}

/// More pairs than that are not learned from, only averaged: a fit takes seconds however long a log is.
const MOST_PAIRS: usize = 20_000;

impl Prototypes {
    pub(super) fn new(params: &PlusParams, training: &Training<'_>) -> Self {
        let queries = &training.queries;
        // Of each query, the first with the same text, and the tools that are right for the text.
        let mut first = vec![0; queries.len()];
        let mut right = vec![Vec::new(); queries.len()];
        let mut distinct = Vec::new();
        for text in group_texts(queries.iter().map(|query| query.text)) {
            let tools = text.iter().flat_map(|&query| queries[query].right_tools());
            let tools = each_once(tools);
            distinct.extend(tools.iter().map(|&tool| (text[0], tool)));
            for &query in &text {
                first[query] = text[0];
                right[query].clone_from(&tools);
            }
        }

        let original = training.tool_embeddings;
        let vector = |query| row(&training.query_embeddings, query);
        let mut sums: Vec<Option<Sum>> = vec![None; original.nrows()];
        for (tool, sum) in sums_by_tool(&distinct, sums.len(), vector, |_| None) {
            sums[tool] = Some(sum);
        }
        let mut tools = original.to_owned();
        for (mut prototype, sum) in tools.rows_mut().into_iter().zip(&sums) {
            if let Some(sum) = sum {
                let shrunk = params.shrunk(prototype.view(), sum.total(), sum.count());
                prototype.assign(&shrunk);
            }
        }

        let mut pairs = Vec::new();
        for (query, asked) in queries.iter().enumerate() {
            for tool in each_once(asked.right_tools()) {
                let mut also_right = right[query].clone();
                also_right.retain(|&other| other != tool);
                pairs.push(Pair {
                    query,
                    tool,
                    also_right,
                });
            }
        }
        if pairs.len() > MOST_PAIRS {
            let (there, mut place) = (pairs.len(), 0);
            pairs.retain(|_| {
                place += 1;
                place * MOST_PAIRS / there > (place - 1) * MOST_PAIRS / there
            });
        }
        let of_pairs: Vec<ToolId> = pairs.iter().map(|pair| pair.tool).collect();
        let mut left_out = tools.select(Axis(0), &of_pairs);
        for (mut prototype, pair) in left_out.rows_mut().into_iter().zip(&pairs) {
            let Some(sum) = sums[pair.tool].as_ref().filter(|_| params.leave_out) else {
                continue;
            };
            let mut others = sum.total().to_owned();
            Zip::from(&mut others)
                .and(training.query_embeddings.row(first[pair.query]))
                .for_each(|sum, &x| *sum -= f64::from(x));
            let original = original.row(pair.tool);
            prototype.assign(&params.shrunk(original, others.view(), sum.count() - 1));
        }
        Self {
            tools,
            counts: sums
                .iter()
                .map(|sum| sum.as_ref().map_or(0, Sum::count))
                .collect(),
            pairs,
            left_out,
        }
    }
}

fn each_once(tools: impl Iterator<Item = ToolId>) -> Vec<ToolId> {
    let mut tools: Vec<ToolId> = tools.collect();
    tools.sort_unstable();
    tools.dedup();
    tools
}

impl PlusParams {
    /// The prototype of a tool with so many outcomes, of their sum.
    fn shrunk(
        &self,
        original: ArrayView1<'_, f32>,
        sum: ArrayView1<'_, f64>,
        outcomes: usize,
    ) -> Array1<f32> {
        if outcomes == 0 {
            return original.to_owned();
        }
        let n = outcomes as f64;
        let alpha = self.pull * n / (n + self.half);
        Zip::from(original)
            .and(sum)
            .map_collect(|&e, &sum| ((1.0 - alpha) * f64::from(e) + alpha * sum / n) as f32)
    }
}
