//! `tools:DIR`: the forms that `tools.json` can have, and what `queries.jsonl` may say.

use oats_datasets::{Benchmark, Dataset, Error, Problems, Sources, Tool, provenance::Origin};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{assert_bad, write};

const QUERIES: &str = r#"{"query": "umbrella?", "tools": ["forecast"]}

{"id": "b", "query": "tell Ada", "tools": [{"name": "send", "grade": 3}, "forecast"], "split": "test"}
{"query": "hello", "tools": [], "subsets": ["talk"]}
{"query": "rain in York", "tools": ["forecast"], "candidates": ["clock", "forecast"], "subsets": ["talk"], "split": "train"}
"#;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "place": {"type": "string", "description": " Where. "},
            "days": {"type": ["null", "integer"]},
            "units": {"anyOf": [{"type": "null"}, {"type": "array"}]},
            "rest": {"$ref": "#/$defs/rest"},
        },
        "required": ["place"],
    })
}

/// Three tools, each with its fields under the names that a form has for them.
fn tools(schema_field: &str) -> Vec<Value> {
    vec![
        json!({"name": "forecast", "description": " Rain or shine. ", schema_field: schema()}),
        json!({"name": "send", "description": "Sends a text.", schema_field: {"type": "object"}}),
        json!({"name": "clock"}),
    ]
}

fn functions() -> Vec<Value> {
    let tools = tools("parameters").into_iter();
    tools
        .map(|tool| json!({"type": "function", "function": tool}))
        .collect()
}

fn answer(tools: &[Value], next: Option<&str>) -> Value {
    let mut result = json!({"tools": tools});
    if let Some(next) = next {
        result["nextCursor"] = json!(next);
    }
    json!({"jsonrpc": "2.0", "id": 1, "result": result})
}

fn folder(tools: impl AsRef<[u8]>, queries: impl AsRef<[u8]>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("mine/tools.json"), tools);
    write(&dir.path().join("mine/queries.jsonl"), queries);
    dir
}

fn load(tools: impl AsRef<[u8]>, queries: impl AsRef<[u8]>) -> Result<Benchmark, Error> {
    let dir = folder(tools, queries);
    let dataset = Dataset::of_folder(&dir.path().join("mine"))?;
    assert!(matches!(dataset, Dataset::Tools(_)));
    dataset.load(&sources())
}

fn sources() -> Sources {
    Sources::new(None, "unused".into())
}

/// All that is wrong with it.
fn problems(tools: impl AsRef<[u8]>, queries: impl AsRef<[u8]>) -> (Vec<String>, usize) {
    let dir = folder(tools, queries);
    let dataset = Dataset::Tools(dir.path().join("mine"));
    let problems: Problems = dataset.describe(&sources()).unwrap_err();
    let told = problems.told().iter().map(ToString::to_string).collect();
    (told, problems.count())
}

fn good() -> String {
    json!(functions()).to_string()
}

#[test]
fn every_form_gives_the_same_benchmark() {
    let mcp = tools("inputSchema");
    let (first, second) = mcp.split_at(1);
    let forms = [
        ("tools/list", answer(&mcp, None)),
        ("its result", json!({"tools": mcp})),
        ("its tools", json!(mcp)),
        (
            "its pages",
            json!([answer(first, Some("2")), answer(second, None)]),
        ),
        (
            "bare pages",
            json!([{"tools": first, "nextCursor": "2"}, {"tools": second, "nextCursor": ""}]),
        ),
        ("chat completions", json!(functions())),
        (
            "a request",
            json!({"model": "m", "messages": [], "tools": functions()}),
        ),
        ("anthropic", json!(tools("input_schema"))),
    ];
    let flat = tools("parameters").into_iter().map(|mut tool| {
        tool["type"] = json!("function");
        tool["strict"] = json!(true);
        tool
    });
    let responses = ("responses", flat.collect::<Value>());
    let expected = load(good(), QUERIES).unwrap();
    for (form, tools) in forms.into_iter().chain([responses]) {
        let benchmark = load(tools.to_string(), QUERIES).unwrap();
        assert_eq!(benchmark.tools(), expected.tools(), "{form}");
        assert_eq!(benchmark.queries(), expected.queries(), "{form}");
        assert!(benchmark.provenance().notes.len() == 1, "{form}");
    }
}

