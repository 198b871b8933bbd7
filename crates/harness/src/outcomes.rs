//! How the outcomes that routers learn from are drawn from the training part.

use std::{fmt, num::NonZeroUsize, str::FromStr};

use ndarray::ArrayView1;
use oats_datasets::{Benchmark, Outcome, Query, ToolId};
use oats_routers::{Ranked, Request, TrainingQuery, top_k};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Embeddings;

/// What routers get to see of the training part: its labels, or a log that a policy left behind.
///
/// The names used in experiments and result files are [`Display`](fmt::Display)'s, and [`FromStr`]
/// reads them back: `all`, `per-tool-10`, `flipped-0.2`, `shown-0`, `calls-1000`.
///
/// The logging policy ranks the whole catalogue by the cosine of query and tool, as the router
/// `dense` does. Its vectors are those of the embedder that the fitted router reads too; for routers
/// that read none, those of the grid's first embedder. All draws depend on the seed and on nothing of
/// the router's, and one seed's draws are nested: N = 2 is part of N = 5, and what is flipped at
/// P = 0.1 is flipped at 0.2 too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Outcomes {
    /// `all`: the labels of all training queries, as they are.
    All,
    /// `per-tool-N`: the labels of fewer queries. Every tool draws at most N of the training queries
    /// that it is right for; a query stays, with all of its labels, if one of its tools drew it.
    PerTool(NonZeroUsize),
    /// `flipped-P`: a log that has, for every training query, an outcome of each right tool and of
    /// each wrong one among the policy's five best. Each success or failure is turned into the other
    /// with probability P, from 0 to 1. Propensities are 1.
    Flipped(f64),
    /// `shown-P`: a log with position bias. The policy shows its five best tools for every training
    /// query; the user looks at the one at rank r with probability 1/r, which is the propensity, and
    /// what was looked at has an outcome, flipped with probability P, from 0 to 1. The first is always
    /// looked at, so no query is left without an outcome. (The examination model of Joachims,
    /// Swaminathan and Schnabel, "Unbiased Learning-to-Rank with Biased Feedback", WSDM 2017, section
    /// 6, with η = 1.)
    Shown(f64),
    /// `calls-N`: a log of N calls. For each, a training query is drawn uniformly with replacement and
    /// one of the policy's ten best tools by a softmax over their cosines at temperature 0.1 (a cosine
    /// that is lower by 0.1 makes a tool e times rarer, so that the tenth still gets its calls). Only
    /// the called tool's success is seen, and the propensity is the softmax's probability. Each call
    /// is a training query of its own.
    Calls(NonZeroUsize),
}

/// Tools that the logging policy shows.
const SHOWN: usize = 5;
/// Tools that the logging policy calls one of.
const CALLED: usize = 10;
/// Of the logging policy's softmax.
const TEMPERATURE: f64 = 0.1;

/// A training query as a router gets to see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// Position in [`Benchmark::queries`].
    pub query: usize,
    /// Its outcomes; `None` where it keeps its labels.
    pub log: Option<Vec<Outcome>>,
}

impl Drawn {
    /// What a fit may know of it.
    ///
    /// # Panics
    /// If the query is not one of the benchmark's.
    pub fn training_query<'a>(&self, benchmark: &'a Benchmark) -> TrainingQuery<'a> {
        let query = &benchmark.queries()[self.query];
        match &self.log {
            None => query.into(),
            Some(outcomes) => TrainingQuery::logged(query, outcomes.clone()),
        }
    }
}

impl Outcomes {
    /// Whether they come from a log, whose policy reads embeddings.
    pub fn are_logged(self) -> bool {
        match self {
            Self::All | Self::PerTool(_) => false,
            Self::Flipped(_) | Self::Shown(_) | Self::Calls(_) => true,
        }
    }

    /// Draws from the training queries `train`, positions in [`Benchmark::queries`]; depends on
    /// nothing but the arguments. Only a log needs the embeddings: without any its policy knows no
    /// tool.
    ///
    /// # Panics
    /// If a query is not one of the benchmark's, or the embeddings are another benchmark's.
    pub fn draw(
        self,
        benchmark: &Benchmark,
        train: &[usize],
        embeddings: &Embeddings,
        seed: u64,
    ) -> Vec<Drawn> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Splits and fits draw from the same seed.
        rng.set_stream(1);
        let log = Log {
            benchmark,
            train,
            embeddings,
        };
        match self {
            Self::All => labelled(train),
            Self::PerTool(most) => labelled(&at_most(most.get(), benchmark, train, &mut rng)),
            Self::Flipped(share) => log.judged(share, &mut rng),
            Self::Shown(share) => log.shown(share, &mut rng),
            Self::Calls(count) => log.calls(count.get(), &mut rng),
        }
    }
}

fn labelled(queries: &[usize]) -> Vec<Drawn> {
    let labelled = queries.iter().map(|&query| Drawn { query, log: None });
    labelled.collect()
}

/// The queries that one of their right tools has among its first `most` in a random order, in the
/// order of `train`.
fn at_most(
    most: usize,
    benchmark: &Benchmark,
    train: &[usize],
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..train.len()).collect();
    positions.shuffle(rng);
    let mut met = vec![0; benchmark.tools().len()];
    positions.retain(|&position| {
        let mut drawn = false;
        for &(tool, _) in &benchmark.queries()[train[position]].relevant {
            drawn |= met[tool] < most;
            met[tool] += 1;
        }
        drawn
    });
    positions.sort_unstable();
    positions
        .into_iter()
        .map(|position| train[position])
        .collect()
}

