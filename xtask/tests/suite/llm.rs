//! The router `llm`, asked through a local stub of an endpoint.

use std::{
    collections::HashSet,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    common::{Place, Told},
    stub::{Act, Stub, says},
};

const KEY: &str = "sk-very-secret-key";

const TRIAL: &str = r#"
    name = "trial"
    question = "?"
    metrics = ["ndcg@5", "recall@1"]
    baselines = ["bm25"]
    routers = ["bm25", { kind = "llm", max_output_tokens = 16 }]

    [[grid]]
    datasets = ["builtin"]
    embedders = []
    splits = ["query"]
    pools = ["candidates"]
    seeds = [0]
"#;

/// Names the tool that is offered first, after a moment.
fn slow_stub() -> Stub {
    Stub::answering(|_, body| {
        thread::sleep(Duration::from_millis(5));
        Act::Answer(200, "", says(&first_offered(body)))
    })
}

fn first_offered(body: &Value) -> String {
    let content = body["messages"][0]["content"].as_str().unwrap();
    let (_, rest) = content.split_once("1. tool name: ").unwrap();
    rest.split_once(", tool description").unwrap().0.to_owned()
}

/// `run trial.toml`, with the stub as the endpoint; more arguments follow.
fn run(place: &Place, stub: &Stub, arguments: &[&str]) -> Command {
    let cache = place.path("cache");
    let mut command = place.bare_command(&["run", "trial.toml", "--out", "out"]);
    command
        .arg("--cache-dir")
        .arg(cache)
        .args(arguments)
        .env("OPENAI_API_KEY", KEY)
        .env("OPENAI_BASE_URL", &stub.url);
    command
}

fn wait_for_calls(stub: &Stub, count: usize, child: &mut Child) {
    let started = Instant::now();
    while stub.calls().len() < count {
        assert!(started.elapsed() < Duration::from_secs(60), "too few calls");
        assert!(child.try_wait().unwrap().is_none(), "it has ended already");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn without_a_budget_nobody_is_asked() {
    let place = Place::with_experiment(TRIAL);
    let stub = slow_stub();
    let told = Told::of(&mut run(&place, &stub, &[]));
    assert_eq!(told.code, Some(0), "{told}");
    assert!(told.stderr.contains("--llm-budget"), "{told}");
    let line = told.stdout.lines().find(|line| line.starts_with("llm"));
    assert!(
        line.is_some_and(|line| line.contains("not measured")),
        "{told}"
    );
    assert!(!place.read("out/trial/metrics.csv").contains(",llm,"));
    assert!(stub.calls().is_empty());

    let told = Told::of(&mut run(&place, &stub, &["--llm-budget", "5", "--offline"]));
    assert!(told.stderr.contains("leave out --offline"), "{told}");
    assert!(stub.calls().is_empty());
}

/// Stopped by Ctrl-C, run again to the end, and then replayed: three runs, each call made once.
#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_and_started_again_makes_no_call_twice() {
    let place = Place::with_experiment(TRIAL);
    let stub = slow_stub();
    let with_budget = |place: &Place| run(place, &stub, &["--llm-budget", "5"]);
    let mut child = with_budget(&place)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_calls(&stub, 20, &mut child);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let stopped_at = stub.calls().len();
    assert!(
        stderr.contains(&format!(
            "stopped; {stopped_at} calls of this run are recorded"
        )),
        "{stderr}"
    );

    let told = Told::of(&mut with_budget(&place));
    assert_eq!(told.code, Some(0), "{told}");
    let calls = stub.calls();
    let distinct: HashSet<String> = calls.iter().map(|call| call.body.to_string()).collect();
    assert!(calls.len() > stopped_at);
    assert_eq!(distinct.len(), calls.len(), "a call was made twice");
    let metrics = place.read("out/trial/metrics.csv");
    assert!(metrics.contains(",llm,"), "{metrics}");

    let replayed = Told::of(&mut run(&place, &stub, &[]));
    assert_eq!(replayed.code, Some(0), "{replayed}");
    assert_eq!(place.read("out/trial/metrics.csv"), metrics);
    assert_eq!(stub.calls().len(), calls.len(), "a replay makes no call");
    for (path, contents) in place.files(".") {
        let contents = String::from_utf8_lossy(&contents).into_owned();
        assert!(!contents.contains(KEY), "{} has the key", path.display());
    }
}

#[test]
fn a_budget_that_is_too_small_is_told_and_kept() {
    let place = Place::with_experiment(TRIAL);
    let stub = slow_stub();
    let told = Told::of(&mut run(&place, &stub, &["--llm-budget", "0.01"]));
    assert_eq!(told.code, Some(0), "{told}");
    assert!(told.stderr.contains("the budget of $0.01"), "{told}");
    // Each answer says that it cost 0.00178 dollars.
    assert!(
        (1..=5).contains(&stub.calls().len()),
        "{}",
        stub.calls().len()
    );
}

#[test]
fn an_endpoint_that_refuses_is_told_without_the_key() {
    let place = Place::with_experiment(TRIAL);
    let message = json!({"error": {"message": format!("no such key: {KEY}")}}).to_string();
    let stub = Stub::with(vec![Act::Answer(401, "", message)]);
    let told = Told::of(&mut run(&place, &stub, &["--llm-budget", "5"]));
    assert_eq!(told.code, Some(0), "others are measured: {told}");
    assert!(told.stderr.contains("status 401"), "{told}");
    assert!(!told.to_string().contains(KEY), "{told}");
}

#[test]
fn bad_options_are_refused() {
    let place = Place::with_experiment(TRIAL);
    let stub = slow_stub();
    let mut without_key = run(&place, &stub, &["--llm-budget", "5"]);
    without_key
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL");
    Told::of(&mut without_key).assert_refused(&["OPENAI_API_KEY is not set"]);
    let mut two_lines = run(&place, &stub, &["--llm-budget", "5"]);
    two_lines.env("OPENAI_API_KEY", "sk-one\nsk-two");
    let told = Told::of(&mut two_lines);
    told.assert_refused(&["OPENAI_API_KEY"]);
    assert!(!told.stderr.contains("sk-"), "{told}");
    let mut no_url = run(&place, &stub, &["--llm-budget", "5"]);
    no_url.env("OPENAI_BASE_URL", "localhost");
    Told::of(&mut no_url).assert_refused(&["the endpoint's URL"]);
    Told::of(&mut run(&place, &stub, &["--llm-budget=-1"])).assert_refused(&["the budget is -1"]);
    place.write("prices.toml", "[[model]]\nname = 3\n");
    let mut bad_prices = run(
        &place,
        &stub,
        &["--llm-budget", "5", "--prices", "prices.toml"],
    );
    Told::of(&mut bad_prices).assert_refused(&["prices.toml", "line 2"]);
    place.write("prices.toml", "");
    let mut no_price = run(
        &place,
        &stub,
        &["--llm-budget", "5", "--prices", "prices.toml"],
    );
    Told::of(&mut no_price).assert_refused(&["prices.toml has no model `gpt-4.1`"]);
    place.write("calls.jsonl", "{}\n");
    let recordings = ["--llm-budget", "5", "--llm-recordings", "calls.jsonl"];
    Told::of(&mut run(&place, &stub, &recordings)).assert_refused(&["calls.jsonl, line 1"]);
    assert!(stub.calls().is_empty());
}
