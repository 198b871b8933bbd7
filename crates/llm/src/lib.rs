//! The LLM that tool routers stand in for.

mod functions;

pub use functions::{function, function_names};