/// What the logging policy leaves behind.
struct Log<'a> {
    benchmark: &'a Benchmark,
    train: &'a [usize],
    embeddings: &'a Embeddings,
}

impl Log<'_> {
    fn judged(&self, flipped: f64, rng: &mut ChaCha8Rng) -> Vec<Drawn> {
        self.each(|query, best| {
            let right = query.relevant.iter().map(|&(tool, _)| tool);
            let wrong = best.iter().map(|ranked| ranked.tool);
            let judged = right.chain(wrong.filter(|&tool| !is_right(query, tool)));
            judged
                .map(|tool| outcome(query, tool, 1.0, flipped, rng))
                .collect()
        })
    }

    fn shown(&self, flipped: f64, rng: &mut ChaCha8Rng) -> Vec<Drawn> {
        self.each(|query, best| {
            let mut seen = Vec::new();
            for (rank, ranked) in (1..).zip(best) {
                let propensity = 1.0 / f64::from(rank);
                let is_seen = rng.random::<f64>() < propensity;
                // Drawn for every tool, so that another P does not change who looks at what.
                let outcome = outcome(query, ranked.tool, propensity, flipped, rng);
                if is_seen {
                    seen.push(outcome);
                }
            }
            seen
        })
    }

    /// Every training query with the outcomes that `log` makes of it and of the policy's best tools
    /// for it, in order.
    fn each(&self, mut log: impl FnMut(&Query, &[Ranked]) -> Vec<Outcome>) -> Vec<Drawn> {
        let best: Vec<Vec<Ranked>> = self
            .train
            .par_iter()
            .map(|&query| self.best(query, SHOWN))
            .collect();
        let queries = self.train.iter().zip(best);
        queries
            .map(|(&query, best)| Drawn {
                query,
                log: Some(log(&self.benchmark.queries()[query], &best)),
            })
            .collect()
    }

    fn calls(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Drawn> {
        if self.train.is_empty() {
            return Vec::new();
        }
        let draws: Vec<(usize, f64)> = (0..count)
            .map(|_| {
                let query = self.train[rng.random_range(0..self.train.len())];
                (query, rng.random())
            })
            .collect();
        draws
            .into_par_iter()
            .filter_map(|(query, draw)| {
                let (tool, propensity) = choose(&self.best(query, CALLED), draw)?;
                let success = is_right(&self.benchmark.queries()[query], tool);
                let called = Outcome {
                    tool,
                    success,
                    propensity: propensity as f32,
                };
                Some(Drawn {
                    query,
                    log: Some(vec![called]),
                })
            })
            .collect()
    }

    fn best(&self, query: usize, k: usize) -> Vec<Ranked> {
        let tools = &self.embeddings.tools;
        let request = Request {
            text: &self.benchmark.queries()[query].text,
            embedding: self.embeddings.query(query),
            candidates: None,
        };
        let vector = ArrayView1::from(request.embedding);
        top_k(&request, tools.nrows(), k, |tool| {
            tools.row(tool).dot(&vector)
        })
    }
}

fn is_right(query: &Query, tool: ToolId) -> bool {
    query.relevant.iter().any(|&(right, _)| right == tool)
}

fn outcome(
    query: &Query,
    tool: ToolId,
    propensity: f64,
    flipped: f64,
    rng: &mut ChaCha8Rng,
) -> Outcome {
    Outcome {
        tool,
        success: is_right(query, tool) != (rng.random::<f64>() < flipped),
        propensity: propensity as f32,
    }
}

/// The tool that a softmax over the scores of `best` picks for a uniform `draw` from [0, 1), with its
/// probability; `None` of none.
fn choose(best: &[Ranked], draw: f64) -> Option<(ToolId, f64)> {
    let highest = f64::from(best.first()?.score);
    let weights: Vec<f64> = best
        .iter()
        .map(|ranked| ((f64::from(ranked.score) - highest) / TEMPERATURE).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let mut left = draw * total;
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Rounding can leave a little of the last one.
    let chosen = chosen.unwrap_or(best.len() - 1);
    Some((best[chosen].tool, weights[chosen] / total))
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::PerTool(most) => write!(f, "per-tool-{most}"),
            Self::Flipped(share) => write!(f, "flipped-{share}"),
            Self::Shown(share) => write!(f, "shown-{share}"),
            Self::Calls(count) => write!(f, "calls-{count}"),
        }
    }
}

impl FromStr for Outcomes {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let share = |text: &str| {
            let share: f64 = text.parse().ok()?;
            (0.0..=1.0).contains(&share).then_some(share)
        };
        let outcomes = match name.rsplit_once('-') {
            None if name == "all" => Some(Self::All),
            Some(("per-tool", most)) => most.parse().ok().map(Self::PerTool),
            Some(("flipped", p)) => share(p).map(Self::Flipped),
            Some(("shown", p)) => share(p).map(Self::Shown),
            Some(("calls", count)) => count.parse().ok().map(Self::Calls),
            _ => None,
        };
        // Names are labels of result rows, so `calls-0100` must not pass for a second name of
        // `calls-100`.
        outcomes
            .filter(|outcomes| outcomes.to_string() == name)
            .ok_or_else(|| {
                format!(
                    "there are no outcomes `{name}`; there are: all, per-tool-N and calls-N with N \
                     from 1, flipped-P and shown-P with P from 0 to 1, such as 0.25"
                )
            })
    }
}

impl TryFrom<String> for Outcomes {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Outcomes> for String {
    fn from(outcomes: Outcomes) -> Self {
        outcomes.to_string()
    }
}
