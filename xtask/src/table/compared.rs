//! Tables of comparisons: of two sides, and of all routers.

use std::collections::BTreeMap;

use oats_harness::{
    Comparison,
    rows::{ChangedRow, ComparedRow, LeaderboardRow, Number, Row},
};

use super::{Column, Table};

/// A table for each data set, pool and embedder with what it is headed by, and one of mean ranks.
fn of_leaderboard(rows: &[LeaderboardRow]) -> Vec<(String, Table)> {
    let place = |row: &LeaderboardRow| {
        [
            &row.dataset,
            &row.split,
            &row.outcomes,
            &row.pool,
            &row.embedder,
        ]
        .map(String::clone)
    };
    let mut sorted: Vec<&LeaderboardRow> = rows.iter().collect();
    sorted.sort_by_key(|row| (place(row), row.rank));
    let mut tables = Vec::new();
    for group in sorted.chunk_by(|a, b| place(a) == place(b)) {
        let Some(first) = group.first() else { continue };
        let mut table = Table::new([
            ("rank", Column::Number),
            ("router", Column::Text),
            ("seeds", Column::Number),
            (first.metric.as_str(), Column::Number),
            ("95 %", Column::Number),
            ("groups", Column::Text),
        ]);
        for row in group {
            table.row([
                row.rank.to_string(),
                row.router.clone(),
                row.seeds().unwrap_or(1).to_string(),
                format!("{:.3}", row.value.get()),
                format!("{:.3} to {:.3}", row.ci_low.get(), row.ci_high.get()),
                row.groups.clone(),
            ]);
        }
        let heading = format!(
            "{}, {} split, {}, {}",
            first.dataset, first.split, first.pool, first.embedder
        );
        tables.push((heading, table));
    }
    if tables.len() > 1 {
        tables.push(("Mean ranks over these tables".to_owned(), mean_ranks(rows)));
    }
    tables
}

/// Of each router, with the number of tables that it stands in.
fn mean_ranks(rows: &[LeaderboardRow]) -> Table {
    let mut ranks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows {
        ranks.entry(&row.router).or_default().push(row.rank as f64);
    }
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    let mut ranks: Vec<(&str, Vec<f64>)> = ranks.into_iter().collect();
    ranks.sort_by(|(a, ranks), (b, others)| {
        mean(ranks).total_cmp(&mean(others)).then_with(|| a.cmp(b))
    });
    let mut table = Table::new([
        ("mean rank", Column::Number),
        ("router", Column::Text),
        ("tables", Column::Number),
    ]);
    for (router, ranks) in ranks {
        table.row([
            format!("{:.1}", mean(&ranks)),
            router.to_owned(),
            ranks.len().to_string(),
        ]);
    }
    table
}

const GROUPS: &str = "Routers that share a letter do not differ significantly: paired tests of all pairs of a table,\n\
                      Holm's correction, p ≤ 0.05.";

/// For the terminal.
pub(crate) fn leaderboard(rows: &[LeaderboardRow]) -> String {
    let tables = of_leaderboard(rows).into_iter();
    let tables = tables.map(|(heading, table)| format!("\n{heading}\n{table}"));
    format!("{}\n{GROUPS}\n", tables.collect::<String>())
}

/// As a page.
pub(crate) fn leaderboard_markdown(rows: &[LeaderboardRow]) -> String {
    let tables = of_leaderboard(rows).into_iter();
    let tables = tables.map(|(heading, table)| format!("\n## {heading}\n\n{}", table.markdown()));
    format!("# Leaderboard\n\n{GROUPS}\n{}", tables.collect::<String>())
}

/// What two sides differ in: of two routers every metric, by subset the first; of runs what moved.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let is_one_pair = rows
        .iter()
        .all(|row| (&row.router, &row.baseline) == (&rows[0].router, &rows[0].baseline));
    let body = match is_one_pair {
        true => pair_of_routers(comparison),
        false => what_moved(rows),
    };
    let better = |row: &&ComparedRow| row.difference.get() > 0.0;
    let significant = || rows.iter().filter(|row| row.is_beyond_noise());
    let up = significant().filter(better).count();
    let verdict = match (&comparison.metric, is_one_pair) {
        (Some(metric), false) => {
            format!("\nWhether quality fell is told by {metric} over all queries.")
        }
        _ => String::new(),
    };
    format!(
        "{body}Of {} differences {up} are up and {} down beyond noise\n(p ≤ 0.05 after Holm's correction, by \
         more than rounding).{verdict}\n",
        rows.len(),
        significant().count() - up,
    )
}

