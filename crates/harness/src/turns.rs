//! The order in which sides that are timed against each other take turns.

use std::ops::Range;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Requests of a turn.
const REQUESTS: usize = 20;

/// How often every side is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) count: usize,
    /// How many make a turn.
    in_a_row: usize,
}

impl Rounds {
    /// Twenty to a turn. Most find the processor's caches as the side's own requests left them, and its
    /// cores awake, as in a gateway that is busy. The first ones do not: the former show in the 50th percentile, the
    /// latter from the 95th on.
    pub(crate) fn requests(count: usize) -> Self {
        Self {
            count,
            in_a_row: REQUESTS,
        }
    }

    /// What takes long, one to a turn.
    pub(crate) fn fits(count: usize) -> Self {
        Self { count, in_a_row: 1 }
    }
}

/// Whose turn it is, by position, with which rounds. Sides go in another order each time; whoever goes
/// before leaves the caches as it likes.
pub(crate) fn turns(sides: usize, rounds: Rounds) -> Vec<(usize, Range<usize>)> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut order: Vec<usize> = (0..sides).collect();
    let mut turns = Vec::new();
    for start in (0..rounds.count).step_by(rounds.in_a_row) {
        order.shuffle(&mut random);
        let turn = start..rounds.count.min(start + rounds.in_a_row);
        turns.extend(order.iter().map(|&side| (side, turn.clone())));
    }
    turns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everyone_is_asked_every_round_in_its_order(sides in 0..5_usize, count in 0..45_usize) {
            let turns = turns(sides, Rounds::requests(count));
            for side in 0..sides {
                let own = turns.iter().filter(|(whose, _)| *whose == side);
                let rounds: Vec<usize> = own.flat_map(|(_, turn)| turn.clone()).collect();
                prop_assert_eq!(rounds, (0..count).collect::<Vec<_>>());
            }
            let most = turns.iter().map(|(_, turn)| turn.len()).max().unwrap_or(0);
            prop_assert!(most <= REQUESTS);
        }
    }
}
