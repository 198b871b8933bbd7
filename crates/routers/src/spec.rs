//! The registry: every kind of router by its name in an experiment's TOML.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    Error, Router, State, Training,
    baselines::{Bm25Params, DenseParams, RandomParams},
    controls::{KnnParams, LinearParams},
    dense_int8::DenseInt8Params,
    encoder::EncoderParams,
    hybrid::HybridParams,
    llm::LlmParams,
    multi_vector::MultiVectorParams,
    oats::{
        GeometryParams, PlusParams, ProcrustesParams, RidgeParams, S1Params, S2Params, S3Params,
    },
    process::ProcessParams,
    rnn::RnnParams,
    threshold::ThresholdParams,
};

/// Makes the enum, and what its variants have in common, of one line for each kind of router.
macro_rules! routers {
    ($($(#[$doc:meta])+ $kind:literal => $variant:ident($settings:ty),)+) => {
        /// Which router to fit, with its hyper-parameters: `{ kind = "oats-s1", rounds = 5 }`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum RouterSpec {
            $($(#[$doc])+ #[serde(rename = $kind, deserialize_with = "settings")] $variant($settings),)+
        }

        impl RouterSpec {
            /// Every kind of router whose name says enough, with its default hyper-parameters: not
            /// `process`, whose command has no default.
            pub fn all() -> Vec<Self> {
                let mut all = vec![$(Self::$variant(<$settings>::default())),+];
                all.retain(|spec| spec.check().is_ok());
                all
            }

            /// The kind, as written in an experiment's TOML.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)+
                }
            }

            /// [`RouterKind::READS_EMBEDDINGS`].
            pub fn reads_embeddings(&self) -> bool {
                match self {
                    $(Self::$variant(_) => <$settings>::READS_EMBEDDINGS,)+
                }
            }

            /// [`RouterKind::BY_DESCENT`].
            pub fn is_fitted_by_descent(&self) -> bool {
                match self {
                    $(Self::$variant(_) => <$settings>::BY_DESCENT,)+
                }
            }

            /// [`RouterKind::ASKS_AN_LLM`].
            pub fn asks_an_llm(&self) -> bool {
                match self {
                    $(Self::$variant(_) => <$settings>::ASKS_AN_LLM,)+
                }
            }

            /// [`RouterKind::check`].
            ///
            /// # Errors
            /// [`Error::Setting`], naming the router and the field.
            pub fn check(&self) -> Result<(), Error> {
                match self {
                    $(Self::$variant(settings) => RouterKind::check(settings),)+
                }
            }

            /// [`RouterKind::fit`].
            ///
            /// # Errors
            /// A hyper-parameter out of range, training data that do not fit together, or what the router
            /// says of a fit that failed.
            pub fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
                match self {
                    $(Self::$variant(settings) => RouterKind::fit(settings, training),)+
                }
            }

            /// [`RouterKind::restore`].
            ///
            /// # Errors
            /// A hyper-parameter out of range, or [`Error::State`] if the state is that of another router
            /// or damaged.
            pub fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
                self.check()?;
                match self {
                    $(Self::$variant(settings) => RouterKind::restore(settings, state),)+
                }
            }
        }
    };
}
routers! {
    /// A shuffle: what chance gives.
    "random" => Random(RandomParams),
    /// Okapi BM25 over the tool texts.
    "bm25" => Bm25(Bm25Params),
    /// Static embeddings (the paper's SE): cosine of query and tool.
    "dense" => Dense(DenseParams),
    /// The same with a byte per component of a tool's vector.
    "dense-int8" => DenseInt8(DenseInt8Params),
    /// OATS Stage 1: cosine with tool vectors that were refined from outcomes.
    "oats-s1" => OatsS1(S1Params),
    /// OATS Stage 2: an MLP re-ranks the best-scored tools.
    "oats-s2" => OatsS2(S2Params),
    /// OATS Stage 3: a contrastive adapter moves the query vector.
    "oats-s3" => OatsS3(S3Params),
    /// Prototypes shrunk to descriptions, and what a convex fit adds to them.
    "oats-plus" => OatsPlus(PlusParams),
    /// The control of Stage 3: a linear map in closed form.
    "adapter-ridge" => AdapterRidge(RidgeParams),
    /// The same with a rotation, which is folded into the tool vectors.
    "adapter-procrustes" => AdapterProcrustes(ProcrustesParams),
    /// Cosines after centring, whitening and discounting hubs; no labels are read.
    "geometry" => Geometry(GeometryParams),
    /// Several vectors for a tool, of clusters of its successes.
    "multi-vector" => MultiVector(MultiVectorParams),
    /// Multinomial logistic regression on embeddings.
    "linear" => Linear(LinearParams),
    /// The nearest training queries vote.
    "knn" => Knn(KnnParams),
    /// BM25 and vectors, fused.
    "hybrid" => Hybrid(HybridParams),
    /// Vectors with a threshold: selects as many tools as score above it.
    "threshold" => Threshold(ThresholdParams),
    /// An LSTM over WordPieces, trained from scratch.
    "rnn" => Rnn(RnnParams),
    /// A small transformer over WordPieces, trained from scratch.
    "encoder" => Encoder(EncoderParams),
    /// An LLM, asked for every request.
    "llm" => Llm(LlmParams),
    /// A router in another language, as a process.
    "process" => Process(ProcessParams),
}

/// A kind of router: its hyper-parameters as an experiment's TOML has them, and what is done with them. A new
/// router is one file with an implementation of this, and one line of the registry above.
pub trait RouterKind {
    /// Whether [`Training`] embeddings and [`Request::embedding`](crate::Request::embedding) are read.
    const READS_EMBEDDINGS: bool;
    /// Whether the fit is by gradient descent, which stops early on validation: rounding errors of another
    /// machine or backend can then end in another fit.
    const BY_DESCENT: bool = false;
    /// Whether an LLM is asked for every request, whose answers may not be at hand.
    const ASKS_AN_LLM: bool = false;

    /// Checks the ranges of the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the router and the field.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Fits the router to the training view.
    ///
    /// # Errors
    /// A hyper-parameter out of range, or training data that do not fit together.
    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error>;

    /// Makes a fitted router of its [`State`]: the settings are these, what was fitted is the state's.
    ///
    /// # Errors
    /// [`Error::State`] if the state is that of another router or damaged.
    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error>;
}

impl RouterSpec {
    /// The command, if the router is a process of its own: it can fail by itself, and no file holds it.
    pub fn process(&self) -> Option<&ProcessParams> {
        match self {
            Self::Process(params) => Some(params),
            _ => None,
        }
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
}

/// Puts the field's name into the message: serde forgets it where an enum is told by a tag.
fn settings<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    serde_path_to_error::deserialize(deserializer).map_err(D::Error::custom)
}
