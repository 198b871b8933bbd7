use oats_datasets::Dataset;
use serde_json::{Value, json};

use crate::common::{DataDir, api, assert_bad};

const GROUP: &str = "solvable_queries/test_instruction/G1_tool.json";

fn with(group: Value) -> DataDir {
    let data = DataDir::toolbench();
    data.write_json(GROUP, group);
    data
}

fn query(apis: Value, relevant: Value) -> Value {
    json!({"query": "do it", "query_id": 1, "api_list": apis, "relevant APIs": relevant})
}

#[test]
fn reads_the_six_groups() {
    let benchmark = DataDir::toolbench().load(Dataset::Toolbench).unwrap();
    let tools: Vec<_> = benchmark
        .tools()
        .iter()
        .map(|tool| tool.text.as_str())
        .collect();
    assert_eq!(
        tools,
        ["Converter Convert: Converts currencies.", "Units Convert"]
    );
    assert_eq!(benchmark.queries().len(), 6);
    assert_eq!(
        benchmark.subsets()[..3],
        ["all", "g1-category", "g1-instruction"]
    );
    let last = &benchmark.queries()[5];
    assert_eq!(last.id, "g3-instruction/0000");
    assert_eq!(last.relevant, [(1, 1)]); // the label stands twice
    assert_eq!(last.candidates, [0, 1]);
    assert_eq!(last.subsets, [0, 6]);
}

#[test]
fn parameters_have_types_of_json_schema() {
    let mut apis = json!([api("Finance", "Rates", "Latest", "")]);
    let argument = |name: &str, kind: &str| json!({"name": name, "type": kind, "description": " "});
    apis[0]["required_parameters"] = json!([
        argument("day", "DATE (YYYY-MM-DD)"),
        argument("amount", "NUMBER")
    ]);
    apis[0]["optional_parameters"] =
        json!([argument("amount", "STRING"), argument("round", "Boolean")]);
    let data = with(json!([query(apis, json!([["Rates", "Latest"]]))]));
    let benchmark = data.load(Dataset::Toolbench).unwrap();
    let read: Vec<_> = benchmark.tools()[2]
        .parameters
        .iter()
        .map(|p| (p.name.as_str(), p.kind, p.description.as_str(), p.required))
        .collect();
    let expected = [
        ("day", "string", "", true),
        ("amount", "number", "", true), // the second of the name does not count
        ("round", "boolean", "", false),
    ];
    assert_eq!(read, expected);
}

#[test]
fn names_that_categories_share_get_the_category() {
    let apis = json!([
        api("Finance", "Shop", "Orders", "first"),
        api("Food", "Shop", "Orders", "second"),
        api("Food", "Shop", "Orders", "repeated"),
    ]);
    let data = with(json!([query(apis, json!([["Shop", "Orders"]]))]));
    let benchmark = data.load(Dataset::Toolbench).unwrap();
    let shops: Vec<_> = benchmark.tools()[2..]
        .iter()
        .map(|tool| tool.text.as_str())
        .collect();
    assert_eq!(
        shops,
        ["Shop Orders (Finance): first", "Shop Orders (Food): second"]
    );
    assert_eq!(benchmark.queries()[2].candidates, [2, 3]);
}

#[test]
fn refuses_bad_groups() {
    let refuse = |group: Value, problem: &str| {
        let parts = [GROUP, problem, "github.com/THUNLP-MT/StableToolBench"];
        assert_bad(with(group).load(Dataset::Toolbench), &parts);
    };
    let apis = json!([api("Finance", "Shop", "Orders", "")]);
    let unknown = query(apis.clone(), json!([["Shop", "Refunds"]]));
    refuse(
        json!([unknown]),
        "record [0]: `relevant APIs` names the tool [`Shop`, `Refunds`]",
    );
    refuse(
        json!([query(apis.clone(), json!([]))]),
        "record [0]: `relevant APIs` names no tool",
    );
    let mut blank = query(apis.clone(), json!([["Shop", "Orders"]]));
    blank["query"] = json!("\t");
    refuse(json!([blank]), "record [0]: the query is empty");
    // Spaces at the ends are the only difference, so the names come out the same.
    let twins = json!([
        api("Finance", "Shop", "Orders", ""),
        api("Finance", "Shop ", "Orders", "")
    ]);
    refuse(
        json!([query(twins, json!([["Shop", "Orders"]]))]),
        "stands twice",
    );
    refuse(
        json!([{"query": "a", "api_list": []}]),
        "missing field `relevant APIs`",
    );
    refuse(json!({}), "line 1, column ");
}
