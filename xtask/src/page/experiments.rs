//! An experiment on the page: its question, its answer, its figures and its files.

use std::path::Path;

use anyhow::{Context, Result};

use super::{
    Entry, file_name, files,
    markup::{command, escape, first_words, image, markdown, scrolled},
    read,
};

/// Links to all experiments.
pub(super) fn contents(entries: &[Entry]) -> String {
    let link = |entry: &Entry| {
        format!(
            "<li><a href=\"#experiment-{0}\">{0}</a></li>\n",
            escape(&entry.name)
        )
    };
    entries.iter().map(link).collect()
}

/// All experiments.
pub(super) fn sections(entries: &[Entry]) -> Result<String> {
    entries.iter().map(section).collect()
}

fn section(entry: &Entry) -> Result<String> {
    let name = escape(&entry.name);
    let mut html = format!(
        "<section class=\"experiment\" id=\"experiment-{name}\" aria-labelledby=\"experiment-{name}-title\">\n\
         <h3 id=\"experiment-{name}-title\">{name}</h3>\n<div class=\"question\">{}</div>\n",
        markdown(&entry.question, &entry.name)
    );
    match &entry.folder {
        Some(folder) => {
            let readme = folder.join("README.md");
            let text = read(&readme)?;
            let (title, part) = answer(&text).with_context(|| {
                format!(
                    "{} has no answer: no part that begins with `## `; regenerate it with \
                     `cargo xtask reproduce`, or restore it from git",
                    readme.display()
                )
            })?;
            html += &format!(
                "<h4>{}</h4>\n<div class=\"answer\">{}</div>\n",
                escape(title),
                markdown(&part, &entry.name)
            );
            for file in files(folder, "svg")? {
                html += &figure(&entry.name, &file)?;
            }
            html += &command(&entry.command);
            html += &links(&entry.name, folder)?;
        }
        None => {
            html += "<p>Not run yet.</p>\n";
            html += &command(&entry.command);
        }
    }
    Ok(html + "</section>\n")
}

/// The question that the README.md in the folder answers, as Markdown.
pub(super) fn question(folder: &Path) -> Result<String> {
    let readme = folder.join("README.md");
    let text = read(&readme)?;
    let head = text.split("\n## ").next().unwrap_or_default();
    let (_, question) = head
        .split_once('\n')
        .with_context(|| format!("{} has no question", readme.display()))?;
    Ok(question.trim().to_owned())
}

/// Title and Markdown of a README.md's part `## Answer`, or of its first where no claim is checked; without
/// images.
fn answer(text: &str) -> Option<(&str, String)> {
    let parts: Vec<&str> = text.split("\n## ").skip(1).collect();
    let mut answers = parts.iter().filter(|part| part.starts_with("Answer"));
    let part = answers.next().or(parts.first())?;
    let (title, rest) = part.split_once('\n')?;
    let lines: Vec<&str> = rest
        .lines()
        .filter(|line| !line.starts_with("!["))
        .collect();
    Some((title, lines.join("\n")))
}

fn figure(name: &str, file: &Path) -> Result<String> {
    let svg = read(file)?;
    let file = file_name(file);
    let title = first_words(&svg).unwrap_or_else(|| file.clone());
    Ok(format!(
        "<figure>{}<figcaption>{} <a href=\"{2}/{3}\">{3}</a></figcaption></figure>\n",
        scrolled(
            &format!("figure: {title}"),
            &image(&svg, &format!("Figure: {title}"))
        ),
        escape(&title),
        escape(name),
        escape(&file)
    ))
}

/// Links to the folder's files.
fn links(name: &str, folder: &Path) -> Result<String> {
    let mut named = Vec::new();
    for extension in ["md", "csv", "json"] {
        named.extend(files(folder, extension)?);
    }
    let links: Vec<String> = named
        .iter()
        .map(|file| {
            let file = escape(&file_name(file));
            format!("<a href=\"{}/{file}\">{file}</a>", escape(name))
        })
        .collect();
    Ok(format!(
        "<p class=\"files\">Files: {}</p>\n",
        links.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_its_part_without_images() {
        let text =
            "# a\n\nwhy?\n\n## First\n\none\n\n## Answer: so\n\nyes\n\n![a](a.png)\n\n## Rest\n";
        assert_eq!(answer(text), Some(("Answer: so", "\nyes\n".to_owned())));
        let text = "# a\n\nwhy?\n\n## First\n\none\n";
        assert_eq!(answer(text), Some(("First", "\none".to_owned())));
        assert_eq!(answer("# a\n"), None);
    }
}
