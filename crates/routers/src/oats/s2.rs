//! `oats-s2`: an MLP that re-ranks the best-scored tools (the paper's Stage 2).

use serde::{Deserialize, Serialize};

use crate::{Error, Router, State, Training};

/// Hyper-parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S2Params {}

impl S2Params {
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
        Err(Error::State("`oats-s2` is not built yet".to_owned()))
    }

    pub(crate) fn restore(_state: &State) -> Result<Box<dyn Router>, Error> {
        Err(Error::State("`oats-s2` is not built yet".to_owned()))
    }
}
