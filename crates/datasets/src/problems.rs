//! All that is wrong with a data set's files, and not only what comes first.

use crate::Error;

/// What is wrong with a data set, in the order in which it was found; of one that is refused never
/// nothing.
#[derive(Debug, Default)]
pub struct Problems {
    told: Vec<Error>,
    untold: usize,
}

impl Problems {
    /// So many are told at most: after as many one looks at the file.
    pub const MOST: usize = 20;

    /// The first ones, at most [`MOST`](Self::MOST).
    pub fn told(&self) -> &[Error] {
        &self.told
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.told.len() + self.untold
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The value; an error is noted, so that a reader can go on after it.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(error);
                None
            }
        }
    }

    /// The first of all, of a data set that is refused.
    pub(crate) fn into_first(mut self) -> Error {
        self.told.swap_remove(0)
    }

    fn add(&mut self, error: Error) {
        if self.told.len() < Self::MOST {
            self.told.push(error);
        } else {
            self.untold += 1;
        }
    }
}

impl From<Error> for Problems {
    fn from(error: Error) -> Self {
        let mut problems = Self::default();
        problems.add(error);
        problems
    }
}
