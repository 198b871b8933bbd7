//! The tokens of one selection by an LLM: what it is shown, what it reads, what it writes.

use std::fmt;

use oats_datasets::{Benchmark, Query, Tool, ToolId};
use oats_llm::{ModelPrice, Prompt, TokenCounter, Tokenizer};
use oats_metrics::Usage;
use rayon::prelude::*;

use super::{
    Cache,
    ledger::{Ledger, Of},
};
use crate::{Error, rows::DOLLARS};

/// The tools that an LLM is shown to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// The query's own short list.
    Candidates,
    /// The first so many of a router's.
    Top(usize),
    /// All.
    Catalogue,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidates => f.write_str("candidates"),
            Self::Top(k) => write!(f, "top-{k}"),
            Self::Catalogue => f.write_str("catalogue"),
        }
    }
}

/// The prompts, and what rows call them.
pub(crate) const PROMPTS: [(Prompt, &str); 2] =
    [(Prompt::List, "list"), (Prompt::Functions, "functions")];

/// Neither is read by who counts tokens.
const MODEL: &str = "";
const MAX_OUTPUT: u64 = 0;

/// What all queries' selections of one kind come to.
pub(crate) struct Selection {
    pub prompt: Prompt,
    pub shown: Shown,
    /// By query.
    input: Vec<u64>,
    /// Of each query's input, what every query begins with, as far as a provider caches it.
    cached: u64,
    /// By query, the right reply: names, and of calls the required parameters with empty values.
    output: Vec<u64>,
    /// Mean over queries: which share of the right tools is shown.
    relevant: f64,
}

/// Whose tokens are counted, and how.
pub(crate) struct Counting<'a> {
    pub benchmark: &'a Benchmark,
    pub tokenizer: Tokenizer,
    pub cache: Cache,
    /// By query, the router's tools from the best on; `None` if its embedder is not at hand.
    pub rankings: Option<&'a [Vec<ToolId>]>,
    pub top_k: &'a [usize],
}

impl Counting<'_> {
    /// Every prompt with everything that can be shown.
    pub(crate) fn selections(&self) -> Vec<Selection> {
        let counter = TokenCounter::new(self.tokenizer);
        let mut shown = vec![Shown::Catalogue];
        if self.benchmark.has_candidates() {
            shown.push(Shown::Candidates);
        }
        if self.rankings.is_some() {
            shown.extend(self.top_k.iter().map(|&k| Shown::Top(k)));
        }
        let prompts = PROMPTS.iter();
        let kinds =
            prompts.flat_map(|&(prompt, _)| shown.iter().map(move |&shown| (prompt, shown)));
        kinds
            .map(|(prompt, shown)| self.selection(&counter, prompt, shown))
            .collect()
    }

    fn selection(&self, counter: &TokenCounter, prompt: Prompt, shown: Shown) -> Selection {
        let queries = self.benchmark.queries();
        let catalogue = self.by_name((0..self.benchmark.tools().len()).collect());
        // A request with functions has the tokens of each part, whatever stands beside it, so that
        // those of the whole catalogue need counting only once.
        let unchanging = (prompt, shown) == (Prompt::Functions, Shown::Catalogue);
        let fixed = unchanging.then(|| {
            let tools = self.tools(&catalogue);
            counter.request(&prompt.request(MODEL, MAX_OUTPUT, "", &tools))
                - counter.request(&Prompt::Functions.request(MODEL, MAX_OUTPUT, "", &[]))
        });
        let counted: Vec<(u64, u64, f64)> = queries
            .par_iter()
            .enumerate()
            .map(|(index, query)| {
                let offered = match shown {
                    Shown::Catalogue => catalogue.clone(),
                    Shown::Candidates => self.by_name(query.candidates.clone()),
                    Shown::Top(k) => {
                        let ranking = self.rankings.map_or(&[][..], |all| &all[index]);
                        ranking[..k.min(ranking.len())].to_vec()
                    }
                };
                let tools = self.tools(&offered);
                let input = match fixed {
                    Some(fixed) => {
                        let alone = prompt.request(MODEL, MAX_OUTPUT, &query.text, &[]);
                        fixed + counter.request(&alone)
                    }
                    None => {
                        counter.request(&prompt.request(MODEL, MAX_OUTPUT, &query.text, &tools))
                    }
                };
                let right: Vec<usize> = (0..offered.len())
                    .filter(|&position| is_right(query, offered[position]))
                    .collect();
                // Of functions none is called, and in words that takes as many.
                let reply = match right[..] {
                    [] => Prompt::List.reply(&[], &[]),
                    _ => prompt.reply(&tools, &right),
                };
                let share = right.len() as f64 / query.relevant.len() as f64;
                (input, counter.reply(&reply), share)
            })
            .collect();
        Selection {
            prompt,
            shown,
            input: counted.iter().map(|&(input, ..)| input).collect(),
            cached: fixed.map_or(0, |fixed| self.cache.hit(fixed)),
            output: counted.iter().map(|&(_, output, _)| output).collect(),
            relevant: counted.iter().map(|&(.., share)| share).sum::<f64>() / counted.len() as f64,
        }
    }

    /// In an order that tells nothing of the label.
    fn by_name(&self, mut tools: Vec<ToolId>) -> Vec<ToolId> {
        tools.sort_by_key(|&tool| &self.benchmark.tools()[tool].name);
        tools
    }

    fn tools(&self, ids: &[ToolId]) -> Vec<&Tool> {
        ids.iter()
            .map(|&tool| &self.benchmark.tools()[tool])
            .collect()
    }
}

