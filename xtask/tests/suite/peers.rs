//! Other libraries as processes, here a script of the standard library that stands for all of them.

use std::process::Command;

use serde_json::Value;

use crate::common::{Place, Told};

/// A peer that takes 2 ms for anything. As `bm25s-our-words` it ranks by BM25, otherwise it gives the first
/// tools; it refines nothing. Where `FAULTS` names it, it does what is said there.
const STUB: &str = r#"
import collections, json, math, os, pathlib, sys, time

name, folder, threads = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
data = json.loads((folder / "data.json").read_text())
fault = FAULTS.get(name)


def by_words(asked, k):
    texts, k1, b = data["tool_words"], data["k1"], data["b"]
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        counts, score = collections.Counter(text), 0.0
        for word in asked:
            n = sum(word in other for other in texts)
            tf = counts[word] / (counts[word] + k1 * (1 - b + b * len(text) / mean))
            score += math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) * tf
        scores.append(score)
    best = sorted(range(len(texts)), key=lambda tool: -scores[tool])[:k]
    return best, [scores[tool] for tool in best]


def say(answer):
    print(json.dumps(answer), flush=True)


if fault == "has no package":
    sys.exit("ModuleNotFoundError: No module named 'torch'")
say({"ready": {"stub": "1.0"}})
for line in sys.stdin:
    asked = json.loads(line)
    if fault == "crashes":
        sys.exit("Traceback (most recent call last):\n\nValueError: too warm")
    if fault == "chatters":
        print("100 % done", flush=True)
    if fault == "goes quiet":
        os.close(1)
        time.sleep(600)
    if fault == "hangs":
        time.sleep(600)
    if asked["ask"] == "fit":
        made = (folder / "tools.f32").read_bytes()
        (folder / f"{name}.f32").write_bytes(made[:-1] if fault == "cuts off" else made)
        say({"nanos": 2000000, "file": f"{name}.f32"})
        continue
    tools, scores = list(range(asked["k"])), [1.0] * asked["k"]
    if fault == "invents":
        tools[1] = 98
    if name == "bm25s-our-words":
        tools, scores = by_words(data["query_words"][asked["row"]], asked["k"])
    say({"nanos": 2000000, "tools": tools, "scores": scores})
"#;

const QUICK: [&str; 12] = [
    "peers",
    "--datasets",
    "builtin",
    "--queries",
    "12",
    "--fits",
    "2",
    "--threads",
    "1",
    "--out",
    "out",
    "--worker",
];

/// Runs the stub with these faults, by peer; `None` where there is no Python.
fn run(place: &Place, faults: &str, more: &[&str]) -> Option<Told> {
    let python = if cfg!(windows) { "python" } else { "python3" };
    if Command::new(python).arg("--version").output().is_err() {
        println!("not tested: there is no {python}");
        return None;
    }
    place.write("stub.py", format!("FAULTS = {faults}\n{STUB}"));
    place.write("experiments/.keep", "");
    Some(place.run(&[&QUICK[..], &["stub.py"], more].concat()))
}

