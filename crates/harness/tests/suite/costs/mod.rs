//! Experiments that count tokens: what their TOML may say, and that the numbers are right.

mod answer;
mod committed;
mod comparison;
mod format;
mod growth;
mod runs;

use std::fs;

use oats_harness::{Costs, Error, Study, Written, rows::CostRow, run_costs};
use oats_llm::Prices;

use crate::laboratory::{Laboratory, Notes};

const COST: &str = r#"kind = "cost"
name = "c"
question = "?"
datasets = ["builtin", "metatool"]
quick = ["builtin"]
router = "dense"
embedders = { builtin = "static", metatool = "minilm" }
top_k = [1, 5]
router_milliseconds = 10
post = { calls = 3, routed_calls = 1, input_tokens = 75, output_tokens = 75 }
labels = { per_tool = [1, 5], person_dollars = 0.10 }
cache = { least = 1024, step = 128 }
"#;

const GROWTH: &str = r#"kind = "context-growth"
name = "g"
question = "?"
datasets = ["builtin"]
deepest = 20
result_tokens = 75
argument_tokens = 10
answer_tokens = 75
kept_steps = 2
cache = { least = 1024, step = 128 }
"#;

/// One price list of round numbers: a dollar per million tokens in, a tenth of it cached, ten out.
const PRICES: &str = r#"
[[model]]
name = "round"
input = 1.0
cached_input = 0.1
output = 10.0
tokenizer = "o200k_base"
dated = "2026-01-01"
source = "made up"

[[machine]]
name = "box"
core_hour = 0.36
dated = "2026-01-01"
source = "made up"
"#;

fn costs(toml: &str) -> Costs {
    match Study::parse(toml, "t.toml").unwrap() {
        Study::Costs(costs) => costs,
        other => panic!("it says `kind`: {other:?}"),
    }
}

impl Laboratory {
    fn prices(&self, toml: &str) -> Prices {
        fs::write(self.path("prices.toml"), toml).unwrap();
        Prices::read(&self.path("prices.toml")).unwrap()
    }

    fn try_costs(&self, toml: &str, prices: &str, out: &str) -> Result<Written<CostRow>, Error> {
        let options = oats_harness::RunOptions {
            out: self.path(out),
            ..self.options()
        };
        let notes = Notes::default();
        let prices = self.prices(prices);
        run_costs(&costs(toml), &prices, &self.resources(), &options, &notes)
    }

    fn costs(&self, toml: &str, prices: &str) -> Ledger {
        Ledger(self.try_costs(toml, prices, "out").unwrap().rows)
    }
}

struct Ledger(Vec<CostRow>);

impl Ledger {
    /// The value of the row `dataset scenario shown depth price quantity`.
    #[track_caller]
    fn value(&self, labels: &str) -> f64 {
        self.row(labels).value.get()
    }

    #[track_caller]
    fn row(&self, labels: &str) -> &CostRow {
        let labels: Vec<&str> = labels.split(' ').collect();
        let [dataset, scenario, shown, depth, price, quantity] = labels[..] else {
            panic!("six labels, not {labels:?}");
        };
        let mut rows = self.0.iter().filter(|row| {
            row.dataset == dataset
                && row.scenario == scenario
                && row.shown == shown
                && row.depth == depth
                && row.price == price
                && row.quantity == quantity
        });
        let row = rows.next().unwrap_or_else(|| panic!("no row {labels:?}"));
        assert!(rows.next().is_none(), "two rows {labels:?}");
        row
    }

    #[track_caller]
    fn is(&self, labels: &str, expected: f64) {
        let value = self.value(labels);
        assert!(
            (value - expected).abs() < 1e-6,
            "{labels}: {value}, not {expected}"
        );
    }
}

/// Two tools and two queries of which every token can be counted by hand.
fn two_tools(laboratory: &Laboratory) -> String {
    let tools = [("weather", "weather"), ("stock", "stock")];
    let queries = [("q1", "hello", "weather"), ("q2", "hello", "stock")];
    laboratory.write_beir("two", &tools, &queries)
}
