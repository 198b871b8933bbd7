//! What a router gains when one label changes, such as from the query split to the instance split.

use std::fmt::Write as _;

use super::{
    Measured,
    claim::{Difference, Sign},
    labels::{Only, page_heading},
    tables::{against_baseline, by_router},
};
use crate::rows::{MetricRow, NO_EMBEDDER, Row, TestRow};

pub(super) struct Gap<'a> {
    pub along: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub against: &'a str,
}

impl Gap<'_> {
    /// A table a page, and in words which routers gain more than the baseline.
    pub(super) fn write(&self, measured: &Measured<'_>, heading: &str, only: &Only) -> String {
        let across = [self.along.to_owned()];
        let tests = against_baseline(measured, self.against, only);
        let mut text = format!("\n## {heading}\n");
        for (page, rows) in measured.pages(measured.rows(measured.metrics, only), &across) {
            let mut lines = String::new();
            let (mut more, mut same, mut less) = (Vec::new(), Vec::new(), Vec::new());
            for (router, own) in by_router(&rows) {
                let Some([from, to]) = self.ends(&own) else {
                    continue;
                };
                let gained = unpaired(value(to), value(from)).with_interval();
                let mut line = |router: &str, beyond: &str| {
                    let [from, to] = [from, to].map(|row| row.value.get());
                    let _ = writeln!(
                        lines,
                        "| {router} | {from:.3} | {to:.3} | {gained} | {beyond} |"
                    );
                };
                let beyonds = gains_beyond(&tests, from, to);
                if beyonds.is_empty() {
                    line(&router, "–");
                }
                for (embedder, beyond) in &beyonds {
                    let router = match beyonds.len() {
                        1 => router.clone(),
                        _ => format!("{router} (beyond {} with {embedder})", self.against),
                    };
                    line(&router, &beyond.with_interval());
                    match beyond.sign() {
                        Sign::Better => more.push(router),
                        Sign::Same => same.push(router),
                        Sign::Worse => less.push(router),
                    }
                }
            }
            text += &page_heading(&page, &rows);
            let against = self.against;
            for (what, routers) in [
                (format!("Gain more than {against} does"), &more),
                (format!("No gain other than {against}'s was found"), &same),
                (format!("Gain less than {against} does"), &less),
            ] {
                if !routers.is_empty() {
                    let _ = writeln!(text, "- {what}: {}.", routers.join(", "));
                }
            }
            let _ = write!(
                text,
                "\n| router | {} | {} | gain | gain beyond {}'s |\n| --- | --- | --- | --- | --- |\n{lines}",
                self.from, self.to, self.against
            );
        }
        text + INTERVALS
    }

    /// The router's rows on both sides.
    fn ends<'r>(&self, rows: &[&'r MetricRow]) -> Option<[&'r MetricRow; 2]> {
        let at = |label: &str| {
            let mut rows = rows.iter();
            rows.find(|row| row.label(self.along) == Some(label))
                .copied()
        };
        Some([at(self.from)?, at(self.to)?])
    }
}

/// What the router gains from one row to the other beyond the baseline's gain, with the baseline's
/// embedder: several where the router reads no embeddings and the baseline was run with several.
fn gains_beyond<'r>(
    tests: &[&'r TestRow],
    from: &MetricRow,
    to: &MetricRow,
) -> Vec<(&'r str, Difference)> {
    let of = |row: &MetricRow, test: &TestRow| {
        let columns = [
            "dataset", "split", "outcomes", "pool", "subset", "metric", "router",
        ];
        columns
            .iter()
            .all(|column| test.label(column) == row.label(column))
            && [NO_EMBEDDER, &test.embedder].contains(&row.embedder.as_str())
    };
    let on_to = tests.iter().filter(|test| of(to, test));
    on_to
        .filter_map(|on_to| {
            let mut tests = tests.iter();
            let on_from = tests.find(|test| of(from, test) && test.embedder == on_to.embedder)?;
            let beyond = unpaired(Difference::of(on_to), Difference::of(on_from));
            Some((on_to.embedder.as_str(), beyond))
        })
        .collect()
}

const INTERVALS: &str = "
The two sides have test queries of their own, some of them the same, so these differences are not paired:
an interval's half widths are those of both sides, added in quadrature, which is on the wide side.
";

fn value(row: &MetricRow) -> Difference {
    Difference {
        value: row.value.get(),
        low: row.ci_low.get(),
        high: row.ci_high.get(),
    }
}

/// The difference of two independent numbers.
fn unpaired(a: Difference, b: Difference) -> Difference {
    let value = a.value - b.value;
    Difference {
        value,
        low: value - (a.value - a.low).hypot(b.high - b.value),
        high: value + (a.high - a.value).hypot(b.value - b.low),
    }
}
