use oats_datasets::{Benchmark, Dataset, Error, Sources, provenance::Origin};
use tempfile::TempDir;

use crate::common::{assert_bad, write};

/// A folder `tiny` in BEIR's layout, with `files` added to it or replaced.
fn load(files: &[(&str, &[u8])]) -> Result<Benchmark, Error> {
    let dir = folder(files);
    let name = format!("beir:{}", dir.path().join("tiny").display());
    name.parse::<Dataset>()?
        .load(&Sources::new(None, "unused".into()))
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let usual: [(&str, &[u8]); 3] = [
        (
            "corpus.jsonl",
            b"{\"_id\": \"d1\", \"title\": \"Maps\", \"text\": \"Find it.\", \"metadata\": {}}\n\
              {\"_id\": \"d2\", \"text\": \"Reads.\"}\n\n{\"_id\": \"d3\", \"title\": \"\", \"text\": \"\"}\n",
        ),
        (
            "queries.jsonl",
            b"{\"_id\": \"q1\", \"text\": \"where?\"}\n{\"_id\": \"q2\", \"text\": \"say \\\"what\\\"\"}\n\
              {\"_id\": \"q3\", \"text\": \"never judged\"}\n{\"_id\": \"q4\", \"text\": \"no good\"}\n",
        ),
        (
            "qrels/test.tsv",
            b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td3\t1\nq1\td2\t0\nq4\td1\t-1\n",
        ),
    ];
    for (path, contents) in usual.iter().chain(files) {
        write(&dir.path().join("tiny").join(path), contents);
    }
    dir
}

#[test]
fn reads_a_folder() {
    let train = b"query-id\tcorpus-id\tscore\nq2\td2\t1\n";
    let benchmark = load(&[("qrels/train.tsv", train), ("qrels/README", b"x")]).unwrap();
    assert_eq!(benchmark.name(), "beir:tiny");
    assert_eq!(benchmark.subsets(), ["all", "test", "train"]);
    let tools: Vec<_> = benchmark
        .tools()
        .iter()
        .map(|tool| tool.text.as_str())
        .collect();
    assert_eq!(tools, ["d1: Maps Find it.", "d2: Reads.", "d3"]);
    let [first, second] = benchmark.queries() else {
        panic!("two judged queries")
    };
    assert_eq!(
        (first.id.as_str(), &first.relevant[..]),
        ("q1", &[(0, 2), (2, 1)][..])
    );
    assert_eq!(
        (&first.subsets[..], &second.subsets[..]),
        (&[0, 1][..], &[0, 2][..])
    );
    assert_eq!(second.text, "say \"what\"");
    assert!(first.candidates.is_empty());

    let provenance = benchmark.provenance();
    assert_eq!(provenance.origin, Origin::Folder);
    assert_eq!(
        provenance.notes,
        ["2 of 4 queries have no right tool and were left out"]
    );
    let paths: Vec<_> = provenance
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "corpus.jsonl",
            "queries.jsonl",
            "qrels/test.tsv",
            "qrels/train.tsv"
        ]
    );
    assert!(provenance.files.iter().all(|file| file.upstream.is_none()));
}

#[test]
fn refuses_missing_parts() {
    for missing in ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"] {
        let dir = folder(&[]);
        let root = dir.path().join("tiny");
        std::fs::remove_file(root.join(missing)).unwrap();
        let shown = missing.split('/').next().unwrap();
        let result = Dataset::Beir(root).load(&Sources::new(None, "unused".into()));
        assert_bad(result, &[shown, "cannot be read", "BEIR's layout"]);
    }
}

#[test]
fn refuses_bad_lines() {
    let refuse = |path: &str, contents: &[u8], place: &str, problem: &str| {
        assert_bad(
            load(&[(path, contents)]),
            &[path, place, problem, "BEIR's layout"],
        );
    };
    let corpus = "corpus.jsonl";
    refuse(
        corpus,
        b"{\"_id\": \"d1\", \"text\": \"\"}\n{\"_id\": \"d",
        "line 2, column",
        "cut off",
    );
    refuse(
        corpus,
        b"\n{\"_id\": \"d1\"}",
        "line 2",
        "missing field `text`",
    );
    refuse(
        corpus,
        b"{\"_id\": \"d1\", \"text\": \"\"}\n{\"_id\": \"d1\", \"text\": \"\"}",
        "line 2",
        "`d1` stands twice",
    );
    refuse(
        corpus,
        b"{\"_id\": \"\", \"text\": \"\"}",
        "line 1",
        "name is empty",
    );
    refuse(corpus, b"{\"_id\": \"d1\xff\"}", "line 1", "not UTF-8");

    let queries = "queries.jsonl";
    refuse(
        queries,
        b"{\"_id\": \"q1\", \"text\": \" \"}",
        "line 1",
        "the query is empty",
    );
    refuse(
        queries,
        b"{\"_id\": \"q1\", \"text\": \"a\"}\n{\"_id\": \"q1\", \"text\": \"b\"}",
        "line 2",
        "`q1` stands twice",
    );

    let qrels = "qrels/test.tsv";
    refuse(
        qrels,
        b"query-id\tdoc-id\tscore\n",
        "line 1",
        "\"corpus-id\"",
    );
    refuse(
        qrels,
        b"query-id\tcorpus-id\tscore\nq1\td1\n",
        "line 2",
        "2 fields",
    );
    let row = |row: &str| format!("query-id\tcorpus-id\tscore\nq2\td1\t1\n{row}\n").into_bytes();
    refuse(qrels, &row("q9\td1\t1"), "line 3", "`q9`");
    refuse(qrels, &row("q1\td9\t1"), "line 3", "`d9`");
    refuse(qrels, &row("q1\td1\thigh"), "line 3", "`high`");
    refuse(qrels, &row("q2\td1\t0"), "line 3", "judged twice");
    let header = b"query-id\tcorpus-id\tscore\n";
    assert_bad(
        load(&[(qrels, header)]),
        &[queries, "no query has a positive score"],
    );
    refuse(
        "qrels/train.tsv",
        &row("q1\td1\t1"),
        "line 3",
        "`q1` is also judged",
    );
    refuse("qrels/all.tsv", header, "file name", "union");
}

#[test]
fn data_sets_are_written_by_name() {
    for name in [
        "builtin",
        "metatool",
        "metatool-description",
        "metatool-for-model",
        "toole",
        "toolbench",
        "beir:some/folder",
        "tools:some/folder",
    ] {
        let dataset: Dataset = name.parse().unwrap();
        assert_eq!(dataset.to_string(), name);
        let json = serde_json::to_string(&dataset).unwrap();
        assert_eq!(json, format!("\"{name}\""));
        assert_eq!(serde_json::from_str::<Dataset>(&json).unwrap(), dataset);
    }
    for name in ["beir", "beir:", "tools:", "MetaTool"] {
        assert_bad(
            name.parse::<Dataset>(),
            &[
                name,
                "builtin, metatool, toole, toolbench, metatool-description, metatool-for-model, beir:DIR or tools:DIR",
            ],
        );
    }
}
