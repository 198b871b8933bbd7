//! Weights of words and vectors with a deviation and an offset per tool, by maximum likelihood.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use oats_datasets::ToolId;
use rayon::prelude::*;

use crate::{
    Error, State, Training,
    baselines::{Bm25, Dense},
    convex::minimise,
};

/// A tool's score: cosine·cos(q, t) + words_t·bm25(q, t) + offset_t.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Calibration {
    /// The weight of the cosine.
    cosine: f32,
    /// By tool, the weight of its BM25 score.
    words: Array1<f32>,
    /// By tool.
    offsets: Array1<f32>,
}

impl Calibration {
    /// Cosines alone.
    pub(super) fn none(tools: usize) -> Self {
        Self {
            cosine: 1.0,
            words: Array1::zeros(tools),
            offsets: Array1::zeros(tools),
        }
    }

    pub(super) fn score(&self, tool: ToolId, cosine: f32, words: f32) -> f32 {
        self.cosine * cosine + self.words[tool] * words + self.offsets[tool]
    }

    pub(super) fn state(&self) -> State {
        let mut state = State::default();
        state.note("cosine", self.cosine);
        state.put("words", &self.words);
        state.put("offsets", &self.offsets);
        state
    }

    pub(super) fn restore(state: &State, tools: usize) -> Result<Self, Error> {
        let calibration = Self {
            cosine: state.read("cosine")?,
            words: state.array("words")?,
            offsets: state.array("offsets")?,
        };
        if [calibration.words.len(), calibration.offsets.len()] == [tools, tools] {
            Ok(calibration)
        } else {
            let problem = "it has another number of offsets than of tools";
            Err(Error::State(problem.to_owned()))
        }
    }
}

/// Keeps the shared weights finite where the training queries leave no doubt, by so little that nothing else is
/// moved.
const SHARED_PENALTY: f64 = 1e-3;

/// Of the mean loss's gradient: less than makes a difference to a ranking.
const TOLERANCE: f64 = 1e-6;
const MAX_STEPS: usize = 1_000;

/// Queries whose part of the gradient is summed at once. Fixed, so that sums have the same order in any number of
/// threads.
const CHUNK: usize = 64;

/// The likelihood of the right tools: what does not depend on the weights.
pub(super) struct Likelihood {
    catalogue: usize,
    /// The tools that are right for some query, in rising order: the classes.
    known: Vec<ToolId>,
    /// Queries × known tools.
    cosines: Array2<f32>,
    /// Queries × known tools, divided by `scale`.
    words: Array2<f32>,
    /// The mean of the queries' best BM25 scores, so that weights of words are comparable with offsets.
    scale: f64,
    /// By query, the places of its right tools in `known`; never none.
    right: Vec<Vec<usize>>,
}

impl Likelihood {
    /// Of the training queries that have a right tool; `None` if there is no such query.
    pub(super) fn new(training: &Training<'_>, words: &Bm25, vectors: &Dense) -> Option<Self> {
        let tools = vectors.tool_embeddings();
        let mut known: Vec<ToolId> = training
            .queries
            .iter()
            .flat_map(|asked| asked.right_tools())
            .collect();
        known.sort_unstable();
        known.dedup();
        let rows: Vec<usize> = (0..training.queries.len())
            .filter(|&row| !training.queries[row].relevant.is_empty())
            .collect();
        if rows.is_empty() {
            return None;
        }
        let found: Vec<Vec<f32>> = rows
            .par_iter()
            .map(|&row| words.scores(training.queries[row].text))
            .collect();
        let best = |scores: &Vec<f32>| f64::from(scores.iter().copied().fold(0.0, f32::max));
        let mean = found.iter().map(best).sum::<f64>() / rows.len() as f64;
        let scale = if mean > 0.0 { mean } else { 1.0 };
        let shape = (rows.len(), known.len());
        let place = |tool| known.binary_search(&tool).ok();
        Some(Self {
            catalogue: tools.nrows(),
            cosines: training
                .query_embeddings
                .select(Axis(0), &rows)
                .dot(&tools.select(Axis(0), &known).t()),
            words: Array2::from_shape_fn(shape, |(row, column)| {
                (f64::from(found[row][known[column]]) / scale) as f32
            }),
            scale,
            right: rows
                .iter()
                .map(|&row| {
                    let right = training.queries[row].right_tools();
                    let mut places: Vec<usize> = right.filter_map(place).collect();
                    places.sort_unstable();
                    places.dedup();
                    places
                })
                .collect(),
            known,
        })
    }

