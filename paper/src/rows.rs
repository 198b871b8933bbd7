//! Rows of results by their labels.
//!
//! Typst reads `/rows/NAME/FILE.csv/dataset=metatool/router=oats-s1/…` as JSON: the row of
//! `results/NAME/FILE.csv` with these labels, its numbers as numbers. Searching 24,000 rows for each of
//! hundreds of numbers is done here since Typst would take minutes over it.

use serde_json::{Map, Value};

/// The columns that hold numbers; all others are labels.
const NUMBERS: [&str; 6] = ["value", "difference", "ci_low", "ci_high", "p_value", "n"];

/// A result file, read.
pub(crate) struct Table {
    /// As errors name it.
    path: String,
    columns: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// # Errors
    /// The file is no CSV, in one line.
    pub(crate) fn parse(path: &str, content: &[u8]) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(content);
        let wrong =
            |why: csv::Error| format!("{path}: {why}; regenerate it with `cargo xtask reproduce`");
        let columns = reader.headers().map_err(wrong)?;
        Ok(Self {
            path: path.to_owned(),
            columns: columns.iter().map(str::to_owned).collect(),
            rows: reader.records().collect::<Result<_, _>>().map_err(wrong)?,
        })
    }

    /// The one row with `labels`, each `column=value`, as JSON. Rows of a single seed count only if a label
    /// names the seed.
    ///
    /// # Errors
    /// No row has the labels, or several have, or a column is unknown: file, labels and remedy in one line.
    pub(crate) fn row(&self, labels: &[&str]) -> Result<Vec<u8>, String> {
        let wanted = labels
            .iter()
            .map(|label| self.label(label))
            .collect::<Result<Vec<_>, _>>()?;
        let seed = self.column("seed");
        let means_only = seed.filter(|seed| wanted.iter().all(|(column, _)| column != seed));
        let found: Vec<_> = self
            .rows
            .iter()
            .filter(|row| means_only.is_none_or(|seed| row[seed].starts_with("mean-of-")))
            .filter(|row| wanted.iter().all(|&(column, value)| &row[column] == value))
            .collect();
        match found[..] {
            [row] => self.json(row),
            [] => Err(format!(
                "{}: no row has {}; name one that is there, or regenerate the results",
                self.path,
                labels.join(", ")
            )),
            [first, second, ..] => Err(format!(
                "{}: {} rows have {}; they differ in {}: name it too",
                self.path,
                found.len(),
                labels.join(", "),
                self.difference(first, second)
            )),
        }
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    fn label<'a>(&self, label: &'a str) -> Result<(usize, &'a str), String> {
        let (name, value) = label
            .split_once('=')
            .ok_or_else(|| format!("{}: `{label}` is no label; write column=value", self.path))?;
        let column = self.column(name).ok_or_else(|| {
            format!(
                "{}: there is no column {name}; there are {}",
                self.path,
                self.columns.join(", ")
            )
        })?;
        Ok((column, value))
    }

    fn difference(&self, first: &csv::StringRecord, second: &csv::StringRecord) -> String {
        let differing = self.columns.iter().enumerate().filter_map(|(at, column)| {
            let label = !NUMBERS.contains(&column.as_str()) && first[at] != second[at];
            label.then(|| format!("{column} ({}, {})", &first[at], &second[at]))
        });
        differing.collect::<Vec<_>>().join(", ")
    }

    fn json(&self, row: &csv::StringRecord) -> Result<Vec<u8>, String> {
        let mut object = Map::new();
        for (column, text) in self.columns.iter().zip(row) {
            let value = if NUMBERS.contains(&column.as_str()) {
                let number: f64 = text.parse().map_err(|_| {
                    let line = row.position().map_or(0, csv::Position::line);
                    format!(
                        "{}:{line}: {column} is `{text}`, which is no number",
                        self.path
                    )
                })?;
                Value::from(number)
            } else {
                Value::from(text)
            };
            object.insert(column.clone(), value);
        }
        serde_json::to_vec(&object).map_err(|why| format!("{}: {why}", self.path))
    }
}
