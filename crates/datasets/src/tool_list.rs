//! Tools as lists for LLMs write them: OpenAI's `tools`, Anthropic's, and the Model Context Protocol's.

use serde::Deserialize;
use serde_json::Value;

use crate::{Parameter, Tool};

/// A name that can stand in a table: providers allow far less.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ToolName(pub(crate) String);

impl TryFrom<String> for ToolName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(format!(
                "the tool's name {name:?} is empty or holds a control character"
            ));
        }
        Ok(Self(name))
    }
}

/// One entry of such a list.
#[derive(Deserialize)]
pub(crate) struct ToolEntry {
    /// `function`, or what the provider calls a tool that it runs itself.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Of OpenAI's chats; everywhere else an entry's own fields say the same.
    function: Option<OfferedTool>,
    name: Option<ToolName>,
    description: Option<String>,
    #[serde(default, alias = "inputSchema", alias = "input_schema")]
    parameters: Value,
}

/// A tool that is offered to an LLM.
#[derive(Deserialize)]
pub(crate) struct OfferedTool {
    name: ToolName,
    description: Option<String>,
    /// A JSON Schema of an object.
    #[serde(default)]
    parameters: Value,
}

impl ToolEntry {
    /// The tool, or else what a reader is to be told: tools that the provider runs itself, such as its
    /// web search, have no name to be called by.
    pub(crate) fn offered(self) -> Result<OfferedTool, Nameless> {
        match (self.function, self.name) {
            (Some(function), _) => Ok(function),
            (None, Some(name)) => Ok(OfferedTool {
                name,
                description: self.description,
                parameters: self.parameters,
            }),
            (None, None) => match self.kind.as_deref() {
                None | Some("function") => Err(Nameless::Forgotten),
                Some(_) => Err(Nameless::OfProvider),
            },
        }
    }
}

/// Why an entry has no name.
pub(crate) enum Nameless {
    /// It should have one.
    Forgotten,
    /// The provider runs it.
    OfProvider,
}

impl OfferedTool {
    /// Whether the parameters, if there are any, are told by an object, as JSON Schema has it.
    pub(crate) fn has_schema(&self) -> bool {
        self.parameters.is_null() || self.parameters.is_object()
    }
}

impl From<OfferedTool> for Tool {
    fn from(offered: OfferedTool) -> Self {
        let description = offered.description.unwrap_or_default();
        Self {
            parameters: parameters(&offered.parameters),
            ..Self::new(offered.name.0, description.trim())
        }
    }
}

/// The properties of a schema; none where it has none.
fn parameters(schema: &Value) -> Vec<Parameter> {
    let required = schema["required"].as_array();
    let properties = schema["properties"].as_object();
    let parameter = |(name, property): (&String, &Value)| Parameter {
        name: name.clone(),
        kind: json_type(property),
        description: property["description"]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned(),
        required: required.is_some_and(|names| names.iter().any(|one| one == name)),
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// A property's type; of several the first that is not null, and a string where none is told.
fn json_type(property: &Value) -> &'static str {
    let alternatives = ["anyOf", "oneOf"].map(|key| property[key].as_array());
    let alternatives = alternatives.into_iter().flatten().flatten();
    let types = alternatives.map(|one| &one["type"]);
    let types = [&property["type"]].into_iter().chain(types);
    let names = types.flat_map(|one| match one {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    });
    let known = names.filter_map(|name| match name.as_str()? {
        "string" => Some("string"),
        "number" | "integer" => Some("number"),
        "boolean" => Some("boolean"),
        "array" => Some("array"),
        "object" => Some("object"),
        _ => None,
    });
    known.into_iter().next().unwrap_or("string")
}
