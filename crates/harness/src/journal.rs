//! Finished cells, kept until all experiments are done: an interrupted run goes on where it stopped,
//! and what several experiments need is computed once.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
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
}

/// In the folder that experiments are run into, beside their own; no experiment may be called that.
pub(crate) const FOLDER: &str = "cells";

impl Journal {
    /// The journal of all experiments that are run into `out`.
    pub(crate) fn open(out: &Path) -> Result<Self, Error> {
        Ok(Self {
            folder: out.join(FOLDER),
            program: this_program()?,
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
        Array3::from_shape_vec(shape, values).ok()
    }

    pub(crate) fn store(&self, key: &str, scores: &Scores) -> Result<(), Error> {
        let content: Vec<u8> = scores
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        write_whole(&self.file(key), |out| {
            out.write_all(&content)?;
            out.write_all(&Sha256::digest(&content))
        })
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.cell"))
    }
}

/// Forgets the finished cells of the experiments that were run into `out`: to be called when all of
/// them are done.
///
/// # Errors
/// [`Error::Io`].
pub fn forget_cells(out: &Path) -> Result<(), Error> {
    let folder = out.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Checksum of the file that is being executed, computed once.
fn this_program() -> Result<&'static str, Error> {
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
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
