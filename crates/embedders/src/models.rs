//! Where the files of MiniLM and the ONNX Runtime library are looked for.
//!
//! ```text
//! <model_dir or cache_dir/models>/all-MiniLM-L6-v2/tokenizer.json
//!                                                  onnx/model.onnx                   for ONNX Runtime
//!                                                  onnx/model_int8.onnx              the same with 8 bits
//!                                                  model.safetensors, config.json    for candle
//! <cache_dir>/onnxruntime-1.31.1/libonnxruntime.so.1.31.1       (.dylib, .dll)
//! ```
//!
//! Each file is looked up by itself, `model_dir` first, so that the two folders may complete each other.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Folder of the model, under `model_dir` and under `cache_dir/models`.
pub(crate) const MODEL_FOLDER: &str = "all-MiniLM-L6-v2";

pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const ONNX_MODEL: &str = "onnx/model.onnx";
pub(crate) const INT8_MODEL: &str = "onnx/model_int8.onnx";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const CONFIG: &str = "config.json";

/// The version is part of the name, so that a newer one is fetched beside it.
pub(crate) const LIBRARY_FOLDER: &str = "onnxruntime-1.31.1";

const REMEDY: &str = "run `cargo xtask fetch`, point OATS_MODEL_DIR (models) or ORT_DYLIB_PATH (library) at it, \
     or use the built-in embedder `static`";

/// The places to look in. This crate reads no environment variables; the names in brackets are the driver's.
#[derive(Debug, Clone, Default)]
pub struct ModelSources {
    /// Folder of model folders that the user keeps (`OATS_MODEL_DIR`); only read.
    pub model_dir: Option<PathBuf>,
    /// This project's own folder (`OATS_CACHE_DIR`); [`fetch`](crate::fetch) writes here.
    pub cache_dir: PathBuf,
    /// The ONNX Runtime library file (`ORT_DYLIB_PATH`); it is used instead of the one in the cache.
    pub ort_library: Option<PathBuf>,
    /// Address of the model hub or of a mirror; `None` is `https://huggingface.co`.
    pub hub_url: Option<String>,
    /// Never open a connection.
    pub offline: bool,
}

impl ModelSources {
    /// Path of a file of the model.
    ///
    /// # Errors
    /// [`Error::Unavailable`] naming the folders searched; [`Error::Unusable`] if `model_dir` is no folder.
    pub fn model_file(&self, name: &str) -> Result<PathBuf> {
        if let Some(folder) = self.model_dir.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Error::unusable(folder, "there is no such folder"));
        }
        let cached = self.cached_models();
        let folders: Vec<PathBuf> = self
            .model_dir
            .iter()
            .chain(Some(&cached))
            .map(|dir| dir.join(MODEL_FOLDER))
            .collect();
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                let searched: Vec<_> = folders
                    .iter()
                    .map(|folder| folder.display().to_string())
                    .collect();
                let embedder = match name {
                    INT8_MODEL => "minilm-int8",
                    _ => "minilm",
                };
                unavailable(
                    embedder,
                    format!("there is no {name} in {}", searched.join(" or ")),
                )
            })
    }

    /// Absolute path of the ONNX Runtime library, without symbolic links.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none in the cache; [`Error::Unusable`] if `ort_library` is no file.
    pub fn library(&self) -> Result<PathBuf> {
        let path = match &self.ort_library {
            Some(path) if path.is_file() => path.clone(),
            Some(path) => return Err(Error::unusable(path, "there is no such file")),
            None => library_in(&self.cached_libraries()).ok_or_else(|| {
                let folder = self.cached_libraries();
                let place = format!("there is no library in {}", folder.display());
                unavailable("ONNX Runtime", place)
            })?,
        };
        path.canonicalize().map_err(Error::io("read", &path))
    }

    pub(crate) fn cached_models(&self) -> PathBuf {
        self.cache_dir.join("models")
    }

    pub(crate) fn cached_libraries(&self) -> PathBuf {
        self.cache_dir.join(LIBRARY_FOLDER)
    }
}

/// The ONNX Runtime library of a folder: `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`, `onnxruntime.dll`.
pub(crate) fn library_in(folder: &Path) -> Option<PathBuf> {
    let is_library = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("libonnxruntime.") || name == "onnxruntime.dll")
    };
    let files = std::fs::read_dir(folder).ok()?;
    files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_library)
        .max()
}

pub(crate) fn unavailable(what: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::Unavailable {
        what: what.into(),
        reason: reason.into(),
        remedy: REMEDY,
    }
}
