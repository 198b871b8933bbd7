//! Calls that were made, kept in a file, so that none is made twice.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{Completion, Error, Request};

/// Completions by request, in a file of JSON lines that grows by one line for each call. A rerun finds
/// them all, and a run that was stopped half way goes on behind the last one.
#[derive(Debug)]
pub struct Recordings {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: HashMap<String, Completion>,
    /// Length of the whole lines; what is beyond was half written when a run was killed.
    whole: u64,
    /// Opened with the first call that is recorded.
    out: Option<File>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// [`Request::hash`].
    request: String,
    completion: Completion,
}

impl Recordings {
    /// The recordings of a file; of one that does not exist, none.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Recording`] with the line that is none. A last line without its end
    /// does not count.
    pub fn open(file: impl Into<PathBuf>) -> Result<Self, Error> {
        let file = file.into();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", file)(error)),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut known = HashMap::new();
        for (line, content) in (1..).zip(whole.lines()) {
            let read: Line = serde_json::from_str(content).map_err(|error| Error::Recording {
                file: file.clone(),
                line,
                problem: error.to_string(),
            })?;
            known.insert(read.request, read.completion);
        }
        let state = State {
            known,
            whole: whole.len() as u64,
            out: None,
        };
        Ok(Self {
            file,
            state: Mutex::new(state),
        })
    }

    /// The completion of a request that was made before.
    pub fn get(&self, request: &Request) -> Option<Completion> {
        self.state().known.get(&request.hash()).cloned()
    }

    /// Keeps a completion, in the file before anything else.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn store(&self, request: &Request, completion: &Completion) -> Result<(), Error> {
        let line = Line {
            request: request.hash(),
            completion: completion.clone(),
        };
        let mut state = self.state();
        let written = serde_json::to_string(&line)
            .map_err(io::Error::from)
            .and_then(|text| {
                let whole = state.whole;
                let out = match &mut state.out {
                    Some(out) => out,
                    none => none.insert(open_to_append(&self.file, whole)?),
                };
                // In one piece: another process may append to the same file.
                out.write_all(format!("{text}\n").as_bytes())?;
                out.flush()
            });
        written.map_err(Error::io("write", &self.file))?;
        state.known.insert(line.request, line.completion);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file without what a killed run left behind its `whole` lines.
fn open_to_append(path: &Path, whole: u64) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if torn(path, whole)? {
        file.set_len(whole)?;
    }
    Ok(file)
}

/// Whether what stands behind the whole lines has no end yet.
fn torn(path: &Path, whole: u64) -> io::Result<bool> {
    let bytes = fs::read(path)?;
    Ok(bytes.len() as u64 > whole && !bytes.ends_with(b"\n"))
}
