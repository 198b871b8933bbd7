//! The offset of tools without outcomes, found by rehearsing what becomes of such tools.

use std::{collections::HashSet, num::NonZeroUsize};

use ndarray::{Array2, ArrayView2, Axis};
use oats_datasets::ToolId;
use oats_metrics::Metric;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{PlusParams, fitted::Fitted};
use crate::{Error, Request, Training, top_k};

/// One in so many tools with outcomes is held out.
const ONE_IN: usize = 5;
/// So many of the held-out requests are ranked; they tell offsets apart well enough.
const MOST_REQUESTS: usize = 1000;
/// The offsets that are tried, from 0 on, in hundredths.
const HUNDREDTHS: u16 = 30;
/// What a ranking is judged by.
const METRICS: [Metric; 2] = [
    Metric::Recall(NonZeroUsize::new(1).expect("not zero")),
    Metric::Ndcg(NonZeroUsize::new(DEPTH).expect("not zero")),
];
/// The deepest cut-off of these.
const DEPTH: usize = 5;

/// c: a fifth of the tools with outcomes are taken for tools without, and the rest is fitted; the smallest offset
/// with which the requests of the former find them as well among the latter as with the tools' own embeddings, by
/// Recall@1 and by NDCG@5. Other tools without outcomes are not in the way, for no offset moves them apart. 0 where there are no
/// requests to tell, 0.3 at most.
pub(super) fn offset_of_unknown(
    params: &PlusParams,
    training: &Training<'_>,
) -> Result<f32, Error> {
    let held_out = some_known_tools(training);
    let right = |row: &usize| training.queries[*row].right_tools();
    let rows = || 0..training.queries.len();
    let fit: Vec<usize> = rows()
        .filter(|row| right(row).all(|tool| !held_out.contains(&tool)))
        .collect();
    let judged: Vec<usize> = rows()
        .filter(|row| right(row).count() > 0 && right(row).all(|tool| held_out.contains(&tool)))
        .collect();
    let step = judged.len().div_ceil(MOST_REQUESTS).max(1);
    let judged: Vec<usize> = judged.into_iter().step_by(step).collect();
    if judged.is_empty() {
        return Ok(0.0);
    }
    let fitted = Fitted::new(params, &training.part(&fit).view())?;
    let queries = training.query_embeddings.select(Axis(0), &judged);
    let scores = |tools: ArrayView2<'_, f32>| queries.dot(&tools.t());
    let quality =
        |scores: &Array2<f32>, offset: f32| qualities(training, &judged, &fitted, scores, offset);
    let wanted = quality(&scores(training.tool_embeddings), 0.0);
    let scores = scores(fitted.tools.view());
    let offset_of = |hundredths: u16| f32::from(hundredths) / 100.0;
    Ok((0..HUNDREDTHS)
        .map(offset_of)
        .find(|&offset| {
            let reached = quality(&scores, offset);
            (reached.iter().zip(wanted)).all(|(&reached, wanted)| reached >= wanted)
        })
        .unwrap_or(offset_of(HUNDREDTHS)))
}

fn some_known_tools(training: &Training<'_>) -> HashSet<ToolId> {
    let right = training
        .queries
        .iter()
        .flat_map(|query| query.right_tools());
    let mut known: Vec<ToolId> = right.collect();
    known.sort_unstable();
    known.dedup();
    known.shuffle(&mut ChaCha8Rng::seed_from_u64(training.seed));
    known.truncate(known.len() / ONE_IN);
    known.into_iter().collect()
}

/// Of some training queries, by the scores of all tools for them (queries × tools): the sums of [`METRICS`] over those
/// tools that have outcomes in the fit, and the right ones, which have the offset.
fn qualities(
    training: &Training<'_>,
    rows: &[usize],
    fitted: &Fitted,
    scores: &Array2<f32>,
    offset: f32,
) -> [f64; METRICS.len()] {
    let judge = |(place, &row): (usize, &usize)| {
        let asked = &training.queries[row];
        let competes = |tool: &ToolId| fitted.is_known(*tool) || asked.is_relevant(*tool);
        let competing: Vec<ToolId> = (0..scores.ncols()).filter(competes).collect();
        let score = |tool: ToolId| match fitted.is_known(tool) {
            true => scores[[place, tool]],
            false => scores[[place, tool]] + offset,
        };
        let request = Request {
            candidates: Some(&competing),
            ..training.request(row)
        };
        let ranking = top_k(&request, scores.ncols(), DEPTH, score);
        let tools: Vec<ToolId> = ranking.iter().map(|ranked| ranked.tool).collect();
        METRICS.map(|metric| metric.score(&tools, &asked.relevant))
    };
    let of_rows: Vec<[f64; METRICS.len()]> = rows.par_iter().enumerate().map(judge).collect();
    std::array::from_fn(|metric| of_rows.iter().map(|scores| scores[metric]).sum())
}
