//! `cargo xtask reproduce`: every experiment, held against the committed results.

use std::{
    ffi::OsStr,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use oats_harness::{Shard, Study};

use crate::{
    Ending,
    closing::Closing,
    commands::paper,
    options::{Inputs, make_out},
    readme,
    report::{self, Made},
    shards,
    study::{Ran, check_committed, ensure_none_failed, read_all, take_over},
    work::Work,
    workspace,
};

/// Run every experiment and compare with the committed results.
///
/// Runs experiments/*.toml and ends with a verdict against results/: how many numbers agree, which
/// differ, which were not run and why. What cannot be had (a data set, the model) is named and left
/// out. A run that was interrupted goes on where it stopped.
///
/// With --shard it computes one of several parts, each on a machine of its own, and `merge` ends the
/// run; see docs/many-machines.md.
///
/// Exit code: 0 if nothing differs, 1 if something does, 2 if cells failed or on bad input.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce
  cargo xtask reproduce --data-dir ../data --require metatool,toolbench
  cargo xtask reproduce --quick
  cargo xtask reproduce --experiments main --datasets builtin --seeds 1
  cargo xtask reproduce --shard 2/4 --out shards/2      the second of four parts
  cargo xtask reproduce --bless      update results/ and the README with what was run
  cargo xtask reproduce --paper      the paper, too, with what was run in place of what is committed")]
pub(crate) struct Args {
    #[command(flatten)]
    work: Work,
    /// Compute only the I-th of N parts, from 1 [default --out: the workspace's target/shards/I-of-N].
    #[arg(long, value_name = "I/N",
          conflicts_with_all = ["bless", "paper", "trec", "save_routers", "llm_budget"])]
    shard: Option<Shard>,
    #[command(flatten)]
    end: End,
    #[command(flatten)]
    inputs: Inputs,
}

/// What becomes of what was run.
#[derive(clap::Args)]
pub(crate) struct End {
    /// Where the results go: DIR/EXPERIMENT/ [default: the workspace's target/reproduce].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Update results/ and the README's tables with what was run; other rows stay.
    #[arg(long)]
    bless: bool,
    /// Build the paper of what was run, and of what is committed where nothing was.
    #[arg(long)]
    paper: bool,
}

impl End {
    pub(crate) fn out(&self) -> Result<PathBuf> {
        workspace::out_or(self.out.as_deref(), "target/reproduce")
    }
}

pub(crate) fn run(args: &Args) -> Result<Ending> {
    let opened = args.inputs.open()?;
    match args.shard {
        Some(shard) => shards::compute(&args.work, shard, args.end.out.as_deref(), opened),
        None => to_the_end(&args.work, &args.end, &|study, out, others| {
            args.work.extent.run(study, &opened, out, others)
        }),
    }
}

/// Makes an experiment's rows, in a folder of its own under the given one; the last argument has the
/// folders of experiments that it may name.
pub(crate) type Make<'m> =
    dyn for<'a> Fn(&'a Study, &Path, &dyn Fn(&str) -> PathBuf) -> Result<Ran<'a>> + 'm;

/// Has the rows of all experiments made, and everything made of them that there is to make.
pub(crate) fn to_the_end(work: &Work, end: &End, make: &Make<'_>) -> Result<Ending> {
    let root = workspace::root()?;
    let results = root.join("results");
    let all = read_all(&root.join("experiments"))?;
    let whole = work.choose(all.clone())?;
    let studies = work.extent.restrict(whole.clone())?;
    // Before hours are spent on what they are to be compared with.
    for study in &studies {
        check_committed(study, &results.join(study.name()))?;
    }
    let readme = root.join("README.md");
    if end.bless {
        readme::with_tables(&readme, &results)?;
    }
    let out = end.out()?;
    make_out(&out)?;

    let mut stdout = io::stdout();
    let mut closing = Closing::default();
    let mut ran: Vec<Ran<'_>> = Vec::new();
    for study in &studies {
        eprintln!("{}: {}", study.name(), study.question().trim_start());
        let others = |name: &str| match ran.iter().any(|made| made.name() == name) {
            true => out.join(name),
            false => results.join(name),
        };
        let made = make(study, &out, &others)?;
        write!(stdout, "\n{}", made.tables())?;
        if !made.is_empty() {
            for file in report::of_study(study, made.folder(), &others)? {
                file.write()?;
                writeln!(stdout, "written: {}", file.path.display())?;
            }
        }
        writeln!(stdout)?;
        for (file, verdict) in made.verdicts(&results.join(study.name()))? {
            closing.add(file, verdict);
        }
        closing.add_run(!made.is_empty(), made.skipped());
        if !made.is_empty() {
            ran.push(made);
        }
    }
    // Not of what else is in the folder: it may be of another day's code.
    let was_run = |name: &str| ran.iter().any(|made| made.name() == name);
    if let Some(page) = report::of_page(&root, &out, &was_run)? {
        page.write()?;
        writeln!(stdout, "written: {}", page.path.display())?;
    }
    writeln!(stdout, "{closing}")?;
    ensure!(
        !ran.is_empty(),
        "nothing could be run; the reasons are above"
    );

    ensure_none_failed(&ran)?;

    if end.bless {
        bless(&root, &all, &whole, &out, &was_run)?;
        writeln!(stdout, "Blessed: results/ and README.md hold what was run.")?;
    }
    if end.paper {
        let pdf = out.join("paper.pdf");
        let mut options: Vec<&OsStr> = Vec::new();
        if !end.bless {
            for made in &ran {
                options.extend(["--results".as_ref(), made.folder().as_os_str()]);
            }
            options.extend(["--out".as_ref(), pdf.as_os_str()]);
        }
        ensure!(
            paper::build(&options)? == 0,
            "the paper was not built; the reason is above"
        );
    }
    // Only now: experiments share cells, and whatever fails above is to be resumed.
    for made in &ran {
        made.forget_cells()?;
    }
    Ok(if end.bless || closing.confirms() {
        Ending::Fine
    } else {
        Ending::Contradicted
    })
}

/// Takes over what was run, and makes again what tells of it.
fn bless(
    root: &Path,
    all: &[Study],
    whole: &[Study],
    out: &Path,
    was_run: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let results = root.join("results");
    // The whole experiments: rows that were not run again are part of the answers too.
    for study in whole.iter().filter(|study| was_run(study.name())) {
        take_over(study, &out.join(study.name()), &results.join(study.name()))?;
    }
    // After all rows: a frontier tells of those of others too.
    for study in all {
        let folder = results.join(study.name());
        if was_run(study.name()) || study.reads_others() && folder.exists() {
            for file in report::of_study(study, &folder, &|name| results.join(name))? {
                file.write()?;
            }
        }
    }
    report::of_all(root)?.iter().try_for_each(Made::write)
}
