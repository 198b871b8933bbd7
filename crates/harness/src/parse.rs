//! TOML in, or one line with file, place and problem.

use std::{fs, ops::Range, path::Path};

use serde::de::DeserializeOwned;

use crate::Error;

/// The text of a TOML file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Experiment`] if it is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    String::from_utf8(bytes).map_err(|error| Error::Experiment {
        file: path.display().to_string(),
        problem: format!("{error}; save the file as UTF-8"),
    })
}

/// What TOML text says, checked; `file` is what messages call it.
///
/// # Errors
/// [`Error::Experiment`].
pub(crate) fn parse<T: DeserializeOwned>(
    text: &str,
    file: &str,
    check: impl FnOnce(&T) -> Result<(), String>,
) -> Result<T, Error> {
    let fault = |problem: String| Error::Experiment {
        file: file.to_owned(),
        problem,
    };
    let parsed: T = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(String::new(), |span| place(text, span));
        fault(format!("{place}{}", error.message().trim_end()))
    })?;
    check(&parsed).map_err(fault)?;
    Ok(parsed)
}

/// The line where `span` begins, with its text if the span does not go beyond it. What the whole
/// file lacks has no place; its span is 0..0.
fn place(text: &str, span: Range<usize>) -> String {
    if span.end == 0 {
        return String::new();
    }
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    match text.get(span) {
        Some(inside) if !inside.contains('\n') => {
            let source = text.lines().nth(line - 1).unwrap_or_default();
            format!("line {line}, `{}`: ", source.trim())
        }
        _ => format!("line {line}: "),
    }
}
