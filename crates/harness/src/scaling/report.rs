//! The answer, written from the rows.

use std::fmt::Write as _;

use super::Scaling;
use crate::{
    costs::report::whole,
    line::Line,
    report::{digits::three_digits, head},
    rows::{NONE, ScalingRow},
};

/// How the time of an operation grows.
#[derive(Clone, Debug)]
pub struct Growth {
    /// What is done, as in `scaling.csv`.
    pub operation: String,
    /// `tools` or `outcomes`: what it grows with.
    pub along: &'static str,
    /// On how many threads.
    pub threads: usize,
    /// Sizes, rising, and median milliseconds.
    pub points: Vec<(f64, f64)>,
    /// Of the power law through the points, with the share of the logarithms' variance that it
    /// explains; `None` of less than three points.
    pub exponent: Option<(f64, f64)>,
}

/// How the operations grow, by operation, then threads.
pub fn growths(rows: &[ScalingRow]) -> Vec<Growth> {
    let mut growths: Vec<Growth> = Vec::new();
    for row in rows.iter().filter(|row| row.quantity == "median-ms") {
        let (along, size) = match row.outcomes.as_str() {
            NONE => ("tools", row.tools.as_str()),
            outcomes => ("outcomes", outcomes),
        };
        let (Ok(size), Ok(threads)) = (size.parse(), row.threads.parse()) else {
            continue;
        };
        let point = (size, row.value.get());
        let mut known = growths.iter_mut();
        match known.find(|of| of.operation == row.operation && of.threads == threads) {
            Some(growth) => growth.points.push(point),
            None => growths.push(Growth {
                operation: row.operation.clone(),
                along,
                threads,
                points: vec![point],
                exponent: None,
            }),
        }
    }
    for growth in &mut growths {
        growth.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        growth.exponent = exponent(&growth.points);
    }
    growths.sort_by(|a, b| (&a.operation, a.threads).cmp(&(&b.operation, b.threads)));
    growths
}

fn exponent(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    if points.len() < 3 {
        return None;
    }
    let (sizes, times): (Vec<f64>, Vec<f64>) = points
        .iter()
        .map(|(size, time)| (size.ln(), time.ln()))
        .unzip();
    let line = Line::through(&sizes, &times);
    Some((line.slope, line.r2))
}

/// What a scan should reach, of a plain read's bytes in the same time.
const SHARE: f64 = 0.7;
/// How many times as fast as in f32 a scan of bytes should be.
const FASTER: f64 = 3.0;

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn scaling_report(study: &Scaling, rows: &[ScalingRow], figure: Option<&str>) -> String {
    let mut text = head(&study.name, &study.question);
    let growths = growths(rows);
    text += &scans(study, rows);
    for growth in &growths {
        text += &refinement(growth, &growths, rows);
    }
    text += &exponents(&growths);
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", study.name);
    }
    for growth in &growths {
        text += &table(growth, rows);
    }
    text + NOTES
}

/// The largest scan, on all threads.
fn scans(study: &Scaling, rows: &[ScalingRow]) -> String {
    let largest = |quantity: &str, operation: &str| -> Option<(usize, usize, f64)> {
        rows.iter()
            .filter(|row| row.operation == operation && row.quantity == quantity)
            .filter_map(|row| {
                let (tools, threads) = (row.tools.parse().ok()?, row.threads.parse().ok()?);
                Some((tools, threads, row.value.get()))
            })
            .max_by_key(|(tools, threads, _)| (*tools, *threads))
    };
    let rate = |operation| largest("gb-per-second", operation);
    let (Some((tools, threads, read)), Some((.., scan))) = (rate("read"), rate("scan-f32")) else {
        return String::new();
    };
    let mut text = format!(
        "- **A scan of f32 vectors reaches at least {:.0} % of the memory's bandwidth (aim)**: {}. At {} tools of \
         {} components, on {threads} threads: {} GB/s, {:.0} % of the {} GB/s of a plain read of the same bytes.\n",
        100.0 * SHARE,
        yes(scan >= SHARE * read),
        whole(tools as f64),
        study.dimension,
        three_digits(scan),
        100.0 * scan / read,
        three_digits(read)
    );
    let time = |operation| largest("median-ms", operation).map(|(.., time)| time);
    if let (Some(scan), Some(bytes)) = (time("scan-f32"), time("scan-int8")) {
        let _ = writeln!(
            text,
            "- **A scan of bytes is at least {FASTER} times as fast (aim)**: {}. There: {} ms against {} ms, {:.2} times.",
            yes(scan >= FASTER * bytes),
            three_digits(bytes),
            three_digits(scan),
            scan / bytes
        );
    }
    text
}

