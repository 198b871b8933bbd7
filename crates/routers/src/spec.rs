//! The registry: every kind of router by its name in an experiment's TOML.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    Error, Router, State, Training,
    baselines::{Bm25Params, Dense, Random},
    controls::{KnnParams, LinearParams},
    dense_int8::{DenseInt8, DenseInt8Params},
    encoder::EncoderParams,
    hybrid::HybridParams,
    llm::LlmParams,
    oats::{RidgeParams, S1Params, S2Params, S3Params},
    process::ProcessParams,
    rnn::RnnParams,
    threshold::ThresholdParams,
};

/// Which router to fit, with its hyper-parameters: `{ kind = "oats-s1", rounds = 5 }`.
///
/// A new router is one file, a variant here, an entry in [`RouterSpec::all`], and a line in each
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
    /// The same with a byte per component of a tool's vector.
    #[serde(deserialize_with = "settings")]
    DenseInt8(DenseInt8Params),
    /// OATS Stage 1: cosine with tool vectors that were refined from outcomes.
    #[serde(deserialize_with = "settings")]
    OatsS1(S1Params),
    /// OATS Stage 2: an MLP re-ranks the best-scored tools.
    #[serde(deserialize_with = "settings")]
    OatsS2(S2Params),
    /// OATS Stage 3: a contrastive adapter moves the query vector.
    #[serde(deserialize_with = "settings")]
    OatsS3(S3Params),
    /// The control of Stage 3: a linear map in closed form.
    #[serde(deserialize_with = "settings")]
    AdapterRidge(RidgeParams),
    /// Multinomial logistic regression on embeddings.
    #[serde(deserialize_with = "settings")]
    Linear(LinearParams),
    /// The nearest training queries vote.
    #[serde(deserialize_with = "settings")]
    Knn(KnnParams),
    /// BM25 and vectors, fused.
    #[serde(deserialize_with = "settings")]
    Hybrid(HybridParams),
    /// Vectors with a threshold: selects as many tools as score above it.
    #[serde(deserialize_with = "settings")]
    Threshold(ThresholdParams),
    /// An LSTM over WordPieces, trained from scratch.
    #[serde(deserialize_with = "settings")]
    Rnn(RnnParams),
    /// A small transformer over WordPieces, trained from scratch.
    #[serde(deserialize_with = "settings")]
    Encoder(EncoderParams),
    /// An LLM, asked for every request.
    #[serde(deserialize_with = "settings")]
    Llm(LlmParams),
    /// A router in another language, as a process.
    #[serde(deserialize_with = "settings")]
    Process(ProcessParams),
}

