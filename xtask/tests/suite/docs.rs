//! The pages in `docs/`, done as they say, in a workspace of their own.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::common::{Place, Told};

/// What a page's block of code asks for. Blocks that are none of these are for reading only.
#[derive(Debug, PartialEq)]
enum Step {
    /// The block is a file: the paragraph above ends with its name, `` `like/this.toml`: ``, or the
    /// block's first line is a comment that is nothing but its name.
    File { path: String, text: String },
    /// A block of `sh`: its commands, of which `cargo xtask` is the one that was built.
    Commands(String),
    /// A block of `text` tells lines that the commands before it print.
    Prints(String),
}

/// Does what the page says, in its order. Other commands than `cargo xtask` are the system's own.
#[track_caller]
pub(crate) fn follow(place: &Place, page: &str) {
    let mut told: Option<Told> = None;
    for step in steps(page) {
        match step {
            Step::File { path, text } => place.write(&path, text),
            Step::Commands(script) => {
                let of_script = Told::of(&mut place.shell(&script));
                assert_eq!(of_script.code, Some(0), "{script}\n{of_script}");
                told = Some(of_script);
            }
            Step::Prints(lines) => {
                let told = told.as_ref().expect("text before any command");
                let lines: Vec<&str> = lines.lines().collect();
                told.assert_says(&lines);
            }
        }
    }
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    // The code that stands last in the paragraph above, and what comes after it.
    let mut above: Option<(String, String)> = None;
    let mut block: Option<(String, String)> = None;
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some((language.to_string(), String::new()));
            }
            Event::Text(text) => match (&mut block, &mut above) {
                (Some((_, code)), _) => code.push_str(&text),
                (None, Some((_, after))) => after.push_str(&text),
                (None, None) => {}
            },
            Event::End(TagEnd::CodeBlock) => {
                let announced = above.take().filter(|(_, after)| after == ":");
                let announced = announced.map(|(path, _)| path);
                if let Some((language, code)) = block.take() {
                    let named = announced.or_else(|| named_in(&code).map(str::to_owned));
                    steps.extend(match (named, language.as_str()) {
                        (Some(path), _) => Some(Step::File { path, text: code }),
                        (None, "sh") => Some(Step::Commands(code)),
                        (None, "text") => Some(Step::Prints(code)),
                        (None, _) => None,
                    });
                }
            }
            Event::Code(code) => above = Some((code.to_string(), String::new())),
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::List(_)) => above = None,
            _ => {}
        }
    }
    steps
}

/// The file that a block's first line names, and nothing else: `# like/this.toml`.
fn named_in(code: &str) -> Option<&str> {
    let line = code.lines().next()?;
    let name = ["# ", "// "]
        .iter()
        .find_map(|comment| line.strip_prefix(comment))?;
    let is_name = !name.contains(' ') && name.contains('.') && !name.ends_with('.');
    is_name.then_some(name)
}

#[test]
fn files_commands_and_what_they_print_are_told_apart() {
    let page = "# `head`:\n\nThis is `a/b.json`:\n\n```json\n{}\n```\n\n`c.txt` is not:\n\n```json\n[]\n```\n\n\
                ```python\n# d.py\nprint()\n```\n\n```sh\n# prints it\ncat a/b.json d.py\n```\n\n```text\n{}\n```\n";
    let file = |path: &str, text: &str| Step::File {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(
        steps(page),
        [
            file("a/b.json", "{}\n"),
            file("d.py", "# d.py\nprint()\n"),
            Step::Commands("# prints it\ncat a/b.json d.py\n".to_owned()),
            Step::Prints("{}\n".to_owned()),
        ]
    );
    follow(&Place::empty(), page);
}

#[test]
#[should_panic(expected = "`gone` is not in")]
fn a_page_that_tells_what_is_not_printed_is_wrong() {
    follow(
        &Place::empty(),
        "```sh\necho here\n```\n\n```text\ngone\n```\n",
    );
}

#[test]
#[should_panic(expected = "unknown data set")]
fn a_page_whose_first_command_fails_is_wrong() {
    let page = "```sh\ncargo xtask check-data nothing\necho here\n```\n";
    follow(&Place::empty(), page);
}

#[test]
fn your_dataset() {
    let place = Place::workspace();
    let page = "docs/your-dataset.md";
    for file in [
        page,
        "examples/dataset/tools.json",
        "examples/dataset/queries.jsonl",
    ] {
        place.copy(file);
    }
    follow(&place, &place.read(page));
    let compared = place.read("target/forty/oats-s1-against-dense/compared.csv");
    assert!(compared.contains("tools:dataset"), "{compared}");
}
