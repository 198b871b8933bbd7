//! Tests by Student's t against scipy, the bootstrap, and what is known of simulated data.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use ndarray::Array2;
use oats_metrics::{
    Bootstrap, Error, Estimate, PairedTest, Stratum, clustered_t, holm, resampled_t, unpaired_z,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn stratum(clusters: &[usize], values: &[f64]) -> Stratum {
    Stratum {
        clusters: clusters.to_vec(),
        values: Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap(),
    }
}

fn zeros(strata: &[Stratum]) -> Vec<Stratum> {
    let zero = |s: &Stratum| Stratum {
        clusters: s.clusters.clone(),
        values: Array2::zeros(s.values.dim()),
    };
    strata.iter().map(zero).collect()
}

#[track_caller]
fn assert_is(test: PairedTest, [difference, p_value, low, high]: [f64; 4]) {
    let found = [test.difference, test.p_value, test.low, test.high];
    for (found, expected) in found.into_iter().zip([difference, p_value, low, high]) {
        assert!((found - expected).abs() < 1e-9, "{test:?}");
    }
}

#[test]
fn without_repeats_it_is_the_paired_t_test_of_scipy() {
    let clusters = [0, 1, 2, 3, 4, 5, 6];
    let ours = stratum(&clusters, &[0.1, 0.5, 0.9, 1.0, 0.63, 0.0, 0.3]);
    let theirs = stratum(&clusters, &[0.0, 0.6, 0.7, 1.0, 0.5, 0.2, 0.1]);
    // scipy.stats.ttest_rel
    assert_is(
        clustered_t(&[ours], &[theirs]).unwrap()[0],
        [
            0.04714285714285715,
            0.4474551759271221,
            -0.09480557898509834,
            0.18909129327081264,
        ],
    );
}

#[test]
fn repeats_share_their_cluster_within_and_between_strata() {
    let strata = [
        stratum(&[0, 0, 1, 2], &[0.5, 0.25, -0.25, 0.0]),
        stratum(&[1, 2, 3], &[1.0, -0.5, 0.125]),
    ];
    // By numpy: sums of (d − mean) / n / strata by cluster, and scipy's t with 3 degrees of freedom.
    assert_is(
        clustered_t(&strata, &zeros(&strata)).unwrap()[0],
        [
            0.16666666666666669,
            0.46037507309307146,
            -0.46134810402092347,
            0.7946814373542568,
        ],
    );
}

#[test]
fn splits_that_overlap_count_for_less() {
    // By numpy: variance × (1/5 + 3/7), and scipy's t with 4 degrees of freedom.
    assert_is(
        resampled_t(&[0.012, 0.02, 0.005, 0.011, 0.017], 3.0 / 7.0, 0.001).unwrap(),
        [
            0.013000000000000001,
            0.04720215369889378,
            0.00025943133121120697,
            0.025740568668788794,
        ],
    );
}

#[test]
fn of_intervals_alone_the_errors_add_up() {
    let mean = |value: f64, half: f64| Estimate {
        value,
        low: value - half,
        high: value + half,
        n: 100,
    };
    // Halves of 0.03 and 0.04 make one of 0.05; z = 0.06 / 0.05 × 1.959964, by scipy.stats.norm.
    assert_is(
        unpaired_z(mean(0.56, 0.03), mean(0.5, 0.04)),
        [0.06, 0.01867494461220307, 0.01, 0.11],
    );
    assert_is(
        unpaired_z(mean(0.5, 0.1), mean(0.5, 0.0)),
        [0.0, 1.0, -0.1, 0.1],
    );
}

#[test]
fn what_differs_nowhere_differs_by_nothing() {
    let same = [stratum(&[0, 1, 2], &[0.5, 0.0, 1.0])];
    assert_is(clustered_t(&same, &same).unwrap()[0], [0.0, 1.0, 0.0, 0.0]);
    let nothing = resampled_t(&[0.0; 3], 0.5, 0.01).unwrap();
    assert_eq!((nothing.difference, nothing.p_value), (0.0, 1.0));
}

#[test]
fn a_few_differences_of_one_sign_are_no_certainty() {
    // Of six queries all are lost: a test of signs gives 2 / 2⁶.
    let nothing = stratum(&[0, 1, 2, 3, 4, 5], &[0.0; 6]);
    let all = stratum(&[0, 1, 2, 3, 4, 5], &[1.0; 6]);
    let lost = clustered_t(&[nothing], &[all]).unwrap()[0];
    assert!((lost.p_value - 0.03125).abs() < 1e-9, "{lost:?}");
    assert!(lost.low < -1.0 && lost.high < 0.0, "{lost:?}");
    // One of two: nothing is known.
    let two = [stratum(&[0, 1], &[1.0, 1.0])];
    let two = clustered_t(&two, &zeros(&two)).unwrap()[0];
    assert!((two.p_value - 0.5).abs() < 1e-9, "{two:?}");
    assert!(two.low < 0.0 && two.low.is_finite(), "{two:?}");
    // The same query gained in both of two splits: t = 1 with one degree of freedom.
    let step = 1.0 / 375.0;
    let same = resampled_t(&[step; 2], 0.43, step).unwrap();
    assert!((same.p_value - 0.5).abs() < 1e-9, "{same:?}");
}

#[test]
fn too_little_is_an_error() {
    let one = [stratum(&[7, 7], &[0.5, 1.0])];
    assert!(matches!(
        clustered_t(&one, &zeros(&one)),
        Err(Error::TooFew { count: 1, .. })
    ));
    assert!(matches!(
        resampled_t(&[0.1], 0.5, 0.01),
        Err(Error::TooFew { count: 1, .. })
    ));
    assert!(resampled_t(&[0.1, f64::NAN], 0.5, 0.01).is_err());
    assert!(resampled_t(&[0.1, 0.2], 0.0, 0.01).is_err());
    assert!(resampled_t(&[0.1, 0.2], 0.5, 0.0).is_err());
}

/// Scores as routers get them (most queries 0 or 1, some between), of two routers that differ by chance
/// alone: on each query, either has the better of two scores.
fn null_comparison(generator: &mut ChaCha8Rng) -> (Vec<Stratum>, Vec<Stratum>) {
    let levels = [0.0, 0.387, 0.431, 0.5, 0.631, 1.0, 1.0, 1.0];
    let queries: Vec<(f64, f64)> = (0..200)
        .map(|_| {
            let mut score = || levels[generator.random_range(0..levels.len())];
            let (a, b) = (score(), score());
            if generator.random::<f64>() < 0.5 {
                (a, a)
            } else {
                (a, b)
            }
        })
        .collect();
    // Each of five splits tests three tenths of them, some twice.
    let splits: Vec<Vec<usize>> = (0..5)
        .map(|_| {
            let mut test: Vec<usize> = (0..queries.len())
                .filter(|_| generator.random::<f64>() < 0.3)
                .collect();
            test.extend_from_within(..5);
            test
        })
        .collect();
    let side = |score: fn(&(f64, f64)) -> f64| {
        let of_split = |test: &Vec<usize>| {
            let scores: Vec<f64> = test.iter().map(|&query| score(&queries[query])).collect();
            stratum(test, &scores)
        };
        splits.iter().map(of_split).collect()
    };
    (side(|scores| scores.0), side(|scores| scores.1))
}

#[test]
fn of_a_thousand_null_comparisons_one_in_twenty_is_called_significant() {
    let mut generator = ChaCha8Rng::seed_from_u64(7);
    let found = (0..1000).filter(|_| {
        let (ours, theirs) = null_comparison(&mut generator);
        clustered_t(&ours, &theirs).unwrap()[0].p_value <= 0.05
    });
    let found = found.count();
    assert!((30..=70).contains(&found), "{found} of 1000");
}

#[test]
fn it_agrees_with_the_bootstrap() {
    let mut generator = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..20 {
        let (ours, theirs) = null_comparison(&mut generator);
        let by_t = clustered_t(&ours, &theirs).unwrap()[0];
        let bootstrap = Bootstrap {
            replicates: 4000,
            ..Bootstrap::default()
        };
        let resampled = bootstrap.paired(&ours, &theirs).unwrap()[0];
        assert!((by_t.difference - resampled.difference).abs() < 1e-12);
        let widths = (by_t.high - by_t.low) / (resampled.high - resampled.low);
        assert!((0.9..1.1).contains(&widths), "{widths}");
    }
}

#[test]
fn holm_is_that_of_r() {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.9), "holm")
    let corrected = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]);
    for (p, expected) in corrected.into_iter().zip([0.04, 0.09, 0.09, 0.025, 0.9]) {
        assert!((p - expected).abs() < 1e-12, "{p} is not {expected}");
    }
    assert!(holm(&[]).is_empty());
}

proptest! {
    #[test]
    fn corrected_p_values_are_no_smaller_and_keep_their_order(
        p_values in prop::collection::vec(0.0..=1.0f64, 0..40)
    ) {
        let corrected = holm(&p_values);
        for (i, (&p, &c)) in p_values.iter().zip(&corrected).enumerate() {
            prop_assert!(c >= p && c <= 1.0);
            for (&q, &d) in p_values.iter().zip(&corrected).skip(i) {
                prop_assert!(p > q || c <= d || p == q);
            }
        }
    }

    #[test]
    fn sides_that_change_places_change_the_sign(values in prop::collection::vec(0.0..=1.0f64, 2..30)) {
        let clusters: Vec<usize> = (0..values.len()).collect();
        let ours = [stratum(&clusters, &values)];
        let there = clustered_t(&ours, &zeros(&ours)).unwrap()[0];
        let back = clustered_t(&zeros(&ours), &ours).unwrap()[0];
        prop_assert!((there.difference + back.difference).abs() < 1e-12);
        prop_assert!((there.low + back.high).abs() < 1e-9);
        prop_assert!((there.p_value - back.p_value).abs() < 1e-12);
    }
}
