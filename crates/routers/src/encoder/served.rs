//! The encoder in service: tool vectors computed beforehand, the query's when it is asked.

use std::sync::Arc;

use ndarray::{Array2, ArrayD};

use super::{EncoderParams, KIND, network::Network};
use crate::{Error, Ranked, Request, Router, State, baselines::Dense, vocabulary::Vocabulary};

pub(super) struct Encoder {
    vocabulary: Arc<Vocabulary>,
    network: Network,
    /// The network's arrays.
    weights: State,
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
            vocabulary: vocabulary.clone(),
            weights: weights(&network)?,
            network,
            tools: Dense::new(tools),
        })
    }

    pub(super) fn restore(params: &EncoderParams, state: &State) -> Result<Self, Error> {
        let vocabulary = Vocabulary::restore(&state.nested("vocabulary"), params.max_length)?;
        let tools = Dense::restore(&state.nested("tool-vectors"))?;
        let (count, d) = tools.tool_embeddings().dim();
        if d != params.dimensions {
            return Err(Error::State(format!(
                "its tool vectors have {d} components"
            )));
        }
        let network = Network::restore(params, vocabulary.len(), count, &state.nested("weights"))?;
        Ok(Self {
            weights: weights(&network)?,
            network,
            vocabulary: vocabulary.into(),
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
        let query = query.unwrap_or_else(|_| vec![0.0; self.tools.tool_embeddings().ncols()]);
        let request = Request {
            embedding: &query,
            ..*request
        };
        self.tools.rank(&request, k)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.nest("vocabulary", self.vocabulary.state());
        state.nest("weights", self.weights.clone());
        state.nest("tool-vectors", self.tools.state());
        state
    }
}

fn weights(network: &Network) -> Result<State, Error> {
    let mut weights = State::default();
    for (name, tensor) in network.named() {
        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        let array = ArrayD::from_shape_vec(tensor.dims(), values.map_err(Error::tensor(KIND))?)
            .map_err(|error| Error::State(error.to_string()))?;
        weights.put(name, &array);
    }
    Ok(weights)
}
