//! What may be spent, and what is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::Error;

/// Dollars that calls may cost together. What a call can cost at most is set aside before it is made,
/// so that calls under way cannot exceed the limit together.
pub(super) struct Budget {
    limit: f64,
    state: Mutex<State>,
    /// Told whenever a call has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    spent: f64,
    set_aside: f64,
    under_way: usize,
    answered: usize,
}

impl Budget {
    pub(super) fn new(limit: f64) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            ended: Notify::new(),
        }
    }

    /// Sets aside what the next call can cost at most. Where only calls under way stand in the way, it
    /// waits for them: they mostly cost far less than was set aside for them.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub(super) async fn set_aside(&self, most: f64) -> Result<(), Error> {
        loop {
            let ended = self.ended.notified();
            {
                let mut state = self.state();
                if state.spent + state.set_aside + most <= self.limit {
                    state.set_aside += most;
                    state.under_way += 1;
                    return Ok(());
                }
                if state.under_way == 0 {
                    return Err(Error::Budget {
                        limit: self.limit,
                        spent: state.spent,
                        next: most,
                        made: 0,
                    });
                }
            }
            ended.await;
        }
    }

    /// A call that `most` was set aside for was answered, and cost `dollars`.
    pub(super) fn answered(&self, most: f64, dollars: f64) {
        self.end(most, dollars, 1);
    }

    /// It was not answered, and cost `dollars`.
    pub(super) fn failed(&self, most: f64, dollars: f64) {
        self.end(most, dollars, 0);
    }

    /// Puts into what ended a run how many calls were answered.
    pub(super) fn count(&self, mut error: Error) -> Error {
        if let Error::Budget { made, .. } | Error::Stopped { made } = &mut error {
            *made = self.state().answered;
        }
        error
    }

    fn end(&self, most: f64, dollars: f64, answered: usize) {
        let mut state = self.state();
        state.under_way -= 1;
        // Sums of differences do not come back to zero.
        state.set_aside = match state.under_way {
            0 => 0.0,
            _ => state.set_aside - most,
        };
        state.spent += dollars;
        state.answered += answered;
        drop(state);
        self.ended.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
