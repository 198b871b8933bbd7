//! What is learned on top of the prototypes: a convex problem, the softmax regression of a query's right tool.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis, Zip, linalg::general_mat_mul};
use oats_datasets::ToolId;
use rayon::prelude::*;

use super::{PlusParams, prototypes::Prototypes};
use crate::{Error, Feedback, Training, convex::minimise};

/// How far from the minimum a fit may end, as the Euclidean length of all that is learned, unless rounding ends it
/// before.
const PRECISION: f64 = 0.01;
/// Steps of the minimiser at most; it takes some tens.
const STEPS: usize = 500;

/// Learns what the settings ask for, and gives the vectors of all tools (tools × d). Without pairs there is nothing
/// to learn.
pub(super) fn learn(
    params: &PlusParams,
    training: &Training<'_>,
    prototypes: &Prototypes,
) -> Result<Array2<f32>, Error> {
    let problem = Problem::new(params, training, prototypes);
    let length = problem.length();
    if length == 0 || prototypes.pairs.is_empty() {
        return Ok(prototypes.tools.clone());
    }
    // Where the second derivative is at least λ, a gradient of length g is at most g/λ from the minimum.
    let ridge = match (params.map, params.own) {
        (true, true) => params.ridge_map.min(params.ridge_own),
        (true, false) => params.ridge_map,
        _ => params.ridge_own,
    };
    let objective = |point: &Array1<f64>| problem.evaluate(point);
    let minimum = minimise(objective, Array1::zeros(length), PRECISION * ridge, STEPS).map_err(
        |problem| Error::Solver {
            router: super::KIND,
            problem,
        },
    )?;
    Ok(problem.learned(&minimum).tools(prototypes.tools.view()))
}

/// M and the oᵢ.
struct Learned {
    /// d × d: a prototype p becomes p + M·p. `None` where it is not learned.
    map: Option<Array2<f32>>,
    /// Tools × d, zero for tools without outcomes. `None` where they are not learned.
    own: Option<Array2<f32>>,
}

impl Learned {
    fn tools(&self, prototypes: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut tools = prototypes.to_owned();
        if let Some(map) = &self.map {
            add_product(&mut tools, prototypes, map.t());
        }
        if let Some(own) = &self.own {
            tools += own;
        }
        tools
    }
}

/// The loss as a function of all that is learned: M row by row, then the oᵢ of the tools that have outcomes.
struct Problem<'a, 't> {
    params: &'a PlusParams,
    training: &'a Training<'t>,
    prototypes: &'a Prototypes,
    /// Pairs × d: the query's vector.
    queries: Array2<f32>,
    /// The tools that have outcomes.
    learning: Vec<ToolId>,
}

/// The loss without its penalties, and its derivatives.
struct Slopes {
    loss: f64,
    /// By M (d × d); zero where M is not learned.
    map: Array2<f32>,
    /// By the vectors that are served (tools × d), which are those by the oᵢ.
    tools: Array2<f32>,
}

/// The derivatives of a pair's loss by its tool's score, as one with outcomes and as one without.
#[derive(Clone, Copy, Default)]
struct Residual {
    loss: f64,
    known: f64,
    unknown: f64,
}

/// So many pairs are scored at a time: pairs × tools numbers would be too many for a large catalogue.
const BLOCK: usize = 2048;

impl<'a, 't> Problem<'a, 't> {
    fn new(params: &'a PlusParams, training: &'a Training<'t>, prototypes: &'a Prototypes) -> Self {
        let queries: Vec<usize> = prototypes.pairs.iter().map(|pair| pair.query).collect();
        let tools = 0..prototypes.counts.len();
        Self {
            params,
            training,
            prototypes,
            queries: training.query_embeddings.select(Axis(0), &queries),
            learning: tools.filter(|&tool| prototypes.counts[tool] > 0).collect(),
        }
    }

