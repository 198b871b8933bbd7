use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use oats_datasets::{
    Dataset, Error, FetchFailure, Sources,
    pinned::{METATOOL, PinnedFile, Repository},
    provenance::{Origin, git_blob_id},
};

use crate::common::{DataDir, assert_bad, assert_unavailable, write};

const PATH: &str = "a folder/file&more.json";
const CONTENTS: &str = "{\"maps\": \"Finds the way.\"}\n";
const HINT: [&str; 3] = [
    "made: cannot be had: ",
    "put a clone of github.com/owner/name at 0123456789abcdef as DIR/made and pass --data-dir DIR",
    "`cargo xtask fetch`",
];

/// A server on this machine that gives every request the same answer and notes what was asked.
struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    fn answering(response: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                noted.lock().unwrap().push(request);
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                stream.write_all(response.as_bytes()).unwrap();
            }
        });
        Self { url, asked }
    }

    fn serving(body: &str) -> Self {
        Self::answering(response("200 OK", body.len(), body))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn response(status: &str, length: usize, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn sources(url: &str, cache: &Path) -> Sources {
    Sources {
        raw_url: url.to_owned(),
        ..Sources::new(None, cache.to_owned())
    }
}

/// Obtains the one file of a repository whose pin is that of [`CONTENTS`].
fn obtain(sources: &Sources) -> Result<String, Error> {
    let repository = Repository {
        dataset: "made",
        owner: "owner",
        name: "name",
        folder: "made",
        commit: "0123456789abcdef",
        licence: "MIT",
        files: &[PinnedFile {
            path: PATH,
            blob_id: &git_blob_id(CONTENTS.as_bytes()),
        }],
    };
    let obtained = sources.obtain(&repository)?;
    assert_eq!(obtained.provenance.origin, Origin::Cache);
    assert_eq!(obtained.provenance.files[0].upstream, Some(true));
    assert!(obtained.provenance.notes.is_empty());
    Ok(obtained.files[0].text().to_owned())
}

/// Fails unless the download was refused in the right way and left nothing behind.
#[track_caller]
fn assert_refused(sources: &Sources, parts: &[&str], expected: fn(&FetchFailure) -> bool) {
    let result = obtain(sources);
    if let Err(Error::Unavailable { failure, .. }) = &result {
        assert!(expected(failure), "{failure:?}");
    }
    assert_unavailable(result, &[parts, &HINT].concat());
    assert!(
        !holds_a_file(&sources.cache_dir),
        "something was left in the cache"
    );
}

fn holds_a_file(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| {
            let path = entry.unwrap().path();
            path.is_file() || holds_a_file(&path)
        })
    })
}

#[test]
fn the_right_file_is_kept_and_not_asked_for_again() {
    let cache = tempfile::tempdir().unwrap();
    let stub = Stub::serving(CONTENTS);
    let sources = sources(&stub.url, cache.path());
    assert_eq!(obtain(&sources).unwrap(), CONTENTS);
    let kept = cache.path().join("owner-name-0123456789ab").join(PATH);
    assert_eq!(std::fs::read_to_string(kept).unwrap(), CONTENTS);

    assert_eq!(obtain(&sources).unwrap(), CONTENTS);
    let offline = Sources {
        offline: true,
        ..sources
    };
    assert_eq!(obtain(&offline).unwrap(), CONTENTS);
    let asked = "GET /owner/name/0123456789abcdef/a%20folder/file%26more.json HTTP/1.1";
    assert_eq!(stub.asked(), [asked]);
}

/// Unlike a set that cannot be had, this stops a run: somebody serves other data.
#[test]
fn a_wrong_file_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let stub = Stub::serving("something else\n");
    let found = git_blob_id(b"something else\n");
    let parts = ["file%26more.json", "git blob id", &found, HINT[0]];
    assert_bad(obtain(&sources(&stub.url, cache.path())), &parts);
    assert!(!holds_a_file(cache.path()), "it was kept");
}

#[test]
fn half_a_file_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let half = &CONTENTS[..10];
    let stub = Stub::answering(response("200 OK", CONTENTS.len(), half));
    assert_refused(&sources(&stub.url, cache.path()), &["cut off"], |failure| {
        matches!(failure, FetchFailure::CutOff { .. })
    });
}

#[test]
fn a_file_that_has_gone_is_told() {
    let cache = tempfile::tempdir().unwrap();
    let stub = Stub::answering(response("404 Not Found", 3, "404"));
    assert_refused(
        &sources(&stub.url, cache.path()),
        &["HTTP status 404"],
        |failure| matches!(failure, FetchFailure::Status { status: 404, .. }),
    );
}

#[test]
fn no_network_is_told() {
    let cache = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_refused(
        &sources(&closed, cache.path()),
        &["no answer", &closed],
        |failure| matches!(failure, FetchFailure::Unreachable { .. }),
    );
}

#[test]
fn offline_asks_nobody() {
    let cache = tempfile::tempdir().unwrap();
    let stub = Stub::serving(CONTENTS);
    let offline = Sources {
        offline: true,
        ..sources(&stub.url, cache.path())
    };
    assert_refused(&offline, &[PATH, "switched off"], |failure| {
        matches!(failure, FetchFailure::Offline { .. })
    });
    assert!(stub.asked().is_empty());
}

#[test]
fn a_cache_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("a file");
    std::fs::write(&blocked, "").unwrap();
    let stub = Stub::serving(CONTENTS);
    let result = obtain(&sources(&stub.url, &blocked));
    assert_unavailable(
        result,
        &["made: cannot be had", "a file", "cannot be written"],
    );
}

#[test]
fn a_spoilt_cache_is_bad_input() {
    let cache = tempfile::tempdir().unwrap();
    let kept = cache.path().join("owner-name-0123456789ab").join(PATH);
    write(&kept, "spoilt");
    let stub = Stub::serving(CONTENTS);
    assert_bad(
        obtain(&sources(&stub.url, cache.path())),
        &[
            kept.to_str().unwrap(),
            "git blob id",
            "delete it and fetch again",
        ],
    );
    assert!(stub.asked().is_empty());
}

#[test]
fn the_data_folder_comes_first_and_may_lack_the_set() {
    let cache = tempfile::tempdir().unwrap();
    let stub = Stub::answering(response("404 Not Found", 0, ""));
    let data = DataDir::metatool();
    let sources = Sources {
        data_dir: data.sources().data_dir,
        ..sources(&stub.url, cache.path())
    };
    Dataset::Metatool.fetch(&sources).unwrap();
    Dataset::Builtin.fetch(&sources).unwrap();
    assert!(stub.asked().is_empty());

    let result = Dataset::Toolbench.fetch(&sources);
    assert_unavailable(
        result,
        &["toolbench: cannot be had", "THUNLP-MT/StableToolBench"],
    );
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn a_named_set_is_checked_against_its_pins() {
    let cache = tempfile::tempdir().unwrap();
    let stub = Stub::serving(CONTENTS);
    let result = Dataset::Metatool.load(&sources(&stub.url, cache.path()));
    assert_bad(
        result,
        &[
            "plugin_des.json",
            "0c086d1a5e7b1586e8d5cafdf044871fa07aa8b8",
        ],
    );
    assert!(stub.asked()[0].contains(METATOOL.commit));
}
