//! A folder of its own for each test, and the command started in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder that commands are started in, with a cache of its own.
pub(crate) struct Place(TempDir);

/// What a command told.
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// This workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Whether there is a Python; if not, says so.
pub(crate) fn has_python() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        println!("not tested: there is no python3");
    }
    there
}

impl Place {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// An empty folder with a file that says what to run.
    pub(crate) fn with_experiment(toml: &str) -> Self {
        let place = Self::empty();
        place.write("trial.toml", toml);
        place
    }

    /// What `reproduce` reads of this workspace, without results.
    pub(crate) fn workspace() -> Self {
        let place = Self::empty();
        for file in ["README.md", "paper/published.toml"] {
            place.copy(file);
        }
        for entry in fs::read_dir(root().join("experiments")).unwrap() {
            place.copy(Path::new("experiments").join(entry.unwrap().file_name()));
        }
        place
    }

    /// The same with two experiments, and in `main` only the four routers that are quick to fit.
    pub(crate) fn small_workspace() -> Self {
        let place = Self::empty();
        for file in [
            "README.md",
            "paper/published.toml",
            "experiments/s1-convergence.toml",
        ] {
            place.copy(file);
        }
        place.write("experiments/main.toml", include_str!("main.toml"));
        place
    }

    /// A file of this workspace, where it stands there.
    pub(crate) fn copy(&self, file: impl AsRef<Path>) {
        let file = file.as_ref();
        self.write(file.to_str().unwrap(), fs::read(root().join(file)).unwrap());
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn write_json(&self, path: &str, value: &Value) {
        self.write(path, serde_json::to_vec_pretty(value).unwrap());
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replaces `from`, which must be there, by `to`.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from}");
        self.write(path, text.replace(from, to));
    }

    /// Every file below `folder` with its contents.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.0.path()).unwrap().to_owned();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// The command, with nothing of the machine's settings: no network, its own cache.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare_command(arguments);
        command.args(["--offline", "--cache-dir"]);
        command.arg(self.path("cache"));
        command
    }

    /// The command with these arguments and no others.
    pub(crate) fn bare_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.clean(Command::new(env!("CARGO_BIN_EXE_xtask")));
        command.args(arguments);
        command
    }

    /// A program, started here with nothing of the machine's settings.
    pub(crate) fn clean(&self, mut command: Command) -> Command {
        let ours = |name: &str| {
            ["OATS_", "ORT_", "HF_", "OPENAI_", "RAYON_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
                || name.to_lowercase().ends_with("_proxy")
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        Told::of(&mut self.command(arguments))
    }

    /// Runs the command, which must end well.
    #[track_caller]
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Told {
        let told = self.run(arguments);
        assert_eq!(told.code, Some(0), "{told}");
        told
    }

    /// Runs the command, which must refuse with one line that says all of `parts`, and leave alone
    /// what earlier runs wrote to `out/trial/` and what stands in `results/`.
    #[track_caller]
    pub(crate) fn refuse(&self, arguments: &[&str], parts: &[&str]) {
        for file in ["metrics.csv", "tests.csv", "manifest.json"] {
            self.write(&format!("out/trial/{file}"), "earlier");
            self.write(&format!("results/trial/{file}"), "committed");
        }
        let told = self.run(arguments);
        told.assert_refused(parts);
        for (path, contents) in self.files("out").into_iter().chain(self.files("results")) {
            let expected = if path.starts_with("out") {
                "earlier"
            } else {
                "committed"
            };
            assert_eq!(contents, expected.as_bytes(), "{}", path.display());
        }
    }
}

impl Told {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Exit code 2, and one line on standard error, the last, with all of `parts`.
    #[track_caller]
    pub(crate) fn assert_refused(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{self}");
        let errors: Vec<&str> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .collect();
        let [error] = errors[..] else {
            panic!("one line should tell the error: {self}");
        };
        assert_eq!(self.stderr.lines().last(), Some(error), "{self}");
        for noise in ["panicked", "backtrace", "os error 2): No such"] {
            assert!(!self.stderr.contains(noise), "{self}");
        }
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }

    /// Exit code 2, and clap's words, which have all of `parts`.
    #[track_caller]
    pub(crate) fn assert_misused(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{self}");
        assert!(self.stderr.starts_with("error: "), "{self}");
        assert!(self.stderr.contains("try '--help'"), "{self}");
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in: {self}");
        }
    }

    #[track_caller]
    pub(crate) fn assert_says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.stdout.contains(part), "`{part}` is not in: {self}");
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "exit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// An experiment named `trial` on `datasets` by `embedders`: quick, and all of one kind.
pub(crate) fn experiment(datasets: &str, embedders: &str) -> String {
    format!(
        r#"name = "trial"
question = "Does it run?"
metrics = ["ndcg@5"]
baselines = ["dense"]
routers = ["dense", "bm25"]

[[grid]]
datasets = {datasets}
embedders = {embedders}
splits = ["query"]
pools = ["candidates", "catalogue"]
seeds = [0]
"#
    )
}

pub(crate) const PLUGINS: &str = "data/metatool/dataset/plugin_des.json";
pub(crate) const SUBTASK_1: &str = "data/metatool/dataset/tmp_dataset/Task2-Subtask1.json";
pub(crate) const SUBTASK_2: &str = "data/metatool/dataset/tmp_dataset/Task2-Subtask2.json";
pub(crate) const SUBTASK_3: &str = "data/metatool/dataset/tmp_dataset/Task2-Subtask3.json";
pub(crate) const SUBTASK_4: &str = "data/metatool/dataset/tmp_dataset/Task2-Subtask4.json";
pub(crate) const TOOLE_TABLE: &str = "data/metatool/dataset/data/all_clean_data.csv";

impl Place {
    /// A clone of MetaTool in `data/`: three tools, four queries for each in every subtask.
    pub(crate) fn add_metatool(&self) {
        self.write(
            PLUGINS,
            r#"{"maps": "Finds the way.", "reader": "Reads files.", "poet": "Rhymes."}"#,
        );
        let tools = ["maps", "reader", "poet"];
        for subtask in [SUBTASK_1, SUBTASK_2, SUBTASK_3, SUBTASK_4] {
            let several = subtask == SUBTASK_4;
            let records: Vec<Value> = (0..12)
                .map(|index| {
                    let tool = tools[index % 3];
                    let label = match several {
                        true => json!([tool, tools[(index + 1) % 3]]),
                        false => json!(tool),
                    };
                    record(&format!("request {index} for the {tool}"), &label, &tools)
                })
                .collect();
            self.write_json(subtask, &json!(records));
        }
        self.write(
            TOOLE_TABLE,
            "Query,Tool\nthe way home,maps\n\"read, please\",reader\na rhyme on cat,poet\n",
        );
    }
}

/// A record of a MetaTool subtask that offers `candidates`.
fn record(query: &str, tool: &Value, candidates: &[&str]) -> Value {
    let list: String = (1..)
        .zip(candidates)
        .map(|(number, name)| format!("{number}. tool name: {name}, tool description: Of use.\n"))
        .collect();
    json!({
        "query": query,
        "tool": tool,
        "action_prompt": format!(
            "[List of Tools with Names and Descriptions Start]\n{list}\
             [List of Tools with Names and Descriptions End]"
        ),
    })
}
