//! The plain controls: what a fit of a few lines gets from the same outcomes.

mod knn;
mod linear;

pub use knn::KnnParams;
pub use linear::LinearParams;
