//! A peer as a process: a line of JSON in, a line of JSON out.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Fault, Fits, Fitted, Part, Ranking, Ranks, Workers};

/// A peer that was started. It ends with this value.
pub(super) struct Worker {
    name: &'static str,
    process: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
    /// The last lines of its standard error.
    last_words: Arc<Mutex<VecDeque<String>>>,
    patience: Duration,
    /// Where it finds its data and puts what it fitted.
    folder: PathBuf,
    /// How many tools there are.
    tools: usize,
}

/// How many of its last lines are told.
const LAST_WORDS: usize = 3;

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
        let process = command
            .env("HF_HUB_OFFLINE", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let cannot_start = |problem: String| {
            let python = workers.python.display();
            Fault::Peer(format!("{name}: cannot start {python}: {problem}"))
        };
        let mut process = process.map_err(|error| cannot_start(error.to_string()))?;
        let (Some(questions), Some(stdout), Some(stderr)) = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        ) else {
            return Err(cannot_start("it has no pipes".to_owned()));
        };
        Ok(Self {
            name,
            process,
            questions,
            answers: lines_of(stdout),
            last_words: last_lines_of(stderr),
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
        if writeln!(self.questions, "{question}").is_err() {
            return Err(self.has_ended());
        }
        self.answer("to answer")
    }

    fn answer<A: for<'de> Deserialize<'de>>(&mut self, doing: &str) -> Result<A, Fault> {
        match self.answers.recv_timeout(self.patience) {
            Ok(line) => serde_json::from_str(&line).map_err(|error| {
                let start: String = line.chars().take(80).collect();
                self.fault(&format!("its answer `{start}` cannot be read: {error}"))
            }),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = self.patience.as_secs_f64();
                Err(self.fault(&format!("it took more than {seconds} s {doing}")))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.has_ended()),
        }
    }

    fn read_vectors(&self, file: &str) -> Result<Vec<f32>, Fault> {
        let bytes = fs::read(self.folder.join(file))
            .map_err(|error| self.fault(&format!("cannot read its file {file}: {error}")))?;
        let number = |bytes: &[u8]| bytes.try_into().map(f32::from_le_bytes);
        let numbers = bytes.chunks(4).map(number).collect::<Result<_, _>>();
        numbers.map_err(|_| self.fault(&format!("its file {file} is cut off")))
    }

    /// It has closed its pipes. What it said last may still be under way then, and so may its end.
    fn has_ended(&mut self) -> Fault {
        const GRACE: Duration = Duration::from_millis(20);
        for _ in 0..100 {
            thread::sleep(GRACE);
            match self.process.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => {
                    return self.fault(&format!("it has ended without an answer ({status})"));
                }
                Err(error) => return self.fault(&format!("it cannot be waited for: {error}")),
            }
        }
        self.fault("it runs on, but listens or answers no more")
    }

    /// What happened, and what it last said.
    fn fault(&self, problem: &str) -> Fault {
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let name = self.name;
        Fault::Peer(match words.is_empty() {
            true => format!("{name}: {problem}"),
            false => format!("{name}: {problem}; its last words: {}", words.join(" / ")),
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

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of a pipe, as they come.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The last lines of a pipe so far, without empty ones.
fn last_lines_of(pipe: impl Read + Send + 'static) -> Arc<Mutex<VecDeque<String>>> {
    let last = Arc::new(Mutex::new(VecDeque::new()));
    let kept = Arc::clone(&last);
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim().to_owned();
            line.clear();
            if text.is_empty() {
                continue;
            }
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(text);
            if kept.len() > LAST_WORDS {
                kept.pop_front();
            }
        }
    });
    last
}
