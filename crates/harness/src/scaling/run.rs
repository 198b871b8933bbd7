//! Measures scans and refinements of growing size.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use ndarray::ArrayView2;
use oats_routers::{
    oats::S1Params,
    scan::{Screened, Vectors},
};
use rayon::prelude::*;

use super::{
    Refinements, Scaling,
    made_up::{Problem, unit_vectors},
};
use crate::{
    DatasetEntry, Error, Observer, RunOptions, Written, manifest,
    resident::{peak_resident, resident_from_here},
    rows::{NONE, Number, ScalingRow},
    workers::pool,
};

/// How many tools a scan is asked for.
const K: usize = 5;
/// Queries that scans take turns with.
const QUERIES: usize = 16;
/// Measurements of one kind, at least.
const LEAST: usize = 3;

/// Measures, and writes the experiment's folder.
///
/// # Errors
/// A fit that fails, or a folder that cannot be written.
pub fn run_scaling(
    study: &Scaling,
    options: &RunOptions,
    observer: &dyn Observer,
) -> Result<Written<ScalingRow>, Error> {
    let started = Instant::now();
    let mut measuring = Measuring {
        study,
        observer,
        rows: Vec::new(),
    };
    // First, while the process has not held and given back any memory yet.
    measuring.refinements("s1-logged", &study.logged, true)?;
    measuring.refinements("s1-labelled", &study.labelled, false)?;
    measuring.scans()?;
    let rows = measuring.rows;
    let entry = DatasetEntry {
        configuration: manifest::by_way_of_text(study),
        code: manifest::describe_code(),
        benchmark: serde_json::Value::Null,
        splits: BTreeMap::new(),
        embedders: BTreeMap::new(),
        prices: None,
        machine: manifest::describe_machine(),
        seconds: started.elapsed().as_secs_f64(),
    };
    let datasets = [(NONE.to_owned(), vec![entry])].into();
    Written::to(&options.out, &study.name, rows, datasets, Vec::new())
}

struct Measuring<'a> {
    study: &'a Scaling,
    observer: &'a dyn Observer,
    rows: Vec<ScalingRow>,
}

/// What is measured.
#[derive(Clone, Copy)]
struct What {
    operation: &'static str,
    tools: usize,
    outcomes: Option<usize>,
    threads: usize,
}

