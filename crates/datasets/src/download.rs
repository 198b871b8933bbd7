//! One file over HTTP, checked before anybody sees it.

use std::{
    io::{self, Write},
    net::IpAddr,
    path::Path,
    time::Duration,
};

use tempfile::NamedTempFile;
use ureq::{Agent, http::Uri};

use crate::{FetchFailure, provenance::git_blob_id};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(120);
/// Several times the largest pinned file (7 MB).
const LARGEST_FILE: u64 = 64 << 20;

/// Fetches `url` and keeps it as `target` if it has the git blob id `expected`. A failure leaves
/// nothing behind.
pub(crate) fn download(url: String, expected: &str, target: &Path) -> Result<(), FetchFailure> {
    let contents = get(&url)?;
    let found = git_blob_id(&contents);
    if found != expected {
        return Err(FetchFailure::WrongChecksum {
            url,
            expected: expected.to_owned(),
            found,
        });
    }
    keep(&contents, target).map_err(|reason| FetchFailure::CacheUnwritable {
        path: target.to_owned(),
        reason,
    })
}

fn get(url: &str) -> Result<Vec<u8>, FetchFailure> {
    let mut config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(TIMEOUT));
    if is_this_machine(url) {
        config = config.proxy(None); // the environment's proxy is for the world outside
    }
    let agent: Agent = config.build().into();
    let mut response = agent.get(url).call().map_err(|error| match error {
        ureq::Error::StatusCode(status) => FetchFailure::Status {
            url: url.to_owned(),
            status,
        },
        other => FetchFailure::Unreachable {
            url: url.to_owned(),
            detail: other.to_string(),
        },
    })?;
    let body = response.body_mut().with_config().limit(LARGEST_FILE);
    body.read_to_vec().map_err(|error| match error {
        ureq::Error::BodyExceedsLimit(limit) => FetchFailure::TooLarge {
            url: url.to_owned(),
            limit,
        },
        other => FetchFailure::CutOff {
            url: url.to_owned(),
            detail: other.to_string(),
        },
    })
}

fn is_this_machine(url: &str) -> bool {
    let url: Option<Uri> = url.parse().ok();
    let host = url.as_ref().and_then(Uri::host).unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

/// Written beside `target` and renamed, so that the cache never holds half a file.
fn keep(contents: &[u8], target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = temporary_file(folder)?;
    file.write_all(contents)?;
    file.persist(target)?;
    Ok(())
}

/// `path` with every byte escaped that may not stand in the path of a URL.
pub(crate) fn percent_encode(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Readable by whoever the user's umask lets read; by default temporary files are private.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
