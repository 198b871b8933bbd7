//! Finished cells, kept until all experiments are done: an interrupted run goes on where it stopped,
//! and what several experiments need is computed once.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use ndarray::Array3;
use sha2::{Digest, Sha256};

use crate::{
    Error,
    cell::{Computed, Scores},
    write::write_whole,
};

/// A folder with one file per finished cell: its scores as little-endian `f64`, in order, and the
/// SHA-256 of these bytes. Where cells are computed for another machine there is one for each that failed,
/// too, with what failed in place of scores.
///
/// A cell's key holds everything its numbers depend on, this program's own bytes included, so that
/// no number outlives the code, data or settings that made it; and nothing else, so that experiments
/// share cells.
pub(crate) struct Journal {
    folder: PathBuf,
    program: &'static str,
    used: Mutex<BTreeSet<PathBuf>>,
}

/// In the folder that experiments are run into, beside their own; no experiment may be called that.
pub(crate) const FOLDER: &str = "cells";

const EXTENSION: &str = "cell";
/// Of the files of cells that failed.
const FAILED: &str = "failed";

/// Why it is not known what came of a cell.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Lack {
    /// There is no such file.
    #[error("{0} is not there")]
    Missing(PathBuf),
    /// The file is not what was written.
    #[error("{0} is damaged")]
    Damaged(PathBuf),
    /// It is kept for other contents: of a data set, an embedder or a file, which is named.
    #[error("{0} was another there than here")]
    Other(String),
}

impl Journal {
    /// The journal of all experiments that are run into `out`.
    pub(crate) fn open(out: &Path) -> Result<Self, Error> {
        Ok(Self {
            folder: out.join(FOLDER),
            program: program_checksum()?,
            used: Mutex::default(),
        })
    }

    /// The key of a cell whose numbers depend on this program and on `settings`.
    pub(crate) fn key(&self, settings: &str) -> String {
        checksum(format!("{}{settings}", self.program).as_bytes())
    }

    /// The cell's scores, if it was finished. A damaged file counts as unfinished.
    pub(crate) fn load(&self, key: &str, shape: (usize, usize, usize)) -> Option<Scores> {
        let scores = self.scores(key, shape).ok()?;
        self.mark_used(key);
        Some(scores)
    }

    /// What came of the cell, whether it was finished or failed.
    pub(crate) fn outcome(
        &self,
        key: &str,
        shape: (usize, usize, usize),
    ) -> Result<Computed, Lack> {
        let scores = self.scores(key, shape);
        if !matches!(scores, Err(Lack::Missing(_))) {
            return scores.map(Ok);
        }
        match read(&self.failure_file(key)) {
            Ok(reason) => Ok(Err(String::from_utf8_lossy(&reason).into_owned())),
            Err(Lack::Missing(_)) => scores.map(Ok),
            Err(damaged) => Err(damaged),
        }
    }

    fn scores(&self, key: &str, shape: (usize, usize, usize)) -> Result<Scores, Lack> {
        let file = self.file(key);
        let content = read(&file)?;
        let (numbers, _) = content.as_chunks();
        let values = numbers
            .iter()
            .map(|&bytes| f64::from_le_bytes(bytes))
            .collect();
        Array3::from_shape_vec(shape, values).map_err(|_| Lack::Damaged(file))
    }

    pub(crate) fn store(&self, key: &str, scores: &Scores) -> Result<(), Error> {
        let content: Vec<u8> = scores
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        write(&self.file(key), &content)?;
        self.mark_used(key);
        Ok(())
    }

    /// Keeps what failed for whoever joins the cells. It counts as long as the cell is not finished.
    pub(crate) fn store_failure(&self, key: &str, reason: &str) -> Result<(), Error> {
        write(&self.failure_file(key), reason.as_bytes())
    }

    /// The files of the cells that were stored or found.
    pub(crate) fn into_used(self) -> BTreeSet<PathBuf> {
        self.used
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_used(&self, key: &str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(self.file(key));
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(key).with_extension(EXTENSION)
    }

    fn failure_file(&self, key: &str) -> PathBuf {
        self.folder.join(key).with_extension(FAILED)
    }
}

/// What [`write`] wrote.
fn read(file: &Path) -> Result<Vec<u8>, Lack> {
    let mut content = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Lack::Missing(file.to_owned()));
        }
        Err(_) => return Err(Lack::Damaged(file.to_owned())),
    };
    match content.split_last_chunk::<32>() {
        Some((whole, checksum)) if Sha256::digest(whole)[..] == checksum[..] => {
            content.truncate(whole.len());
            Ok(content)
        }
        _ => Err(Lack::Damaged(file.to_owned())),
    }
}

/// Writes the content and its checksum.
fn write(file: &Path, content: &[u8]) -> Result<(), Error> {
    write_whole(file, |out| {
        out.write_all(content)?;
        out.write_all(&Sha256::digest(content))
    })
}

/// Removes the files of cells, and their folder when no others are left in it.
pub(crate) fn remove(cells: &BTreeSet<PathBuf>) -> Result<(), Error> {
    for cell in cells {
        unless_gone(fs::remove_file(cell)).map_err(Error::io("remove", cell))?;
    }
    let folders: BTreeSet<&Path> = cells.iter().filter_map(|cell| cell.parent()).collect();
    for folder in folders {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        // What else there is was half written when a run was killed.
        let is_cell = |path: PathBuf| path.extension() == Some(OsStr::new(EXTENSION));
        if !entries.flatten().any(|entry| is_cell(entry.path())) {
            unless_gone(fs::remove_dir_all(folder)).map_err(Error::io("remove", folder))?;
        }
    }
    Ok(())
}

/// Another experiment that has the same cell may have removed it.
fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// SHA-256 of the file that is being executed, computed once: what one program computed, another does not
/// take over.
///
/// # Errors
/// [`Error::Io`]: it cannot be read.
pub fn program_checksum() -> Result<&'static str, Error> {
    static CHECKSUM: OnceLock<String> = OnceLock::new();
    if let Some(known) = CHECKSUM.get() {
        return Ok(known);
    }
    let program = std::env::current_exe().map_err(Error::io("find", "this program"))?;
    let bytes = fs::read(&program).map_err(Error::io("read", &program))?;
    Ok(CHECKSUM.get_or_init(|| checksum(&bytes)))
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
