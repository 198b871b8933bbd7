use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use fastembed::{
    InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};
use ort::environment::Environment;
use rayon::prelude::*;
use tokenizers::Tokenizer;

use super::{DIMENSION, MAX_TOKENS, ModelFile};
use crate::error::{Error, Result};
use crate::models::{ModelSources, TOKENIZER};

/// A session holds its own copy of the weights (about 100 MB), so there are never more than this.
const MAX_SESSIONS: usize = 8;

/// MiniLM on ONNX Runtime.
pub(super) struct Sessions {
    /// Of the embedder.
    name: &'static str,
    /// Sessions of one thread each, made when they are first needed.
    idle: Mutex<Vec<TextEmbedding>>,
    /// The session of several threads, for a text that comes alone.
    query: Option<Mutex<TextEmbedding>>,
    tokenizer: Tokenizer,
    blueprint: UserDefinedEmbeddingModel,
    options: InitOptionsUserDefined,
    model_file: &'static str,
    model_path: PathBuf,
    version: String,
}

impl Sessions {
    pub(super) fn open(
        name: &'static str,
        sources: &ModelSources,
        model_file: &'static str,
    ) -> Result<Self> {
        let library = sources.library()?;
        let model_path = sources.model_file(model_file)?;
        let tokenizer_path = sources.model_file(TOKENIZER)?;
        let read = |path: &Path| std::fs::read(path).map_err(Error::io("read", path));
        let tokenizer_files = TokenizerFiles {
            tokenizer_file: read(&tokenizer_path)?,
            // What fastembed wants besides, and sets instead of what tokenizer.json says of padding and truncation.
            config_file: br#"{"pad_token_id": 0}"#.to_vec(),
            special_tokens_map_file: b"{}".to_vec(),
            tokenizer_config_file: br#"{"model_max_length": 512, "pad_token": "[PAD]"}"#.to_vec(),
        };
        let blueprint = UserDefinedEmbeddingModel::new(read(&model_path)?, tokenizer_files)
            .with_pooling(Pooling::Mean);
        let options = InitOptionsUserDefined::new()
            .with_environment(environment(&library)?)
            .with_max_length(MAX_TOKENS)
            // Threads of a session spin while it runs, which is what makes them fast, and not between two queries.
            .with_session_config("session.force_spinning_stop", "1");
        // The first session shows whether the files are good.
        let first =
            create(&blueprint, &options, 1).map_err(|error| Error::unusable(&model_path, error))?;
        Ok(Self {
            name,
            tokenizer: first.tokenizer.clone(),
            idle: Mutex::new(vec![first]),
            query: None,
            blueprint,
            options,
            model_file,
            model_path,
            version: version(&library),
        })
    }

    pub(super) fn set_query_threads(&mut self, threads: NonZeroUsize) -> Result<()> {
        self.query = match threads.get() {
            1 => None,
            several => Some(Mutex::new(self.create(several)?)),
        };
        Ok(())
    }

    pub(super) fn backend(&self) -> String {
        format!("fastembed 7.5 / ONNX Runtime {}", self.version)
    }

    pub(super) fn files(&self) -> Vec<ModelFile> {
        let tokenizer = &self.blueprint.tokenizer_files.tokenizer_file;
        vec![
            ModelFile::new(self.model_file, &self.blueprint.onnx_file),
            ModelFile::new(TOKENIZER, tokenizer),
        ]
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// One vector per text, in order.
    pub(super) fn embed(&self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        if let [text] = texts
            && let Some(mut session) = self.query.as_ref().and_then(lock_if_free)
        {
            return vec![self.embed_one(&mut session, text)];
        }
        let chunk = texts.len().div_ceil(MAX_SESSIONS).max(1);
        texts
            .par_chunks(chunk)
            .flat_map_iter(|texts| self.embed_in_one_session(texts))
            .collect()
    }

    fn embed_in_one_session(&self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        let idle = self.lock_idle().pop();
        let mut session = match idle.map_or_else(|| self.create(1), Ok) {
            Ok(session) => session,
            Err(error) => return vec![Err(error)],
        };
        let vectors = texts
            .iter()
            .map(|text| self.embed_one(&mut session, text))
            .collect();
        self.put_back(session);
        vectors
    }

    fn embed_one(&self, session: &mut TextEmbedding, text: &str) -> Result<Vec<f32>> {
        let failed = |reason: String| Error::Backend {
            embedder: self.name.to_owned(),
            reason,
        };
        let vector = session
            .embed([text], Some(1))
            .map_err(|error| failed(error.to_string()))?
            .pop()
            .unwrap_or_default();
        if vector.len() != DIMENSION {
            return Err(failed(format!(
                "the model gives {} numbers instead of {DIMENSION}",
                vector.len()
            )));
        }
        Ok(vector)
    }

    fn create(&self, threads: usize) -> Result<TextEmbedding> {
        create(&self.blueprint, &self.options, threads)
            .map_err(|error| Error::unusable(&self.model_path, error))
    }

    fn put_back(&self, session: TextEmbedding) {
        let mut idle = self.lock_idle();
        if idle.len() < MAX_SESSIONS {
            idle.push(session);
        }
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<TextEmbedding>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions")
            .field("model_path", &self.model_path)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

fn create(
    blueprint: &UserDefinedEmbeddingModel,
    options: &InitOptionsUserDefined,
    threads: usize,
) -> fastembed::Result<TextEmbedding> {
    let options = options.clone().with_intra_threads(threads);
    TextEmbedding::try_new_from_user_defined(blueprint.clone(), options)
}

/// `None` while another thread holds it.
fn lock_if_free<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// ONNX Runtime can be loaded once per process; the first library that loads stays.
fn environment(library: &Path) -> Result<Environment> {
    static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*loaded {
        Some((path, environment)) if path == library => Ok(environment.clone()),
        Some((path, _)) => Err(Error::unusable(
            library,
            format!("this process has already loaded {}", path.display()),
        )),
        None => {
            let environment = ort::init_from(library)
                .map_err(|error| Error::unusable(library, error))?
                .with_name("oats")
                .with_telemetry(false)
                .build()
                .map_err(|error| Error::unusable(library, error))?;
            *loaded = Some((library.to_owned(), environment.clone()));
            Ok(environment)
        }
    }
}

/// The library's version: from its file name (`libonnxruntime.so.1.31.1`) or, if that has none, the commit it was
/// built from. It keeps its version string behind a C pointer, which safe code cannot reach.
fn version(library: &Path) -> String {
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    let numbers: Vec<&str> = name
        .split('.')
        .filter(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    if numbers.len() == 3 {
        return numbers.join(".");
    }
    ort::info()
        .split([',', ' '])
        .find_map(|part| part.strip_prefix("git-commit-id="))
        .map_or_else(
            || "of unknown version".to_owned(),
            |commit| format!("commit {commit}"),
        )
}
