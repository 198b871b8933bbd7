//! Work dealt out to several machines: each cell is computed by one of them, and joined from all.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    num::NonZeroUsize,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

/// One of so many parts of the work; written `2/4`, from `1/4` to `4/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: NonZeroUsize,
    of: NonZeroUsize,
}

impl Shard {
    /// Which one, from 1.
    pub fn number(self) -> usize {
        self.number.get()
    }

    /// How many there are.
    pub fn of(self) -> NonZeroUsize {
        self.of
    }

    /// All of them, from the first to the last.
    pub fn all(of: NonZeroUsize) -> impl Iterator<Item = Self> {
        let numbers = (1..=of.get()).filter_map(NonZeroUsize::new);
        numbers.map(move |number| Self { number, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(number, of)| {
            let (number, of) = (number.parse().ok()?, of.parse().ok()?);
            (number <= of).then_some(Self { number, of })
        });
        parsed.ok_or_else(|| format!("`{text}` is no shard; the second of four is `2/4`"))
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

/// How a run shares its work with others. The same value is given to all experiments, in the same order
/// on all machines.
///
/// Work is dealt like cards, to one shard after another, so that neighbours, which cost about the same,
/// go to different ones. What was dealt before, for another experiment, stays where it is.
#[derive(Clone, Debug)]
pub struct Sharing {
    shards: Vec<Shard>,
    role: Role,
    dealt: Arc<Mutex<HashMap<String, Shard>>>,
    sources: Arc<Mutex<Sources>>,
}

/// What cells were made from besides their settings: checksums, by what they are of (`the data set …`).
pub type Sources = BTreeMap<String, String>;

/// What a shard left behind.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// What it was run into.
    pub folder: PathBuf,
    /// Its [`Sharing::sources`].
    pub sources: Sources,
}

#[derive(Clone, Debug)]
enum Role {
    Compute(Shard),
    /// In the shards' order.
    Join(Vec<Left>),
}

/// Where a piece of work is done.
pub(crate) enum Place<'a> {
    Here,
    Elsewhere,
    /// It was done, by this shard.
    Done(Shard, &'a Left),
}

impl Sharing {
    /// Computes what falls to `shard`, and makes no rows of it.
    pub fn compute(shard: Shard) -> Self {
        Self::new(shard.of, Role::Compute(shard))
    }

    /// Computes nothing, but makes rows of what so many shards left.
    pub fn join(of: NonZeroUsize, left: impl FnMut(Shard) -> Left) -> Self {
        Self::new(of, Role::Join(Shard::all(of).map(left).collect()))
    }

    fn new(of: NonZeroUsize, role: Role) -> Self {
        Self {
            shards: Shard::all(of).collect(),
            role,
            dealt: Arc::default(),
            sources: Arc::default(),
        }
    }

    /// Deals a piece of work, unless it was before, and tells whose it is.
    pub fn owner(&self, work: &str) -> Shard {
        let mut dealt = self.dealt.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.shards[dealt.len() % self.shards.len()];
        *dealt.entry(work.to_owned()).or_insert(next)
    }

    pub(crate) fn place(&self, work: &str) -> Place<'_> {
        let owner = self.owner(work);
        match &self.role {
            Role::Compute(shard) if *shard == owner => Place::Here,
            Role::Compute(_) => Place::Elsewhere,
            Role::Join(left) => Place::Done(owner, &left[owner.number() - 1]),
        }
    }

    /// What the cells of all experiments that were run so far are made from.
    pub fn sources(&self) -> Sources {
        self.lock_sources().clone()
    }

    pub(crate) fn add_sources(&self, sources: &Sources) {
        self.lock_sources().extend(sources.clone());
    }

    fn lock_sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn makes_rows(&self) -> bool {
        matches!(self.role, Role::Join(_))
    }
}
