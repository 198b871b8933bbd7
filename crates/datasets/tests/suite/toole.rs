use oats_datasets::Dataset;
use serde_json::json;

use crate::common::{DataDir, SUBTASK_1, TABLE, assert_bad, record};

fn refuse(table: impl AsRef<[u8]>, parts: &[&str]) {
    let data = DataDir::metatool();
    data.write(TABLE, table);
    let mut parts = parts.to_vec();
    parts.extend([TABLE, "github.com/HowieHwong/MetaTool"]);
    assert_bad(data.load(Dataset::Toole), &parts);
}

#[test]
fn reads_the_table_with_the_lists_of_similar_tools() {
    let benchmark = DataDir::metatool().load(Dataset::Toole).unwrap();
    assert_eq!(benchmark.subsets(), ["all"]);
    let [first, second] = benchmark.queries() else {
        panic!("two rows")
    };
    assert_eq!(first.candidates, [0, 1, 2]);
    assert_eq!(second.id, "line/00003");
    assert_eq!(second.text, "read, please");
    assert_eq!(second.relevant, [(1, 1)]);
    assert_eq!(second.candidates, [2, 1]);
    let notes = &benchmark.provenance().notes;
    assert!(
        notes.iter().any(|note| note.contains("similar-choices")),
        "{notes:?}"
    );
}

#[test]
fn takes_the_first_of_differing_lists_and_says_so() {
    let data = DataDir::metatool();
    data.write_json(
        SUBTASK_1,
        json!([
            record("a", json!("maps"), &["poet", "maps"]),
            record("b", json!("maps"), &["maps", "poet"]),
            record("c", json!("PDF&URLTool"), &["PDF&URLTool"]),
        ]),
    );
    let benchmark = data.load(Dataset::Toole).unwrap();
    assert_eq!(benchmark.queries()[0].candidates, [2, 0]);
    let notes = &benchmark.provenance().notes;
    assert!(
        notes.iter().any(|note| note.starts_with("1 records")),
        "{notes:?}"
    );
}

#[test]
fn refuses_bad_tables() {
    refuse(
        "Question,Tool\na,maps\n",
        &["line 1", "\"Query\"", "\"Question\""],
    );
    refuse("", &["line 1", "\"Query\""]);
    refuse(
        "Query,Tool\nthe way home,maps\nthe way",
        &["line 3", "1 fields"],
    );
    refuse("Query,Tool\na,maps\nb,zither\n", &["line 3", "`zither`"]);
    refuse("Query,Tool\n ,maps\n", &["line 2", "the query is empty"]);
    refuse(b"Query,Tool\na,maps\n\xff,maps\n", &["line 3", "not UTF-8"]);
    refuse("Query,Tool\na,poet\n", &["line 2", "no record", SUBTASK_1]);
}
