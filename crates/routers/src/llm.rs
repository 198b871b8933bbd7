//! `llm`: the LLM that the other routers stand in for, asked for every request.
//!
//! It learns nothing. Its ranking is what the LLM names, in the order named, and nothing else: an answer
//! without an offered tool is a miss.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use oats_datasets::{Tool, ToolId};
use oats_llm::{Answer, Chat, Completion, Prompt};
use oats_metrics::Usage;
use serde::{Deserialize, Serialize};

use crate::{Error, Progress, Ranked, Request, Router, RouterKind, State, Training, router::mix};

/// Kind of this router.
const KIND: &str = "llm";

/// Which LLM is asked, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmParams {
    /// The model, by the name that the endpoint has for it.
    pub model: String,
    /// How it is asked.
    pub prompt: Prompt,
    /// The most tokens of an answer, from 1 to 4,096. A choice that is cut off is a miss.
    pub max_output_tokens: u64,
}

impl Default for LlmParams {
    fn default() -> Self {
        Self {
            model: "gpt-4.1".to_owned(),
            prompt: Prompt::List,
            max_output_tokens: 128,
        }
    }
}

/// Asks for each request. Tools are offered in a fixed shuffle of the catalogue: the order of sources
/// can carry the label, and LLMs are known to mind the order.
pub struct Llm {
    params: LlmParams,
    tools: Vec<Tool>,
    chat: Arc<dyn Chat>,
}

/// How many requests are asked for between two words on how it comes along.
const BATCH: usize = 256;

impl RouterKind for LlmParams {
    const READS_EMBEDDINGS: bool = false;
    const ASKS_AN_LLM: bool = true;

    fn check(&self) -> Result<(), Error> {
        if self.model.trim().is_empty() {
            let expected = "the name of a model";
            return Err(Error::setting(KIND, "model", &"empty", expected));
        }
        if !(1..=4096).contains(&self.max_output_tokens) {
            let (field, expected) = ("max_output_tokens", "from 1 to 4096");
            return Err(Error::setting(
                KIND,
                field,
                &self.max_output_tokens,
                expected,
            ));
        }
        Ok(())
    }

    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(self.fit(training)?))
    }

    fn restore(&self, _state: &State) -> Result<Box<dyn Router>, Error> {
        let problem = "an LLM is asked through its endpoint, no file holds it; fit the router anew";
        Err(Error::State(problem.to_owned()))
    }
}

impl LlmParams {
    /// Takes the catalogue and whom to ask.
    ///
    /// # Errors
    /// Those of [`check`](RouterKind::check), and [`Error::NobodyToAsk`].
    pub fn fit(&self, training: &Training<'_>) -> Result<Llm, Error> {
        self.check()?;
        let chat = training.llm.ok_or(Error::NobodyToAsk)?;
        Ok(Llm {
            params: self.clone(),
            tools: training.tools.to_vec(),
            chat: chat.clone(),
        })
    }
}

/// The tools of a request's pool, in the order that they are offered in.
struct Offer<'a> {
    ids: Vec<ToolId>,
    tools: Vec<&'a Tool>,
}

impl Llm {
    fn offer(&self, request: &Request<'_>) -> Offer<'_> {
        let mut ids = match request.candidates {
            Some(candidates) => candidates.to_vec(),
            None => (0..self.tools.len()).collect(),
        };
        ids.sort_unstable_by_key(|&tool| mix(tool as u64));
        let tools = ids.iter().map(|&tool| &self.tools[tool]).collect();
        Offer { ids, tools }
    }

    fn question(&self, request: &Request<'_>, offer: &Offer<'_>) -> oats_llm::Request {
        let LlmParams {
            model,
            prompt,
            max_output_tokens,
        } = &self.params;
        prompt.request(model, *max_output_tokens, request.text, &offer.tools)
    }

    /// What the LLM answers to each request, with the pool in the order that it was offered in.
    fn ask(
        &self,
        requests: &[Request<'_>],
    ) -> Result<Vec<(Vec<ToolId>, Answer, Completion)>, Error> {
        let offers: Vec<Offer<'_>> = requests.iter().map(|one| self.offer(one)).collect();
        let questions: Vec<oats_llm::Request> = requests
            .iter()
            .zip(&offers)
            .map(|(request, offer)| self.question(request, offer))
            .collect();
        let completions = self.chat.complete(&questions)?;
        let answers = offers.into_iter().zip(completions);
        Ok(answers
            .map(|(offer, completion)| {
                let answer = self.params.prompt.read(&offer.tools, &completion.reply);
                (offer.ids, answer, completion)
            })
            .collect())
    }
}

impl Router for Llm {
    /// Asks for all of the requests that were not asked for before, and tells how many answers were
    /// no choice of offered tools.
    fn prepare(&self, requests: &[Request<'_>], progress: Progress<'_>) -> Result<(), Error> {
        let (mut answered, mut none, mut faults) = (0, 0, BTreeMap::<_, usize>::new());
        let (mut models, mut usage, mut milliseconds) = (BTreeSet::new(), Usage::default(), 0);
        for batch in requests.chunks(BATCH) {
            for (_, answer, completion) in self.ask(batch)? {
                answered += 1;
                models.insert(completion.model);
                usage.input += completion.usage.input;
                usage.output += completion.usage.output;
                milliseconds += completion.milliseconds;
                match answer.fault {
                    Some(fault) => *faults.entry(fault).or_default() += 1,
                    None => none += usize::from(answer.tools.is_empty()),
                }
            }
            if answered < requests.len() {
                progress.say(&format!("{answered} of {} answers", requests.len()));
            }
        }
        let faults: String = faults
            .iter()
            .map(|(fault, count)| format!(", {count} {fault}"))
            .collect();
        let models: Vec<String> = models.into_iter().collect();
        progress.say(&format!(
            "{answered} answers of {}, {none} choose no tool{faults}; {} tokens in, {} out, {:.0} ms a call",
            models.join(", "),
            usage.input,
            usage.output,
            milliseconds as f64 / answered.max(1) as f64
        ));
        Ok(())
    }

    /// Scores are 1, 1/2, 1/3, … for the tools that the LLM names, in order; others are not ranked. A
    /// request that was not [prepared](Router::prepare) is asked for now; without an answer nothing is
    /// ranked.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let Ok(answers) = self.ask(std::slice::from_ref(request)) else {
            return Vec::new();
        };
        let named = answers.iter().flat_map(|(ids, answer, _)| {
            let tools = answer.tools.iter();
            tools.map(|&position| ids[position])
        });
        (1..)
            .zip(named.take(k))
            .map(|(place, tool)| Ranked {
                tool,
                score: 1.0 / place as f32,
            })
            .collect()
    }

    /// All that the LLM names.
    fn select(&self, request: &Request<'_>) -> Vec<ToolId> {
        let named = self.rank(request, usize::MAX);
        named.iter().map(|ranked| ranked.tool).collect()
    }

    /// The settings; [`RouterSpec::restore`](crate::RouterSpec::restore) cannot make a router of them.
    fn state(&self) -> State {
        State::default()
    }
}
