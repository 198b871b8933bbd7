//! Tools by name while a catalogue is being read.

use std::collections::HashMap;

use crate::Error;
use crate::{Tool, ToolId, file::Spot};

/// A growing catalogue that refuses bad names where they stand.
#[derive(Default)]
pub(crate) struct Catalogue {
    tools: Vec<Tool>,
    ids: HashMap<String, ToolId>,
}

impl Catalogue {
    /// Adds the tool that stands at `spot`.
    pub(crate) fn add(
        &mut self,
        name: String,
        description: String,
        spot: Spot,
    ) -> Result<ToolId, Error> {
        self.add_tool(Tool::new(name, description), spot)
    }

    /// The same with what else is known of it.
    pub(crate) fn add_tool(&mut self, tool: Tool, spot: Spot) -> Result<ToolId, Error> {
        let name = &tool.name;
        if name.trim().is_empty() {
            return Err(spot.bad("the tool's name is empty"));
        }
        let id = self.tools.len();
        if self.ids.insert(name.clone(), id).is_some() {
            return Err(spot.bad(format_args!("the tool name `{name}` stands twice")));
        }
        self.tools.push(tool);
        Ok(id)
    }

    /// The tool that `spot` names.
    pub(crate) fn id(&self, name: &str, spot: Spot) -> Result<ToolId, Error> {
        self.ids.get(name).copied().ok_or_else(|| {
            spot.bad(format_args!(
                "names the tool `{name}`, which the catalogue does not have"
            ))
        })
    }

    /// Of a tool that is in it.
    pub(crate) fn name(&self, tool: ToolId) -> &str {
        &self.tools[tool].name
    }

    pub(crate) fn into_tools(self) -> Vec<Tool> {
        self.tools
    }
}
