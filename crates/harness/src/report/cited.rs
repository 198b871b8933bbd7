//! Published numbers beside ours.

use std::fmt::Write as _;

use super::{
    CitedNumber, Measured,
    labels::{Only, page_heading},
    tables::{NOT_MEASURED, by_router},
};

/// A line for each router and for each published number, which stand in different columns: they were
/// measured by different people, and often not on the same queries.
pub(super) fn write(
    measured: &Measured<'_>,
    heading: &str,
    source: &str,
    numbers: &[CitedNumber],
    only: &Only,
) -> String {
    let rows = measured.rows(measured.metrics, only);
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!("\n## {heading}\n");
    for (page, rows) in measured.pages(rows, &[]) {
        let _ = write!(
            text,
            "{}| | measured here | cited |\n| --- | --- | --- |\n",
            page_heading(&page, &rows)
        );
        for (router, own) in by_router(&rows) {
            for row in own {
                let (value, low, high) = (row.value.get(), row.ci_low.get(), row.ci_high.get());
                let _ = writeln!(text, "| {router} | {value:.3} [{low:.3}, {high:.3}] | |");
            }
        }
        for router in measured.unmeasured(&rows) {
            let _ = writeln!(text, "| {router} | {NOT_MEASURED} | |");
        }
        for number in numbers {
            let _ = writeln!(text, "| {} | | {:.3} |", number.of, number.value);
        }
        let _ = writeln!(text, "\nCited: {source}.");
    }
    text
}