impl Measuring<'_> {
    /// A plain read of all vectors, a scan in f32, one in bytes and one of both, in turn.
    fn scans(&mut self) -> Result<(), Error> {
        let counts = &self.study.scan.tools;
        self.observer.begin("scans", counts.len());
        let queries = unit_vectors(QUERIES, self.study.dimension, 2);
        let queries: Vec<Vec<f32>> = queries.rows().into_iter().map(|row| row.to_vec()).collect();
        for &tools in counts {
            let plain = unit_vectors(tools, self.study.dimension, 3);
            let vectors = Vectors::new(plain.clone());
            let quantised = vectors.quantised();
            let screened = Screened::new(plain.clone());
            for threads in threads() {
                pool(threads)?.install(|| {
                    let [mut first, mut second, mut third] = [0; 3].map(|_| queries.iter().cycle());
                    let [read, scan, bytes, both] = self.in_turn([
                        &mut || {
                            black_box(sum_of_bits(plain.view()));
                        },
                        &mut || {
                            let query = first.next().map_or(&[][..], Vec::as_slice);
                            drop(black_box(vectors.search(query, None, K)));
                        },
                        &mut || {
                            let query = second.next().map_or(&[][..], Vec::as_slice);
                            drop(black_box(quantised.search(query, None, K)));
                        },
                        &mut || {
                            let query = third.next().map_or(&[][..], Vec::as_slice);
                            drop(black_box(screened.search(query, None, K)));
                        },
                    ]);
                    for (operation, times, size) in [
                        ("read", read, Some(vectors.bytes())),
                        ("scan-f32", scan, Some(vectors.bytes())),
                        ("scan-int8", bytes, Some(quantised.bytes())),
                        // How much it reads depends on the query.
                        ("scan-screened", both, None),
                    ] {
                        let what = What {
                            operation,
                            tools,
                            outcomes: None,
                            threads,
                        };
                        self.add_times(what, &times);
                        if let Some(size) = size {
                            let rate = size as f64 / median(&times).as_secs_f64() / 1e9;
                            self.add(what, "gb-per-second", rate, times.len());
                        }
                    }
                });
            }
            self.observer.advance(1);
        }
        self.observer.end();
        Ok(())
    }

    /// Refinements from scratch, and of some more outcomes, on all threads.
    fn refinements(
        &mut self,
        operation: &'static str,
        refinements: &Refinements,
        is_logged: bool,
    ) -> Result<(), Error> {
        let Refinements {
            tools,
            ref outcomes,
            added,
        } = *refinements;
        let Some(&most) = outcomes.iter().max() else {
            return Ok(());
        };
        self.observer.begin(operation, outcomes.len());
        let problem = Problem::new(tools, most + added, self.study.dimension, is_logged);
        let params = S1Params::default();
        let failed = |source| Error::Router {
            cell: operation.to_owned(),
            source: Box::new(source),
            checkpoint: None,
        };
        for &count in outcomes.iter().rev() {
            let what = What {
                operation,
                tools,
                outcomes: Some(count),
                threads: rayon::current_num_threads(),
            };
            let training = problem.training(0..count);
            let before = resident_from_here();
            params.fit(&training).map_err(failed)?;
            // Later fits find memory that the first one gave back.
            if let (true, Ok(before), Ok(peak)) = (count == most, before, peak_resident(None)) {
                let more = peak.saturating_sub(before) as f64;
                self.add(what, "peak-mib", more / f64::from(1 << 20), 1);
            }
            let [times] = self.in_turn([&mut || drop(black_box(params.fit(&training)))]);
            self.add_times(what, &times);

            let refinement = params.start(&training).map_err(failed)?;
            let more = problem.training(count..count + added);
            let mut times = Vec::new();
            for _ in 0..LEAST {
                let mut refinement = refinement.clone();
                let started = Instant::now();
                let touched = refinement.add(&more.queries, more.query_embeddings);
                times.push(started.elapsed());
                black_box(touched.map_err(failed)?);
            }
            let operation = match is_logged {
                true => "s1-logged-more",
                false => "s1-labelled-more",
            };
            self.add_times(What { operation, ..what }, &times);
            self.observer.advance(1);
        }
        self.observer.end();
        Ok(())
    }

    /// Does each in turn, as often as there is time for, and once before.
    fn in_turn<const N: usize>(&self, mut works: [&mut dyn FnMut(); N]) -> [Vec<Duration>; N] {
        let mut times = [const { Vec::new() }; N];
        works.iter_mut().for_each(|work| work());
        let started = Instant::now();
        while times[0].len() < LEAST || started.elapsed().as_secs_f64() < self.study.seconds {
            for (work, times) in works.iter_mut().zip(&mut times) {
                let started = Instant::now();
                work();
                times.push(started.elapsed());
            }
        }
        times
    }

    fn add_times(&mut self, what: What, times: &[Duration]) {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        self.add(what, "median-ms", milliseconds(median(times)), times.len());
        let least = times.iter().min().copied().unwrap_or_default();
        self.add(what, "least-ms", milliseconds(least), times.len());
    }

    fn add(&mut self, what: What, quantity: &str, value: f64, n: usize) {
        self.rows.push(ScalingRow {
            experiment: self.study.name.clone(),
            operation: what.operation.to_owned(),
            tools: what.tools.to_string(),
            outcomes: what
                .outcomes
                .map_or(NONE.to_owned(), |count| count.to_string()),
            threads: what.threads.to_string(),
            quantity: quantity.to_owned(),
            value: Number::new(value),
            n,
        });
    }
}

/// One, and as many as there are.
fn threads() -> Vec<usize> {
    let mut threads = vec![1, rayon::current_num_threads()];
    threads.dedup();
    threads
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Reads every number once and does next to nothing with it: what memory gives.
fn sum_of_bits(vectors: ArrayView2<'_, f32>) -> u32 {
    const CHUNK: usize = 1 << 18;
    let numbers = vectors.to_slice().unwrap_or_default();
    let sum = |chunk: &[f32]| {
        let bits = chunk.iter().map(|number| number.to_bits());
        bits.fold(0, u32::wrapping_add)
    };
    numbers
        .par_chunks(CHUNK)
        .map(sum)
        .reduce(|| 0, u32::wrapping_add)
}
