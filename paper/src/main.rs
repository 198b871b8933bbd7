//! `oats-paper`: builds the paper, or says whether the committed one is up to date.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Parser;
use oats_harness::write_whole;
use oats_paper::{INPUTS, PDF, Paper, SOURCE};

/// Builds the paper from paper/paper.typ and the rows and figures of results/.
///
/// Exit code: 0 if all is well, 1 if --check finds the committed paper out of date, 2 if the source has an error or
/// a number or figure is missing.
#[derive(Parser)]
#[command(name = "oats-paper", version, max_term_width = 100)]
struct Cli {
    /// Where to write the PDF; the list of what it was made from goes beside it, as .inputs, with the PDF's checksum.
    /// Default: paper/paper.pdf of the workspace.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,
    /// A folder DIR/NAME whose files stand in for those of results/NAME; may be given often.
    #[arg(long, value_name = "DIR/NAME", requires = "out")]
    results: Vec<PathBuf>,
    /// Write nothing; compare with the committed paper.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    let root = root()?;
    let paper = Paper::build(&root, &cli.results)?;
    if cli.check {
        let stale = paper.stale_in(&root);
        for path in &stale {
            eprintln!(
                "{path} is not what its sources make now; build it with `cargo xtask paper` and commit it"
            );
        }
        return Ok(ExitCode::from(u8::from(!stale.is_empty())));
    }
    let (pdf, inputs) = match &cli.out {
        Some(out) => (out.clone(), out.with_extension("inputs")),
        None => (root.join(PDF), root.join(INPUTS)),
    };
    write_whole(&pdf, |to| to.write_all(&paper.pdf))?;
    write_whole(&inputs, |to| to.write_all(paper.inputs.as_bytes()))?;
    println!("{}: {} KiB", pdf.display(), paper.pdf.len() / 1024);
    Ok(ExitCode::SUCCESS)
}

/// The workspace's folder: the nearest, upwards, that holds the paper's source.
fn root() -> Result<PathBuf> {
    let here = env::current_dir()?;
    let found = here
        .ancestors()
        .find(|folder| folder.join(SOURCE).is_file());
    found.map(Path::to_owned).with_context(|| {
        format!("there is no {SOURCE} here or above; run this inside the workspace")
    })
}
