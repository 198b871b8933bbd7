//! Folders with a list of tools as agents have it, and queries that are labelled with their names.

use std::{collections::HashSet, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Error, Problems, Query, SourceFile, Tool, ToolId,
    catalogue::Catalogue,
    file::Spot,
    reading::{Folder, Reading},
    tool_list::{Nameless, ToolEntry},
};

/// What a folder is known by.
pub(crate) const TOOLS: &str = "tools.json";
const QUERIES: &str = "queries.jsonl";

const TOOLS_REMEDY: &str = "give the answer to MCP's tools/list, an array of its pages, or the `tools` \
                            array of a request to OpenAI";
const QUERIES_REMEDY: &str = "give a JSON object a line: {\"query\": \"…\", \"tools\": [\"name\", \
                              {\"name\": \"…\", \"grade\": 2}]}, and if need be \"id\", \"candidates\", \
                              \"subsets\", \"split\"";

/// A line of queries.jsonl.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    query: String,
    tools: Vec<Label>,
    id: Option<String>,
    #[serde(default)]
    candidates: Vec<String>,
    #[serde(default)]
    subsets: Vec<String>,
    split: Option<Part>,
}

/// A right tool.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a right tool must be its name, or {\"name\": …, \"grade\": …} with a grade of at least 1"
)]
enum Label {
    Name(String),
    Graded(Graded),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Graded {
    name: String,
    grade: std::num::NonZeroU32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Train,
    Test,
}

pub(crate) fn read(folder: &Path) -> Result<Reading, Problems> {
    let mut problems = Problems::default();
    let tools = problems.keep(SourceFile::read(folder, TOOLS, TOOLS_REMEDY.to_owned()));
    let requests = problems.keep(SourceFile::read(folder, QUERIES, QUERIES_REMEDY.to_owned()));

    let mut list = ToolList::default();
    if let Some(file) = &tools {
        list.read(file, &mut problems);
    }
    let mut labelling = Labelling {
        catalogue: &list.catalogue,
        is_whole: problems.is_empty(),
        ids: HashSet::new(),
        subsets: vec!["all".to_owned()],
    };
    let mut queries = Vec::new();
    for request in requests.iter().flat_map(SourceFile::json_lines::<Request>) {
        let query = request.and_then(|(spot, request)| labelling.query(request, spot));
        queries.extend(problems.keep(query));
    }
    let subsets = labelling.subsets;
    let (Some(tools), Some(requests), true) = (tools, requests, problems.is_empty()) else {
        return Err(problems);
    };
    if queries.iter().all(|query| query.relevant.is_empty()) {
        return Err(requests
            .bad("whole file", "no query has a right tool")
            .into());
    }

    let folder = Folder {
        kind: "tools",
        path: folder,
        files: vec![&tools, &requests],
        notes: list.notes(),
    };
    Ok(folder.reading(list.catalogue.into_tools(), queries, subsets)?)
}

/// The tools of all pages.
#[derive(Default)]
struct ToolList {
    catalogue: Catalogue,
    entries: usize,
    of_provider: usize,
}

impl ToolList {
    fn read(&mut self, file: &SourceFile, problems: &mut Problems) {
        let Some(document) = problems.keep(file.json::<Value>()) else {
            return;
        };
        let last_page = match &document {
            Value::Array(items) => items.last(),
            page => Some(page),
        };
        let rest = last_page.map(|page| &result(page)["nextCursor"]);
        if rest.is_some_and(|cursor| cursor.as_str().is_some_and(|cursor| !cursor.is_empty())) {
            let problem =
                "the last page has a `nextCursor`, so there are more tools to be asked for";
            problems.keep(Err::<(), _>(file.bad("whole file", problem)));
        }

        let before = problems.count();
        match document {
            Value::Array(items) => {
                items
                    .into_iter()
                    .enumerate()
                    .for_each(|(index, item)| match is_page(&item) {
                        true => self.page(item, file.item("page", index), file, problems),
                        false => self.entry(item, file, problems),
                    })
            }
            page if is_page(&page) => self.page(page, file.key("tools"), file, problems),
            _ => {
                let problem = "is neither a list of tools nor an object with `tools`";
                problems.keep(Err::<(), _>(file.bad("whole file", problem)));
            }
        }
        if self.entries == self.of_provider && problems.count() == before {
            problems.keep(Err::<(), _>(
                file.bad("whole file", "there is no tool in it"),
            ));
        }
    }

    /// Takes the tools out of an answer, its result or a request.
    fn page(&mut self, mut page: Value, spot: Spot, file: &SourceFile, problems: &mut Problems) {
        let result = match page.get_mut("result") {
            Some(result) => result,
            None => &mut page,
        };
        let tools = match result.get_mut("tools").map(Value::take) {
            Some(Value::Array(tools)) => Ok(tools),
            Some(_) => Err(spot.bad("`tools` is not a list")),
            None if page.get("error").is_some() => {
                Err(spot.bad("is the answer that something went wrong, and has no tools"))
            }
            None => Err(spot.bad("the `result` has no `tools`")),
        };
        for entry in problems.keep(tools).into_iter().flatten() {
            self.entry(entry, file, problems);
        }
    }

