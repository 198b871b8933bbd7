//! Tables with a line for each router.

use std::fmt::Write as _;

use super::{
    Measured,
    claim::{Difference, Sign},
    labels::{Only, page_heading, seeds_in_words, title},
};
use crate::rows::{MetricRow, Row, TestRow};

/// In place of numbers that an LLM's answers are missing for.
pub(super) const NOT_MEASURED: &str = "not measured";

/// With more columns than this, intervals are left to the CSV file.
const WITH_INTERVALS: usize = 3;

pub(super) fn values(
    measured: &Measured<'_>,
    heading: &str,
    across: &[String],
    only: &Only,
) -> String {
    let rows = measured.rows(measured.metrics, only);
    pivot(measured, heading, across, rows, |cells, columns| {
        let best = cells
            .iter()
            .map(|row| format!("{:.3}", row.value.get()))
            .max();
        move |row: &MetricRow| {
            let mut cell = format!("{:.3}", row.value.get());
            if best.as_ref() == Some(&cell) {
                cell = format!("**{cell}**");
            }
            if columns <= WITH_INTERVALS {
                let _ = write!(cell, " [{:.3}, {:.3}]", row.ci_low.get(), row.ci_high.get());
            }
            cell
        }
    })
}

pub(super) fn differences(
    measured: &Measured<'_>,
    heading: &str,
    against: &str,
    across: &[String],
    only: &Only,
) -> String {
    let rows = against_baseline(measured, against, only);
    pivot(measured, heading, across, rows, |_, columns| {
        move |row: &TestRow| {
            let difference = Difference::of(row);
            let mut cell = format!("{:+.3}", difference.value);
            if columns <= WITH_INTERVALS {
                cell = difference.with_interval();
            }
            if difference.sign() != Sign::Same {
                cell = format!("**{cell}**");
            }
            cell
        }
    })
}

/// The labels along one column, parted by what the difference says there.
pub(super) fn places(
    measured: &Measured<'_>,
    heading: &str,
    against: &str,
    along: &str,
    only: &Only,
) -> String {
    let across = [along.to_owned()];
    let mut text = format!("\n## {heading}\n");
    for (page, rows) in measured.pages(against_baseline(measured, against, only), &across) {
        let _ = write!(
            text,
            "{}| router | better at | no difference at | worse at |\n\
             | --- | --- | --- | --- |\n",
            page_heading(&page, &rows)
        );
        for (router, rows) in by_router(&rows) {
            let at = |sign: Sign| {
                let rows = rows.iter().filter(|row| Difference::of(row).sign() == sign);
                let labels: Vec<&str> = rows.filter_map(|row| row.label(along)).collect();
                match labels[..] {
                    [] => "–".to_owned(),
                    _ => labels.join(", "),
                }
            };
            let cells = [Sign::Better, Sign::Same, Sign::Worse].map(at);
            let _ = writeln!(text, "| {router} | {} |", cells.join(" | "));
        }
    }
    text
}

pub(super) fn against_baseline<'r>(
    measured: &Measured<'r>,
    against: &str,
    only: &Only,
) -> Vec<&'r TestRow> {
    let rows = measured.rows(measured.tests, only);
    rows.into_iter()
        .filter(|row| row.baseline == against)
        .collect()
}

/// A table a page; a line a router, a column for each combination of the `across` labels. `show`
/// makes, of a column's rows and the number of columns, what shows a row.
fn pivot<R: Row, S: Fn(&R) -> String>(
    measured: &Measured<'_>,
    heading: &str,
    across: &[String],
    rows: Vec<&R>,
    show: impl Fn(&[&R], usize) -> S,
) -> String {
    let across_columns: Vec<&str> = across.iter().map(String::as_str).collect();
    let mut text = format!("\n## {heading}\n");
    for (page, rows) in measured.pages(rows, across) {
        let mut columns: Vec<(String, Vec<&R>)> = Vec::new();
        for &row in &rows {
            let name = title(row, &across_columns);
            match columns.iter_mut().find(|(known, _)| *known == name) {
                Some((_, cells)) => cells.push(row),
                None => columns.push((name, vec![row])),
            }
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let _ = write!(
            text,
            "{}| router | {} |\n| --- |{}\n",
            page_heading(&page, &rows),
            names.join(" | "),
            " --- |".repeat(names.len())
        );
        for (router, own) in by_router(&rows) {
            let _ = write!(text, "| {router} |");
            // Where all cells are of fewer seeds, the router's name says so.
            let own_most = own.iter().filter_map(|row| row.seeds()).max();
            let note = |row: &R| fewer_seeds(row.seeds(), own_most);
            for (name, cells) in &columns {
                let shown = show(cells, columns.len());
                let cell = own
                    .iter()
                    .find(|row| title(**row, &across_columns) == *name);
                let cell = cell.map_or("–".to_owned(), |row| shown(row) + &note(row));
                let _ = write!(text, " {cell} |");
            }
            text.push('\n');
        }
        for router in measured.unmeasured(&rows) {
            let cells = format!(" {NOT_MEASURED} |").repeat(names.len());
            let _ = writeln!(text, "| {router} |{cells}");
        }
    }
    text
}

/// Rows by router and, where the page has several, embedder. The name of a router with fewer seeds
/// than others of the page says so.
pub(super) fn by_router<'r, R: Row>(rows: &[&'r R]) -> Vec<(String, Vec<&'r R>)> {
    let embedder = |row: &&R| row.label("embedder").map(str::to_owned);
    let mut known: Vec<Option<String>> = rows.iter().map(embedder).collect();
    known.retain(|name| name.as_deref() != Some(crate::rows::NO_EMBEDDER));
    known.sort();
    known.dedup();
    let columns: &[&str] = match known.len() {
        0 | 1 => &["router"],
        _ => &["router", "embedder"],
    };
    let mut lines: Vec<(String, Vec<&'r R>)> = Vec::new();
    for &row in rows {
        let name = title(row, columns);
        match lines.iter_mut().find(|(other, _)| *other == name) {
            Some((_, own)) => own.push(row),
            None => lines.push((name, vec![row])),
        }
    }
    let most = rows.iter().filter_map(|row| row.seeds()).max();
    for (name, own) in &mut lines {
        let mut seeds = own.iter().map(|row| row.seeds());
        if let Some(first) = seeds.next()
            && seeds.all(|other| other == first)
        {
            *name += &fewer_seeds(first, most);
        }
    }
    lines
}

/// ` (2 seeds)`, if others have more.
fn fewer_seeds(own: Option<usize>, most: Option<usize>) -> String {
    match own {
        Some(_) if most > own => format!(" ({})", seeds_in_words(own)),
        _ => String::new(),
    }
}
