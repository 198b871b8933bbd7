//! Embeddings on disk, so that a model runs once per text.
//!
//! There is one file per embedder, `<fingerprint>.vectors`:
//!
//! | bytes | content |
//! | --- | --- |
//! | 8 | `OATSVEC1` |
//! | 4 + 8 | dimension d (`u32`), number of vectors n (`u64`), little-endian |
//! | n × (32 + 4·d) | SHA-256 of the text, vector (`f32`, little-endian) |
//! | 32 | SHA-256 of all bytes before |
//!
//! A file that does not fit this description is renamed to `….damaged`, reported on standard error and made anew.
//! Files are replaced as a whole; if two processes write the same one, the last wins and nothing is damaged.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView1};
use sha2::{Digest, Sha256};

use crate::Embedder;
use crate::error::{Error, Result};
use crate::files::write_atomically;

const MAGIC: &[u8; 8] = b"OATSVEC1";
const HEADER: usize = MAGIC.len() + 4 + 8;

/// Texts given to an embedder at once, between two calls of `on_progress`.
const CHUNK: usize = 256;

/// New vectors between two writes: what an interruption can cost.
const SAVE_EVERY: usize = 4096;

/// Largest accepted distance of a vector's length from 1.
const NORM_TOLERANCE: f64 = 1e-3;

type Key = [u8; 32];

/// A folder of embeddings.
///
/// ```
/// use oats_embedders::{EmbeddingCache, StaticTable};
///
/// let folder = tempfile::tempdir()?;
/// let cache = EmbeddingCache::open(folder.path())?;
/// let vectors = cache.embed(&StaticTable::builtin()?, &["weather in Oslo", "stock prices"], &|_| {})?;
/// assert_eq!(vectors.dim(), (2, 256));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EmbeddingCache {
    dir: PathBuf,
}

impl EmbeddingCache {
    /// Uses the folder `dir`, creating it if need be.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be created.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        std::fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        Ok(Self { dir })
    }

    /// One vector of length 1 per text, in order; the same bits whether they were computed now or earlier.
    ///
    /// Each unknown text is embedded once, however often it stands in `texts`. `on_progress` is given the number of
    /// texts newly done, from this thread; the numbers add up to `texts.len()`. Embedders that are
    /// [not worth caching](Embedder::worth_caching) leave no file.
    ///
    /// # Errors
    /// The embedder's own, [`Error::Text`] for a vector that is not finite or not of length 1 ± 10⁻³,
    /// [`Error::Backend`] for the wrong number of vectors, [`Error::Io`] if the file cannot be read or written.
    /// What was embedded before the error is kept.
    pub fn embed(
        &self,
        embedder: &dyn Embedder,
        texts: &[&str],
        on_progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Array2<f32>> {
        let path = self.dir.join(format!("{}.vectors", embedder.fingerprint()));
        let mut store = if embedder.worth_caching() {
            Store::load(&path, embedder.dimension())?
        } else {
            Store::empty(embedder.dimension())
        };
        let keys: Vec<Key> = texts
            .iter()
            .map(|text| Sha256::digest(text).into())
            .collect();

        let mut unknown: Vec<(Key, &str)> = Vec::new();
        let mut seen = HashSet::new();
        for (&key, &text) in keys.iter().zip(texts) {
            if !store.rows.contains_key(&key) && seen.insert(key) {
                unknown.push((key, text));
            }
        }
        on_progress(texts.len() - unknown.len());

        let mut unsaved = 0;
        let mut outcome = Ok(());
        for chunk in unknown.chunks(CHUNK) {
            outcome = embed_chunk(embedder, chunk, &mut store);
            if outcome.is_err() {
                break;
            }
            on_progress(chunk.len());
            unsaved += chunk.len();
            if unsaved >= SAVE_EVERY && embedder.worth_caching() {
                store.save(&path)?;
                unsaved = 0;
            }
        }
        if unsaved > 0 && embedder.worth_caching() {
            store.save(&path)?;
        }
        outcome?;
        store.gather(&keys)
    }
}

