//! What [`Dataset::describe`] finds, in sets where it is known what there is.

use oats_datasets::{Dataset, Description, Leakage, Sources, description::Spread};
use serde_json::json;

use crate::common::write;

fn describe(dataset: &Dataset) -> Description {
    let sources = Sources::new(None, "unused".into());
    dataset.describe(&sources).unwrap()
}

#[test]
fn finds_exactly_what_was_planted() {
    let dir = tempfile::tempdir().unwrap();
    let long = "word ".repeat(201);
    let tools = json!([
        {"name": "get_time", "description": "Tells the time."},
        {"name": "get-time", "description": "tells the time"},
        {"name": "send", "description": "Sends."},
        {"name": "idle", "description": long},
        {"name": "bare"},
        {"name": "blank", "description": ""},
    ]);
    let line = |id: &str, query: &str, tools: &[&str], split: &str| {
        json!({"id": id, "query": query, "tools": tools, "split": split}).to_string() + "\n"
    };
    let queries = [
        line("a", "What time is it?", &["get_time", "bare"], "train"),
        line("b", "Text Ada", &["send"], "train"),
        line("c", "what time is it", &["bare", "get_time"], "test"),
        line("d", "text ada!", &["blank"], "test"),
        line("e", "Text  Ada", &["send"], "train"),
        line("f", "something else", &["get-time"], "test"),
        line("g", "nothing for it", &[], "test"),
        line("h", &"word ".repeat(201), &["send"], "test"),
    ];
    let path = dir.path().join("mine");
    write(&path.join("tools.json"), tools.to_string());
    write(&path.join("queries.jsonl"), queries.concat());
    let found = describe(&Dataset::Tools(path));

    assert_eq!(found.dataset, "tools:mine");
    assert_eq!(
        (found.tools, found.queries, found.distinct_queries),
        (6, 7, 4)
    );
    assert_eq!(found.unlabelled_queries, ["g"]);
    let mean = 9.0 / 7.0;
    let spread = Spread {
        least: 1,
        mean,
        most: 2,
    };
    assert_eq!(found.labels_per_query, Some(spread));
    assert_eq!(
        (found.queries_with_candidates, found.candidates_per_query),
        (0, None)
    );
    let subsets: Vec<_> = found
        .subsets
        .iter()
        .map(|one| (&one.name[..], one.queries))
        .collect();
    assert_eq!(subsets, [("all", 7), ("train", 3), ("test", 4)]);
    assert_eq!(found.similar_tool_names, [["get_time", "get-time"]]);
    assert_eq!(found.same_tool_descriptions, [["get_time", "get-time"]]);
    let repeated: Vec<_> = found
        .repeated_queries
        .iter()
        .map(|one| (one.ids.join(" "), &one.text[..], one.same_labels))
        .collect();
    assert_eq!(
        repeated,
        [
            ("a c".to_owned(), "What time is it?", true),
            ("b d e".to_owned(), "Text Ada", false)
        ]
    );
    let leakage = Leakage {
        test_queries: 4,
        test_queries_in_training: 2,
        share: 0.5,
    };
    assert_eq!(found.given_split, Some(leakage));
    assert_eq!(found.instance_split.test_queries, 3);
    assert_eq!(found.tools_without_queries, ["idle"]);
    assert_eq!(found.tools_without_description, ["bare", "blank"]);
    assert_eq!(found.long_tools, ["idle"]);
    assert_eq!(found.long_queries, ["h"]);
}

#[test]
fn the_built_in_set_is_clean() {
    let found = describe(&Dataset::Builtin);
    assert_eq!((found.tools, found.queries), (98, 1248));
    assert_eq!(found.distinct_queries, found.queries);
    assert_eq!(found.queries_with_candidates, found.queries);
    let candidates = Spread {
        least: 10,
        mean: 10.0,
        most: 10,
    };
    assert_eq!(found.candidates_per_query, Some(candidates));
    let labels = found.labels_per_query.unwrap();
    assert_eq!((labels.least, labels.most), (1, 2));
    assert_eq!(found.instance_split.test_queries_in_training, 0);
    assert_eq!(found.given_split, None);
    let lists = [
        found.unlabelled_queries,
        found.tools_without_queries,
        found.tools_without_description,
        found.long_tools,
        found.long_queries,
    ];
    assert_eq!(lists.concat(), [""; 0]);
    assert!(found.repeated_queries.is_empty());
    assert!(found.similar_tool_names.is_empty() && found.same_tool_descriptions.is_empty());
}

/// The parts that BEIR's files of judgements make are told apart, and all problems are told.
#[test]
fn folders_in_beirs_layout_are_described_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine");
    write(
        &path.join("corpus.jsonl"),
        "{\"_id\": \"t\", \"text\": \"x\"}\n",
    );
    write(
        &path.join("queries.jsonl"),
        "{\"_id\": \"1\", \"text\": \"Rain?\"}\n{\"_id\": \"2\", \"text\": \"rain\"}\n\
         {\"_id\": \"3\", \"text\": \"never judged\"}\n",
    );
    let header = "query-id\tcorpus-id\tscore\n";
    write(&path.join("qrels/train.tsv"), format!("{header}1\tt\t1\n"));
    write(&path.join("qrels/test.tsv"), format!("{header}2\tt\t1\n"));
    let dataset = Dataset::of_folder(&path).unwrap();
    let found = describe(&dataset);
    assert_eq!(found.unlabelled_queries, ["3"]);
    assert_eq!(found.given_split.unwrap().share, 1.0);

    write(
        &path.join("qrels/test.tsv"),
        format!("{header}2\tt\n2\tu\t1\n9\tt\t1\n2\tt\tx\n"),
    );
    let sources = Sources::new(None, "unused".into());
    let problems = dataset.describe(&sources).unwrap_err();
    let told: Vec<String> = problems.told().iter().map(ToString::to_string).collect();
    for (message, part) in told
        .iter()
        .zip(["line 2: 2 fields", "line 3", "line 4", "line 5"])
    {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(problems.count(), 4);

    write(&path.join("corpus.jsonl"), "{\"_id\": \"t\"\n");
    let problems = dataset.describe(&sources).unwrap_err();
    // Judgements of tools that could not be read are not held against them.
    assert_eq!(problems.count(), 2, "{problems:?}");
}
