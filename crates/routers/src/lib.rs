//! Routers: a request in, ranked tools out, without an LLM in the request path.
//!
//! Every router is described by a [`RouterSpec`] (its kind and hyper-parameters, as written in an
//! experiment's TOML), fitted to a [`Training`] view, and served as a [`Router`]:
//!
//! ```
//! use ndarray::array;
//! use oats_datasets::{Query, Tool};
//! use oats_routers::{Progress, Request, RouterSpec, Training};
//!
//! let tools = ["weather", "stocks"].map(|name| Tool::new(name, ""));
//! let asked = Query {
//!     id: "1".into(),
//!     text: "umbrella tomorrow?".into(),
//!     relevant: vec![(0, 1)],
//!     candidates: vec![],
//!     subsets: vec![0],
//!     scenario: None,
//! };
//! // Vectors come from an embedder; these are made up. The descriptions alone would pick `stocks`.
//! let (tool_embeddings, query_embeddings) = (array![[0.0, 1.0], [0.6, 0.8]], array![[1.0, 0.0]]);
//! let training = Training {
//!     tools: &tools,
//!     tool_embeddings: tool_embeddings.view(),
//!     queries: vec![(&asked).into()],
//!     query_embeddings: query_embeddings.view(),
//!     seed: 0,
//!     llm: None,
//!     progress: Progress::silent(),
//! };
//! let request = Request { text: "will it rain?", embedding: &[0.9, 0.436], candidates: None };
//!
//! let best = |spec: RouterSpec| spec.fit(&training).map(|router| router.rank(&request, 1)[0].tool);
//! assert_eq!(best(RouterSpec::Dense(Default::default()))?, 1);
//! assert_eq!(best(RouterSpec::OatsS1(Default::default()))?, 0);
//! # Ok::<(), oats_routers::Error>(())
//! ```
//!
//! | module | what |
//! | --- | --- |
//! | [`Router`], [`Request`], [`Ranked`], [`top_k`] | `router.rs`: the serving interface, the order of results |
//! | [`Training`], [`TrainingQuery`], [`Feedback`] | `training.rs`: what a fit may see |
//! | [`RouterSpec`], [`RouterKind`] | `spec.rs`: the registry, and what a new router implements |
//! | [`State`], [`load`] | `state.rs`: fitted routers in files |
//! | [`baselines`] | chance, words (BM25), static embeddings |
//! | [`scan`] | the vectors of a catalogue, searched for the best k |
//! | [`pipeline`] | embed → (adapt) → score → (re-rank) → top k |
//! | [`oats`] | the stages of OATS, and beside them the linear adapters and the geometry of vectors |
//! | [`controls`] | logistic regression, nearest queries |
//! | [`dense_int8`] | static or refined embeddings, a byte per component |
//! | [`multi_vector`] | several vectors for a tool |
//! | [`hybrid`], [`threshold`] | words and vectors fused; as many tools as score high enough |
//! | [`rnn`], [`encoder`] | networks trained from scratch |
//! | [`llm`] | the LLM that the others stand in for |
//! | [`process`] | a router in any language, as a process |
//! | `convex` | the minimum of a smooth convex function |
//! | `learn` | seeded weights and gradient descent, for the networks |
//! | `matmul` | matrix products with the same bits on any processor, for the networks |
//! | `vocabulary` | what the networks read |

pub mod baselines;
pub mod controls;
mod convex;
pub mod dense_int8;
pub mod encoder;
mod error;
pub mod hybrid;
mod learn;
pub mod llm;
mod matmul;
pub mod multi_vector;
pub mod oats;
pub mod pipeline;
pub mod process;
pub mod rnn;
mod router;
pub mod scan;
mod spec;
mod state;
pub mod threshold;
mod training;
mod vocabulary;

pub use error::Error;
pub use router::{Ranked, Request, Router, top_k};
pub use spec::{RouterKind, RouterSpec};
pub use state::{State, load};
pub use training::{Feedback, Progress, Training, TrainingPart, TrainingQuery};
