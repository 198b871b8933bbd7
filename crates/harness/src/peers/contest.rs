//! Sides that take turns.

use std::{thread, time::Duration};

use super::Fault;
use crate::{
    Error, Observer,
    turns::{Rounds, turns},
};

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
/// the cost of the next side. Those of OpenBLAS do so for 2²⁶ cycles, some 20 ms.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks all of the group every round. Gives their answers by label.
///
/// A peer that fails leaves the group, without its answers, and `faults` tells why.
///
/// # Errors
/// Our own.
pub(super) fn take_turns<S: ?Sized, A>(
    group: &mut Vec<Contestant<S>>,
    rounds: Rounds,
    faults: &mut Vec<String>,
    observer: &dyn Observer,
    ask: impl Fn(&mut S, usize) -> Result<A, Fault>,
) -> Result<Vec<(String, Vec<A>)>, Error> {
    let mut answers: Vec<Option<Vec<A>>> = group.iter().map(|_| Some(Vec::new())).collect();
    for (side, turn) in turns(group.len(), rounds) {
        let steps = turn.len();
        if let Some(given) = &mut answers[side] {
            thread::sleep(PAUSE);
            match turn
                .map(|round| ask(&mut group[side].side, round))
                .collect::<Result<Vec<A>, _>>()
            {
                Ok(more) => given.extend(more),
                Err(Fault::Peer(reason)) => {
                    observer.note(&format!("left out: {reason}"));
                    faults.push(reason);
                    answers[side] = None;
                }
                Err(Fault::Ours(error)) => return Err(error),
            }
        }
        observer.advance(steps);
    }
    let mut stays = answers.iter().map(Option::is_some);
    group.retain(|_| stays.next().unwrap_or(false));
    let labels = group.iter().map(|contestant| contestant.label.clone());
    Ok(labels.zip(answers.into_iter().flatten()).collect())
}
