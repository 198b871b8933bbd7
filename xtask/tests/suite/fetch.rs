//! `fetch` against a local server that has nothing.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
    thread,
};

use crate::common::{Place, Told};

/// Answers every request with 404, until the test ends.
fn empty_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = BufReader::new(stream.try_clone().unwrap());
            request
                .lines()
                .find(|line| line.as_ref().is_ok_and(String::is_empty));
            // A client that has hung up does not matter.
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    address
}

fn fetch(place: &Place, what: &[&str], address: &str) -> Command {
    let mut command = place.bare_command(&[&["fetch"], what].concat());
    command
        .arg("--cache-dir")
        .arg(place.path("cache"))
        .env("OATS_GITHUB_RAW_URL", address)
        .env("HF_ENDPOINT", address)
        // No Python, so no pip, which would go to the real registry.
        .env("PATH", place.path("nothing"));
    command
}

/// One line for each missing thing.
#[track_caller]
fn assert_missing(told: &Told, things: &[&[&str]]) {
    told.assert_refused(&[&format!("{} of {}", things.len(), things.len())]);
    let lines: Vec<&str> = told
        .stderr
        .lines()
        .filter(|line| line.starts_with("missing: "))
        .collect();
    assert_eq!(lines.len(), things.len(), "{told}");
    for (line, parts) in lines.iter().zip(things) {
        for part in *parts {
            assert!(line.contains(part), "`{part}` is not in: {line}");
        }
    }
}

#[test]
fn what_the_server_does_not_have_is_told_in_a_line_each() {
    let place = Place::empty();
    let address = empty_server();
    let told = Told::of(&mut fetch(
        &place,
        &["metatool", "minilm", "minilm-onnx", "minilm-int8"],
        &address,
    ));
    assert_missing(
        &told,
        &[
            &["metatool", &address, "plugin_des.json", "404", "--data-dir"],
            &["minilm", &address, "404", "python3"],
            &["onnx/model.onnx", &address, "404"],
            &["onnx/model_qint8_arm64.onnx", &address, "404"],
        ],
    );
    let left: Vec<_> = place.files("cache").into_keys().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_server_that_is_not_there_is_told_in_a_line() {
    let place = Place::empty();
    // Bound and dropped: nobody listens there now.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let told = Told::of(&mut fetch(&place, &["toolbench"], &address));
    assert_missing(
        &told,
        &[&["toolbench", "no answer", &address, "--data-dir"]],
    );
}

#[test]
fn offline_nothing_is_asked_for() {
    let place = Place::empty();
    let told = place.run(&["fetch"]);
    let offline: &[&str] = &["switched off"];
    assert_missing(&told, &[offline; 7]);
}

#[test]
fn what_is_at_hand_is_left_alone() {
    let place = Place::empty();
    place.add_metatool();
    let told = place.succeed(&["fetch", "metatool", "toole", "--data-dir", "data"]);
    told.assert_says(&["at hand: metatool", "at hand: toole"]);
}