fn is_right(query: &Query, tool: ToolId) -> bool {
    query.relevant.iter().any(|&(right, _)| right == tool)
}

impl Selection {
    pub(crate) fn n(&self) -> usize {
        self.input.len()
    }

    /// What all queries take, nothing cached.
    fn usage(&self) -> Usage {
        Usage {
            input: self.input.iter().sum(),
            cached_input: 0,
            output: self.output.iter().sum(),
        }
    }

    /// Dollars per million requests.
    pub(crate) fn dollars(&self, model: &ModelPrice) -> Result<f64, Error> {
        dollars(model, &self.usage(), self.n())
    }

    /// The same where the provider has in its cache what every request begins with; `None` where it
    /// has nothing.
    pub(crate) fn dollars_cached(&self, model: &ModelPrice) -> Result<Option<f64>, Error> {
        if self.cached == 0 {
            return Ok(None);
        }
        let usage = Usage {
            cached_input: self.cached * self.n() as u64,
            ..self.usage()
        };
        dollars(model, &usage, self.n()).map(Some)
    }

    /// The rows of its tokens, and of what they cost.
    pub(crate) fn record(
        &self,
        tokenizer: Tokenizer,
        models: &[&ModelPrice],
        ledger: &mut Ledger<'_>,
    ) -> Result<(), Error> {
        let shown = self.shown.to_string();
        let scenario = format!("select-{}", name(self.prompt));
        let cached_scenario = format!("{scenario}-cached");
        let of = Of {
            scenario: &scenario,
            shown: Some(&shown),
            tokenizer: Some(tokenizer),
            n: self.n(),
            ..Of::default()
        };
        ledger.add(of, "input-tokens", mean(&self.input));
        ledger.add(of, "output-tokens", mean(&self.output));
        ledger.add(of, "relevant-shown", self.relevant);
        // Of a router's tools single queries' numbers can be others on another machine.
        if !matches!(self.shown, Shown::Top(_)) {
            let mut sorted = self.input.clone();
            sorted.sort_unstable();
            let rank = (95 * sorted.len()).div_ceil(100);
            ledger.add(of, "input-tokens-p95", sorted[rank - 1] as f64);
            ledger.add(of, "input-tokens-max", sorted[sorted.len() - 1] as f64);
        }
        if self.cached > 0 {
            let of = Of {
                scenario: &cached_scenario,
                ..of
            };
            ledger.add(of, "cached-input-tokens", self.cached as f64);
        }
        for model in models {
            let of = Of {
                price: Some(&model.name),
                ..of
            };
            ledger.add(of, DOLLARS, self.dollars(model)?);
            if let Some(cached) = self.dollars_cached(model)? {
                let of = Of {
                    scenario: &cached_scenario,
                    ..of
                };
                ledger.add(of, DOLLARS, cached);
            }
        }
        Ok(())
    }
}

pub(crate) fn dollars(model: &ModelPrice, total: &Usage, requests: usize) -> Result<f64, Error> {
    let price = model.price();
    Ok(price.dollars_per_million_requests(total, requests as u64)?)
}

/// What rows call the prompt.
pub(crate) fn name(prompt: Prompt) -> &'static str {
    let mut prompts = PROMPTS.iter();
    let known = prompts.find(|(known, _)| *known == prompt);
    known.map_or("", |(_, name)| name)
}

fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len() as f64
}
