//! What stands for MetaTool's tools where text is read: the same queries with three texts.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{
    Error, SourceFile, Tool,
    pinned::{METATOOL, METATOOL_DESCRIPTION, METATOOL_FOR_MODEL, PLUGIN_INFO, Repository},
    source::Obtained,
};

#[derive(Clone, Copy)]
pub(crate) enum ToolText {
    /// `name: description`, as in every other data set.
    NameAndDescription,
    /// The description without the name.
    Description,
    /// `name: description_for_model`, which the plugin's author wrote for the LLM to choose by.
    ForModel,
}

impl ToolText {
    /// The data set with these texts.
    pub(crate) fn repository(self) -> Repository<'static> {
        match self {
            Self::NameAndDescription => METATOOL,
            Self::Description => METATOOL_DESCRIPTION,
            Self::ForModel => METATOOL_FOR_MODEL,
        }
    }

    /// Gives every tool its text, and says in the notes where that is not `name: description`.
    pub(crate) fn apply(self, tools: &mut [Tool], obtained: &mut Obtained) -> Result<(), Error> {
        let note = match self {
            Self::NameAndDescription => return Ok(()),
            Self::Description => {
                for tool in tools.iter_mut().filter(|tool| !tool.description.is_empty()) {
                    tool.text.clone_from(&tool.description);
                }
                "a tool's text is its description without the name".to_owned()
            }
            Self::ForModel => {
                let plugins = PluginInfo::read(obtained.file(PLUGIN_INFO))?;
                let mut matched = 0;
                for tool in tools.iter_mut() {
                    if let Some(description) = plugins.description_for_model(&tool.name) {
                        tool.text = format!("{}: {description}", tool.name);
                        matched += 1;
                    }
                }
                format!(
                    "the texts of {matched} of {} tools are `name: description_for_model` of \
                     {PLUGIN_INFO}; the others, which it does not name or names with several \
                     descriptions, keep `name: description`",
                    tools.len()
                )
            }
        };
        obtained.provenance.notes.push(note);
        Ok(())
    }
}

/// Descriptions for the model by [`key`] of a plugin's names; `None` where plugins differ.
struct PluginInfo(HashMap<String, Option<String>>);

#[derive(Deserialize)]
struct Plugin {
    name_for_model: String,
    name_for_human: String,
    description_for_model: String,
}

impl PluginInfo {
    fn read(file: &SourceFile) -> Result<Self, Error> {
        let mut descriptions = HashMap::new();
        for plugin in file.json::<Vec<Plugin>>()? {
            let description = plugin.description_for_model.trim();
            for name in [plugin.name_for_model, plugin.name_for_human] {
                let known = descriptions
                    .entry(key(&name))
                    .or_insert_with(|| Some(description.to_owned()));
                if known.as_deref() != Some(description) {
                    *known = None;
                }
            }
        }
        Ok(Self(descriptions))
    }

    /// What the only description for the model says that stands under this name.
    fn description_for_model(&self, name: &str) -> Option<&str> {
        let description = self.0.get(&key(name))?.as_deref()?;
        (!description.is_empty()).then_some(description)
    }
}

/// The catalogue and the plugins spell names differently: `PDF&URLTool`, `pdf_url_tool`.
fn key(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.chars().filter(|c| c.is_alphanumeric()).collect()
}
