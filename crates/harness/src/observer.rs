//! How a run tells what it is doing; the terminal belongs to whoever started it.

/// Receives progress. One task is under way at a time, on several threads.
pub trait Observer: Sync {
    /// A task of `total` steps begins.
    fn begin(&self, what: &str, total: usize);
    /// So many more steps are done. May be called from any thread.
    fn advance(&self, steps: usize);
    /// What a long step of the task is doing just now, such as a router's fit. May be called from any
    /// thread; passed over unless there is a place for it.
    fn detail(&self, _line: &str) {}
    /// The task is done.
    fn end(&self);
    /// One line worth reading, such as what was skipped and why.
    fn note(&self, line: &str);
}
