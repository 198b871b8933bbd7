//! The stages of OATS (arXiv 2603.13426), and the closed-form controls beside Stages 1 and 3.
//!
//! Where no training query has a tool that is known to be right, every one of them serves the tool
//! vectors it stands on.

mod geometry;
mod lambda;
mod offsets;
mod outcomes;
mod plus;
mod procrustes;
mod retrieval;
mod ridge;
mod s1;
mod s2;
mod s3;
pub mod solve;
mod tool_vectors;

pub use geometry::GeometryParams;
pub use outcomes::Negatives;
pub use plus::PlusParams;
pub use procrustes::ProcrustesParams;
pub use ridge::RidgeParams;
pub use s1::{Refinement, S1Params};
pub use s2::{Feature, S2Params};
pub use s3::S3Params;
pub use tool_vectors::ToolVectors;

use ndarray::{Array1, Array2, ArrayView1};

use crate::{Error, Router, Training, baselines::Dense};

/// AdamW's decoupled weight decay, in Stages 2 and 3.
const WEIGHT_DECAY: f64 = 0.01;

/// Whether some training query has a tool that is known to be right.
fn has_successes(training: &Training<'_>) -> bool {
    let mut queries = training.queries.iter();
    queries.any(|query| !query.relevant.is_empty())
}

/// Whether a fit pays, the gate's question: a fit to four fifths of the training queries gives a better NDCG@5 on the
/// rest, of at most about 1,000, than the tools' own embeddings.
///
/// # Errors
/// Those of `fit`.
fn pays<R: Router>(
    training: &Training<'_>,
    fit: impl FnOnce(&Training<'_>) -> Result<R, Error>,
) -> Result<bool, Error> {
    let (rows, validation) = training.fit_and_validation(0.2);
    let fitted = fit(&training.part(&rows).view())?;
    let original = Dense::new(training.tool_embeddings.to_owned());
    Ok(training.ndcg(&fitted, &validation) > training.ndcg(&original, &validation))
}

/// The unit vector in the direction of `moved`, or `original` where there is no direction.
fn unit_or(moved: Array1<f32>, original: &[f32]) -> Vec<f32> {
    let norm = moved.fold(0.0, |sum, &x| sum + f64::from(x).powi(2)).sqrt();
    if norm.is_finite() && norm > 0.0 {
        moved
            .iter()
            .map(|&x| (f64::from(x) / norm) as f32)
            .collect()
    } else {
        original.to_vec()
    }
}

/// What `vector.dot(matrix)` is. That walks down the matrix's columns, from one cache line to the next;
/// this adds up its rows, which gives the same sums in the same order.
fn product(vector: ArrayView1<'_, f32>, matrix: &Array2<f32>) -> Array1<f32> {
    let mut sums = Array1::zeros(matrix.ncols());
    for (&x, row) in vector.iter().zip(matrix.rows()) {
        sums.scaled_add(x, &row);
    }
    sums
}
