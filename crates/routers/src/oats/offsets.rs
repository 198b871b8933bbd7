//! Tool vectors with an offset each: a score is `q·w + b`, which one dot product over d + 1 components gives when
//! the query's last component is 1.

use ndarray::{Array1, Array2, Axis, concatenate};

use crate::{
    Error, Router, State,
    baselines::Dense,
    pipeline::{Adapt, Pipeline},
};

/// Serves vectors (tools × d), which need not have length 1, with an offset for each.
pub(super) fn with_offsets(vectors: &Array2<f32>, offsets: &Array1<f32>) -> Pipeline {
    let column = offsets.view().insert_axis(Axis(1));
    let tools = concatenate(Axis(1), &[vectors.view(), column]).expect("an offset for each tool");
    Pipeline::adapted(WithOne, Dense::new(tools))
}

/// What [`with_offsets`] made, of its state.
pub(super) fn restore(state: &State) -> Result<Box<dyn Router>, Error> {
    Pipeline::restore_adapted(state, |_, _| Ok(WithOne))
}

/// q ↦ (q, 1).
struct WithOne;

impl Adapt for WithOne {
    fn adapt(&self, query: &[f32]) -> Vec<f32> {
        let mut longer = Vec::with_capacity(query.len() + 1);
        longer.extend_from_slice(query);
        longer.push(1.0);
        longer
    }

    fn state(&self) -> State {
        State::default()
    }
}
