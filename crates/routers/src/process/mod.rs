//! `process`: a router in any language. We start a command, tell it the catalogue and what it may learn from,
//! and ask it for a ranking a line: `docs/process-router.md`.
//!
//! It reads texts, no embeddings. Whatever it does wrong is a [`Failure`] that quotes the line, and it is
//! stopped within its limits, with its process group.

mod child;
mod protocol;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use oats_datasets::ToolId;
use serde::{Deserialize, Serialize};

use self::protocol::{Asked, Question, read_ranking, read_ready, shuffled};
pub use self::{
    child::{Child, Fault, Line, kill_all},
    protocol::Mistake,
};
use crate::{Error, Progress, Ranked, Request, Router, RouterKind, State, Training};

/// Kind of this router.
const KIND: &str = "process";

/// What is started, and within which limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessParams {
    /// The program and its arguments; no shell reads them. Relative paths begin in the folder that the
    /// experiment is run in, not in the one of its TOML.
    pub command: Vec<String>,
    /// How many seconds it has to start and to learn, at least 1.
    pub fit_seconds: u64,
    /// How many seconds it has for each ranking, at least 1.
    pub answer_seconds: u64,
    /// The most bytes of a line that it writes, at least 1,024.
    pub line_bytes: usize,
    /// How many tools of a larger pool it must rank; `None` all of them. Tools that it does not rank count
    /// as not found, which `map` and `mrr` see at any depth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<NonZeroUsize>,
}

impl Default for ProcessParams {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            fit_seconds: 600,
            answer_seconds: 10,
            line_bytes: 16 << 20,
            depth: None,
        }
    }
}

/// What a process did wrong. It was stopped.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{command}`: {problem}{}", match last_words.is_empty() {
    true => String::new(),
    false => format!("; its last words: {last_words}"),
})]
pub struct Failure {
    /// The command.
    pub command: String,
    /// What.
    pub problem: Problem,
    /// The end of what it wrote to its standard error, in one line.
    pub last_words: String,
}

/// What can be wrong with a process.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// There is no answer.
    #[error("{0}")]
    Child(Fault),
    /// The answer is wrong.
    #[error("line {line} of its output {mistake}: `{text}`")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        mistake: Mistake,
        /// How it begins, or reads where it is no JSON.
        text: String,
    },
}

impl RouterKind for ProcessParams {
    const READS_EMBEDDINGS: bool = false;

    fn check(&self) -> Result<(), Error> {
        if self
            .command
            .first()
            .is_none_or(|program| program.trim().is_empty())
        {
            let expected = "a program and its arguments, such as [\"python3\", \"router.py\"]";
            return Err(Error::setting(KIND, "command", &"empty", expected));
        }
        for (field, seconds) in [
            ("fit_seconds", self.fit_seconds),
            ("answer_seconds", self.answer_seconds),
        ] {
            if seconds == 0 {
                return Err(Error::setting(KIND, field, &seconds, "at least 1"));
            }
        }
        if self.line_bytes < 1024 {
            let expected = "at least 1024";
            return Err(Error::setting(
                KIND,
                "line_bytes",
                &self.line_bytes,
                expected,
            ));
        }
        Ok(())
    }

    fn fit(&self, training: &Training<'_>) -> Result<Box<dyn Router>, Error> {
        Ok(Box::new(self.fit(training)?))
    }

    fn restore(&self, _state: &State) -> Result<Box<dyn Router>, Error> {
        Err(not_kept())
    }
}

impl ProcessParams {
    /// Those of the command's words that name a file: what is in them decides on the rankings too.
    pub fn files(&self) -> Vec<&Path> {
        let words = self.command.iter().map(Path::new);
        words.filter(|word| word.is_file()).collect()
    }

    /// Starts the command, and has it learn.
    ///
    /// # Errors
    /// Those of [`check`](RouterKind::check), [`Error::Shape`], and [`Error::Process`].
    pub fn fit(&self, training: &Training<'_>) -> Result<Process, Error> {
        self.check()?;
        training.check_labels()?;
        let names: Vec<String> = training
            .tools
            .iter()
            .map(|tool| tool.name.clone())
            .collect();
        let ids = names.iter().cloned().zip(0..).collect();
        let mut talk = Talk::start(self)?;
        talk.learn(training)?;
        Ok(Process {
            params: self.clone(),
            names,
            ids,
            talk: Mutex::new(talk),
        })
    }
}

/// What was learned is the process's own.
pub(crate) fn not_kept() -> Error {
    Error::State("a process cannot be kept in a file; fit the router anew".to_owned())
}

/// A process that has learned. Requests are asked one after the other, each once.
pub struct Process {
    params: ProcessParams,
    names: Vec<String>,
    ids: HashMap<String, ToolId>,
    talk: Mutex<Talk>,
}

