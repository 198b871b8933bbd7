//! `cargo xtask report`: what people read of the committed results, made from them.

use std::io::{self, Write};

use anyhow::Result;

use crate::{Ending, report::of_workspace, workspace};

/// Make figures, answers and the README's tables again, from the committed rows alone.
///
/// Needs neither data nor model: results/*/*.csv and manifests in; figures, results/*/README.md and the
/// tables of README.md out. Files that are as they should be are left alone.
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
    let files = of_workspace(&root)?;
    let mut stale = 0;
    for file in &files {
        if file.is_fresh()? {
            continue;
        }
        stale += 1;
        let path = file.path.strip_prefix(&root).unwrap_or(&file.path);
        if args.check {
            writeln!(stdout, "stale: {}", path.display())?;
        } else {
            file.write()?;
            writeln!(stdout, "written: {}", path.display())?;
        }
    }
    let count = files.len();
    if args.check && stale > 0 {
        writeln!(
            stdout,
            "{stale} of {count} files are not what results/ makes of them; run `cargo xtask report`"
        )?;
        return Ok(Ending::Contradicted);
    }
    writeln!(stdout, "All {count} files are what results/ makes of them.")?;
    Ok(Ending::Fine)
}
