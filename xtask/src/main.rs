//! The workspace's commands. `cargo xtask --help` lists them.

mod closing;
mod commands;
mod figures;
mod interrupt;
mod llm;
mod memory;
mod options;
mod page;
mod progress;
mod readme;
mod report;
mod shards;
mod study;
mod table;
mod venv;
mod work;
mod workspace;

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tool selection without an LLM in the request path: reproduce, merge, run, try, time, compare,
/// rank, draw, report, label, check data, fetch, distil.
///
/// Exit code: 0 if all is well, 1 if the numbers contradict the committed ones or fell, 2 on bad input or if
/// something needed is missing.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    after_help = "Examples:
  cargo xtask route \"will I need an umbrella in Leeds tomorrow?\"
  cargo xtask reproduce --datasets builtin
  cargo xtask help reproduce"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Reproduce(commands::reproduce::Args),
    Merge(commands::merge::Args),
    Run(commands::run::Args),
    Route(commands::route::Args),
    Compare(commands::compare::Args),
    Leaderboard(commands::leaderboard::Args),
    Latency(commands::latency::Args),
    Peers(commands::peers::Args),
    Figures(commands::figures::Args),
    Report(commands::report::Args),
    Paper(commands::paper::Args),
    Label(commands::label::Args),
    CheckData(commands::check_data::Args),
    Fetch(commands::fetch::Args),
    Distill(commands::distill::Args),
    Venv(commands::venv::Args),
}

/// How a command that did its work ended.
enum Ending {
    /// All is well.
    Fine,
    /// The numbers contradict the committed ones, or are worse than those they are held against.
    Contradicted,
}

fn main() -> ExitCode {
    interrupt::listen();
    let ended = match Cli::parse().command {
        Command::Reproduce(args) => commands::reproduce::run(&args),
        Command::Merge(args) => commands::merge::run(&args),
        Command::Run(args) => commands::run::run(&args),
        Command::Route(args) => commands::route::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Leaderboard(args) => commands::leaderboard::run(&args),
        Command::Latency(args) => commands::latency::run(&args),
        Command::Peers(args) => commands::peers::run(&args),
        Command::Figures(args) => commands::figures::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Paper(args) => commands::paper::run(&args),
        Command::Label(args) => commands::label::run(&args),
        Command::CheckData(args) => commands::check_data::run(&args),
        Command::Fetch(args) => commands::fetch::run(&args),
        Command::Distill(args) => commands::distill::run(&args),
        Command::Venv(args) => commands::venv::run(&args),
    };
    match ended {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::Contradicted) => ExitCode::from(1),
        // What a shell reports of programs that the signal SIGPIPE ended.
        Err(error) if reader_has_gone(&error) => ExitCode::from(141),
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            ExitCode::from(2)
        }
    }
}

/// Whether all that went wrong is that nobody reads standard output any more: `… | head -3`.
fn reader_has_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The error and its causes, each told once: many messages hold their cause's already.
fn one_line(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let words: Vec<String> = cause
            .to_string()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let words = words.join(" ");
        if told.is_empty() {
            told = words;
        } else if !told.contains(&words) {
            told = format!("{told}: {words}");
        }
    }
    told
}
