//! An OpenAI-compatible endpoint, asked politely: a few calls at a time, each with a time limit, again
//! after a pause where the endpoint says so, never beyond a budget, and every answer recorded.

mod budget;
mod transport;

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_openai::{
    Client, config::OpenAIConfig, error::OpenAIError, middleware::HttpRequestFactory,
};
use futures_util::{StreamExt, stream};
use oats_metrics::{Price, Usage};
use serde::Deserialize;

use self::{budget::Budget, transport::Fault};
use crate::{
    Chat, Completion, Error, FunctionCall, Prices, Recordings, Reply, Request, TokenCounter,
};

/// Where the endpoint is, and how it is asked.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its address up to `/chat/completions`: `https://api.openai.com/v1`.
    pub base_url: String,
    /// What it knows us by.
    pub key: ApiKey,
    /// What the calls of one run may cost together, in dollars.
    pub budget: f64,
    /// Time from sending a request to the end of its answer.
    pub timeout: Duration,
    /// Calls at a time, at least 1.
    pub concurrency: usize,
    /// How often a call is tried, at least once: again after status 429 or 5xx, a time-out, or no
    /// connection.
    pub attempts: u32,
    /// Set by whoever wants no further calls; those under way are waited for, and recorded.
    pub stop: Arc<AtomicBool>,
    /// Pause before the second attempt; twice as long before each further one, or what the endpoint's
    /// header `Retry-After` says, if that is longer.
    pub first_pause: Duration,
}

/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A key that no message, log or dump shows.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key; local endpoints often take an empty one.
    ///
    /// # Errors
    /// [`Error::Setting`] if it cannot stand in an HTTP header.
    pub fn new(key: &str) -> Result<Self, Error> {
        let key = key.trim();
        if key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(key.to_owned()));
        }
        Err(Error::Setting {
            field: "the API key",
            value: "not shown here".to_owned(),
            expected: "visible ASCII characters without spaces",
        })
    }

    /// `text` without the key, should an endpoint repeat it.
    fn struck_from(&self, text: &str) -> String {
        match self.0.as_str() {
            "" => text.to_owned(),
            key => text.replace(key, "***"),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An endpoint and the recordings of what it answered.
pub struct Endpoint {
    access: Access,
    config: OpenAIConfig,
    http: reqwest::Client,
    prices: Prices,
    recordings: Recordings,
    budget: Budget,
}

impl fmt::Debug for Endpoint {
    /// Neither address nor key: both can hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}

/// How one attempt ended that brought no answer.
struct Attempt {
    problem: String,
    /// `None` if trying again is of no use.
    again_after: Option<Duration>,
    /// Whether the endpoint may have done, and charged, the work.
    may_be_charged: bool,
}

impl Endpoint {
    /// An endpoint that has not been asked yet.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(access: Access, prices: Prices, recordings: Recordings) -> Result<Self, Error> {
        let fault = |field, value: String, expected| Error::Setting {
            field,
            value,
            expected,
        };
        if !(access.budget.is_finite() && access.budget >= 0.0) {
            let expected = "finite and at least 0, in dollars";
            return Err(fault("the budget", access.budget.to_string(), expected));
        }
        if access.concurrency == 0 || access.attempts == 0 {
            let value = format!("{} and {}", access.concurrency, access.attempts);
            return Err(fault("calls at a time and attempts", value, "at least 1"));
        }
        let base_url = access.base_url.trim().trim_end_matches('/');
        let parsed = reqwest::Url::parse(base_url);
        if !parsed.is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()) {
            let expected = "one like https://api.openai.com/v1";
            return Err(fault("the endpoint's URL", "none".to_owned(), expected));
        }
        let provider = rustls::crypto::ring::default_provider();
        // Another part of the program may have installed one: any will do.
        let _ = provider.install_default();
        let http = reqwest::Client::builder()
            .build()
            .map_err(|error| fault("the HTTP client", error.to_string(), "one that starts"))?;
        let config = OpenAIConfig::new()
            .with_api_base(base_url)
            .with_api_key(access.key.0.as_str())
            .with_org_id("")
            .with_project_id("");
        Ok(Self {
            budget: Budget::new(access.budget),
            access,
            config,
            http,
            prices,
            recordings,
        })
    }

    async fn complete_all(&self, pending: Vec<&Request>) -> Result<(), Error> {
        // A call that fails ends the run, but not the calls under way, which are paid for.
        let stopped = AtomicBool::new(false);
        let outcomes = stream::iter(pending).map(|request| {
            let stopped = &stopped;
            async move {
                if stopped.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let outcome = self.complete_one(request).await;
                stopped.fetch_or(outcome.is_err(), Ordering::Relaxed);
                outcome
            }
        });
        let outcomes: Vec<Result<(), Error>> = outcomes
            .buffer_unordered(self.access.concurrency)
            .collect()
            .await;
        let mut outcomes = outcomes.into_iter();
        match outcomes.find_map(Result::err) {
            // Those under way have ended since.
            Some(error) => Err(self.budget.count(error)),
            None => Ok(()),
        }
    }

    async fn complete_one(&self, request: &Request) -> Result<(), Error> {
        let model = self.prices.model(request.model())?;
        let most = dollars_at_most(request, &model.price())?;
        for attempt in 1.. {
            self.budget.set_aside(most).await?;
            if self.access.stop.load(Ordering::Relaxed) {
                self.budget.failed(most, 0.0);
                return Err(Error::Stopped { made: 0 });
            }
            let started = Instant::now();
            let failed = match self.attempt(request).await {
                Ok(answer) => {
                    let completion = Completion {
                        usage: answer.usage.map_or_else(
                            || counted(request, &answer, &TokenCounter::new(model.tokenizer)),
                            RawUsage::usage,
                        ),
                        model: answer.model.clone().unwrap_or_default(),
                        reply: answer.reply(),
                        milliseconds: started.elapsed().as_millis() as u64,
                    };
                    let dollars = model.price().dollars(&completion.usage);
                    self.budget.answered(most, dollars.unwrap_or(most));
                    return self.recordings.store(request, &completion);
                }
                Err(failed) => failed,
            };
            let charged = if failed.may_be_charged { most } else { 0.0 };
            self.budget.failed(most, charged);
            match failed.again_after {
                Some(least) if attempt < self.access.attempts => {
                    let pause = self.access.first_pause * 2_u32.saturating_pow(attempt - 1);
                    tokio::time::sleep(pause.max(least).min(LONGEST_PAUSE)).await;
                }
                _ => {
                    return Err(Error::Failed {
                        attempts: attempt,
                        problem: self.access.key.struck_from(&failed.problem),
                    });
                }
            }
        }
        unreachable!("the last attempt has returned")
    }

    async fn attempt(&self, request: &Request) -> Result<RawAnswer, Attempt> {
        let http = self.http.clone();
        let transport = tower::service_fn(move |request: HttpRequestFactory| {
            transport::send(http.clone(), request)
        });
        let client = Client::with_config(self.config.clone()).with_http_service(transport);
        let chat = client.chat();
        let answer = chat.create_byot::<_, RawAnswer>(request.body());
        match tokio::time::timeout(self.access.timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Attempt::of(error)),
            Err(_) => Err(Attempt {
                problem: format!("no whole answer within {:?}", self.access.timeout),
                again_after: Some(Duration::ZERO),
                may_be_charged: true,
            }),
        }
    }
}

