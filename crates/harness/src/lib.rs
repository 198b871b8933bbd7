//! Experiments as data: a TOML file in, tidy result files out, and a verdict on what was committed.
//!
//! ```
//! use oats_harness::Experiment;
//!
//! let toml = r#"
//!     name = "first-look"
//!     question = "Is S1 better than static embeddings on queries it has not seen?"
//!     metrics = ["ndcg@5"]
//!     baselines = ["dense"]
//!     routers = ["dense", { kind = "oats-s1", alpha = 0.5, label = "oats-s1-half" }]
//!
//!     [[grid]]
//!     datasets = ["builtin"]
//!     embedders = ["static"]
//!     splits = ["query"]
//!     pools = ["candidates", "catalogue"]
//!     seeds = [0, 1]
//! "#;
//! let experiment = Experiment::parse(toml, "first-look.toml")?;
//! assert_eq!(experiment.routers[1].label, "oats-s1-half");
//! # Ok::<(), oats_harness::Error>(())
//! ```
//!
//! A *cell* is one router fitted on one split (dataset, kind, seed) with one embedder; it scores
//! both pools. [`run`] computes an experiment's cells, keeps each until all are done, and turns them
//! into rows.
//!
//! | module | what |
//! | --- | --- |
//! | [`Experiment`], [`Grid`], [`Pool`] | `experiment.rs`: the TOML format |
//! | [`Resources`] | `resources.rs`: benchmarks and embedders, each loaded once; vectors |
//! | [`run`], [`RunOptions`], [`Skip`] | `runner.rs` (an experiment), with `evaluation.rs` (a benchmark), `cell.rs` (a cell), `journal.rs` (resume) and `aggregate.rs` (cells to rows) |
//! | [`rows`], [`Manifest`] | the result files |
//! | [`Verdict`], [`bless`] | committed results: compared, updated |
//! | [`Observer`] | `observer.rs`: progress |

mod aggregate;
mod bless;
mod cell;
mod error;
mod evaluation;
mod experiment;
mod journal;
mod manifest;
mod observer;
mod resources;
pub mod rows;
mod runner;
mod skip;
mod verdict;
mod write;

pub use bless::bless;
pub use error::Error;
pub use experiment::{Experiment, Grid, Pool, RouterEntry};
pub use manifest::{DatasetEntry, Manifest};
pub use observer::Observer;
pub use resources::{Available, EmbedderKind, Embeddings, Resources};
pub use runner::{RunOptions, RunSummary, run};
pub use skip::Skip;
pub use verdict::{Difference, TOLERANCE, Verdict};
pub use write::write_whole;
