//! Makes the token table of [`StaticTable`](crate::StaticTable) out of a sentence encoder, without any text.
//!
//! The recipe is [Model2Vec](https://github.com/MinishLab/model2vec)'s, with a weighting after Arora, Liang and Ma
//! (*A Simple but Tough-to-Beat Baseline for Sentence Embeddings*, 2017) and the component removal of Mu and
//! Viswanath (*All-but-the-Top*, 2018):
//!
//! 1. Every WordPiece t of the vocabulary is embedded as a text of its own, `[CLS] t [SEP]`: x(t).
//!    `[UNK]` takes part; other special and `[unused…]` tokens do not.
//! 2. x(t) is centred and projected on the principal components of all x. The first few components are left out:
//!    they tell kinds of tokens apart (word, word end, character), not meanings.
//! 3. The row of t is weighted by a / (a + p(t)). BERT's vocabulary is sorted by falling frequency behind its single
//!    characters, so p(t) follows Zipf's law: 1 / (r·Hₙ) with r counted from the first token of several characters
//!    ("the"); single characters, punctuation among them, have r = 1.
//! 4. Rows are stored in 8 bits with a scale each.
//!
//! # How the defaults were chosen
//! By agreement with MiniLM on texts, without any relevance label: Spearman's ρ between the two embedders'
//! similarities over all pairs of 199 MetaTool descriptions, of 800 ToolBench API descriptions, and of 800 ToolE
//! requests that are in no MetaTool subtask (they may be test queries of `toole`; their labels were not read).
//!
//! | variant (256 dimensions) | tools | APIs | requests |
//! | --- | --- | --- | --- |
//! | no weights, nothing removed | 0.42 | 0.34 | 0.25 |
//! | a = 10⁻³, nothing removed | 0.58 | 0.48 | 0.42 |
//! | a = 10⁻⁴, nothing removed | 0.57 | 0.47 | 0.46 |
//! | a = 10⁻³, 3 components removed | 0.59 | 0.54 | 0.47 |
//! | a = 10⁻⁴, 3 components removed | 0.59 | 0.52 | 0.52 |
//! | **a = 3·10⁻⁴, 3 components removed** | 0.60 | 0.53 | 0.51 |
//! | the same, not centred | 0.43 | 0.34 | 0.30 |
//!
//! Unit-length x(t) before the analysis, mild whitening (λ^-¼) and 381 instead of 256 dimensions changed ρ by at most
//! 0.02 either way, 8-bit rows by less than 0.001; 128 dimensions lost 0.02, full whitening 0.05.

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array1, Array2, Axis, Slice};

use crate::error::{Error, Result};
use crate::static_table::{self, Description, VERSION};
use crate::wordpiece::UNKNOWN;

/// A sentence encoder that shows its vocabulary; see [`Candle`](crate::minilm::Candle).
pub trait Teacher {
    /// Token strings by id, in BERT's notation (`[UNK]`, `##ing`), by falling frequency behind single characters.
    fn vocabulary(&self) -> &[String];
    /// SHA-256 (hex) of the weights.
    fn sha256(&self) -> &str;
    /// One row per id: the embedding of a text of this token alone, of any length.
    ///
    /// # Errors
    /// Whatever keeps the encoder from running.
    fn embed_tokens(&self, ids: &[u32]) -> Result<Array2<f32>>;
}

/// What a table is to be like.
#[derive(Debug, Clone, PartialEq)]
pub struct DistillOptions {
    /// Length of a vector; at most the teacher's dimension less `removed_components`.
    pub dimension: usize,
    /// Leading principal components to leave out.
    pub removed_components: usize,
    /// a of the weight a / (a + p), above 0: the smaller, the less frequent words count.
    pub smoothing: f64,
}

impl Default for DistillOptions {
    fn default() -> Self {
        Self {
            dimension: 256,
            removed_components: 3,
            smoothing: 3e-4,
        }
    }
}

impl DistillOptions {
    /// Checks what can be checked without a teacher.
    ///
    /// # Errors
    /// [`Error::Distill`], naming the option.
    pub fn check(&self) -> Result<()> {
        if self.dimension == 0 {
            return Err(Error::Distill(
                "dimension is 0, it must be at least 1".to_owned(),
            ));
        }
        if !(self.smoothing.is_finite() && self.smoothing > 0.0) {
            let problem = format!("smoothing is {}, it must be above 0", self.smoothing);
            return Err(Error::Distill(problem));
        }
        Ok(())
    }
}

