//! The answer of an experiment that counts tokens, written from its rows and its manifest's prices.

mod comparison;
mod growth;

use std::fmt::Write as _;

use oats_llm::{ModelPrice, Prices};

use super::Costs;
use crate::{
    Manifest,
    rows::{CostRow, NONE},
};

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn costs_report(
    costs: &Costs,
    rows: &[CostRow],
    manifest: &Manifest,
    figure: Option<&str>,
) -> String {
    let mut text = format!("# {}\n\n{}\n", costs.name(), costs.question().trim());
    let lists = price_lists(manifest);
    let Some(model) = lists.first().and_then(|(_, list)| list.first_model().ok()) else {
        return text;
    };
    let counted = Counted::new(costs, rows, model);
    let (answer, tables) = match costs {
        Costs::Comparison(study) => (
            comparison::answer(study, &counted),
            comparison::tables(study, &counted, lists[0].1),
        ),
        Costs::Growth(study) => (
            growth::answer(study, &counted),
            growth::tables(study, &counted),
        ),
    };
    let _ = write!(text, "\n## Answer\n\n{answer}");
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", costs.name());
    }
    text += &tables;
    text += &provenance(&lists);
    let output = match costs {
        Costs::Comparison(_) => comparison::OUTPUT,
        Costs::Growth(_) => growth::OUTPUT,
    };
    text + NOTES + output + &manifest.not_upstream_note()
}

const NOTES: &str = "
## How to read this

Written from `costs.csv` and the price list in `manifest.json` by `cargo xtask reproduce --bless`; the columns are
explained in [results/README.md](../README.md). Tokens are counted over every query of a data set, with real
descriptions and parameters; what surrounds texts in a request follows OpenAI's cookbook, as
`crates/llm/src/tokens.rs` says, and no endpoint was asked. Dollars are per million requests unless said
otherwise.
";

/// The rows, looked up by their labels. Where nothing else is said they are of one model and of its
/// tokenizer.
pub(super) struct Counted<'a> {
    rows: &'a [CostRow],
    model: &'a ModelPrice,
    tokenizer: String,
    /// Those with rows, in the experiment's order.
    datasets: Vec<String>,
}

/// Which row. What is not set is `none`.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    dataset: &'a str,
    scenario: &'a str,
    shown: &'a str,
    depth: Option<u64>,
}

impl<'a> At<'a> {
    fn new(dataset: &'a str, scenario: &'a str) -> Self {
        Self {
            dataset,
            scenario,
            shown: NONE,
            depth: None,
        }
    }

    fn shown(self, shown: &'a str) -> Self {
        Self { shown, ..self }
    }

    fn depth(self, depth: u64) -> Self {
        let depth = Some(depth);
        Self { depth, ..self }
    }
}

impl<'a> Counted<'a> {
    fn new(costs: &Costs, rows: &'a [CostRow], model: &'a ModelPrice) -> Self {
        let mut datasets: Vec<String> = rows.iter().map(|row| row.dataset.clone()).collect();
        datasets.retain(|dataset| dataset != NONE);
        let known: Vec<String> = costs.datasets().iter().map(ToString::to_string).collect();
        let rank = |dataset: &String| known.iter().position(|one| one == dataset);
        datasets.sort_by_key(|dataset| (rank(dataset).unwrap_or(usize::MAX), dataset.clone()));
        datasets.dedup();
        Self {
            rows,
            model,
            tokenizer: model.tokenizer.to_string(),
            datasets,
        }
    }

    /// A number without a price.
    fn count(&self, at: At<'_>, quantity: &str) -> Option<f64> {
        self.value(at, NONE, quantity)
    }

    /// A number at the model's price.
    fn priced(&self, at: At<'_>, quantity: &str) -> Option<f64> {
        self.value(at, &self.model.name, quantity)
    }

