//! `random`: what chance gives.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training,
    router::{mix, top_k},
};

/// Shuffles each request's pool, by the seed and the request's text.
#[derive(Clone, Debug)]
struct Random {
    catalogue_size: usize,
    seed: u64,
}

/// How many different scores there are.
const SCORES: usize = 1 << 24;

/// There is nothing to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomParams {}

impl RouterKind for RandomParams {
    const READS_EMBEDDINGS: bool = false;

    /// Takes the catalogue's size and the seed; learns nothing.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(Random {
            catalogue_size: training.tools.len(),
            seed: training.seed,
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let catalogue_size = state.read("catalogue_size")?;
        if catalogue_size > SCORES {
            return Err(Error::State(format!(
                "its catalogue has {catalogue_size} tools, more than there are scores"
            )));
        }
        Ok(Box::new(Random {
            catalogue_size,
            seed: state.read("seed")?,
        }))
    }
}

impl Router for Random {
    /// Scores are uniform in `[0, 1)`.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let text = request
            .text
            .bytes()
            .fold(mix(self.seed), |state, byte| mix(state ^ u64::from(byte)));
        top_k(request, self.catalogue_size, k, |tool| {
            (mix(text ^ mix(tool as u64)) >> 40) as f32 / SCORES as f32
        })
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.note("catalogue_size", self.catalogue_size);
        state.note("seed", self.seed);
        state
    }
}
