//! The encoder in service: tool vectors computed beforehand, the query's when it is asked.

use std::sync::Arc;

use candle_core::Tensor;
use ndarray::{Array2, ArrayD, IxDyn};

use super::{EncoderParams, KIND, network::Network};
use crate::{Error, Ranked, Request, Router, State, baselines::Dense, vocabulary::Vocabulary};

pub(super) struct Encoder {
    params: EncoderParams,
    vocabulary: Arc<Vocabulary>,
    network: Network,
    tools: Dense,
}

impl Encoder {
    /// Serves the network as it is now.
    pub(super) fn new(
        params: &EncoderParams,
        vocabulary: &Arc<Vocabulary>,
        network: &Network,
        tool_texts: &[Vec<u32>],
    ) -> Result<Self, Error> {
        let tensor = Error::tensor(KIND);
        let network = network.copy(params).map_err(&tensor)?;
        let ids: Vec<usize> = (0..tool_texts.len()).collect();
        let rows = network.tools(&ids, tool_texts);
        let vectors = rows.and_then(|rows| rows.flatten_all()?.to_vec1());
        let tools =
            Array2::from_shape_vec((ids.len(), params.dimensions), vectors.map_err(&tensor)?)
                .map_err(|error| Error::Shape(error.to_string()))?;
        Ok(Self {
            params: params.clone(),
            vocabulary: vocabulary.clone(),
            network,
            tools: Dense::new(tools),
        })
    }

    pub(super) fn restore(state: &State) -> Result<Self, Error> {
        let params: EncoderParams = state.read("params")?;
        params.check()?;
        let vocabulary = Vocabulary::restore(&state.nested("vocabulary"))?;
        let tools = Dense::restore(&state.nested("tool-vectors"))?;
        let (count, d) = tools.tool_embeddings().dim();
        if d != params.dimensions {
            return Err(Error::State(format!(
                "its tool vectors have {d} components"
            )));
        }
        let weights = state.nested("weights");
        Ok(Self {
            network: Network::restore(&params, vocabulary.len(), count, &weights)?,
            vocabulary: vocabulary.into(),
            params,
            tools,
        })
    }
}

impl Router for Encoder {
    /// Scores are cosines, in `[-1, 1]`.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let ids = self.vocabulary.ids(request.text);
        let query = self
            .network
            .encode(&[ids])
            .and_then(|rows| rows.flatten_all()?.to_vec1());
        // Every shape was checked when the network was made; without a vector, all tools score 0.
        let query = query.unwrap_or_else(|_| vec![0.0; self.params.dimensions]);
        let request = Request {
            embedding: &query,
            ..*request
        };
        self.tools.rank(&request, k)
    }

    fn state(&self) -> State {
        let mut weights = State::default();
        for (name, tensor) in self.network.named() {
            weights.put(name, &array(tensor));
        }
        let mut state = State::default();
        state.note("params", &self.params);
        state.nest("vocabulary", self.vocabulary.state());
        state.nest("weights", weights);
        state.nest("tool-vectors", self.tools.state());
        state
    }
}

/// The tensor's values. Reading one on the CPU does not fail.
fn array(tensor: &Tensor) -> ArrayD<f32> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    ArrayD::from_shape_vec(IxDyn(tensor.dims()), values.unwrap_or_default()).unwrap_or_default()
}
