//! Plain English to fit a table on: WordNet, and requests in frames of our own.
//!
//! No text here is a query of a benchmark; the caller drops those that happen to be one or to hold one.
//!
//! - A word's **definition** from [WordNet](https://wordnet.princeton.edu) 3.1, every second one behind the word and
//!   a colon, as a tool's description stands behind its name; and WordNet's **example sentences**.
//! - **Requests**: a frame such as "Can you help me … ?" around what a verb or a noun of WordNet means, or around
//!   the word itself. Some are several sentences long, with examples between them. They teach which words of a
//!   request say nothing.

use std::collections::HashSet;
use std::path::Path;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::sha256;

/// WordNet's files that hold definitions.
pub(crate) const WORDNET_FILES: [&str; 4] = ["data.noun", "data.verb", "data.adj", "data.adv"];

/// Requests of one sentence, and of several.
const REQUESTS: usize = 24_000;
const LONG_REQUESTS: usize = 6_000;

/// Definitions and examples that are taken, of about 117,000 and 43,000.
const DEFINITIONS: usize = 32_000;
const EXAMPLES: usize = 22_000;

const ACTION_FRAMES: &[&str] = &[
    "Can you {}?",
    "Could you {}?",
    "Please {}.",
    "I want to {}.",
    "I need to {}.",
    "How do I {}?",
    "How can I {}?",
    "Help me {}.",
    "I'd like to {}.",
    "What is the best way to {}?",
    "Is there a way to {}?",
    "I need help to {}.",
    "My friend wants to {}.",
    "Can you help me {}?",
    "{}",
    "{}, please.",
    "What do I need to {}?",
    "I am trying to {}.",
    "Show me how to {}.",
    "Is there something that lets me {}?",
];

const THING_FRAMES: &[&str] = &[
    "What is {}?",
    "I'm looking for {}.",
    "Can you find {} for me?",
    "Tell me about {}.",
    "Where can I get {}?",
    "Show me {}.",
    "I need {}.",
    "Do you have any information on {}?",
    "Can you recommend {}?",
    "Find {}.",
    "Give me a list of {}.",
    "I want to learn about {}.",
    "What should I know about {}?",
    "How much does {} cost?",
    "Search for {}.",
    "Can you explain {}?",
    "I have a question about {}.",
    "Is there any news about {}?",
    "Which {} should I choose?",
    "Help me understand {}.",
];

const CIRCUMSTANCE_FRAMES: &[&str] = &[
    "I'm planning {}.",
    "I am working on a project about {}.",
    "My family is interested in {}.",
    "I'm writing an article about {}.",
    "My company deals with {}.",
    "I'm preparing for {}.",
    "We are organising {}.",
];

/// Texts of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    /// What it is.
    pub source: Source,
    /// Its texts.
    pub texts: Vec<String>,
}

/// Where texts come from; kept in the table's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Name with version.
    pub name: String,
    /// SHA-256 (hex) of the file, or of the list of `checksum  file` lines if there are several.
    pub sha256: String,
    /// Number of texts that were used.
    pub texts: usize,
}

impl Corpus {
    /// A corpus of these texts.
    #[must_use]
    pub fn new(name: impl Into<String>, sha256: impl Into<String>, texts: Vec<String>) -> Self {
        let source = Source {
            name: name.into(),
            sha256: sha256.into(),
            texts: texts.len(),
        };
        Self { source, texts }
    }

    /// One text a line; blank lines are left out.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Distill`] if it is not UTF-8 or holds no text.
    pub fn from_lines(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let lines = utf8(&bytes, path)?.lines().map(str::trim);
        let texts: Vec<_> = lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if texts.is_empty() {
            let problem = format!(
                "{}: there is no text in it; give a file with one text a line",
                path.display()
            );
            return Err(Error::Distill(problem));
        }
        Ok(Self::new(name.to_string_lossy(), sha256(&bytes), texts))
    }

    /// Definitions, examples and requests out of WordNet's database files in `folder`, the same for the same files.
    ///
    /// `is_common` tells which words are common enough to be asked for.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read, [`Error::Distill`] with file and line if it is not WordNet's.
    pub fn from_wordnet(folder: &Path, is_common: &dyn Fn(&str) -> bool) -> Result<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let (mut wordnet, mut checksums) = (WordNet::default(), String::new());
        for file in WORDNET_FILES {
            let path = folder.join(file);
            let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
            checksums += &format!("{}  {file}\n", sha256(&bytes));
            wordnet.read(utf8(&bytes, &path)?, &path, is_common)?;
        }
        if wordnet.nouns.is_empty() || wordnet.verbs.is_empty() || wordnet.examples.is_empty() {
            let problem = format!(
                "{}: WordNet's files hold no nouns, verbs or examples",
                folder.display()
            );
            return Err(Error::Distill(problem));
        }
        let mut texts: Vec<String> = (0..REQUESTS)
            .map(|_| wordnet.request(&mut random))
            .collect();
        texts.extend((0..LONG_REQUESTS).map(|_| wordnet.long_request(&mut random)));
        wordnet.definitions.shuffle(&mut random);
        texts.extend(wordnet.definitions.into_iter().take(DEFINITIONS));
        wordnet.examples.shuffle(&mut random);
        texts.extend(wordnet.examples.into_iter().take(EXAMPLES));
        Ok(Self::new(
            "WordNet 3.1",
            sha256(checksums.as_bytes()),
            texts,
        ))
    }

    /// Leaves out texts that `is_unwanted` and those that occurred before, in this corpus or in `seen`; returns how
    /// many were unwanted.
    pub fn retain(
        &mut self,
        seen: &mut HashSet<String>,
        is_unwanted: impl Fn(&str) -> bool,
    ) -> usize {
        let mut unwanted = 0;
        self.texts.retain(|text| {
            let drop = is_unwanted(text);
            unwanted += usize::from(drop);
            !drop && seen.insert(text.clone())
        });
        self.source.texts = self.texts.len();
        unwanted
    }
}