    fn entry(&mut self, entry: Value, file: &SourceFile, problems: &mut Problems) {
        let spot = file.item("tool", self.entries);
        self.entries += 1;
        problems.keep(self.add(entry, spot));
    }

    fn add(&mut self, entry: Value, spot: Spot) -> Result<(), Error> {
        if !entry.is_object() {
            return Err(spot.bad("is not a JSON object"));
        }
        let entry: ToolEntry = serde_json::from_value(entry).map_err(|error| spot.bad(error))?;
        match entry.offered() {
            Ok(offered) if offered.has_schema() => {
                self.catalogue.add_tool(Tool::from(offered), spot).map(drop)
            }
            Ok(_) => Err(spot.bad("its parameters are no JSON Schema, which is an object")),
            Err(Nameless::Forgotten) => Err(spot.bad("missing field `name`")),
            Err(Nameless::OfProvider) => {
                self.of_provider += 1;
                Ok(())
            }
        }
    }

    /// What a reader of the numbers must know.
    fn notes(&self) -> Vec<String> {
        let note = format!(
            "{} of {} entries have no name, being tools that the provider runs itself, and were left out",
            self.of_provider, self.entries
        );
        (self.of_provider > 0).then_some(note).into_iter().collect()
    }
}

/// A JSON-RPC answer's result, or what stands for it.
fn result(page: &Value) -> &Value {
    page.get("result").unwrap_or(page)
}

/// Whether this is an answer, its result or a request, rather than a tool, which may have fields of any name.
fn is_page(item: &Value) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| item.get(key).is_some());
    has(&["result", "tools", "error"]) && !has(&["name", "function"])
}

/// Queries while their names are looked up.
struct Labelling<'a> {
    catalogue: &'a Catalogue,
    /// Otherwise a tool that is named may be one that could not be read.
    is_whole: bool,
    ids: HashSet<String>,
    subsets: Vec<String>,
}

impl Labelling<'_> {
    fn query(&mut self, request: Request, spot: Spot) -> Result<Query, Error> {
        let text = spot.query_text(request.query)?;
        let id = request.id.unwrap_or_else(|| spot.query_id());
        if id.trim().is_empty() {
            return Err(spot.bad("the query's id is empty"));
        }
        if !self.ids.insert(id.clone()) {
            return Err(spot.bad(format_args!("the query id `{id}` stands twice")));
        }

        let labels = request.tools.into_iter().map(|label| match label {
            Label::Name(name) => (name, 1),
            Label::Graded(Graded { name, grade }) => (name, grade.get()),
        });
        let mut relevant: Vec<(ToolId, u32)> = Vec::new();
        for (name, grade) in labels {
            let known = relevant.iter().map(|&(tool, _)| tool);
            if let Some(tool) = self.tool(&name, "tools", known, spot)? {
                relevant.push((tool, grade));
            }
        }
        let mut candidates: Vec<ToolId> = Vec::new();
        for name in request.candidates {
            let known = candidates.iter().copied();
            candidates.extend(self.tool(&name, "candidates", known, spot)?);
        }
        let left_out = relevant.iter().find(|(tool, _)| !candidates.contains(tool));
        if let Some(&(tool, _)) = left_out
            && !candidates.is_empty()
            && self.is_whole
        {
            let name = self.catalogue.name(tool);
            return Err(spot.bad(format_args!(
                "the right tool `{name}` is not in `candidates`"
            )));
        }

        let mut subsets = vec![0];
        let part = request.split.map(|part| match part {
            Part::Train => "train".to_owned(),
            Part::Test => "test".to_owned(),
        });
        for name in part.into_iter().chain(request.subsets) {
            let subset = self.subset(&name, spot)?;
            if subsets.contains(&subset) {
                return Err(spot.bad(format_args!("the subset `{name}` stands twice")));
            }
            subsets.push(subset);
        }
        Ok(Query {
            id,
            text,
            relevant,
            candidates,
            subsets,
            scenario: None,
        })
    }

    /// The tool of that name, which must not be among those that the list has already; `None` if it
    /// may be one that could not be read.
    fn tool(
        &self,
        name: &str,
        list: &str,
        mut known: impl Iterator<Item = ToolId>,
        spot: Spot,
    ) -> Result<Option<ToolId>, Error> {
        match self.catalogue.id(name, spot) {
            Ok(tool) if known.any(|other| other == tool) => {
                Err(spot.bad(format_args!("the tool `{name}` stands twice in `{list}`")))
            }
            Err(_) if !self.is_whole => Ok(None),
            tool => tool.map(Some),
        }
    }

    fn subset(&mut self, name: &str, spot: Spot) -> Result<usize, Error> {
        if name == "all" || name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(spot.bad(format_args!(
                "the subset {name:?} is empty, holds a control character or is `all`, which every query \
                 is in"
            )));
        }
        let known = self.subsets.iter().position(|known| known == name);
        Ok(known.unwrap_or_else(|| {
            self.subsets.push(name.to_owned());
            self.subsets.len() - 1
        }))
    }
}
