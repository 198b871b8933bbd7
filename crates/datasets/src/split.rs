//! Training, test and validation, and what they share.
//!
//! MetaTool's four subtasks repeat their queries: of 4,287 instances only 2,303 are distinct. A
//! split over instances, the usual protocol, therefore puts most of the test queries into training
//! too. The kinds of split here say what is kept apart, and [`Leakage`] measures what is not.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    str::FromStr,
};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Benchmark, Error, ToolId};

/// What test and training must not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Nothing but the instance itself: the same text may stand on both sides.
    Instance,
    /// No query text, [normalised](normalise), stands on both sides.
    Query,
    /// The tools of the test queries have no training queries.
    Tool,
    /// As `Query`, within the training part of the `Query` split of the same seed: for choosing methods and
    /// settings without a look at its test part.
    QueryValidation,
    /// As `Tool`, within the training part of the `Tool` split of the same seed.
    ToolValidation,
}

impl FromStr for SplitKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "instance" => Ok(Self::Instance),
            "query" => Ok(Self::Query),
            "tool" => Ok(Self::Tool),
            "query-validation" => Ok(Self::QueryValidation),
            "tool-validation" => Ok(Self::ToolValidation),
            _ => Err(Error::UnknownSplit {
                name: name.to_owned(),
            }),
        }
    }
}

impl fmt::Display for SplitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "instance",
            Self::Query => "query",
            Self::Tool => "tool",
            Self::QueryValidation => "query-validation",
            Self::ToolValidation => "tool-validation",
        })
    }
}

/// Positions in [`Benchmark::queries`], each on one side only and each side in rising order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Split {
    /// To learn from.
    pub train: Vec<usize>,
    /// To be judged by.
    pub test: Vec<usize>,
    /// On neither side: a split by tools drops queries, and a split for validation the test part of the split
    /// that it is within.
    pub dropped: Vec<usize>,
}

/// How much of the test stands in training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Leakage {
    /// Test queries, repetitions counted.
    pub test_queries: usize,
    /// Those of them whose text also stands in training.
    pub test_queries_in_training: usize,
    /// `test_queries_in_training / test_queries`, from 0 to 1; 0 when there is no test query.
    pub share: f64,
}

impl Split {
    /// So many of the test queries, or all if there are fewer, spread evenly over the test part: for
    /// what takes too long to be done with each.
    pub fn some_of_test(&self, most: usize) -> Vec<usize> {
        let (there, wanted) = (self.test.len(), most.min(self.test.len()));
        (0..wanted)
            .map(|index| self.test[index * there / wanted])
            .collect()
    }

    /// Draws a split that depends on nothing but the arguments.
    ///
    /// - `Instance`: 30 % of the queries, rounded up, are the test.
    /// - `Query`: queries with the same normalised text stay together; texts are drawn into the test
    ///   until it holds 30 % of the queries.
    /// - `Tool`: 30 % of the tools that have queries, rounded up, are held out. Test are the queries
    ///   all of whose relevant tools are held out, training those none of whose is; the rest is
    ///   dropped.
    ///
    /// - `QueryValidation` and `ToolValidation`: the same is done again with the training part of `Query` and
    ///   `Tool`; their test part is dropped.
    ///
    /// One group (query, text or tool) always stays in training, so that with a single one there is
    /// no test.
    pub fn new(kind: SplitKind, benchmark: &Benchmark, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut part = |of: Vec<usize>| match kind {
            SplitKind::Instance => Self::by_groups(one_by_one(of), &mut rng),
            SplitKind::Query | SplitKind::QueryValidation => {
                Self::by_groups(group_by_text(benchmark, &of), &mut rng)
            }
            SplitKind::Tool | SplitKind::ToolValidation => Self::by_tools(benchmark, of, &mut rng),
        };
        let split = part((0..benchmark.queries().len()).collect());
        match kind {
            SplitKind::Instance | SplitKind::Query | SplitKind::Tool => split,
            SplitKind::QueryValidation | SplitKind::ToolValidation => {
                let mut within = part(split.train);
                within.dropped.extend(split.test);
                within.dropped.extend(split.dropped);
                within.dropped.sort_unstable();
                within
            }
        }
    }

    fn by_groups(groups: Vec<Vec<usize>>, rng: &mut ChaCha8Rng) -> Self {
        let count = thirty_percent(groups.iter().map(Vec::len).sum());
        let (test, train) = draw(groups, count, rng);
        Self {
            train,
            test,
            dropped: Vec::new(),
        }
    }