/// Distils `teacher` into the bytes of a table file; [`StaticTable::from_bytes`](crate::StaticTable::from_bytes)
/// reads them.
///
/// The same teacher vectors give the same bytes. Teacher vectors themselves may differ in the last bit between
/// processors.
///
/// # Errors
/// [`Error::Distill`] if an option is out of range or the teacher gives vectors that are not finite, and the
/// teacher's own errors.
pub fn distill(teacher: &dyn Teacher, options: &DistillOptions) -> Result<Vec<u8>> {
    options.check()?;
    let (ids, tokens): (Vec<u32>, Vec<&str>) = (0..)
        .zip(teacher.vocabulary())
        .filter(|(_, token)| is_wordpiece(token))
        .map(|(id, token)| (id, token.as_str()))
        .unzip();
    let vectors = teacher.embed_tokens(&ids)?.mapv(f64::from);
    check(&vectors, tokens.len(), options)?;

    let mut vectors = principal_components(vectors, options)?;
    for (mut row, weight) in vectors
        .rows_mut()
        .into_iter()
        .zip(weights(&tokens, options.smoothing))
    {
        row *= weight;
    }
    let description = Description {
        version: VERSION,
        teacher_sha256: teacher.sha256().to_owned(),
        dimension: options.dimension,
        removed_components: options.removed_components,
        smoothing: options.smoothing,
    };
    static_table::to_bytes(&tokens, &vectors, &description)
}

/// Special tokens stand in brackets; `[` itself is an ordinary character.
fn is_wordpiece(token: &str) -> bool {
    let special = token.len() > 1 && token.starts_with('[') && token.ends_with(']');
    token == UNKNOWN || !special
}

fn check(vectors: &Array2<f64>, tokens: usize, options: &DistillOptions) -> Result<()> {
    let kept = options.dimension.saturating_add(options.removed_components);
    let problem = if vectors.nrows() != tokens || tokens < 2 {
        format!(
            "the teacher gave {} vectors for {tokens} tokens",
            vectors.nrows()
        )
    } else if vectors.iter().any(|x| !x.is_finite()) {
        "the teacher gave a vector that is not finite".to_owned()
    } else if kept > vectors.ncols() {
        format!(
            "dimension {} and {} removed components do not fit the teacher's {} dimensions",
            options.dimension,
            options.removed_components,
            vectors.ncols()
        )
    } else {
        return Ok(());
    };
    Err(Error::Distill(problem))
}

/// Centred rows on the principal components, by falling variance, without the first few.
fn principal_components(mut vectors: Array2<f64>, options: &DistillOptions) -> Result<Array2<f64>> {
    let count = vectors.nrows() as f64;
    let mean = vectors.sum_axis(Axis(0)) / count;
    vectors -= &mean;
    let covariance = vectors.t().dot(&vectors) / count;
    let (_, mut components) = covariance
        .eigh()
        .map_err(|error| Error::Distill(format!("no principal components: {error}")))?
        .sort_eig_desc();
    // A component is only known up to its sign: make the largest entry positive.
    for mut component in components.columns_mut() {
        let largest = component
            .iter()
            .fold(0.0f64, |a, &b| if b.abs() > a.abs() { b } else { a });
        component *= 1.0f64.copysign(largest);
    }
    let first = options.removed_components;
    let kept = Slice::from(first..first + options.dimension);
    Ok(vectors.dot(&components.slice_axis(Axis(1), kept)))
}

fn weights(tokens: &[&str], smoothing: f64) -> Array1<f64> {
    let first_word = tokens
        .iter()
        .position(|token| *token != UNKNOWN && token.chars().nth(1).is_some())
        .unwrap_or(0);
    let harmonic: f64 = (1..=tokens.len()).map(|rank| 1.0 / rank as f64).sum();
    let weight = |index: usize| {
        let rank = (index + 1).saturating_sub(first_word).max(1);
        let probability = 1.0 / (rank as f64 * harmonic);
        smoothing / (smoothing + probability)
    };
    (0..tokens.len()).map(weight).collect()
}
