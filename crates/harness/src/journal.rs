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

use crate::{Error, cell::Scores, write::write_whole};

/// A folder with one file per finished cell: its scores as little-endian `f64`, in order, and the
/// SHA-256 of these bytes.
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
        let bytes = fs::read(self.file(key)).ok()?;
        let (content, checksum) = bytes.split_last_chunk::<32>()?;
        if Sha256::digest(content)[..] != checksum[..] {
            return None;
        }
        let (numbers, _) = content.as_chunks();
        let values = numbers
            .iter()
            .map(|&bytes| f64::from_le_bytes(bytes))
            .collect();
        let scores = Array3::from_shape_vec(shape, values).ok()?;
        self.mark_used(key);
        Some(scores)
    }

    pub(crate) fn store(&self, key: &str, scores: &Scores) -> Result<(), Error> {
        let content: Vec<u8> = scores
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        write_whole(&self.file(key), |out| {
            out.write_all(&content)?;
            out.write_all(&Sha256::digest(&content))
        })?;
        self.mark_used(key);
        Ok(())
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