    /// The most likely weights under a penalty (above 0).
    ///
    /// # Errors
    /// What the minimiser says.
    pub(super) fn calibrate(&self, penalty: f64) -> Result<Calibration, String> {
        let start = Array1::zeros(2 + 2 * self.known.len());
        let at = minimise(|at| self.loss(at, penalty), start, TOLERANCE, MAX_STEPS)?;
        let weights = Weights::of(&at);
        let mut calibration = Calibration {
            cosine: weights.cosine as f32,
            words: Array1::from_elem(self.catalogue, (weights.words / self.scale) as f32),
            offsets: Array1::zeros(self.catalogue),
        };
        for (place, &tool) in self.known.iter().enumerate() {
            let of_words = weights.words + weights.deviations[place];
            calibration.words[tool] = (of_words / self.scale) as f32;
            calibration.offsets[tool] = weights.offsets[place] as f32;
        }
        Ok(calibration)
    }

    /// The mean cross-entropy with the penalties, and its gradient.
    fn loss(&self, at: &Array1<f64>, penalty: f64) -> (f64, Array1<f64>) {
        let weights = Weights::of(at);
        let queries: Vec<usize> = (0..self.right.len()).collect();
        let parts: Vec<(f64, Array1<f64>)> = queries
            .par_chunks(CHUNK)
            .map(|queries| {
                let (mut loss, mut gradient) = (0.0, Array1::zeros(at.len()));
                for &query in queries {
                    loss += self.add_query(query, &weights, &mut gradient);
                }
                (loss, gradient)
            })
            .collect();
        let (mut loss, mut gradient) = (0.0, Array1::zeros(at.len()));
        for (of_part, slope) in parts {
            loss += of_part;
            gradient += &slope;
        }
        for (place, (&x, slope)) in at.iter().zip(&mut gradient).enumerate() {
            let penalty = if place < 2 { SHARED_PENALTY } else { penalty };
            loss += penalty / 2.0 * x * x;
            *slope += penalty * x;
        }
        let count = self.right.len() as f64;
        (loss / count, gradient / count)
    }

    /// A query's cross-entropy, whose gradient is added.
    fn add_query(&self, query: usize, weights: &Weights<'_>, gradient: &mut Array1<f64>) -> f64 {
        let (cosines, words) = (self.cosines.row(query), self.words.row(query));
        let score = |place: usize| {
            weights.cosine * f64::from(cosines[place])
                + (weights.words + weights.deviations[place]) * f64::from(words[place])
                + weights.offsets[place]
        };
        let count = self.known.len();
        let scores: Vec<f64> = (0..count).map(score).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        let log_total = most + total.ln();
        let right = &self.right[query];
        let share = 1.0 / right.len() as f64;
        let mut loss = 0.0;
        for (place, score) in scores.iter().enumerate() {
            let mut off = (score - log_total).exp();
            if right.binary_search(&place).is_ok() {
                loss += share * (log_total - score);
                off -= share;
            }
            let of_words = off * f64::from(words[place]);
            gradient[0] += off * f64::from(cosines[place]);
            gradient[1] += of_words;
            gradient[2 + place] += of_words;
            gradient[2 + count + place] += off;
        }
        loss
    }
}

/// The parameters, as they stand in one array: those of all tools first.
struct Weights<'a> {
    cosine: f64,
    words: f64,
    deviations: ArrayView1<'a, f64>,
    offsets: ArrayView1<'a, f64>,
}

impl<'a> Weights<'a> {
    fn of(at: &'a Array1<f64>) -> Self {
        let (shared, of_tools) = at.view().split_at(Axis(0), 2);
        let half = of_tools.len() / 2;
        let (deviations, offsets) = of_tools.split_at(Axis(0), half);
        Self {
            cosine: shared[0],
            words: shared[1],
            deviations,
            offsets,
        }
    }
}
