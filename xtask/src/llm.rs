//! Options of the router `llm`: who is asked, and what that may cost.

use std::{env, fmt, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use oats_llm::{Access, ApiKey, Chat, Completion, Endpoint, Prices, Recordings, Replay, Request};

use crate::{interrupt, options::Places};

const OPENAI: &str = "https://api.openai.com/v1";
const KEY: &str = "OPENAI_API_KEY";

/// Who answers for the router `llm`.
#[derive(Args)]
#[command(next_help_heading = "The router llm")]
pub(crate) struct LlmOptions {
    /// What its calls may cost, in dollars. Without it no call is made: recorded calls answer.
    #[arg(long, value_name = "DOLLARS")]
    llm_budget: Option<f64>,
    /// An OpenAI-compatible endpoint. Its key is read from OPENAI_API_KEY, and never shown.
    #[arg(long, value_name = "URL", env = "OPENAI_BASE_URL", hide_env_values = true,
          default_value = OPENAI)]
    llm_url: String,
    /// How many calls are made at a time.
    #[arg(long, value_name = "N", default_value = "4")]
    llm_concurrency: NonZeroUsize,
    /// How long a call may take.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    llm_timeout: NonZeroUsize,
    /// Where calls are recorded, so that none is made twice [default: in the cache folder].
    #[arg(long, value_name = "FILE", env = "OATS_LLM_RECORDINGS")]
    llm_recordings: Option<PathBuf>,
}

/// How often a call is tried, and how long after the first time.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

impl LlmOptions {
    /// An endpoint, if calls may cost something; else recordings alone.
    pub(crate) fn chat(&self, places: &Places, prices: &Prices) -> Result<Arc<dyn Chat>> {
        let file = match &self.llm_recordings {
            Some(file) => file.clone(),
            None => places.cache_dir()?.join("llm/calls.jsonl"),
        };
        let budget = match self.llm_budget {
            Some(budget) if !places.offline => budget,
            declined => {
                let why = match declined {
                    Some(_) => "leave out --offline",
                    None => {
                        "set OPENAI_API_KEY, or OPENAI_BASE_URL for another endpoint, and give --llm-budget"
                    }
                };
                return Ok(Arc::new(Replay::new(file, &self.llm_url, why)));
            }
        };
        let key = env::var(KEY).unwrap_or_default();
        ensure!(
            !key.is_empty() || self.llm_url != OPENAI,
            "--llm-budget: {KEY} is not set; set it, or name another endpoint with OPENAI_BASE_URL"
        );
        let recordings = Recordings::open(file, &self.llm_url)?;
        let access = Access {
            base_url: self.llm_url.clone(),
            key: ApiKey::new(&key).with_context(|| KEY.to_owned())?,
            budget,
            timeout: Duration::from_secs(self.llm_timeout.get() as u64),
            concurrency: self.llm_concurrency.get(),
            attempts: ATTEMPTS,
            stop: interrupt::wanted(),
            first_pause: FIRST_PAUSE,
        };
        let endpoint = Endpoint::new(access, prices.clone(), recordings)?;
        Ok(Arc::new(Interruptible(endpoint)))
    }
}

/// An endpoint whose calls under way are waited for when the user stops the command: they are paid for.
struct Interruptible(Endpoint);

impl fmt::Debug for Interruptible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Chat for Interruptible {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, oats_llm::Error> {
        interrupt::wait_for(|| self.0.complete(requests))
    }
}