#[test]
fn reads_what_was_written() {
    let benchmark = load(good(), QUERIES).unwrap();
    assert_eq!(benchmark.name(), "tools:mine");
    let [forecast, send, clock] = benchmark.tools() else {
        panic!("three tools")
    };
    assert_eq!(forecast.text, "forecast: Rain or shine.");
    let parameters: Vec<_> = forecast
        .parameters
        .iter()
        .map(|one| (&one.name[..], one.kind, &one.description[..], one.required))
        .collect();
    assert_eq!(
        parameters,
        [
            ("place", "string", "Where.", true),
            ("days", "number", "", false),
            ("units", "array", "", false),
            ("rest", "string", "", false),
        ]
    );
    assert_eq!(send, &Tool::new("send", "Sends a text."));
    assert_eq!(clock.text, "clock");

    assert_eq!(benchmark.subsets(), ["all", "test", "talk", "train"]);
    let queries: Vec<_> = benchmark
        .queries()
        .iter()
        .map(|query| {
            (
                query.id.as_str(),
                query.text.as_str(),
                &query.relevant[..],
                &query.candidates[..],
                &query.subsets[..],
            )
        })
        .collect();
    assert_eq!(
        queries,
        [
            ("line/00001", "umbrella?", &[(0, 1)][..], &[][..], &[0][..]),
            ("b", "tell Ada", &[(1, 3), (0, 1)], &[], &[0, 1]),
            ("line/00005", "rain in York", &[(0, 1)], &[2, 0], &[0, 3, 2]),
        ]
    );
    let provenance = benchmark.provenance();
    assert_eq!(provenance.origin, Origin::Folder);
    let paths: Vec<_> = provenance.files.iter().map(|file| &file.path).collect();
    assert_eq!(paths, ["tools.json", "queries.jsonl"]);
    assert_eq!(
        provenance.notes,
        ["1 of 4 queries have no right tool and were left out"]
    );
}

#[test]
fn tools_that_the_provider_runs_are_left_out() {
    let mut tools = functions();
    tools.insert(1, json!({"type": "web_search"}));
    let benchmark = load(json!(tools).to_string(), QUERIES).unwrap();
    assert_eq!(benchmark.tools().len(), 3);
    assert!(benchmark.provenance().notes[0].starts_with("1 of 4 entries have no name"));
}

#[test]
fn refuses_bad_tools() {
    let refuse = |tools: String, place: &str, problem: &str| {
        let parts = ["mine/tools.json", place, problem, "tools/list"];
        assert_bad(load(tools, QUERIES), &parts);
    };
    let whole = "whole file";
    refuse("[{\n\"name\": \"a\"".into(), "line 2, column", "cut off");
    refuse("[\n{'name'}]".into(), "line 2, column 2", "key must be");
    for document in ["3", "null", "{}", "\"tools\""] {
        refuse(document.into(), whole, "neither a list");
    }
    refuse("[]".into(), whole, "no tool");
    refuse(answer(&[], None).to_string(), whole, "no tool");
    refuse(
        json!([{"type": "web_search"}]).to_string(),
        whole,
        "no tool",
    );
    let more = answer(&tools("inputSchema"), Some("page-2"));
    refuse(more.to_string(), whole, "`nextCursor`");
    let pages = json!([answer(&[], None), {"error": {"code": -32601}}]);
    refuse(pages.to_string(), "page [1]", "went wrong");
    refuse(json!({"result": {}}).to_string(), "tools", "has no `tools`");
    refuse(json!({"tools": {}}).to_string(), "tools", "not a list");

    let second = |tool: Value| json!([{"name": "forecast"}, tool]).to_string();
    for (tool, problem) in [
        (json!("clock"), "not a JSON object"),
        (json!({"description": "x"}), "missing field `name`"),
        (json!({"type": "function"}), "missing field `name`"),
        (
            json!({"type": "function", "function": {"description": "x"}}),
            "missing field `name`",
        ),
        (json!({"name": " "}), "\" \" is empty"),
        (json!({"name": "a\tb"}), "control character"),
        (json!({"name": 3}), "invalid type: integer `3`"),
        (json!({"name": "forecast"}), "`forecast` stands twice"),
        (json!({"name": "a", "description": 3}), "invalid type"),
        (json!({"name": "a", "inputSchema": "x"}), "no JSON Schema"),
    ] {
        refuse(second(tool), "tool [1]", problem);
    }
}

#[test]
fn refuses_bad_queries() {
    let refuse = |line: &str, place: &str, problem: &str| {
        let queries =
            format!("{{\"query\": \"a\", \"tools\": [\"send\"], \"id\": \"q\"}}\n\n{line}\n");
        let parts = ["mine/queries.jsonl", place, problem, "\"query\": \"…\""];
        assert_bad(load(good(), queries), &parts);
    };
    for (line, problem) in [
        (r#"{"query": "a"#, "cut off"),
        (r#"{"query": "a"}"#, "missing field `tools`"),
        (r#"{"tools": ["send"]}"#, "missing field `query`"),
        (
            r#"{"query": "a", "tools": ["send"], "tool": "send"}"#,
            "unknown field `tool`",
        ),
        (
            r#"{"query": " \n", "tools": ["send"]}"#,
            "the query is empty",
        ),
        (
            r#"{"query": "a", "tools": ["post"]}"#,
            "names the tool `post`",
        ),
        (
            r#"{"query": "a", "tools": ["send", {"name": "send", "grade": 2}]}"#,
            "`send` stands twice in `tools`",
        ),
        (
            r#"{"query": "a", "tools": [{"name": "send", "grade": 0}]}"#,
            "grade of at least 1",
        ),
        (
            r#"{"query": "a", "tools": [{"name": "send", "rank": 1}]}"#,
            "a right tool must be",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "id": "q"}"#,
            "id `q` stands twice",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "id": ""}"#,
            "id is empty",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "candidates": ["clock"]}"#,
            "the right tool `send` is not in `candidates`",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "candidates": ["send", "post"]}"#,
            "names the tool `post`",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "candidates": ["send", "send"]}"#,
            "stands twice in `candidates`",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "split": "dev"}"#,
            "unknown variant `dev`",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "subsets": ["all"]}"#,
            "the subset \"all\"",
        ),
        (
            r#"{"query": "a", "tools": ["send"], "subsets": ["test"], "split": "test"}"#,
            "the subset `test` stands twice",
        ),
    ] {
        refuse(line, "line 3", problem);
    }
    let no_label = r#"{"query": "a", "tools": []}"#;
    assert_bad(
        load(good(), no_label),
        &["queries.jsonl", "no query has a right tool"],
    );
    assert_bad(
        load(good(), ""),
        &["queries.jsonl", "no query has a right tool"],
    );
    assert_bad(
        load(good(), b"{\"query\": \"\xff"),
        &["queries.jsonl", "line 1", "UTF-8"],
    );
}

