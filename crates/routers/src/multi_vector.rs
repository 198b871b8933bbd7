//! `multi-vector`: several vectors for a tool that is asked for in several ways.
//!
//! Where a tool's successful queries Q⁺ form groups, their mean lies between the groups and near to none. So Q⁺ is
//! cut into c clusters by k-means, and each gives a vector of its own, pulled from the tool's embedding e as Stage 1
//! pulls (without its push and its rounds):
//!
//! > vⱼ = normalise((1 − α)·e + α·mean(clusterⱼ)),   score(q, tool) = maxⱼ q·vⱼ
//!
//! The score is that of multi-prototype word vectors (Reisinger and Mooney 2010, *MaxSim*), the clustering Lloyd's
//! from seeds by k-means++ (Arthur and Vassilvitskii 2007), linfa's. With one cluster it is Stage 1 with one round
//! and β = 0. A tool without successes keeps its embedding alone. Serving scans every vector: c times the work at
//! most.

use linfa::{DatasetBase, traits::Fit, traits::Predict};
use linfa_clustering::KMeans;
use ndarray::{Array1, Array2, ArrayView1, Axis};
use oats_datasets::ToolId;
use rand_xoshiro::{Xoshiro256Plus, rand_core::SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Ranked, Request, Router, RouterKind, State, Training, router::mix, scan::Grouped,
};

const KIND: &str = "multi-vector";

/// Hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiVectorParams {
    /// α, the pull towards a cluster's mean; 0 to 1.
    pub alpha: f64,
    /// c, how many vectors a tool has at most; at least 1.
    pub clusters: usize,
    /// How many successes a cluster has at least, where a tool has several; at least 1. A tool gets fewer vectors
    /// before one of its clusters has fewer.
    pub least: usize,
}

impl Default for MultiVectorParams {
    fn default() -> Self {
        Self {
            alpha: 0.3,
            clusters: 2,
            least: 5,
        }
    }
}

impl RouterKind for MultiVectorParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::setting(
                KIND,
                "alpha",
                &self.alpha,
                "between 0 and 1",
            ));
        }
        for (field, count) in [("clusters", self.clusters), ("least", self.least)] {
            if count == 0 {
                return Err(Error::setting(KIND, field, &count, "at least 1"));
            }
        }
        Ok(())
    }

    /// Clusters each tool's successes.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        let mut successes: Vec<Vec<usize>> = vec![Vec::new(); training.tools.len()];
        for (query, asked) in training.queries.iter().enumerate() {
            asked
                .right_tools()
                .for_each(|tool| successes[tool].push(query));
        }
        let of_tools = successes
            .par_iter()
            .enumerate()
            .map(|(tool, successes)| {
                let embedding = training.tool_embeddings.row(tool);
                let means = self.means(training, tool, successes)?;
                Ok(match means.nrows() {
                    0 => embedding.to_owned().insert_axis(Axis(0)),
                    _ => pulled(embedding, &means, self.alpha),
                })
            })
            .collect::<Result<Vec<Array2<f32>>, Error>>()?;
        let counts: Vec<usize> = of_tools.iter().map(Array2::nrows).collect();
        let mut vectors = Array2::zeros((0, training.tool_embeddings.ncols()));
        for of_tool in &of_tools {
            vectors
                .append(Axis(0), of_tool.view())
                .expect("as many components");
        }
        let vectors = Grouped::new(vectors, &counts).expect("at least one a tool");
        Ok(Box::new(MultiVector { vectors }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        let counts: Vec<usize> = state.read("counts")?;
        let vectors = Grouped::new(state.array("vectors")?, &counts).ok_or_else(|| {
            Error::State("it has another number of vectors than its tools have".to_owned())
        })?;
        Ok(Box::new(MultiVector { vectors }))
    }
}

impl MultiVectorParams {
    /// The means of the tool's clusters (clusters × d), none without successes.
    fn means(
        &self,
        training: &Training<'_>,
        tool: ToolId,
        successes: &[usize],
    ) -> Result<Array2<f64>, Error> {
        let queries = training
            .query_embeddings
            .select(Axis(0), successes)
            .mapv(f64::from);
        let most = (successes.len() / self.least).clamp(1, self.clusters);
        let data = DatasetBase::from(queries);
        for clusters in (2..=most).rev() {
            let seed = mix(training.seed.wrapping_add(mix(tool as u64)));
            let rng = Xoshiro256Plus::seed_from_u64(seed);
            let clustering =
                KMeans::params_with_rng(clusters, rng)
                    .fit(&data)
                    .map_err(|error| Error::Solver {
                        router: KIND,
                        problem: error.to_string(),
                    })?;
            let members: Array1<usize> = clustering.predict(data.records());
            let rows = |cluster| {
                let members = members.iter().enumerate();
                let own = members.filter(move |(_, member)| **member == cluster);
                own.map(|(row, _)| row).collect::<Vec<usize>>()
            };
            let of_clusters: Vec<Vec<usize>> = (0..clusters).map(rows).collect();
            if of_clusters.iter().all(|rows| rows.len() >= self.least) {
                let mut means = Array2::zeros((clusters, data.records().ncols()));
                for (rows, mut mean) in of_clusters.iter().zip(means.rows_mut()) {
                    let own = data.records().select(Axis(0), rows);
                    mean.assign(&(own.sum_axis(Axis(0)) / rows.len() as f64));
                }
                return Ok(means);
            }
        }
        let mean = data.records().mean_axis(Axis(0));
        Ok(match mean {
            Some(mean) => mean.insert_axis(Axis(0)),
            None => Array2::zeros((0, data.records().ncols())),
        })
    }
}

/// A vector for each of the means (clusters × d); the embedding where a pull leaves no direction.
fn pulled(embedding: ArrayView1<'_, f32>, means: &Array2<f64>, alpha: f64) -> Array2<f32> {
    let own = embedding.mapv(f64::from);
    let mut vectors = Array2::zeros(means.raw_dim());
    for (mut vector, mean) in vectors.rows_mut().into_iter().zip(means.rows()) {
        let moved = &own * (1.0 - alpha) + &mean * alpha;
        let length = moved.dot(&moved).sqrt();
        if length > 0.0 {
            vector.assign(&(moved / length).mapv(|x| x as f32));
        } else {
            vector.assign(&embedding);
        }
    }
    vectors
}

/// A tool's vectors, the best of which scores it.
struct MultiVector {
    vectors: Grouped,
}

impl Router for MultiVector {
    /// Scores are cosines, in `[-1, 1]`.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        self.vectors
            .search(request.embedding, request.candidates, k)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.put("vectors", &self.vectors.view());
        state.note("counts", self.vectors.counts().collect::<Vec<usize>>());
        state
    }
}
