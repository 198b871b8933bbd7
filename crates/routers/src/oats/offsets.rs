//! Tool vectors with an offset each: a score is `q·w + b`, which one dot product over d + 1 components gives when
//! the query has one component more.

use ndarray::{Array1, Array2, Axis, concatenate};

use crate::{
    Error, Router, State,
    baselines::Dense,
    pipeline::{Adapt, Pipeline},
};

/// A query's last component, in proportion to the others of a unit vector: a scan looks first at
/// bytes, all of a vector on one scale, on which a 1 would leave the others few steps. A power of two, so that scores are the same to the bit.
pub(super) const LAST: f32 = 0.25;

/// Serves vectors (tools × d), which need not have length 1, with an offset for each.
pub(super) fn with_offsets(vectors: &Array2<f32>, offsets: &Array1<f32>) -> Pipeline {
    let column = (offsets / LAST).insert_axis(Axis(1));
    let tools =
        concatenate(Axis(1), &[vectors.view(), column.view()]).expect("an offset for each tool");
    Pipeline::adapted(Longer, Dense::new(tools))
}

/// What [`with_offsets`] made, of its state.
pub(super) fn restore(state: &State) -> Result<Box<dyn Router>, Error> {
    Pipeline::restore_adapted(state, |_, _| Ok(Longer))
}

/// q ↦ (q, ¼).
struct Longer;

impl Adapt for Longer {
    fn adapt(&self, query: &[f32]) -> Vec<f32> {
        let mut longer = Vec::with_capacity(query.len() + 1);
        longer.extend_from_slice(query);
        longer.push(LAST);
        longer
    }

    fn state(&self) -> State {
        State::default()
    }
}
