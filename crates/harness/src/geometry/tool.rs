//! What OATS-S1 does with one tool.

use std::collections::BTreeSet;

use ndarray::{Array1, ArrayView1, ArrayView2, Axis, stack};
use oats_datasets::{Query, ToolId};
use oats_routers::{Error, Training, oats::S1Params, scan::Vectors};

use super::Projection;
use crate::manifest::distinct_texts;

/// A tool's way through the rounds of OATS-S1. Cosines and ranks are those of the whole vectors; places are
/// their projections.
#[derive(Clone, Debug)]
pub struct ToolGeometry {
    /// By rounds, 0 to N.
    pub path: Vec<AfterRounds>,
    /// Q⁺.
    pub positives: Placed,
    /// The queries that are in Q⁻ in any round.
    pub negatives: Placed,
    /// For each test query, whether its text is in training, too.
    pub in_training: Vec<bool>,
    /// How many different texts the test queries have.
    pub test_texts: usize,
    /// The test query that is shown; `None` if the tool is right for none.
    pub example: Option<Example>,
    /// The share of the variance that each of the two axes holds, 0 to 1.
    pub shares: [f64; 2],
}

/// Some of the training queries.
#[derive(Clone, Debug)]
pub struct Placed {
    /// By position, with their places.
    pub queries: Vec<(usize, [f64; 2])>,
    /// How many different texts they have.
    pub texts: usize,
}

/// A query of the test part that the tool is right for.
#[derive(Clone, Copy, Debug)]
pub struct TestQuery<'a> {
    /// The query.
    pub query: &'a Query,
    /// Its unit vector.
    pub vector: &'a [f32],
    /// Whether its text is in training, too.
    pub in_training: bool,
}

/// A tool after some rounds.
#[derive(Clone, Debug)]
pub struct AfterRounds {
    /// Where its vector is.
    pub place: [f64; 2],
    /// The size of Q⁻ in the last of the rounds; `None` before the first.
    pub failures: Option<usize>,
    /// Its cosine to the mean of Q⁺; `None` if that is empty.
    pub to_positives: Option<f64>,
    /// Its cosine to the mean of the queries that are in Q⁻ in any round.
    pub to_negatives: Option<f64>,
    /// Its cosine to each test query.
    pub to_tests: Vec<f64>,
    /// Its rank among all tools, from 1, for each test query.
    pub ranks: Vec<usize>,
}

/// Of the test queries whose text is not in training, or of all if there is none, the one to which the tool's
/// cosine grows most, the first of equal ones.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its position among the test queries.
    pub test: usize,
    /// Where it is.
    pub place: [f64; 2],
    /// The wrong tool that came first, if one ranked above the tool before the rounds.
    pub rival: Option<Rival>,
}

/// A wrong tool before and after all rounds.
#[derive(Clone, Debug)]
pub struct Rival {
    /// Which.
    pub tool: ToolId,
    /// Where its vectors are.
    pub places: [[f64; 2]; 2],
    /// Their cosines to the test query.
    pub cosines: [f64; 2],
}

