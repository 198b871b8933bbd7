//! What can go wrong, and what to do about it.

/// The result of a fallible call into this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Every way in which this crate can refuse its input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A metric's name is none of the known ones.
    #[error(
        "unknown metric `{name}`: write ndcg@K, recall@K, precision@K or hit@K \
         (K a whole number from 1, as in ndcg@5), mrr, map, set-precision, set-recall, set-f1 or \
         exact-match"
    )]
    UnknownMetric {
        /// The name as it was given.
        name: String,
    },

    /// A field of a settings struct is outside its range.
    #[error("`{field}` is {value}: it must be {expected}")]
    Setting {
        /// The struct and its field, as in `bootstrap.replicates`.
        field: &'static str,
        /// The offending value.
        value: String,
        /// The range it must lie in.
        expected: &'static str,
    },

    /// The bootstrap was given no stratum at all.
    #[error("there are no strata to resample: give at least one, with at least one observation")]
    NoStrata,

    /// A stratum cannot be resampled as it stands.
    #[error("stratum {stratum} (counted from 0) {problem}")]
    Stratum {
        /// Its position in the slice, from 0.
        stratum: usize,
        /// What is wrong with it.
        problem: String,
    },

    /// There is no variance to be had.
    #[error("{count} {what}: a test needs at least two")]
    TooFew {
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        count: usize,
    },

    /// The two sides of a paired test do not hold the same observations.
    #[error("treatment and baseline cannot be paired: {difference}")]
    Unpaired {
        /// The first thing in which they differ.
        difference: String,
    },

    /// More tokens were read from the cache than were sent.
    #[error(
        "{cached_input} cached input tokens of {input} input tokens: `input` must include them"
    )]
    CachedExceedsInput {
        /// [`Usage::cached_input`](crate::Usage::cached_input).
        cached_input: u64,
        /// [`Usage::input`](crate::Usage::input).
        input: u64,
    },

    /// A mean over no requests was asked for.
    #[error("the cost per request of 0 requests is undefined: count at least one request")]
    NoRequests,

    /// A line of a TREC file cannot be read.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },

    /// Something cannot be written to a TREC file such that it would be read back unchanged.
    #[error("cannot write {subject}: {problem}")]
    Unwritable {
        /// What it is, with its name.
        subject: String,
        /// Why not.
        problem: &'static str,
    },

    /// Reading or writing failed.
    #[error("{task}: {source}")]
    Io {
        /// What was being done, to which file.
        task: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
}
