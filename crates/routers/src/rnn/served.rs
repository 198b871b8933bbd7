//! The controller as it is served: plain arrays.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};
use oats_datasets::ToolId;

use crate::{Error, Ranked, Request, Router, State, learn::Weights, top_k, vocabulary::Vocabulary};

use super::{
    Pooling, RnnParams,
    lstm::{Columns, forward},
    network::{DECODER, ENCODER, OUTPUT, OUTPUT_BIAS},
};

/// An embedding and an LSTM over it.
struct Reader {
    embedding: Array2<f32>,
    input: Array2<f32>,
    bias: Array1<f32>,
    recurrent: Array2<f32>,
}

impl Reader {
    fn of(weights: &Weights, prefix: &str) -> Result<Self, Error> {
        Ok(Self {
            embedding: weights.array(&format!("{prefix}/embedding"))?,
            input: weights.array(&format!("{prefix}/input"))?,
            bias: weights.array(&format!("{prefix}/bias"))?,
            recurrent: weights.array(&format!("{prefix}/recurrent"))?,
        })
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.put("embedding", &self.embedding);
        state.put("input", &self.input);
        state.put("bias", &self.bias);
        state.put("recurrent", &self.recurrent);
        state
    }

    fn restore(state: &State, ids: usize) -> Result<Self, Error> {
        let reader = Self {
            embedding: state.array("embedding")?,
            input: state.array("input")?,
            bias: state.array("bias")?,
            recurrent: state.array("recurrent")?,
        };
        let gates = 4 * reader.hidden_size();
        let fits = reader.embedding.nrows() == ids
            && reader.input.dim() == (reader.embedding.ncols(), gates)
            && reader.bias.dim() == gates
            && reader.recurrent.ncols() == gates;
        fits.then_some(reader)
            .ok_or_else(|| Error::State("the sizes of its arrays do not fit together".to_owned()))
    }

    fn hidden_size(&self) -> usize {
        self.recurrent.nrows()
    }

    /// Each step's gates, c and h (steps × 6H).
    fn read(&self, ids: &[u32], start: ArrayView1<'_, f32>) -> Array2<f32> {
        let rows: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
        let projections = self.embedding.select(Axis(0), &rows).dot(&self.input) + &self.bias;
        let start = start.insert_axis(Axis(0));
        let active = vec![1; ids.len()];
        forward(projections.view(), self.recurrent.view(), start, &active)
    }
}

/// A fitted controller.
pub(super) struct Rnn {
    vocabulary: Arc<Vocabulary>,
    encoder: Reader,
    pooling: Pooling,
    /// One row a tool; with a decoder, one more to stop.
    output: Array2<f32>,
    output_bias: Array1<f32>,
    decoder: Option<Decoder>,
}

/// Emits one tool after another.
struct Decoder {
    reader: Reader,
    max_tools: usize,
}

impl Rnn {
    pub(super) fn of(
        params: &RnnParams,
        weights: &Weights,
        vocabulary: Arc<Vocabulary>,
    ) -> Result<Self, Error> {
        let decoder = |max_tools| {
            Ok::<_, Error>(Decoder {
                reader: Reader::of(weights, DECODER)?,
                max_tools,
            })
        };
        Ok(Self {
            vocabulary,
            encoder: Reader::of(weights, ENCODER)?,
            pooling: params.pooling,
            output: weights.array(OUTPUT)?,
            output_bias: weights.array(OUTPUT_BIAS)?,
            decoder: params.most_emitted().map(decoder).transpose()?,
        })
    }

    pub(super) fn restore(params: &RnnParams, state: &State) -> Result<Self, Error> {
        let vocabulary = Vocabulary::restore(&state.nested("vocabulary"), params.max_length)?;
        let output: Array2<f32> = state.array(OUTPUT)?;
        let decoder = |max_tools| {
            Ok::<_, Error>(Decoder {
                reader: Reader::restore(&state.nested(DECODER), output.nrows())?,
                max_tools,
            })
        };
        let rnn = Self {
            encoder: Reader::restore(&state.nested(ENCODER), vocabulary.len())?,
            vocabulary: Arc::new(vocabulary),
            pooling: params.pooling,
            output_bias: state.array(OUTPUT_BIAS)?,
            decoder: params.most_emitted().map(decoder).transpose()?,
            output,
        };
        let hidden = rnn.encoder.hidden_size();
        let decodes = rnn
            .decoder
            .as_ref()
            .is_none_or(|decoder| decoder.reader.hidden_size() == hidden && rnn.output.nrows() > 0);
        if rnn.output.dim() != (rnn.output_bias.len(), hidden) || !decodes {
            return Err(Error::State(
                "the sizes of its arrays do not fit together".to_owned(),
            ));
        }
        Ok(rnn)
    }