impl ToolGeometry {
    /// Refines by labelled training queries and looks at one tool, with the test queries that it is right for.
    ///
    /// # Errors
    /// Those of [`S1Params::start`].
    ///
    /// # Panics
    /// If there is no such tool, or a test query's vector has another length than the tools'.
    pub fn of(
        params: &S1Params,
        training: &Training<'_>,
        tool: ToolId,
        tests: &[TestQuery<'_>],
    ) -> Result<Self, Error> {
        let refinement = params.start(training)?;
        let by_rounds: Vec<ArrayView2<'_, f32>> = (0..=params.rounds)
            .map_while(|rounds| refinement.after(rounds))
            .collect();
        let (original, refined) = (by_rounds[0], refinement.tool_embeddings());
        let before_and_after = |tool: ToolId| [original.row(tool), refined.row(tool)];
        let asked = |query: usize| training.query_embeddings.row(query);
        let test_vector = |test: usize| ArrayView1::from(tests[test].vector);
        let positives: Vec<usize> = (0..training.queries.len())
            .filter(|&query| training.queries[query].is_relevant(tool))
            .collect();
        let negatives: BTreeSet<usize> = (1..=params.rounds)
            .flat_map(|round| refinement.retrieved_wrongly(round, tool))
            .collect();
        let gain = |test: &usize| {
            let cosine = |vector| dot(vector, test_vector(*test));
            let [before, after] = before_and_after(tool).map(cosine);
            after - before
        };
        let unseen = (0..tests.len()).filter(|&test| !tests[test].in_training);
        let test = first_of_largest(unseen, gain).or(first_of_largest(0..tests.len(), gain));
        let rival = test.and_then(|test| {
            let TestQuery { query, vector, .. } = tests[test];
            let is_right = |tool: &ToolId| query.relevant.iter().any(|(right, _)| right == tool);
            let above = above(original, tool, vector);
            above.into_iter().find(|tool| !is_right(tool))
        });

        let mut shown: Vec<ArrayView1<'_, f32>> =
            by_rounds.iter().map(|tools| tools.row(tool)).collect();
        shown.extend(
            positives
                .iter()
                .chain(&negatives)
                .map(|&query| asked(query)),
        );
        shown.extend(test.map(test_vector));
        shown.extend(rival.into_iter().flat_map(before_and_after));
        let shown = stack(Axis(0), &shown).map_err(|error| Error::Shape(error.to_string()))?;
        let projection = Projection::of(shown.view()).map_err(Error::Shape)?;

        let mean_of = |queries: &mut dyn Iterator<Item = usize>| mean(queries.map(asked));
        let to_positives = mean_of(&mut positives.iter().copied());
        let to_negatives = mean_of(&mut negatives.iter().copied());
        let path = by_rounds.iter().enumerate().map(|(rounds, tools)| {
            let vector = tools.row(tool);
            let cosine_to = |mean: &Array1<f64>| cosine(vector, mean);
            AfterRounds {
                place: projection.place(vector),
                failures: match rounds {
                    0 => None,
                    round => Some(refinement.retrieved_wrongly(round, tool).len()),
                },
                to_positives: to_positives.as_ref().map(cosine_to),
                to_negatives: to_negatives.as_ref().map(cosine_to),
                to_tests: (0..tests.len())
                    .map(|test| dot(vector, test_vector(test)))
                    .collect(),
                ranks: (tests.iter())
                    .map(|test| 1 + above(tools.view(), tool, test.vector).len())
                    .collect(),
            }
        });
        let placed = |queries: &mut dyn Iterator<Item = usize>| {
            let place = |query: usize| (query, projection.place(asked(query)));
            let queries: Vec<(usize, [f64; 2])> = queries.map(place).collect();
            let text = |&(query, _): &(usize, _)| training.queries[query].text;
            let texts = distinct_texts(queries.iter().map(text));
            Placed { queries, texts }
        };
        Ok(Self {
            path: path.collect(),
            positives: placed(&mut positives.iter().copied()),
            negatives: placed(&mut negatives.iter().copied()),
            in_training: tests.iter().map(|test| test.in_training).collect(),
            test_texts: distinct_texts(tests.iter().map(|test| test.query.text.as_str())),
            example: test.map(|test| Example {
                test,
                place: projection.place(test_vector(test)),
                rival: rival.map(|rival| Rival {
                    tool: rival,
                    places: before_and_after(rival).map(|vector| projection.place(vector)),
                    cosines: before_and_after(rival).map(|vector| dot(vector, test_vector(test))),
                }),
            }),
            shares: projection.shares,
        })
    }
}

/// The tools that rank above one of them for a query, the best first.
fn above(tools: ArrayView2<'_, f32>, tool: ToolId, query: &[f32]) -> Vec<ToolId> {
    let ranking = Vectors::new(tools.to_owned()).search(query, None, tools.nrows());
    let above = ranking.into_iter().map(|ranked| ranked.tool);
    above.take_while(|&other| other != tool).collect()
}

fn first_of_largest(
    all: impl Iterator<Item = usize>,
    value: impl Fn(&usize) -> f64,
) -> Option<usize> {
    let mut largest: Option<(usize, f64)> = None;
    for at in all {
        let value = value(&at);
        if largest.is_none_or(|(_, known)| value > known) {
            largest = Some((at, value));
        }
    }
    largest.map(|(at, _)| at)
}

fn mean<'v>(vectors: impl Iterator<Item = ArrayView1<'v, f32>>) -> Option<Array1<f64>> {
    let vectors: Vec<Array1<f64>> = vectors.map(|vector| vector.mapv(f64::from)).collect();
    let sum = vectors.iter().cloned().reduce(|sum, vector| sum + vector)?;
    Some(sum / vectors.len() as f64)
}

/// Of unit vectors, their cosine.
fn dot(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f64 {
    a.mapv(f64::from).dot(&b.mapv(f64::from))
}

/// Of a unit vector and a mean of some; 0 where that is zero.
fn cosine(vector: ArrayView1<'_, f32>, mean: &Array1<f64>) -> f64 {
    let norm = mean.dot(mean).sqrt();
    match norm > 0.0 {
        true => vector.mapv(f64::from).dot(mean) / norm,
        false => 0.0,
    }
}