    /// How many parameters there are.
    fn length(&self) -> usize {
        let d = self.queries.ncols();
        let map = if self.params.map { d * d } else { 0 };
        let own = if self.params.own {
            d * self.learning.len()
        } else {
            0
        };
        map + own
    }

    fn learned(&self, point: &Array1<f64>) -> Learned {
        let (tools, d) = self.prototypes.tools.dim();
        let mut rest = point.iter().map(|&x| x as f32);
        let map = self.params.map.then(|| {
            let map = rest.by_ref().take(d * d).collect();
            Array2::from_shape_vec((d, d), map).expect("d × d numbers")
        });
        let own = self.params.own.then(|| {
            let mut own = Array2::zeros((tools, d));
            for &tool in &self.learning {
                own.row_mut(tool)
                    .iter_mut()
                    .for_each(|x| *x = rest.next().unwrap_or_default());
            }
            own
        });
        Learned { map, own }
    }

    /// The loss and its gradient.
    fn evaluate(&self, point: &Array1<f64>) -> (f64, Array1<f64>) {
        let learned = self.learned(point);
        let slopes = self.slopes(&learned);
        let (mut loss, mut gradient) = (slopes.loss, Vec::with_capacity(point.len()));
        let mut penalise = |ridge: f64, x: f32, derivative: f32| {
            let x = f64::from(x);
            loss += ridge / 2.0 * x * x;
            gradient.push(f64::from(derivative) + ridge * x);
        };
        if let Some(map) = &learned.map {
            let both = map.iter().zip(&slopes.map);
            both.for_each(|(&x, &derivative)| penalise(self.params.ridge_map, x, derivative));
        }
        if let Some(own) = &learned.own {
            for &tool in &self.learning {
                let both = own.row(tool).into_iter().zip(slopes.tools.row(tool));
                both.for_each(|(&x, &derivative)| penalise(self.params.ridge_own, x, derivative));
            }
        }
        (loss, Array1::from(gradient))
    }

    fn slopes(&self, learned: &Learned) -> Slopes {
        let Prototypes {
            tools: prototypes,
            pairs,
            left_out,
            ..
        } = self.prototypes;
        let tools = learned.tools(prototypes.view());
        let d = tools.ncols();
        let mut slopes = Slopes {
            loss: 0.0,
            map: Array2::zeros((d, d)),
            tools: Array2::zeros(tools.raw_dim()),
        };
        let blocks = self.queries.axis_chunks_iter(Axis(0), BLOCK);
        for (start, queries) in (0..).step_by(BLOCK).zip(blocks) {
            let rows = start..start + queries.nrows();
            let mut adapted = queries.to_owned();
            if let Some(map) = &learned.map {
                add_product(&mut adapted, queries, map.view());
            }
            // Row by row, scores become the derivatives of the loss by them.
            let mut scores = Array2::zeros((rows.len(), tools.nrows()));
            add_product(&mut scores, queries, tools.t());
            let residuals: Vec<Residual> = scores
                .axis_iter_mut(Axis(0))
                .into_par_iter()
                .zip(rows.clone())
                .map(|(scores, row)| {
                    let (adapted, tool) = (adapted.row(row - start), pairs[row].tool);
                    let unknown = adapted.dot(&self.training.tool_embeddings.row(tool));
                    let mut known = adapted.dot(&left_out.row(row));
                    if let Some(own) = &learned.own {
                        known += self.queries.row(row).dot(&own.row(tool));
                    }
                    self.residual(row, scores, known.into(), unknown.into())
                })
                .collect();
            slopes.loss += residuals.iter().map(|residual| residual.loss).sum::<f64>();
            add_product(&mut slopes.tools, scores.t(), queries);
            if learned.map.is_none() {
                continue;
            }
            // What the pair's own tool adds, as its prototype is not the tool's.
            let mut own = adapted;
            for ((mut own, row), residual) in own.rows_mut().into_iter().zip(rows).zip(&residuals) {
                let (known, unknown) = (residual.known as f32, residual.unknown as f32);
                let tool = pairs[row].tool;
                Zip::from(&mut own)
                    .and(left_out.row(row))
                    .and(prototypes.row(tool))
                    .and(self.training.tool_embeddings.row(tool))
                    .for_each(|own, &left_out, &whole, &described| {
                        *own = known * (left_out - whole) + unknown * described;
                    });
            }
            add_product(&mut slopes.map, queries.t(), own.view());
        }
        if learned.map.is_some() {
            add_product(&mut slopes.map, slopes.tools.t(), prototypes.view());
        }
        slopes
    }