/// For routers without hyper-parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl RouterSpec {
    /// Every kind of router whose name says enough, with its default hyper-parameters: not `process`,
    /// whose command has no default.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Random(NoSettings {}),
            Self::Bm25(Bm25Params::default()),
            Self::Dense(NoSettings {}),
            Self::DenseInt8(DenseInt8Params::default()),
            Self::OatsS1(S1Params::default()),
            Self::OatsS2(S2Params::default()),
            Self::OatsS3(S3Params::default()),
            Self::AdapterRidge(RidgeParams::default()),
            Self::Linear(LinearParams::default()),
            Self::Knn(KnnParams::default()),
            Self::Hybrid(HybridParams::default()),
            Self::Threshold(ThresholdParams::default()),
            Self::Rnn(RnnParams::default()),
            Self::Encoder(EncoderParams::default()),
            Self::Llm(LlmParams::default()),
        ]
    }

    /// The router of that kind with its default hyper-parameters.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], listing the kinds there are.
    pub fn by_kind(kind: &str) -> Result<Self, Error> {
        let all = Self::all();
        let kinds: Vec<&str> = all.iter().map(Self::kind).collect();
        let unknown = Error::UnknownKind {
            kind: kind.to_owned(),
            kinds: kinds.join(", "),
        };
        all.into_iter()
            .find(|spec| spec.kind() == kind)
            .ok_or(unknown)
    }

    /// The kind, as written in an experiment's TOML.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Random(_) => "random",
            Self::Bm25(_) => "bm25",
            Self::Dense(_) => "dense",
            Self::DenseInt8(_) => "dense-int8",
            Self::OatsS1(_) => "oats-s1",
            Self::OatsS2(_) => "oats-s2",
            Self::OatsS3(_) => "oats-s3",
            Self::AdapterRidge(_) => "adapter-ridge",
            Self::Linear(_) => "linear",
            Self::Knn(_) => "knn",
            Self::Hybrid(_) => "hybrid",
            Self::Threshold(_) => "threshold",
            Self::Rnn(_) => "rnn",
            Self::Encoder(_) => "encoder",
            Self::Llm(_) => "llm",
            Self::Process(_) => "process",
        }
    }

    /// Whether the router needs [`Training`] embeddings and
    /// [`Request::embedding`](crate::Request::embedding).
    pub fn reads_embeddings(&self) -> bool {
        match self {
            Self::Random(_)
            | Self::Bm25(_)
            | Self::Rnn(_)
            | Self::Encoder(_)
            | Self::Llm(_)
            | Self::Process(_) => false,
            Self::Dense(_)
            | Self::DenseInt8(_)
            | Self::OatsS1(_)
            | Self::OatsS2(_)
            | Self::OatsS3(_)
            | Self::AdapterRidge(_)
            | Self::Linear(_)
            | Self::Knn(_)
            | Self::Hybrid(_)
            | Self::Threshold(_) => true,
        }
    }

    /// Whether an LLM is asked for every request, whose answers may not be at hand.
    pub fn asks_an_llm(&self) -> bool {
        matches!(self, Self::Llm(_))
    }

    /// The command, if the router is a process of its own: it can fail by itself, and no file holds it.
    pub fn process(&self) -> Option<&ProcessParams> {
        match self {
            Self::Process(params) => Some(params),
            _ => None,
        }
    }

    /// Whether the router is fitted by gradient descent, which stops early on validation: rounding
    /// errors of another machine or backend can then end in another fit.
    pub fn is_fitted_by_descent(&self) -> bool {
        match self {
            Self::OatsS2(_) | Self::OatsS3(_) | Self::Rnn(_) | Self::Encoder(_) => true,
            Self::Random(_)
            | Self::Bm25(_)
            | Self::Dense(_)
            | Self::DenseInt8(_)
            | Self::OatsS1(_)
            | Self::AdapterRidge(_)
            | Self::Linear(_)
            | Self::Knn(_)
            | Self::Hybrid(_)
            | Self::Threshold(_)
            | Self::Llm(_)
            | Self::Process(_) => false,
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
            Self::DenseInt8(params) => params.check(),
            Self::OatsS1(params) => params.check(),
            Self::OatsS2(params) => params.check(),
            Self::OatsS3(params) => params.check(),
            Self::AdapterRidge(params) => params.check(),
            Self::Linear(params) => params.check(),
            Self::Knn(params) => params.check(),
            Self::Hybrid(params) => params.check(),
            Self::Threshold(params) => params.check(),
            Self::Rnn(params) => params.check(),
            Self::Encoder(params) => params.check(),
            Self::Llm(params) => params.check(),
            Self::Process(params) => params.check(),
        }
    }

    /// Fits the router to the training view.
    ///
    /// # Errors
    /// A hyper-parameter out of range, training data that do not fit together, or what the router says of
    /// a fit that failed.
    pub fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(match self {
            Self::Random(_) => Box::new(Random::fit(training)),
            Self::Bm25(params) => Box::new(params.fit(training)?),
            Self::Dense(_) => Box::new(Dense::fit(training)?),
            Self::DenseInt8(params) => Box::new(params.fit(training)?),
            Self::OatsS1(params) => Box::new(params.fit(training)?),
            Self::OatsS2(params) => params.fit(training)?,
            Self::OatsS3(params) => params.fit(training)?,
            Self::AdapterRidge(params) => params.fit(training)?,
            Self::Linear(params) => params.fit(training)?,
            Self::Knn(params) => params.fit(training)?,
            Self::Hybrid(params) => params.fit(training)?,
            Self::Threshold(params) => params.fit(training)?,
            Self::Rnn(params) => params.fit(training)?,
            Self::Encoder(params) => params.fit(training)?,
            Self::Llm(params) => Box::new(params.fit(training)?),
            Self::Process(params) => Box::new(params.fit(training)?),
        })
    }

    /// Makes a fitted router of its [`State`]: the settings are these, what was fitted is the state's.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or [`Error::State`] if the state is that of another router or
    /// damaged.
    pub fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        self.check()?;
        Ok(match self {
            Self::Random(_) => Box::new(Random::restore(state)?),
            Self::Bm25(params) => Box::new(params.restore(state)?),
            Self::Dense(_) | Self::OatsS1(_) => Box::new(Dense::restore(state)?),
            Self::DenseInt8(_) => Box::new(DenseInt8::restore(state)?),
            Self::OatsS2(params) => params.restore(state)?,
            Self::OatsS3(params) => params.restore(state)?,
            Self::AdapterRidge(_) => RidgeParams::restore(state)?,
            Self::Linear(_) => LinearParams::restore(state)?,
            Self::Knn(params) => params.restore(state)?,
            Self::Hybrid(params) => params.restore(state)?,
            Self::Threshold(_) => ThresholdParams::restore(state)?,
            Self::Rnn(params) => params.restore(state)?,
            Self::Encoder(params) => params.restore(state)?,
            Self::Llm(_) => {
                let problem =
                    "an LLM is asked through its endpoint, no file holds it; fit the router anew";
                return Err(Error::State(problem.to_owned()));
            }
            Self::Process(_) => return Err(not_kept()),
        })
    }
}

/// What was learned is the process's own.
pub(crate) fn not_kept() -> Error {
    Error::State("a process cannot be kept in a file; fit the router anew".to_owned())
}

/// Puts the field's name into the message: serde forgets it where an enum is told by a tag.
fn settings<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    serde_path_to_error::deserialize(deserializer).map_err(D::Error::custom)
}
