//! `adapter-ridge`: a linear map of the query's vector in closed form, the control that tells whether
//! Stage 3 needs a network.
//!
//! Over all pairs of a training query q and a right tool t, the map A minimises
//!
//! > Σ ‖A·q − t‖² + λ·‖A − I‖²
//!
//! Shrinking towards the identity instead of zero makes λ → ∞ the router it stands on. With B = A − I
//! that is ridge regression (Hoerl and Kennard 1970) of t − q on q: (Σqqᵀ + λI)·Bᵀ = Σq(t − q)ᵀ.
//! Serving compares normalise(A·q) with the tool vectors. Since (A·q)·t = q·(Aᵀt), and the length of A·q is the
//! same for all tools, comparing q with Aᵀt ranks alike; those vectors need not have length 1.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{
    ToolVectors, has_successes, lambda, outcomes::success_vectors, product, solve::solve, unit_or,
};
use crate::{
    Error, Router, RouterKind, State, Training,
    baselines::Dense,
    pipeline::{Adapt, Pipeline},
};

const KIND: &str = "adapter-ridge";

/// Hyper-parameters of the linear adapter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RidgeParams {
    /// The tool vectors that adapted queries are compared with.
    pub base: ToolVectors,
    /// λ, the pull towards the identity; above 0. Where it is not set, the best of 0.1, 1, 10, 100 and
    /// 1,000 by NDCG@5 over a held-out fifth of the training queries (at most about 1,000); the largest of
    /// equal ones.
    pub lambda: Option<f64>,
    /// Whether the tool vectors take the map over, which leaves nothing to do to queries. Rankings are the same, but
    /// for rounding; scores are no cosines then, but those times the length of A·q.
    pub fold: bool,
}

impl RouterKind for RidgeParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        lambda::check(KIND, self.lambda)
    }

    /// Solves for the map.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        let tools = self.base.fit(training)?;
        if !has_successes(training) {
            return Ok(Box::new(Pipeline::plain(tools)));
        }
        let adapted = |moments: &Moments, tools: &Dense, lambda| {
            Ok(Pipeline::adapted(
                LinearMap::new(&moments.map(lambda)?),
                tools.clone(),
            ))
        };
        let lambda = match self.lambda {
            Some(lambda) => lambda,
            None => lambda::choose(training, self.base, Moments::of, adapted)?,
        };
        let transposed = Moments::of(training, &tools).map(lambda)?;
        Ok(Box::new(if self.fold {
            Pipeline::plain(folded(&transposed, &tools))
        } else {
            Pipeline::adapted(LinearMap::new(&transposed), tools)
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Pipeline::restore_adapted(state, LinearMap::restore)
    }
}

/// The tool vectors t as Aᵀt; `transposed` is Aᵀ (d × d).
pub(super) fn folded(transposed: &Array2<f64>, tools: &Dense) -> Dense {
    let tools = tools.tool_embeddings().mapv(f64::from);
    Dense::new(tools.dot(&transposed.t()).mapv(|x| x as f32))
}

/// Sums over the pairs of a query q and a right tool t (both d × d).
struct Moments {
    /// Σqqᵀ.
    queries: Array2<f64>,
    /// Σq(t − q)ᵀ.
    residuals: Array2<f64>,
}

impl Moments {
    fn of(training: &Training<'_>, tools: &Dense) -> Self {
        let (q, mut residual) = success_vectors(training, tools.tool_embeddings());
        residual -= &q;
        Self {
            queries: q.t().dot(&q),
            residuals: q.t().dot(&residual),
        }
    }

    /// Aᵀ.
    fn map(&self, lambda: f64) -> Result<Array2<f64>, Error> {
        let mut regularised = self.queries.clone();
        regularised.diag_mut().mapv_inplace(|x| x + lambda);
        let mut transposed =
            solve(&regularised, &self.residuals).map_err(|problem| Error::Solver {
                router: KIND,
                problem,
            })?;
        transposed.diag_mut().mapv_inplace(|x| x + 1.0);
        Ok(transposed)
    }
}

/// q ↦ normalise(A·q).
struct LinearMap {
    /// Aᵀ (d × d).
    transposed: Array2<f32>,
}

impl LinearMap {
    fn new(transposed: &Array2<f64>) -> Self {
        Self {
            transposed: transposed.mapv(|x| x as f32),
        }
    }

    fn restore(state: &State, tools: &Dense) -> Result<Self, Error> {
        let transposed: Array2<f32> = state.array("transposed")?;
        let dimension = tools.tool_embeddings().ncols();
        if transposed.dim() != (dimension, dimension) {
            let problem = "the map and the tools have different dimensions";
            return Err(Error::State(problem.to_owned()));
        }
        Ok(Self { transposed })
    }
}

impl Adapt for LinearMap {
    fn adapt(&self, query: &[f32]) -> Vec<f32> {
        unit_or(product(query.into(), &self.transposed), query)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.put("transposed", &self.transposed);
        state
    }
}