#[test]
fn all_problems_are_told_in_order() {
    let tools = json!([{"name": "forecast"}, {"name": 3}, {"name": "forecast"}]);
    let queries = "{\"query\": \"a\", \"tools\": [\"send\"]}\n{\"query\": \"\", \"tools\": []}\n{";
    let (told, count) = problems(tools.to_string(), queries);
    assert_eq!((told.len(), count), (4, 4), "{told:?}");
    // That `send` is unknown is not told: it may be the tool that could not be read.
    for (message, part) in told
        .iter()
        .zip(["tool [1]", "tool [2]", "line 2", "line 3"])
    {
        assert!(message.contains(part), "{message}");
    }

    let (told, count) = problems(good(), "{}\n".repeat(25));
    assert_eq!((told.len(), count), (Problems::MOST, 25));

    let dir = tempfile::tempdir().unwrap();
    let missing = Dataset::Tools(dir.path().to_owned());
    let problems = missing.describe(&sources()).unwrap_err();
    assert_eq!(problems.count(), 2);
}

#[test]
fn a_folder_is_known_by_its_files() {
    let dir = folder(good(), QUERIES);
    let mine = dir.path().join("mine");
    let parts = ["neither corpus.jsonl nor tools.json", "tools:DIR"];
    assert_bad(Dataset::of_folder(dir.path()), &parts);
    assert_bad(
        Dataset::of_folder(&dir.path().join("other")),
        &["no such folder"],
    );
    write(&mine.join("corpus.jsonl"), "");
    assert_bad(
        Dataset::of_folder(&mine),
        &["both corpus.jsonl and tools.json"],
    );
    std::fs::remove_file(mine.join("tools.json")).unwrap();
    assert_eq!(Dataset::of_folder(&mine).unwrap(), Dataset::Beir(mine));
}

/// JSON of any shape, with the fields that are looked at among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "(send|function|object|[a-z]{0,2}|\\PC{0,4})".prop_map(Value::from),
    ];
    let key = "(result|tools|error|nextCursor|type|function|name|description|parameters|inputSchema\
               |properties|required|anyOf|query|id|candidates|subsets|split|grade|[a-z])";
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_json_makes_it_panic(
        tools in any_json(),
        lines in prop::collection::vec(any_json(), 0..4),
        damage in 0..200_usize,
    ) {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut cut = tools.to_string();
        cut.truncate(cut.floor_char_boundary(damage));
        for (tools, queries) in [
            (tools.to_string(), QUERIES.to_owned()),
            (cut, QUERIES.to_owned()),
            (good(), lines),
        ] {
            if let Err(error) = load(tools, queries) {
                let message = error.to_string();
                prop_assert!(message.contains("mine/"), "{}", message);
                prop_assert!(!message.contains('\n'), "{}", message);
            }
        }
    }
}

#[test]
fn a_tool_may_have_fields_of_any_name() {
    let tools = json!([
        {"name": "aa"},
        {"name": "bb", "error": null},
        {"name": "cc", "tools": [{"name": "dd"}]},
        {"type": "function", "function": {"name": "ee"}, "result": 1},
    ]);
    let queries = r#"{"query": "?", "tools": ["cc"]}"#;
    let names: Vec<String> = load(tools.to_string(), queries)
        .unwrap()
        .tools()
        .iter()
        .map(|tool| tool.name.clone())
        .collect();
    assert_eq!(names, ["aa", "bb", "cc", "ee"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let tools = format!("\u{feff}{}", json!(tools("inputSchema")));
    let benchmark = load(tools, format!("\u{feff}{QUERIES}")).unwrap();
    assert_eq!(benchmark.queries()[0].text, "umbrella?");
}

#[test]
fn a_line_is_an_object() {
    let (told, _) = problems(
        json!(tools("inputSchema")).to_string(),
        "[\"rain\", [\"forecast\"], null, [], [], null]\n",
    );
    assert!(
        told[0].contains("line 1") && told[0].contains("is a list"),
        "{told:?}"
    );
}