    /// Makes a pair's scores the derivatives of its loss by them. At the tool's place stands that of the tool with
    /// outcomes, as `known` of the result.
    fn residual(
        &self,
        row: usize,
        mut scores: ArrayViewMut1<'_, f32>,
        known: f64,
        unknown: f64,
    ) -> Residual {
        let pair = &self.prototypes.pairs[row];
        let PlusParams {
            scale,
            logged_scale,
            drop,
            candidates,
            ..
        } = *self.params;
        let asked = &self.training.queries[pair.query];
        let is_labelled = asked.feedback == Feedback::Complete;
        let (scale, drop) = match is_labelled {
            true => (scale, drop),
            false => (logged_scale, 0.0),
        };
        let versions = [(1.0 - drop, known), (drop, unknown)];
        let is_wrong = |tool: ToolId| tool != pair.tool && !pair.also_right.contains(&tool);

        let mut residual = Residual::default();
        let mut list = asked.candidates.to_vec();
        list.retain(|&tool| is_labelled && candidates > 0.0 && is_wrong(tool));
        let mut of_list: Vec<f32> = list.iter().map(|&tool| scores[tool]).collect();
        if !list.is_empty() {
            residual.add(scale, candidates, versions, &mut of_list);
        }

        for &tool in pair.also_right.iter().chain([&pair.tool]) {
            scores[tool] = f32::NEG_INFINITY;
        }
        let scores = scores
            .into_slice()
            .expect("a row's scores stand side by side");
        residual.add(scale, 1.0, versions, scores);
        for (tool, derivative) in list.into_iter().zip(of_list) {
            scores[tool] += derivative;
        }
        scores[pair.tool] = residual.known as f32;
        residual
    }
}

impl Residual {
    /// Adds a softmax loss: of a tool by its score in each version of a weight, against the others, whose scores
    /// become their derivatives.
    fn add(&mut self, scale: f64, weight: f64, versions: [(f64, f64); 2], others: &mut [f32]) {
        let most = others.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if most == f32::NEG_INFINITY {
            others.fill(0.0);
            return; // nothing competes
        }
        let mut sum = 0.0;
        for other in others.iter_mut() {
            *other = (scale as f32 * (*other - most)).exp();
            sum += f64::from(*other);
        }
        let most = scale * f64::from(most);
        let log_others = most + sum.ln();
        let mut of_others = 0.0;
        let [known, unknown] = versions.map(|(share, score)| {
            let (weight, score) = (weight * share, scale * score);
            let larger = log_others.max(score);
            let log_total = larger + (-(log_others - score).abs()).exp().ln_1p();
            self.loss += weight * (log_total - score);
            of_others += weight * scale * (most - log_total).exp();
            weight * scale * ((score - log_total).exp() - 1.0)
        });
        self.known += known;
        self.unknown += unknown;
        for other in others {
            *other *= of_others as f32;
        }
    }
}

/// Adds a·b, rows of which are worked out by several threads; each in the same way for any number of them.
fn add_product(sum: &mut Array2<f32>, a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>) {
    const ROWS: usize = 64;

    sum.axis_chunks_iter_mut(Axis(0), ROWS)
        .into_par_iter()
        .zip(a.axis_chunks_iter(Axis(0), ROWS))
        .for_each(|(mut sum, a)| general_mat_mul(1.0, &a, &b, 1.0, &mut sum));
}
