use std::{fs, path::PathBuf};

use oats_llm::{Chat, Completion, Error, Prompt, Recordings, Replay, Reply, Request};
use oats_metrics::Usage;
use tempfile::TempDir;

fn request(query: &str) -> Request {
    Prompt::List.request("m", 8, query, &[])
}

fn completion(text: &str) -> Completion {
    Completion {
        reply: Reply {
            content: Some(text.to_owned()),
            calls: Vec::new(),
        },
        usage: Usage {
            input: 10,
            cached_input: 0,
            output: 2,
        },
        model: "m-2026".to_owned(),
        milliseconds: 7,
    }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/calls.jsonl");
    (folder, file)
}

#[test]
fn what_was_stored_is_found_again() {
    let (_folder, file) = place();
    let recordings = Recordings::open(&file).unwrap();
    assert_eq!(recordings.get(&request("a")), None);
    recordings
        .store(&request("a"), &completion("line\nbreak"))
        .unwrap();
    recordings.store(&request("b"), &completion("b")).unwrap();
    for recordings in [recordings, Recordings::open(&file).unwrap()] {
        assert_eq!(
            recordings.get(&request("a")),
            Some(completion("line\nbreak"))
        );
        assert_eq!(recordings.get(&request("b")), Some(completion("b")));
        assert_eq!(recordings.get(&request("c")), None);
    }
}

#[test]
fn a_line_that_a_killed_run_left_half_written_goes() {
    let (_folder, file) = place();
    Recordings::open(&file)
        .unwrap()
        .store(&request("a"), &completion("a"))
        .unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();

    let recordings = Recordings::open(&file).unwrap();
    assert_eq!(recordings.get(&request("a")), Some(completion("a")));
    recordings.store(&request("b"), &completion("b")).unwrap();
    let again = Recordings::open(&file).unwrap();
    assert_eq!(again.get(&request("a")), Some(completion("a")));
    assert_eq!(again.get(&request("b")), Some(completion("b")));
}

#[test]
fn two_that_write_the_same_file_lose_nothing() {
    let (_folder, file) = place();
    let [one, other] = [
        Recordings::open(&file).unwrap(),
        Recordings::open(&file).unwrap(),
    ];
    one.store(&request("a"), &completion("a")).unwrap();
    other.store(&request("b"), &completion("b")).unwrap();
    one.store(&request("c"), &completion("c")).unwrap();
    let all = Recordings::open(&file).unwrap();
    for query in ["a", "b", "c"] {
        assert_eq!(all.get(&request(query)), Some(completion(query)));
    }
}

#[test]
fn a_damaged_line_is_named() {
    let (_folder, file) = place();
    let recordings = Recordings::open(&file).unwrap();
    recordings.store(&request("a"), &completion("a")).unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{{\"request\": 1}}\n")).unwrap();
    let error = Recordings::open(&file).unwrap_err();
    assert!(matches!(error, Error::Recording { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("calls.jsonl, line 2"), "{error}");
}

#[test]
fn a_replay_answers_from_recordings_alone() {
    let (_folder, file) = place();
    let recordings = Recordings::open(&file).unwrap();
    recordings.store(&request("a"), &completion("a")).unwrap();
    let replay = Replay {
        recordings,
        why: "no endpoint is named".to_owned(),
    };
    let known = [request("a"), request("a")];
    assert_eq!(
        replay.complete(&known).unwrap(),
        [completion("a"), completion("a")]
    );
    let error = replay.complete(&[request("a"), request("b")]).unwrap_err();
    assert!(error.is_unavailable());
    assert!(
        error.to_string().contains("no endpoint is named"),
        "{error}"
    );
}