    fn catalogue_size(&self) -> usize {
        self.output.nrows() - usize::from(self.decoder.is_some())
    }

    fn read(&self, text: &str) -> Array2<f32> {
        let start = Array1::zeros(2 * self.encoder.hidden_size());
        self.encoder.read(&self.vocabulary.ids(text), start.view())
    }

    fn logit(&self, hidden: ArrayView1<'_, f32>, output: usize) -> f32 {
        self.output.row(output).dot(&hidden) + self.output_bias[output]
    }

    /// The hidden state that scores the tools.
    fn pooled(&self, text: &str) -> Array1<f32> {
        let trace = self.read(text);
        let (begin, width) = Columns::new(self.encoder.hidden_size()).hidden();
        let hidden = columns(trace.view(), begin, width);
        match self.pooling {
            Pooling::Last => last(hidden),
            Pooling::Mean => hidden
                .mean_axis(Axis(0))
                .unwrap_or_else(|| Array1::zeros(width)),
        }
    }

    /// The tools that the decoder emits, in order, and its hidden state before the first.
    fn emit(&self, decoder: &Decoder, request: &Request<'_>) -> (Vec<ToolId>, Array1<f32>) {
        let columns_of = Columns::new(self.encoder.hidden_size());
        let ((state, state_width), (hidden, width)) = (columns_of.state(), columns_of.hidden());
        // The start and the stop have the number after the last tool's.
        let end = self.catalogue_size();
        let step = |id: usize, start: &Array1<f32>| {
            let trace = decoder.reader.read(&[id as u32], start.view());
            let at = |begin, width| last(columns(trace.view(), begin, width));
            (at(state, state_width), at(hidden, width))
        };
        let encoded = last(columns(self.read(request.text).view(), state, state_width));
        let (mut state, first) = step(end, &encoded);
        let mut hidden = first.clone();
        let mut emitted: Vec<ToolId> = Vec::new();
        while emitted.len() < decoder.max_tools {
            let score = |tool| self.logit(hidden.view(), tool);
            let best = top_k(request, end, emitted.len() + 1, score)
                .into_iter()
                .find(|ranked| !emitted.contains(&ranked.tool));
            let Some(best) = best else { break };
            if !emitted.is_empty() && score(end) >= best.score {
                break;
            }
            emitted.push(best.tool);
            (state, hidden) = step(best.tool, &state);
        }
        (emitted, first)
    }
}

fn columns(matrix: ArrayView2<'_, f32>, begin: usize, width: usize) -> ArrayView2<'_, f32> {
    matrix.slice_axis_move(Axis(1), Slice::from(begin..begin + width))
}

fn last(rows: ArrayView2<'_, f32>) -> Array1<f32> {
    match rows.nrows().checked_sub(1) {
        Some(last) => rows.row(last).to_owned(),
        None => Array1::zeros(rows.ncols()),
    }
}

impl Router for Rnn {
    /// Scores are logits. Those of a decoder are its first step's, but for the tools it emits, which
    /// are lifted above them.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let Some(decoder) = &self.decoder else {
            let pooled = self.pooled(request.text);
            return top_k(request, self.catalogue_size(), k, |tool| {
                self.logit(pooled.view(), tool)
            });
        };
        let (emitted, first) = self.emit(decoder, request);
        let logit = |tool| self.logit(first.view(), tool);
        let best = top_k(request, self.catalogue_size(), 1, logit);
        let highest = best.first().map_or(0.0, |best| best.score);
        top_k(request, self.catalogue_size(), k, |tool| {
            match emitted.iter().position(|&emitted| emitted == tool) {
                Some(position) => highest + (emitted.len() - position) as f32,
                None => logit(tool),
            }
        })
    }

    /// The tools that the decoder emits until it stops, in order; without one, the best tool.
    fn select(&self, request: &Request<'_>) -> Vec<ToolId> {
        match &self.decoder {
            Some(decoder) => self.emit(decoder, request).0,
            None => self.rank(request, 1).iter().map(|best| best.tool).collect(),
        }
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.nest("vocabulary", self.vocabulary.state());
        state.nest(ENCODER, self.encoder.state());
        state.put(OUTPUT, &self.output);
        state.put(OUTPUT_BIAS, &self.output_bias);
        if let Some(decoder) = &self.decoder {
            state.nest(DECODER, decoder.reader.state());
        }
        state
    }
}
