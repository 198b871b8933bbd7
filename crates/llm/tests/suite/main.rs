//! Tests through the public interface.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

#[cfg(feature = "endpoint")]
mod endpoint;
mod history;
mod prices;
mod prompt;
mod recordings;
#[cfg(feature = "endpoint")]
mod stub;
mod tokens;
