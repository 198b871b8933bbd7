//! The tasks of one benchmark with one number of threads.

use std::{path::Path, time::Duration};

use oats_datasets::{Benchmark, ToolId};
use oats_metrics::{Latencies, Metric};
use oats_routers::RouterSpec;
use serde_json::{Map, Value};

use super::{
    COMPARED, Fault, Fits, K, Learns, Part, Ranking, Ranks, Workers,
    agreement::same_up_to_ties,
    contest::{Contestant, take_turns},
    ours::{Learning, Ours, Refining, Regression, Served},
    worker::Worker,
};
use crate::{
    Error, Observer,
    rows::{Number, PeerRow, milliseconds},
    turns::Rounds,
};

/// Peers that load MiniLM, by torch.
pub(super) const WITH_MODEL: [&str; 2] = ["sentence-transformers", "semantic-router"];
const OF_WORDS: [&str; 3] = ["bm25s", SAME_WORDS, "rank-bm25"];
/// Its rankings are to be ours.
const SAME_WORDS: &str = "bm25s-our-words";
const S1: [&str; 1] = ["numpy-s1"];
const REGRESSION: [&str; 1] = ["scikit-learn"];

/// What came of the tasks.
#[derive(Default)]
pub(super) struct Made {
    pub(super) rows: Vec<PeerRow>,
    /// By peer, its packages' versions.
    pub(super) packages: Map<String, Value>,
    /// Why peers were left out.
    pub(super) failed: Vec<String>,
}

pub(super) struct Tasks<'a> {
    pub(super) benchmark: &'a Benchmark,
    /// The timed queries: their positions in the benchmark and their texts.
    pub(super) timed: &'a [usize],
    pub(super) texts: &'a [&'a str],
    pub(super) ours: &'a [Ours],
    pub(super) learning: Option<&'a Learning<'a>>,
    pub(super) workers: &'a Workers,
    /// What peers read and write.
    pub(super) folder: &'a Path,
    /// Whether that has the model.
    pub(super) with_model: bool,
    pub(super) threads: usize,
    pub(super) fits: usize,
    pub(super) observer: &'a dyn Observer,
    pub(super) made: &'a mut Made,
}

impl<'a> Tasks<'a> {
    pub(super) fn run(&mut self) -> Result<(), Error> {
        self.route()?;
        self.words()?;
        if let Some(learning) = self.learning {
            self.refine(learning)?;
            self.regress(learning)?;
        }
        Ok(())
    }

    /// A text to its five best tools, by vectors.
    fn route(&mut self) -> Result<(), Error> {
        let mut group: Vec<Contestant<dyn Ranks + 'a>> = Vec::new();
        for ours in self.ours {
            let served = Served::fit(&dense(), self.benchmark, Some(ours), self.texts)?;
            let label = format!("oats dense {}", ours.embedder.name());
            group.push(Contestant::new(label, Box::new(served)));
        }
        if self.with_model {
            for (name, worker) in self.start(&WITH_MODEL)? {
                group.push(Contestant::new(name, Box::new(worker)));
            }
        }
        self.rank("route", &mut group)
    }

    /// The same by words.
    fn words(&mut self) -> Result<(), Error> {
        let spec = RouterSpec::Bm25(Default::default());
        let served = Served::fit(&spec, self.benchmark, None, self.texts)?;
        let ours = "oats bm25";
        let mut group: Vec<Contestant<dyn Ranks + 'a>> =
            vec![Contestant::new(ours, Box::new(served))];
        for (name, worker) in self.start(&OF_WORDS)? {
            group.push(Contestant::new(name, Box::new(worker)));
        }
        self.rank("words", &mut group)?;

        group.retain(|side| [ours, SAME_WORDS].contains(&side.label.as_str()));
        let rankings = self.ask(
            "words compared",
            Rounds::requests(self.timed.len()),
            &mut group,
            |side, row| side.rank(row, COMPARED),
        )?;
        let of = |label| rankings.iter().find(|(name, _)| name == label);
        if let (Some((_, ours)), Some((name, theirs))) = (of(ours), of(SAME_WORDS)) {
            let pairs = ours.iter().zip(theirs);
            let same = pairs.filter(|(a, b)| same_up_to_ties(a, b)).count();
            let share = same as f64 / ours.len().max(1) as f64;
            self.row("words", name, "same-ranking", share, ours.len());
        }
        Ok(())
    }

    /// Stage 1.
    fn refine(&mut self, learning: &Learning<'_>) -> Result<(), Error> {
        let ours = "oats s1";
        let mut group: Vec<Contestant<dyn Fits + '_>> =
            vec![Contestant::new(ours, Box::new(Refining(learning)))];
        for (name, worker) in self.start(&S1)? {
            group.push(Contestant::new(name, Box::new(worker)));
        }
        for (task, part) in [("s1-training", Part::Training), ("s1-all", Part::All)] {
            let warm_up = format!("{task}, warming up");
            self.ask(&warm_up, Rounds::fits(1), &mut group, |side, _| {
                side.fit(part)
            })?;
            let fits = self.ask(task, Rounds::fits(self.fits), &mut group, |side, _| {
                side.fit(part)
            })?;
            let last = |label: &str| {
                let (_, fits) = fits.iter().find(|(name, _)| name == label)?;
                Some(&fits.last()?.vectors)
            };
            for (name, fits) in &fits {
                self.latencies(task, name, fits.iter().map(|fit| fit.time));
            }
            for (name, fits) in fits.iter().filter(|(name, _)| name != ours) {
                let (Some(ours), Some(theirs)) = (last(ours), last(name)) else {
                    continue;
                };
                let largest = largest_difference(ours, theirs);
                self.row(task, name, "largest-difference", largest, fits.len());
            }
        }
        Ok(())
    }

