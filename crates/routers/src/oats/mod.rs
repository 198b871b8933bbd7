//! The stages of OATS (arXiv 2603.13426).

mod s1;

pub use s1::S1Params;
