//! `cargo xtask figures`: the figures, drawn again from committed results.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::{Result, ensure};

use crate::{Ending, report::of_folders, workspace};

/// Draw the figures of results/ again, from the committed rows alone.
///
/// Needs neither data nor model. A figure is an SVG and the same as a PNG, in its experiment's folder.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask figures
  cargo xtask figures main leakage")]
pub(crate) struct Args {
    /// Only those of these experiments.
    #[arg(value_name = "NAMES")]
    experiments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let figures: Vec<_> = of_folders(&workspace::root()?)?
        .into_iter()
        .filter(|file| file.is_figure())
        .collect();
    let of = |path: &Path| {
        let folder = path.parent().and_then(Path::file_name);
        folder.unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut known: Vec<String> = figures.iter().map(|file| of(&file.path)).collect();
    known.dedup();
    for name in &args.experiments {
        ensure!(
            known.contains(name),
            "there is no figure of `{name}`; there are those of: {}",
            known.join(", ")
        );
    }
    let mut stdout = io::stdout();
    for file in figures {
        if args.experiments.is_empty() || args.experiments.contains(&of(&file.path)) {
            file.write()?;
            writeln!(stdout, "written: {}", file.path.display())?;
        }
    }
    Ok(Ending::Fine)
}
