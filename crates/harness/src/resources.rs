//! Where an experiment gets its benchmarks and embeddings, each loaded once.

use std::{
    collections::HashMap,
    fmt,
    num::NonZeroUsize,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use ndarray::{Array2, Axis};
use oats_datasets::{Benchmark, Dataset, Sources};
use oats_embedders::{Backend, Embedder, EmbeddingCache, Minilm, ModelSources, StaticTable};
use oats_llm::Chat;
use serde::{Deserialize, Serialize};

use crate::{Error, Observer};

/// An embedder by the name of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbedderKind {
    /// all-MiniLM-L6-v2, 384 components.
    Minilm,
    /// The same with 8-bit arithmetic.
    MinilmInt8,
    /// The built-in token table, 256 components.
    Static,
}

impl EmbedderKind {
    pub(crate) const ALL: [Self; 3] = [Self::Minilm, Self::MinilmInt8, Self::Static];

    /// Whether its vectors are computed in 8 bits: another processor changes them by more than rounding, and
    /// another file is another model.
    pub(crate) fn has_eight_bits(self) -> bool {
        self == Self::MinilmInt8
    }
}

impl fmt::Display for EmbedderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minilm => "minilm",
            Self::MinilmInt8 => "minilm-int8",
            Self::Static => "static",
        })
    }
}

impl FromStr for EmbedderKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.map(|kind| kind.to_string());
        let place = known.iter().position(|known| known == name);
        place.map(|place| Self::ALL[place]).ok_or_else(|| {
            let known = known.join(", ");
            format!("there is no embedder `{name}`; there are: {known}")
        })
    }
}

/// Places to look in. Everything is loaded on first use and kept; what cannot be had is tried once.
pub struct Resources {
    /// Where benchmark files come from.
    data: Sources,
    /// Where model files and the ONNX Runtime library come from.
    models: ModelSources,
    /// Which of MiniLM's backends to use.
    backend: Backend,
    /// How many threads MiniLM has for a query that comes alone.
    query_threads: NonZeroUsize,
    /// Where embeddings are kept between runs.
    embedding_cache: PathBuf,
    /// Who answers for the router `llm`.
    llm: Option<Arc<dyn Chat>>,
    benchmarks: Mutex<HashMap<String, Available<Arc<Benchmark>>>>,
    embedders: Mutex<HashMap<EmbedderKind, Available<Arc<dyn Embedder>>>>,
}

/// Something, or in one line why it cannot be had and what to do about it.
pub type Available<T> = Result<T, String>;

/// Unit vectors of all tools and all queries of a benchmark, a row each.
pub struct Embeddings {
    /// tools × d.
    pub tools: Array2<f32>,
    /// queries × d.
    pub queries: Array2<f32>,
}

impl Embeddings {
    /// For routers that read none: no rows.
    pub fn none() -> Self {
        Self {
            tools: Array2::zeros((0, 0)),
            queries: Array2::zeros((0, 0)),
        }
    }

    /// The vector of a query; empty where there are none.
    ///
    /// # Panics
    /// If there are vectors, but none of that query.
    pub fn query(&self, query: usize) -> &[f32] {
        if self.queries.is_empty() {
            return &[];
        }
        self.queries.row(query).to_slice().unwrap_or_default()
    }

    /// The vectors of some queries, a row each; no rows where there are none.
    pub(crate) fn of_queries(&self, queries: &[usize]) -> Array2<f32> {
        if self.queries.is_empty() {
            return self.queries.clone();
        }
        self.queries.select(Axis(0), queries)
    }
}

impl Resources {
    /// Resources that are looked for in these places.
    pub fn new(
        data: Sources,
        models: ModelSources,
        backend: Backend,
        embedding_cache: PathBuf,
    ) -> Self {
        Self {
            data,
            models,
            backend,
            query_threads: NonZeroUsize::MIN,
            embedding_cache,
            llm: None,
            benchmarks: Mutex::default(),
            embedders: Mutex::default(),
        }
    }

    /// The same with somebody who answers for the router `llm`.
    pub fn with_llm(self, llm: Arc<dyn Chat>) -> Self {
        Self {
            llm: Some(llm),
            ..self
        }
    }

    /// The same where MiniLM has so many threads for a query that comes alone, instead of one.
    pub fn with_query_threads(self, query_threads: NonZeroUsize) -> Self {
        Self {
            query_threads,
            ..self
        }
    }

