//! WordPieces: the tokens that the built-in table and routers trained from scratch read texts as.
//!
//! A text is normalised as BERT's uncased models do it (lower case, accents removed, control
//! characters dropped), cut at blanks and punctuation, and each word is cut into the longest pieces
//! the vocabulary has, from the left; a piece that continues a word is written `##piece` (Devlin et
//! al., *BERT*, 2019, after Wu et al., arXiv 1609.08144). A word that cannot be cut, or is longer
//! than 100 characters, is the one token `[UNK]`. There is no `[CLS]`, no `[SEP]` and no padding: a
//! model that wants such tokens gives them ids from [`WordPieces::vocabulary_size`] on.

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

    /// The tokeniser over a table's `vocabulary`: one token a line, its id the line's number.
    pub(crate) fn of_table(table: &SafeTensors) -> Result<Self> {
        let vocabulary = tensor(table, "vocabulary", Dtype::U8)?;
        let vocabulary = std::str::from_utf8(vocabulary.data()).map_err(invalid)?;
        let ids = WordPiece::read_bytes(vocabulary.as_bytes()).map_err(invalid)?;
        if ids.len() != vocabulary.split('\n').count() {
            return Err(invalid("a token is empty or occurs twice"));
        }
        if !ids.contains_key(UNKNOWN) {
            return Err(invalid(format!("the vocabulary has no {UNKNOWN}")));
        }
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
        Ok(Self { tokenizer })
    }

    /// The tokens of `text`, in order; none if it holds only blanks and control characters.
    ///
    /// Every id is below [`vocabulary_size`](Self::vocabulary_size).
    ///
    /// # Errors
    /// [`Error::Text`] if the tokeniser fails on the text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        match self.tokenizer.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(error) => Err(Error::text("the WordPiece tokeniser", text, error)),
        }
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
