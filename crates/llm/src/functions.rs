//! Tools as functions that an LLM can call.

use std::collections::HashSet;

use oats_datasets::Tool;
use serde_json::{Map, Value, json};

/// Longest name of a function that OpenAI's API takes.
const LONGEST_NAME: usize = 64;

/// A name for each tool that OpenAI's API takes (`^[a-zA-Z0-9_-]{1,64}$`), each once: the tool's own
/// with other characters replaced by `_`, cut, and numbered where two come out alike.
///
/// ```
/// use oats_datasets::Tool;
/// let tools = ["Weather (now)", "Weather [now]", "stocks"].map(|name| Tool::new(name, ""));
/// let names = oats_llm::function_names(&tools.each_ref());
/// assert_eq!(names, ["Weather__now_", "Weather__now__2", "stocks"]);
/// ```
pub fn function_names(tools: &[&Tool]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(tools.len());
    for tool in tools {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let mut name: String = tool
            .name
            .chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .collect();
        name.truncate(LONGEST_NAME);
        let stem = name.clone();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            let end = format!("_{number}");
            let kept = stem.len().min(LONGEST_NAME - end.len());
            name = format!("{}{end}", &stem[..kept]);
        }
        names.push(name);
    }
    names
}

/// What the API's field `tools` says of a tool under that function name; its parameters as JSON
/// Schema.
pub fn function(name: &str, tool: &Tool) -> Value {
    let properties: Map<String, Value> = tool
        .parameters
        .iter()
        .map(|parameter| {
            let mut schema = json!({"type": parameter.kind});
            if !parameter.description.is_empty() {
                schema["description"] = json!(parameter.description);
            }
            if parameter.kind == "array" {
                schema["items"] = json!({});
            }
            (parameter.name.clone(), schema)
        })
        .collect();
    let required: Vec<&str> = tool
        .parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| parameter.name.as_str())
        .collect();
    json!({
        "type": "function",
        "function": {
            "name": name,
            "description": tool.description,
            "parameters": {"type": "object", "properties": properties, "required": required},
        },
    })
}
