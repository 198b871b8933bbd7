//! Experiments as data: one TOML file per table or figure.
//!
//! ```toml
//! name = "main"
//! question = "Does S1 beat static embeddings when training queries do not leak into the test?"
//! metrics = ["ndcg@5", "recall@1"]
//! subsets = ["all"]                        # may be left out: then all of a benchmark's
//! baselines = ["dense"]                    # paired tests are made against these routers
//! routers = ["bm25", "dense", { kind = "oats-s1", rounds = 5, label = "oats-s1-n5" }]
//!
//! [[grid]]                                 # every combination of these is run
//! datasets = ["metatool", "beir:data/my-tools"]
//! embedders = ["minilm", "static"]
//! splits = ["instance", "query"]
//! pools = ["candidates", "catalogue"]
//! seeds = [0, 1, 2, 3, 4]
//! ```

use std::{
    collections::HashSet,
    fmt::{self, Display},
    fs,
    hash::Hash,
    ops::Range,
    path::Path,
};

use oats_datasets::{Dataset, SplitKind};
use oats_metrics::Metric;
use oats_routers::RouterSpec;
use serde::{Deserialize, Serialize};

use crate::{EmbedderKind, Error};

/// What is run, on what, under which labels, and what it is to show.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The name of its folder under `results/`.
    pub name: String,
    /// The question it answers, in words.
    pub question: String,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// The subsets that are reported; `None` reports all of a benchmark's.
    pub subsets: Option<Vec<String>>,
    /// Labels of the routers that the others, and the later ones of them, are tested against.
    pub baselines: Vec<String>,
    /// The routers, in the order of tables and figures.
    pub routers: Vec<RouterEntry>,
    /// What they are run on; a dataset stands in one of them only.
    #[serde(rename = "grid")]
    pub grids: Vec<Grid>,
}

/// A router and the label of its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct RouterEntry {
    /// Unique within the experiment; the router's kind unless the TOML gives another.
    pub label: String,
    /// Kind and hyper-parameters.
    #[serde(flatten)]
    pub spec: RouterSpec,
}

/// Every combination of the lists is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Benchmarks.
    pub datasets: Vec<Dataset>,
    /// Embedders; routers that read no embeddings are run once, with the label `none`.
    pub embedders: Vec<EmbedderKind>,
    /// How training and test are told apart.
    pub splits: Vec<SplitKind>,
    /// What is ranked.
    pub pools: Vec<Pool>,
    /// One split and one fit for each seed.
    pub seeds: Vec<u64>,
}

/// What a router ranks: a query's short list, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// The list that the source offers with the query (the paper's protocol).
    Candidates,
    /// All tools of the benchmark.
    Catalogue,
}

impl Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidates => "candidates",
            Self::Catalogue => "catalogue",
        })
    }
}

