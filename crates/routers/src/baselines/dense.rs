//! `dense`: one vector per tool, scored by cosine. The paper's static embeddings (SE), and the
//! serving side of every method that only moves tool vectors.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training,
    scan::{Screened, Vectors},
};

/// Unit tool vectors (tools × d) and a scan over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    tools: Screened,
}

impl Dense {
    /// Serves the tools' own embeddings.
    ///
    /// # Errors
    /// Training data that do not fit together.
    pub fn fit(training: &Training<'_>) -> Result<Self, Error> {
        training.check()?;
        Ok(Self::new(training.tool_embeddings.to_owned()))
    }

    /// Serves the given vectors, one row a tool. Scores are cosines if they have length 1.
    pub(crate) fn new(tools: Array2<f32>) -> Self {
        Self {
            tools: Screened::new(tools),
        }
    }

    pub(crate) fn restore(state: &State) -> Result<Self, Error> {
        Ok(Self::new(state.array("tools")?))
    }

    /// The tool vectors (tools × d).
    pub fn tool_embeddings(&self) -> ArrayView2<'_, f32> {
        self.tools.view()
    }

    /// The same vectors as a plain scan has them.
    pub(crate) fn vectors(&self) -> &Vectors {
        self.tools.exact()
    }
}

/// There is nothing to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseParams {}

impl RouterKind for DenseParams {
    const READS_EMBEDDINGS: bool = true;

    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Dense::fit(training)?))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Dense::restore(state)?))
    }
}

impl Router for Dense {
    /// Scores are cosines, in `[-1, 1]`.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        self.tools.search(request.embedding, request.candidates, k)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.put("tools", &self.tools.view());
        state
    }
}
