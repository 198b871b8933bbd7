//! Rows as they are made.

use oats_llm::Tokenizer;

use crate::rows::{CostRow, NONE, Number};

/// The rows of one benchmark.
pub(crate) struct Ledger<'a> {
    experiment: &'a str,
    dataset: &'a str,
    rows: Vec<CostRow>,
}

/// What a number is of; what is not set has the label `none`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Of<'a> {
    pub scenario: &'a str,
    pub shown: Option<&'a str>,
    pub depth: Option<u64>,
    pub tokenizer: Option<Tokenizer>,
    pub price: Option<&'a str>,
    pub n: usize,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(experiment: &'a str, dataset: &'a str) -> Self {
        Self {
            experiment,
            dataset,
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, of: Of<'_>, quantity: &str, value: f64) {
        fn label(label: Option<impl ToString>) -> String {
            label.map_or(NONE.to_owned(), |label| label.to_string())
        }
        self.rows.push(CostRow {
            experiment: self.experiment.to_owned(),
            dataset: self.dataset.to_owned(),
            scenario: of.scenario.to_owned(),
            shown: label(of.shown),
            depth: label(of.depth),
            tokenizer: label(of.tokenizer),
            price: label(of.price),
            quantity: quantity.to_owned(),
            value: Number::new(value),
            n: of.n,
        });
    }

    pub(crate) fn into_rows(self) -> Vec<CostRow> {
        self.rows
    }
}
