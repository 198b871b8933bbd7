//! `random`: what chance gives.

use crate::{
    Error, Ranked, Request, Router, State, Training,
    router::{mix, top_k},
};

/// Shuffles each request's pool, by the seed and the request's text.
#[derive(Clone, Debug)]
pub struct Random {
    catalogue_size: usize,
    seed: u64,
}

/// How many different scores there are.
const SCORES: usize = 1 << 24;

impl Random {
    /// Takes the catalogue's size and the seed; learns nothing.
    pub fn fit(training: &Training<'_>) -> Self {
        Self {
            catalogue_size: training.tools.len(),
            seed: training.seed,
        }
    }

    pub(crate) fn restore(state: &State) -> Result<Self, Error> {
        let catalogue_size = state.read("catalogue_size")?;
        if catalogue_size > SCORES {
            return Err(Error::State(format!(
                "its catalogue has {catalogue_size} tools, more than there are scores"
            )));
        }
        Ok(Self {
            catalogue_size,
            seed: state.read("seed")?,
        })
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
