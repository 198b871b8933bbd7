use oats_datasets::{
    Benchmark, Dataset, Sources,
    provenance::{Origin, git_blob_id},
};
use serde_json::{Value, json};

use crate::common::{
    DataDir, PLUGIN_INFO, PLUGINS, SUBTASK_1, SUBTASK_2, SUBTASK_3, SUBTASK_4, assert_bad,
    assert_unavailable, record,
};

const UPSTREAM: &str = "github.com/HowieHwong/MetaTool";

fn refuse(change: impl FnOnce(&DataDir), parts: &[&str]) {
    let data = DataDir::metatool();
    change(&data);
    let mut parts = parts.to_vec();
    parts.push(UPSTREAM);
    assert_bad(data.load(Dataset::Metatool), &parts);
}

#[test]
fn reads_the_four_subtasks() {
    let benchmark = DataDir::metatool().load(Dataset::Metatool).unwrap();
    assert_eq!(benchmark.name(), "metatool");
    assert_eq!(
        tool_texts(&benchmark),
        [
            "maps: Finds the way.",
            "PDF&URLTool: Reads files.",
            "poet: Rhymes."
        ]
    );

    let queries: Vec<_> = benchmark
        .queries()
        .iter()
        .map(|query| {
            let subsets: Vec<_> = query
                .subsets
                .iter()
                .map(|&subset| benchmark.subsets()[subset].as_str())
                .collect();
            let relevant: Vec<_> = query.relevant.iter().map(|&(tool, _)| tool).collect();
            (
                query.id.as_str(),
                relevant,
                query.candidates.clone(),
                subsets[1..].join(" "),
            )
        })
        .collect();
    let expected = [
        (
            "similar-choices/0000",
            vec![0],
            vec![0, 1, 2],
            "similar-choices all-but-reliability",
        ),
        (
            "similar-choices/0001",
            vec![1],
            vec![2, 1],
            "similar-choices all-but-reliability",
        ),
        (
            "scenarios/0000",
            vec![2],
            vec![2],
            "scenarios all-but-reliability",
        ),
        ("reliability/0000", vec![0], vec![2, 1, 0], "reliability"),
        (
            "multi-tool/0000",
            vec![2, 1],
            vec![0, 1, 2],
            "multi-tool all-but-reliability",
        ),
    ];
    let expected =
        expected.map(|(id, right, offered, subsets)| (id, right, offered, subsets.into()));
    assert_eq!(queries, expected);
    assert_eq!(
        benchmark.queries()[2].scenario.as_deref(),
        Some("artists&designers")
    );
}

fn plugin(model: &str, human: &str, description: &str) -> Value {
    json!({
        "name_for_model": model,
        "name_for_human": human,
        "description_for_model": description,
        "description_for_human": "unread",
    })
}

fn tool_texts(benchmark: &Benchmark) -> Vec<&str> {
    let tools = benchmark.tools().iter();
    tools.map(|tool| tool.text.as_str()).collect()
}

#[test]
fn the_same_queries_come_with_other_tool_texts() {
    let data = DataDir::metatool();
    data.write_json(
        PLUGIN_INFO,
        json!([
            plugin("pdf_url_tool", "Files", " Call it with a URL. "),
            plugin("Verse", "The Poet", "Not the poet's."),
            plugin("poet", "Poet!", "Call it for a verse."),
            plugin("POET", "Rhymes", "Call it for a verse."),
            plugin("maps", "Maps", "Call it for a way."),
            plugin("other", "M.A.P.S.", "Call it for another way."),
        ]),
    );
    let metatool = data.load(Dataset::Metatool).unwrap();

    let described = data.load(Dataset::MetatoolDescription).unwrap();
    assert_eq!(described.name(), "metatool-description");
    let texts = ["Finds the way.", "Reads files.", "Rhymes."];
    assert_eq!(tool_texts(&described), texts);

    let for_model = data.load(Dataset::MetatoolForModel).unwrap();
    assert_eq!(for_model.name(), "metatool-for-model");
    let texts = [
        "maps: Finds the way.", // two plugins of that name differ
        "PDF&URLTool: Call it with a URL.",
        "poet: Call it for a verse.",
    ];
    assert_eq!(tool_texts(&for_model), texts);
    let notes = for_model.provenance().notes.join("\n");
    assert!(notes.contains("the texts of 2 of 3 tools"), "{notes}");

    for (variant, files) in [(&described, 5), (&for_model, 6)] {
        assert_eq!(variant.queries(), metatool.queries());
        assert_eq!(variant.subsets(), metatool.subsets());
        assert_eq!(variant.provenance().files.len(), files);
        for (tool, same) in variant.tools().iter().zip(metatool.tools()) {
            let theirs = (&same.name, &same.description);
            assert_eq!((&tool.name, &tool.description), theirs);
        }
    }
}

#[test]
fn only_the_texts_for_the_model_need_the_plugins() {
    let data = DataDir::metatool();
    assert!(data.load(Dataset::MetatoolDescription).is_ok());
    let refuse = |parts: &[&str]| assert_bad(data.load(Dataset::MetatoolForModel), parts);
    refuse(&[PLUGIN_INFO, "cannot be read", UPSTREAM]);
    data.write(PLUGIN_INFO, "[\n{\"name_for_model\": \"maps\"}]");
    refuse(&[PLUGIN_INFO, "line 2", "missing field", UPSTREAM]);

    let nothing = DataDir::empty("metatool");
    assert_unavailable(
        nothing.load(Dataset::MetatoolForModel),
        &["metatool-for-model: cannot be had", UPSTREAM],
    );
}

