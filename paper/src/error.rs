//! What can be wrong with the paper, each with its place.

use std::{fmt::Write as _, path::PathBuf};

use typst::{
    World as _, WorldExt as _,
    diag::{FileError, SourceDiagnostic, Tracepoint},
    syntax::DiagSpan,
};

use crate::world::World;

/// Why there is no paper.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workspace's folder cannot be opened.
    #[error("{path}: {source}; run this inside the workspace")]
    Root {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The sources are wrong, or what they ask for is not there: a line each, with its place.
    #[error("{0}")]
    Source(String),
}

impl Error {
    /// The main source cannot be read.
    pub(crate) fn main(path: &str, why: &FileError) -> Self {
        Self::Source(format!("{path}: {why}; restore it from the repository"))
    }

    /// What Typst says, with places as `file:line:column`.
    pub(crate) fn typst(world: &World, said: &[SourceDiagnostic]) -> Self {
        let lines: Vec<String> = said.iter().map(|one| line(world, one)).collect();
        Self::Source(lines.join("\n"))
    }
}

/// One diagnostic as one line: where, what, from where it was called, and what to do.
fn line(world: &World, diagnostic: &SourceDiagnostic) -> String {
    let mut line = place(world, diagnostic.span).unwrap_or_else(|| crate::SOURCE.to_owned());
    let _ = write!(line, ": {}", diagnostic.message);
    // The sources' own functions fetch rows and check claims; the sentence at fault is where another file calls them.
    let calls = diagnostic
        .trace
        .iter()
        .filter(|step| matches!(step.v, Tracepoint::Call(_)))
        .map(|step| DiagSpan::from(step.span));
    let mut outside = calls.filter(|span| span.id() != diagnostic.span.id());
    if let Some(caller) = outside.find_map(|span| place(world, span)) {
        let _ = write!(line, " (called at {caller})");
    }
    for hint in &diagnostic.hints {
        let _ = write!(line, "; {}", hint.v);
    }
    line
}

fn place(world: &World, span: DiagSpan) -> Option<String> {
    let source = world.source(span.id()?).ok()?;
    let start = world.range(span)?.start;
    let (row, column) = source.lines().byte_to_line_column(start)?;
    Some(format!(
        "{}:{}:{}",
        source.id().vpath().get_without_slash(),
        row + 1,
        column + 1
    ))
}
