//! Whether two rankings are the same up to ties.

use super::Ranking;

/// How far apart scores may be that tie, as a share of the best.
const TIE: f64 = 1e-4;

/// Whether both rank the same tools in the same order, but for tools whose scores tie: scores are compared
/// as shares of each ranking's best, so that a constant factor does not matter. Of tools that tie with the
/// last one, either may hold any.
pub(super) fn same_up_to_ties(ours: &Ranking, theirs: &Ranking) -> bool {
    let (ours_share, theirs_share) = (shares(ours), shares(theirs));
    let ties = |a: f64, b: f64| (a - b).abs() <= TIE;
    let last = theirs_share.last().copied().unwrap_or(0.0);
    ours.tools.len() == theirs.tools.len()
        && ours
            .tools
            .iter()
            .zip(&ours_share)
            .zip(&theirs_share)
            .all(|((tool, &here), &there)| {
                let place = theirs.tools.iter().position(|other| other == tool);
                let theirs_of_it = place.map_or(last, |place| theirs_share[place]);
                ties(here, there) && ties(here, theirs_of_it)
            })
}

fn shares(ranking: &Ranking) -> Vec<f64> {
    let best = ranking.scores.first().copied().unwrap_or(0.0);
    let share = |score: &f64| if best > 0.0 { score / best } else { *score };
    ranking.scores.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ranking(tools: &[usize], scores: &[f64]) -> Ranking {
        Ranking {
            time: Duration::ZERO,
            tools: tools.to_vec(),
            scores: scores.to_vec(),
        }
    }

    #[test]
    fn ties_may_stand_in_any_order_and_others_may_not() {
        let ours = ranking(&[4, 2, 7, 1], &[8.0, 4.0, 4.0, 2.0]);
        // Another unit, the tie turned round, another tool that ties with the last.
        let same = ranking(&[4, 7, 2, 9], &[4.0, 2.0, 2.0, 1.0]);
        assert!(same_up_to_ties(&ours, &same));
        assert!(same_up_to_ties(&same, &ours));
        for other in [
            ranking(&[2, 4, 7, 1], &[8.0, 4.0, 4.0, 2.0]),
            ranking(&[4, 2, 8, 1], &[8.0, 4.0, 4.0, 2.0]),
            ranking(&[4, 2, 7, 1], &[8.0, 5.0, 4.0, 2.0]),
            ranking(&[4, 2, 7], &[8.0, 4.0, 4.0]),
        ] {
            assert!(!same_up_to_ties(&ours, &other), "{other:?}");
        }
    }

    #[test]
    fn rankings_without_a_score_are_all_tie() {
        let ours = ranking(&[1, 2], &[0.0, 0.0]);
        assert!(same_up_to_ties(&ours, &ranking(&[3, 4], &[0.0, 0.0])));
    }
}
