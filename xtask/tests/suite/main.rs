//! The built command, run as a user runs it: arguments and files in; text, files and an exit code out.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in their helpers

mod bad_input;
mod check_data;
mod common;
mod compare;
mod costs;
mod docs;
mod fetch;
mod figures;
mod frontier;
mod geometry;
mod help_and_route;
mod jsonl;
mod label;
mod llm;
mod model;
mod not_at_hand;
mod peers;
mod process;
mod report;
mod reproduce;
mod serving;
mod shards;
#[allow(dead_code)] // the suite of oats-llm needs more of it
#[path = "../../../crates/llm/tests/suite/stub.rs"]
mod stub;
