//! A child process that answers a line at a time, and is stopped with its process group.
//!
//! Nothing here waits for a child without a limit: what is written to it and read from it goes through
//! threads of its own, lines and their number are bounded, and every answer has a deadline. A process that
//! the child put into a session of its own is not stopped; it may keep the pipes, which only costs the
//! threads that read them.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{self, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

/// A child that was started. It ends with this value.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    /// Once all was stopped; the group's number may be another's then.
    status: Option<ExitStatus>,
    questions: Sender<Vec<u8>>,
    lines: Receiver<Result<Line, Fault>>,
    errors: Errors,
}

/// A line of a child's standard output.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// Without its end; what is no UTF-8 is replaced.
    pub text: String,
}

/// Why a child gave no line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It cannot be started.
    #[error("it cannot be started: {0}")]
    Start(String),
    /// It did not answer in time.
    #[error("it took more than {} s {doing}", .limit.as_secs_f64())]
    TimeLimit {
        /// `to start`, `to answer`, …
        doing: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// It is gone.
    #[error("it has ended without an answer ({0})")]
    Ended(ExitStatus),
    /// It closed its output.
    #[error("it runs on, but listens or answers no more")]
    Quiet,
    /// A line is longer than was allowed.
    #[error("line {number} of its output has more than {limit} bytes; it begins `{start}`")]
    LongLine {
        /// From 1.
        number: usize,
        /// The most bytes of a line.
        limit: usize,
        /// How the line begins.
        start: String,
    },
}

/// Lines that wait to be read; a child that writes more is made to wait.
const QUEUE: usize = 4;
/// How long is waited for what must be about to happen: an end whose pipe was closed, last words.
const GRACE: Duration = Duration::from_millis(20);
/// How often.
const PATIENCE: usize = 100;

