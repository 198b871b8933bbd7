//! Makes the token table of [`StaticTable`](crate::StaticTable) out of a sentence encoder and plain texts.
//!
//! The recipe follows [Model2Vec](https://github.com/MinishLab/model2vec) and its Tokenlearn: token vectors to start
//! from, then a fit to the encoder's vectors of texts. No relevance label and no query of a benchmark takes part.
//!
//! 1. The axes of the table are the leading principal components of the teacher's vectors of the texts (around the
//!    origin, as cosines are).
//! 2. **Start.** Every WordPiece t of the vocabulary is embedded as a text of its own, `[CLS] t [SEP]`: x(t). `[UNK]`
//!    takes part; other special and `[unused…]` tokens do not. x(t) is centred, loses its first few principal
//!    components, which tell kinds of tokens apart (word, word end, character) and not meanings (Mu and Viswanath,
//!    *All-but-the-Top*, 2018), goes on the axes, and is weighted by a / (a + p(t)) (Arora, Liang and Ma, *A Simple but
//!    Tough-to-Beat Baseline for Sentence Embeddings*, 2017). BERT's vocabulary is sorted by falling frequency behind
//!    its single characters, so p(t) follows Zipf's law: 1 / (r·Hₙ) with r counted from the first token of several
//!    characters ("the"); single characters, punctuation among them, have r = 1.
//! 3. **Fit.** Adam moves the rows. The loss of a batch of texts is the mean of 1 − cos(table's vector, teacher's vector
//!    on the axes), plus the divergence of the table's from the teacher's similarities: for each text, the softmax of
//!    its similarities to the batch's others. The length of a row is fitted too, and takes over from the weight of 2.
//! 4. Rows are stored in 8 bits with a scale each.
//!
//! # Texts
//! [`Corpus`] makes them: WordNet's definitions and examples and requests in frames of our own; the caller adds the
//! texts of tools. Every twentieth text is held out, and [`Agreement`] is measured on it. The frames are of the kind that
//! people, and the benchmarks too, begin requests with; how many texts of each kind there are was set by hand, before
//! any benchmark was run with a fitted table.
//!
//! # How the defaults were chosen
//! By agreement with MiniLM on 4,448 held-out texts: the correlation of the two's similarities over all pairs, and the
//! share of a text's five nearest by MiniLM that are among its five nearest by the table. 84,523 texts were fitted to,
//! 4 times unless told otherwise; tables have 256 dimensions.
//!
//! | variant | correlation | nearest five |
//! | --- | --- | --- |
//! | the start alone, without a fit | 0.521 | 0.306 |
//! | temperature 0.05, rate 0.002 | 0.703 | 0.417 |
//! | temperature 0.05, rate 0.003 | 0.705 | 0.419 |
//! | the same, batch 1024 | 0.703 | 0.421 |
//! | temperature 0.05, rate 0.005 | 0.700 | 0.416 |
//! | temperature 0.05, rate 0.01 | 0.679 | 0.394 |
//! | temperature 0.1, rate 0.003 | 0.740 | 0.438 |
//! | temperature 0.1, rate 0.002, 6 times | 0.742 | 0.439 |
//! | **temperature 0.2, rate 0.003** | 0.744 | 0.440 |
//! | temperature 0.4, rate 0.003 | 0.740 | 0.437 |
//!
//! The settings were chosen on the very texts that these figures are of, and held-out texts are of the same kinds as
//! the others: they tell variants apart, not how well the table does on requests that people write.
//! The three settings of the start are those of the first version of the table, which were chosen by agreement
//! on descriptions of tools and on 800 requests of ToolE, without any label; they were not chosen again.

use std::collections::HashSet;

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use serde::{Deserialize, Serialize};

use crate::Embedder;
use crate::error::{Error, Result};
use crate::static_table::{self, Description, StaticTable, VERSION};
use crate::wordpiece::{UNKNOWN, WordPieces};

mod fit;
mod texts;

pub(crate) use texts::WORDNET_FILES;
pub use texts::{Corpus, Source};

/// One text in this many is held out to measure agreement on.
const HELD_OUT: usize = 20;

/// Nearest texts that [`Agreement::nearest`] compares.
const NEAREST: usize = 5;

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

/// What a table is to be like, and how it is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistillOptions {
    /// Length of a vector; at most the teacher's dimension.
    pub dimension: usize,
    /// Leading principal components of the tokens' vectors to leave out at the start.
    pub removed_components: usize,
    /// a of the weight a / (a + p) at the start, above 0: the smaller, the less frequent words count.
    pub smoothing: f64,
    /// How often each text is read.
    pub epochs: usize,
    /// Texts that are compared with each other in a step, at least 2.
    pub batch: usize,
    /// What similarities are divided by before the softmax, above 0.
    pub temperature: f64,
    /// Largest step length, above 0; the tokens' vectors have a length of 1 on average at the start.
    pub rate: f64,
    /// Of the order in which texts are read.
    pub seed: u64,
}

