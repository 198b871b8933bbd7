//! All routers of a run against each other: ranks, intervals, and who cannot be told apart.

use std::collections::{BTreeMap, BTreeSet};

use oats_metrics::holm;

use super::{LEVEL, by_query};
use crate::{
    Error,
    rows::{ComparedRow, LeaderboardRow, NO_EMBEDDER, Row},
    scores::CellScores,
};

/// Ranks the routers of each data set, split, pool and embedder by their mean of one metric over all test
/// queries; routers that read no embeddings stand beside each embedder's.
///
/// Each pair of a table is tested by [`oats_metrics::clustered_t`] over the seeds that both were run with,
/// and corrected for the table's number of pairs. A group's letter is shared by routers next to each other
/// in rank of which no two differ significantly.
///
/// # Errors
/// [`Error::Compare`] where two routers were not tested with the same queries.
pub fn leaderboard(cells: &[CellScores], metric: &str) -> Result<Vec<LeaderboardRow>, Error> {
    let cells: Vec<CellScores> = cells
        .iter()
        .filter_map(|cell| of_all_queries(cell, metric))
        .collect();
    let nothing: Vec<CellScores> = cells.iter().map(zeroed).collect();
    let same =
        |a: &CellScores, b: &CellScores| (&a.router, &a.embedder) == (&b.router, &b.embedder);
    let means = by_query::compare(&cells, &nothing, same)?.rows;
    let pairs = by_query::compare(&cells, &cells, |a, b| {
        a.router < b.router && by_query::share_embedder(a, b)
    })?;

    let mut tables: BTreeMap<[&str; 4], BTreeSet<&str>> = BTreeMap::new();
    for row in &means {
        let embedders = tables.entry(place(row)).or_default();
        embedders.insert(&row.embedder);
    }
    let mut rows = Vec::new();
    for (at, mut embedders) in tables {
        if embedders.len() > 1 {
            embedders.remove(NO_EMBEDDER);
        }
        for embedder in embedders {
            let is_here = |row: &&ComparedRow| {
                place(row) == at && [embedder, NO_EMBEDDER].contains(&row.embedder.as_str())
            };
            let routers: Vec<&ComparedRow> = means.iter().filter(is_here).collect();
            let pairs: Vec<&ComparedRow> = pairs.rows.iter().filter(is_here).collect();
            rows.extend(table(embedder, routers, &pairs));
        }
    }
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(rows)
}

/// Data set, split, outcomes, pool.
fn place(row: &ComparedRow) -> [&str; 4] {
    [&row.dataset, &row.split, &row.outcomes, &row.pool].map(String::as_str)
}

/// The cell with one metric and no subsets.
fn of_all_queries(cell: &CellScores, metric: &str) -> Option<CellScores> {
    let column = cell.metrics.iter().position(|known| known == metric)?;
    let mut cell = cell.clone();
    cell.metrics = vec![metric.to_owned()];
    for query in &mut cell.queries {
        query.subsets = vec!["all".to_owned()];
        query.scores = vec![query.scores[column]];
    }
    Some(cell)
}

/// What a mean's interval is an interval of the distance from.
fn zeroed(cell: &CellScores) -> CellScores {
    let mut cell = cell.clone();
    for query in &mut cell.queries {
        query.scores.fill(0.0);
    }
    cell
}

fn table(
    embedder: &str,
    mut routers: Vec<&ComparedRow>,
    pairs: &[&ComparedRow],
) -> Vec<LeaderboardRow> {
    routers.sort_by(|a, b| {
        (b.value.get().total_cmp(&a.value.get())).then_with(|| a.router.cmp(&b.router))
    });
    let p_values: Vec<f64> = pairs.iter().map(|row| row.p_value.get()).collect();
    let corrected = holm(&p_values);
    let differ = |a: &str, b: &str| {
        let mut tested = pairs.iter().zip(&corrected);
        tested.any(|(row, &p)| {
            let sides = [row.router.as_str(), row.baseline.as_str()];
            (sides == [a, b] || sides == [b, a]) && p <= LEVEL
        })
    };
    let names: Vec<&str> = routers.iter().map(|row| row.router.as_str()).collect();
    let groups = groups(names.len(), |a, b| differ(names[a], names[b]));
    let ranked = routers
        .iter()
        .enumerate()
        .map(|(place, row)| LeaderboardRow {
            dataset: row.dataset.clone(),
            split: row.split.clone(),
            outcomes: row.outcomes.clone(),
            pool: row.pool.clone(),
            embedder: embedder.to_owned(),
            router: row.router.clone(),
            seed: row.seed.clone(),
            metric: row.metric.clone(),
            // Equal means share the better rank.
            rank: 1 + routers
                .iter()
                .filter(|other| other.value > row.value)
                .count(),
            value: row.value,
            ci_low: row.ci_low,
            ci_high: row.ci_high,
            groups: letters(&groups, place),
            n: row.n,
        });
    ranked.collect()
}

/// The longest runs of places of which no two differ, first to last, none within another.
fn groups(count: usize, differ: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for first in 0..count {
        let mut last = first;
        while last + 1 < count && (first..=last).all(|other| !differ(other, last + 1)) {
            last += 1;
        }
        if groups.last().is_none_or(|&(_, before)| last > before) {
            groups.push((first, last));
        }
    }
    groups
}

/// `a` for the first group, `b` for the second, …, after `z` `aa`.
fn letters(groups: &[(usize, usize)], place: usize) -> String {
    let name = |mut number: usize| {
        let mut name = String::new();
        loop {
            name.insert(0, char::from(b'a' + (number % 26) as u8));
            if number < 26 {
                return name;
            }
            number = number / 26 - 1;
        }
    };
    let own = groups.iter().enumerate();
    let own = own.filter(|(_, (first, last))| (*first..=*last).contains(&place));
    own.map(|(number, _)| name(number))
        .collect::<Vec<_>>()
        .join(" ")
}
