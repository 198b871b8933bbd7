//! Where a benchmark's files came from, for manifests.

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// Origin, version and checksums of the files that a benchmark was read from.
///
/// Paths are relative to the source's root, so that two machines write the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// Which kind of place the files were read from.
    pub origin: Origin,
    /// `owner/name` on GitHub.
    pub repository: Option<String>,
    /// The commit that is pinned in that repository.
    pub commit: Option<String>,
    /// SPDX expression of the data's licence.
    pub licence: Option<String>,
    /// Every file that was read.
    pub files: Vec<FileRecord>,
    /// What a reader of the numbers must know: repairs, omissions, files that differ from upstream's.
    pub notes: Vec<String>,
}

/// Which kind of place files were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The user's data folder.
    DataDir,
    /// The cache, filled by a download.
    Cache,
    /// The program itself.
    CompiledIn,
    /// A folder of the user's own.
    Folder,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path below the source's root.
    pub path: String,
    /// The git blob id of its contents, 40 hex digits.
    pub blob_id: String,
    /// Whether this is the pinned file; `None` where nothing is pinned.
    pub upstream: Option<bool>,
}

/// The id git gives to a file with these contents, 40 hex digits.
///
/// ```
/// use oats_datasets::provenance::git_blob_id;
/// assert_eq!(git_blob_id(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
/// ```
pub fn git_blob_id(contents: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", contents.len()));
    hash.update(contents);
    hex::encode(hash.finalize())
}