fn embed_chunk(embedder: &dyn Embedder, chunk: &[(Key, &str)], store: &mut Store) -> Result<()> {
    let texts: Vec<&str> = chunk.iter().map(|(_, text)| *text).collect();
    let vectors = embedder.embed(&texts)?;
    if vectors.dim() != (texts.len(), embedder.dimension()) {
        let (expected, found) = ((texts.len(), embedder.dimension()), vectors.dim());
        return Err(Error::Backend {
            embedder: embedder.name().to_owned(),
            reason: format!("its vectors have shape {found:?} instead of {expected:?}"),
        });
    }
    for (vector, text) in vectors.rows().into_iter().zip(&texts) {
        check(vector).map_err(|reason| Error::text(embedder.name(), text, reason))?;
    }
    for (vector, (key, _)) in vectors.rows().into_iter().zip(chunk) {
        store.push(*key, vector.iter().copied());
    }
    Ok(())
}

fn check(vector: ArrayView1<f32>) -> std::result::Result<(), String> {
    if let Some(place) = vector.iter().position(|x| !x.is_finite()) {
        return Err(format!(
            "component {place} of its vector is {}",
            vector[place]
        ));
    }
    let norm = vector
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt();
    if (norm - 1.0).abs() > NORM_TOLERANCE {
        return Err(format!("its vector has length {norm}, not 1"));
    }
    Ok(())
}

/// The vectors of one embedder.
struct Store {
    dimension: usize,
    keys: Vec<Key>,
    values: Vec<f32>,
    /// Row number of each key.
    rows: HashMap<Key, usize>,
}

impl Store {
    fn empty(dimension: usize) -> Self {
        Self {
            dimension,
            keys: Vec::new(),
            values: Vec::new(),
            rows: HashMap::new(),
        }
    }

    fn load(path: &Path, dimension: usize) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::empty(dimension)),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        if let Some(store) = Self::from_bytes(&bytes, dimension) {
            return Ok(store);
        }
        let aside = path.with_extension("vectors.damaged");
        std::fs::rename(path, &aside).map_err(Error::io("rename", path))?;
        eprintln!(
            "warning: the embedding cache {} is damaged; moved to {}, embedding again",
            path.display(),
            aside.display()
        );
        Ok(Self::empty(dimension))
    }

    fn from_bytes(bytes: &[u8], dimension: usize) -> Option<Self> {
        let (content, checksum) = bytes.split_last_chunk::<32>()?;
        if Sha256::digest(content)[..] != checksum[..] {
            return None;
        }
        let header = content.get(..HEADER)?;
        if header
            != Self::header(
                dimension,
                (content.len() - HEADER) / Self::record(dimension),
            )
        {
            return None;
        }
        let mut store = Self::empty(dimension);
        let records = content[HEADER..].chunks_exact(Self::record(dimension));
        if !records.remainder().is_empty() {
            return None;
        }
        for record in records {
            let (key, vector) = record.split_first_chunk::<32>()?;
            let (numbers, _) = vector.as_chunks::<4>();
            let numbers: Vec<f32> = numbers
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect();
            check(ArrayView1::from(&numbers)).ok()?;
            store.push(*key, numbers.into_iter());
        }
        Some(store)
    }

    fn save(&self, path: &Path) -> Result<()> {
        let count = self.keys.len();
        let mut bytes = Vec::with_capacity(HEADER + count * Self::record(self.dimension) + 32);
        bytes.extend(Self::header(self.dimension, count));
        for (key, vector) in self.keys.iter().zip(self.values.chunks(self.dimension)) {
            bytes.extend(key);
            bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        }
        bytes.extend(Sha256::digest(&bytes));
        write_atomically(&bytes, path)
    }

    fn header(dimension: usize, count: usize) -> Vec<u8> {
        let dimension = (dimension as u32).to_le_bytes();
        [&MAGIC[..], &dimension, &(count as u64).to_le_bytes()].concat()
    }

    /// Bytes of a key and its vector.
    fn record(dimension: usize) -> usize {
        32 + 4 * dimension
    }

    fn push(&mut self, key: Key, vector: impl Iterator<Item = f32>) {
        self.rows.insert(key, self.keys.len());
        self.keys.push(key);
        self.values.extend(vector);
    }

    /// The vectors of `keys`, all of which are in the store.
    fn gather(&self, keys: &[Key]) -> Result<Array2<f32>> {
        let mut vectors = Array2::zeros((keys.len(), self.dimension));
        for (mut row, key) in vectors.rows_mut().into_iter().zip(keys) {
            let start = self.rows[key] * self.dimension;
            row.assign(&ArrayView1::from(
                &self.values[start..start + self.dimension],
            ));
        }
        Ok(vectors)
    }
}
