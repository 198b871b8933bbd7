//! `cargo xtask paper`: the paper, by the workspace's member of its own.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{Ending, report, workspace};
use sha2::{Digest, Sha256};

/// What the committed paper was made from, and the paper itself: `sha256  path` a line.
const INPUTS: &str = "paper/paper.inputs";
const PDF: &str = "paper/paper.pdf";

/// Build the paper, paper/paper.pdf, from the committed results.
///
/// Typst is built with it as a library, which takes some minutes the first time. A number or figure that is
/// missing or stale ends the build and is named, as is a sentence that the numbers contradict.
///
/// Exit code: 0 if all is well, with --check 1 if the committed paper is another, 2 on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask paper
  cargo xtask paper --check")]
pub(crate) struct Args {
    /// Write nothing; compare with the committed paper.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let root = workspace::root()?;
    let stale = report::stale(&root)?;
    if let Some(file) = stale.first() {
        bail!(
            "{} is not what the committed rows make of it; run `cargo xtask report` first",
            file.strip_prefix(&root).unwrap_or(file).display()
        );
    }
    let options: &[&OsStr] = if args.check {
        &["--check".as_ref()]
    } else {
        &[]
    };
    match build(options)? {
        0 => Ok(Ending::Fine),
        1 => Ok(Ending::Contradicted),
        _ => bail!("the paper was not built; the reason is above"),
    }
}

/// Runs `oats-paper` and gives its exit code.
pub(crate) fn build(options: &[&OsStr]) -> Result<i32> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--release", "--quiet", "-p", "oats-paper", "--"])
        .args(options)
        .status()
        .context("cannot run cargo, which builds the paper")?;
    Ok(status.code().unwrap_or(2))
}

/// Of the committed paper and the files that it was made from, those that are others now, or gone.
pub(crate) fn changed(root: &Path) -> Result<Vec<PathBuf>> {
    let list = fs::read_to_string(root.join(INPUTS))
        .with_context(|| format!("cannot read {INPUTS}; run `cargo xtask paper`"))?;
    ensure!(
        list.lines().any(|line| line.ends_with(&format!("  {PDF}"))),
        "{INPUTS}: the checksum of {PDF} is missing; run `cargo xtask paper`"
    );
    let mut changed = Vec::new();
    for (line, text) in (1..).zip(list.lines()) {
        let (sum, path) = text.split_once("  ").unwrap_or_default();
        ensure!(
            !path.is_empty(),
            "{INPUTS}:{line}: `{text}` is no checksum and path; run `cargo xtask paper`"
        );
        let now = fs::read(root.join(path))
            .ok()
            .map(|content| hex::encode(Sha256::digest(content)));
        if now.as_deref() != Some(sum) {
            changed.push(path.into());
        }
    }
    Ok(changed)
}
