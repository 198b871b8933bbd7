//! What routers that are trained from scratch read: the built-in table's WordPieces, numbered anew.

use std::collections::BTreeSet;

use oats_embedders::WordPieces;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{Error, State};

/// The WordPieces that occur in some texts, numbered from 1.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    tokeniser: WordPieces,
    /// The tokeniser's ids in rising order; the piece at position *i* has the number *i* + 1.
    pieces: Vec<u32>,
    max_length: usize,
}

/// The number of every piece that is not in the vocabulary; fit for padding, too.
pub(crate) const UNKNOWN: u32 = 0;

/// A text with a share (0 to 1) of its pieces read as unknown: a network that saw none unknown in
/// training would meet the first one in service.
pub(crate) fn with_unknowns(ids: &[u32], share: f32, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let read = |&id| {
        if rng.random::<f32>() < share {
            UNKNOWN
        } else {
            id
        }
    };
    ids.iter().map(read).collect()
}

impl Vocabulary {
    /// The pieces of `texts`, each read up to its first `max_length` (≥ 1) pieces.
    ///
    /// # Errors
    /// [`Error::Text`] if the tokeniser fails on a text.
    pub(crate) fn new<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        max_length: usize,
    ) -> Result<Self, Error> {
        let tokeniser = WordPieces::builtin()?;
        let mut pieces = BTreeSet::new();
        for text in texts {
            pieces.extend(tokeniser.ids(text)?.into_iter().take(max_length));
        }
        Ok(Self {
            tokeniser,
            pieces: pieces.into_iter().collect(),
            max_length,
        })
    }

    /// How many numbers there are, [`UNKNOWN`] among them; every id is below this.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len() + 1
    }

    /// The numbers of a text's pieces: at least one, at most `max_length`. A text without pieces, or
    /// one that the tokeniser fails on, is one unknown piece: a request is always answered.
    pub(crate) fn ids(&self, text: &str) -> Vec<u32> {
        let mut ids = self.tokeniser.ids(text).unwrap_or_default();
        ids.truncate(self.max_length);
        for id in &mut ids {
            *id = match self.pieces.binary_search(id) {
                // The tokeniser's ids are u32, so there are no more positions than that.
                Ok(position) => position as u32 + 1,
                Err(_) => UNKNOWN,
            };
        }
        if ids.is_empty() {
            ids.push(UNKNOWN);
        }
        ids
    }

    /// The note that [`restore`](Self::restore) makes the same vocabulary of.
    pub(crate) fn state(&self) -> State {
        let mut state = State::default();
        state.note("pieces", self.pieces.clone());
        state
    }

    /// # Errors
    /// [`Error::State`] if the note is damaged.
    pub(crate) fn restore(state: &State, max_length: usize) -> Result<Self, Error> {
        let vocabulary = Self {
            tokeniser: WordPieces::builtin()?,
            pieces: state.read("pieces")?,
            max_length,
        };
        if !vocabulary.pieces.is_sorted_by(|one, next| one < next) {
            return Err(Error::State("its vocabulary is damaged".to_owned()));
        }
        Ok(vocabulary)
    }
}
