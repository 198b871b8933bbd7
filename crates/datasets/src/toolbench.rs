//! StableToolBench's solvable queries (Guo et al., arXiv 2403.07714), after ToolBench.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{
    Benchmark, Error, Query, SourceFile, Sources, Tool, ToolId, benchmark::Parameter,
    catalogue::Catalogue, file::Spot, pinned::TOOLBENCH, source::Obtained,
};

#[derive(Deserialize)]
struct Record {
    query: String,
    api_list: Vec<Api>,
    #[serde(rename = "relevant APIs")]
    relevant: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Api {
    category_name: String,
    tool_name: String,
    api_name: String,
    api_description: String,
    #[serde(default)]
    required_parameters: Vec<Argument>,
    #[serde(default)]
    optional_parameters: Vec<Argument>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    description: String,
}

/// Category, tool and API: what makes one entry of the catalogue.
type Triple<'a> = (&'a str, &'a str, &'a str);

pub(crate) fn load(sources: &Sources) -> Result<Benchmark, Error> {
    let Obtained { files, provenance } = sources.obtain(&TOOLBENCH)?;
    let mut groups = Vec::new();
    for file in &files {
        groups.push((file, file.json::<Vec<Record>>()?));
    }
    let (catalogue, ids) = catalogue(&groups)?;

    let mut subsets = vec!["all".to_owned()];
    let mut queries = Vec::new();
    for (file, records) in &groups {
        let group = group_name(&file.record().path);
        for (index, record) in records.iter().enumerate() {
            let spot = file.item("record", index);
            let (candidates, relevant) = record.resolve(&ids, spot)?;
            queries.push(Query {
                id: format!("{group}/{index:04}"),
                text: spot.query_text(record.query.clone())?,
                relevant: relevant.into_iter().map(|tool| (tool, 1)).collect(),
                candidates,
                subsets: vec![0, subsets.len()],
                scenario: None,
            });
        }
        subsets.push(group);
    }

    let tools = catalogue.into_tools();
    Benchmark::new(TOOLBENCH.dataset, tools, queries, subsets, provenance)
}

/// One tool per triple, in order of first appearance. Names read `tool API`, as an embedder should
/// see them; those that 19 APIs share across categories get the category added.
fn catalogue<'a>(
    groups: &'a [(&SourceFile, Vec<Record>)],
) -> Result<(Catalogue, HashMap<Triple<'a>, ToolId>), Error> {
    let mut ids: HashMap<Triple, ToolId> = HashMap::new();
    let mut first_seen = Vec::new();
    let mut uses: HashMap<String, usize> = HashMap::new();
    for (file, records) in groups {
        for (index, record) in records.iter().enumerate() {
            for api in &record.api_list {
                let next = first_seen.len();
                if *ids.entry(api.triple()).or_insert(next) == next {
                    first_seen.push((api, file.item("record", index)));
                    *uses.entry(api.short_name()).or_default() += 1;
                }
            }
        }
    }

    let mut catalogue = Catalogue::default();
    for (api, spot) in first_seen {
        let mut name = api.short_name();
        if uses[&name] > 1 {
            name = format!("{name} ({})", api.category_name);
        }
        let mut tool = Tool::new(name, api.api_description.trim());
        tool.parameters = api.parameters();
        catalogue.add_tool(tool, spot)?;
    }
    Ok((catalogue, ids))
}

impl Record {
    /// Candidates and right tools, each once: a few records repeat a label.
    fn resolve(
        &self,
        ids: &HashMap<Triple, ToolId>,
        spot: Spot,
    ) -> Result<(Vec<ToolId>, Vec<ToolId>), Error> {
        let mut candidates = Vec::new();
        for api in &self.api_list {
            push_new(&mut candidates, ids[&api.triple()]);
        }
        let mut relevant = Vec::new();
        for (tool_name, api_name) in &self.relevant {
            let named = |api: &&Api| api.tool_name == *tool_name && api.api_name == *api_name;
            let api = self.api_list.iter().find(named).ok_or_else(|| {
                spot.bad(format_args!(
                    "`relevant APIs` names the tool [`{tool_name}`, `{api_name}`], which the \
                     record's `api_list` does not have"
                ))
            })?;
            push_new(&mut relevant, ids[&api.triple()]);
        }
        if relevant.is_empty() {
            return Err(spot.bad("`relevant APIs` names no tool"));
        }
        Ok((candidates, relevant))
    }
}

impl Api {
    fn triple(&self) -> Triple<'_> {
        (&self.category_name, &self.tool_name, &self.api_name)
    }

    fn short_name(&self) -> String {
        format!("{} {}", self.tool_name.trim(), self.api_name.trim())
    }

    /// The required ones first. A few APIs list a name twice.
    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let required = self.required_parameters.iter().map(|one| (one, true));
        let optional = self.optional_parameters.iter().map(|one| (one, false));
        for (argument, required) in required.chain(optional) {
            if parameters.iter().all(|known| known.name != argument.name) {
                parameters.push(Parameter {
                    name: argument.name.clone(),
                    kind: argument.json_type(),
                    description: argument.description.trim().to_owned(),
                    required,
                });
            }
        }
        parameters
    }
}

impl Argument {
    /// Upstream's types are free text: dates, times and enumerations without their values among them.
    fn json_type(&self) -> &'static str {
        match self.kind.to_lowercase().as_str() {
            "number" => "number",
            "boolean" => "boolean",
            "array" => "array",
            "object" => "object",
            _ => "string",
        }
    }
}

fn push_new(tools: &mut Vec<ToolId>, tool: ToolId) {
    if !tools.contains(&tool) {
        tools.push(tool);
    }
}

/// `…/G1_category.json` is the group `g1-category`.
fn group_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.trim_end_matches(".json")
        .to_lowercase()
        .replace('_', "-")
}
