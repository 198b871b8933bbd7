//! After how many requests a trained router has paid for its labels.

use oats_datasets::Benchmark;
use oats_llm::{MachinePrice, ModelPrice, Prompt, Tokenizer};

use super::{
    CostComparison, Shown,
    ledger::{Ledger, Of},
    selection::Selection,
};
use crate::{Error, manifest::distinct_queries};

impl CostComparison {
    /// Labels are bought from the LLM, by a selection of the list prompt over the catalogue each, or
    /// from people. A request saves a selection of the list prompt, less what the router costs; where
    /// it saves nothing there is no break-even.
    pub(crate) fn record_labelling(
        &self,
        benchmark: &Benchmark,
        selections: &[Selection],
        tokenizer: Tokenizer,
        models: &[&ModelPrice],
        machine: &MachinePrice,
        ledger: &mut Ledger<'_>,
    ) -> Result<(), Error> {
        let lists = || selections.iter().filter(|one| one.prompt == Prompt::List);
        let Some(over_catalogue) = lists().find(|one| one.shown == Shown::Catalogue) else {
            return Ok(());
        };
        let router = self.router_dollars(machine) / 1e6;
        let per_tool = self.labels.per_tool.iter().map(|per_tool| {
            let count = per_tool.get() * benchmark.tools().len();
            (format!("per-tool-{per_tool}"), count)
        });
        let all = ("all".to_owned(), distinct_queries(benchmark));
        for (name, count) in per_tool.chain([all]) {
            let scenario = format!("labels-{name}");
            let of = Of {
                scenario: &scenario,
                n: over_catalogue.n(),
                ..Of::default()
            };
            ledger.add(of, "labels", count as f64);
            for model in models {
                let bought = [
                    ("llm", over_catalogue.dollars(model)? / 1e6),
                    ("person", self.labels.person_dollars),
                ];
                for (by, each) in bought {
                    let scenario = format!("labels-{name}-by-{by}");
                    let of = Of {
                        scenario: &scenario,
                        tokenizer: Some(tokenizer),
                        price: Some(&model.name),
                        ..of
                    };
                    let invested = count as f64 * each;
                    ledger.add(of, "labelling-dollars", invested);
                    for saved in lists().filter(|one| !matches!(one.shown, Shown::Top(_))) {
                        let shown = saved.shown.to_string();
                        let of = Of {
                            shown: Some(&shown),
                            ..of
                        };
                        let saving = saved.dollars(model)? / 1e6 - router;
                        if saving > 0.0 {
                            ledger.add(of, "break-even-requests", invested / saving);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
