//! Tests through the public interface.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod endpoint;
mod history;
mod prices;
mod prompt;
mod recordings;
mod stub;
mod tokens;
