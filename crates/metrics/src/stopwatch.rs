//! Where the time of a request goes.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// A part of the way from a text to ranked tools, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The text is cut into tokens.
    Tokenise,
    /// The tokens become a vector.
    Embed,
    /// The vector is moved by a fitted adapter.
    Adapt,
    /// Tools are scored, and the best are kept. All that a router does which has no stages.
    Score,
    /// The best are ordered anew.
    Rerank,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::Tokenise,
        Self::Embed,
        Self::Adapt,
        Self::Score,
        Self::Rerank,
    ];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokenise => "tokenise",
            Self::Embed => "embed",
            Self::Adapt => "adapt",
            Self::Score => "score",
            Self::Rerank => "re-rank",
        })
    }
}

/// Times the stages of one request. One that is not running reads no clock, so that whoever serves
/// without asking for times pays nothing for them.
///
/// ```
/// use oats_metrics::{Stage, Stopwatch};
///
/// let mut watch = Stopwatch::started();
/// let tokens: Vec<&str> = "book a flight".split(' ').collect();
/// watch.lap(Stage::Tokenise);
/// assert!(tokens.len() == 3 && watch.of(Stage::Tokenise).is_some());
/// assert_eq!(watch.of(Stage::Embed), None);
/// ```
#[derive(Debug, Clone)]
pub struct Stopwatch {
    /// When the last stage ended; `None` if the watch does not run.
    last: Option<Instant>,
    laps: [Option<Duration>; Stage::ALL.len()],
}

impl Stopwatch {
    /// One that runs.
    pub fn started() -> Self {
        Self {
            last: Some(Instant::now()),
            laps: Default::default(),
        }
    }

    /// One that does not run: it ignores laps.
    pub fn stopped() -> Self {
        Self {
            last: None,
            laps: Default::default(),
        }
    }

    /// Counts the time since the last lap, or the start, towards `stage`.
    pub fn lap(&mut self, stage: Stage) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            *self.laps[stage as usize].get_or_insert_default() += now - *last;
            *last = now;
        }
    }

    /// Whether it runs: whether anybody wants to know.
    pub fn is_running(&self) -> bool {
        self.last.is_some()
    }

    /// Of what was counted towards `whole`, counts so much towards `part` instead, which cannot be parted
    /// from it but was timed by itself; the time since the last lap, which that took, counts towards no
    /// stage.
    pub fn part(&mut self, whole: Stage, part: Stage, took: Duration) {
        if let (Some(last), Some(both)) = (&mut self.last, self.laps[whole as usize]) {
            let took = took.min(both);
            self.laps[whole as usize] = Some(both - took);
            *self.laps[part as usize].get_or_insert_default() += took;
            *last = Instant::now();
        }
    }

    /// How long a stage took; `None` if there was none.
    pub fn of(&self, stage: Stage) -> Option<Duration> {
        self.laps[stage as usize]
    }

    /// From the start to the last lap.
    pub fn total(&self) -> Duration {
        self.laps.iter().flatten().sum()
    }
}