    /// Logistic regression: its fit, and a vector to its five best tools.
    fn regress(&mut self, learning: &Learning<'_>) -> Result<(), Error> {
        let mut group: Vec<Contestant<dyn Learns + '_>> = vec![Contestant::new(
            "oats linear",
            Box::new(Regression::on(learning)),
        )];
        for (name, worker) in self.start(&REGRESSION)? {
            group.push(Contestant::new(name, Box::new(worker)));
        }
        let fit = |side: &mut (dyn Learns + '_), _: usize| side.fit(Part::Training);
        self.ask(
            "regression-fit, warming up",
            Rounds::fits(1),
            &mut group,
            fit,
        )?;
        for (name, fits) in self.ask("regression-fit", Rounds::fits(self.fits), &mut group, fit)? {
            self.latencies("regression-fit", &name, fits.iter().map(|fit| fit.time));
        }
        self.rank("regression", &mut group)
    }

    /// Has all of the group rank the timed queries, after some to warm up; quality beside time.
    fn rank<S: Ranks + ?Sized>(
        &mut self,
        task: &str,
        group: &mut Vec<Contestant<S>>,
    ) -> Result<(), Error> {
        let count = self.timed.len();
        let warm_up = format!("{task}, warming up");
        self.ask(
            &warm_up,
            Rounds::requests(count.div_ceil(10)),
            group,
            |side, row| side.rank(row, K.get()),
        )?;
        for (name, rankings) in self.ask(task, Rounds::requests(count), group, |side, row| {
            side.rank(row, K.get())
        })? {
            self.latencies(task, &name, rankings.iter().map(|ranking| ranking.time));
            self.quality(task, &name, &rankings);
        }
        Ok(())
    }

    fn ask<S: ?Sized, A>(
        &mut self,
        what: &str,
        rounds: Rounds,
        group: &mut Vec<Contestant<S>>,
        ask: impl Fn(&mut S, usize) -> Result<A, Fault>,
    ) -> Result<Vec<(String, Vec<A>)>, Error> {
        let (benchmark, threads) = (self.benchmark.name(), self.threads);
        let what = format!("{benchmark}, threads: {threads}: {what}");
        self.observer.begin(&what, group.len() * rounds.count);
        let answers = take_turns(group, rounds, &mut self.made.failed, self.observer, ask)?;
        self.observer.end();
        Ok(answers)
    }

    /// Those of the peers that can be started, all at once: they take their time to load.
    fn start(&mut self, names: &[&'static str]) -> Result<Vec<(&'static str, Worker)>, Error> {
        let what = format!(
            "{}, threads: {}: starting {}",
            self.benchmark.name(),
            self.threads,
            names.join(", ")
        );
        self.observer.begin(&what, names.len());
        let started: Vec<_> = names
            .iter()
            .map(|&name| {
                let tools = self.benchmark.tools().len();
                let worker = Worker::start(name, self.workers, self.folder, tools, self.threads);
                (name, worker)
            })
            .collect();
        let mut ready = Vec::new();
        for (name, worker) in started {
            let worker = worker.and_then(|mut worker| Ok((worker.ready()?, worker)));
            match worker {
                Ok((packages, worker)) => {
                    self.made.packages.insert(name.to_owned(), packages);
                    ready.push((name, worker));
                }
                Err(Fault::Peer(reason)) => {
                    self.observer.note(&format!("left out: {reason}"));
                    self.made.failed.push(reason);
                }
                Err(Fault::Ours(error)) => return Err(error),
            }
            self.observer.advance(1);
        }
        self.observer.end();
        Ok(ready)
    }

    fn latencies(&mut self, task: &str, peer: &str, times: impl Iterator<Item = Duration>) {
        let mut latencies = Latencies::default();
        times.for_each(|time| latencies.record(time));
        let Some(summary) = latencies.summary() else {
            return;
        };
        for (quantity, value) in milliseconds(summary) {
            self.row(task, peer, quantity, value, summary.count as usize);
        }
    }

    fn quality(&mut self, task: &str, peer: &str, rankings: &[Ranking]) {
        let metric = Metric::Ndcg(K);
        let queries = self
            .timed
            .iter()
            .map(|&query| &self.benchmark.queries()[query]);
        let scores = queries.zip(rankings).map(|(query, ranking)| {
            let tools: &[ToolId] = &ranking.tools;
            metric.score(tools, &query.relevant)
        });
        let mean = scores.sum::<f64>() / rankings.len().max(1) as f64;
        if !rankings.is_empty() {
            self.row(task, peer, &metric.to_string(), mean, rankings.len());
        }
    }

    fn row(&mut self, task: &str, peer: &str, quantity: &str, value: f64, n: usize) {
        self.made.rows.push(PeerRow {
            dataset: self.benchmark.name().to_owned(),
            task: task.to_owned(),
            threads: self.threads.to_string(),
            peer: peer.to_owned(),
            quantity: quantity.to_owned(),
            value: Number::new(value),
            n,
        });
    }
}

fn dense() -> RouterSpec {
    RouterSpec::Dense(Default::default())
}

/// Of components of unit vectors. Those that are no numbers, or not as many, differ by the most there is.
fn largest_difference(ours: &[f32], theirs: &[f32]) -> f64 {
    const MOST: f32 = 2.0;
    if ours.len() != theirs.len() {
        return MOST.into();
    }
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    let differences = differences.map(|difference| {
        if difference.is_nan() {
            MOST
        } else {
            difference
        }
    });
    differences.fold(0.0, f32::max).into()
}
