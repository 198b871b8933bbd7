//! Tokens of a chain of calls by its depth, and the curve that they follow.

use oats_datasets::{Benchmark, Query, Tool};
use oats_llm::{ModelPrice, Prompt, Reply, TokenCounter, Tokenizer};
use oats_metrics::Usage;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{
    ContextGrowth,
    ledger::{Ledger, Of},
    selection::{Shown, dollars},
};
use crate::{
    Error,
    line::Line,
    rows::{DOLLARS, NONE},
};

/// Who decides on the next call, and what is sent for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// The LLM, from the whole history.
    Planner,
    /// The LLM, from the last steps.
    PlannerPruned,
    /// The LLM, from the whole history, which the provider has in its cache.
    NativeCached,
    /// The router; the LLM is called once, with the last result.
    Routed,
    /// The router; the LLM is called once, with all results.
    RoutedHistory,
    /// The router; the LLM fills in each call's arguments, with that one function and the last result.
    RoutedArguments,
}

impl Strategy {
    pub(crate) const ALL: [Self; 6] = [
        Self::Planner,
        Self::PlannerPruned,
        Self::NativeCached,
        Self::Routed,
        Self::RoutedHistory,
        Self::RoutedArguments,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Planner => "planner",
            Self::PlannerPruned => "planner-pruned",
            Self::NativeCached => "native-cached",
            Self::Routed => "routed",
            Self::RoutedHistory => "routed-history",
            Self::RoutedArguments => "routed-arguments",
        }
    }

    fn shown(self) -> Option<Shown> {
        match self {
            Self::Planner | Self::PlannerPruned | Self::NativeCached => Some(Shown::Candidates),
            Self::Routed | Self::RoutedHistory => None,
            Self::RoutedArguments => Some(Shown::Top(1)),
        }
    }

    /// What rows have in the column `shown`.
    pub(crate) fn shown_label(self) -> String {
        self.shown()
            .map_or(NONE.to_owned(), |shown| shown.to_string())
    }
}

/// Tokens of a chain's parts: means over queries, rounded.
#[derive(Clone, Copy)]
struct Parts {
    /// A request with the candidates as functions.
    offering: u64,
    /// The same without functions.
    bare: u64,
    /// The same with the right function alone.
    single: u64,
    /// A call with its arguments and its result, as messages of the history.
    step: u64,
    /// A call with its arguments, as it is written.
    call: u64,
}

impl ContextGrowth {
    /// The rows of one benchmark; none if its queries come without candidates.
    pub(crate) fn record(
        &self,
        benchmark: &Benchmark,
        tokenizer: Tokenizer,
        models: &[&ModelPrice],
        ledger: &mut Ledger<'_>,
    ) -> Result<(), Error> {
        let n = benchmark.queries().len();
        let parts = self.parts(benchmark, tokenizer);
        for (quantity, shown, tokens) in [
            ("request-tokens", Some(Shown::Candidates), parts.offering),
            ("request-tokens", None, parts.bare),
            ("request-tokens", Some(Shown::Top(1)), parts.single),
            ("call-and-result-tokens", None, parts.step),
            ("call-tokens", None, parts.call),
            ("answer-tokens", None, self.answer_tokens),
        ] {
            let shown = shown.map(|shown| shown.to_string());
            let of = Of {
                scenario: "parts",
                shown: shown.as_deref(),
                tokenizer: Some(tokenizer),
                n,
                ..Of::default()
            };
            ledger.add(of, quantity, tokens as f64);
        }
        for strategy in Strategy::ALL {
            let shown = strategy.shown_label();
            let of = Of {
                scenario: strategy.name(),
                shown: Some(&shown),
                tokenizer: Some(tokenizer),
                n,
                ..Of::default()
            };
            let (mut totals, mut contexts) = (Vec::new(), Vec::new());
            for depth in 1..=self.deepest {
                let calls = self.calls(strategy, parts, depth);
                let total = sum(&calls);
                let context = calls.last().map_or(0, |last| last.input);
                let of = Of {
                    depth: Some(depth),
                    ..of
                };
                ledger.add(of, "llm-calls", calls.len() as f64);
                ledger.add(of, "input-tokens", total.input as f64);
                ledger.add(of, "cached-input-tokens", total.cached_input as f64);
                ledger.add(of, "output-tokens", total.output as f64);
                ledger.add(of, "last-call-input-tokens", context as f64);
                for model in models {
                    let of = Of {
                        price: Some(&model.name),
                        ..of
                    };
                    ledger.add(of, DOLLARS, dollars(model, &total, 1)?);
                }
                totals.push((total.input + total.output) as f64);
                contexts.push(context as f64);
            }
            for (what, curve) in [("total", &totals), ("context", &contexts)] {
                for (quantity, value) in Shape::of(curve).quantities() {
                    ledger.add(of, &format!("{what}-{quantity}"), value);
                }
            }
        }
        Ok(())
    }

