//! The paper: `paper/paper.typ` and what it reads, set by Typst into one PDF.
//!
//! No measured number is typed into the text. Its sources ask for rows of `results/` by their labels
//! (`rows.rs`), and for figures by their path; a build in which one is missing fails. The same files give
//! the same bytes on any machine: the fonts are compiled in, and nothing reads a clock.

mod error;
mod rows;
mod world;

use std::{
    fs,
    path::{Path, PathBuf},
};

use typst::{World as _, comemo, foundations::Smart};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

pub use error::Error;
use world::{World, checksum};

/// The main source, below the workspace.
pub const SOURCE: &str = "paper/paper.typ";
/// The committed paper, below the workspace.
pub const PDF: &str = "paper/paper.pdf";
/// The committed list of what it was made from, and of the paper itself, below the workspace.
pub const INPUTS: &str = "paper/paper.inputs";

/// A paper as built, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// Every file that was read, by path, and then [`PDF`]: `sha256  path` a line, paths relative to the workspace.
    pub inputs: String,
}

impl Paper {
    /// Builds the paper of the workspace in `root`. A file of `results/NAME/` that is in one of `others` that is
    /// called `NAME` is read from there.
    ///
    /// # Errors
    /// A source is wrong, or asks for a file, a figure or a row that is not there (or for rows that are
    /// several), or an assertion on the results does not hold. A warning of Typst counts as an error.
    pub fn build(root: &Path, others: &[PathBuf]) -> Result<Self, Error> {
        // What a former build in this process remembered must not stand in for reading the files.
        comemo::evict(0);
        let world = World::new(root, others)?;
        world
            .source(world.main())
            .map_err(|why| Error::main(SOURCE, &why))?;
        let compiled = typst::compile::<PagedDocument>(&world);
        let document = compiled
            .output
            .map_err(|errors| Error::typst(&world, &errors))?;
        if !compiled.warnings.is_empty() {
            return Err(Error::typst(&world, &compiled.warnings));
        }
        let options = PdfOptions {
            ident: Smart::Custom("oats-paper".to_owned()),
            creator: Smart::Custom(None),
            ..PdfOptions::default()
        };
        let pdf =
            typst_pdf::pdf(&document, &options).map_err(|errors| Error::typst(&world, &errors))?;
        let inputs = world.inputs() + &checksum(PDF, &pdf);
        Ok(Self { pdf, inputs })
    }

    /// Those of [`PDF`] and [`INPUTS`] in `root` that are not there or not as this one.
    #[must_use]
    pub fn stale_in(&self, root: &Path) -> Vec<&'static str> {
        [(PDF, self.pdf.as_slice()), (INPUTS, self.inputs.as_bytes())]
            .into_iter()
            .filter(|(path, ours)| !fs::read(root.join(path)).is_ok_and(|theirs| theirs == *ours))
            .map(|(path, _)| path)
            .collect()
    }
}
