//! The paper's builder, through its public interface.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod build;
