//! Peers: other libraries that do what a router here does, on the same queries, the same machine and as
//! many threads, in turn with ours.
//!
//! | task | ours | peers |
//! | --- | --- | --- |
//! | `route`: a text to its five best tools | `dense` with each embedder | sentence-transformers and NumPy; semantic-router |
//! | `words`: the same by words | `bm25` | bm25s; bm25s with our words; rank-bm25 with our words |
//! | `s1-training`, `s1-all`: Stage 1 on the training queries, on all | `oats-s1` | NumPy |
//! | `regression-fit`; `regression`: a vector to its five best tools | `linear` | scikit-learn |
//!
//! A peer is a process ([`Workers`]) that answers one question at a time and takes its own time, so that
//! the way there and back is not charged to it. One that fails is left out from there on, with its rows.

mod agreement;
mod contest;
mod export;
mod ours;
mod report;
mod run;
mod tasks;
mod worker;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use oats_datasets::Dataset;
use serde::Serialize;

pub use self::{
    report::peers_report,
    run::{PeersSummary, run_peers},
};

/// The name of the folder under `results/`.
pub(crate) const NAME: &str = "peers";

/// How much is timed.
#[derive(Clone, Debug)]
pub struct PeersPlan {
    /// Benchmarks.
    pub datasets: Vec<Dataset>,
    /// How many test queries are ranked.
    pub queries: usize,
    /// How often what is fitted is fitted.
    pub fits: usize,
    /// Everything is run once with each of these numbers of threads.
    pub threads: Vec<usize>,
    /// Whether those that embed by torch are among the peers.
    pub torch: bool,
}

/// How peers are started: `PYTHON SCRIPT PEER FOLDER THREADS`. `xtask/peers/worker.py` tells what is said
/// then.
#[derive(Clone, Debug)]
pub struct Workers {
    /// The interpreter with the peers' packages.
    pub python: PathBuf,
    /// The script.
    pub script: PathBuf,
    /// How long a peer may take to start, and for an answer.
    pub patience: Duration,
}

/// How many tools are asked for, as a gateway would.
const K: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// How far down rankings by words are held against each other.
const COMPARED: usize = 10;

/// The queries that something is fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// The training part of the query split.
    Training,
    /// The whole benchmark.
    All,
}

/// Why a side gave no answer.
#[derive(Debug)]
enum Fault {
    /// The peer's doing, in one line; the others go on.
    Peer(String),
    /// Ours.
    Ours(crate::Error),
}

impl<E: Into<crate::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Ours(error.into())
    }
}

/// A ranking and how long it took.
#[derive(Clone, Debug)]
struct Ranking {
    time: Duration,
    /// Distinct tools, best first.
    tools: Vec<usize>,
    /// Theirs.
    scores: Vec<f64>,
}

/// What a fit made.
struct Fitted {
    time: Duration,
    /// Tool vectors (tools × d, a row after the other), if it made any.
    vectors: Vec<f32>,
}

/// Ours or a peer's, at ranking the catalogue.
trait Ranks: Send {
    /// The best `k` tools for the timed query at position `row`.
    fn rank(&mut self, row: usize, k: usize) -> Result<Ranking, Fault>;
}

/// Ours or a peer's, at learning from queries.
trait Fits: Send {
    fn fit(&mut self, part: Part) -> Result<Fitted, Fault>;
}

/// Ours or a peer's, at ranking by what was fitted last.
trait Learns: Fits + Ranks {}

impl<S: Fits + Ranks> Learns for S {}