/// What was said so far.
struct Talk {
    command: String,
    fit: Duration,
    answer: Duration,
    child: Result<Child, Failure>,
    asked: u64,
    /// By text: rankings with the candidates that they are of.
    known: HashMap<String, Vec<Known>>,
}

struct Known {
    candidates: Option<Vec<ToolId>>,
    ranking: Vec<Ranked>,
}

impl Talk {
    fn start(params: &ProcessParams) -> Result<Self, Failure> {
        let line = params.command.join(" ");
        let mut words = params.command.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        let child = Child::start(command.args(words), params.line_bytes);
        Ok(Self {
            child: Ok(child.map_err(|fault| Failure {
                command: line.clone(),
                problem: Problem::Child(fault),
                last_words: String::new(),
            })?),
            command: line,
            fit: Duration::from_secs(params.fit_seconds),
            answer: Duration::from_secs(params.answer_seconds),
            asked: 0,
            known: HashMap::new(),
        })
    }

    fn learn(&mut self, training: &Training<'_>) -> Result<(), Failure> {
        let questions = [Question::tools(training.tools), Question::train(training)];
        self.ask(&questions, "to learn", self.fit, read_ready)
    }

    /// Sends the questions and reads the one answer. After a failure every other is that one.
    fn ask<T>(
        &mut self,
        questions: &[Question<'_>],
        doing: &'static str,
        limit: Duration,
        read: impl FnOnce(&Line) -> Result<T, Mistake>,
    ) -> Result<T, Failure> {
        let child = self.child.as_mut().map_err(|failure| failure.clone())?;
        for question in questions {
            // Nothing in a question can fail to be JSON.
            child.say(serde_json::to_string(question).unwrap_or_default());
        }
        let answer = child.answer(doing, limit).map_err(Problem::Child);
        let read = answer.and_then(|line| {
            read(&line).map_err(|mistake| Problem::Line {
                line: line.number,
                text: mistake.quoted(&line.text),
                mistake,
            })
        });
        let problem = match read {
            Ok(read) => return Ok(read),
            Err(problem) => problem,
        };
        child.stop();
        let failure = Failure {
            command: self.command.clone(),
            problem,
            last_words: child.last_words(),
        };
        self.child = Err(failure.clone());
        Err(failure)
    }

    fn known(&self, request: &Request<'_>) -> Option<&[Ranked]> {
        let known = self.known.get(request.text)?.iter();
        let mut known = known.filter(|known| known.candidates.as_deref() == request.candidates);
        known.next().map(|known| known.ranking.as_slice())
    }
}

impl Process {
    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the whole ranking, unless that was done.
    fn ask(&self, talk: &mut Talk, request: &Request<'_>) -> Result<(), Failure> {
        if talk.known(request).is_some() {
            return Ok(());
        }
        let candidates = request
            .candidates
            .map(|list| shuffled(list.iter().copied()));
        let pool = candidates.as_ref().map_or(self.names.len(), Vec::len);
        let k = self
            .params
            .depth
            .map_or(pool, |depth| pool.min(depth.get()));
        talk.asked += 1;
        let id = talk.asked;
        let name = |tool: &ToolId| self.names[*tool].as_str();
        let question = Question::Rank {
            id,
            query: request.text,
            candidates: candidates
                .as_ref()
                .map(|list| list.iter().map(name).collect()),
            k,
        };
        let asked = Asked {
            id,
            ids: &self.ids,
            candidates: request.candidates,
            k,
        };
        let read = |line: &Line| read_ranking(line, &asked);
        let ranking = talk.ask(&[question], "to answer", talk.answer, read)?;
        let of_text = talk.known.entry(request.text.to_owned()).or_default();
        of_text.push(Known {
            candidates: request.candidates.map(<[_]>::to_vec),
            ranking,
        });
        Ok(())
    }
}

impl Router for Process {
    /// Asks for all of the requests that were not asked for before, in order.
    fn prepare(&self, requests: &[Request<'_>], progress: Progress<'_>) -> Result<(), Error> {
        /// How many requests are asked for between two words on how it comes along.
        const BATCH: usize = 256;
        let mut talk = self.talk();
        for (done, request) in requests.iter().enumerate() {
            if done > 0 && done % BATCH == 0 {
                progress.say(&format!("{done} of {} rankings", requests.len()));
            }
            self.ask(&mut talk, request)?;
        }
        Ok(())
    }

    /// A request that was not [prepared](Router::prepare) is asked for now; without an answer nothing is
    /// ranked.
    fn rank(&self, request: &Request<'_>, k: usize) -> Vec<Ranked> {
        let mut talk = self.talk();
        // Whoever prepares the request is told what failed.
        let _ = self.ask(&mut talk, request);
        let ranking = talk.known(request).unwrap_or_default();
        ranking[..k.min(ranking.len())].to_vec()
    }

    /// Nothing: what was learned is the process's own.
    fn state(&self) -> State {
        State::default()
    }
}