impl Default for DistillOptions {
    fn default() -> Self {
        Self {
            dimension: 256,
            removed_components: 3,
            smoothing: 3e-4,
            epochs: 4,
            batch: 512,
            temperature: 0.2,
            rate: 3e-3,
            seed: 0,
        }
    }
}

impl DistillOptions {
    /// Checks what can be checked without a teacher.
    ///
    /// # Errors
    /// [`Error::Distill`], naming the option.
    pub fn check(&self) -> Result<()> {
        for (name, value, least) in [("dimension", self.dimension, 1), ("batch", self.batch, 2)] {
            if value < least {
                let problem = format!("{name} is {value}, it must be at least {least}");
                return Err(Error::Distill(problem));
            }
        }
        for (name, value) in [
            ("smoothing", self.smoothing),
            ("temperature", self.temperature),
            ("rate", self.rate),
        ] {
            if !(value.is_finite() && value > 0.0) {
                let problem = format!("{name} is {value}, it must be above 0");
                return Err(Error::Distill(problem));
            }
        }
        Ok(())
    }
}

/// A table and how well it agrees with its teacher.
#[derive(Debug, Clone, PartialEq)]
pub struct Distilled {
    /// The table file; [`StaticTable::from_bytes`] reads it.
    pub table: Vec<u8>,
    /// Texts that it was fitted to.
    pub fitted: usize,
    /// On held-out texts, before and after the fit.
    pub agreement: [Agreement; 2],
}

/// How well a table's vectors of texts agree with the teacher's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Texts compared, each with each.
    pub texts: usize,
    /// Pearson's correlation of the two's similarities, −1…1.
    pub correlation: f64,
    /// Share of a text's five nearest texts by the teacher that are among the five nearest by the table, 0…1.
    pub nearest: f64,
}

