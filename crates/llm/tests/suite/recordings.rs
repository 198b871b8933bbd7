use std::{fs, path::PathBuf};

use oats_llm::{Chat, Completion, Error, Prompt, Recordings, Replay, Reply, Request};
use oats_metrics::Usage;
use tempfile::TempDir;

const URL: &str = "https://one.example/v1";

fn request(query: &str) -> Request {
    Prompt::List.request("m", 8, query, &[])
}

fn completion(text: &str) -> Completion {
    Completion {
        reply: Reply {
            content: Some(text.to_owned()),
            ..Reply::default()
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
    let recordings = Recordings::open(&file, URL).unwrap();
    assert_eq!(recordings.get(&request("a")), None);
    recordings
        .store(&request("a"), &completion("line\nbreak"))
        .unwrap();
    recordings.store(&request("b"), &completion("b")).unwrap();
    for recordings in [recordings, Recordings::open(&file, URL).unwrap()] {
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
    Recordings::open(&file, URL)
        .unwrap()
        .store(&request("a"), &completion("a"))
        .unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();

    let recordings = Recordings::open(&file, URL).unwrap();
    assert_eq!(recordings.get(&request("a")), Some(completion("a")));
    recordings.store(&request("b"), &completion("b")).unwrap();
    let again = Recordings::open(&file, URL).unwrap();
    assert_eq!(again.get(&request("a")), Some(completion("a")));
    assert_eq!(again.get(&request("b")), Some(completion("b")));
}

#[test]
fn two_that_write_the_same_file_lose_nothing() {
    let (_folder, file) = place();
    let [one, other] = [
        Recordings::open(&file, URL).unwrap(),
        Recordings::open(&file, URL).unwrap(),
    ];
    one.store(&request("a"), &completion("a")).unwrap();
    other.store(&request("b"), &completion("b")).unwrap();
    one.store(&request("c"), &completion("c")).unwrap();
    let all = Recordings::open(&file, URL).unwrap();
    for query in ["a", "b", "c"] {
        assert_eq!(all.get(&request(query)), Some(completion(query)));
    }
}

#[test]
fn a_damaged_line_is_named() {
    let (_folder, file) = place();
    let recordings = Recordings::open(&file, URL).unwrap();
    recordings.store(&request("a"), &completion("a")).unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{{\"call\": 1}}\n")).unwrap();
    let error = Recordings::open(&file, URL).unwrap_err();
    assert!(matches!(error, Error::Recording { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("calls.jsonl, line 2"), "{error}");
}

/// A kill can come in the middle of a character.
#[test]
fn half_a_character_at_the_end_harms_nothing() {
    let (_folder, file) = place();
    let recordings = Recordings::open(&file, URL).unwrap();
    recordings.store(&request("a"), &completion("été")).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend("{\"call\": \"é".bytes().take(11));
    fs::write(&file, &bytes).unwrap();
    let again = Recordings::open(&file, URL).unwrap();
    assert_eq!(again.get(&request("a")), Some(completion("été")));
    again.store(&request("b"), &completion("b")).unwrap();
    let whole = Recordings::open(&file, URL).unwrap();
    assert_eq!(whole.get(&request("b")), Some(completion("b")));
}

/// One process opens the file; another records, and is killed in the middle of a line.
#[test]
fn what_others_recorded_meanwhile_is_kept() {
    let (_folder, file) = place();
    let early = Recordings::open(&file, URL).unwrap();
    let other = Recordings::open(&file, URL).unwrap();
    for query in ["a", "b", "c"] {
        other.store(&request(query), &completion(query)).unwrap();
    }
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend(b"{\"call\"");
    fs::write(&file, &bytes).unwrap();
    early.store(&request("d"), &completion("d")).unwrap();
    early
        .store(&request("a"), &completion("another a"))
        .unwrap();
    let all = Recordings::open(&file, URL).unwrap();
    for query in ["a", "b", "c", "d"] {
        assert_eq!(all.get(&request(query)), Some(completion(query)), "{query}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 4);
    assert_eq!(
        early.get(&request("a")),
        Some(completion("a")),
        "the first that was recorded"
    );
}

#[test]
fn endpoints_do_not_answer_for_each_other() {
    let (_folder, file) = place();
    let ours = Recordings::open(&file, "https://user:pass@one.example/v1/?key=1").unwrap();
    ours.store(&request("a"), &completion("a")).unwrap();
    let open = |url: &str| Recordings::open(&file, url).unwrap().get(&request("a"));
    assert_eq!(open("https://one.example/v1"), Some(completion("a")));
    assert_eq!(open("https://two.example/v1"), None);
    assert_eq!(open("http://one.example/v1"), None);
    assert_eq!(open("https://one.example/v2"), None);
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        !written.contains("pass") && !written.contains("example"),
        "{written}"
    );
}

#[test]
fn a_replay_answers_from_recordings_alone() {
    let (_folder, file) = place();
    let recordings = Recordings::open(&file, URL).unwrap();
    recordings.store(&request("a"), &completion("a")).unwrap();
    let replay = Replay::new(file, URL, "no endpoint is named");
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