/// The largest refinement of a kind, and what more outcomes cost then.
fn refinement(growth: &Growth, all: &[Growth], rows: &[ScalingRow]) -> String {
    let more = format!("{}-more", growth.operation);
    let more = all.iter().find(|other| other.operation == more);
    let (Some(more), Some((outcomes, time))) = (more, growth.points.last()) else {
        return String::new();
    };
    let own = rows.iter().filter(|row| row.operation == growth.operation);
    let largest: Vec<&ScalingRow> = own
        .filter(|row| row.outcomes == outcomes.to_string())
        .collect();
    let tools = largest.first().map_or("", |row| &row.tools);
    let peak = largest.iter().find(|row| row.quantity == "peak-mib");
    let peak = peak.map_or(String::new(), |row| {
        format!(
            " and at most {} MiB beyond its input",
            whole(row.value.get())
        )
    });
    let added = more.points.last().map_or(0.0, |(_, time)| *time);
    format!(
        "- **{}**: from {} outcomes of {} tools it takes {} s{peak}. When more outcomes arrive, taking them up takes {} \
         ms.\n",
        growth.operation,
        whole(*outcomes),
        whole(tools.parse().unwrap_or_default()),
        three_digits(time / 1e3),
        three_digits(added)
    )
}

fn exponents(growths: &[Growth]) -> String {
    let told: Vec<String> = growths
        .iter()
        .filter_map(|growth| {
            let (exponent, r2) = growth.exponent?;
            Some(format!(
                "{} on {} {}: {exponent:.2} (R² {r2:.3})",
                growth.operation,
                growth.threads,
                if growth.threads == 1 {
                    "thread"
                } else {
                    "threads"
                },
            ))
        })
        .collect();
    format!(
        "- **Exponents** of the power laws through all sizes, with tools for scans and with outcomes for OATS-S1: {}.\n",
        told.join("; ")
    )
}

fn table(growth: &Growth, rows: &[ScalingRow]) -> String {
    let threads = growth.threads.to_string();
    let mut text = format!(
        "\n## {}, threads: {threads}\n\n| {} | median, ms | least, ms | GB/s | peak, MiB | times |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        growth.operation, growth.along
    );
    for (size, median) in &growth.points {
        let own: Vec<&ScalingRow> = rows
            .iter()
            .filter(|row| row.operation == growth.operation && row.threads == threads)
            .filter(|row| {
                [&row.tools, &row.outcomes][usize::from(growth.along == "outcomes")]
                    == &size.to_string()
            })
            .collect();
        let of = |quantity: &str| own.iter().find(|row| row.quantity == quantity);
        let number = |quantity: &str| {
            of(quantity).map_or("–".to_owned(), |row| three_digits(row.value.get()))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            whole(*size),
            three_digits(*median),
            number("least-ms"),
            number("gb-per-second"),
            of("peak-mib").map_or("–".to_owned(), |row| whole(row.value.get())),
            of("median-ms").map_or(0, |row| row.n)
        );
    }
    text
}

fn yes(kept: bool) -> &'static str {
    if kept { "yes" } else { "no" }
}

const NOTES: &str = "
## How to read this

Written from `scaling.csv` by `cargo xtask reproduce --bless`; the columns are explained in
[results/README.md](../README.md). Vectors are unit vectors of random direction, outcomes are spread evenly over
the tools; only their number matters. `read` adds up the bits of all vectors. A scan finds the five best tools of
one query; plain read and scans take turns. `scan-screened` gives the
ranking of `scan-f32`, by way of the bytes. `s1-logged` is OATS-S1 with its default settings
from logged outcomes, one a query, every second a failure; `s1-labelled` from queries with a right tool each, which
retrieve in every round. `…-more` adds the experiment's `added` outcomes to a finished refinement, with the same
result as a new one. Times are one machine's, which `manifest.json` names, differ from run to run and are not
held against the committed ones.
";
