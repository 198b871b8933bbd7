//! `dense-int8`: tool vectors scored by cosine, with a byte per component.
//!
//! A quarter of the memory, and of the time where a catalogue is so large that a scan waits for
//! memory, for scores that are off by some thousandths ([`Quantised`] says by how much at most).

use serde::{Deserialize, Serialize};

use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training, oats::ToolVectors, scan::Quantised,
};

/// Hyper-parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenseInt8Params {
    /// The tool vectors that are rounded.
    pub base: ToolVectors,
}

impl RouterKind for DenseInt8Params {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()
    }

    /// Fits the tool vectors and rounds them.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        let tools = self.base.fit(training)?.vectors().quantised();
        Ok(Box::new(DenseInt8 { tools }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(DenseInt8::restore(state)?))
    }
}

/// Rounded tool vectors and a scan over them.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseInt8 {
    tools: Quantised,
}

impl DenseInt8 {
    pub(crate) fn restore(state: &State) -> Result<Self, Error> {
        let (codes, scales) = (state.codes("codes")?, state.array("scales")?);
        let tools = Quantised::from_parts(codes, scales).ok_or_else(|| {
            Error::State("it has another number of scales than of vectors".to_owned())
        })?;
        Ok(Self { tools })
    }
}

impl Router for DenseInt8 {
    /// Scores are cosines of rounded vectors, in `[-1, 1]` but for the rounding.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        self.tools.search(request.embedding, request.candidates, k)
    }

    fn state(&self) -> State {
        let (codes, scales) = self.tools.parts();
        let mut state = State::default();
        state.put_codes("codes", codes);
        state.put("scales", &scales);
        state
    }
}
