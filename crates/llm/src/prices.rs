//! What tokens and machines cost, with the date and the source of each price.

use std::{fs, path::Path};

use oats_metrics::Price;
use serde::{Deserialize, Serialize};

use crate::{Error, Tokenizer};

const BUILTIN: &str = include_str!("../prices.toml");

/// A price list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    file: String,
    #[serde(flatten)]
    list: List,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default, rename = "model")]
    models: Vec<ModelPrice>,
    #[serde(default, rename = "machine")]
    machines: Vec<MachinePrice>,
}

/// The price of an LLM's tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// The model's name, as requests have it.
    pub name: String,
    /// Dollars per million tokens sent, not cached.
    pub input: f64,
    /// Dollars per million tokens sent that the provider had in its prompt cache.
    pub cached_input: f64,
    /// Dollars per million tokens generated.
    pub output: f64,
    /// What the model's tokens are counted with.
    pub tokenizer: Tokenizer,
    /// Since when, or as of when, the price holds: `2025-04-14`.
    pub dated: String,
    /// Where it stands.
    pub source: String,
}

/// The price of a processor core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachinePrice {
    /// What is rented.
    pub name: String,
    /// Dollars per hour of one virtual core.
    pub core_hour: f64,
    /// As of when.
    pub dated: String,
    /// Where it stands.
    pub source: String,
}

impl ModelPrice {
    /// The price without its provenance.
    pub fn price(&self) -> Price {
        Price {
            input: self.input,
            cached_input: self.cached_input,
            output: self.output,
        }
    }
}

impl Prices {
    /// The list that comes with this crate, `prices.toml`.
    ///
    /// # Errors
    /// None, unless that file was changed for the worse.
    pub fn builtin() -> Result<Self, Error> {
        Self::parse(BUILTIN, "built-in")
    }

    /// A list of one's own, in the same format.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Prices`] if it is no price list.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let fault = |problem: String| Error::Prices {
            file: file.to_owned(),
            problem,
        };
        let list: List = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = 1 + before.unwrap_or_default().matches('\n').count();
            fault(format!("line {line}: {}", error.message().trim_end()))
        })?;
        for model in &list.models {
            let checked = model.price().check();
            checked.map_err(|error| fault(format!("model `{}`: {error}", model.name)))?;
        }
        for machine in &list.machines {
            if !(machine.core_hour.is_finite() && machine.core_hour >= 0.0) {
                let problem = "core_hour must be finite and at least 0, in dollars";
                return Err(fault(format!("machine `{}`: {problem}", machine.name)));
            }
        }
        let mut names: Vec<&str> = list
            .models
            .iter()
            .map(|model| model.name.as_str())
            .collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(fault(format!("model `{}` stands twice", twice[0]))),
            None => Ok(Self {
                file: file.to_owned(),
                list,
            }),
        }
    }

    /// The price of a model's tokens.
    ///
    /// # Errors
    /// [`Error::NoPrice`] if the list does not have it.
    pub fn model(&self, name: &str) -> Result<&ModelPrice, Error> {
        let mut models = self.list.models.iter();
        let found = models.find(|model| model.name == name);
        found.ok_or_else(|| {
            let known = self.list.models.iter().map(|model| model.name.as_str());
            Error::NoPrice {
                file: self.file.clone(),
                what: "model",
                name: name.to_owned(),
                known: known.collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// The file it was read from, or `built-in`.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The prices of models, in the list's order.
    pub fn models(&self) -> &[ModelPrice] {
        &self.list.models
    }

    /// The price of the list's first model.
    ///
    /// # Errors
    /// [`Error::Prices`] if it has none.
    pub fn first_model(&self) -> Result<&ModelPrice, Error> {
        let first = self.list.models.first();
        first.ok_or_else(|| self.has_no("model"))
    }

    /// The names of all prices: models, then machines.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let models = self.list.models.iter().map(|model| model.name.as_str());
        models.chain(self.list.machines.iter().map(|one| one.name.as_str()))
    }

    /// Whether both have the same prices, wherever they were read from.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.list == other.list
    }

    /// The price of the list's first machine.
    ///
    /// # Errors
    /// [`Error::Prices`] if it has none.
    pub fn machine(&self) -> Result<&MachinePrice, Error> {
        let first = self.list.machines.first();
        first.ok_or_else(|| self.has_no("machine"))
    }

    fn has_no(&self, what: &str) -> Error {
        Error::Prices {
            file: format!("the price list {}", self.file),
            problem: format!(
                "it has no {what}; add a [[{what}]], or name your own list with --prices"
            ),
        }
    }
}
