//! Tool-selection benchmarks: loading, checking, fetching and splitting.
//!
//! A [`Benchmark`] is a catalogue of tools and queries that are labelled with the right tools.
//! Every loader checks what it reads and refuses bad data with the file, the place and the remedy;
//! a benchmark that exists is consistent. [`Split`] divides its queries into training and test
//! under a protocol of your choice, and [`Leakage`] says how much of the test stands in training.
//!
//! ```
//! use oats_datasets::{Dataset, Sources, Split, SplitKind};
//!
//! let sources = Sources::new(None, "cache".into());
//! let benchmark = Dataset::Builtin.load(&sources)?; // compiled in: reads no file
//! let split = Split::new(SplitKind::Query, &benchmark, 0);
//!
//! assert_eq!(split.train.len() + split.test.len(), benchmark.queries().len());
//! assert_eq!(split.leakage(&benchmark).test_queries_in_training, 0);
//! # Ok::<(), oats_datasets::Error>(())
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`benchmark`] | [`Tool`], [`Parameter`], [`Query`], [`Benchmark`] and its checks |
//! | [`outcome`] | [`Outcome`]: a line of a routing log |
//! | [`chat_log`] | [`ChatLog`]: a log of LLM tool calls, as a benchmark and outcomes |
//! | [`split`] | training, test and validation; leakage between them |
//! | [`dataset`] | [`Dataset`]: the data sets by name |
//! | [`description`] | [`Description`]: sizes, repetitions, leakage and gaps of a data set |
//! | [`problems`] | [`Problems`]: all that is wrong with a data set's files |
//! | [`provenance`] | where a benchmark's files came from |
//! | [`source`], [`pinned`] | data folder, cache, download; the files that are pinned |
//! | `builtin`, `metatool`, `toole`, `toolbench`, `beir`, `tool_folder` | one loader each, behind [`Dataset::load`] |
//! | `reading` | what a loader gives |
//! | `tool_list` | tools as OpenAI's API and MCP write them |
//! | `tool_text` | the three texts of MetaTool's tools |
//! | `file`, `catalogue` | text files and tool names with the place where they stand, for the loaders |

pub mod benchmark;
pub mod chat_log;
pub mod dataset;
pub mod description;
pub mod error;
pub mod outcome;
pub mod pinned;
pub mod problems;
pub mod provenance;
pub mod source;
pub mod split;

mod beir;
mod builtin;
mod catalogue;
mod download;
mod file;
mod metatool;
mod reading;
mod tool_folder;
mod tool_list;
mod tool_text;
mod toolbench;
mod toole;

pub use benchmark::{Benchmark, Parameter, Query, Tool, ToolId};
pub use chat_log::{ChatLog, LoggedCall};
pub use dataset::Dataset;
pub use description::Description;
pub use error::{Error, FetchFailure};
pub use file::SourceFile;
pub use outcome::Outcome;
pub use problems::Problems;
pub use provenance::Provenance;
pub use source::Sources;
pub use split::{Leakage, Split, SplitKind};
