use oats_datasets::{Benchmark, Error, Query, Tool};

use crate::common::{assert_bad, nowhere};

struct Parts {
    tools: Vec<Tool>,
    queries: Vec<Query>,
    subsets: Vec<String>,
}

/// Two queries for three tools, changed by `change` before they are put together.
fn build(change: impl FnOnce(&mut Parts)) -> Result<Benchmark, Error> {
    let query = |id: &str, relevant: &[(usize, u32)]| Query {
        id: id.to_owned(),
        text: format!("text of {id}"),
        relevant: relevant.to_vec(),
        candidates: vec![2, 0, 1],
        subsets: vec![0, 1],
        scenario: None,
    };
    let mut parts = Parts {
        tools: ["a", "b", "c"]
            .map(|name| Tool::new(name, "does something"))
            .to_vec(),
        queries: vec![query("q0", &[(1, 1)]), query("q1", &[(0, 2), (2, 1)])],
        subsets: vec!["all".to_owned(), "some".to_owned()],
    };
    change(&mut parts);
    Benchmark::new("made", parts.tools, parts.queries, parts.subsets, nowhere())
}

#[test]
fn keeps_what_it_is_given() {
    let benchmark = build(|_| {}).unwrap();
    assert_eq!(benchmark.name(), "made");
    assert_eq!(benchmark.tool_id("c"), Some(2));
    assert_eq!(benchmark.tool_id("d"), None);
    assert_eq!(benchmark.query_texts(), ["text of q0", "text of q1"]);
    assert_eq!(benchmark.subsets(), ["all", "some"]);
    assert_eq!(benchmark.tools()[0].text, "a: does something");
}

#[test]
fn refuses_bad_tools() {
    assert_bad(build(|parts| parts.tools.clear()), &["made: tools"]);
    assert_bad(
        build(|parts| parts.tools[1].name = " ".into()),
        &["tool 1", "empty"],
    );
    assert_bad(
        build(|parts| parts.tools[2].name = "a".into()),
        &["tool 2", "`a` is taken"],
    );
    assert_bad(
        build(|parts| parts.tools[1].text = " ".into()),
        &["tool 1", "text is empty"],
    );
}

#[test]
fn refuses_bad_queries() {
    let refuse = |change: fn(&mut Query), problem: &str| {
        assert_bad(
            build(|parts| change(&mut parts.queries[1])),
            &["made: query `q", problem],
        );
    };
    refuse(|query| query.text = " \n".into(), "text is empty");
    refuse(|query| query.id = "q0".into(), "id is taken");
    refuse(|query| query.relevant.clear(), "no tool is relevant");
    refuse(|query| query.relevant[0].0 = 3, "relevant tool 3");
    refuse(|query| query.relevant[0].0 = 2, "relevant tool 2");
    refuse(|query| query.relevant[0].1 = 0, "grade 0");
    refuse(|query| query.candidates[0] = 3, "candidate tool 3");
    refuse(|query| query.candidates[0] = 1, "candidate tool 1");
    refuse(
        |query| query.candidates = vec![0, 1],
        "relevant tool 2 is not among the candidates",
    );
    refuse(|query| query.subsets = vec![1], "subsets");
    refuse(|query| query.subsets = vec![0, 2], "subsets");
    assert!(build(|parts| parts.queries[1].candidates.clear()).is_ok());
}

#[test]
fn refuses_bad_subsets() {
    assert_bad(
        build(|parts| parts.subsets[0] = "most".into()),
        &["subsets", "`all`"],
    );
    assert_bad(
        build(|parts| parts.subsets[1] = "all".into()),
        &["subsets", "own name"],
    );
}
