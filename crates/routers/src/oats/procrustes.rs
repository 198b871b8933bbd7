//! `adapter-procrustes`: a rotation of the query's vector in closed form, which costs nothing to serve.
//!
//! Over all pairs of a training query q and a right tool t, the orthogonal map R minimises
//!
//! > Σ ‖R·q − t‖² + λ·‖R − I‖²
//!
//! Lengths do not change under R, so all that depends on it is −2·tr(Rᵀ·M) with M = Σ t·qᵀ + λ·I. Of a singular value
//! decomposition M = U·S·Vᵀ, R = U·Vᵀ makes that trace largest: the sum of the singular values (Schönemann 1966, *A
//! generalized solution of the orthogonal Procrustes problem*). λ → ∞ is the router it stands on.
//!
//! (R·q)·t = q·(Rᵀt), and Rᵀt has length 1 again. So the tool vectors are turned once, and queries stay as they are:
//! serving is [`Dense`] over other vectors. Unlike the ridge adapter's map, R cannot stretch: what it learns is a
//! change of direction alone, with d·(d − 1)/2 degrees of freedom instead of d².

use linfa_linalg::svd::SVD;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{ToolVectors, has_successes, lambda, outcomes::success_vectors, ridge::folded};
use crate::{Error, Router, RouterKind, State, Training, baselines::Dense};

const KIND: &str = "adapter-procrustes";

/// Hyper-parameters of the orthogonal adapter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcrustesParams {
    /// The tool vectors that turned queries are compared with.
    pub base: ToolVectors,
    /// λ, the pull towards the identity; above 0. Where it is not set, it is chosen as that of
    /// [`RidgeParams`](super::RidgeParams).
    pub lambda: Option<f64>,
}

impl RouterKind for ProcrustesParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        lambda::check(KIND, self.lambda)
    }

    /// Finds the rotation and turns the tool vectors by it.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        let tools = self.base.fit(training)?;
        if !has_successes(training) {
            return Ok(Box::new(tools));
        }
        let lambda = match self.lambda {
            Some(lambda) => lambda,
            None => lambda::choose(training, self.base, products, turned)?,
        };
        Ok(Box::new(turned(
            &products(training, &tools),
            &tools,
            lambda,
        )?))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Dense::restore(state)?))
    }
}

/// Σ t·qᵀ (d × d).
fn products(training: &Training<'_>, tools: &Dense) -> Array2<f64> {
    let (asked, right) = success_vectors(training, tools.tool_embeddings());
    right.t().dot(&asked)
}

/// The tool vectors t as Rᵀt.
fn turned(products: &Array2<f64>, tools: &Dense, lambda: f64) -> Result<Dense, Error> {
    let mut shrunk = products.clone();
    shrunk.diag_mut().mapv_inplace(|x| x + lambda);
    let unsolved = |problem: String| Error::Solver {
        router: KIND,
        problem,
    };
    match shrunk.svd(true, true) {
        Ok((Some(u), _, Some(v_transposed))) => {
            let rotation = u.dot(&v_transposed);
            Ok(folded(&rotation.t().to_owned(), tools))
        }
        Ok(_) => Err(unsolved("the decomposition has no vectors".to_owned())),
        Err(error) => Err(unsolved(error.to_string())),
    }
}
