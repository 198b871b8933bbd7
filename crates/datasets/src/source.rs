//! Where the files of a pinned repository are found: data folder, cache, download.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    Error, FetchFailure, Provenance, SourceFile,
    download::{download, percent_encode},
    pinned::{PinnedFile, Repository},
    provenance::Origin,
};

/// Where to look, in this order: the data folder, the cache, the network.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Folder with clones of upstream repositories (`metatool`, `stabletoolbench`), in upstream's
    /// own layout.
    pub data_dir: Option<PathBuf>,
    /// Folder that downloads are kept in.
    pub cache_dir: PathBuf,
    /// Server that downloads come from, in the manner of [`Sources::RAW_URL`].
    pub raw_url: String,
    /// Whether to do without downloads.
    pub offline: bool,
}

/// The files of a repository, in the order of its table.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The files' texts.
    pub files: Vec<SourceFile>,
    /// Where they came from.
    pub provenance: Provenance,
}

impl Sources {
    /// GitHub's server for single files: `/owner/name/commit/path`.
    pub const RAW_URL: &str = "https://raw.githubusercontent.com";

    /// Downloads from GitHub into `cache_dir` what `data_dir` does not have.
    pub fn new(data_dir: Option<PathBuf>, cache_dir: PathBuf) -> Self {
        Self {
            data_dir,
            cache_dir,
            raw_url: Self::RAW_URL.to_owned(),
            offline: false,
        }
    }

    /// Reads all files of `repository`, downloading those that are not on this machine.
    ///
    /// The data folder counts as it is: a file there that differs from the pinned one is read, and
    /// the provenance notes it. Cache and download must match the pinned blob ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when a file would have to be downloaded and cannot be;
    /// [`Error::Unreadable`] when the data folder, or a file in its clone, is missing;
    /// [`Error::Content`] when a file is not UTF-8 or one in the cache does not match.
    pub fn obtain(&self, repository: &Repository) -> Result<Obtained, Error> {
        let clone = self.clone_of(repository)?;
        let mut obtained = Obtained {
            files: Vec::new(),
            provenance: Provenance {
                origin: match clone {
                    Some(_) => Origin::DataDir,
                    None => Origin::Cache,
                },
                repository: Some(format!("{}/{}", repository.owner, repository.name)),
                commit: Some(repository.commit.to_owned()),
                licence: Some(repository.licence.to_owned()),
                files: Vec::new(),
                notes: Vec::new(),
            },
        };
        for pinned in repository.files {
            let mut file = match &clone {
                Some(clone) => SourceFile::read(clone, pinned.path, repository.remedy_in_clone())?,
                None => self.cached(repository, pinned)?,
            };
            if !file.compare_with(pinned.blob_id) {
                obtained.provenance.notes.push(format!(
                    "{} differs from upstream's blob {}; numbers are computed from the file as \
                     given (a reconstruction or a local edit)",
                    pinned.path, pinned.blob_id
                ));
            }
            obtained.provenance.files.push(file.record().clone());
            obtained.files.push(file);
        }
        Ok(obtained)
    }

    /// The folder of the data folder that holds the repository, if there is one.
    fn clone_of(&self, repository: &Repository) -> Result<Option<PathBuf>, Error> {
        let Some(data_dir) = &self.data_dir else {
            return Ok(None);
        };
        if !data_dir.is_dir() {
            return Err(Error::Unreadable {
                path: data_dir.clone(),
                reason: io::Error::new(io::ErrorKind::NotFound, "no such folder"),
                remedy: "name a folder that exists with --data-dir or OATS_DATA_DIR, or name none"
                    .to_owned(),
            });
        }
        Ok([repository.folder, repository.name]
            .map(|folder| data_dir.join(folder))
            .into_iter()
            .find(|folder| folder.is_dir()))
    }

    /// The pinned file out of the cache, put there first if need be.
    fn cached(&self, repository: &Repository, pinned: &PinnedFile) -> Result<SourceFile, Error> {
        let Repository {
            owner,
            name,
            commit,
            ..
        } = repository;
        let short_commit = commit.get(..12).unwrap_or(commit);
        let folder = self
            .cache_dir
            .join(format!("{owner}-{name}-{short_commit}"));
        let target = folder.join(pinned.path);
        if !target.exists() {
            self.fetch(repository, pinned, &target)
                .map_err(|failure| Error::Unavailable {
                    dataset: repository.dataset.to_owned(),
                    failure: Box::new(failure),
                    remedy: repository.remedy_without_network(),
                })?;
        }
        let mut file = SourceFile::read(&folder, pinned.path, DELETE.to_owned())?;
        if !file.compare_with(pinned.blob_id) {
            let found = &file.record().blob_id;
            let problem = format!("has the git blob id {found} instead of {}", pinned.blob_id);
            return Err(file.bad("whole file", problem));
        }
        Ok(file)
    }

    fn fetch(
        &self,
        repository: &Repository,
        pinned: &PinnedFile,
        target: &Path,
    ) -> Result<(), FetchFailure> {
        if self.offline {
            return Err(FetchFailure::Offline {
                file: pinned.path.to_owned(),
            });
        }
        let url = format!(
            "{}/{}/{}/{}/{}",
            self.raw_url.trim_end_matches('/'),
            repository.owner,
            repository.name,
            repository.commit,
            percent_encode(pinned.path)
        );
        download(url, pinned.blob_id, target)
    }
}

const DELETE: &str = "delete it and fetch again";

impl Repository<'_> {
    fn remedy_in_clone(&self) -> String {
        let Self {
            owner,
            name,
            commit,
            ..
        } = self;
        format!("put upstream's file there, from github.com/{owner}/{name} at {commit}")
    }

    fn remedy_without_network(&self) -> String {
        let Self {
            owner,
            name,
            commit,
            folder,
            ..
        } = self;
        format!(
            "put a clone of github.com/{owner}/{name} at {commit} as DIR/{folder} and pass \
             --data-dir DIR, or run `cargo xtask fetch` with a network"
        )
    }
}

impl Obtained {
    /// The file at `path`, which must be in the table that was asked for.
    pub(crate) fn file(&self, path: &str) -> &SourceFile {
        let file = self.files.iter().find(|file| file.record().path == path);
        file.expect("loaders ask only for files of their own table")
    }
}