    /// The LLM's calls, in order.
    fn calls(&self, strategy: Strategy, parts: Parts, depth: u64) -> Vec<Usage> {
        let call = |input: u64, output: u64| Usage {
            input,
            cached_input: 0,
            output,
        };
        // Before each call of the chain there are so many steps of it, and before the answer all.
        let planned = |kept: u64| -> Vec<Usage> {
            let input = |before: u64| parts.offering + before.min(kept) * parts.step;
            let calls = (0..depth).map(|before| call(input(before), parts.call));
            calls
                .chain([call(input(depth), self.answer_tokens)])
                .collect()
        };
        let answered = |steps: u64| call(parts.bare + steps * parts.step, self.answer_tokens);
        match strategy {
            Strategy::Planner => planned(depth),
            Strategy::PlannerPruned => planned(self.kept_steps),
            Strategy::NativeCached => {
                let mut calls = planned(depth);
                for later in 1..calls.len() {
                    calls[later].cached_input = self.cache.hit(calls[later - 1].input);
                }
                calls
            }
            Strategy::Routed => vec![answered(1)],
            Strategy::RoutedHistory => vec![answered(depth)],
            Strategy::RoutedArguments => {
                let arguments = (0..depth)
                    .map(|before| call(parts.single + before.min(1) * parts.step, parts.call));
                arguments.chain([answered(1)]).collect()
            }
        }
    }

    fn parts(&self, benchmark: &Benchmark, tokenizer: Tokenizer) -> Parts {
        let counter = TokenCounter::new(tokenizer);
        let result = counter.message(&json!({"role": "tool", "content": ""})) + self.result_tokens;
        let tools = |ids: &[usize]| -> Vec<&Tool> {
            ids.iter().map(|&tool| &benchmark.tools()[tool]).collect()
        };
        let request = |query: &Query, tools: &[&Tool]| {
            counter.request(&Prompt::Functions.request("", 0, &query.text, tools))
        };
        // Of a query: its requests, and of each right tool the request, the message and the reply.
        let counted: Vec<([u64; 2], Vec<[u64; 3]>)> = benchmark
            .queries()
            .par_iter()
            .map(|query| {
                let requests = [
                    request(query, &tools(&query.candidates)),
                    request(query, &[]),
                ];
                let calls = query.relevant.iter().map(|&(tool, _)| {
                    let tools = tools(&[tool]);
                    let reply = Prompt::Functions.reply(&tools, &[0]);
                    let message = counter.message(&message(&reply));
                    [request(query, &tools), message, counter.reply(&reply)]
                });
                (requests, calls.collect())
            })
            .collect();
        let of_queries = |part: usize| rounded_mean(counted.iter().map(|(of, _)| of[part]));
        let of_calls = |part: usize| {
            let calls = counted.iter().flat_map(|(_, calls)| calls);
            rounded_mean(calls.map(|of| of[part]))
        };
        Parts {
            offering: of_queries(0),
            bare: of_queries(1),
            single: of_calls(0),
            // Replies have their required parameters with empty values.
            step: of_calls(1) + self.argument_tokens + result,
            call: of_calls(2) + self.argument_tokens,
        }
    }
}

/// A reply as a message of the history.
fn message(reply: &Reply) -> Value {
    let calls = reply
        .calls
        .iter()
        .map(|call| json!({"type": "function", "function": call}));
    json!({"role": "assistant", "tool_calls": calls.collect::<Vec<_>>()})
}

fn rounded_mean(values: impl Iterator<Item = u64>) -> u64 {
    let (mut sum, mut count) = (0, 0);
    for value in values {
        sum += value;
        count += 1;
    }
    (sum + count / 2) / count.max(1)
}

fn sum(calls: &[Usage]) -> Usage {
    let of = |part: fn(&Usage) -> u64| calls.iter().map(part).sum();
    Usage {
        input: of(|call| call.input),
        cached_input: of(|call| call.cached_input),
        output: of(|call| call.output),
    }
}

/// What curve the values at depths 1, 2, … follow.
struct Shape {
    power: Line,
    exponential: Line,
    /// The least and the most second difference: both zero on a straight line, both the same on a
    /// parabola.
    second_differences: (f64, f64),
}

impl Shape {
    fn of(values: &[f64]) -> Self {
        let depths: Vec<f64> = (1..=values.len()).map(|depth| depth as f64).collect();
        let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<_>>();
        let seconds = values.windows(3).map(|at| at[2] - 2.0 * at[1] + at[0]);
        Self {
            power: Line::through(&logs(&depths), &logs(values)),
            exponential: Line::through(&depths, &logs(values)),
            second_differences: (
                seconds.clone().fold(f64::INFINITY, f64::min),
                seconds.fold(f64::NEG_INFINITY, f64::max),
            ),
        }
    }

    fn quantities(&self) -> [(&'static str, f64); 6] {
        [
            ("power-exponent", self.power.slope),
            ("power-r2", self.power.r2),
            ("exponential-rate", self.exponential.slope),
            ("exponential-r2", self.exponential.r2),
            ("second-difference-least", self.second_differences.0),
            ("second-difference-most", self.second_differences.1),
        ]
    }
}
