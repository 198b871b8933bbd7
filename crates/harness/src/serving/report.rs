//! The answer, written from the joined rows.

use std::fmt::Write as _;

use super::{AddedLimit, Serving, ServingPoint, ServingPoints};
use crate::{
    costs::report::whole,
    report::{digits::three_digits, head},
};

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn serving_report(study: &Serving, points: &ServingPoints, figure: Option<&str>) -> String {
    let mut text = head(&study.name, &study.question);
    for dataset in points.datasets() {
        let routers = points.of(dataset);
        text += &best(study, dataset, &routers);
        if let Some(limit) = &study.limit {
            text += &verdict(study, limit, dataset, &routers);
        }
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", study.name);
    }
    for dataset in points.datasets() {
        text += &table(study, dataset, &points.of(dataset));
    }
    text += &how_to_read(study);
    text += &points.not_upstream;
    if let Some(notes) = &study.notes {
        let _ = write!(text, "\n## What was tried\n\n{}\n", notes.trim());
    }
    text
}

/// Which router chooses best, by pool.
fn best(study: &Serving, dataset: &str, routers: &[&ServingPoint]) -> String {
    type Quality = fn(&ServingPoint) -> Option<[f64; 3]>;
    let pools: [(&str, Quality); 2] = [
        ("candidates", |point| point.candidates),
        ("the catalogue", |point| point.catalogue),
    ];
    let best = pools.iter().filter_map(|(pool, quality)| {
        let measured = routers
            .iter()
            .filter_map(|point| Some((point, quality(point)?)));
        let (point, [value, low, high]) =
            measured.max_by(|(_, [a, ..]), (_, [b, ..])| a.total_cmp(b))?;
        let added = match point.added {
            Some(added) => format!("{added:+.1} µs"),
            None => "time not measured".to_owned(),
        };
        Some(format!(
            "{} over {pool}, {value:.3} [{low:.3}, {high:.3}] ({added})",
            point.router
        ))
    });
    let best: Vec<String> = best.collect();
    match best.as_slice() {
        [] => String::new(),
        best => format!(
            "- **{dataset}, {} split.** The highest {}: {}.\n",
            study.split,
            metric(study),
            best.join("; ")
        ),
    }
}

/// Whether the router of the limit keeps it.
fn verdict(
    study: &Serving,
    limit: &AddedLimit,
    dataset: &str,
    routers: &[&ServingPoint],
) -> String {
    let point = routers.iter().find(|point| point.router == limit.router);
    let verdict = match point.and_then(|point| point.added) {
        Some(added) if added <= limit.microseconds => format!("yes, {added:+.1} µs"),
        Some(added) => format!("no, {added:+.1} µs"),
        None => "not measured".to_owned(),
    };
    format!(
        "- **{} adds at most {} µs to a request of {} on {dataset} (aim)**: {verdict}.\n",
        limit.router, limit.microseconds, study.baseline
    )
}

fn table(study: &Serving, dataset: &str, routers: &[&ServingPoint]) -> String {
    let metric = metric(study);
    let mut text = format!(
        "\n## {dataset}, {} split\n\n\
         | router | bytes per tool | router, µs | added, µs | {metric}, candidates | {metric}, catalogue |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        study.split
    );
    for point in routers {
        let cell = |value: Option<f64>, written: &dyn Fn(f64) -> String| {
            value.map_or("–".to_owned(), written)
        };
        let quality = |quality: Option<[f64; 3]>| {
            cell(quality.map(|[mean, ..]| mean), &|q| format!("{q:.3}"))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            point.router,
            cell(point.bytes_per_tool, &whole),
            cell(point.microseconds, &three_digits),
            cell(point.added, &|added| format!("{added:+.1}")),
            quality(point.candidates),
            quality(point.catalogue),
        );
    }
    text
}

fn metric(study: &Serving) -> String {
    study.metric.to_string().to_uppercase()
}

fn how_to_read(study: &Serving) -> String {
    format!(
        "
## How to read this

Written from `metrics.csv` of [{quality}](../{quality}/README.md) and `latency.csv` of
[{latency}](../{latency}/README.md) by `cargo xtask reproduce --bless`; nothing is run for it. Quality
is a mean over seeds. Bytes are those of a fitted router's arrays as they are saved, or of the tool texts where
it keeps words, divided by the number of tools; in memory the scan keeps a byte more per component of a vector.
The router's time is what a request takes over the catalogue beyond its embedding (p50, one thread, one run);
added is how much more that is than {baseline}'s. Routers that differ in nothing but the values of their
vectors show how far times scatter. –: not measured.
",
        quality = study.quality,
        latency = study.latency,
        baseline = study.baseline,
    )
}