    /// Who answers for the router `llm`, if anybody does.
    pub fn llm(&self) -> Option<&Arc<dyn Chat>> {
        self.llm.as_ref()
    }

    /// Where model files come from.
    pub(crate) fn models(&self) -> &ModelSources {
        &self.models
    }

    /// A benchmark, or why it cannot be had.
    ///
    /// # Errors
    /// Its files are there but are not what they should be.
    pub fn benchmark(&self, dataset: &Dataset) -> Result<Available<Arc<Benchmark>>, Error> {
        let mut known = self
            .benchmarks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(benchmark) = known.get(&dataset.to_string()) {
            return Ok(benchmark.clone());
        }
        let loaded = match dataset.load(&self.data) {
            Ok(benchmark) => Ok(Arc::new(benchmark)),
            Err(error) if error.is_unavailable() => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        known.insert(dataset.to_string(), loaded.clone());
        Ok(loaded)
    }

    /// An embedder, or why it cannot be had.
    ///
    /// # Errors
    /// Its files are there but are not what they should be.
    pub fn embedder(&self, kind: EmbedderKind) -> Result<Available<Arc<dyn Embedder>>, Error> {
        let mut known = self
            .embedders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(embedder) = known.get(&kind) {
            return Ok(embedder.clone());
        }
        let opened = self.open(kind, self.query_threads)?;
        known.insert(kind, opened.clone());
        Ok(opened)
    }

    /// A new one whose queries that come alone have so many threads.
    ///
    /// # Errors
    /// As [`embedder`](Self::embedder).
    pub(crate) fn open(
        &self,
        kind: EmbedderKind,
        query_threads: NonZeroUsize,
    ) -> Result<Available<Arc<dyn Embedder>>, Error> {
        let ready = |model: Minilm| Ok(Arc::new(model.with_query_threads(query_threads)?) as _);
        let opened: Result<Arc<dyn Embedder>, _> = match kind {
            EmbedderKind::Minilm => Minilm::open(&self.models, self.backend).and_then(ready),
            EmbedderKind::MinilmInt8 => {
                Minilm::open_int8(&self.models, self.backend).and_then(ready)
            }
            EmbedderKind::Static => StaticTable::builtin().map(|table| Arc::new(table) as _),
        };
        match opened {
            Ok(embedder) => Ok(Ok(embedder)),
            Err(error) if error.is_unavailable() => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Embeds a benchmark's tools ([`Tool::text`](oats_datasets::Tool::text)) and queries, out of
    /// the cache where it has them.
    ///
    /// # Errors
    /// A text that has no vector, or a cache that cannot be written.
    pub fn embed(
        &self,
        embedder: &dyn Embedder,
        benchmark: &Benchmark,
        observer: &dyn Observer,
    ) -> Result<Embeddings, Error> {
        let tool_texts = benchmark.tools().iter().map(|tool| tool.text.as_str());
        let texts: Vec<&str> = tool_texts.chain(benchmark.query_texts()).collect();
        let what = format!("{}: embedding by {}", benchmark.name(), embedder.name());
        observer.begin(&what, texts.len());
        let cache = EmbeddingCache::open(&self.embedding_cache)?;
        let vectors = cache
            .embed(embedder, &texts, &|newly| observer.advance(newly))
            .map_err(|error| located(benchmark, error))?;
        observer.end();
        let (tools, queries) = vectors.view().split_at(Axis(0), benchmark.tools().len());
        Ok(Embeddings {
            tools: tools.to_owned(),
            queries: queries.to_owned(),
        })
    }
}

/// Adds the tool or query whose text it is about.
fn located(benchmark: &Benchmark, error: oats_embedders::Error) -> Error {
    let oats_embedders::Error::Text { text: start, .. } = &error else {
        return error.into();
    };
    let tools = benchmark.tools().iter();
    let tools = tools.map(|tool| (&tool.text, format!("tool `{}`", tool.name)));
    let queries = benchmark.queries().iter();
    let queries = queries.map(|query| (&query.text, format!("query `{}`", query.id)));
    let found = tools
        .chain(queries)
        .find(|(text, _)| text.starts_with(start));
    match found {
        Some((_, what)) => Error::Vector {
            place: format!("{}: {what}", benchmark.name()),
            source: error,
        },
        None => error.into(),
    }
}
