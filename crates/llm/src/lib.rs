//! The LLM that tool routers stand in for.

mod functions;
pub mod history;

pub use functions::{function, function_names};
