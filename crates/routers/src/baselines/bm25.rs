//! `bm25`: words in common. The `bm25` crate cuts texts into words and weighs those of tools.

use std::collections::HashMap;

use bm25::{DefaultTokenizer, Embedder, EmbedderBuilder, Language, Tokenizer};
use oats_datasets::ToolId;
use serde::{Deserialize, Serialize};

use crate::{Error, Ranked, Request, Router, RouterKind, State, Training, router::top_k};

/// Settings of Okapi BM25 (Robertson and Zaragoza 2009, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bm25Params {
    /// How fast repeated words stop counting; 0 (at once) to 1,000 (hardly at all).
    pub k1: f32,
    /// How much long texts are discounted; 0 (not at all) to 1.
    pub b: f32,
}

impl Default for Bm25Params {
    fn default() -> Self {
        Self { k1: 1.2, b: 0.75 }
    }
}

impl RouterKind for Bm25Params {
    const READS_EMBEDDINGS: bool = false;

    fn check(&self) -> Result<(), Error> {
        let setting =
            |field, value: f32, expected| Err(Error::setting("bm25", field, &value, expected));
        if !(0.0..=1000.0).contains(&self.k1) {
            return setting("k1", self.k1, "between 0 and 1000");
        }
        if !(0.0..=1.0).contains(&self.b) {
            return setting("b", self.b, "between 0 and 1");
        }
        Ok(())
    }

    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(self.fit(training)?))
    }

    fn restore(&self, state: &State) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(self.restore(state)?))
    }
}

impl Bm25Params {
    /// Indexes the tools of the training view; reads neither its queries nor its vectors.
    ///
    /// # Errors
    /// [`Error::Setting`] if a setting is out of range.
    pub fn fit(&self, training: &Training<'_>) -> Result<Bm25, Error> {
        self.check()?;
        let texts = training
            .tools
            .iter()
            .map(|tool| split_identifiers(&tool.text))
            .collect();
        Ok(Bm25::index(*self, texts))
    }

    pub(crate) fn restore(&self, state: &State) -> Result<Bm25, Error> {
        Ok(Bm25::index(*self, state.read("texts")?))
    }
}

/// An index of the tool texts: identifiers split, English stop words removed, words stemmed.
///
/// The inverse document frequency is ln(1 + (N − n + ½) / (n + ½)), which is never negative; a
/// word that stands twice in a request counts twice.
pub struct Bm25 {
    /// The tool texts, identifiers split.
    texts: Vec<String>,
    embedder: Embedder<WordId>,
    /// The tools that a word stands in, with what it adds to their scores.
    index: HashMap<WordId, Vec<(ToolId, f32)>>,
}

/// The `bm25` crate knows words by their hashes. Its default of 32 bits is too short: among ToolE's
/// words, `moderate` and `module` would be one.
type WordId = u64;

impl Bm25 {
    fn index(params: Bm25Params, texts: Vec<String>) -> Self {
        let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embedder = EmbedderBuilder::with_fit_to_corpus(Language::English, &corpus)
            .k1(params.k1)
            .b(params.b)
            .build();
        // Not the crate's scorer: it searches the words of every text that shares one, which takes a
        // hundred times as long.
        let mut index: HashMap<WordId, Vec<(ToolId, f32)>> = HashMap::new();
        for (tool, text) in texts.iter().enumerate() {
            for word in embedder.embed(text).iter() {
                let tools = index.entry(word.index).or_default();
                // A word that is repeated comes as often, each time with the weight of all.
                if tools.last().is_none_or(|&(last, _)| last != tool) {
                    tools.push((tool, word.value));
                }
            }
        }
        let total = texts.len() as f32;
        for tools in index.values_mut() {
            let frequency = tools.len() as f32;
            let rarity = (1.0 + (total - frequency + 0.5) / (frequency + 0.5)).ln();
            tools.iter_mut().for_each(|(_, weight)| *weight *= rarity);
        }
        Self {
            texts,
            embedder,
            index,
        }
    }

    /// The words that a text is indexed and searched by, in order.
    pub fn words(text: &str) -> Vec<String> {
        DefaultTokenizer::new(Language::English).tokenize(&split_identifiers(text))
    }

    pub(crate) fn catalogue_size(&self) -> usize {
        self.texts.len()
    }

    /// Every tool's score for a text.
    pub(crate) fn scores(&self, text: &str) -> Vec<f32> {
        let asked = self.embedder.embed(&split_identifiers(text));
        let mut scores = vec![0.0; self.texts.len()];
        for &(tool, gain) in asked
            .indices()
            .filter_map(|word| self.index.get(word))
            .flatten()
        {
            scores[tool] += gain;
        }
        scores
    }
}

impl Router for Bm25 {
    /// Scores are ≥ 0; a tool that shares no word with the request scores 0.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let scores = self.scores(request.text);
        top_k(request, self.texts.len(), k, |tool| scores[tool])
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.note("texts", self.texts.clone());
        state
    }
}

/// `book_clinic_visit` and `DownloadFile` as the words people type; each would be one word otherwise.
fn split_identifiers(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut previous = ' ';
    for character in text.chars() {
        if previous.is_lowercase() && character.is_uppercase() {
            words.push(' ');
        }
        words.push(if character == '_' { ' ' } else { character });
        previous = character;
    }
    words
}
