//! `cargo xtask venv`: a virtual environment for an example.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{Ending, venv, workspace};

/// Make a Python virtual environment with the packages that an example needs, and print its interpreter.
///
/// An environment that was made for the same lists is left as it is.
///
/// Exit code: 0 if it is there, 2 if it cannot be made.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask venv examples/process
  cargo xtask venv examples/process/requirements.txt      scikit-learn alone
  cargo xtask venv examples/process --venv ~/process-venv")]
pub(crate) struct Args {
    /// A folder with files requirements*.txt, or one such file.
    from: PathBuf,
    /// Where it is made [default: the workspace's target/NAME-venv, by the folder's name].
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// Do not use the network: fail unless it is there.
    #[arg(long)]
    offline: bool,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let (folder, lists) = lists(&args.from)?;
    let name = folder.canonicalize().ok();
    let name = name
        .as_deref()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let venv = match &args.venv {
        Some(folder) => folder.clone(),
        None => workspace::root()?
            .join("target")
            .join(format!("{}-venv", name.to_string_lossy())),
    };
    let python = venv::environment(&venv, &lists, args.offline)?;
    writeln!(io::stdout(), "{}", python.display())?;
    Ok(Ending::Fine)
}

/// The folder of an example, and its lists of packages.
fn lists(from: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    if from.is_file() {
        let folder = from.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        return Ok((folder.to_owned(), vec![from.to_owned()]));
    }
    let entries = fs::read_dir(from)
        .with_context(|| format!("cannot read {}; name a folder or a file", from.display()))?;
    let mut lists = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("requirements") && name.ends_with(".txt") {
            lists.push(path);
        }
    }
    lists.sort();
    ensure!(
        !lists.is_empty(),
        "{} has no file requirements*.txt; name a folder that has one",
        from.display()
    );
    Ok((from.to_owned(), lists))
}
