//! Which tool vectors another router stands on.

use serde::{Deserialize, Serialize};

use crate::{
    Error, RouterKind, Training,
    baselines::{Dense, DenseParams},
    oats::S1Params,
};

/// Tool vectors that are scored by cosine: `{ kind = "dense" }` or `{ kind = "oats-s1", … }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ToolVectors {
    /// The tools' own embeddings (SE).
    Dense(DenseParams),
    /// Refined from outcomes.
    OatsS1(S1Params),
}

impl Default for ToolVectors {
    fn default() -> Self {
        Self::Dense(DenseParams {})
    }
}

impl ToolVectors {
    /// Checks the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the router and the field.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Dense(_) => Ok(()),
            Self::OatsS1(params) => params.check(),
        }
    }

    /// The router that scores with these vectors.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    pub fn fit(&self, training: &Training<'_>) -> Result<Dense, Error> {
        match self {
            Self::Dense(_) => Dense::fit(training),
            Self::OatsS1(params) => params.fit(training),
        }
    }
}
