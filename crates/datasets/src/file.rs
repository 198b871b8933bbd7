//! Text files that know what to say when they are wrong.

use std::{fmt, path::Path};

use serde::de::DeserializeOwned;

use crate::{
    Error,
    provenance::{FileRecord, git_blob_id},
};

/// The text of one file, with what messages and manifests need to say about it.
#[derive(Clone, Debug)]
pub struct SourceFile {
    shown: String,
    remedy: String,
    record: FileRecord,
    text: String,
}

/// A place in a file, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    file: &'a SourceFile,
    place: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Line(u64),
    Item(&'static str, usize),
    Key(&'a str),
}

impl SourceFile {
    /// `shown` is the path that messages name, `path` the one below the source's root.
    pub(crate) fn new(
        shown: String,
        path: &str,
        contents: Vec<u8>,
        remedy: String,
    ) -> Result<Self, Error> {
        let blob_id = git_blob_id(&contents);
        let text = String::from_utf8(contents).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..good]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count();
            Error::Content {
                file: shown.clone(),
                place: format!("line {line}"),
                problem: format!("byte {good} of the file is not UTF-8 text"),
                remedy: remedy.clone(),
            }
        })?;
        // Some editors begin UTF-8 with a byte order mark.
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Ok(Self {
            shown,
            remedy,
            record: FileRecord {
                path: path.to_owned(),
                blob_id,
                upstream: None,
            },
            text,
        })
    }

    /// Reads `root/path`.
    pub(crate) fn read(root: &Path, path: &str, remedy: String) -> Result<Self, Error> {
        let full = root.join(path);
        match std::fs::read(&full) {
            Ok(contents) => Self::new(full.display().to_string(), path, contents, remedy),
            Err(reason) => Err(Error::Unreadable {
                path: full,
                reason,
                remedy,
            }),
        }
    }

    /// Whether these are the contents with the git blob id `pinned`, which the record then says.
    pub(crate) fn compare_with(&mut self, pinned: &str) -> bool {
        let same = self.record.blob_id == pinned;
        self.record.upstream = Some(same);
        same
    }

    /// What the manifest says of this file.
    pub fn record(&self) -> &FileRecord {
        &self.record
    }

    /// The whole contents.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Counted from 0: `record [17]`.
    pub(crate) fn item(&self, kind: &'static str, index: usize) -> Spot<'_> {
        self.spot(Place::Item(kind, index))
    }

    pub(crate) fn key<'a>(&'a self, key: &'a str) -> Spot<'a> {
        self.spot(Place::Key(key))
    }

    /// Counted from 1.
    pub(crate) fn line(&self, line: u64) -> Spot<'_> {
        self.spot(Place::Line(line))
    }

    fn spot<'a>(&'a self, place: Place<'a>) -> Spot<'a> {
        Spot { file: self, place }
    }

    /// What is wrong at `place`.
    pub(crate) fn bad(&self, place: impl fmt::Display, problem: impl fmt::Display) -> Error {
        Error::Content {
            file: self.shown.clone(),
            place: place.to_string(),
            problem: problem.to_string(),
            remedy: self.remedy.clone(),
        }
    }

    /// The file as one JSON value.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.text).map_err(|error| self.bad_json(&error, 1))
    }

    /// The file as one JSON object a line, each with its line; blank lines are skipped.
    pub(crate) fn json_lines<T: DeserializeOwned>(
        &self,
    ) -> impl Iterator<Item = Result<(Spot<'_>, T), Error>> {
        (1..)
            .zip(self.text.lines())
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(number, line)| {
                // A struct would be read from a list, too.
                if line.trim_start().starts_with('[') {
                    let problem = "is a list; each line is an object of its own, `{…}`";
                    return Err(self.line(number).bad(problem));
                }
                match serde_json::from_str(line) {
                    Ok(value) => Ok((self.line(number), value)),
                    Err(error) => Err(self.bad_json(&error, number)),
                }
            })
    }

    fn bad_json(&self, error: &serde_json::Error, first_line: u64) -> Error {
        let message = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&position).unwrap_or(&message);
        let line = first_line + (error.line() as u64).saturating_sub(1);
        let place = format!("line {line}, column {}", error.column());
        if error.is_eof() {
            self.bad(place, format_args!("the JSON is cut off ({message})"))
        } else {
            self.bad(place, message)
        }
    }

    /// The file as TOML.
    pub(crate) fn toml<T: DeserializeOwned>(&self) -> Result<T, Error> {
        toml::from_str(&self.text).map_err(|error| {
            let before = error
                .span()
                .and_then(|span| self.text.get(..span.start))
                .unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            self.bad(format_args!("line {line}"), error.message())
        })
    }

    /// The rows below `header`, each with its line, or what is wrong with it. Fields are quoted as in CSV where they are
    /// separated by commas and taken as they stand where by tabs.
    pub(crate) fn table<const N: usize>(
        &self,
        delimiter: u8,
        header: [&str; N],
    ) -> Result<impl Iterator<Item = Result<(Spot<'_>, [String; N]), Error>>, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .quoting(delimiter != b'\t')
            .from_reader(self.text.as_bytes());
        let found = reader.headers().map_err(|error| self.bad_row(&error))?;
        if found != header[..] {
            let found: Vec<_> = found.iter().collect();
            let problem = format!("expected the columns {header:?}, found {found:?}");
            return Err(self.bad("line 1", problem));
        }
        Ok(reader.into_records().map(|row| {
            let row = row.map_err(|error| self.bad_row(&error))?;
            let line = row.position().map_or(0, csv::Position::line);
            // `reader` has checked that the row is as long as the header.
            let fields = std::array::from_fn(|field| row.get(field).unwrap_or_default().to_owned());
            Ok((self.line(line), fields))
        }))
    }

    fn bad_row(&self, error: &csv::Error) -> Error {
        let line = error.position().map_or(0, csv::Position::line);
        let place = format!("line {line}");
        match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => self.bad(
                place,
                format_args!("{len} fields where the header has {expected_len}"),
            ),
            _ => self.bad(place, error),
        }
    }
}

impl<'a> Spot<'a> {
    /// What is wrong here.
    pub(crate) fn bad(self, problem: impl fmt::Display) -> Error {
        self.file.bad(self, problem)
    }

    /// The id of a query that has none of its own: `line/00017`.
    pub(crate) fn query_id(self) -> String {
        match self.place {
            Place::Line(line) => format!("line/{line:05}"),
            _ => self.to_string(),
        }
    }

    /// `text`, unless it is blank.
    pub(crate) fn query_text(self, text: String) -> Result<String, Error> {
        if text.trim().is_empty() {
            return Err(self.bad("the query is empty"));
        }
        Ok(text)
    }
}

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Item(kind, index) => write!(f, "{kind} [{index}]"),
            Place::Key(key) => write!(f, "key `{key}`"),
        }
    }
}
