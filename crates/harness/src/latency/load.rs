//! Routers under load: many callers at the same time, and the memory it takes.

use std::{
    panic::resume_unwind,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use oats_datasets::{Dataset, Query};
use oats_metrics::Stopwatch;
use oats_routers::RouterSpec;

use super::served::{Served, Threads};
use crate::{EmbedderKind, Error, Pool, workers::pool};

/// Measures how much memory it takes to serve, in a process of its own: this one's holds benchmarks
/// and many routers.
pub trait PeakMemory {
    /// The most bytes that were resident while a process learned from all of a dataset and then ranked
    /// its tools for every text, one at a time.
    ///
    /// # Errors
    /// Why it cannot be measured, in one line.
    fn peak(
        &self,
        dataset: &Dataset,
        embedder: Option<EmbedderKind>,
        router: &RouterSpec,
        texts: &[&str],
    ) -> Result<u64, String>;
}

/// Requests that every caller makes before the clock starts.
const WARM_UP: usize = 3;

/// How many requests a second are answered over the catalogue, and how many were in all, with so many
/// callers that each ask again as soon as they have their answer. Every caller has one thread.
pub(super) fn throughput(
    served: &Served<'_>,
    queries: &[&Query],
    callers: usize,
    length: Duration,
) -> Result<(f64, usize), Error> {
    let start = Barrier::new(callers);
    let answered = AtomicUsize::new(0);
    let pools = (0..callers)
        .map(|_| pool(1))
        .collect::<Result<Vec<_>, _>>()?;
    let call = |caller: usize| -> Result<Duration, Error> {
        // Each begins elsewhere, so that no two ask the same at the same time.
        let offset = caller * queries.len() / callers;
        let mut asked = queries.iter().cycle().skip(offset);
        let mut ask = || match asked.next() {
            Some(query) => {
                let watch = &mut Stopwatch::stopped();
                served
                    .answer(query, Pool::Catalogue, Threads::One, watch)
                    .map(drop)
            }
            None => Ok(()),
        };
        let warm = (0..WARM_UP).try_for_each(|_| ask());
        start.wait();
        warm?;
        let started = Instant::now();
        while started.elapsed() < length {
            ask()?;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(started.elapsed())
    };
    let lasted: Vec<Result<Duration, Error>> = thread::scope(|scope| {
        let call = &call;
        let handles: Vec<_> = pools
            .iter()
            .enumerate()
            .map(|(caller, pool)| scope.spawn(move || pool.install(|| call(caller))))
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let mut longest = Duration::ZERO;
    for time in lasted {
        longest = longest.max(time?);
    }
    let count = answered.into_inner();
    Ok((count as f64 / longest.as_secs_f64(), count))
}
