//! The answer, written from the rows.

use std::fmt::Write as _;

use super::{Geometry, ToolPoints, tool_points};
use crate::{Manifest, report::head, rows::PointRow};

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn geometry_report(
    study: &Geometry,
    rows: &[PointRow],
    manifest: &Manifest,
    figure: Option<&str>,
) -> String {
    let mut text = head(&study.name, &study.question);
    let tools = tool_points(rows);
    for tool in &tools {
        text += &answer(tool);
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", study.name);
    }
    for tool in &tools {
        text += &table(tool);
    }
    text + NOTES + &manifest.not_upstream_note()
}

fn answer(tool: &ToolPoints<'_>) -> String {
    let rounds = tool.rounds();
    let mut text = format!(
        "- **{}, {} split of seed {}, {}: `{}`.** ",
        tool.dataset(),
        tool.split(),
        tool.seed(),
        tool.embedder(),
        tool.tool()
    );
    let both = |of: &dyn Fn(usize) -> Option<f64>| Some([of(0)?, of(rounds)?]);
    match both(&|rounds| tool.to_positives(rounds)) {
        None => text += "No training query has it as a right tool, so it does not move.",
        Some(cosines) => {
            let _ = write!(
                text,
                "In {} it moves {} the mean of Q⁺ ({}, {}): cosine {}.",
                counted(rounds, "round", "rounds"),
                direction(cosines),
                counted(tool.positives().len(), "query", "queries"),
                counted(tool.positive_texts(), "distinct text", "distinct texts"),
                from_to(cosines)
            );
        }
    }
    match both(&|rounds| tool.to_negatives(rounds)) {
        None => text += " No training query retrieves it where it is wrong: Q⁻ is empty.",
        Some(cosines) => {
            let _ = write!(
                text,
                " It moves {} the mean of Q⁻ ({} in any round, {}): cosine {}.",
                direction(cosines),
                counted(tool.negatives().len(), "query", "queries"),
                counted(tool.negative_texts(), "distinct text", "distinct texts"),
                from_to(cosines)
            );
        }
    }
    text += &nearer(tool);
    text += &tested(tool);
    let [first, second] = tool.variance_shares().map(|share| 100.0 * share);
    let _ = writeln!(
        text,
        " The plane of the figure holds {:.0} % of the variance ({first:.0} % and {second:.0} %).",
        first + second
    );
    text
}

/// Which of the two means it is nearer to, before and after.
fn nearer(tool: &ToolPoints<'_>) -> String {
    let at = |rounds| {
        let (positives, negatives) = (tool.to_positives(rounds)?, tool.to_negatives(rounds)?);
        Some(if positives > negatives {
            "Q⁺"
        } else {
            "Q⁻"
        })
    };
    match (at(0), at(tool.rounds())) {
        (Some(before), Some(after)) if before == after => {
            format!(" Before and after it is nearer to the mean of {after}.")
        }
        (Some(before), Some(after)) => {
            format!(" It was nearer to the mean of {before} and is nearer to that of {after}.")
        }
        _ => String::new(),
    }
}

/// What became of the test queries.
fn tested(tool: &ToolPoints<'_>) -> String {
    let rounds = tool.rounds();
    let both = |of: &dyn Fn(usize) -> Option<f64>| Some([of(0)?, of(rounds)?]);
    let ranks = (tool.rank(0), tool.rank(rounds));
    let (Some((query, _)), Some(cosines), (Some(before), Some(after))) = (
        tool.test_query(),
        both(&|rounds| tool.to_test_query(rounds)),
        ranks,
    ) else {
        return " The test part has no query for it.".to_owned();
    };
    let mut text = format!(
        " It is right for {}, {}, ",
        counted(tool.tests(), "test query", "test queries"),
        counted(tool.test_texts(), "distinct text", "distinct texts")
    );
    let (seen, shown) = (tool.tests_in_training(), "that its cosine grows most to");
    text += &match seen {
        0 => format!("none of them also in training. For the one {shown}"),
        _ if tool.is_in_training() => {
            format!("all of them also in training, so that they show memory. For the one {shown}")
        }
        _ => format!("{seen} of them also in training. For the one of the others {shown}"),
    };
    let _ = write!(
        text,
        " (`{query}`, {}), its rank over the catalogue was {before} and is {after}.",
        from_to(cosines)
    );
    if let (Some((rival, _)), Some(cosines)) = (tool.rival(), tool.rival_cosines()) {
        let _ = write!(
            text,
            " The wrong tool that came first there was `{rival}`, whose cosine to the query went {}.",
            from_to(cosines)
        );
    }
    if let (Some(cosines), Some(before), Some(after)) = (
        both(&|rounds| tool.to_test_queries(rounds)),
        tool.ranked_first(0),
        tool.ranked_first(rounds),
    ) {
        let _ = write!(
            text,
            " Of all its test queries it came first for {before} and comes first for {after}; the mean cosine went {}.",
            from_to(cosines)
        );
    }
    text
}

/// The cosine's direction, to three decimals, as they are shown.
fn direction([before, after]: [f64; 2]) -> &'static str {
    let [before, after] = [before, after].map(|cosine| (cosine * 1e3).round());
    match after.total_cmp(&before) {
        std::cmp::Ordering::Greater => "towards",
        std::cmp::Ordering::Equal => "neither towards nor away from",
        std::cmp::Ordering::Less => "away from",
    }
}

fn from_to([before, after]: [f64; 2]) -> String {
    format!("from {before:.3} to {after:.3}")
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn table(tool: &ToolPoints<'_>) -> String {
    let mut text = format!(
        "\n## {}, {} split of seed {}: `{}`\n\n| after rounds | queries in the round's Q⁻ | cosine to mean Q⁺ | to \
         mean Q⁻ | to the test query{} | its rank | mean cosine to all test queries | first for |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        tool.dataset(),
        tool.split(),
        tool.seed(),
        tool.tool(),
        match tool.is_in_training() {
            true => ", also in training",
            false => "",
        }
    );
    let count = |count: Option<usize>| count.map_or("–".to_owned(), |count| count.to_string());
    let cosine = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    for rounds in 0..=tool.rounds() {
        let _ = writeln!(
            text,
            "| {rounds} | {} | {} | {} | {} | {} | {} | {} |",
            count(tool.failures(rounds)),
            cosine(tool.to_positives(rounds)),
            cosine(tool.to_negatives(rounds)),
            cosine(tool.to_test_query(rounds)),
            count(tool.rank(rounds)),
            cosine(tool.to_test_queries(rounds)),
            count(tool.ranked_first(rounds)),
        );
    }
    text
}

const NOTES: &str = "
## How to read this

Written from `points.csv` by `cargo xtask reproduce --bless`. OATS-S1 learns from the training part of the
split. Q⁺ are the training queries that the tool is right for, Q⁻ those that retrieved it among the best K at the start
of a round although it is wrong for them; the mean of Q⁻ is over the queries of all rounds, each once. Queries may
repeat a text, and then lie on one point: the distinct texts are counted beside them. The test query that is shown
follows from a rule, not from choice: of those that the tool is right for and whose text is not in training, the one to
which its cosine grows most. It is the best case of the tool, so the means over all of its test queries stand beside it.
If the texts of all of them are in training, that of the one shown is, too, and it is marked `also in training`:
OATS-S1 has learned from this very text, and a rank gained there is memory.
Cosines and ranks are of the whole vectors, over the whole catalogue. The figure has their first two principal
components: of the tool after each round, Q⁺, Q⁻, the test query, and the rival before and after. What the plane does
not hold of the variance, it does not show.
";
