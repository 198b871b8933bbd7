//! The two text formats of TREC, such that `trec_eval` and this crate read a file alike.
//!
//! | file | a line |
//! | --- | --- |
//! | run: what was ranked | `query Q0 item rank score tag` |
//! | qrels: what is relevant | `query 0 item grade` |
//!
//! `trec_eval` does not look at the rank. It stores scores in single precision and sorts a query's
//! items by falling score and, where scores are equal, by *falling* item name (by bytes). So
//! [`write_run`] writes scores that fall strictly, and [`read_run`] orders by that same rule.
//!
//! ```
//! use oats_metrics::trec::{Ranking, read_run, write_run};
//!
//! let tied = Ranking {
//!     query: "q1".into(),
//!     items: vec![("calendar".into(), 0.5), ("weather".into(), 0.5)],
//! };
//! let mut file = Vec::new();
//! write_run(&mut file, "bm25", [&tied])?;
//! assert_eq!(
//!     String::from_utf8_lossy(&file),
//!     "q1 Q0 calendar 1 0.5 bm25\nq1 Q0 weather 2 0.4999999701976776 bm25\n"
//! );
//! let back = read_run(file.as_slice(), "bm25.run")?;
//! assert_eq!(back[0].items[0].0, "calendar");
//! # Ok::<(), oats_metrics::Error>(())
//! ```

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet, hash_map::Entry},
    io::{BufRead, Write},
};

use crate::{Error, Result};

/// What was ranked for one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The query's name.
    pub query: String,
    /// Distinct items with their scores, best first.
    pub items: Vec<(String, f32)>,
}

/// What is known to be relevant to one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgements {
    /// The query's name.
    pub query: String,
    /// Distinct items with their grades; a grade of 0 or less means not relevant.
    pub items: Vec<(String, i32)>,
}

/// Writes a run, a query at a time, in the order given.
///
/// Each ranking's order is kept: a score that is not below the one before it (as `f32`) is lowered
/// to the next smaller `f32`. `tag` names the run. A query without items leaves no line behind.
///
/// # Errors
/// [`Error::Unwritable`] for a name that is empty or has whitespace or control characters in it, a
/// query given twice, an item given twice for a query, and a score that is not finite;
/// [`Error::Io`]. Lines before the offending query may have been written.
pub fn write_run(
    mut out: impl Write,
    tag: &str,
    rankings: impl IntoIterator<Item: Borrow<Ranking>>,
) -> Result<()> {
    check_name("tag", tag)?;
    let mut queries = HashSet::new();
    for ranking in rankings {
        let Ranking { query, items } = ranking.borrow();
        check_names(&mut queries, query, items)?;
        let mut lines = String::new();
        let mut above = f32::INFINITY;
        for (index, (item, score)) in items.iter().enumerate() {
            let unwritable = |problem| Error::Unwritable {
                subject: format!("item `{item}` of query `{query}` with the score {score}"),
                problem,
            };
            if !score.is_finite() {
                return Err(unwritable("scores must be finite"));
            }
            let score = if *score < above {
                *score
            } else {
                above.next_down()
            };
            if !score.is_finite() {
                return Err(unwritable(
                    "no f32 is low enough to rank it below the item before it",
                ));
            }
            above = score;
            // As f64 all digits are there: trec_eval reads a double and then rounds, and rounding
            // twice can miss the f32 that fewer digits stand for.
            let (rank, score) = (index + 1, f64::from(score));
            lines += &format!("{query} Q0 {item} {rank} {score:?} {tag}\n");
        }
        write(&mut out, &lines, "writing a run")?;
    }
    Ok(())
}

/// Writes judgements, a query at a time, in the order given. A query without items leaves no line
/// behind.
///
/// # Errors
/// [`Error::Unwritable`] for a name that is empty or has whitespace or control characters in it, a
/// query given twice, and an item given twice for a query; [`Error::Io`]. Lines before the offending
/// query may have been written.
pub fn write_qrels(
    mut out: impl Write,
    judgements: impl IntoIterator<Item: Borrow<Judgements>>,
) -> Result<()> {
    let mut queries = HashSet::new();
    for judged in judgements {
        let Judgements { query, items } = judged.borrow();
        check_names(&mut queries, query, items)?;
        let lines: String = items
            .iter()
            .map(|(item, grade)| format!("{query} 0 {item} {grade}\n"))
            .collect();
        write(&mut out, &lines, "writing qrels")?;
    }
    Ok(())
}

