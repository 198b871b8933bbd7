//! Downloads from a model hub that runs in this process.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use oats_embedders::{Error, ModelSources, fetch};
use sha2::{Digest, Sha256};

const CONTENT: &[u8] = &[7; 50_000];

/// What the hub does when asked for the file itself.
#[derive(Clone, Copy)]
enum Conduct {
    Serve,
    NotFound,
    /// Break off in the middle of the first answers.
    Cut {
        times: usize,
    },
}

struct Hub {
    url: String,
    /// The request lines seen.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    /// Serves until the test process ends.
    fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut cuts_left = match conduct {
                Conduct::Cut { times } => times,
                _ => 0,
            };
            for stream in listener.incoming() {
                // A client that has gone away is its own business.
                let _ = answer(stream.unwrap(), conduct, &mut cuts_left, &log);
            }
        });
        Self { url, requests }
    }
}

/// As the real hub: byte ranges, the commit and an entity tag in headers.
fn answer(
    mut stream: TcpStream,
    conduct: Conduct,
    cuts_left: &mut usize,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    log.lock()
        .unwrap()
        .push(lines.next().unwrap_or(Ok(String::new()))?);
    let mut range = (0, CONTENT.len());
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((start, end)) = line
            .strip_prefix("range: bytes=")
            .and_then(|range| range.split_once('-'))
        {
            range.0 = start.parse().unwrap();
            range.1 = end.parse().map_or(CONTENT.len(), |last: usize| last + 1);
        }
    }
    if matches!(conduct, Conduct::NotFound) {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let mut body = &CONTENT[range.0..range.1];
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nETag: \"tag\"\r\nX-Repo-Commit: 0123abcd\r\n\
         Content-Length: {}\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
        body.len(),
        range.0,
        range.1 - 1,
        CONTENT.len()
    )?;
    if *cuts_left > 0 && body.len() > 1 {
        *cuts_left -= 1;
        body = &body[..body.len() / 2];
    }
    stream.write_all(body)
}

fn sha256_of_content() -> String {
    Sha256::digest(CONTENT)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn config_from(hub: &str, sha256: &str, folder: &Path) -> Result<PathBuf, Error> {
    fetch::from_hub(hub, "config.json", sha256, folder, "config.json")
}

fn files_in(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| name(entry.unwrap()))
        .collect()
}

#[test]
fn the_right_file_is_installed_from_the_pinned_revision() {
    let hub = Hub::start(Conduct::Serve);
    let folder = tempfile::tempdir().unwrap();
    let path = fetch::from_hub(
        &hub.url,
        "onnx/model_qint8_arm64.onnx",
        &sha256_of_content(),
        folder.path(),
        "onnx/model_int8.onnx",
    )
    .unwrap();
    assert_eq!(path, folder.path().join("onnx/model_int8.onnx"));
    assert_eq!(fs::read(path).unwrap(), CONTENT);
    assert_eq!(files_in(folder.path()), ["onnx"]);
    assert_eq!(files_in(&folder.path().join("onnx")), ["model_int8.onnx"]);
    for request in hub.requests.lock().unwrap().iter() {
        assert!(
            request.starts_with(
                "GET /sentence-transformers/all-MiniLM-L6-v2/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf/onnx/model_qint8_arm64.onnx "
            ),
            "{request}"
        );
    }
}

#[test]
fn a_wrong_checksum_leaves_the_earlier_file() {
    let hub = Hub::start(Conduct::Serve);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), "earlier").unwrap();
    let expected = "0".repeat(64);
    let error = config_from(&hub.url, &expected, folder.path()).unwrap_err();
    assert!(!error.is_unavailable());
    assert!(
        matches!(&error, Error::Checksum { found, .. } if *found == sha256_of_content()),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("config.json")).unwrap(),
        "earlier"
    );
    assert_eq!(files_in(folder.path()), ["config.json"]);
}

#[test]
fn a_cut_connection_is_resumed() {
    let hub = Hub::start(Conduct::Cut { times: 1 });
    let folder = tempfile::tempdir().unwrap();
    let path = config_from(&hub.url, &sha256_of_content(), folder.path()).unwrap();
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn failures_are_unavailable_and_leave_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let no_network = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let cases = [
        (Hub::start(Conduct::NotFound).url, "404"),
        (
            Hub::start(Conduct::Cut { times: usize::MAX }).url,
            "retries",
        ),
        (no_network, "refused"),
    ];
    for (url, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let error = config_from(&url, &sha256_of_content(), folder.path()).unwrap_err();
        let message = error.to_string();
        assert!(error.is_unavailable(), "{message}");
        for part in [expected, "config.json", "cargo xtask fetch", &url] {
            assert!(
                message.contains(part),
                "{message:?} does not mention {part:?}"
            );
        }
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(files_in(folder.path()).is_empty());
    }
}

#[test]
fn offline_asks_nobody() {
    let hub = Hub::start(Conduct::Serve);
    let folder = tempfile::tempdir().unwrap();
    let sources = ModelSources {
        cache_dir: folder.path().to_owned(),
        hub_url: Some(hub.url),
        offline: true,
        ..ModelSources::default()
    };
    for outcome in [
        fetch::minilm(&sources),
        fetch::onnx_model(&sources),
        fetch::int8_model(&sources),
        fetch::onnx_runtime(&sources),
    ] {
        assert!(outcome.unwrap_err().is_unavailable());
    }
    assert!(hub.requests.lock().unwrap().is_empty());
}

#[test]
fn files_that_are_there_are_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("all-MiniLM-L6-v2");
    fs::create_dir_all(model.join("onnx")).unwrap();
    for file in [
        "tokenizer.json",
        "config.json",
        "model.safetensors",
        "onnx/model.onnx",
        "onnx/model_int8.onnx",
    ] {
        fs::write(model.join(file), "").unwrap();
    }
    let hub = Hub::start(Conduct::NotFound);
    let sources = ModelSources {
        model_dir: Some(folder.path().to_owned()),
        cache_dir: folder.path().join("cache"),
        hub_url: Some(hub.url),
        ..ModelSources::default()
    };
    fetch::minilm(&sources).unwrap();
    assert_eq!(
        fetch::onnx_model(&sources).unwrap(),
        model.join("onnx/model.onnx")
    );
    assert_eq!(
        fetch::int8_model(&sources).unwrap(),
        model.join("onnx/model_int8.onnx")
    );
    assert!(hub.requests.lock().unwrap().is_empty());
}
