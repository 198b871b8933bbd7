//! An OpenAI-compatible endpoint, asked politely: a few calls at a time, each with a time limit, again
//! after a pause where the endpoint says so, never beyond a budget, and every answer recorded.

mod answer;
mod budget;
mod transport;

use std::{
    collections::HashSet,
    fmt,
    net::IpAddr,
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
use http::StatusCode;
use oats_metrics::{Price, Usage};
use serde_json::Value;
use tokio::runtime::Runtime;

use self::{budget::Budget, transport::Fault};
use crate::{
    Chat, Completion, Error, FunctionCall, Prices, Recordings, Reply, Request, TokenCounter,
};

/// Where the endpoint is, and how it is asked.
#[derive(Clone)]
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
    /// Pause before the second attempt; twice as long before each further one, or as many seconds as
    /// the endpoint's header `Retry-After` says, if that is longer. A minute at most: an endpoint that
    /// asks for more is not tried again.
    pub first_pause: Duration,
}

impl fmt::Debug for Access {
    /// Neither address nor key: both can hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// Longest pause between two attempts, and how often a pause looks whether it is to end.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// How much of a problem is told, in characters.
const TOLD: usize = 300;

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

    /// `text` without the key, should an endpoint repeat it. Placeholders such as `none`, which local
    /// endpoints take, are words that a text can have.
    fn struck_from(&self, text: &str) -> String {
        match self.0.as_str() {
            key if key.len() < 8 => text.to_owned(),
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
    /// One for all calls, so that connections are used again.
    runtime: Runtime,
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
        let url = reqwest::Url::parse(base_url)
            .ok()
            .filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let Some(url) = url else {
            let expected = "one like https://api.openai.com/v1";
            return Err(fault("the endpoint's URL", "none".to_owned(), expected));
        };
        let provider = rustls::crypto::ring::default_provider();
        // Another part of the program may have installed one: any will do.
        let _ = provider.install_default();
        // Who is redirected would send the prompt to somebody else and take that answer for this one's.
        let mut http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        if is_this_machine(&url) {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| fault("the HTTP client", error.to_string(), "one that starts"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io("start", "the network runtime"))?;
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
            runtime,
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
                let outcome = self.complete_one(request, stopped).await;
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

    /// Makes a call, and records it. After `stopped` it is not tried again.
    async fn complete_one(&self, request: &Request, stopped: &AtomicBool) -> Result<(), Error> {
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
                    let reply = self.without_key(answer::reply(&answer));
                    let counter = || TokenCounter::new(model.tokenizer);
                    let completion = Completion {
                        usage: answer::usage(&answer)
                            .unwrap_or_else(|| counted(request, &reply, &counter())),
                        model: self.struck(answer["model"].as_str().unwrap_or_default()),
                        reply,
                        milliseconds: started.elapsed().as_millis() as u64,
                    };
                    let dollars = model.price().dollars(&completion.usage).unwrap_or(most);
                    self.budget.answered(most, dollars);
                    self.recordings.store(request, &completion)?;
                    if dollars > most {
                        return Err(Error::Failed {
                            attempts: attempt,
                            problem: format!(
                                "its answer cost ${dollars:.4}, and its limit of tokens allows ${most:.4}: \
                                 the endpoint does not keep to max_completion_tokens"
                            ),
                        });
                    }
                    return Ok(());
                }
                Err(failed) => failed,
            };
            let charged = if failed.may_be_charged { most } else { 0.0 };
            self.budget.failed(most, charged);
            let pause = self.access.first_pause * 2_u32.saturating_pow(attempt - 1);
            let pause = failed
                .again_after
                .map(|least| pause.min(LONGEST_PAUSE).max(least));
            match pause {
                Some(pause) if attempt < self.access.attempts && pause <= LONGEST_PAUSE => {
                    self.pause(pause, stopped).await;
                }
                _ => stopped.store(true, Ordering::Relaxed),
            }
            if stopped.load(Ordering::Relaxed) {
                let problem: String = self.struck(&failed.problem).chars().take(TOLD).collect();
                return Err(Error::Failed {
                    attempts: attempt,
                    problem,
                });
            }
        }
        unreachable!("the last attempt has returned")
    }