/// Reads a run. Queries come in the order in which they first appear, each query's items in
/// `trec_eval`'s order, with the scores as it stores them. `file` is what errors call the input.
///
/// # Errors
/// [`Error::Line`] for a line that is not UTF-8, has not six fields, has a score that is no finite
/// `f32`, or repeats an item of its query; [`Error::Io`].
pub fn read_run(input: impl BufRead, file: &str) -> Result<Vec<Ranking>> {
    let parse = |[query, _, item, _, score, _]: [&str; 6]| match score.parse::<f64>() {
        Ok(value) if (value as f32).is_finite() => {
            Ok((query.to_owned(), item.to_owned(), value as f32))
        }
        _ => Err(format!(
            "the score `{score}` is not a finite number (in single precision)"
        )),
    };
    let by_query = read(input, file, "query Q0 item rank score tag", parse)?;
    Ok(by_query
        .into_iter()
        .map(|(query, mut items)| {
            items.sort_by(|(item_a, a), (item_b, b)| {
                // Not total_cmp: trec_eval takes -0 and 0 for a tie.
                b.partial_cmp(a)
                    .unwrap_or(std::cmp::Ordering::Equal)
                    .then_with(|| item_b.cmp(item_a))
            });
            Ranking { query, items }
        })
        .collect())
}

/// Reads judgements: queries in the order in which they first appear, each query's items in the
/// order of the lines. `file` is what errors call the input.
///
/// # Errors
/// [`Error::Line`] for a line that is not UTF-8, has not four fields, has a grade that is no
/// integer, or repeats an item of its query; [`Error::Io`].
pub fn read_qrels(input: impl BufRead, file: &str) -> Result<Vec<Judgements>> {
    let parse = |[query, _, item, grade]: [&str; 4]| match grade.parse::<i32>() {
        Ok(grade) => Ok((query.to_owned(), item.to_owned(), grade)),
        Err(_) => Err(format!(
            "the grade `{grade}` is not an integer (of 32 bits)"
        )),
    };
    let by_query = read(input, file, "query 0 item grade", parse)?;
    Ok(by_query
        .into_iter()
        .map(|(query, items)| Judgements { query, items })
        .collect())
}

/// Items with what the file says of each.
type Items<T> = Vec<(String, T)>;

/// Reads lines of FIELDS fields, each parsed into query, item and value, and groups them by query.
fn read<T, const FIELDS: usize>(
    mut input: impl BufRead,
    file: &str,
    format: &str,
    parse: impl Fn([&str; FIELDS]) -> std::result::Result<(String, String, T), String>,
) -> Result<Vec<(String, Items<T>)>> {
    let mut by_query: Vec<(String, Items<T>)> = Vec::new();
    // For each query its place in `by_query`, and for each of its items the line it stands in.
    let mut seen: HashMap<String, (usize, HashMap<String, usize>)> = HashMap::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let length = input
            .read_until(b'\n', &mut bytes)
            .map_err(|source| Error::Io {
                task: format!("reading {file}, line {line}"),
                source,
            })?;
        if length == 0 {
            break;
        }
        let bad_line = |problem| Error::Line {
            file: file.to_owned(),
            line,
            problem,
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| bad_line("is not UTF-8: convert the file".to_owned()))?;
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let fields: [&str; FIELDS] = fields.try_into().map_err(|fields: Vec<&str>| {
            bad_line(format!(
                "{} fields, expected {FIELDS}: `{format}`",
                fields.len()
            ))
        })?;
        let (query, item, value) = parse(fields).map_err(bad_line)?;

        let (place, lines) = seen.entry(query.clone()).or_insert_with(|| {
            by_query.push((query.clone(), Vec::new()));
            (by_query.len() - 1, HashMap::new())
        });
        match lines.entry(item.clone()) {
            Entry::Vacant(entry) => _ = entry.insert(line),
            Entry::Occupied(entry) => {
                let first = entry.get();
                return Err(bad_line(format!(
                    "item `{item}` of query `{query}` stands already in line {first}"
                )));
            }
        }
        by_query[*place].1.push((item, value));
    }
    Ok(by_query)
}

fn write(out: &mut impl Write, lines: &str, task: &str) -> Result<()> {
    out.write_all(lines.as_bytes()).map_err(|source| Error::Io {
        task: task.to_owned(),
        source,
    })
}

fn check_names<T>(queries: &mut HashSet<String>, query: &str, items: &[(String, T)]) -> Result<()> {
    check_name("query", query)?;
    if !queries.insert(query.to_owned()) {
        let subject = format!("query `{query}`");
        return Err(Error::Unwritable {
            subject,
            problem: "it was given before",
        });
    }
    let mut names = HashSet::new();
    for (item, _) in items {
        check_name("item", item)?;
        if !names.insert(item) {
            let subject = format!("item `{item}` of query `{query}`");
            return Err(Error::Unwritable {
                subject,
                problem: "it was given before for this query",
            });
        }
    }
    Ok(())
}

/// A name must be one field to both readers, and C's strings end at a NUL.
fn check_name(kind: &str, name: &str) -> Result<()> {
    let problem = if name.is_empty() {
        "a name must not be empty"
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "a name must have no whitespace or control characters: use an id"
    } else {
        return Ok(());
    };
    Err(Error::Unwritable {
        subject: format!("{kind} `{}`", name.escape_debug()),
        problem,
    })
}
