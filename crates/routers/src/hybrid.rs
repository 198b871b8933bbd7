//! `hybrid`: words and vectors, fused.

use serde::{Deserialize, Serialize};

use crate::{Error, Router, State, Training};

/// Hyper-parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HybridParams {}

impl HybridParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the field.
    pub fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Fits the router.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    pub fn fit(&self, _training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Err(Error::State("`hybrid` is not built yet".to_owned()))
    }

    pub(crate) fn restore(_state: &State) -> Result<Box<dyn Router>, Error> {
        Err(Error::State("`hybrid` is not built yet".to_owned()))
    }
}
