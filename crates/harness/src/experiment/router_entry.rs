//! An entry of an experiment's list of routers.

use std::num::NonZeroUsize;

use oats_routers::RouterSpec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Grid;
use crate::EmbedderKind;

/// A router, the label of its rows, and how much it is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct RouterEntry {
    /// Unique within the experiment; the router's kind unless the TOML gives another.
    pub label: String,
    /// It is run with at most so many of a grid's seeds, the first; `None` with all. For fits that
    /// take long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<NonZeroUsize>,
    /// It is run with these of a grid's embedders; `None` with all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedders: Option<Vec<EmbedderKind>>,
    /// Kind and hyper-parameters.
    #[serde(flatten)]
    pub spec: RouterSpec,
}

impl RouterEntry {
    /// Whether it is run with that embedder, where a grid has it.
    pub(crate) fn is_run_with(&self, embedder: EmbedderKind) -> bool {
        match &self.embedders {
            Some(embedders) => embedders.contains(&embedder),
            None => true,
        }
    }

    /// Those of the grid's seeds that it is run with.
    pub(crate) fn seeds_of<'g>(&self, grid: &'g Grid) -> &'g [u64] {
        let most = self.seeds.map_or(usize::MAX, NonZeroUsize::get);
        &grid.seeds[..most.min(grid.seeds.len())]
    }
}

impl TryFrom<toml::Value> for RouterEntry {
    type Error = String;

    /// `"dense"` or `{ kind = "oats-s1", rounds = 5, label = "…", seeds = 2, embedders = ["…"] }`.
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
        let seeds = take(&mut table, "seeds")?;
        let embedders = take(&mut table, "embedders")?;
        let spec: RouterSpec = toml::Value::Table(table).try_into().map_err(message)?;
        spec.check().map_err(|error| error.to_string())?;
        Ok(Self {
            label: label.unwrap_or_else(|| spec.kind().to_owned()),
            seeds,
            embedders,
            spec,
        })
    }
}

/// Takes out a field that is not the router's own.
fn take<T: DeserializeOwned>(table: &mut toml::Table, field: &str) -> Result<Option<T>, String> {
    let value = table.remove(field).map(toml::Value::try_into);
    value
        .transpose()
        .map_err(|error| format!("{field}: {}", message(error)))
}

fn message(error: toml::de::Error) -> String {
    error.message().trim_end().to_owned()
}
