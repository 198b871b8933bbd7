//! `linear`: multinomial logistic regression on query vectors, by linfa.
//!
//! The classes are the tools that are right for some training query, and every pair of a query and a
//! right tool is an example, whatever its grade. L-BFGS minimises
//!
//! > − Σ log softmax(W·x + b)[tool] + λ/2 · ‖W‖²
//!
//! which is convex, so that nothing is drawn at random. Wrong tools teach nothing but by not being
//! right. The regression knows classes by examples alone: a tool without any cannot be told from
//! another, so it ranks behind.

use std::collections::BTreeSet;

use linfa::{Dataset, traits::Fit};
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2, ArrayView1, Axis};
use oats_datasets::ToolId;
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
pub struct LinearParams {
    /// λ, what long weight vectors cost; at least 0.
    pub l2: f32,
    /// Steps of L-BFGS at most; at least 1. Few are wanted: they act as stopping early does.
    pub max_iterations: u64,
}

impl Default for LinearParams {
    fn default() -> Self {
        Self {
            l2: 0.01,
            max_iterations: 30,
        }
    }
}

/// The Euclidean length of the gradient at which L-BFGS has arrived.
const GRADIENT_TOLERANCE: f32 = 1e-3;

impl RouterKind for LinearParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        let setting = |field, value: &dyn ToString, expected| {
            Err(Error::setting("linear", field, value, expected))
        };
        if !(self.l2.is_finite() && self.l2 >= 0.0) {
            return setting("l2", &self.l2, "a number of at least 0");
        }
        if self.max_iterations == 0 {
            return setting("max_iterations", &self.max_iterations, "at least 1");
        }
        Ok(())
    }

    /// Fits the regression.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or [`Error::Solver`].
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        let tools = Dense::fit(training)?;
        let examples = training.queries.iter().enumerate();
        let (rows, targets): (Vec<usize>, Vec<ToolId>) = examples
            .flat_map(|(row, query)| query.right_tools().map(move |tool| (row, tool)))
            .unzip();
        let classes = Vec::from_iter(BTreeSet::from_iter(targets.iter().copied()));
        let (weights, biases) = if classes.len() < 2 {
            // Nothing to tell apart, which linfa refuses.
            (
                Array2::zeros((classes.len(), training.query_embeddings.ncols())),
                Array1::zeros(classes.len()),
            )
        } else {
            let queries = training.query_embeddings.select(Axis(0), &rows);
            training.progress.say(&format!(
                "{} examples of {} classes, at most {} steps",
                rows.len(),
                classes.len(),
                self.max_iterations
            ));
            self.regress(queries, targets)?
        };
        Ok(Box::new(Linear {
            tools,
            classes,
            weights,
            biases,
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let linear = Linear {
            tools: Dense::restore(&state.nested("base"))?,
            classes: state.read("classes")?,
            weights: state.array("weights")?,
            biases: state.array("biases")?,
        };
        let (tools, d) = linear.tools.tool_embeddings().dim();
        let classes = linear.classes.len();
        if linear.weights.dim() != (classes, d)
            || linear.biases.len() != classes
            || linear.classes.iter().any(|&tool| tool >= tools)
        {
            return Err(Error::State(
                "its classes, weights and tools do not fit together".to_owned(),
            ));
        }
        Ok(Box::new(linear))
    }
}

impl LinearParams {
    /// Weights (classes × d) and biases of the classes, in the order of their ids.
    fn regress(
        &self,
        queries: Array2<f32>,
        targets: Vec<ToolId>,
    ) -> Result<(Array2<f32>, Array1<f32>), Error> {
        let failed = |problem: String| Error::Solver {
            router: "linear",
            problem,
        };
        let model = MultiLogisticRegression::default()
            .alpha(self.l2)
            .max_iterations(self.max_iterations)
            .gradient_tolerance(GRADIENT_TOLERANCE)
            .fit(&Dataset::new(queries, Array1::from(targets)))
            .map_err(|error| failed(error.to_string()))?;
        let (weights, biases) = (
            model.params().t().as_standard_layout().into_owned(),
            model.intercept().clone(),
        );
        if !weights
            .iter()
            .chain(&biases)
            .all(|weight| weight.is_finite())
        {
            return Err(failed("a weight is not finite".to_owned()));
        }
        Ok((weights, biases))
    }
}

struct Linear {
    tools: Dense,
    /// The tools with examples, by rising id.
    classes: Vec<ToolId>,
    /// Classes × d.
    weights: Array2<f32>,
    biases: Array1<f32>,
}

impl Router for Linear {
    /// A class's score is its logit, shifted so that the catalogue's lowest is 2; a tool that is no
    /// class ranks behind, by the cosine with its own vector.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let query = ArrayView1::from(request.embedding);
        let logits = self.weights.dot(&query) + &self.biases;
        let lowest = logits.fold(f32::INFINITY, |lowest, &logit| lowest.min(logit));
        let tools = self.tools.tool_embeddings();
        top_k(request, tools.nrows(), k, |tool| {
            match self.classes.binary_search(&tool) {
                Ok(class) => ABOVE_COSINES + (logits[class] - lowest),
                Err(_) => tools.row(tool).dot(&query),
            }
        })
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.nest("base", self.tools.state());
        state.note("classes", self.classes.clone());
        state.put("weights", &self.weights);
        state.put("biases", &self.biases);
        state
    }
}
