//! Finished cells of a run that is under way, so that an interrupted one goes on where it stopped.

use std::{fs, io, path::PathBuf, sync::OnceLock};

use ndarray::Array3;
use sha2::{Digest, Sha256};

use crate::{Error, cell::Scores, write::write_whole};

/// A folder with one file per finished cell: its scores as little-endian `f64`, in order, and the
/// SHA-256 of these bytes.
///
/// A cell's key holds everything its numbers depend on, this program's own bytes included, so that
/// no number outlives the code, data or settings that made it.
pub(crate) struct Journal {
    folder: PathBuf,
    program: &'static str,
}

impl Journal {
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        Ok(Self {
            folder,
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

    /// Forgets everything: the run is complete and its results are written.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.folder)(error))
            }
            _ => Ok(()),
        }
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.cell"))
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
