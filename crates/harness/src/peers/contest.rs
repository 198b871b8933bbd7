//! Sides that take turns.

use std::{thread, time::Duration};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::Fault;
use crate::{Error, Observer};

/// One of those that take turns.
pub(super) struct Contestant<S: ?Sized> {
    /// As in result files.
    pub(super) label: String,
    pub(super) side: Box<S>,
}

impl<S: ?Sized> Contestant<S> {
    pub(super) fn new(label: impl Into<String>, side: Box<S>) -> Self {
        Self {
            label: label.into(),
            side,
        }
    }
}

/// A pause before each turn: the threads of libraries wait for more work by spinning, which would be at
/// the cost of the next side.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks all of the group, `rounds` times; everybody is the first in turn. Gives their answers by label.
///
/// A peer that fails leaves the group, without its answers, and `faults` tells why.
///
/// # Errors
/// Our own.
pub(super) fn take_turns<S: ?Sized, A>(
    group: &mut Vec<Contestant<S>>,
    rounds: usize,
    faults: &mut Vec<String>,
    observer: &dyn Observer,
    ask: impl Fn(&mut S, usize) -> Result<A, Fault>,
) -> Result<Vec<(String, Vec<A>)>, Error> {
    let mut answers: Vec<(String, Vec<A>)> = group
        .iter()
        .map(|contestant| (contestant.label.clone(), Vec::with_capacity(rounds)))
        .collect();
    // A turn follows another each time: whoever goes before leaves the caches as it likes.
    let mut turns = ChaCha8Rng::seed_from_u64(0);
    for round in 0..rounds {
        group.shuffle(&mut turns);
        let mut left = Vec::new();
        for contestant in &mut *group {
            thread::sleep(PAUSE);
            match ask(&mut contestant.side, round) {
                Ok(answer) => {
                    let of = answers
                        .iter_mut()
                        .find(|(label, _)| *label == contestant.label);
                    if let Some((_, given)) = of {
                        given.push(answer);
                    }
                }
                Err(Fault::Peer(reason)) => {
                    observer.note(&format!("left out: {reason}"));
                    faults.push(reason);
                    left.push(contestant.label.clone());
                }
                Err(Fault::Ours(error)) => return Err(error),
            }
        }
        group.retain(|contestant| !left.contains(&contestant.label));
        answers.retain(|(label, _)| !left.contains(label));
        observer.advance(1);
    }
    Ok(answers)
}