    fn value(&self, at: At<'_>, price: &str, quantity: &str) -> Option<f64> {
        let depth = at.depth.map_or(NONE.to_owned(), |depth| depth.to_string());
        // Of one price all rows are of one tokenizer.
        let counted_so = |row: &CostRow| {
            price != NONE || [NONE, &self.tokenizer].contains(&row.tokenizer.as_str())
        };
        let mut rows = self.rows.iter();
        let row = rows.find(|row| {
            row.dataset == at.dataset
                && row.scenario == at.scenario
                && row.shown == at.shown
                && row.depth == depth
                && row.price == price
                && row.quantity == quantity
                && counted_so(row)
        })?;
        Some(row.value.get())
    }
}

/// The price lists of the newest runs, each once, with the data sets that were priced with it.
fn price_lists(manifest: &Manifest) -> Vec<(Vec<&str>, &Prices)> {
    let mut lists: Vec<(Vec<&str>, &Prices)> = Vec::new();
    for dataset in manifest.datasets.keys() {
        let Some(prices) = manifest.prices(dataset) else {
            continue;
        };
        match lists.iter_mut().find(|(_, known)| known.is_same_as(prices)) {
            Some((datasets, _)) => datasets.push(dataset),
            None => lists.push((vec![dataset], prices)),
        }
    }
    lists
}

fn provenance(lists: &[(Vec<&str>, &Prices)]) -> String {
    let mut text = "\n## Prices\n".to_owned();
    for (datasets, prices) in lists {
        if lists.len() > 1 {
            let _ = write!(text, "\nOf {}:\n", datasets.join(", "));
        }
        let models = prices.models().iter().map(|model| {
            vec![
                model.name.clone(),
                format!("${} per million tokens", model.input),
                format!("${}", model.cached_input),
                format!("${}", model.output),
                model.tokenizer.to_string(),
                model.dated.clone(),
                model.source.clone(),
            ]
        });
        let machine = prices.machine().ok().map(|machine| {
            vec![
                machine.name.clone(),
                format!("${} per core and hour", machine.core_hour),
                String::new(),
                String::new(),
                String::new(),
                machine.dated.clone(),
                machine.source.clone(),
            ]
        });
        text += &table(
            &[
                "price",
                "input",
                "cached input",
                "output",
                "tokenizer",
                "dated",
                "source",
            ],
            models.chain(machine).collect(),
        );
    }
    text
}

/// Markdown; a blank line before it.
fn table(heading: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut text = format!(
        "\n| {} |\n|{}\n",
        heading.join(" | "),
        " --- |".repeat(heading.len())
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A table under what leads to it; nothing where it would have no rows.
fn section(lead: String, heading: &[&str], rows: Vec<Vec<String>>) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => lead + &table(heading, rows),
    }
}

/// What stands for no number.
const BLANK: &str = "–";

/// What stands for a number, or for none.
fn cell(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or(BLANK.to_owned(), show)
}

/// Whether no cell has a number.
fn is_blank(cells: &[String]) -> bool {
    cells.iter().all(|cell| cell == BLANK)
}

fn money(dollars: f64) -> String {
    match dollars {
        100.0.. => format!("${}", whole(dollars)),
        _ => format!("${dollars:.2}"),
    }
}

fn tokens(count: f64) -> String {
    match count {
        100.0.. => whole(count),
        _ => format!("{count:.1}"),
    }
}

fn times(ratio: f64) -> String {
    match ratio {
        100.0.. => format!("{}×", whole(ratio)),
        10.0.. => format!("{ratio:.1}×"),
        _ => format!("{ratio:.2}×"),
    }
}

fn share(share: f64) -> String {
    format!("{share:.3}")
}

/// Rounded, with commas between thousands.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_reading() {
        assert_eq!(whole(7.4), "7");
        assert_eq!(whole(999.5), "1,000");
        assert_eq!(whole(1_234_567.0), "1,234,567");
        assert_eq!(
            (money(0.118), money(99.5), money(2250.0)),
            ("$0.12".into(), "$99.50".into(), "$2,250".into())
        );
        assert_eq!(
            (times(3.0), times(18.11), times(502.5)),
            ("3.00×".into(), "18.1×".into(), "502×".into())
        );
        assert_eq!(
            (tokens(3.22), tokens(2633.2)),
            ("3.2".into(), "2,633".into())
        );
    }
}
