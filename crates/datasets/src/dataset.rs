//! The data sets by name.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    Benchmark, Description, Error, Problems, Sources, beir, builtin, metatool,
    pinned::{METATOOL, METATOOL_DESCRIPTION, METATOOL_FOR_MODEL, TOOLBENCH, TOOLE},
    reading::Reading,
    tool_folder,
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
    /// `tools:DIR`: a folder with the tools of an agent.
    ///
    /// `tools.json` is an MCP server's answer to `tools/list`, its bare `result`, an array of such
    /// pages, an array of tools as OpenAI's API takes it (nested in `function` or flat) or
    /// Anthropic's, or a request with such a field `tools`; what it is, its contents tell. Tools
    /// without a name, which the provider runs itself, are left out.
    ///
    /// `queries.jsonl` has an object a line: `query` and its right `tools`, each a name or
    /// `{"name": …, "grade": …}`; if need be an `id`, the `candidates` that are offered with it,
    /// `subsets` that results are reported for, and `split`, `train` or `test`, which is a subset too.
    /// Queries without a right tool are left out. A field that is none of these is an error.
    Tools(PathBuf),
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

    /// The folder's data set, which is known by its files.
    ///
    /// # Errors
    /// [`Error::Unreadable`] when it has neither `corpus.jsonl` nor `tools.json`, or both.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let has = |file: &str| folder.join(file).exists();
        let problem = match [has(beir::CORPUS), has(tool_folder::TOOLS)] {
            [true, false] => return Ok(Dataset::Beir(folder.to_owned())),
            [false, true] => return Ok(Dataset::Tools(folder.to_owned())),
            [true, true] => "both corpus.jsonl and tools.json are in it",
            [false, false] if folder.is_dir() => "neither corpus.jsonl nor tools.json is in it",
            [false, false] => "no such folder",
        };
        Err(Error::Unreadable {
            path: folder.to_owned(),
            reason: io::Error::new(io::ErrorKind::NotFound, problem),
            remedy: "say which it is, beir:DIR or tools:DIR, and put its files there".to_owned(),
        })
    }

    /// Whether it is a folder of the user's own.
    pub fn is_folder(&self) -> bool {
        matches!(self, Dataset::Beir(_) | Dataset::Tools(_))
    }

    /// Whether [`Benchmark::name`] of what it loads can be `label`. A folder's benchmark has the name
    /// of the folder without the way to it, so of a folder only the kind is told.
    pub fn can_be(&self, label: &str) -> bool {
        match self {
            Dataset::Beir(_) => label.starts_with("beir:"),
            Dataset::Tools(_) => label.starts_with("tools:"),
            named => label == named.to_string(),
        }
    }

    /// Reads the benchmark, downloading what is not on this machine.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the files cannot be had; any other error when they are bad.
    pub fn load(&self, sources: &Sources) -> Result<Benchmark, Error> {
        let reading = self.read(sources).map_err(Problems::into_first)?;
        Ok(reading.benchmark)
    }

    /// Reads the benchmark like [`load`](Self::load), and describes it.
    ///
    /// # Errors
    /// Of a folder of the user's own all that is found wrong with it, of the others what is first.
    pub fn describe(&self, sources: &Sources) -> Result<Description, Problems> {
        self.read(sources).map(Description::of)
    }

    fn read(&self, sources: &Sources) -> Result<Reading, Problems> {
        let benchmark = match self {
            Dataset::Builtin => builtin::load(),
            Dataset::Metatool => metatool::load(sources, ToolText::NameAndDescription),
            Dataset::MetatoolDescription => metatool::load(sources, ToolText::Description),
            Dataset::MetatoolForModel => metatool::load(sources, ToolText::ForModel),
            Dataset::Toole => toole::load(sources),
            Dataset::Toolbench => toolbench::load(sources),
            Dataset::Beir(folder) => return beir::read(folder),
            Dataset::Tools(folder) => return tool_folder::read(folder),
        };
        Ok(benchmark?.into())
    }

    /// Makes sure that the files are on this machine, downloading them into the cache if need be.
    ///
    /// # Errors
    /// As [`Sources::obtain`].
    pub fn fetch(&self, sources: &Sources) -> Result<(), Error> {
        let repository = match self {
            Dataset::Builtin | Dataset::Beir(_) | Dataset::Tools(_) => return Ok(()),
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
        match name.split_once(':') {
            Some((_, "")) => {}
            Some(("beir", folder)) => return Ok(Dataset::Beir(folder.into())),
            Some(("tools", folder)) => return Ok(Dataset::Tools(folder.into())),
            _ => {}
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
            Dataset::Tools(folder) => write!(f, "tools:{}", folder.display()),
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
