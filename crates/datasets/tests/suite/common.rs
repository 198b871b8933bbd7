//! Fixtures: folders in upstream's layouts, made on the spot.

use std::path::{Path, PathBuf};

use oats_datasets::{
    Benchmark, Dataset, Error, Provenance, Query, Sources, Tool, provenance::Origin,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PLUGINS: &str = "dataset/plugin_des.json";
pub(crate) const PLUGIN_INFO: &str = "dataset/plugin_info.json";
pub(crate) const SUBTASK_1: &str = "dataset/tmp_dataset/Task2-Subtask1.json";
pub(crate) const SUBTASK_2: &str = "dataset/tmp_dataset/Task2-Subtask2.json";
pub(crate) const SUBTASK_3: &str = "dataset/tmp_dataset/Task2-Subtask3.json";
pub(crate) const SUBTASK_4: &str = "dataset/tmp_dataset/Task2-Subtask4.json";
pub(crate) const TABLE: &str = "dataset/data/all_clean_data.csv";

/// A data folder that a test fills.
pub(crate) struct DataDir {
    dir: TempDir,
    clone: &'static str,
}

impl DataDir {
    pub(crate) fn empty(clone: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, clone }
    }

    /// MetaTool with three tools, and two queries per subtask.
    pub(crate) fn metatool() -> Self {
        let data = Self::empty("metatool");
        data.write(
            PLUGINS,
            r#"{"maps": "Finds the way.", "PDF&URLTool": "Reads files.", "poet": "Rhymes."}"#,
        );
        let all = ["maps", "PDF&URLTool", "poet"];
        data.write_json(
            SUBTASK_1,
            json!([
                record("the way home", json!("maps"), &all),
                record(
                    "sum up this file",
                    json!("PDF&URLTool"),
                    &["poet", "PDF&URLTool"]
                ),
            ]),
        );
        let mut scenario = record("rhyme on cat", json!("poet"), &["poet"]);
        scenario["scenario"] = json!("artists&designers");
        data.write_json(SUBTASK_2, json!([scenario]));
        data.write_json(
            SUBTASK_3,
            json!([record(
                "the way home",
                json!("maps"),
                &["poet", "PDF&URLTool"]
            )]),
        );
        data.write_json(
            SUBTASK_4,
            json!([record(
                "read and rhyme",
                json!(["poet", "PDF&URLTool"]),
                &all
            )]),
        );
        data.write(
            TABLE,
            "Query,Tool\nthe way home,maps\n\"read, please\",PDF&URLTool\n",
        );
        data
    }

    /// StableToolBench with one query per group.
    pub(crate) fn toolbench() -> Self {
        let data = Self::empty("stabletoolbench");
        for group in [
            "G1_category",
            "G1_instruction",
            "G1_tool",
            "G2_category",
            "G2_instruction",
            "G3_instruction",
        ] {
            data.write_json(
                &format!("solvable_queries/test_instruction/{group}.json"),
                json!([{
                    "query": format!("convert for {group}"),
                    "query_id": 588,
                    "api_list": [
                        api("Finance", "Converter", "Convert", "Converts currencies. "),
                        api("Tools", " Units", "Convert", " "),
                    ],
                    "relevant APIs": [[" Units", "Convert"], [" Units", "Convert"]],
                }]),
            );
        }
        data
    }

    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        write(&self.root().join(path), contents);
    }

    pub(crate) fn write_json(&self, path: &str, value: Value) {
        self.write(path, serde_json::to_string_pretty(&value).unwrap());
    }

    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.root().join(path)).unwrap();
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join(self.clone)
    }

    /// Looks here and nowhere else.
    pub(crate) fn sources(&self) -> Sources {
        let cache = self.dir.path().join("cache");
        Sources {
            offline: true,
            ..Sources::new(Some(self.dir.path().to_owned()), cache)
        }
    }

    pub(crate) fn load(&self, dataset: Dataset) -> Result<Benchmark, Error> {
        dataset.load(&self.sources())
    }
}

pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, contents).unwrap();
}

/// A record of a MetaTool subtask that offers `candidates`.
pub(crate) fn record(query: &str, tool: Value, candidates: &[&str]) -> Value {
    let list: String = (1..)
        .zip(candidates)
        .map(|(number, name)| {
            format!("{number}. tool name: {name}, tool description: ['A, b, tool name: c.']\n")
        })
        .collect();
    json!({
        "action_prompt": format!(
            "User's Query:\n{query}\n[List of Tools with Names and Descriptions Start]\n{list}\n\
             [List of Tools with Names and Descriptions End]\"\nquery: x tool: None"
        ),
        "thought_prompt": "unread",
        "tool": tool,
        "query": query,
    })
}

pub(crate) fn api(category: &str, tool: &str, api: &str, description: &str) -> Value {
    json!({
        "category_name": category,
        "tool_name": tool,
        "api_name": api,
        "api_description": description,
        "required_parameters": [],
    })
}

/// A benchmark of `tools` tools and these queries: text and relevant tools.
pub(crate) fn benchmark(tools: usize, queries: &[(String, Vec<usize>)]) -> Benchmark {
    let tools = (0..tools).map(|tool| Tool::new(format!("tool {tool}"), ""));
    let queries = queries
        .iter()
        .enumerate()
        .map(|(index, (text, relevant))| Query {
            id: index.to_string(),
            text: text.clone(),
            relevant: relevant.iter().map(|&tool| (tool, 1)).collect(),
            candidates: Vec::new(),
            subsets: vec![0],
            scenario: None,
        });
    let subsets = vec!["all".to_owned()];
    Benchmark::new(
        "made",
        tools.collect(),
        queries.collect(),
        subsets,
        nowhere(),
    )
    .unwrap()
}

pub(crate) fn nowhere() -> Provenance {
    Provenance {
        origin: Origin::CompiledIn,
        repository: None,
        commit: None,
        licence: None,
        files: Vec::new(),
        notes: Vec::new(),
    }
}

/// Fails unless `result` is an error of bad input, of one line, that says all of `parts`.
#[track_caller]
pub(crate) fn assert_bad<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) {
    let error = result.expect_err("bad input was accepted");
    assert!(!error.is_unavailable(), "{error}");
    assert_says(&error, parts);
}

/// Fails unless `result` is an unavailable data set, told in one line that says all of `parts`.
#[track_caller]
pub(crate) fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) {
    let error = result.expect_err("there should be nothing to load");
    assert!(error.is_unavailable(), "{error}");
    assert_says(&error, parts);
}

#[track_caller]
fn assert_says(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}
