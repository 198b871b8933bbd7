//! What a router gains when one label changes, such as from the query split to the instance split.

use std::fmt::Write as _;

use super::{
    Measured,
    claim::{Difference, Sign},
    labels::Only,
    tables::{against_baseline, by_router},
};
use crate::rows::{MetricRow, Row};

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
                let gained = unpaired(value(to), value(from));
                let [on_from, on_to] = [from, to].map(|row| {
                    tests
                        .iter()
                        .find(|test| {
                            let same = |column: &&str| test.label(column) == row.label(column);
                            [
                                "dataset", "split", "outcomes", "pool", "subset", "metric",
                                "router",
                            ]
                            .iter()
                            .all(same)
                                && [Some("none"), test.label("embedder")]
                                    .contains(&row.label("embedder"))
                        })
                        .map(|test| Difference::of(test))
                });
                let beyond = on_to.zip(on_from).map(|(to, from)| unpaired(to, from));
                match beyond.map(Difference::sign) {
                    Some(Sign::Better) => more.push(router.clone()),
                    Some(Sign::Same) => same.push(router.clone()),
                    Some(Sign::Worse) => less.push(router.clone()),
                    None => (),
                }
                let _ = writeln!(
                    lines,
                    "| {router} | {:.3} | {:.3} | {} | {} |",
                    from.value.get(),
                    to.value.get(),
                    gained.with_interval(),
                    beyond.map_or("–".to_owned(), Difference::with_interval)
                );
            }
            let _ = write!(text, "\n### {page}\n\n");
            for (what, routers) in [
                ("more than", &more),
                ("as much as", &same),
                ("less than", &less),
            ] {
                if !routers.is_empty() {
                    let routers = routers.join(", ");
                    let _ = writeln!(text, "- Gain {what} {} does: {routers}.", self.against);
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

const INTERVALS: &str = "
The two sides have different test queries, so these differences are not paired: an interval's half
widths are those of both sides, added in quadrature.
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
