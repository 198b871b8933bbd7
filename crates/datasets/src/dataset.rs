//! The data sets by name.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Benchmark, Error, Sources, beir, builtin, metatool,
    pinned::{METATOOL, METATOOL_DESCRIPTION, METATOOL_FOR_MODEL, TOOLBENCH, TOOLE},
    tool_text::ToolText,
    toolbench, toole,
};

/// A data set that can be loaded; written as its name (`metatool`, `beir:some/folder`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Dataset {
    /// `builtin`: written for this project and compiled in.
    ///
    /// 98 tools of 14 domains, 1,078 queries for one tool and 170 for two. Every query has ten
    /// candidates: its own tools, then tools of their domains drawn in turn, then tools of other
    /// domains, sorted by position, so that the list gives the domain away but not the tool.
    Builtin,
    /// `metatool`: the four subtasks of MetaTool's Task 2.
    ///
    /// 199 tools and 4,287 instances with the tool list of each prompt as candidates. A right tool
    /// that the list leaves out (`reliability` always does) is appended to it.
    Metatool,
    /// `metatool-description`: `metatool` with the descriptions alone as the tools' texts.
    MetatoolDescription,
    /// `metatool-for-model`: `metatool` with the texts `name: description_for_model`.
    ///
    /// A plugin's manifest describes it twice: to people, which is what `metatool` reads, and to the
    /// model that is to choose. The latter come from upstream's file of 390 plugins, matched by name,
    /// letters and digits only; tools without a match keep `name: description`, and the provenance's
    /// notes say how many have one.
    MetatoolForModel,
    /// `toole`: MetaTool's full table of single-tool queries.
    ///
    /// 199 tools and 20,614 queries. Upstream offers no candidates with them: those given here are
    /// the ten tools that MetaTool's similar-choices subtask offers for the same tool.
    Toole,
    /// `toolbench`: StableToolBench's solvable queries.
    ///
    /// One tool per distinct (category, tool, API), 2,490 in all, and 765 queries in six groups;
    /// candidates are each query's own `api_list`.
    Toolbench,
    /// `beir:DIR`: a folder in the layout of BEIR and MTEB.
    ///
    /// `corpus.jsonl` is the catalogue, `queries.jsonl` the queries, and every `qrels/*.tsv` a
    /// subset named after the file. There are no candidates.
    Beir(PathBuf),
}

impl Dataset {
    /// The sets that need no folder; the variants of another set come last.
    pub const NAMED: [Dataset; 6] = [
        Dataset::Builtin,
        Dataset::Metatool,
        Dataset::Toole,
        Dataset::Toolbench,
        Dataset::MetatoolDescription,
        Dataset::MetatoolForModel,
    ];

    /// Reads the benchmark, downloading what is not on this machine.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the files cannot be had; any other error when they are bad.
    pub fn load(&self, sources: &Sources) -> Result<Benchmark, Error> {
        match self {
            Dataset::Builtin => builtin::load(),
            Dataset::Metatool => metatool::load(sources, ToolText::NameAndDescription),
            Dataset::MetatoolDescription => metatool::load(sources, ToolText::Description),
            Dataset::MetatoolForModel => metatool::load(sources, ToolText::ForModel),
            Dataset::Toole => toole::load(sources),
            Dataset::Toolbench => toolbench::load(sources),
            Dataset::Beir(folder) => beir::load(folder),
        }
    }

    /// Makes sure that the files are on this machine, downloading them into the cache if need be.
    ///
    /// # Errors
    /// As [`Sources::obtain`].
    pub fn fetch(&self, sources: &Sources) -> Result<(), Error> {
        let repository = match self {
            Dataset::Builtin | Dataset::Beir(_) => return Ok(()),
            Dataset::Metatool => METATOOL,
            Dataset::MetatoolDescription => METATOOL_DESCRIPTION,
            Dataset::MetatoolForModel => METATOOL_FOR_MODEL,
            Dataset::Toole => TOOLE,
            Dataset::Toolbench => TOOLBENCH,
        };
        sources.obtain(&repository).map(drop)
    }
}

impl FromStr for Dataset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if let Some(folder) = name.strip_prefix("beir:")
            && !folder.is_empty()
        {
            return Ok(Dataset::Beir(folder.into()));
        }
        Self::NAMED
            .into_iter()
            .find(|dataset| dataset.to_string() == name)
            .ok_or_else(|| Error::UnknownDataset {
                name: name.to_owned(),
            })
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dataset::Builtin => f.write_str("builtin"),
            Dataset::Metatool => f.write_str("metatool"),
            Dataset::MetatoolDescription => f.write_str("metatool-description"),
            Dataset::MetatoolForModel => f.write_str("metatool-for-model"),
            Dataset::Toole => f.write_str("toole"),
            Dataset::Toolbench => f.write_str("toolbench"),
            Dataset::Beir(folder) => write!(f, "beir:{}", folder.display()),
        }
    }
}

impl TryFrom<String> for Dataset {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Dataset> for String {
    fn from(dataset: Dataset) -> Self {
        dataset.to_string()
    }
}
