//! `cargo xtask report`: what people read of the committed results, made from them.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;

use crate::{Ending, commands::paper, report, workspace};

/// Make figures, answers, the page and the README's tables again, from the committed rows alone.
///
/// Needs neither data nor model: results/*/*.csv and manifests in; figures, results/*/README.md,
/// results/index.html and the tables of README.md out. Files that are as they should be are left alone. The
/// paper is made by cargo xtask paper; --check tells whether it or a file that it was made from has changed since.
///
/// Exit code: 0 if all is well, with --check 1 if a file is stale, 2 on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask report
  cargo xtask report --check      name what is stale and write nothing")]
pub(crate) struct Args {
    /// Write nothing; name the files that are not what the results make of them.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let mut stdout = io::stdout();
    let root = workspace::root()?;
    let mut tell = |what: &str, files: &[PathBuf]| -> Result<()> {
        for file in files {
            let path = file.strip_prefix(&root).unwrap_or(file);
            writeln!(stdout, "{what}: {}", path.display())?;
        }
        Ok(())
    };
    if !args.check {
        tell("written", &report::refresh(&root)?)?;
        writeln!(
            io::stdout(),
            "results/index.html and all it shows are what the results make of them."
        )?;
        return Ok(Ending::Fine);
    }
    let stale = report::stale(&root)?;
    tell("stale, run `cargo xtask report`", &stale)?;
    let changed = paper::changed(&root)?;
    tell(
        "changed since the paper was built, run `cargo xtask paper`",
        &changed,
    )?;
    if stale.is_empty() && changed.is_empty() {
        writeln!(
            io::stdout(),
            "README.md, figures, answers, page and paper are what the results make of them."
        )?;
        return Ok(Ending::Fine);
    }
    Ok(Ending::Contradicted)
}
