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
//! A *cell* is one router fitted on one split (dataset, kind, seed) with one embedder and one kind of
//! outcomes; it scores both pools. [`run`] computes an experiment's cells, several at a time, keeps
//! each until [`RunSummary::forget_cells`], and turns them into rows.
//!
//! | module | what |
//! | --- | --- |
//! | [`Experiment`], [`Grid`], [`Pool`], [`Quick`], [`RouterEntry`] | `experiment/`: the TOML format |
//! | [`Outcomes`], [`Drawn`] | `outcomes.rs`: what routers learn from: labels or a log |
//! | [`Study`] | `study.rs`: an experiment of any kind, by its TOML's `kind`; `parse.rs`: TOML with the place of what is wrong; `line.rs`: least squares; `training.rs`: what routers learn from that are fitted to be served; `turns.rs`: who is timed when |
//! | [`Costs`], [`run_costs`], [`costs_report`] | `costs/`: experiments that count tokens and price them |
//! | [`Latency`], [`run_latency`] | `latency/`: experiments that time routers |
//! | [`Scaling`], [`run_scaling`] | `scaling/`: how time and memory grow, on made-up vectors; `resident.rs`: memory |
//! | [`Geometry`], [`run_geometry`] | `geometry/`: what OATS-S1 does with one tool, projected to a plane |
//! | [`Frontier`], [`Serving`] | `frontier/`, `serving/`: rows of other experiments, joined: with an LLM's costs, or with the work of serving |
//! | [`run_peers`], [`peers_report`] | `peers/`: other libraries, timed in turn with ours |
//! | [`Resources`] | `resources.rs`: benchmarks and embedders, each loaded once; vectors |
//! | [`run`], [`RunOptions`], [`RunSummary`], [`Skip`] | `runner.rs` (an experiment), with `evaluation.rs` (a benchmark), `cells.rs` (its cells on `workers.rs`), `cell.rs` (a cell), `keepsakes.rs` (rankings, routers) and `aggregate.rs` (cells to rows) |
//! | [`RunSummary::forget_cells`], [`program_checksum`], [`Lack`] | `journal.rs`: finished cells on disk |
//! | [`Shard`], [`Sharing`], [`Left`], [`Sources`] | `shard.rs`: cells dealt out to several machines |
//! | [`CellScores`] | `scores.rs`: what each test query scored, in files |
//! | [`compare_routers`], [`compare_runs`], [`compare_means`], [`leaderboard`] | `compare/`: two sides, or all routers, held against each other |
//! | [`rows`], [`Manifest`], [`Written`] | the result files, and what a run leaves of them |
//! | [`Verdict`], [`bless`], [`bless_whole_datasets`] | committed results: compared, updated |
//! | [`report()`], [`Section`] | `report/`: an experiment's answer in words and tables |
//! | [`Observer`] | `observer.rs`: progress |

mod aggregate;
mod bless;
mod cell;
mod cells;
mod compare;
mod costs;
mod error;
mod evaluation;
mod experiment;
mod frontier;
mod geometry;
mod journal;
mod keepsakes;
mod latency;
mod line;
mod manifest;
mod observer;
mod outcomes;
mod parse;
mod peers;
mod report;
mod resident;
mod resources;
pub mod rows;
mod runner;
mod scaling;
mod scores;
mod serving;
mod shard;
mod skip;
mod study;
mod training;
mod turns;
mod verdict;
mod workers;
mod write;
mod written;

pub use bless::{bless, bless_whole_datasets};
pub use compare::{Comparison, LEVEL, compare_means, compare_routers, compare_runs, leaderboard};
pub use costs::{
    Cache, ContextGrowth, CostComparison, Costs, Labels, Shown, Workflow, costs_report, run_costs,
};
pub use error::Error;
pub use experiment::{Experiment, Grid, Pool, Quick, RouterEntry};
pub use frontier::{
    CitedLatency, Frontier, FrontierPoints, Joined, LlmRange, Point, frontier_report,
};
pub use geometry::{
    AfterRounds, Example, Geometry, Panel, Placed, Projection, Rival, TestQuery, ToolGeometry,
    ToolPoints, geometry_report, run_geometry, tool_points,
};
pub use journal::{Lack, program_checksum};
pub use latency::{Latency, Limit, Limited, Load, PeakMemory, latency_report, run_latency};
pub use manifest::{DatasetEntry, Manifest};
pub use observer::Observer;
pub use outcomes::{Drawn, Outcomes};
pub use peers::{PeersPlan, PeersSummary, Workers, peers_report, run_peers};
pub use report::{CitedNumber, Section, report};
pub use resident::peak_resident;
pub use resources::{Available, EmbedderKind, Embeddings, Resources};
pub use runner::{RunOptions, RunSummary, run};
pub use scaling::{Growth, Scaling, growths, run_scaling, scaling_report};
pub use scores::{CellScores, QueryScores};
pub use serving::{AddedLimit, Serving, ServingPoint, ServingPoints, serving_report};
pub use shard::{Left, Shard, Sharing, Sources};
pub use skip::Skip;
pub use study::{Study, StudyKind};
pub use verdict::{Conditions, Difference, TOLERANCE, Verdict};
pub use write::write_whole;
pub use written::Written;
