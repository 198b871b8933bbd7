//! `geometry`: cosines after the cloud of vectors was centred, made round and freed of hubs. Reads no labels
//! but those its base reads: a control that tells how much of a gain is not learned from outcomes at all.
//!
//! Embeddings lie in a narrow cone: what all of them share, and the few directions in which most of them differ, tell
//! nothing about tools. With the mean m and the covariance C of all tool vectors and training queries,
//!
//! > φ(x) = W·(x − m),   W = ((1 − s)·C + s·c̄·I)^(−½),   c̄ = tr(C)/d
//!
//! takes off the mean (`centre`; Mu and Viswanath 2018, *All-but-the-Top*) and makes all directions alike (`whiten`;
//! Su et al. 2021, *Whitening Sentence Representations*), with the covariance shrunk by s towards its mean diagonal,
//! since d² numbers are estimated from few vectors (Ledoit and Wolf 2004). Tools are scored by cos(φ(q), φ(t)).
//!
//! Hubs are tools that are near to many queries, whatever is asked. Cross-domain similarity local scaling (Conneau et
//! al. 2018, *Word Translation Without Parallel Data*, section 2.3) takes off how near a tool is to its k nearest
//! queries: CSLS(q, t) = 2·cos(q, t) − r(q) − r(t). r(q) is the same for all tools of a request, so a tool's score is
//!
//! > cos(φ(q), φ(t)) − r(t)/2,   r(t) = mean of the k largest cos(φ(qᵢ), φ(t)) over training queries qᵢ
//!
//! *Serving.* Without hubs, the length of φ(q) makes no difference, and with the unit vector u of φ(t) the rest is
//! φ(q)·u = q·(Wᵀu) − m·(Wᵀu): a vector and an offset per tool, as cheap as SE. The offset −r(t)/2 stands beside a
//! cosine, so it needs the length of φ(q): then queries are mapped, which costs d² with `whiten` and d without. Where
//! φ is the identity, there is nothing to map.

use linfa_linalg::eigh::EighInto;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    ToolVectors,
    offsets::{self, with_offsets},
    product, unit_or,
};
use crate::{
    Error, Router, RouterKind, State, Training,
    pipeline::{Adapt, Pipeline},
};

const KIND: &str = "geometry";

/// Hyper-parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeometryParams {
    /// The tool vectors.
    pub base: ToolVectors,
    /// Whether the mean is taken off.
    pub centre: bool,
    /// Whether all directions are made alike, and then s, how far the covariance is shrunk; 0 (not at all, which
    /// takes more vectors than they have components) to 1 (to a multiple of the identity, which changes nothing).
    pub whiten: Option<f64>,
    /// Whether hubs are discounted, and then k, how many of the nearest training queries tell hubs; at least 1. All,
    /// if there are fewer.
    pub hubness: Option<usize>,
}

impl Default for GeometryParams {
    fn default() -> Self {
        Self {
            base: ToolVectors::default(),
            centre: true,
            whiten: None,
            hubness: None,
        }
    }
}

impl RouterKind for GeometryParams {
    const READS_EMBEDDINGS: bool = true;

    fn check(&self) -> Result<(), Error> {
        self.base.check()?;
        match (self.whiten, self.hubness) {
            (Some(share), _) if !(0.0..=1.0).contains(&share) => {
                Err(Error::setting(KIND, "whiten", &share, "between 0 and 1"))
            }
            (_, Some(0)) => Err(Error::setting(KIND, "hubness", &0, "at least 1")),
            _ => Ok(()),
        }
    }

    /// Takes the statistics and maps the tool vectors.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or [`Error::Solver`] for a covariance
    /// that has no inverse and is not shrunk enough.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        training.check()?;
        let tools = self.base.fit(training)?;
        let tools = tools.tool_embeddings();
        let map = self.map(training.query_embeddings, tools)?;
        let mapped = map.units(tools);
        Ok(Box::new(match self.hubness {
            None => {
                let vectors = match &map.whitening {
                    Some(whitening) => mapped.dot(whitening),
                    None => mapped,
                };
                let offsets = -vectors.dot(&map.mean);
                with_offsets(&vectors.mapv(single), &offsets.mapv(single))
            }
            Some(neighbours) => {
                let queries = map.units(training.query_embeddings);
                let offsets = hubness(&queries, &mapped, neighbours) / -2.0;
                let tools = with_offsets(&mapped.mapv(single), &offsets.mapv(single));
                match self.is_identity() {
                    true => tools,
                    false => tools.with_adapter(MapQuery::of(&map)),
                }
            }
        }))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        if self.hubness.is_none() || self.is_identity() {
            return offsets::restore(state);
        }
        Pipeline::restore_adapted(state, |state, tools| {
            let dimension = tools.tool_embeddings().ncols().saturating_sub(1);
            MapQuery::restore(state, self.whiten.is_some(), dimension)
        })
    }
}

impl GeometryParams {
    /// Whether vectors stay where they are.
    fn is_identity(&self) -> bool {
        !self.centre && self.whiten.is_none()
    }

