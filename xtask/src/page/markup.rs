//! Text, Markdown and figures as HTML.

use std::fmt::Write as _;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html};

/// Text for the content of an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// A command to be copied.
pub(super) fn command(command: &str) -> String {
    format!(
        "<p class=\"command\"><code>{}</code></p>\n",
        escape(command)
    )
}

/// A box in which what is wider than the page is scrolled, by keyboard too.
pub(super) fn scrolled(label: &str, content: &str) -> String {
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">{content}</div>\n",
        escape(label)
    )
}

/// The Markdown of a file in the folder `folder` of `results/`, as HTML for a page in `results/`. HTML
/// in it is shown as text, images by their descriptions; lists within lists are folded.
pub(super) fn markdown(text: &str, folder: &str) -> String {
    let mut lists = 0;
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => Event::Text("".into()),
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: lower(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url: rebased(&dest_url, folder).into(),
            title,
            id,
        }),
        Event::Start(Tag::List(_)) => {
            lists += 1;
            html(if lists > 1 {
                "<details><summary>in detail</summary><ul>"
            } else {
                "<ul>"
            })
        }
        Event::End(TagEnd::List(_)) => {
            lists -= 1;
            html(if lists > 0 {
                "</ul></details>"
            } else {
                "</ul>"
            })
        }
        other => other,
    });
    let mut made = String::new();
    push_html(&mut made, boxed(events));
    made
}

fn html(markup: &'static str) -> Event<'static> {
    Event::Html(CowStr::Borrowed(markup))
}

/// Puts each table into a box of its own.
fn boxed<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    events.flat_map(|event| {
        let before = matches!(event, Event::Start(Tag::Table(_))).then(|| {
            html("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table\">")
        });
        let after = matches!(event, Event::End(TagEnd::Table)).then(|| html("</div>\n"));
        before.into_iter().chain([event]).chain(after)
    })
}

/// Headings of a README.md's first level are of the page's third.
fn lower(level: HeadingLevel) -> HeadingLevel {
    HeadingLevel::try_from(level as usize + 2).unwrap_or(HeadingLevel::H6)
}

/// A link seen from `results/` instead of from a folder in it.
fn rebased(link: &str, folder: &str) -> String {
    if link.starts_with("https://") || link.starts_with("http://") {
        return link.to_owned();
    }
    let mut parts: Vec<&str> = vec![folder];
    for part in link.split('/') {
        match part {
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            "." | "" => (),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// An SVG as an image of its own, so that nothing in it meets the page.
pub(super) fn image(svg: &str, alt: &str) -> String {
    let size = |side: &str| {
        let (_, rest) = svg.split_once(&format!(" {side}=\""))?;
        let (size, _) = rest.split_once('"')?;
        size.parse::<f64>().ok()
    };
    let mut sides = String::new();
    for side in ["width", "height"] {
        if let Some(size) = size(side) {
            let _ = write!(sides, " {side}=\"{size:.0}\"");
        }
    }
    format!(
        "<img alt=\"{}\"{sides} src=\"data:image/svg+xml,{}\">",
        escape(alt),
        percent_encoded(svg)
    )
}

/// What an SVG of ours says first: its title.
pub(super) fn first_words(svg: &str) -> Option<String> {
    let (_, rest) = svg.split_once("<text")?;
    let (words, _) = rest.split_once('>')?.1.split_once("</text>")?;
    let mut words = words.trim().to_owned();
    for (entity, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ] {
        words = words.replace(entity, letter);
    }
    (!words.is_empty() && !words.contains('<')).then_some(words)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 5 / 4);
    for byte in text.bytes() {
        match byte {
            b'%' | b'#' | b'"' | b'&' | b'<' | b'>' => {
                let _ = write!(encoded, "%{byte:02X}");
            }
            b' '..=b'~' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_in_markdown_is_text() {
        let made = markdown("a <script>x</script> **b** `<c>`\n\n<div>\n\n", "main");
        assert!(!made.contains("<script") && !made.contains("<div") && !made.contains("<c>"));
        assert!(made.contains("&lt;script&gt;x&lt;/script&gt; <strong>b</strong>"));
    }

    #[test]
    fn tables_are_boxed_and_inner_lists_folded() {
        let made = markdown("- a\n  - b\n\n| c |\n| --- |\n| d |\n", "main");
        assert!(made.contains("<details><summary>in detail</summary><ul>"));
        assert!(made.contains("</ul></details>"));
        assert!(made.contains("aria-label=\"table\"><table>"));
        assert!(made.contains("</table>\n</div>"));
    }

    #[test]
    fn links_are_seen_from_the_page() {
        assert_eq!(rebased("../README.md", "main"), "README.md");
        assert_eq!(rebased("../../README.md", "main"), "../README.md");
        assert_eq!(rebased("metrics.csv", "main"), "main/metrics.csv");
        assert_eq!(rebased("https://a.org/b", "main"), "https://a.org/b");
        assert_eq!(rebased("javascript:x", "main"), "main/javascript:x");
    }

    #[test]
    fn an_image_has_size_alt_and_no_quotes() {
        let svg = "<svg width=\"12\" height=\"7\">\n<text x=\"1\">\nA &amp; b\n</text></svg>";
        assert_eq!(first_words(svg).as_deref(), Some("A & b"));
        assert_eq!(
            image(svg, "A & \"b\""),
            "<img alt=\"A &amp; &quot;b&quot;\" width=\"12\" height=\"7\" \
             src=\"data:image/svg+xml,%3Csvg width=%2212%22 height=%227%22%3E%0A%3Ctext x=%221%22%3E%0A\
             A %26amp; b%0A%3C/text%3E%3C/svg%3E\">"
        );
    }
}
