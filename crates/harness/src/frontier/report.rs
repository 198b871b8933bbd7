//! The answer, written from the joined rows.

use std::fmt::Write as _;

use super::{Frontier, FrontierPoints, LlmRange, Point};

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn frontier_report(study: &Frontier, points: &FrontierPoints, figure: Option<&str>) -> String {
    let mut text = format!(
        "# {}\n\n{}\n\n## Answer\n\n",
        study.name,
        study.question.trim()
    );
    for llm in &points.llms {
        text += &sentence(study, llm, &points.of(&llm.dataset, &llm.pool));
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", study.name);
    }
    for llm in &points.llms {
        text += &table(study, llm, &points.of(&llm.dataset, &llm.pool));
    }
    text + &notes(study) + &points.not_upstream
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
    if let Some((quality, best)) = best {
        let _ = write!(
            text,
            "{} chooses best: {} {quality:.3}, in {} ms. ",
            best.router,
            study.metric.to_string().to_uppercase(),
            milliseconds(best.p50_ms)
        );
    }
    let _ = write!(
        text,
        "The slowest router takes {} ms (p50); an LLM is cited with {:.0} to {:.0} ms, {:.0} times as \
         much at least.",
        milliseconds(slowest),
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
         | router | {metric} | p50, ms | p95, ms | dollars per million |\n\
         | --- | --- | --- | --- | --- |\n",
        llm.dataset, study.split, llm.pool
    );
    for point in routers {
        let mut name = point.router.clone();
        if point.is_on_the_frontier(routers) {
            name = format!("**{name}**");
        }
        let quality = point
            .quality
            .map_or("not measured".to_owned(), |[value, low, high]| {
                format!("{value:.3} [{low:.3}, {high:.3}]")
            });
        let _ = writeln!(
            text,
            "| {name} | {quality} | {} | {} | {} |",
            milliseconds(point.p50_ms),
            milliseconds(point.p95_ms),
            point.dollars.map_or("–".to_owned(), dollars)
        );
    }
    let quality = llm
        .quality
        .map_or("not measured".to_owned(), |[low, high]| {
            format!("cited: {low:.3} to {high:.3}")
        });
    let tokens = llm.dollars.map_or("–".to_owned(), |[low, high]| {
        format!("{} to {}", dollars(low), dollars(high))
    });
    let [low, high] = llm.milliseconds;
    let _ = writeln!(
        text,
        "| an LLM | {quality} | cited: {low:.0} to {high:.0} | – | {tokens} |"
    );
    text
}

fn notes(study: &Frontier) -> String {
    let mut cited = format!("latency: {}", study.llm.source.trim());
    for one in &study.cited {
        let _ = write!(cited, "; quality on {}: {}", one.dataset, one.source.trim());
    }
    format!(
        "
## How to read this

Written from `latency.csv`, from `metrics.csv` of [{quality}](../{quality}/README.md) and from `costs.csv` of
[{costs}](../{costs}/README.md) by `cargo xtask reproduce --bless`. Times are from a text to its five best tools,
the text's embedding included, one request at a time on one thread of the machine that `manifest.json` names;
they differ from machine to machine and from run to run, and are not compared with the committed ones. Routers
are fitted to the training part of seed 0; networks, to be timed, for one epoch only, which changes their
weights and not their work. A router's dollars are its mean time at the price of one core, always busy; an
LLM's are counted tokens at every price of the list, by both prompts. Bold: no other router chooses better in
less time. Cited, and not measured here: {cited}.
",
        quality = study.quality,
        costs = study.costs,
    )
}

/// Three significant digits, or as many as a thousandth has.
fn milliseconds(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn dollars(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