    /// φ of these vectors (queries × d and tools × d).
    fn map(&self, queries: ArrayView2<'_, f32>, tools: ArrayView2<'_, f32>) -> Result<Map, Error> {
        let dimension = tools.ncols();
        let all = concatenate(Axis(0), &[tools.view(), queries.view()])
            .expect("they have as many components")
            .mapv(f64::from);
        let mean = all
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(dimension));
        let whitening = match self.whiten {
            Some(share) => Some(whitening(all - &mean, share)?),
            None => None,
        };
        Ok(Map {
            mean: if self.centre {
                mean
            } else {
                Array1::zeros(dimension)
            },
            whitening,
        })
    }
}

/// ((1 − s)·C + s·c̄·I)^(−½) for the covariance C of vectors (n × d) whose mean is 0; I if they are all the same.
fn whitening(centred: Array2<f64>, share: f64) -> Result<Array2<f64>, Error> {
    let covariance = centred.t().dot(&centred) / centred.nrows().max(1) as f64;
    let mean_variance = covariance.diag().sum() / centred.ncols() as f64;
    // Rounding makes less than that of vectors that are the same.
    if mean_variance < 1e-12 {
        return Ok(Array2::eye(centred.ncols()));
    }
    let mut shrunk = covariance * (1.0 - share);
    shrunk
        .diag_mut()
        .mapv_inplace(|x| x + share * mean_variance);
    let unsolved = |problem: &str| Error::Solver {
        router: KIND,
        problem: problem.to_owned(),
    };
    let (variances, directions) = shrunk
        .eigh_into()
        .map_err(|error| unsolved(&error.to_string()))?;
    if variances.iter().any(|&x| x < 1e-9 * mean_variance) {
        return Err(unsolved("the covariance has no inverse"));
    }
    let scaled = &directions / &variances.mapv(f64::sqrt);
    Ok(scaled.dot(&directions.t()))
}

/// Per tool, the mean cosine to its nearest queries (n × d; the tools × d), all of which have length 1; 0 without
/// queries.
fn hubness(queries: &Array2<f64>, tools: &Array2<f64>, neighbours: usize) -> Array1<f64> {
    let count = neighbours.min(queries.nrows());
    let means: Vec<f64> = (0..tools.nrows())
        .into_par_iter()
        .map(|tool| {
            let mut cosines = queries.dot(&tools.row(tool)).to_vec();
            cosines.sort_unstable_by(|a, b| b.total_cmp(a));
            cosines[..count].iter().sum::<f64>() / count.max(1) as f64
        })
        .collect();
    means.into()
}

/// φ.
struct Map {
    /// m; zero where vectors are not centred.
    mean: Array1<f64>,
    /// W (d × d, symmetric).
    whitening: Option<Array2<f64>>,
}

impl Map {
    /// Unit vectors in the directions of φ(x), of vectors x (n × d); zero where φ(x) is.
    fn units(&self, vectors: ArrayView2<'_, f32>) -> Array2<f64> {
        let mut mapped = vectors.mapv(f64::from) - &self.mean;
        if let Some(whitening) = &self.whitening {
            mapped = mapped.dot(whitening);
        }
        for mut row in mapped.rows_mut() {
            let length = row.dot(&row).sqrt();
            if length > 0.0 {
                row /= length;
            }
        }
        mapped
    }
}

fn single(x: f64) -> f32 {
    x as f32
}

/// q ↦ (φ(q)/‖φ(q)‖, ¼).
struct MapQuery {
    mean: Array1<f32>,
    whitening: Option<Array2<f32>>,
}

impl MapQuery {
    fn of(map: &Map) -> Self {
        Self {
            mean: map.mean.mapv(single),
            whitening: map.whitening.as_ref().map(|matrix| matrix.mapv(single)),
        }
    }

    fn restore(state: &State, whitens: bool, dimension: usize) -> Result<Self, Error> {
        let mean: Array1<f32> = state.array("mean")?;
        let whitening: Option<Array2<f32>> = match whitens {
            true => Some(state.array("whitening")?),
            false => None,
        };
        let fits = whitening
            .as_ref()
            .is_none_or(|matrix| matrix.dim() == (dimension, dimension));
        if mean.len() != dimension || !fits {
            let problem = "the map and the tools have different dimensions";
            return Err(Error::State(problem.to_owned()));
        }
        Ok(Self { mean, whitening })
    }
}

impl Adapt for MapQuery {
    fn adapt(&self, query: &[f32]) -> Vec<f32> {
        let mut mapped = &ArrayView1::from(query) - &self.mean;
        if let Some(whitening) = &self.whitening {
            mapped = product(mapped.view(), whitening);
        }
        let mut adapted = unit_or(mapped, &vec![0.0; query.len()]);
        adapted.push(offsets::LAST);
        adapted
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.put("mean", &self.mean);
        if let Some(whitening) = &self.whitening {
            state.put("whitening", whitening);
        }
        state
    }
}