#[test]
fn provenance_tells_local_files_from_upstreams() {
    let data = DataDir::metatool();
    let benchmark = data.load(Dataset::Metatool).unwrap();
    let provenance = benchmark.provenance();
    assert_eq!(provenance.origin, Origin::DataDir);
    assert_eq!(
        provenance.repository.as_deref(),
        Some("HowieHwong/MetaTool")
    );
    assert_eq!(provenance.licence.as_deref(), Some("MIT"));
    let paths: Vec<_> = provenance
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, [PLUGINS, SUBTASK_1, SUBTASK_2, SUBTASK_3, SUBTASK_4]);
    let bytes = std::fs::read(data.root().join(PLUGINS)).unwrap();
    assert_eq!(provenance.files[0].blob_id, git_blob_id(&bytes));
    assert_eq!(provenance.files[0].upstream, Some(false));
    let differing = provenance
        .notes
        .iter()
        .filter(|note| note.contains("differs from upstream"));
    assert_eq!(differing.count(), 5);
    assert!(
        provenance
            .notes
            .iter()
            .any(|note| note.starts_with("reliability: 1 tool list"))
    );

    let manifest = serde_json::to_string(provenance).unwrap();
    assert!(manifest.contains(r#""origin":"data-dir""#));
    assert!(
        !manifest.contains(data.root().to_str().unwrap()),
        "{manifest}"
    );
}

#[test]
fn takes_a_clone_under_upstreams_name() {
    let data = DataDir::metatool();
    std::fs::rename(data.root(), data.root().with_file_name("MetaTool")).unwrap();
    assert!(data.load(Dataset::Metatool).is_ok());
}

#[test]
fn tells_a_missing_file_from_a_missing_set() {
    refuse(
        |data| data.remove(SUBTASK_2),
        &[SUBTASK_2, "cannot be read"],
    );

    let nothing = DataDir::empty("metatool");
    assert_unavailable(
        nothing.load(Dataset::Metatool),
        &["metatool: cannot be had", UPSTREAM],
    );

    let nowhere = nothing.root().join("nowhere");
    let sources = Sources::new(Some(nowhere.clone()), "unused".into());
    let shown = nowhere.to_str().unwrap();
    assert_bad(
        Dataset::Metatool.load(&sources),
        &[shown, "no such folder", "--data-dir"],
    );
}

#[test]
fn refuses_bad_catalogues() {
    refuse(
        |data| data.write(PLUGINS, "{\n\"maps\": \"a\",\n\"maps\": \"b\"}"),
        &[PLUGINS, "key `maps`", "stands twice"],
    );
    refuse(
        |data| data.write(PLUGINS, r#"{" ": "a"}"#),
        &[PLUGINS, "name is empty"],
    );
    refuse(
        |data| data.write(PLUGINS, "{\n\"maps\": 3}"),
        &[PLUGINS, "line 2", "expected a string"],
    );
    refuse(
        |data| data.write(PLUGINS, "{\"maps\": \"a\",\n\"poet\":"),
        &[PLUGINS, "line 2", "cut off"],
    );
    refuse(
        |data| data.write(PLUGINS, b"{\"maps\": \"a\",\n\"caf\xe9\": \"b\"}"),
        &[PLUGINS, "line 2", "not UTF-8"],
    );
}

#[test]
fn refuses_bad_files_of_records() {
    refuse(
        |data| data.write(SUBTASK_1, "[{\"query\": \"a\",\n\"tool\""),
        &[SUBTASK_1, "line 2", "cut off"],
    );
    refuse(
        |data| data.write(SUBTASK_3, ""),
        &[SUBTASK_3, "line 1", "cut off"],
    );
    refuse(
        |data| data.write(SUBTASK_4, "[\n{\"query\": \"a\", \"action_prompt\": \"\"}]"),
        &[SUBTASK_4, "line 2", "missing field `tool`"],
    );
    let mut odd = record("a", json!(3), &["maps"]);
    odd["tool"] = json!(3);
    refuse(
        |data| data.write_json(SUBTASK_4, json!([odd])),
        &[SUBTASK_4, "`tool` must be"],
    );
}

#[test]
fn refuses_bad_records() {
    let second = |bad| json!([record("fine", json!("maps"), &["maps"]), bad]);
    let refuse_record = |bad, problem| {
        refuse(
            |data| data.write_json(SUBTASK_4, second(bad)),
            &["Task2-Subtask4.json: record [1]: ", problem],
        );
    };
    refuse_record(
        record("a", json!(["maps", "zither"]), &["maps"]),
        "names the tool `zither`",
    );
    refuse_record(
        record("a", json!("maps"), &["zither"]),
        "names the tool `zither`",
    );
    refuse_record(
        record("a", json!(["maps", "maps"]), &["maps"]),
        "`maps` twice",
    );
    refuse_record(
        record("a", json!("maps"), &["poet", "poet"]),
        "`poet` twice",
    );
    refuse_record(record("a", json!([]), &["poet"]), "names no tool");
    refuse_record(record("a", json!("maps"), &[]), "is empty");
    refuse_record(record(" ", json!("maps"), &["maps"]), "the query is empty");

    let mut bare = record("a", json!("maps"), &["maps"]);
    bare["action_prompt"] = json!("no list");
    refuse_record(bare, "no list of tools");
    let mut skipping = record("a", json!("maps"), &["maps", "poet"]);
    let prompt = skipping["action_prompt"]
        .as_str()
        .unwrap()
        .replace("2. tool", "3. tool");
    skipping["action_prompt"] = json!(prompt);
    refuse_record(skipping, "`2. tool name: …");
}
