//! A temporary folder to run experiments in, without network and model.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use oats_datasets::{Benchmark, Dataset, Sources};
use oats_embedders::{Backend, ModelSources};
use oats_harness::{
    Error, Experiment, Observer, Resources, RunOptions, RunSummary,
    rows::{MetricRow, Row, TestRow, read_rows},
    run,
};
use tempfile::TempDir;

pub(crate) struct Laboratory {
    folder: TempDir,
}

impl Laboratory {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::new(None, self.path("cache"));
        sources.offline = true;
        sources
    }

    /// Everything that needs no network: `builtin`, `static` and BEIR folders.
    pub(crate) fn resources(&self) -> Resources {
        let models = ModelSources {
            cache_dir: self.path("cache"),
            offline: true,
            ..ModelSources::default()
        };
        Resources::new(
            self.sources(),
            models,
            Backend::Auto,
            self.path("embeddings"),
        )
    }

    /// Runs into `out` and writes the rankings too.
    pub(crate) fn run_with_trec(&self, toml: &str, out: &str) -> RunSummary {
        let experiment = Experiment::parse(toml, "t.toml").unwrap();
        let options = RunOptions {
            out: self.path(out),
            trec: true,
            ..self.options()
        };
        let notes = Notes::default();
        run(&experiment, &self.resources(), &options, &notes).unwrap()
    }

    pub(crate) fn options(&self) -> RunOptions {
        RunOptions {
            out: self.path("out"),
            require: Vec::new(),
            trec: false,
            routers: false,
            scores: false,
            sharing: None,
        }
    }

    pub(crate) fn try_run(&self, toml: &str, notes: &Notes) -> Result<RunSummary, Error> {
        let experiment = Experiment::parse(toml, "test.toml").unwrap();
        run(&experiment, &self.resources(), &self.options(), notes)
    }

    pub(crate) fn run(&self, toml: &str) -> Outcome {
        let notes = Notes::default();
        let summary = self.try_run(toml, &notes).unwrap();
        Outcome {
            notes: notes.lines(),
            summary,
        }
    }

    /// A BEIR folder with the first `tools` tools of `builtin` and their single-tool queries,
    /// judged by turns in `odd.tsv` and `even.tsv`.
    pub(crate) fn beir(&self, name: &str, tools: usize) -> String {
        let builtin = Dataset::Builtin.load(&self.sources()).unwrap();
        let tool = |id: usize| builtin.tools()[id].name.as_str();
        let corpus: Vec<(&str, &str)> = builtin.tools()[..tools]
            .iter()
            .map(|tool| (tool.name.as_str(), tool.description.as_str()))
            .collect();
        let queries: Vec<(&str, &str, &str)> = builtin
            .queries()
            .iter()
            .filter(|query| query.relevant.len() == 1 && query.relevant[0].0 < tools)
            .map(|query| {
                (
                    query.id.as_str(),
                    query.text.as_str(),
                    tool(query.relevant[0].0),
                )
            })
            .collect();
        self.write_beir(name, &corpus, &queries)
    }

    /// `queries` are (id, text, right tool). Returns what an experiment calls the folder.
    pub(crate) fn write_beir(
        &self,
        name: &str,
        corpus: &[(&str, &str)],
        queries: &[(&str, &str, &str)],
    ) -> String {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("qrels")).unwrap();
        let tools: String = corpus
            .iter()
            .map(|(id, text)| format!("{}\n", serde_json::json!({"_id": id, "text": text})))
            .collect();
        fs::write(folder.join("corpus.jsonl"), tools).unwrap();
        let texts: String = queries
            .iter()
            .map(|(id, text, _)| format!("{}\n", serde_json::json!({"_id": id, "text": text})))
            .collect();
        fs::write(folder.join("queries.jsonl"), texts).unwrap();
        for (file, first) in [("odd", 0), ("even", 1)] {
            let mut qrels = String::from("query-id\tcorpus-id\tscore\n");
            for (id, _, tool) in queries.iter().skip(first).step_by(2) {
                qrels += &format!("{id}\t{tool}\t1\n");
            }
            fs::write(folder.join(format!("qrels/{file}.tsv")), qrels).unwrap();
        }
        format!("beir:{}", folder.display())
    }

    pub(crate) fn load(&self, dataset: &str) -> Benchmark {
        let dataset: Dataset = dataset.parse().unwrap();
        dataset.load(&self.sources()).unwrap()
    }
}

/// An experiment `t` on some datasets: three routers, split by queries, over the catalogue.
pub(crate) fn toml(datasets: &[&str], seeds: &str) -> String {
    format!(
        r#"
        name = "t"
        question = "?"
        metrics = ["ndcg@5", "recall@1"]
        baselines = ["dense"]
        routers = ["bm25", "dense", "oats-s1"]

        [[grid]]
        datasets = {datasets:?}
        embedders = ["static"]
        splits = ["query"]
        pools = ["catalogue"]
        seeds = {seeds}
        "#
    )
}

pub(crate) struct Outcome {
    pub(crate) summary: RunSummary,
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn metrics(&self) -> Vec<MetricRow> {
        read(&self.summary.folder.join("metrics.csv"))
    }

    pub(crate) fn tests(&self) -> Vec<TestRow> {
        read(&self.summary.folder.join("tests.csv"))
    }

    /// The bytes of both tables.
    pub(crate) fn tables(&self) -> [String; 2] {
        tables(&self.summary.folder)
    }

    pub(crate) fn noted(&self, part: &str) -> bool {
        self.notes.iter().any(|line| line.contains(part))
    }
}

pub(crate) fn read<R: Row>(file: &Path) -> Vec<R> {
    assert!(file.exists(), "{} was not written", file.display());
    read_rows(file).unwrap()
}

pub(crate) fn tables(folder: &Path) -> [String; 2] {
    ["metrics.csv", "tests.csv"].map(|file| fs::read_to_string(folder.join(file)).unwrap())
}

/// The names in a folder, sorted.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Keeps what is noted; panics when so many cells are done.
#[derive(Default)]
pub(crate) struct Notes {
    lines: Mutex<Vec<String>>,
    cells_until_panic: Mutex<Option<usize>>,
    task: Mutex<String>,
}

impl Notes {
    pub(crate) fn interrupting_after(cells: usize) -> Self {
        Self {
            cells_until_panic: Mutex::new(Some(cells)),
            ..Self::default()
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    fn begin(&self, what: &str, _total: usize) {
        what.clone_into(&mut self.task.lock().unwrap());
    }

    fn advance(&self, steps: usize) {
        if !self.task.lock().unwrap().contains(" split") {
            return;
        }
        if let Some(left) = self.cells_until_panic.lock().unwrap().as_mut() {
            *left -= steps;
            assert!(*left > 0, "interrupted");
        }
    }

    fn end(&self) {}

    fn note(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}
