//! Who is asked.

use std::fmt;

use crate::{Completion, Error, Recordings, Request};

/// Something that answers requests: an endpoint, or recordings of one.
pub trait Chat: fmt::Debug + Send + Sync {
    /// The answers, in the order of the requests. Blocks until they are there; not to be called from
    /// asynchronous code.
    ///
    /// # Errors
    /// If one of them cannot be had; [`Error::is_unavailable`] tells whether anything is wrong beyond
    /// that. Those that were had are recorded.
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, Error>;
}

/// Recordings alone, and why no endpoint may be asked for what they lack.
#[derive(Debug)]
pub struct Replay {
    /// What there is.
    pub recordings: Recordings,
    /// In one line: the reason, and what to do about it.
    pub why: String,
}

impl Chat for Replay {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, Error> {
        let known = requests.iter().map(|request| {
            let unrecorded = || Error::NotRecorded {
                why: self.why.clone(),
            };
            self.recordings.get(request).ok_or_else(unrecorded)
        });
        known.collect()
    }
}