/// Distils `teacher` into a table by way of `corpora`; `vectors` are the teacher's unit vectors of all their texts,
/// a row each.
///
/// The same vectors give the same bytes, for any number of threads. Vectors themselves may differ in the last bit
/// between processors. Texts without a token are left out, and every twentieth is held out.
///
/// # Errors
/// [`Error::Distill`] if an option is out of range, if there are too few texts or if the teacher gives vectors that
/// are not finite, and the teacher's own errors.
pub fn distill(
    teacher: &dyn Teacher,
    corpora: &[Corpus],
    vectors: ArrayView2<f32>,
    options: &DistillOptions,
) -> Result<Distilled> {
    options.check()?;
    let (token_ids, tokens): (Vec<u32>, Vec<&str>) = (0..)
        .zip(teacher.vocabulary())
        .filter(|(_, token)| is_wordpiece(token))
        .map(|(id, token)| (id, token.as_str()))
        .unzip();
    let texts: Vec<&str> = corpora
        .iter()
        .flat_map(|corpus| &corpus.texts)
        .map(String::as_str)
        .collect();
    if vectors.nrows() != texts.len() {
        let problem = format!(
            "there are {} vectors for {} texts",
            vectors.nrows(),
            texts.len()
        );
        return Err(Error::Distill(problem));
    }
    if options.dimension > vectors.ncols() {
        let problem = format!(
            "dimension {} is above the teacher's {}",
            options.dimension,
            vectors.ncols()
        );
        return Err(Error::Distill(problem));
    }
    check_finite(vectors)?;

    let pieces = WordPieces::new(&tokens.join("\n"))?;
    let (mut learnt, mut held_out, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (text, content) in texts.iter().enumerate() {
        let tokens = pieces.ids(content)?;
        if tokens.is_empty() {
            continue;
        }
        if text % HELD_OUT == HELD_OUT - 1 {
            held_out.push(text);
        } else {
            learnt.push(text);
            ids.push(tokens);
        }
    }
    if held_out.len() <= NEAREST || learnt.len() < options.batch {
        let problem = format!(
            "{} texts are too few; give at least {} and as many as a batch",
            texts.len(),
            200
        );
        return Err(Error::Distill(problem));
    }

    let taught = vectors.select(Axis(0), &learnt);
    let axes = principal_axes(taught.mapv(f64::from).view(), options.dimension)?;
    let mut table = start(teacher, &token_ids, &tokens, &axes, options)?;
    let mut target = fit::product(taught.view(), axes.mapv(|x| x as f32).view());
    for mut row in target.rows_mut() {
        row /= row.dot(&row).sqrt().max(f32::MIN_POSITIVE);
    }

    let description = Description {
        version: VERSION,
        teacher_sha256: teacher.sha256().to_owned(),
        options: options.clone(),
        sources: corpora.iter().map(|corpus| corpus.source.clone()).collect(),
    };
    let held_out_texts: Vec<&str> = held_out.iter().map(|&text| texts[text]).collect();
    let held_out_vectors = vectors.select(Axis(0), &held_out);
    let written = |table: &Array2<f32>| -> Result<(Vec<u8>, Agreement)> {
        let bytes = static_table::to_bytes(&tokens, table, &description)?;
        let ours = StaticTable::from_bytes(&bytes)?.embed(&held_out_texts)?;
        Ok((bytes, agreement(ours.view(), held_out_vectors.view())))
    };
    let (_, before) = written(&table)?;
    let lesson = fit::Lesson {
        ids: &ids,
        teacher: taught.view(),
        target: target.view(),
    };
    fit::fit(&mut table, &lesson, options);
    let (table, after) = written(&table)?;
    Ok(Distilled {
        table,
        fitted: learnt.len(),
        agreement: [before, after],
    })
}

/// Special tokens stand in brackets; `[` itself is an ordinary character.
fn is_wordpiece(token: &str) -> bool {
    let special = token.len() > 1 && token.starts_with('[') && token.ends_with(']');
    token == UNKNOWN || !special
}

fn check_finite(vectors: ArrayView2<f32>) -> Result<()> {
    if vectors.iter().any(|x| !x.is_finite()) {
        return Err(Error::Distill(
            "the teacher gave a vector that is not finite".to_owned(),
        ));
    }
    Ok(())
}

/// The tokens' own vectors on the texts' `axes` (teacher's dimension × dimension), weighted by frequency.
fn start(
    teacher: &dyn Teacher,
    ids: &[u32],
    tokens: &[&str],
    axes: &Array2<f64>,
    options: &DistillOptions,
) -> Result<Array2<f32>> {
    let vectors = teacher.embed_tokens(ids)?;
    let shape = (tokens.len(), axes.nrows());
    if vectors.dim() != shape || tokens.len() < 2 {
        let problem = format!(
            "the teacher gave tokens' vectors of shape {:?} instead of {shape:?}",
            vectors.dim()
        );
        return Err(Error::Distill(problem));
    }
    check_finite(vectors.view())?;
    if options.removed_components >= axes.nrows() {
        let (removed, all) = (options.removed_components, axes.nrows());
        let problem = format!(
            "removed_components is {removed}, it must be below the teacher's dimension {all}"
        );
        return Err(Error::Distill(problem));
    }
    let mut vectors = vectors.mapv(f64::from);
    vectors -= &(vectors.sum_axis(Axis(0)) / tokens.len() as f64);
    let kinds = principal_axes(vectors.view(), options.removed_components)?;
    let removed = vectors.dot(&kinds).dot(&kinds.t());
    let mut rows = (vectors - removed).dot(axes);
    for (mut row, weight) in rows
        .rows_mut()
        .into_iter()
        .zip(weights(tokens, options.smoothing))
    {
        row *= weight;
    }
    let squares = rows.mapv(|x| x * x).sum() / tokens.len() as f64;
    Ok(rows.mapv(|x| (x / squares.sqrt().max(f64::MIN_POSITIVE)) as f32))
}

/// The first `count` principal axes of rows around the origin, by falling variance, as columns.
fn principal_axes(rows: ArrayView2<f64>, count: usize) -> Result<Array2<f64>> {
    let moments = rows.t().dot(&rows) / rows.nrows() as f64;
    let (_, mut axes) = moments
        .eigh()
        .map_err(|error| Error::Distill(format!("no principal components: {error}")))?
        .sort_eig_desc();
    // An axis is only known up to its sign: make the largest entry positive.
    for mut axis in axes.columns_mut() {
        let largest = axis
            .iter()
            .fold(0.0f64, |a, &b| if b.abs() > a.abs() { b } else { a });
        axis *= 1.0f64.copysign(largest);
    }
    Ok(axes.slice_axis(Axis(1), Slice::from(..count)).to_owned())
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

fn agreement(ours: ArrayView2<f32>, teachers: ArrayView2<f32>) -> Agreement {
    let (ours, teachers) = (
        fit::product(ours, ours.t()),
        fit::product(teachers, teachers.t()),
    );
    let texts = ours.nrows();
    let (mut shared, mut sums) = (0, [0.0f64; 5]);
    for text in 0..texts {
        let nearest = |similarities: &Array2<f32>| -> HashSet<usize> {
            let row = similarities.row(text);
            let mut others: Vec<usize> = (0..texts).filter(|&other| other != text).collect();
            let by_similarity = |a: &usize, b: &usize| row[*b].total_cmp(&row[*a]).then(a.cmp(b));
            if others.len() > NEAREST {
                others.select_nth_unstable_by(NEAREST, by_similarity);
            }
            others.into_iter().take(NEAREST).collect()
        };
        shared += nearest(&ours).intersection(&nearest(&teachers)).count();
        for other in 0..text {
            let (x, y) = (
                f64::from(ours[[text, other]]),
                f64::from(teachers[[text, other]]),
            );
            for (sum, term) in sums.iter_mut().zip([x, y, x * x, y * y, x * y]) {
                *sum += term;
            }
        }
    }
    let pairs = (texts * (texts - 1) / 2) as f64;
    let [x, y, xx, yy, xy] = sums.map(|sum| sum / pairs);
    Agreement {
        texts,
        correlation: (xy - x * y) / ((xx - x * x) * (yy - y * y)).sqrt(),
        nearest: shared as f64 / (texts * NEAREST) as f64,
    }
}
