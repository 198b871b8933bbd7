//! Where the workspace is, seen from the folder a command was started in.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The workspace's folder, relative to the current one: the nearest, upwards, that has `experiments/`.
///
/// # Errors
/// There is none.
pub(crate) fn root() -> Result<PathBuf> {
    let depth = env::current_dir()?.ancestors().count();
    (0..depth)
        .map(|steps| PathBuf::from("../".repeat(steps)))
        .find(|folder| folder.join("experiments").is_dir())
        .context("there is no folder experiments/ here or above; run this inside the workspace")
}

/// The `--out` that the user gave, as it is, or else `default` in the workspace.
///
/// # Errors
/// None given, and no workspace.
pub(crate) fn out_or(out: Option<&Path>, default: &str) -> Result<PathBuf> {
    match out {
        Some(path) => Ok(path.to_owned()),
        None => Ok(root().context("--out is not given")?.join(default)),
    }
}
