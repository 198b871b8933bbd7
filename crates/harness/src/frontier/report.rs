//! The answer, written from the joined rows.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Frontier, FrontierPoints, LlmRange, Point};
use crate::{
    costs::report::whole,
    report::{digits::three_digits, head},
};

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn frontier_report(study: &Frontier, points: &FrontierPoints, figure: Option<&str>) -> String {
    let mut text = head(&study.name, &study.question);
    for llm in &points.llms {
        text += &sentence(study, llm, &points.of(&llm.dataset, &llm.pool));
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", study.name);
    }
    for llm in &points.llms {
        text += &table(study, llm, &points.of(&llm.dataset, &llm.pool));
    }
    text + &notes(study, points) + &points.not_upstream
}

fn sentence(study: &Frontier, llm: &LlmRange, routers: &[&Point]) -> String {
    let best = routers
        .iter()
        .filter_map(|point| Some((point.quality?[0], *point)))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let slowest = routers.iter().map(|point| point.p50_ms).fold(0.0, f64::max);
    let dearest = routers.iter().filter_map(|point| point.dollars);
    let dearest = dearest.fold(0.0, f64::max);
    let mut text = format!(
        "- **{}, {} split, {}.** ",
        llm.dataset, study.split, llm.pool
    );
    if let Some((_, best)) = best {
        let _ = write!(
            text,
            "{} has the highest {}, {}, in {} ms. ",
            best.router,
            study.metric.to_string().to_uppercase(),
            quality(best),
            three_digits(best.p50_ms)
        );
    }
    let _ = write!(
        text,
        "The slowest router takes {} ms (p50); an LLM is cited with {:.0} to {:.0} ms, {:.0} times as \
         much at least.",
        three_digits(slowest),
        llm.milliseconds[0],
        llm.milliseconds[1],
        llm.milliseconds[0] / slowest
    );
    if let Some([low, high]) = llm.dollars {
        let _ = write!(
            text,
            " A million requests cost ${} of a core's time by the dearest router, and ${} to ${} of \
             tokens by an LLM.",
            dollars(dearest),
            dollars(low),
            dollars(high)
        );
    }
    text + "\n"
}

fn table(study: &Frontier, llm: &LlmRange, routers: &[&Point]) -> String {
    let metric = study.metric.to_string().to_uppercase();
    let mut text = format!(
        "\n## {}, {} split, {}\n\n\
         | router | {metric} | p50, ms | p95, ms | requests timed | dollars per million |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        llm.dataset, study.split, llm.pool
    );
    for point in routers {
        let mut name = point.router.clone();
        if point.is_on_the_frontier(routers) {
            name = format!("**{name}**");
        }
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} |",
            quality(point),
            three_digits(point.p50_ms),
            three_digits(point.p95_ms),
            point.requests,
            point.dollars.map_or("–".to_owned(), dollars)
        );
    }
    let tokens = llm.dollars.map_or("–".to_owned(), |[low, high]| {
        format!("{} to {}", dollars(low), dollars(high))
    });
    let [low, high] = llm.milliseconds;
    let _ = writeln!(
        text,
        "| an LLM | not measured | cited: {low:.0} to {high:.0} | – | – | counted: {tokens} |"
    );
    text
}

fn quality(point: &Point) -> String {
    match point.quality {
        Some([value, low, high]) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        None => "not measured".to_owned(),
    }
}

fn notes(study: &Frontier, points: &FrontierPoints) -> String {
    let machine = points.machine.as_ref().map_or(String::new(), |machine| {
        format!(
            " (`{}`, ${} an hour, {}, {})",
            machine.name, machine.core_hour, machine.dated, machine.source
        )
    });
    let prices: BTreeSet<&str> = points
        .llms
        .iter()
        .flat_map(|llm| llm.prices.iter().map(String::as_str))
        .collect();
    format!(
        "
## How to read this

Written from `metrics.csv` of [{quality}](../{quality}/README.md), `latency.csv` of [{latency}](../{latency}/README.md) and
`costs.csv` of [{costs}](../{costs}/README.md) by `cargo xtask reproduce --bless`; nothing is run for it. Times are
from a text to its five best tools, the text's embedding included, one request at a time on one thread.
A router's dollars are its mean time at the price of one
core{machine}, always busy. An LLM's dollars are counted tokens, from the cheapest of the prices {prices} to the
dearest, by both prompts and nothing of it cached; its latency is cited: {source}. How well an LLM chooses was not
measured; [llm](../llm/README.md) has published numbers, of another metric and of a subset. Bold: no other router
chooses better in less than nine tenths of the time.
",
        quality = study.quality,
        latency = study.latency,
        costs = study.costs,
        prices = Vec::from_iter(prices).join(", "),
        source = study.llm.source.trim(),
    )
}

fn dollars(value: f64) -> String {
    match value {
        100.0.. => whole(value),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