/// The values of `peers.csv` of that task, peer and quantity.
fn values(place: &Place, task: &str, peer: &str, quantity: &str) -> Vec<f64> {
    let start = format!("builtin,{task},1,{peer},{quantity},");
    let csv = place.read("out/peers/peers.csv");
    let rows = csv.lines().filter_map(|line| line.strip_prefix(&start));
    rows.map(|row| row.split(',').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn ours_and_the_peers_are_timed_at_every_task() {
    let place = Place::empty();
    let Some(told) = run(&place, "{}", &[]) else {
        return;
    };
    assert_eq!(told.code, Some(0), "{told}");
    // No model is at hand, which is no fault of the peers'.
    told.assert_says(&[
        "not run: sentence-transformers, semantic-router: minilm is not available",
        "| builtin | 1 | words | oats bm25 | bm25s-our-words | 100 % same rankings | 100.0 % | met |",
        "| builtin | 1 | route | oats dense static | sentence-transformers | 200× as fast | – | not measured |",
        "## Stage 1, on all queries",
    ]);
    for (task, ours, peer) in [
        ("words", "oats bm25", "rank-bm25"),
        ("s1-training", "oats s1", "numpy-s1"),
        ("s1-all", "oats s1", "numpy-s1"),
        ("regression-fit", "oats linear", "scikit-learn"),
        ("regression", "oats linear", "scikit-learn"),
    ] {
        let [theirs] = values(&place, task, peer, "p50-ms")[..] else {
            panic!("{task}");
        };
        assert!((theirs - 2.0).abs() < 0.01, "{task}: {theirs}");
        let [ours] = values(&place, task, ours, "p50-ms")[..] else {
            panic!("{task}");
        };
        assert!(ours > 0.0, "{task}");
    }
    // The stub's vectors are the unrefined ones, and of its rankings only those by words are any good.
    assert!(values(&place, "s1-all", "numpy-s1", "largest-difference")[0] > 0.01);
    let quality = |peer| values(&place, "words", peer, "ndcg@5")[0];
    assert_eq!(quality("oats bm25"), quality("bm25s-our-words"));
    assert!(quality("oats bm25") > quality("bm25s"));

    let manifest: Value = serde_json::from_str(&place.read("out/peers/manifest.json")).unwrap();
    let configuration = &manifest["datasets"]["builtin"][0]["configuration"];
    assert_eq!(configuration["packages"]["bm25s"]["stub"], "1.0");
    assert!(place.read("out/peers/README.md").contains("stub 1.0"));
}

#[test]
fn torch_can_be_left_out() {
    let place = Place::empty();
    let Some(told) = run(&place, "{}", &["--without-torch"]) else {
        return;
    };
    assert_eq!(told.code, Some(0), "{told}");
    told.assert_says(&["not run: sentence-transformers, semantic-router: left out, with torch"]);
    assert_eq!(values(&place, "words", "bm25s", "p50-ms").len(), 1);
}

#[test]
fn nothing_is_blessed_where_something_was_not_run() {
    let place = Place::empty();
    let Some(told) = run(&place, "{}", &["--bless"]) else {
        return;
    };
    told.assert_refused(&["--bless", "something was not run"]);
    assert!(place.files("results").is_empty());
}

#[test]
fn peers_that_fail_are_named_with_their_last_words_and_the_others_go_on() {
    let place = Place::empty();
    let faults = r#"{"bm25s": "crashes", "bm25s-our-words": "chatters", "rank-bm25": "hangs",
                     "numpy-s1": "cuts off", "scikit-learn": "invents"}"#;
    let Some(told) = run(&place, faults, &["--patience", "10"]) else {
        return;
    };
    told.assert_refused(&[
        "bm25s: it has ended without an answer (exit status: 1)",
        "last words: Traceback (most recent call last): / ValueError: too warm",
        "bm25s-our-words: its answer `100 % done` cannot be read",
        "rank-bm25: it took more than 10 s to answer",
        "numpy-s1: its file numpy-s1.f32 is cut off",
        "scikit-learn: it ranked tool 98, but there are 98",
    ]);
    for (task, ours, peer) in [
        ("words", "oats bm25", "bm25s"),
        ("s1-all", "oats s1", "numpy-s1"),
        ("regression", "oats linear", "scikit-learn"),
    ] {
        assert_eq!(values(&place, task, ours, "p50-ms").len(), 1, "{task}");
        assert!(values(&place, task, peer, "p50-ms").is_empty(), "{task}");
    }
    // Its fits were good, its rankings were not.
    assert_eq!(
        values(&place, "regression-fit", "scikit-learn", "p50-ms").len(),
        1
    );
}

#[test]
fn peers_that_do_not_start_or_go_quiet_are_left_out() {
    let place = Place::empty();
    let faults = r#"{"scikit-learn": "has no package", "rank-bm25": "goes quiet"}"#;
    let Some(told) = run(&place, faults, &[]) else {
        return;
    };
    told.assert_refused(&[
        "of the peers, these failed: rank-bm25: it runs on, but listens or answers no more; \
         scikit-learn: it has ended without an answer (exit status: 1)",
        "No module named 'torch'",
    ]);
    assert_eq!(values(&place, "words", "bm25s", "p50-ms").len(), 1);
}

#[test]
fn offline_the_virtual_environment_must_be_there_already() {
    let place = Place::empty();
    place.copy("xtask/peers/requirements.txt");
    place.copy("xtask/peers/requirements-torch.txt");
    place.write("experiments/.keep", "");
    place.refuse(
        &["peers", "--datasets", "builtin", "--venv", "venv"],
        &["virtual environment venv", "leave out --offline"],
    );
}
