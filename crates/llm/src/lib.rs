//! The LLM that tool routers stand in for: what it is asked, what it answers, what that costs.
//!
//! ```
//! use oats_datasets::Tool;
//! use oats_llm::{Prices, Prompt, Reply, TokenCounter};
//! use oats_metrics::Usage;
//!
//! let tools = [Tool::new("weather", "Forecasts by place"), Tool::new("stocks", "Share prices")];
//! let offered = tools.each_ref();
//! let request = Prompt::List.request("gpt-4.1", 64, "will it rain in Leeds?", &offered);
//!
//! // What it would cost, before anything is sent.
//! let prices = Prices::builtin()?;
//! let model = prices.model(request.model())?;
//! let counter = TokenCounter::new(model.tokenizer);
//! let answer = Prompt::List.reply(&offered, &[0]);
//! let usage = Usage {
//!     input: counter.request(&request),
//!     cached_input: 0,
//!     output: counter.reply(&answer),
//! };
//! assert!(model.price().dollars(&usage)? < 0.001);
//!
//! // What an answer means.
//! assert_eq!(Prompt::List.read(&offered, &answer).tools, [0]);
//! let chatty = Reply { content: Some("I would use weather.".into()), ..Reply::default() };
//! assert!(Prompt::List.read(&offered, &chatty).tools.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what |
//! | --- | --- |
//! | [`Prompt`], [`Answer`], [`Fault`] | `prompt.rs`: the question put as a list or as functions; answers, read strictly |
//! | [`function`], [`function_names`] | `functions.rs`: tools as functions that can be called |
//! | [`Request`], [`Reply`], [`Completion`] | `call.rs`: one call of an endpoint |
//! | [`TokenCounter`], [`Tokenizer`] | `tokens.rs`: tokens of requests and replies |
//! | [`history`] | `history.rs`: routed calls as the chat of an LLM that made them |
//! | [`Chat`], [`Replay`] | `chat.rs`: who is asked |
//! | [`Recordings`] | `recordings.rs`: calls that were made, so that none is made twice |
//! | [`Endpoint`], [`Access`], [`ApiKey`] | `endpoint/` (feature `endpoint`): an OpenAI-compatible endpoint, within a budget |
//! | [`Prices`] | `prices.rs`: prices with date and source, `prices.toml` |

mod call;
mod chat;
#[cfg(feature = "endpoint")]
mod endpoint;
mod error;
mod functions;
pub mod history;
mod prices;
mod prompt;
mod recordings;
mod tokens;

pub use call::{Completion, FunctionCall, Reply, Request};
pub use chat::{Chat, Replay};
#[cfg(feature = "endpoint")]
pub use endpoint::{Access, ApiKey, Endpoint};
pub use error::Error;
pub use functions::{function, function_names};
pub use prices::{MachinePrice, ModelPrice, Prices};
pub use prompt::{Answer, Fault, Prompt};
pub use recordings::Recordings;
pub use tokens::{TokenCounter, Tokenizer};
