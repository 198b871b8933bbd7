//! The stages of OATS (arXiv 2603.13426), and the closed-form control beside Stage 3.

mod ridge;
mod s1;
mod s2;
mod s3;
mod tool_vectors;

pub use ridge::RidgeParams;
pub use s1::S1Params;
pub use s2::S2Params;
pub use s3::S3Params;
pub use tool_vectors::ToolVectors;
