//! Calls that were made, kept in a file, so that none is made twice.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Completion, Error, Request};

/// What one endpoint answered, by request, in a file of JSON lines that grows by one line for each call.
/// A rerun finds them all, and a run that was stopped half way goes on behind the last one. Several
/// endpoints and several processes can share a file.
#[derive(Debug)]
pub struct Recordings {
    file: PathBuf,
    endpoint: String,
    read: Mutex<Lines>,
}

/// The whole lines of the file that were read so far.
#[derive(Debug, Default)]
struct Lines {
    known: HashMap<String, Completion>,
    count: usize,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// SHA-256 of the endpoint's address and the request's body.
    call: String,
    completion: Completion,
}

impl Recordings {
    /// The recordings of the endpoint with that address; of a file that does not exist, none.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Recording`] with the line that is none. A last line without its end,
    /// which a run that was killed leaves behind, does not count.
    pub fn open(file: impl Into<PathBuf>, base_url: &str) -> Result<Self, Error> {
        let file = file.into();
        let mut lines = Lines::default();
        match File::open(&file) {
            Ok(mut opened) => lines.read_on(&mut opened, &file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", file)(error)),
        }
        Ok(Self {
            file,
            endpoint: without_secrets(base_url),
            read: Mutex::new(lines),
        })
    }

    /// The completion of a request that was made before.
    pub fn get(&self, request: &Request) -> Option<Completion> {
        self.lines().known.get(&self.key(request)).cloned()
    }

    /// Keeps a completion, in the file before anything else. If another process has recorded the same
    /// call meanwhile, its completion stays.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Recording`] for what another process wrote.
    pub fn store(&self, request: &Request, completion: &Completion) -> Result<(), Error> {
        let mut lines = self.lines();
        let mut file = open_and_lock(&self.file).map_err(Error::io("write", &self.file))?;
        lines.read_on(&mut file, &self.file)?;
        let call = self.key(request);
        if lines.known.contains_key(&call) {
            return Ok(());
        }
        let line = Line {
            call,
            completion: completion.clone(),
        };
        let written = serde_json::to_string(&line)
            .map_err(io::Error::from)
            .and_then(|text| {
                // What a killed process left half written goes.
                file.set_len(lines.bytes)?;
                file.seek(SeekFrom::End(0))?;
                let text = format!("{text}\n");
                file.write_all(text.as_bytes())?;
                Ok(text.len() as u64)
            });
        lines.bytes += written.map_err(Error::io("write", &self.file))?;
        lines.count += 1;
        lines.known.insert(line.call, line.completion);
        Ok(())
    }

    fn key(&self, request: &Request) -> String {
        let told = format!("{}\n{}", self.endpoint, request.body());
        hex::encode(Sha256::digest(told))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Reads the whole lines behind those read so far.
    fn read_on(&mut self, file: &mut File, path: &Path) -> Result<(), Error> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.bytes))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(Error::io("read", path))?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n');
        let whole = whole.map_or(&[][..], |end| &bytes[..=end]);
        for line in whole.split_inclusive(|&byte| byte == b'\n') {
            self.count += 1;
            let read: Line = serde_json::from_slice(line).map_err(|error| Error::Recording {
                file: path.to_owned(),
                line: self.count,
                problem: error.to_string(),
            })?;
            self.known.entry(read.call).or_insert(read.completion);
            self.bytes += line.len() as u64;
        }
        Ok(())
    }
}

/// Until the file is closed no other process writes.
fn open_and_lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    file.lock()?;
    Ok(file)
}

/// The address without user, password and parameters: where they change, the endpoint is the same.
fn without_secrets(base_url: &str) -> String {
    let url = base_url.trim();
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/{}", path.trim_end_matches('/'))
}