/// A word and what it means.
struct Entry {
    word: String,
    meaning: String,
}

#[derive(Default)]
struct WordNet {
    nouns: Vec<Entry>,
    verbs: Vec<Entry>,
    definitions: Vec<String>,
    examples: Vec<String>,
}

impl WordNet {
    /// Reads a database file: a licence in indented lines, then a line per meaning,
    /// `offset file kind count word id … | definition; "example"`.
    fn read(&mut self, content: &str, path: &Path, is_common: &dyn Fn(&str) -> bool) -> Result<()> {
        for (line, content) in (1..)
            .zip(content.lines())
            .filter(|(_, line)| !line.starts_with("  "))
        {
            let (kind, words, gloss) = parse(content).ok_or_else(|| {
                let place = path.display();
                Error::Distill(format!(
                    "{place}, line {line}: no line of WordNet's; run `cargo xtask fetch texts`"
                ))
            })?;
            let mut quoted = gloss.split('"');
            let meaning = quoted.next().unwrap_or_default();
            let meaning = meaning.trim_matches([' ', ';', ':']).to_owned();
            let examples = quoted.step_by(2).map(str::trim);
            self.examples.extend(
                examples
                    .filter(|text| has_words(text, 3))
                    .map(str::to_owned),
            );
            if !has_words(&meaning, 2) {
                continue;
            }
            let common = words.iter().find(|word| is_common(word));
            // Of rare words, mostly plants and beasts, at most every fourth definition.
            if let Some(word) = common.or(words
                .first()
                .filter(|_| self.definitions.len().is_multiple_of(4)))
            {
                let named = self.definitions.len().is_multiple_of(2);
                self.definitions.push(if named {
                    format!("{word}: {meaning}")
                } else {
                    meaning.clone()
                });
            }
            if let Some(word) = common {
                let entry = Entry {
                    word: word.clone(),
                    meaning,
                };
                match kind {
                    "n" => self.nouns.push(entry),
                    "v" => self.verbs.push(entry),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn request(&self, random: &mut ChaCha8Rng) -> String {
        let (frames, content) = if random.random_bool(0.5) {
            (ACTION_FRAMES, self.action(random))
        } else {
            (THING_FRAMES, self.thing(random))
        };
        sentence(pick::<&str>(frames, random), &content)
    }

    fn long_request(&self, random: &mut ChaCha8Rng) -> String {
        let mut sentences = Vec::new();
        if random.random_bool(0.5) {
            sentences.push(sentence(
                pick::<&str>(CIRCUMSTANCE_FRAMES, random),
                &self.thing(random),
            ));
        }
        for _ in 0..random.random_range(2..4) {
            sentences.push(if random.random_bool(0.6) {
                self.request(random)
            } else {
                sentence("{}.", pick::<String>(&self.examples, random))
            });
        }
        sentences.join(" ")
    }

    /// "obtain by purchase", "buy a house"
    fn action(&self, random: &mut ChaCha8Rng) -> String {
        let verb = pick(&self.verbs, random);
        if random.random_bool(0.3) {
            return verb.meaning.clone();
        }
        format!("{} {}", verb.word, self.thing(random))
    }

    /// "the house", "a building in which something is sheltered", "house and garden"
    fn thing(&self, random: &mut ChaCha8Rng) -> String {
        let noun = pick(&self.nouns, random);
        match random.random_range(0..4) {
            0 => format!("{} and {}", noun.word, pick(&self.nouns, random).word),
            1 => noun.meaning.clone(),
            _ => format!(
                "{}{}",
                pick(&["the ", "a ", "my ", "some ", ""], random),
                noun.word
            ),
        }
    }
}

/// The kind (n, v, a, s, r), words and gloss of a line.
fn parse(line: &str) -> Option<(&str, Vec<String>, &str)> {
    let (head, gloss) = line.split_once('|')?;
    let mut fields = head.split_ascii_whitespace().skip(2);
    let kind = fields.next()?;
    let count = usize::from_str_radix(fields.next()?, 16).ok()?;
    let words: Vec<_> = fields
        .step_by(2)
        .take(count)
        .map(|word| word.split('(').next().unwrap_or(word).replace('_', " "))
        .collect();
    (words.len() == count && count > 0).then_some((kind, words, gloss))
}

fn has_words(text: &str, count: usize) -> bool {
    text.split_ascii_whitespace().nth(count - 1).is_some()
}

/// `content` in a frame, with a capital.
fn sentence(frame: &str, content: &str) -> String {
    let text = frame.replace("{}", content);
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

fn pick<'a, T>(items: &'a [T], random: &mut ChaCha8Rng) -> &'a T {
    items
        .choose(random)
        .expect("lists to pick from are not empty")
}

fn utf8<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str> {
    std::str::from_utf8(bytes)
        .map_err(|error| Error::Distill(format!("{}: not UTF-8: {error}", path.display())))
}