/// A table for each data set, split, pool and embedder, and the queries that changed most below it.
fn pair_of_routers(comparison: &Comparison) -> String {
    let mut told = String::new();
    let mut rows: Vec<&ComparedRow> = comparison.rows.iter().collect();
    rows.sort_by_key(|row| place(row));
    for group in rows.chunk_by(|a, b| place(a) == place(b)) {
        let Some(first) = group.first() else { continue };
        let mut table = Table::new([
            ("subset", Column::Text),
            ("metric", Column::Text),
            (first.router.as_str(), Column::Number),
            ("difference", Column::Number),
            ("95 %", Column::Number),
            ("p (Holm)", Column::Number),
            ("better", Column::Number),
            ("same", Column::Number),
            ("worse", Column::Number),
        ]);
        let is_first = |row: &&&ComparedRow| comparison.metric.as_ref() == Some(&row.metric);
        let of_all = || group.iter().filter(|row| row.subset == "all");
        let others = group.iter().filter(|row| row.subset != "all");
        let other_metrics = of_all().filter(|row| !is_first(row));
        let shown = of_all().filter(is_first).chain(other_metrics);
        for row in shown.chain(others.filter(is_first)) {
            table.row([
                row.subset.clone(),
                row.metric.clone(),
                format!("{:.3}", row.value.get()),
                signed(row.difference),
                format!("{} to {}", signed(row.ci_low), signed(row.ci_high)),
                p_value(row),
                row.wins.to_string(),
                row.ties.to_string(),
                row.losses.to_string(),
            ]);
        }
        told += &format!(
            "\n{} against {}: {}, {} split, {}, {}\n{table}",
            first.router, first.baseline, first.dataset, first.split, first.pool, first.embedder
        );
        told += &changed(&comparison.changed, first);
    }
    told + "\n"
}

/// Data set, split, outcomes, pool, embedder.
fn place(row: &ComparedRow) -> [&str; 5] {
    [
        &row.dataset,
        &row.split,
        &row.outcomes,
        &row.pool,
        &row.embedder,
    ]
    .map(String::as_str)
}

/// The queries that gained and lost most, in the place of a row.
fn changed(changed: &[ChangedRow], at: &ComparedRow) -> String {
    const SHOWN: usize = 3;
    let is_here = |row: &&ChangedRow| {
        let labels = [
            &row.dataset,
            &row.split,
            &row.outcomes,
            &row.pool,
            &row.embedder,
        ];
        labels.map(String::as_str) == place(at)
    };
    let mut own: Vec<&ChangedRow> = changed.iter().filter(is_here).collect();
    own.sort_by(|a, b| {
        (b.difference.get().total_cmp(&a.difference.get())).then_with(|| a.query.cmp(&b.query))
    });
    let gained = own.iter().filter(|row| row.difference.get() > 0.0);
    let lost = own.iter().filter(|row| row.difference.get() < 0.0);
    let lost_most = lost.clone().count().saturating_sub(SHOWN);
    let mut table = Table::new([
        (at.router.as_str(), Column::Number),
        ("difference", Column::Number),
        ("query", Column::Text),
    ]);
    for row in gained.take(SHOWN).chain(lost.skip(lost_most)) {
        table.row([
            format!("{:.3}", row.value.get()),
            signed(row.difference),
            row.query.clone(),
        ]);
    }
    match own.is_empty() {
        true => "No query is answered otherwise.\n".to_owned(),
        false => format!("{table}"),
    }
}

/// The rows beyond noise, the largest fall first.
fn what_moved(rows: &[ComparedRow]) -> String {
    let mut moved: Vec<&ComparedRow> = rows.iter().filter(|row| row.is_beyond_noise()).collect();
    if moved.is_empty() {
        return String::new();
    }
    moved.sort_by(|a, b| a.difference.get().total_cmp(&b.difference.get()));
    let mut table = Table::new([
        ("router", Column::Text),
        ("where", Column::Text),
        ("metric", Column::Text),
        ("now", Column::Number),
        ("difference", Column::Number),
        ("p (Holm)", Column::Number),
        ("paired", Column::Text),
    ]);
    for row in moved {
        let mut labels = place(row).to_vec();
        labels.push(&row.subset);
        labels.retain(|label| *label != "all");
        table.row([
            row.router.clone(),
            labels.join(" "),
            row.metric.clone(),
            format!("{:.3}", row.value.get()),
            signed(row.difference),
            p_value(row),
            row.paired.clone(),
        ]);
    }
    format!("\n{table}\n")
}

fn signed(number: Number) -> String {
    format!("{:+.3}", number.get())
}

fn p_value(row: &ComparedRow) -> String {
    match row.p_holm.get() {
        p if p < 0.001 => "< 0.001".to_owned(),
        p => format!("{p:.3}"),
    }
}
