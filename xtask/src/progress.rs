//! Progress on standard error: a bar on a terminal, a line now and then elsewhere.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oats_harness::Observer;

/// Shows what a run is doing.
#[derive(Default)]
pub(crate) struct Terminal {
    task: Mutex<Option<Task>>,
}

/// What is under way.
struct Task {
    what: String,
    /// Counts steps and time; drawn on terminals only.
    bar: ProgressBar,
    lines: Lines,
}

impl Terminal {
    fn with_task(&self, act: impl FnOnce(&mut Option<Task>)) {
        act(&mut self.task.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Observer for Terminal {
    fn begin(&self, what: &str, total: usize) {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix:<40} {bar:30} {pos}/{len} {elapsed} (about {eta} left) {wide_msg}",
        ) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        let task = Task {
            what: what.to_owned(),
            bar,
            lines: Lines::new(total),
        };
        self.with_task(|current| *current = Some(task));
    }

    fn advance(&self, steps: usize) {
        self.with_task(|current| {
            let Some(Task { what, bar, lines }) = current else {
                return;
            };
            bar.inc(steps as u64);
            if bar.is_hidden()
                && let Some(percent) = lines.advance(steps, bar.elapsed())
            {
                let seconds = bar.elapsed().as_secs();
                eprintln!("{what}: {percent} % after {seconds} s");
            }
        });
    }

    fn detail(&self, line: &str) {
        self.with_task(|current| {
            if let Some(task) = current {
                task.bar.set_message(line.to_owned());
            }
        });
    }

    fn end(&self) {
        self.with_task(|current| {
            if let Some(task) = current.take() {
                task.bar.finish_and_clear();
            }
        });
    }

    fn note(&self, line: &str) {
        self.with_task(|current| match current {
            Some(task) => task.bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        });
    }
}

/// Decides when a log is due a line: after a tenth of the steps or ten seconds, whichever is rarer,
/// so that short tasks have none and long ones at most nine.
struct Lines {
    total: usize,
    done: usize,
    last_done: usize,
    last_at: Duration,
}

impl Lines {
    const INTERVAL: Duration = Duration::from_secs(10);

    fn new(total: usize) -> Self {
        Self {
            total,
            done: 0,
            last_done: 0,
            last_at: Duration::ZERO,
        }
    }

    /// Counts `steps` more at time `now`; the percentage done, if a line is due.
    fn advance(&mut self, steps: usize, now: Duration) -> Option<usize> {
        self.done += steps;
        let due = 10 * (self.done - self.last_done) >= self.total
            && now >= self.last_at + Self::INTERVAL
            && self.done < self.total;
        due.then(|| {
            self.last_done = self.done;
            self.last_at = now;
            100 * self.done / self.total
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(total: usize, steps_a_second: usize) -> Vec<usize> {
        let mut lines = Lines::new(total);
        (1..=total.div_ceil(steps_a_second))
            .filter_map(|second| lines.advance(steps_a_second, Duration::from_secs(second as u64)))
            .collect()
    }

    #[test]
    fn a_log_has_a_line_a_tenth_or_ten_seconds_whichever_is_rarer() {
        assert!(lines(1000, 200).is_empty());
        assert_eq!(lines(1000, 25), [25, 50, 75]);
        assert_eq!(lines(1000, 1), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert!(lines(0, 1).is_empty());
    }
}
