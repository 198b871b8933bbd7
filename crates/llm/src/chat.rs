//! Who is asked.

use std::{
    fmt,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

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

/// Recordings alone. Their file is read when they are first asked.
pub struct Replay {
    file: PathBuf,
    base_url: String,
    why: String,
    recordings: Mutex<Option<Recordings>>,
}

impl Replay {
    /// What the endpoint with that address answered, by the file. `why` says in one line why it may
    /// not be asked for what is not there, and what to do about it.
    pub fn new(file: PathBuf, base_url: &str, why: &str) -> Self {
        Self {
            file,
            base_url: base_url.to_owned(),
            why: why.to_owned(),
            recordings: Mutex::default(),
        }
    }
}

impl fmt::Debug for Replay {
    /// Not the address: it can hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replay")
    }
}

impl Chat for Replay {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, Error> {
        let mut opened = self
            .recordings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let recordings = match &mut *opened {
            Some(recordings) => recordings,
            none => none.insert(Recordings::open(&self.file, &self.base_url)?),
        };
        let known = requests.iter().map(|request| {
            let unrecorded = || Error::NotRecorded {
                why: self.why.clone(),
            };
            recordings.get(request).ok_or_else(unrecorded)
        });
        known.collect()
    }
}
