//! What a benchmark is: tools, queries with their relevant and candidate tools, named subsets.

use std::collections::HashSet;

use serde::Serialize;

use crate::{Error, provenance::Provenance};

/// Position of a tool in [`Benchmark::tools`].
pub type ToolId = usize;

/// One entry of a tool catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Unique within its benchmark.
    pub name: String,
    /// What the tool says of itself; may be empty (224 of StableToolBench's APIs have none).
    pub description: String,
    /// What stands for the tool wherever text is read; never blank. `name: description` unless the
    /// data set says otherwise.
    pub text: String,
    /// What a call of it takes, each name once; empty where the source does not say. Routers do not
    /// read it; an LLM that is offered the tool as a function does.
    pub parameters: Vec<Parameter>,
}

/// One argument of a tool's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// A type of JSON Schema: `string`, `number`, `boolean`, `array` or `object`.
    pub kind: &'static str,
    /// What it means; may be empty.
    pub description: String,
    /// Whether a call must have it.
    pub required: bool,
}

impl Tool {
    /// A tool without parameters whose text is `name: description`, or the name alone where there is
    /// no description.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        let (name, description) = (name.into(), description.into());
        let text = if description.is_empty() {
            name.clone()
        } else {
            format!("{name}: {description}")
        };
        Self {
            name,
            description,
            text,
            parameters: Vec::new(),
        }
    }
}

/// One labelled request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Unique within its benchmark; says where in the source the query stands.
    pub id: String,
    /// What the user wrote.
    pub text: String,
    /// The right tools with their grades (1 unless the source grades relevance); never empty.
    pub relevant: Vec<(ToolId, u32)>,
    /// The short list the source offers with this query; empty where it offers none.
    pub candidates: Vec<ToolId>,
    /// Indices into [`Benchmark::subsets`]; every query is in subset 0, `all`.
    pub subsets: Vec<usize>,
    /// The persona or situation that the source files the query under (MetaTool's scenarios).
    pub scenario: Option<String>,
}

/// A tool catalogue with labelled queries, checked when it is made and immutable afterwards.
#[derive(Clone, Debug)]
pub struct Benchmark {
    name: String,
    tools: Vec<Tool>,
    queries: Vec<Query>,
    subsets: Vec<String>,
    provenance: Provenance,
}

impl Benchmark {
    /// Checks that the parts fit each other and puts them together.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when there is no tool; a tool's name is empty or taken or
    /// its text blank; a query's id is taken or its text blank; its relevant tools are none, repeated, out of range or graded 0;
    /// its candidates are repeated, out of range or leave a relevant tool out; subset 0 is not
    /// `all`, a subset's name is taken, or a query is not in `all` or names a subset out of range.
    pub fn new(
        name: impl Into<String>,
        tools: Vec<Tool>,
        queries: Vec<Query>,
        subsets: Vec<String>,
        provenance: Provenance,
    ) -> Result<Self, Error> {
        let benchmark = Self {
            name: name.into(),
            tools,
            queries,
            subsets,
            provenance,
        };
        benchmark.check_tools()?;
        benchmark.check_subsets()?;
        let mut ids = HashSet::new();
        for query in &benchmark.queries {
            let checked = if ids.insert(&query.id) {
                benchmark.check_query(query)
            } else {
                Err(("the id is taken".into(), "give every query its own id"))
            };
            checked.map_err(|(problem, remedy)| {
                benchmark.inconsistent(format!("query `{}`", query.id), problem, remedy)
            })?;
        }
        Ok(benchmark)
    }

    /// The data set's name: the row label in result files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The catalogue; a [`ToolId`] is a position in it.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The labelled requests, in the source's order.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Names of the subsets that results are reported for; the first is `all`.
    pub fn subsets(&self) -> &[String] {
        &self.subsets
    }

    /// Where the data came from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The tool of that name.
    pub fn tool_id(&self, name: &str) -> Option<ToolId> {
        self.tools.iter().position(|tool| tool.name == name)
    }

    /// Whether every query comes with a short list.
    pub fn has_candidates(&self) -> bool {
        self.queries
            .iter()
            .all(|query| !query.candidates.is_empty())
    }

    /// The text of every query, in order.
    pub fn query_texts(&self) -> Vec<&str> {
        self.queries
            .iter()
            .map(|query| query.text.as_str())
            .collect()
    }

    fn inconsistent(&self, place: String, problem: String, remedy: &'static str) -> Error {
        Error::Inconsistent {
            benchmark: self.name.clone(),
            place,
            problem,
            remedy,
        }
    }

    fn check_tools(&self) -> Result<(), Error> {
        if self.tools.is_empty() {
            let problem = "there is none".to_owned();
            return Err(self.inconsistent("tools".into(), problem, "give at least one"));
        }
        let mut names = HashSet::new();
        for (id, tool) in self.tools.iter().enumerate() {
            let (problem, remedy) = if tool.name.trim().is_empty() {
                (
                    "the name is empty".to_owned(),
                    "give every tool its own name",
                )
            } else if !names.insert(&tool.name) {
                let problem = format!("the name `{}` is taken", tool.name);
                (problem, "give every tool its own name")
            } else if tool.text.trim().is_empty() {
                let remedy = "let its name or description stand for it";
                ("the text is empty".to_owned(), remedy)
            } else {
                continue;
            };
            return Err(self.inconsistent(format!("tool {id}"), problem, remedy));
        }
        Ok(())
    }

    fn check_subsets(&self) -> Result<(), Error> {
        let distinct: HashSet<_> = self.subsets.iter().collect();
        if self.subsets.first().is_none_or(|first| first != "all")
            || distinct.len() < self.subsets.len()
        {
            return Err(self.inconsistent(
                "subsets".into(),
                format!("the names are {:?}", self.subsets),
                "start with `all` and give every subset its own name",
            ));
        }
        Ok(())
    }

    /// The problem and its remedy, if `query` is not consistent with the catalogue and the subsets.
    fn check_query(&self, query: &Query) -> Result<(), (String, &'static str)> {
        if query.text.trim().is_empty() {
            return Err(("the text is empty".into(), "remove the query"));
        }

        let mut relevant = HashSet::new();
        for &(tool, grade) in &query.relevant {
            if tool >= self.tools.len() || grade == 0 || !relevant.insert(tool) {
                let problem = format!("relevant tool {tool} with grade {grade}");
                let remedy = "name tools of the catalogue, each once, with grades of at least 1";
                return Err((problem, remedy));
            }
        }
        if relevant.is_empty() {
            return Err(("no tool is relevant".into(), "remove the query or label it"));
        }

        let mut candidates = HashSet::new();
        for &tool in &query.candidates {
            if tool >= self.tools.len() || !candidates.insert(tool) {
                let problem = format!("candidate tool {tool}");
                return Err((problem, "name tools of the catalogue, each once"));
            }
        }
        if !candidates.is_empty()
            && let Some(&(tool, _)) = query
                .relevant
                .iter()
                .find(|(tool, _)| !candidates.contains(tool))
        {
            let problem = format!("relevant tool {tool} is not among the candidates");
            return Err((problem, "add it to them"));
        }

        let subsets: HashSet<_> = query.subsets.iter().collect();
        if !subsets.contains(&0)
            || subsets.len() < query.subsets.len()
            || subsets.iter().any(|&&subset| subset >= self.subsets.len())
        {
            let problem = format!("the subsets are {:?}", query.subsets);
            let remedy = "name subset 0, `all`, and others of the benchmark, each once";
            return Err((problem, remedy));
        }
        Ok(())
    }
}