impl Chat for Endpoint {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, Error> {
        let mut seen = HashSet::new();
        let pending: Vec<&Request> = requests
            .iter()
            .filter(|request| seen.insert(request.hash()) && self.recordings.get(request).is_none())
            .collect();
        if !pending.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Error::io("start", "the network runtime"))?;
            runtime.block_on(self.complete_all(pending))?;
        }
        let answer = |request| self.recordings.get(request);
        let answers: Vec<Completion> = requests.iter().filter_map(answer).collect();
        Ok(answers)
    }
}

impl Attempt {
    fn of(error: OpenAIError) -> Self {
        let once = |problem: String, may_be_charged| Self {
            problem,
            again_after: None,
            may_be_charged,
        };
        match error {
            OpenAIError::Reqwest(error) => Self {
                again_after: Some(Duration::ZERO),
                may_be_charged: !error.is_connect(),
                // The address may hold a password.
                problem: told(&error.without_url()),
            },
            OpenAIError::JSONDeserialize(error, _) => {
                once(format!("its answer is no chat completion: {error}"), true)
            }
            OpenAIError::Boxed(error) => match error.downcast_ref::<Fault>() {
                Some(
                    fault @ Fault::Status {
                        status,
                        retry_after,
                        ..
                    },
                ) => Self {
                    problem: fault.to_string(),
                    again_after: (status.as_u16() == 429 || status.is_server_error())
                        .then(|| Duration::from_secs(retry_after.unwrap_or(0))),
                    may_be_charged: false,
                },
                _ => once(error.to_string(), true),
            },
            other => once(other.to_string(), true),
        }
    }
}

/// The error and what it came from.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", told(source)),
        None => error.to_string(),
    }
}

/// No token is shorter than a byte.
fn dollars_at_most(request: &Request, price: &Price) -> Result<f64, Error> {
    let usage = Usage {
        input: request.body().to_string().len() as u64,
        cached_input: 0,
        output: request.max_output(),
    };
    price.dollars(&usage).map_err(|error| Error::Setting {
        field: "a price",
        value: error.to_string(),
        expected: "one that can be reckoned with",
    })
}

/// For endpoints that do not count tokens.
fn counted(request: &Request, answer: &RawAnswer, counter: &TokenCounter) -> Usage {
    Usage {
        input: counter.request(request),
        cached_input: 0,
        output: counter.reply(&answer.reply()),
    }
}

/// What is read of an answer's JSON.
#[derive(Deserialize)]
struct RawAnswer {
    choices: Vec<RawChoice>,
    model: Option<String>,
    usage: Option<RawUsage>,
}

#[derive(Deserialize)]
struct RawChoice {
    message: RawMessage,
}

#[derive(Deserialize)]
struct RawMessage {
    content: Option<String>,
    tool_calls: Option<Vec<RawCall>>,
}

#[derive(Deserialize)]
struct RawCall {
    function: FunctionCall,
}

#[derive(Clone, Copy, Deserialize)]
struct RawUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<RawDetails>,
}

#[derive(Clone, Copy, Deserialize)]
struct RawDetails {
    cached_tokens: Option<u64>,
}

impl RawAnswer {
    /// The first choice; without one, a reply that says nothing.
    fn reply(&self) -> Reply {
        let Some(RawChoice { message }) = self.choices.first() else {
            return Reply::default();
        };
        let calls = message.tool_calls.iter().flatten();
        Reply {
            content: message.content.clone(),
            calls: calls.map(|call| call.function.clone()).collect(),
        }
    }
}

impl RawUsage {
    fn usage(self) -> Usage {
        let details = self.prompt_tokens_details;
        let cached = details.and_then(|details| details.cached_tokens);
        Usage {
            input: self.prompt_tokens,
            cached_input: cached.unwrap_or(0).min(self.prompt_tokens),
            output: self.completion_tokens,
        }
    }
}
