//! The registry: every kind of router by its name in an experiment's TOML.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    Error, Router, Training,
    baselines::{Bm25Params, Dense, Random},
    oats::S1Params,
};

/// Which router to fit, with its hyper-parameters: `{ kind = "oats-s1", rounds = 5 }`.
///
/// A new router is one file, a variant here, an entry in [`RouterSpec::by_kind`], and a line in each
/// `match` below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RouterSpec {
    /// A shuffle: what chance gives.
    Random(NoSettings),
    /// Okapi BM25 over the tool texts.
    #[serde(deserialize_with = "settings")]
    Bm25(Bm25Params),
    /// Static embeddings (the paper's SE): cosine of query and tool.
    Dense(NoSettings),
    /// OATS Stage 1: cosine with tool vectors that were refined from outcomes.
    #[serde(deserialize_with = "settings")]
    OatsS1(S1Params),
}

/// For routers without hyper-parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl RouterSpec {
    /// The router of that kind with its default hyper-parameters.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], listing the kinds there are.
    pub fn by_kind(kind: &str) -> Result<Self, Error> {
        let all = [
            Self::Random(NoSettings {}),
            Self::Bm25(Bm25Params::default()),
            Self::Dense(NoSettings {}),
            Self::OatsS1(S1Params::default()),
        ];
        let kinds = all.each_ref().map(Self::kind).join(", ");
        all.into_iter()
            .find(|spec| spec.kind() == kind)
            .ok_or_else(|| Error::UnknownKind {
                kind: kind.to_owned(),
                kinds,
            })
    }

    /// The kind, as written in an experiment's TOML.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Random(_) => "random",
            Self::Bm25(_) => "bm25",
            Self::Dense(_) => "dense",
            Self::OatsS1(_) => "oats-s1",
        }
    }

    /// Whether the router needs [`Training`] embeddings and
    /// [`Request::embedding`](crate::Request::embedding).
    pub fn reads_embeddings(&self) -> bool {
        match self {
            Self::Random(_) | Self::Bm25(_) => false,
            Self::Dense(_) | Self::OatsS1(_) => true,
        }
    }

    /// Checks the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the router and the field.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Random(_) | Self::Dense(_) => Ok(()),
            Self::Bm25(params) => params.check(),
            Self::OatsS1(params) => params.check(),
        }
    }

    /// Fits the router to the training view.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    pub fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(match self {
            Self::Random(_) => Box::new(Random::fit(training)),
            Self::Bm25(params) => Box::new(params.fit(training)?),
            Self::Dense(_) => Box::new(Dense::fit(training)?),
            Self::OatsS1(params) => Box::new(params.fit(training)?),
        })
    }
}

/// Puts the field's name into the message: serde forgets it where an enum is told by a tag.
fn settings<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    serde_path_to_error::deserialize(deserializer).map_err(D::Error::custom)
}
