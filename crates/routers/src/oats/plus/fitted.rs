//! The vectors of all tools, fitted to training queries.

use ndarray::Array2;
use oats_datasets::ToolId;

use super::{PlusParams, prototypes::Prototypes, softmax};
use crate::{Error, Training};

/// What a fit makes of the tools' embeddings.
pub(super) struct Fitted {
    /// Tools × d.
    pub(super) tools: Array2<f32>,
    known: Vec<bool>,
}

impl Fitted {
    pub(super) fn new(params: &PlusParams, training: &Training<'_>) -> Result<Self, Error> {
        let prototypes = Prototypes::new(params, training);
        let mut tools = softmax::learn(params, training, &prototypes)?;
        for mut tool in tools.rows_mut() {
            let length = tool.fold(0.0, |sum, &x| sum + f64::from(x).powi(2)).sqrt();
            if length > 0.0 {
                let factor = length.powf(params.length - 1.0);
                tool.mapv_inplace(|x| (f64::from(x) * factor) as f32);
            }
        }
        Ok(Self {
            tools,
            known: prototypes.counts.iter().map(|&count| count > 0).collect(),
        })
    }

    /// Whether the tool has outcomes.
    pub(super) fn is_known(&self, tool: ToolId) -> bool {
        self.known[tool]
    }
}