impl Experiment {
    /// Reads and checks a TOML file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Experiment`] if it does not say what can
    /// be run: the message names the file, the place and the problem.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        let text = String::from_utf8(bytes).map_err(|error| Error::Experiment {
            file: path.display().to_string(),
            problem: format!("{error}; save the file as UTF-8"),
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses and checks TOML text; `file` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Experiment`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let fault = |problem: String| Error::Experiment {
            file: file.to_owned(),
            problem,
        };
        let experiment: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(String::new(), |span| place(text, span));
            fault(format!("{place}{}", error.message().trim_end()))
        })?;
        experiment.check().map_err(fault)?;
        Ok(experiment)
    }

    /// Keeps only these datasets, and only the first so many seeds of each grid. A grid that has
    /// none left goes altogether.
    pub fn restrict(&mut self, datasets: Option<&[Dataset]>, seeds: Option<usize>) {
        for grid in &mut self.grids {
            if let Some(kept) = datasets {
                grid.datasets.retain(|dataset| kept.contains(dataset));
            }
            grid.seeds.truncate(seeds.unwrap_or(usize::MAX));
        }
        self.grids
            .retain(|grid| !grid.datasets.is_empty() && !grid.seeds.is_empty());
    }

    pub(crate) fn reads_embeddings(&self) -> bool {
        self.routers
            .iter()
            .any(|router| router.spec.reads_embeddings())
    }

    /// Whether some router does without embeddings.
    pub(crate) fn has_text_routers(&self) -> bool {
        self.routers
            .iter()
            .any(|router| !router.spec.reads_embeddings())
    }

    fn check(&self) -> Result<(), String> {
        check_name("name", &self.name)?;
        check_list("metrics", &self.metrics)?;
        if let Some(subsets) = &self.subsets {
            check_list("subsets", subsets)?;
        }
        let labels: Vec<&str> = self.routers.iter().map(|r| r.label.as_str()).collect();
        check_list("routers", &labels)
            .map_err(|problem| format!("{problem}; a router's label is set with `label = …`"))?;
        for label in &labels {
            check_name("routers: label", label)?;
        }
        check_list("baselines", &self.baselines)?;
        if let Some(unknown) = self
            .baselines
            .iter()
            .find(|b| !labels.contains(&b.as_str()))
        {
            return Err(format!(
                "baselines: `{unknown}` is none of the routers' labels, {}",
                labels.join(", ")
            ));
        }
        let datasets: Vec<&Dataset> = self.grids.iter().flat_map(|grid| &grid.datasets).collect();
        check_list("grid: datasets", &datasets)?;
        for (index, grid) in self.grids.iter().enumerate() {
            let field = |name| format!("grid {}: {name}", index + 1);
            check_list(&field("datasets"), &grid.datasets)?;
            check_list(&field("splits"), &grid.splits)?;
            check_list(&field("pools"), &grid.pools)?;
            check_list(&field("seeds"), &grid.seeds)?;
            if self.reads_embeddings() || !grid.embedders.is_empty() {
                check_list(&field("embedders"), &grid.embedders)?;
            }
        }
        Ok(())
    }
}

/// Rows are told apart by what the lists name, and nothing is run without it.
fn check_list<T: Display + Eq + Hash>(field: &str, list: &[T]) -> Result<(), String> {
    if list.is_empty() {
        return Err(format!(
            "{field}: the list is empty, so nothing would be run; name at least one"
        ));
    }
    let mut seen = HashSet::new();
    match list.iter().find(|&entry| !seen.insert(entry)) {
        Some(twice) => Err(format!("{field}: `{twice}` stands twice; name each once")),
        None => Ok(()),
    }
}

/// Names become parts of file names and of TREC's lines.
fn check_name(field: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "{field}: `{name}` is to be part of file names; use letters, digits, `-`, `_` and `.`, a \
         letter or digit first"
    ))
}

/// The line where `span` begins, with its text if the span does not go beyond it. What the whole
/// file lacks has no place; its span is 0..0.
fn place(text: &str, span: Range<usize>) -> String {
    if span.end == 0 {
        return String::new();
    }
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    match text.get(span) {
        Some(inside) if !inside.contains('\n') => {
            let source = text.lines().nth(line - 1).unwrap_or_default();
            format!("line {line}, `{}`: ", source.trim())
        }
        _ => format!("line {line}: "),
    }
}

impl TryFrom<toml::Value> for RouterEntry {
    type Error = String;

    /// `"dense"` or `{ kind = "oats-s1", rounds = 5, label = "…" }`.
    fn try_from(entry: toml::Value) -> Result<Self, String> {
        let mut table = match entry {
            toml::Value::String(kind) => toml::Table::from_iter([("kind".to_owned(), kind.into())]),
            toml::Value::Table(table) => table,
            other => {
                return Err(format!(
                    "expected a router's name or a table with `kind`, found {}",
                    other.type_str()
                ));
            }
        };
        let label = match table.remove("label") {
            None => None,
            Some(toml::Value::String(label)) => Some(label),
            Some(other) => return Err(format!("label: expected text, found {}", other.type_str())),
        };
        let spec: RouterSpec = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| error.message().trim_end().to_owned())?;
        spec.check().map_err(|error| error.to_string())?;
        Ok(Self {
            label: label.unwrap_or_else(|| spec.kind().to_owned()),
            spec,
        })
    }
}