    fn by_tools(benchmark: &Benchmark, of: Vec<usize>, rng: &mut ChaCha8Rng) -> Self {
        let queries = of.iter().map(|&query| &benchmark.queries()[query]);
        let relevant = queries.flat_map(|query| &query.relevant);
        let used: BTreeSet<ToolId> = relevant.map(|&(tool, _)| tool).collect();
        let count = thirty_percent(used.len());
        let (held_out, _) = draw(one_by_one(used), count, rng);
        let held_out: HashSet<ToolId> = held_out.into_iter().collect();

        let mut split = Self {
            train: Vec::new(),
            test: Vec::new(),
            dropped: Vec::new(),
        };
        for index in of {
            let relevant = &benchmark.queries()[index].relevant;
            let held = relevant
                .iter()
                .filter(|(tool, _)| held_out.contains(tool))
                .count();
            let side = match held {
                0 => &mut split.train,
                all if all == relevant.len() => &mut split.test,
                _ => &mut split.dropped,
            };
            side.push(index);
        }
        split
    }

    /// Carves a validation part out of training: `(fit, validation)`, in rising order.
    ///
    /// Whatever the kind of split, queries with the same normalised text stay together, so that
    /// tuning is not misled by repetitions. Texts are drawn until the validation part holds `share`
    /// (limited to 0..=1) of the training queries; one text always stays in `fit`.
    pub fn validation(
        &self,
        benchmark: &Benchmark,
        share: f64,
        seed: u64,
    ) -> (Vec<usize>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = (share.clamp(0.0, 1.0) * self.train.len() as f64).ceil() as usize;
        let (validation, fit) = draw(group_by_text(benchmark, &self.train), count, &mut rng);
        (fit, validation)
    }

    /// For every test query, whether its [normalised](normalise) text also stands in training.
    pub fn seen_in_training(&self, benchmark: &Benchmark) -> Vec<bool> {
        let text = |&query: &usize| normalise(&benchmark.queries()[query].text);
        let trained: HashSet<String> = self.train.iter().map(text).collect();
        self.test
            .iter()
            .map(|query| trained.contains(&text(query)))
            .collect()
    }

    /// Counts the test queries whose text also stands in training.
    pub fn leakage(&self, benchmark: &Benchmark) -> Leakage {
        let seen = self.seen_in_training(benchmark);
        let leaked = seen.iter().filter(|&&seen| seen).count();
        Leakage {
            test_queries: self.test.len(),
            test_queries_in_training: leaked,
            share: leaked as f64 / self.test.len().max(1) as f64,
        }
    }
}

/// Two texts count as the same query when this is the same for both: lower case, every run of
/// characters that are neither letters nor digits one space, none at the ends. A text without
/// letters and digits stands for itself, trimmed and in lower case.
///
/// ```
/// use oats_datasets::split::normalise;
/// assert_eq!(normalise("  What's the weather, Zoë?!"), "what s the weather zoë");
/// assert_eq!(normalise(" ?! "), "?!");
/// ```
pub fn normalise(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        lower.trim().to_owned()
    } else {
        words.join(" ")
    }
}

/// The positions (from 0) of texts that are the same when [normalised](normalise), one group a
/// text, in order of first appearance; within a group they rise.
///
/// Whoever holds queries out keeps a group together, lest a repetition be mistaken for a query that
/// was never seen.
///
/// ```
/// use oats_datasets::split::group_texts;
/// assert_eq!(group_texts(["Any news?", "rain today", "any news"]), [vec![0, 2], vec![1]]);
/// ```
pub fn group_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<String, usize> = HashMap::new();
    for (position, text) in texts.into_iter().enumerate() {
        let group = *group_of.entry(normalise(text)).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(position);
    }
    groups
}

/// 30 %, rounded up: 1,287 of MetaTool's 4,287.
fn thirty_percent(count: usize) -> usize {
    (3 * count).div_ceil(10)
}

fn one_by_one(members: impl IntoIterator<Item = usize>) -> Vec<Vec<usize>> {
    members.into_iter().map(|member| vec![member]).collect()
}

/// Queries with the same normalised text, in order of first appearance.
fn group_by_text(benchmark: &Benchmark, queries: &[usize]) -> Vec<Vec<usize>> {
    let texts = queries
        .iter()
        .map(|&query| benchmark.queries()[query].text.as_str());
    let mut groups = group_texts(texts);
    for position in groups.iter_mut().flatten() {
        *position = queries[*position];
    }
    groups
}

/// Takes whole groups in random order until `count` members are taken or one group is left.
/// Returns the members taken and those left, each sorted.
fn draw(
    mut groups: Vec<Vec<usize>>,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> (Vec<usize>, Vec<usize>) {
    groups.shuffle(rng);
    let mut taken = Vec::new();
    while taken.len() < count && groups.len() > 1 {
        taken.extend(groups.pop().into_iter().flatten());
    }
    let mut left = groups.concat();
    taken.sort_unstable();
    left.sort_unstable();
    (taken, left)
}
