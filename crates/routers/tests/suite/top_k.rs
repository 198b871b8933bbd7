//! Which tools come out, in which order.

use oats_datasets::ToolId;
use oats_routers::{Ranked, Request, top_k};
use proptest::{prelude::*, sample};

use crate::common::tools_of;

fn rank(scores: &[f32], candidates: Option<&[ToolId]>, k: usize) -> Vec<Ranked> {
    let request = Request {
        text: "",
        embedding: &[],
        candidates,
    };
    top_k(&request, scores.len(), k, |tool| scores[tool])
}

/// Scores and a pool (some of the tools, in any order). Few scores are distinct, so that most are
/// tied, and the awkward ones are among them.
fn pools() -> impl Strategy<Value = (Vec<f32>, Vec<ToolId>)> {
    let awkward = vec![
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        0.0,
    ];
    let score = prop_oneof![
        3 => sample::select(vec![-0.5f32, 0.25, 0.75]),
        1 => sample::select(awkward),
        1 => -1.0f32..1.0,
    ];
    prop::collection::vec(score, 1..40).prop_flat_map(|scores| {
        let tools: Vec<ToolId> = (0..scores.len()).collect();
        let pool = sample::subsequence(tools, 0..=scores.len()).prop_shuffle();
        (Just(scores), pool)
    })
}

proptest! {
    #[test]
    fn the_whole_pool_comes_out_best_first((scores, pool) in pools()) {
        let ranking = rank(&scores, Some(&pool), usize::MAX);

        let (mut given, mut returned) = (pool.clone(), tools_of(&ranking));
        given.sort_unstable();
        returned.sort_unstable();
        prop_assert_eq!(given, returned);
        for ranked in &ranking {
            prop_assert_eq!(ranked.score.to_bits(), scores[ranked.tool].to_bits());
        }
        for pair in ranking.windows(2) {
            let (before, after) = (pair[0].score, pair[1].score);
            prop_assert!(before >= after || after.is_nan(), "{before} before {after}");
        }
    }

    #[test]
    fn k_cuts_the_ranking_and_does_nothing_else((scores, pool) in pools(), k in 0usize..45) {
        let all = tools_of(&rank(&scores, Some(&pool), usize::MAX));
        let best = tools_of(&rank(&scores, Some(&pool), k));
        prop_assert_eq!(&best[..], &all[..k.min(all.len())]);
    }

    #[test]
    fn neither_the_order_nor_the_size_of_the_pool_matters((scores, pool) in pools()) {
        let catalogue = tools_of(&rank(&scores, None, usize::MAX));
        let candidates = tools_of(&rank(&scores, Some(&pool), usize::MAX));
        let restricted: Vec<ToolId> =
            catalogue.into_iter().filter(|tool| pool.contains(tool)).collect();
        prop_assert_eq!(candidates, restricted);
    }
}

#[test]
fn a_score_that_is_not_a_number_ranks_last() {
    let scores = [f32::NAN, 0.1, f32::NEG_INFINITY, -f32::NAN, 0.2];
    assert_eq!(tools_of(&rank(&scores, None, 3)), [4, 1, 2]);
}

#[test]
fn ties_are_ordered_without_regard_to_the_catalogue() {
    let n = 2000;
    let order = tools_of(&rank(&vec![0.5; n], None, n));

    // Spearman's rank correlation between place in the catalogue and place in the ranking; its
    // standard deviation under a random order is 1/√(n − 1) = 0.022.
    let squares: f64 = order
        .iter()
        .enumerate()
        .map(|(place, &tool)| (place as f64 - tool as f64).powi(2))
        .sum();
    let n = n as f64;
    let correlation = 1.0 - 6.0 * squares / (n * (n * n - 1.0));
    assert!(correlation.abs() < 0.07, "{correlation}");
}

#[test]
fn positive_and_negative_zero_are_a_tie() {
    let tools: Vec<ToolId> = (0..50).collect();
    let mixed: Vec<f32> = tools
        .iter()
        .map(|tool| if tool % 2 == 0 { 0.0 } else { -0.0 })
        .collect();
    assert_eq!(
        tools_of(&rank(&mixed, None, 50)),
        tools_of(&rank(&[0.0; 50], None, 50))
    );
}

#[test]
fn an_empty_pool_gives_an_empty_ranking() {
    assert_eq!(rank(&[0.5, 0.7], Some(&[]), 5), []);
    assert_eq!(rank(&[], None, 5), []);
}
