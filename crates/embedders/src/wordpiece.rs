//! WordPieces: the tokens that the built-in table and routers trained from scratch read texts as.
//!
//! A text is normalised as BERT's uncased models do it (lower case, accents removed, control
//! characters dropped), cut at blanks and punctuation, and each word is cut into the longest pieces
//! the vocabulary has, from the left; a piece that continues a word is written `##piece` (Devlin et
//! al., *BERT*, 2019, after Wu et al., arXiv 1609.08144). A word that cannot be cut, or is longer
//! than 100 characters, is the one token `[UNK]`. There is no `[CLS]`, no `[SEP]` and no padding: a
//! model that wants such tokens gives them ids from [`WordPieces::vocabulary_size`] on.
//!
//! Hugging Face's `tokenizers` defines the pieces, but takes most of a query's time. Blanks part a text
//! into chunks that do not affect each other; those of ASCII alone are cut here instead, into the same
//! pieces, and only the others are given to `tokenizers`.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors};
use tokenizers::{
    Tokenizer, models::wordpiece::WordPiece, normalizers::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer,
};

use crate::{
    error::{Error, Result},
    static_table::{BUILTIN, invalid, tensor},
};

pub(crate) const UNKNOWN: &str = "[UNK]";

/// BERT's uncased tokeniser over the vocabulary of a static table; ids are the table's rows.
///
/// ```
/// use oats_embedders::WordPieces;
///
/// let pieces = WordPieces::builtin()?;
/// let ids = pieces.ids("Unbelievable cafés!")?;
/// let tokens: Vec<_> = ids.iter().filter_map(|&id| pieces.token(id)).collect();
/// assert_eq!(tokens, ["unbelievable", "cafes", "!"]);
/// # Ok::<(), oats_embedders::Error>(())
/// ```
#[derive(Debug)]
pub struct WordPieces {
    tokenizer: Tokenizer,
    ascii: AsciiPieces,
}

impl WordPieces {
    /// The tokeniser of the [built-in table](crate::StaticTable::builtin), whose vectors are not
    /// read.
    ///
    /// # Errors
    /// [`Error::Table`] if the crate was built with a damaged table.
    pub fn builtin() -> Result<Self> {
        Self::of_table(&SafeTensors::deserialize(BUILTIN).map_err(invalid)?)
    }

    /// The tokeniser over a table's `vocabulary`.
    pub(crate) fn of_table(table: &SafeTensors) -> Result<Self> {
        let vocabulary = tensor(table, "vocabulary", Dtype::U8)?;
        Self::new(std::str::from_utf8(vocabulary.data()).map_err(invalid)?)
    }

    /// The tokeniser over this vocabulary: one token a line, its id the line's number.
    pub(crate) fn new(vocabulary: &str) -> Result<Self> {
        let ids = WordPiece::read_bytes(vocabulary.as_bytes()).map_err(invalid)?;
        if ids.len() != vocabulary.split('\n').count() {
            return Err(invalid("a token is empty or occurs twice"));
        }
        if !ids.contains_key(UNKNOWN) {
            return Err(invalid(format!("the vocabulary has no {UNKNOWN}")));
        }
        let ascii = AsciiPieces::new(&ids);
        let model = WordPiece::builder()
            .vocab(ids)
            .unk_token(UNKNOWN.to_owned())
            .build()
            .map_err(invalid)?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer
            .with_normalizer(Some(BertNormalizer::default()))
            .map_err(invalid)?
            .with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(Self { tokenizer, ascii })
    }

    /// The tokens of `text`, in order; none if it holds only blanks and control characters.
    ///
    /// Every id is below [`vocabulary_size`](Self::vocabulary_size).
    ///
    /// # Errors
    /// [`Error::Text`] if the tokeniser fails on the text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::with_capacity(text.len() / 4);
        let mut word = String::new();
        for chunk in text.split([' ', '\t', '\n', '\r']) {
            if chunk.is_ascii() {
                self.ascii.cut(chunk, &mut word, &mut ids);
            } else {
                let encoding = self
                    .tokenizer
                    .encode_fast(chunk, false)
                    .map_err(|error| Error::text("the WordPiece tokeniser", text, error))?;
                ids.extend_from_slice(encoding.get_ids());
            }
        }
        Ok(ids)
    }

    /// The token with this id, in BERT's notation; `None` from `vocabulary_size` on.
    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// How many tokens there are; their ids are the numbers below this.
    pub fn vocabulary_size(&self) -> usize {
        self.tokenizer.get_vocab_size(false)
    }
}

/// The longest word in characters that is cut into pieces, as in `tokenizers`.
const LONGEST_WORD: usize = 100;

/// Cuts ASCII as `tokenizers` does with the whole vocabulary.
#[derive(Debug)]
struct AsciiPieces {
    /// Pieces that begin a word.
    first: Pieces,
    /// Pieces that continue one, without their `##`.
    further: Pieces,
    unknown: u32,
}

/// Ids by piece, and the length of the longest piece.
#[derive(Debug, Default)]
struct Pieces {
    ids: HashMap<String, u32>,
    longest: usize,
}

impl AsciiPieces {
    fn new<'a>(vocabulary: impl IntoIterator<Item = (&'a String, &'a u32)>) -> Self {
        let (mut first, mut further, mut unknown) = (Pieces::default(), Pieces::default(), 0);
        for (token, &id) in vocabulary {
            if token == UNKNOWN {
                unknown = id;
            }
            match token.strip_prefix("##") {
                Some(piece) if !piece.is_empty() => further.insert(piece, id),
                _ => first.insert(token, id),
            }
        }
        Self {
            first,
            further,
            unknown,
        }
    }

    /// Appends the ids of a chunk without blanks. `word` is scratch space.
    fn cut(&self, chunk: &str, word: &mut String, ids: &mut Vec<u32>) {
        word.clear();
        for byte in chunk.bytes() {
            if byte.is_ascii_punctuation() {
                self.cut_word(word, ids);
                word.clear();
                word.push(char::from(byte));
                self.cut_word(word, ids);
                word.clear();
            } else if !byte.is_ascii_control() {
                word.push(char::from(byte.to_ascii_lowercase()));
            }
        }
        self.cut_word(word, ids);
    }

    fn cut_word(&self, word: &str, ids: &mut Vec<u32>) {
        if word.len() > LONGEST_WORD {
            ids.push(self.unknown);
            return;
        }
        let before = ids.len();
        let (mut rest, mut pieces) = (word, &self.first);
        while !rest.is_empty() {
            let Some((length, id)) = pieces.longest_prefix(rest) else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = &rest[length..];
            pieces = &self.further;
        }
    }
}

impl Pieces {
    fn insert(&mut self, piece: &str, id: u32) {
        self.longest = self.longest.max(piece.len());
        self.ids.insert(piece.to_owned(), id);
    }

    /// Length and id of the longest piece that `text`, which is ASCII, begins with.
    fn longest_prefix(&self, text: &str) -> Option<(usize, u32)> {
        (1..=text.len().min(self.longest))
            .rev()
            .find_map(|length| Some((length, *self.ids.get(&text[..length])?)))
    }
}
