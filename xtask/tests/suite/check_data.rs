//! `check-data`: good folders are described, bad ones told with every line that is wrong.

use serde_json::{Value, json};

use crate::common::{Place, experiment};

const TOOLS: &str = r#"[{"name": "forecast", "description": "Rain or shine."}, {"name": "send"}, {"name": "idle"}]"#;

const QUERIES: &str = r#"{"id": "a", "query": "Umbrella?", "tools": ["forecast"], "split": "train"}
{"id": "b", "query": "umbrella", "tools": ["send"], "split": "test"}
{"id": "c", "query": "text Ada", "tools": ["send"], "split": "test"}
{"id": "d", "query": "hello", "tools": []}
"#;

fn place() -> Place {
    let place = Place::empty();
    place.write("mine/tools.json", TOOLS);
    place.write("mine/queries.jsonl", QUERIES);
    place
}

#[test]
fn what_is_planted_is_found() {
    let place = place();
    let told = place.succeed(&["check-data", "mine"]);
    assert_eq!(told.stderr, "");
    told.assert_says(&[
        "    3  tools\n",
        "    3  queries\n",
        "    2  distinct queries",
        "    1  queries in the subset `train`",
        "    1  of 2 test queries with their text in training, subsets `train` and `test`: 50.0 %",
        "    1  tools that are right for no query       idle",
        "    1  queries without a right tool, left out  d",
        "    1  texts of several queries, other labels  a = b",
        "    2  tools without a description             send, idle",
    ]);
    assert!(!told.stdout.contains("same labels"), "{told}");
    assert!(!told.stdout.contains("Nothing stands twice"), "{told}");
    for line in told.stdout.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
    // By its name it is the same.
    let named = place.succeed(&["check-data", "tools:mine"]);
    assert_eq!(named.stdout, told.stdout);

    let json = place.succeed(&["check-data", "mine", "--json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["dataset"], "tools:mine");
    assert_eq!(json["given_split"]["share"], 0.5);
    assert_eq!(json["repeated_queries"][0]["ids"], json!(["a", "b"]));
    assert_eq!(json["tools_without_queries"], json!(["idle"]));
}

#[test]
fn the_built_in_set_is_clean() {
    let told = Place::empty().succeed(&["check-data", "builtin"]);
    told.assert_says(&["   98  tools", "Nothing stands twice, is missing or leaks."]);
}

#[test]
fn every_problem_is_told_with_its_line() {
    let place = place();
    place.write(
        "mine/queries.jsonl",
        "{\"query\": \"a\", \"tools\": [\"post\"]}\n{\"query\": \" \", \"tools\": [\"send\"]}\n{\"query\n",
    );
    let told = place.run(&["check-data", "mine"]);
    told.assert_refused(&["tools:mine: 3 problems"]);
    let lines: Vec<&str> = told.stderr.lines().collect();
    assert_eq!((lines.len(), told.stdout.as_str()), (4, ""), "{told}");
    for (line, part) in lines
        .iter()
        .zip(["line 1: names the tool `post`", "line 2: ", "line 3, "])
    {
        assert!(
            line.starts_with("mine/queries.jsonl: ") && line.contains(part),
            "{told}"
        );
    }

    let told = place.run(&["check-data", "mine", "--json"]);
    told.assert_refused(&["3 problems"]);
    let json: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(json["count"], 3);
    assert_eq!(json["problems"][1], lines[1]);

    place.write("mine/queries.jsonl", "{}\n".repeat(30));
    let told = place.run(&["check-data", "mine"]);
    told.assert_refused(&["30 problems, 20 of them told above"]);
    assert_eq!(told.stderr.lines().count(), 21);

    // A single problem is the error itself.
    place.write("mine/queries.jsonl", QUERIES);
    place.write("mine/tools.json", "[");
    let told = place.run(&["check-data", "mine"]);
    told.assert_refused(&["mine/tools.json: line 1", "cut off", "tools/list"]);
    assert_eq!(told.stderr.lines().count(), 1, "{told}");
}

#[test]
fn what_is_no_data_set_is_refused() {
    let place = place();
    place.write("empty/notes.txt", "");
    for (name, part) in [
        ("empty", "neither corpus.jsonl nor tools.json"),
        ("gone", "no such folder"),
        ("metatool", "cannot be had"),
    ] {
        place
            .run(&["check-data", name])
            .assert_refused(&[name, part]);
    }
}

#[test]
fn a_folder_of_tools_is_run_like_any_other() {
    let place = Place::with_experiment(&experiment(r#"["tools:mine"]"#, r#"["static"]"#));
    place.write("mine/tools.json", TOOLS);
    let queries: String = (0..12)
        .map(|index| {
            let tool = ["forecast", "send", "idle"][index % 3];
            let candidates = ["idle", "send", "forecast"];
            json!({"query": format!("{index} for {tool}"), "tools": [tool], "candidates": candidates})
                .to_string()
                + "\n"
        })
        .collect();
    place.write("mine/queries.jsonl", queries);
    let told = place.succeed(&["run", "trial.toml", "--out", "out"]);
    told.assert_says(&["tools:mine: ndcg@5", "candidates"]);
    let metrics = place.read("out/trial/metrics.csv");
    assert!(
        metrics.contains("trial,tools:mine,query,all,candidates,all"),
        "{metrics}"
    );

    // Rows of the folder are the experiment's own when it is run again with a part of it.
    place.succeed(&[
        "run",
        "trial.toml",
        "--out",
        "out",
        "--datasets",
        "tools:mine",
    ]);
    assert_eq!(place.read("out/trial/metrics.csv"), metrics);

    place.write(
        "mine/queries.jsonl",
        QUERIES.replace("Ada", " ").replace("text", " "),
    );
    place
        .run(&["run", "trial.toml", "--out", "out"])
        .assert_refused(&["mine/queries.jsonl", "line 3", "the query is empty"]);
    assert_eq!(place.read("out/trial/metrics.csv"), metrics);
}
