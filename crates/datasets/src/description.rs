//! What a data set is like: its sizes, and what makes its numbers worth less.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::{
    Benchmark, Leakage, Query, Split, SplitKind, ToolId, reading::Reading, split::group_texts,
};

/// A data set that has been read, described. Texts count as the same if they are when
/// [normalised](crate::split::normalise); tools are told by their names, queries by their ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// The benchmark's name.
    pub dataset: String,
    /// How many tools there are.
    pub tools: usize,
    /// How many queries have a right tool; the others are not counted anywhere else.
    pub queries: usize,
    /// How many texts they have.
    pub distinct_queries: usize,
    /// Queries for which no tool is right, which the benchmark leaves out.
    pub unlabelled_queries: Vec<String>,
    /// How many right tools a query has; `None` if there are no queries.
    pub labels_per_query: Option<Spread>,
    /// How many queries come with candidates.
    pub queries_with_candidates: usize,
    /// How many candidates these have; `None` if there are no such queries.
    pub candidates_per_query: Option<Spread>,
    /// How many queries each subset has, in the benchmark's order; the first is `all`.
    pub subsets: Vec<Subset>,
    /// Tools whose names differ in case and punctuation only.
    pub similar_tool_names: Vec<Vec<String>>,
    /// Tools that share a description; those without one are not told here.
    pub same_tool_descriptions: Vec<Vec<String>>,
    /// Queries that share a text.
    pub repeated_queries: Vec<Repeated>,
    /// Of the queries in the subset `test`, those whose text stands in the subset `train` too; `None`
    /// unless the data set has both.
    pub given_split: Option<Leakage>,
    /// The same of OATS's own split by instances with seed 0. Its splits by queries have none.
    pub instance_split: Leakage,
    /// Tools that are right for no query.
    pub tools_without_queries: Vec<String>,
    /// Tools of which there is nothing to read but the name.
    pub tools_without_description: Vec<String>,
    /// Tools whose text has more than [`LONG`] words.
    pub long_tools: Vec<String>,
    /// Queries of more than [`LONG`] words.
    pub long_queries: Vec<String>,
}

/// More words than these MiniLM does not read: they make about its 256 tokens.
pub const LONG: usize = 200;

/// The extremes and the mean of some counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub least: usize,
    /// Their mean.
    pub mean: f64,
    /// The most.
    pub most: usize,
}

/// A subset of the queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subset {
    /// Its name.
    pub name: String,
    /// How many queries it has.
    pub queries: usize,
}

/// Queries with the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeated {
    /// Their ids, at least two.
    pub ids: Vec<String>,
    /// The text of the first.
    pub text: String,
    /// Whether all have the same right tools, with the same grades.
    pub same_labels: bool,
}

impl Description {
    pub(crate) fn of(reading: Reading) -> Self {
        let Reading {
            benchmark,
            unlabelled,
        } = reading;
        let (tools, queries) = (benchmark.tools(), benchmark.queries());
        let texts = group_texts(benchmark.query_texts());
        let candidates: Vec<usize> = queries
            .iter()
            .map(|query| query.candidates.len())
            .filter(|&count| count > 0)
            .collect();
        let subsets = benchmark.subsets().iter().enumerate();
        let labels: Vec<usize> = queries.iter().map(|query| query.relevant.len()).collect();
        let used: HashSet<ToolId> = queries
            .iter()
            .flat_map(|query| query.relevant.iter().map(|&(tool, _)| tool))
            .collect();
        let tools_that = |holds: &dyn Fn(ToolId) -> bool| -> Vec<String> {
            let kept = (0..tools.len()).filter(|&tool| holds(tool));
            kept.map(|tool| tools[tool].name.clone()).collect()
        };
        let named = |groups: Vec<Vec<usize>>| -> Vec<Vec<String>> {
            let name = |&tool: &usize| tools[tool].name.clone();
            let names = |group: &Vec<usize>| group.iter().map(name).collect();
            groups.iter().map(names).collect()
        };
        let names = tools.iter().map(|tool| tool.name.as_str());
        let descriptions = tools.iter().map(|tool| tool.description.as_str());

        Self {
            dataset: benchmark.name().to_owned(),
            tools: tools.len(),
            queries: queries.len(),
            distinct_queries: texts.len(),
            unlabelled_queries: unlabelled,
            labels_per_query: Spread::of(&labels),
            queries_with_candidates: candidates.len(),
            candidates_per_query: Spread::of(&candidates),
            subsets: subsets
                .map(|(index, name)| Subset {
                    name: name.clone(),
                    queries: queries_in(queries, index).len(),
                })
                .collect(),
            similar_tool_names: named(repeated(names)),
            same_tool_descriptions: named(repeated(descriptions)),
            repeated_queries: texts
                .into_iter()
                .filter(|group| group.len() > 1)
                .map(|group| Repeated::of(&group, queries))
                .collect(),
            given_split: given_split(&benchmark),
            instance_split: Split::new(SplitKind::Instance, &benchmark, 0).leakage(&benchmark),
            tools_without_queries: tools_that(&|tool| !used.contains(&tool)),
            tools_without_description: tools_that(&|tool| {
                tools[tool].description.trim().is_empty()
            }),
            long_tools: tools_that(&|tool| is_long(&tools[tool].text)),
            long_queries: queries
                .iter()
                .filter(|query| is_long(&query.text))
                .map(|query| query.id.clone())
                .collect(),
        }
    }
}

impl Spread {
    fn of(counts: &[usize]) -> Option<Self> {
        let sum: usize = counts.iter().sum();
        Some(Self {
            least: *counts.iter().min()?,
            mean: sum as f64 / counts.len() as f64,
            most: *counts.iter().max()?,
        })
    }
}

impl Repeated {
    fn of(group: &[usize], queries: &[Query]) -> Self {
        let labels = |&query: &usize| -> BTreeMap<ToolId, u32> {
            queries[query].relevant.iter().copied().collect()
        };
        Self {
            ids: group
                .iter()
                .map(|&query| queries[query].id.clone())
                .collect(),
            text: queries[group[0]].text.clone(),
            same_labels: group.iter().all(|query| labels(query) == labels(&group[0])),
        }
    }
}

/// Positions of texts that are not blank and stand several times, one group a text.
fn repeated<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Vec<Vec<usize>> {
    let is_blank: Vec<bool> = texts.clone().map(|text| text.trim().is_empty()).collect();
    let mut groups = group_texts(texts);
    groups.retain(|group| group.len() > 1 && !is_blank[group[0]]);
    groups
}

/// Positions of the subset's queries.
fn queries_in(queries: &[Query], subset: usize) -> Vec<usize> {
    let all = 0..queries.len();
    all.filter(|&query| queries[query].subsets.contains(&subset))
        .collect()
}

fn given_split(benchmark: &Benchmark) -> Option<Leakage> {
    let part = |name: &str| {
        let subset = benchmark.subsets().iter().position(|one| one == name)?;
        Some(queries_in(benchmark.queries(), subset))
    };
    let split = Split {
        train: part("train")?,
        test: part("test")?,
        dropped: Vec::new(),
    };
    Some(split.leakage(benchmark))
}

fn is_long(text: &str) -> bool {
    text.split_whitespace().nth(LONG).is_some()
}
