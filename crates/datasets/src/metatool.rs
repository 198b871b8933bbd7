//! MetaTool's Task 2 (Huang et al., arXiv 2310.03128): four subtasks over one catalogue.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::{
    Benchmark, Error, Query, SourceFile, Sources, ToolId,
    catalogue::Catalogue,
    file::Spot,
    pinned::{MULTI_TOOL, PLUGINS, RELIABILITY, SCENARIOS, SIMILAR_CHOICES},
    tool_text::ToolText,
};

const SUBSETS: [&str; 6] = [
    "all",
    "similar-choices",
    "scenarios",
    "reliability",
    "multi-tool",
    "all-but-reliability",
];

/// Each subtask's file with the subsets of its queries; the second is the subtask itself.
const SUBTASKS: [(&str, &[usize]); 4] = [
    (SIMILAR_CHOICES, &[0, 1, 5]),
    (SCENARIOS, &[0, 2, 5]),
    (RELIABILITY, &[0, 3]),
    (MULTI_TOOL, &[0, 4, 5]),
];

pub(crate) fn load(sources: &Sources, text: ToolText) -> Result<Benchmark, Error> {
    let repository = text.repository();
    let mut obtained = sources.obtain(&repository)?;
    let catalogue = catalogue(obtained.file(PLUGINS))?;
    let mut queries = Vec::new();
    let mut notes = Vec::new();
    for (path, subsets) in SUBTASKS {
        let file = obtained.file(path);
        let subtask = SUBSETS[subsets[1]];
        let mut completed = 0;
        for (index, record) in file.json::<Vec<Record>>()?.into_iter().enumerate() {
            let instance = record.resolve(&catalogue, file.item("record", index))?;
            completed += usize::from(instance.completed);
            queries.push(Query {
                id: format!("{subtask}/{index:04}"),
                text: instance.text,
                relevant: instance.labels.into_iter().map(|tool| (tool, 1)).collect(),
                candidates: instance.candidates,
                subsets: subsets.to_vec(),
                scenario: instance.scenario,
            });
        }
        if completed > 0 {
            notes.push(format!(
                "{subtask}: {completed} tool lists leave a right tool out; it was appended"
            ));
        }
    }
    obtained.provenance.notes.append(&mut notes);
    let mut tools = catalogue.into_tools();
    text.apply(&mut tools, &mut obtained)?;
    Benchmark::new(
        repository.dataset,
        tools,
        queries,
        SUBSETS.map(String::from).to_vec(),
        obtained.provenance,
    )
}

/// Reads `plugin_des.json`: one object, tool name to description.
pub(crate) fn catalogue(file: &SourceFile) -> Result<Catalogue, Error> {
    let mut catalogue = Catalogue::default();
    for (name, description) in file.json::<Entries>()?.0 {
        let spot = file.key(&name);
        catalogue.add(name.clone(), description, spot)?;
    }
    Ok(catalogue)
}

/// One record of a subtask's file.
#[derive(Deserialize)]
pub(crate) struct Record {
    query: String,
    tool: Labels,
    action_prompt: String,
    scenario: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`tool` must be a tool's name or a list of names"
)]
enum Labels {
    One(String),
    Several(Vec<String>),
}

/// A record with its tools found in the catalogue.
pub(crate) struct Instance {
    pub(crate) text: String,
    pub(crate) labels: Vec<ToolId>,
    /// The prompt's tool list, every right tool included.
    pub(crate) candidates: Vec<ToolId>,
    /// Whether a right tool had to be appended.
    pub(crate) completed: bool,
    pub(crate) scenario: Option<String>,
}

impl Record {
    pub(crate) fn resolve(self, catalogue: &Catalogue, spot: Spot) -> Result<Instance, Error> {
        let text = spot.query_text(self.query)?;
        let names = match self.tool {
            Labels::One(name) => vec![name],
            Labels::Several(names) => names,
        };
        let labels = distinct(names.iter().map(String::as_str), catalogue, spot)?;
        if labels.is_empty() {
            return Err(spot.bad("`tool` names no tool"));
        }
        let mut candidates = distinct(offered(&self.action_prompt, spot)?, catalogue, spot)?;
        let offered = candidates.len();
        for &label in &labels {
            if !candidates.contains(&label) {
                candidates.push(label);
            }
        }
        Ok(Instance {
            text,
            labels,
            completed: candidates.len() > offered,
            candidates,
            scenario: self.scenario,
        })
    }
}

fn distinct<'a>(
    names: impl IntoIterator<Item = &'a str>,
    catalogue: &Catalogue,
    spot: Spot,
) -> Result<Vec<ToolId>, Error> {
    let mut tools = Vec::new();
    for name in names {
        let tool = catalogue.id(name, spot)?;
        if tools.contains(&tool) {
            return Err(spot.bad(format_args!("names the tool `{name}` twice")));
        }
        tools.push(tool);
    }
    Ok(tools)
}

/// The names in a prompt's tool list, whose lines read `3. tool name: X, tool description: …`.
fn offered<'a>(prompt: &'a str, spot: Spot) -> Result<Vec<&'a str>, Error> {
    let list = prompt
        .split_once("[List of Tools with Names and Descriptions Start]")
        .and_then(|(_, rest)| rest.split_once("[List of Tools with Names and Descriptions End]"))
        .map(|(list, _)| list)
        .ok_or_else(|| spot.bad("`action_prompt` has no list of tools between its markers"))?;
    let names = list
        .lines()
        .filter(|line| !line.trim().is_empty())
        .zip(1..)
        .map(|(line, number)| {
            line.strip_prefix(&format!("{number}. tool name: "))
                .and_then(|rest| rest.split_once(", tool description: "))
                .map(|(name, _)| name)
                .ok_or_else(|| {
                    spot.bad(format_args!(
                        "`action_prompt` has the line `{line}` where `{number}. tool name: …, \
                         tool description: …` is expected"
                    ))
                })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Err(spot.bad("the list of tools in `action_prompt` is empty"));
    }
    Ok(names)
}

/// A JSON object as pairs in the file's order, repeated keys kept: a map would silently keep the
/// last of two tools with one name.
struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object from tool names to descriptions")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Entries(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