    /// Waits, unless there is no use in trying again.
    async fn pause(&self, length: Duration, stopped: &AtomicBool) {
        let end = Instant::now() + length;
        let ended = || stopped.load(Ordering::Relaxed) || self.access.stop.load(Ordering::Relaxed);
        while !ended() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }

    fn struck(&self, text: &str) -> String {
        self.access.key.struck_from(text)
    }

    fn without_key(&self, reply: Reply) -> Reply {
        Reply {
            content: reply.content.map(|text| self.struck(&text)),
            calls: reply
                .calls
                .into_iter()
                .map(|call| FunctionCall {
                    name: self.struck(&call.name),
                    arguments: self.struck(&call.arguments),
                })
                .collect(),
            cut_off: reply.cut_off,
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Value, Attempt> {
        let http = self.http.clone();
        let transport = tower::service_fn(move |request: HttpRequestFactory| {
            transport::send(http.clone(), request)
        });
        let client = Client::with_config(self.config.clone()).with_http_service(transport);
        let chat = client.chat();
        let answer = chat.create_byot::<_, Value>(request.body());
        match tokio::time::timeout(self.access.timeout, answer).await {
            Ok(Ok(answer)) => Attempt::unless_error(answer),
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
            .filter(|request| self.recordings.get(request).is_none())
            .filter(|request| seen.insert(request.body().to_string()))
            .collect();
        if !pending.is_empty() {
            self.runtime.block_on(self.complete_all(pending))?;
        }
        if self.access.stop.load(Ordering::Relaxed) {
            return Err(self.budget.count(Error::Stopped { made: 0 }));
        }
        let recorded = requests.iter().map(|request| {
            let lost = || Error::NotRecorded {
                why: "the recordings were changed meanwhile".to_owned(),
            };
            self.recordings.get(request).ok_or_else(lost)
        });
        recorded.collect()
    }
}

/// Whether the address is one that only this machine can answer at.
fn is_this_machine(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl Attempt {
    /// The answer, unless it is an error that came with a status of success, as some gateways send it.
    fn unless_error(answer: Value) -> Result<Value, Self> {
        let Some(error) = answer.get("error").filter(|error| !error.is_null()) else {
            return match answer.get("choices") {
                Some(_) => Ok(answer),
                None => Err(Self::last("its answer is no chat completion".to_owned())),
            };
        };
        let code = error["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok());
        let status = code.and_then(|code| StatusCode::from_u16(code).ok());
        Err(Self::refused(
            status.unwrap_or(StatusCode::BAD_REQUEST),
            None,
            format!("its answer is an error: {error}"),
        ))
    }

    /// What trying again is of no use for.
    fn last(problem: String) -> Self {
        Self {
            problem,
            again_after: None,
            may_be_charged: true,
        }
    }

    fn refused(status: StatusCode, retry_after: Option<u64>, problem: String) -> Self {
        let has_no_money = problem.contains("insufficient_quota");
        let may_help = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        Self {
            again_after: (may_help && !has_no_money)
                .then(|| Duration::from_secs(retry_after.unwrap_or(0))),
            // A gateway gave up on work that may have been done.
            may_be_charged: [502, 504, 524].contains(&status.as_u16()),
            problem,
        }
    }

    fn of(error: OpenAIError) -> Self {
        match error {
            OpenAIError::Reqwest(error) => Self {
                again_after: Some(Duration::ZERO),
                may_be_charged: !error.is_connect(),
                // The address may hold a password.
                problem: told(&error.without_url()),
            },
            OpenAIError::JSONDeserialize(error, _) => {
                Self::last(format!("its answer is no JSON: {error}"))
            }
            OpenAIError::Boxed(error) => match error.downcast_ref::<Fault>() {
                Some(
                    fault @ &Fault::Status {
                        status,
                        retry_after,
                        ..
                    },
                ) => Self::refused(status, retry_after, fault.to_string()),
                _ => Self::last(error.to_string()),
            },
            other => Self::last(other.to_string()),
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
fn counted(request: &Request, reply: &Reply, counter: &TokenCounter) -> Usage {
    Usage {
        input: counter.request(request),
        cached_input: 0,
        output: counter.reply(reply),
    }
}
