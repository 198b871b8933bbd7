//! Files appear whole or not at all.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::Error;

/// Writes a file through a temporary one beside it, so that an interruption leaves the old content
/// or the new, never a part. Makes the folder if need be.
///
/// # Errors
/// [`Error::Io`], naming the file.
pub fn write_whole(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = BufWriter::new(temporary_file(folder)?);
        content(&mut file)?;
        file.into_inner()?.persist(path)?;
        Ok(())
    };
    write().map_err(Error::io("write", path))
}

/// Readable by whoever the user's umask lets read; by default temporary files are private.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
