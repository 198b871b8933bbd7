//! A peer as a process: a line of JSON in, a line of JSON out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use oats_routers::process::Child;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Fault, Fits, Fitted, Part, Ranking, Ranks, Workers};

/// A peer that was started. It ends with this value.
pub(super) struct Worker {
    name: &'static str,
    child: Child,
    patience: Duration,
    /// Where it finds its data and puts what it fitted.
    folder: PathBuf,
    /// How many tools there are.
    tools: usize,
}

/// The most bytes of an answer; vectors go through files.
const LONGEST: usize = 16 << 20;

#[derive(Deserialize)]
struct Ready {
    ready: Map<String, Value>,
}

#[derive(Deserialize)]
struct Ranked {
    nanos: u64,
    tools: Vec<usize>,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
struct Done {
    nanos: u64,
    /// In the folder, with the vectors that were made.
    file: Option<String>,
}

impl Worker {
    /// Starts a peer; it is not ready before [`Self::ready`] says so.
    pub(super) fn start(
        name: &'static str,
        workers: &Workers,
        folder: &Path,
        tools: usize,
        threads: usize,
    ) -> Result<Self, Fault> {
        let count = threads.to_string();
        let mut command = Command::new(&workers.python);
        command
            .arg(&workers.script)
            .arg(name)
            .arg(folder)
            .arg(&count);
        for library in ["OMP", "OPENBLAS", "MKL", "RAYON"] {
            command.env(format!("{library}_NUM_THREADS"), &count);
        }
        command
            .env("HF_HUB_OFFLINE", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let child = Child::start(&mut command, LONGEST).map_err(|fault| {
            let python = workers.python.display();
            Fault::Peer(format!("{name}: {python}: {fault}"))
        })?;
        Ok(Self {
            name,
            child,
            patience: workers.patience,
            folder: folder.to_owned(),
            tools,
        })
    }

    /// Waits until it has loaded, and gives its packages' versions.
    pub(super) fn ready(&mut self) -> Result<Value, Fault> {
        let Ready { ready } = self.answer("to start")?;
        Ok(Value::Object(ready))
    }

    fn ask<A: for<'de> Deserialize<'de>>(&mut self, question: &Value) -> Result<A, Fault> {
        self.child.say(question.to_string());
        self.answer("to answer")
    }

    fn answer<A: for<'de> Deserialize<'de>>(&mut self, doing: &'static str) -> Result<A, Fault> {
        let answer = self.child.answer(doing, self.patience);
        let line = answer.map_err(|fault| self.fault(&fault.to_string()))?;
        serde_json::from_str(&line.text).map_err(|error| {
            let start: String = line.text.chars().take(80).collect();
            self.fault(&format!("its answer `{start}` cannot be read: {error}"))
        })
    }

    fn read_vectors(&self, file: &str) -> Result<Vec<f32>, Fault> {
        let bytes = fs::read(self.folder.join(file))
            .map_err(|error| self.fault(&format!("cannot read its file {file}: {error}")))?;
        let number = |bytes: &[u8]| bytes.try_into().map(f32::from_le_bytes);
        let numbers = bytes.chunks(4).map(number).collect::<Result<_, _>>();
        numbers.map_err(|_| self.fault(&format!("its file {file} is cut off")))
    }

    /// What happened, and what it last said.
    fn fault(&self, problem: &str) -> Fault {
        let (name, words) = (self.name, self.child.last_words());
        Fault::Peer(match words.is_empty() {
            true => format!("{name}: {problem}"),
            false => format!("{name}: {problem}; its last words: {words}"),
        })
    }
}

impl Ranks for Worker {
    fn rank(&mut self, row: usize, k: usize) -> Result<Ranking, Fault> {
        let Ranked {
            nanos,
            tools,
            scores,
        } = self.ask(&json!({"ask": "rank", "row": row, "k": k}))?;
        if let Some(tool) = tools.iter().find(|&&tool| tool >= self.tools) {
            let problem = format!("it ranked tool {tool}, but there are {}", self.tools);
            return Err(self.fault(&problem));
        }
        let mut distinct = tools.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if tools.len() > k || distinct.len() < tools.len() || scores.len() != tools.len() {
            let problem = format!(
                "asked for {k} tools it gave {}, {} of them distinct, with {} scores",
                tools.len(),
                distinct.len(),
                scores.len()
            );
            return Err(self.fault(&problem));
        }
        Ok(Ranking {
            time: Duration::from_nanos(nanos),
            tools,
            scores,
        })
    }
}

impl Fits for Worker {
    fn fit(&mut self, part: Part) -> Result<Fitted, Fault> {
        let done: Done = self.ask(&json!({"ask": "fit", "of": part}))?;
        Ok(Fitted {
            time: Duration::from_nanos(done.nanos),
            vectors: match done.file {
                Some(file) => self.read_vectors(&file)?,
                None => Vec::new(),
            },
        })
    }
}