impl Child {
    /// Starts `command`, which may write lines of at most `longest` bytes.
    ///
    /// # Errors
    /// [`Fault::Start`].
    pub fn start(command: &mut Command, longest: usize) -> Result<Self, Fault> {
        let start = |problem: io::Error| Fault::Start(problem.to_string());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = group::spawn(command).map_err(start)?;
        let pipes = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        );
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Fault::Start("it has no pipes".to_owned()));
        };
        Ok(Self {
            process,
            status: None,
            questions: writer(stdin),
            lines: reader(stdout, longest),
            errors: Errors::of(stderr),
        })
    }

    /// Sends a line; `line` has no end of line. Whether it was read shows in the answer.
    pub fn say(&self, line: String) {
        let mut bytes = line.into_bytes();
        bytes.push(b'\n');
        // It may have gone; the answer says so.
        let _ = self.questions.send(bytes);
    }

    /// The next line of its output, within the limit. Without one the child is stopped.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn answer(&mut self, doing: &'static str, limit: Duration) -> Result<Line, Fault> {
        let fault = match self.lines.recv_timeout(limit) {
            Ok(Ok(line)) => return Ok(line),
            Ok(Err(fault)) => fault,
            Err(RecvTimeoutError::Timeout) => Fault::TimeLimit { doing, limit },
            Err(RecvTimeoutError::Disconnected) => self.end(),
        };
        self.stop();
        Err(fault)
    }

    /// It has closed its output. Its end may still be under way.
    fn end(&mut self) -> Fault {
        for _ in 0..PATIENCE {
            match self.process.try_wait() {
                Ok(None) => thread::sleep(GRACE),
                Ok(Some(status)) => return Fault::Ended(status),
                Err(_) => break,
            }
        }
        Fault::Quiet
    }

    /// Stops the child and all that it started, unless that was done.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            group::kill(&mut self.process);
            self.status = self.process.wait().ok();
            self.errors.settle();
        }
        self.status
    }

    /// The last lines of its standard error, in one.
    pub fn last_words(&self) -> String {
        self.errors.last_words()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Kills all children that are alive, with all that they started, and lets no other be started: for a program
/// that is about to be ended by a signal, which drops nothing.
pub fn kill_all() {
    group::kill_all();
}

/// How a text begins, as a message can quote it.
pub(super) fn start_of(text: &str) -> String {
    const LENGTH: usize = 200;
    let mut rest = text.chars();
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut start: String = rest.by_ref().take(LENGTH).map(printable).collect();
    if rest.next().is_some() {
        start.push('…');
    }
    start
}

/// How a text reads around one of its bytes.
pub(super) fn around(text: &str, byte: usize) -> String {
    const BEFORE: usize = 100;
    let from = text.floor_char_boundary(byte.saturating_sub(BEFORE));
    let left_out = if from > 0 { "…" } else { "" };
    format!("{left_out}{}", start_of(&text[from..]))
}

/// Writes what it is sent, as long as it is read.
fn writer(mut pipe: impl Write + Send + 'static) -> Sender<Vec<u8>> {
    let (sender, receiver) = channel::<Vec<u8>>();
    thread::spawn(move || {
        for line in receiver {
            if pipe.write_all(&line).and_then(|()| pipe.flush()).is_err() {
                break;
            }
        }
    });
    sender
}

/// The lines of a pipe, until one is too long.
fn reader(pipe: impl Read + Send + 'static, longest: usize) -> Receiver<Result<Line, Fault>> {
    let (sender, receiver) = sync_channel(QUEUE);
    thread::spawn(move || read_lines(BufReader::new(pipe), longest, &sender));
    receiver
}

fn read_lines(mut pipe: impl BufRead, longest: usize, lines: &SyncSender<Result<Line, Fault>>) {
    for number in 1.. {
        let mut bytes = Vec::new();
        let most = longest as u64 + 1; // with its end
        let read = pipe.by_ref().take(most).read_until(b'\n', &mut bytes);
        if !matches!(read, Ok(1..)) {
            break;
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let is_long = bytes.len() > longest;
        let line = match is_long {
            true => Err(Fault::LongLine {
                number,
                limit: longest,
                start: start_of(&text),
            }),
            false => Ok(Line { number, text }),
        };
        if lines.send(line).is_err() || is_long {
            break;
        }
    }
}

/// What a child says on its standard error, as far as it is kept.
#[derive(Debug)]
struct Errors {
    last: Arc<Mutex<Vec<u8>>>,
    /// Closed when all was read.
    end: Receiver<()>,
}

impl Errors {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        /// Bytes that are kept at least.
        const KEPT: usize = 4 << 10;
        let last = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&last);
        let (sender, end) = channel();
        thread::spawn(move || {
            let _open = sender;
            let mut part = [0; KEPT];
            while let Ok(size @ 1..) = pipe.read(&mut part) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&part[..size]);
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
            }
        });
        Self { last, end }
    }

    /// Waits for the last of it. Something that holds the pipe is not waited for.
    fn settle(&self) {
        let _ = self.end.recv_timeout(10 * GRACE);
    }

    fn last_words(&self) -> String {
        /// Lines that are told.
        const TOLD: usize = 3;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&last);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut lines: Vec<String> = lines.rev().take(TOLD).map(start_of).collect();
        lines.reverse();
        lines.join(" / ")
    }
}

/// A child with the processes that it starts.
#[cfg(unix)]
mod group {
    use std::{
        collections::BTreeSet,
        io,
        os::unix::process::CommandExt,
        process::{Child, Command},
        sync::{Mutex, MutexGuard, PoisonError},
    };

    use nix::{
        sys::signal::{Signal, killpg},
        unistd::Pid,
    };

    /// Those that are alive; `None` once all were killed for good.
    static ALIVE: Mutex<Option<BTreeSet<Pid>>> = Mutex::new(Some(BTreeSet::new()));

    fn alive() -> MutexGuard<'static, Option<BTreeSet<Pid>>> {
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(process: &Child) -> Pid {
        Pid::from_raw(process.id().cast_signed())
    }

    pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
        // Held meanwhile, so that none is started that is not known.
        let mut alive = alive();
        let Some(groups) = alive.as_mut() else {
            return Err(io::Error::other("this program is being ended"));
        };
        let process = command.process_group(0).spawn()?;
        groups.insert(of(&process));
        Ok(process)
    }

    pub(super) fn kill(process: &mut Child) {
        let group = of(process);
        // Not later: once it has been waited for, its number may be another's.
        if let Some(groups) = alive().as_mut()
            && groups.remove(&group)
        {
            // None of it may be left.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    pub(super) fn kill_all() {
        for group in alive().take().into_iter().flatten() {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The child alone: what it starts is not known here, and it sees itself that its pipes are closed.
#[cfg(not(unix))]
mod group {
    use std::{
        io,
        process::{Child, Command},
    };

    pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }

    pub(super) fn kill_all() {}

    pub(super) fn kill(process: &mut Child) {
        let _ = process.kill();
    }
}
