//! Tests of the crate's public interface, one module per subject.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod beir;
mod benchmark;
mod builtin;
mod chat_log;
mod common;
mod description;
mod download;
mod metatool;
mod real_data;
mod split;
mod tool_folder;
mod toolbench;
mod toole;
