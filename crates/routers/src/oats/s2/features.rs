//! What the re-ranker sees of a request and a tool.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, Axis};
use oats_datasets::ToolId;
use serde::{Deserialize, Serialize};

use super::super::outcomes::{failures, means_by_tool, successes};
use crate::{
    Error, Ranked, Request, Router, State, Training,
    baselines::{Bm25, Bm25Params, Dense},
};

/// A feature of a request and a tool of the head, the K best-scored tools of the request's pool.
///
/// Q⁺ of a tool are the training queries that it is right for; Q⁻ those that have it in the top K of
/// the catalogue although it is wrong (of logged queries: those that it failed for). `q` is the
/// request's unit vector, `t` the tool's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// q·t, −1 to 1: the score that the head is ordered by. Source: tool vectors.
    Similarity,
    /// 1 / the tool's place in the head, above 0 to 1. Source: tool vectors.
    ReciprocalRank,
    /// The best score in the head minus the tool's, 0 to 2: how far it is behind. Source: tool
    /// vectors.
    Margin,
    /// The tool's BM25 score divided by the highest in the head, 0 to 1; 0 if no tool of the head
    /// shares a word with the request. Source: texts.
    Lexical,
    /// Cosine of q and the mean of Q⁺, −1 to 1; 0 without Q⁺. Source: outcomes.
    SuccessCentroid,
    /// Cosine of q and the mean of Q⁻, −1 to 1; 0 without Q⁻. Source: outcomes.
    FailureCentroid,
    /// ln(1 + |Q⁺|) / ln(1 + the largest |Q⁺| of any tool), 0 to 1: how much the success centroid can
    /// be trusted. Source: outcomes.
    SuccessCount,
}

impl Feature {
    /// In the order of the network's inputs.
    pub const ALL: [Self; 7] = [
        Self::Similarity,
        Self::ReciprocalRank,
        Self::Margin,
        Self::Lexical,
        Self::SuccessCentroid,
        Self::FailureCentroid,
        Self::SuccessCount,
    ];
}

/// What is known of the queries that a tool is right for: [`Feature::SuccessCentroid`] and
/// [`Feature::SuccessCount`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Success {
    pub cosine: f32,
    pub count: f32,
}

/// Computes features.
pub(super) struct Features {
    words: Arc<Bm25>,
    /// Mean of Q⁺ per tool, of length 1 or 0 (tools × d).
    success_centroids: Array2<f32>,
    /// Mean of Q⁻ per tool, of length 1 or 0 (tools × d).
    failure_centroids: Array2<f32>,
    /// [`Feature::SuccessCount`] of each tool.
    success_counts: Array1<f32>,
    without: Vec<Feature>,
}

impl Features {
    /// Features that know the outcomes of these training queries.
    pub(super) fn of(
        training: &Training<'_>,
        tools: &Dense,
        top_k: usize,
        words: Arc<Bm25>,
        without: Vec<Feature>,
    ) -> Self {
        let catalogue_size = training.tools.len();
        let right = successes(training);
        let wrong = failures(training, tools.tool_embeddings(), top_k);
        let centroids = |pairs: &[(usize, ToolId)]| {
            let means = means_by_tool(pairs, training.query_embeddings, catalogue_size);
            let mut rows = Array2::zeros((catalogue_size, training.query_embeddings.ncols()));
            for (mut row, mean) in rows.rows_mut().into_iter().zip(means) {
                let Some(mean) = mean else { continue };
                let norm = mean.dot(&mean).sqrt();
                if norm > 0.0 {
                    row.assign(&mean.mapv(|x| (x / norm) as f32));
                }
            }
            rows
        };
        let mut success_counts = Array1::zeros(catalogue_size);
        for &(_, tool) in &right {
            success_counts[tool] += 1.0;
        }
        success_counts.mapv_inplace(f32::ln_1p);
        let most = success_counts.fold(0.0f32, |most, &count| most.max(count));
        if most > 0.0 {
            success_counts /= most;
        }
        Self {
            words,
            success_centroids: centroids(&right),
            failure_centroids: centroids(&wrong),
            success_counts,
            without,
        }
    }

    /// One row per tool of `head`, one column per feature.
    pub(super) fn rows(&self, request: &Request<'_>, head: &[Ranked]) -> Array2<f32> {
        let query = ArrayView1::from(request.embedding);
        self.rows_with(request, head, |tool| Success {
            cosine: query.dot(&self.success_centroids.row(tool)),
            count: self.success_counts[tool],
        })
    }

    /// The same, with what `success` says of a tool's Q⁺.
    pub(super) fn rows_with(
        &self,
        request: &Request<'_>,
        head: &[Ranked],
        mut success: impl FnMut(ToolId) -> Success,
    ) -> Array2<f32> {
        let query = ArrayView1::from(request.embedding);
        let tools: Vec<ToolId> = head.iter().map(|ranked| ranked.tool).collect();
        let asked = Request {
            candidates: Some(&tools),
            ..*request
        };
        let by_words = self.words.rank(&asked, tools.len());
        let most_words = by_words.first().map_or(0.0, |best| best.score);
        let best = head.first().map_or(0.0, |best| best.score);

        let mut rows = Array2::zeros((head.len(), Feature::ALL.len()));
        for (place, (mut row, ranked)) in rows.rows_mut().into_iter().zip(head).enumerate() {
            let success = success(ranked.tool);
            for (value, feature) in row.iter_mut().zip(Feature::ALL) {
                if self.without.contains(&feature) {
                    continue;
                }
                *value = match feature {
                    Feature::Similarity => ranked.score,
                    Feature::ReciprocalRank => 1.0 / (place + 1) as f32,
                    Feature::Margin => best - ranked.score,
                    Feature::Lexical => by_words
                        .iter()
                        .find(|by_words| by_words.tool == ranked.tool && most_words > 0.0)
                        .map_or(0.0, |by_words| by_words.score / most_words),
                    Feature::SuccessCentroid => success.cosine,
                    Feature::FailureCentroid => query.dot(&self.failure_centroids.row(ranked.tool)),
                    Feature::SuccessCount => success.count,
                };
            }
        }
        rows
    }

    pub(super) fn put(&self, state: &mut State) {
        state.nest("words", self.words.state());
        state.put("success_centroids", &self.success_centroids);
        state.put("failure_centroids", &self.failure_centroids);
        state.put("success_counts", &self.success_counts);
        let used = Feature::ALL.map(|feature| !self.without.contains(&feature));
        state.note("used", used.to_vec());
    }

    pub(super) fn restore(state: &State, tools: &Dense) -> Result<Self, Error> {
        let used: [bool; Feature::ALL.len()] = state.read("used")?;
        let features = Self {
            words: Arc::new(Bm25Params::default().restore(&state.nested("words"))?),
            success_centroids: state.array("success_centroids")?,
            failure_centroids: state.array("failure_centroids")?,
            success_counts: state.array("success_counts")?,
            without: Feature::ALL
                .into_iter()
                .zip(used)
                .filter(|&(_, used)| !used)
                .map(|(feature, _)| feature)
                .collect(),
        };
        let shape = tools.tool_embeddings().dim();
        let fits = features.success_centroids.dim() == shape
            && features.failure_centroids.dim() == shape
            && features.success_counts.len_of(Axis(0)) == shape.0
            && features.words.catalogue_size() == shape.0;
        if !fits {
            return Err(Error::State(
                "its statistics are not those of its tools".to_owned(),
            ));
        }
        Ok(features)
    }
}
