//! The post's workflow, with its own numbers and with measured ones, against a router.

use oats_llm::{MachinePrice, ModelPrice, Prompt, Tokenizer};
use oats_metrics::Usage;

use super::{
    CostComparison, Shown, Workflow,
    ledger::{Ledger, Of},
    selection::{Selection, dollars, name},
};
use crate::{Error, rows::DOLLARS};

impl Workflow {
    /// So many calls of its tokens.
    fn usage(&self, calls: u64) -> Usage {
        Usage {
            input: calls * self.input_tokens,
            cached_input: 0,
            output: calls * self.output_tokens,
        }
    }

    /// Dollars per million requests of so many calls.
    fn dollars(&self, calls: u64, model: &ModelPrice) -> Result<f64, Error> {
        dollars(model, &self.usage(calls), 1)
    }
}

impl CostComparison {
    /// What the router is assumed to cost, in dollars per million requests.
    pub(crate) fn router_dollars(&self, machine: &MachinePrice) -> f64 {
        const MILLISECONDS_AN_HOUR: f64 = 3.6e6;
        self.router_milliseconds / MILLISECONDS_AN_HOUR * machine.core_hour * 1e6
    }

    /// The post's arithmetic, which needs no data, and the router's assumed cost.
    pub(crate) fn record_given(
        &self,
        models: &[ModelPrice],
        machine: &MachinePrice,
        ledger: &mut Ledger<'_>,
    ) -> Result<(), Error> {
        for (scenario, calls) in [
            ("post-planned", self.post.calls),
            ("post-routed", self.post.routed_calls),
        ] {
            let of = Of {
                scenario,
                ..Of::default()
            };
            let usage = self.post.usage(calls);
            ledger.add(of, "input-tokens", usage.input as f64);
            ledger.add(of, "output-tokens", usage.output as f64);
            for model in models {
                let of = Of {
                    price: Some(&model.name),
                    ..of
                };
                let cost = self.post.dollars(calls, model)?;
                ledger.add(of, DOLLARS, cost);
                if calls == self.post.calls {
                    let routed = self.post.dollars(self.post.routed_calls, model)?;
                    ratio(ledger, of, cost, routed);
                }
            }
        }
        let of = Of {
            scenario: "router",
            price: Some(&machine.name),
            ..Of::default()
        };
        ledger.add(of, DOLLARS, self.router_dollars(machine));
        Ok(())
    }

    /// The comparisons that the post leaves out: the same workflow with the tokens that a selection
    /// really has, the selection alone replaced, and an LLM that calls functions without a selection.
    pub(crate) fn record_measured(
        &self,
        selections: &[Selection],
        tokenizer: Tokenizer,
        models: &[&ModelPrice],
        machine: &MachinePrice,
        ledger: &mut Ledger<'_>,
    ) -> Result<(), Error> {
        let router = self.router_dollars(machine);
        for &model in models {
            let call = self.post.dollars(1, model)?;
            let others = self.post.dollars(self.post.calls - 1, model)?;
            let routed = self.post.dollars(self.post.routed_calls, model)?;
            for selection in selections {
                let shown = selection.shown.to_string();
                let prompt = name(selection.prompt);
                let selected = selection.dollars(model)?;
                let mut compare = |scenario: &str, planned: f64, routed: f64| {
                    let of = Of {
                        scenario,
                        shown: Some(&shown),
                        tokenizer: Some(tokenizer),
                        price: Some(&model.name),
                        n: selection.n(),
                        ..Of::default()
                    };
                    ledger.add(of, DOLLARS, planned);
                    ratio(ledger, of, planned, routed);
                };
                if !matches!(selection.shown, Shown::Top(_)) {
                    let workflow = format!("workflow-{prompt}");
                    compare(&workflow, selected + others, routed + router);
                    let alone = format!("selection-replaced-{prompt}");
                    compare(&alone, selected + call, call + router);
                }
            }
            for shortened in selections
                .iter()
                .filter(|one| one.prompt == Prompt::Functions && matches!(one.shown, Shown::Top(_)))
            {
                let shown = shortened.shown.to_string();
                let routed = shortened.dollars(model)? + router;
                let whole = selections.iter().filter(|one| {
                    one.prompt == Prompt::Functions && !matches!(one.shown, Shown::Top(_))
                });
                for whole in whole {
                    let plain = format!("native-against-{}", whole.shown);
                    let of = Of {
                        scenario: &plain,
                        shown: Some(&shown),
                        tokenizer: Some(tokenizer),
                        price: Some(&model.name),
                        n: whole.n(),
                        ..Of::default()
                    };
                    ratio(ledger, of, whole.dollars(model)?, routed);
                    if let Some(cost) = whole.dollars_cached(model)? {
                        let scenario = format!("{plain}-cached");
                        let of = Of {
                            scenario: &scenario,
                            ..of
                        };
                        ratio(ledger, of, cost, routed);
                    }
                }
            }
        }
        Ok(())
    }
}

/// How many times as much; what costs nothing has no such number.
fn ratio(ledger: &mut Ledger<'_>, of: Of<'_>, planned: f64, routed: f64) {
    if routed > 0.0 {
        ledger.add(of, "ratio", planned / routed);
    }
}
