//! Work that is done on several threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;

/// Does `work` on every item, several at a time, begun in their order. Gives what came out in their
/// order; after an error nothing more is begun.
///
/// The threads of the current rayon pool are shared out among as many workers as there is use for,
/// and everything that an item starts, candle's matrix products included, stays on its worker's. In
/// one pool for all, a fit that waits for a part of its own work would be made to do another fit in
/// the meantime, until all are begun and none is finished.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let threads = rayon::current_num_threads();
    let workers = threads.min(items.len());
    let pools = (0..workers)
        .map(|_| pool(threads / workers))
        .collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let stop = || next.store(items.len(), Ordering::Relaxed);
    let worker = || {
        while let Some((index, item)) = take(&next, items) {
            let result = match catch_unwind(AssertUnwindSafe(|| work(item))) {
                Ok(result) => result,
                Err(panic) => {
                    stop();
                    resume_unwind(panic)
                }
            };
            if result.is_err() {
                stop();
            }
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((index, result));
        }
    };
    thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| pool.install(worker));
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, items.get(index)?))
}

/// As deep a stack as a program's main thread has: gradients are computed by recursion.
const STACK: usize = 8 << 20;

/// A pool of so many threads.
pub(crate) fn pool(threads: usize) -> Result<ThreadPool, Error> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK)
        .build()
        .map_err(|error| Error::io("start", "worker threads")(std::io::Error::other(error)))
}
