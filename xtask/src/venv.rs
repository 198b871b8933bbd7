//! Virtual environments for Python, with the packages of requirement lists.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use oats_harness::write_whole;

/// Python as it is called here.
pub(crate) fn python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

/// The interpreter of a virtual environment with the packages of these lists. It is made, unless it is there
/// and was made for them: then they stand in it, too.
///
/// # Errors
/// It cannot be made, or only with the network that `offline` rules out.
pub(crate) fn environment(venv: &Path, lists: &[PathBuf], offline: bool) -> Result<PathBuf> {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let python_there = venv.join(folder).join(python());
    let made_for = venv.join("oats-requirements.txt");
    let read = |list: &PathBuf| {
        fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))
    };
    let wanted = lists.iter().map(read).collect::<Result<String>>()?;
    let made = fs::read_to_string(&made_for).ok();
    // It can be a link to a Python that is gone.
    let python_is_gone = made.is_some() && !python_there.exists();
    if made.is_some_and(|made_for| made_for == wanted) && !python_is_gone {
        return Ok(python_there);
    }
    ensure!(
        !offline,
        "the virtual environment {} is not there, was made for other packages or has lost its Python; leave out \
         --offline, or name another with --venv",
        venv.display()
    );
    eprintln!(
        "making the virtual environment {}, which can take minutes",
        venv.display()
    );
    let mut make = Command::new(python());
    make.args(["-m", "venv"]);
    if python_is_gone {
        // Else what is left of it would be kept.
        make.arg("--clear");
    }
    succeed(make.arg(venv))?;
    let mut pip = Command::new(&python_there);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"]);
    for list in lists {
        pip.arg("-r").arg(list);
    }
    succeed(&mut pip)?;
    write_whole(&made_for, |out| out.write_all(wanted.as_bytes()))?;
    Ok(python_there)
}

/// Runs a command, and tells its last word if it fails.
fn succeed(command: &mut Command) -> Result<()> {
    let line = format!("{command:?}").replace('"', "");
    let output = command
        .output()
        .with_context(|| format!("cannot run {line}"))?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&output.stderr);
    let error = log.lines().rev().find(|line| line.contains("ERROR"));
    let words = error.or(log.lines().last()).unwrap_or("no message");
    bail!("{line} failed ({}): {words}", output.status);
}
