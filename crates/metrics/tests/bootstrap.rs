//! Intervals and tests against numpy and scipy, and against what is known of simulated data.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::{fs, path::Path};

use ndarray::{Array2, array};
use oats_metrics::{Bootstrap, Error, Stratum};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn reference() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/bootstrap.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn strata_of(reference: &Value, side: &str) -> Vec<Stratum> {
    let stratum = |stratum: &Value| {
        let rows: Vec<f64> = stratum[side]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(floats)
            .collect();
        Stratum {
            clusters: floats(&stratum["clusters"])
                .iter()
                .map(|c| *c as usize)
                .collect(),
            values: Array2::from_shape_vec((rows.len() / 2, 2), rows).unwrap(),
        }
    };
    reference["strata"]
        .as_array()
        .unwrap()
        .iter()
        .map(stratum)
        .collect()
}

/// Each observation its own cluster, one column.
fn independent(values: Vec<f64>) -> Stratum {
    Stratum {
        clusters: (0..values.len()).collect(),
        values: Array2::from_shape_vec((values.len(), 1), values).unwrap(),
    }
}

/// The sum of twelve uniform numbers, less 6: mean 0, variance 1, all but normal.
fn normal(generator: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| generator.random::<f64>()).sum::<f64>() - 6.0
}

/// Two resamplings of 20,000 replicates differ by Monte-Carlo error alone: a standard deviation of
/// 0.7 % of the interval's width.
#[track_caller]
fn assert_same_interval((low, high): (f64, f64), expected: (f64, f64)) {
    let tolerance = 0.03 * (expected.1 - expected.0);
    let close = |a: f64, b: f64| (a - b).abs() < tolerance;
    assert!(
        close(low, expected.0) && close(high, expected.1),
        "{low}..{high}, expected {expected:?}"
    );
}

#[test]
fn clustered_strata_agree_with_numpy() {
    let reference = &reference()["clustered"];
    let (baseline, treatment) = (
        strata_of(reference, "baseline"),
        strata_of(reference, "treatment"),
    );
    let bootstrap = Bootstrap {
        replicates: 20_000,
        ..Bootstrap::default()
    };
    let estimates = bootstrap.intervals(&baseline).unwrap();
    let tests = bootstrap.paired(&treatment, &baseline).unwrap();
    assert_eq!((estimates.len(), tests.len()), (2, 2));
    for column in 0..2 {
        let of = |name: &str, part: &str| floats(&reference[name][part])[column];
        let (estimate, test) = (estimates[column], tests[column]);
        assert_eq!((estimate.n, test.n), (120, 120));
        assert!((estimate.value - of("baseline", "value")).abs() < 1e-12);
        assert!((test.difference - of("difference", "value")).abs() < 1e-12);
        assert_same_interval(
            (estimate.low, estimate.high),
            (of("baseline", "low"), of("baseline", "high")),
        );
        assert_same_interval(
            (test.low, test.high),
            (of("difference", "low"), of("difference", "high")),
        );
    }
}

#[test]
fn independent_observations_agree_with_scipy_and_the_normal_approximation() {
    let reference = &reference()["independent"];
    let values = floats(&reference["values"]);
    let (n, mean) = (
        values.len() as f64,
        values.iter().sum::<f64>() / values.len() as f64,
    );
    let error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n / n).sqrt();

    let bootstrap = Bootstrap {
        replicates: 20_000,
        seed: 5,
        ..Bootstrap::default()
    };
    let estimate = bootstrap.intervals(&[independent(values)]).unwrap()[0];
    let scipy = (
        reference["low"].as_f64().unwrap(),
        reference["high"].as_f64().unwrap(),
    );
    assert_same_interval((estimate.low, estimate.high), scipy);
    assert_same_interval(
        (estimate.low, estimate.high),
        (mean - 1.96 * error, mean + 1.96 * error),
    );

    let narrower = Bootstrap {
        confidence: 0.5,
        ..bootstrap
    };
    let estimate = narrower
        .intervals(&[independent(floats(&reference["values"]))])
        .unwrap()[0];
    assert_same_interval(
        (estimate.low, estimate.high),
        (mean - 0.6745 * error, mean + 0.6745 * error),
    );
}

#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    // 80 clusters of 1 to 4 observations that share most of their noise; the true mean is 0.5.
    let bootstrap = Bootstrap {
        replicates: 400,
        ..Bootstrap::default()
    };
    let coverage = |cluster_of: fn(usize, usize) -> usize| {
        let mut generator = ChaCha8Rng::seed_from_u64(11);
        let covered = (0..400).filter(|simulation| {
            let (mut clusters, mut values) = (Vec::new(), Vec::new());
            for cluster in 0..80 {
                let shared = normal(&mut generator);
                for _ in 0..=cluster % 4 {
                    clusters.push(cluster_of(cluster, values.len()));
                    values.push(0.5 + shared + 0.5 * normal(&mut generator));
                }
            }
            let stratum = Stratum {
                clusters,
                ..independent(values)
            };
            let settings = Bootstrap {
                seed: *simulation,
                ..bootstrap
            };
            let estimate = settings.intervals(&[stratum]).unwrap()[0];
            estimate.low <= 0.5 && 0.5 <= estimate.high
        });
        covered.count() as f64 / 400.0
    };
    let clustered = coverage(|cluster, _| cluster);
    assert!((0.91..=0.99).contains(&clustered), "{clustered}");
    // Taking every observation for independent promises too much: what clusters are for.
    let naive = coverage(|_, observation| observation);
    assert!(naive < 0.88, "{naive}");
}

#[test]
fn p_values_of_true_null_hypotheses_are_about_uniform() {
    let mut generator = ChaCha8Rng::seed_from_u64(3);
    let mut p_values: Vec<f64> = (0..400)
        .map(|seed| {
            let baseline = independent((0..60).map(|_| normal(&mut generator)).collect());
            let treatment = independent((0..60).map(|_| normal(&mut generator)).collect());
            let bootstrap = Bootstrap {
                replicates: 400,
                seed,
                ..Bootstrap::default()
            };
            bootstrap.paired(&[treatment], &[baseline]).unwrap()[0].p_value
        })
        .collect();
    p_values.sort_by(f64::total_cmp);
    // Kolmogorov's distance; 0.081 is its 1 % point at 400.
    let distances = p_values
        .iter()
        .enumerate()
        .map(|(below, p)| (p - (below as f64 + 0.5) / 400.0).abs());
    let distance = distances.fold(0.0, f64::max);
    assert!(distance < 0.081, "{distance}");
}

#[test]
fn repeating_every_observation_within_its_cluster_changes_nothing() {
    let once = strata_of(&reference()["clustered"], "baseline");
    let twice: Vec<Stratum> = once
        .iter()
        .map(|stratum| Stratum {
            clusters: [stratum.clusters.clone(), stratum.clusters.clone()].concat(),
            values: ndarray::concatenate![ndarray::Axis(0), stratum.values, stratum.values],
        })
        .collect();
    let bootstrap = Bootstrap::default();
    let (once, twice) = (
        bootstrap.intervals(&once).unwrap(),
        bootstrap.intervals(&twice).unwrap(),
    );
    for (once, twice) in once.iter().zip(&twice) {
        assert_eq!(twice.n, 2 * once.n);
        for (a, b) in [
            (once.value, twice.value),
            (once.low, twice.low),
            (once.high, twice.high),
        ] {
            assert!((a - b).abs() < 1e-12, "{once:?} {twice:?}");
        }
    }
}

#[test]
fn labels_are_only_labels() {
    let strata = strata_of(&reference()["clustered"], "baseline");
    let relabelled: Vec<Stratum> = strata
        .iter()
        .cloned()
        .map(|mut stratum| {
            stratum
                .clusters
                .iter_mut()
                .for_each(|label| *label = usize::MAX - 1000 + 3 * *label);
            stratum
        })
        .collect();
    let bootstrap = Bootstrap::default();
    assert_eq!(
        bootstrap.intervals(&strata).unwrap(),
        bootstrap.intervals(&relabelled).unwrap()
    );
}

#[test]
fn the_same_for_any_number_of_threads_and_different_for_another_seed() {
    let strata = strata_of(&reference()["clustered"], "baseline");
    let baseline: Vec<Stratum> = strata_of(&reference()["clustered"], "treatment");
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let bootstrap = Bootstrap::default();
        pool.install(|| {
            (
                bootstrap.intervals(&strata).unwrap(),
                bootstrap.paired(&strata, &baseline).unwrap(),
            )
        })
    };
    assert_eq!(on(1), on(2));
    let other = Bootstrap {
        seed: 1,
        ..Bootstrap::default()
    };
    assert_ne!(on(1).0, other.intervals(&strata).unwrap());
}

#[test]
fn strata_count_alike_however_many_observations_they_hold() {
    let large = independent(vec![1.0; 30]);
    let small = Stratum {
        clusters: vec![77],
        values: array![[0.0]],
    };
    let estimate = Bootstrap::default().intervals(&[large, small]).unwrap()[0];
    assert_eq!((estimate.value, estimate.n), (0.5, 31));
    // In about a third of the replicates cluster 77 is not drawn: the mean is then the other's.
    assert_eq!((estimate.low, estimate.high), (0.5, 1.0));
}

#[test]
fn paired_tests_know_a_difference_from_none() {
    let mut generator = ChaCha8Rng::seed_from_u64(8);
    let baseline = independent((0..200).map(|_| normal(&mut generator)).collect());
    let shifted = |by: f64| Stratum {
        values: &baseline.values + by,
        ..baseline.clone()
    };
    let test = |treatment| {
        Bootstrap::default()
            .paired(&[treatment], std::slice::from_ref(&baseline))
            .unwrap()[0]
    };

    let same = test(shifted(0.0));
    assert_eq!(
        (same.difference, same.low, same.high, same.p_value),
        (0.0, 0.0, 0.0, 1.0)
    );
    // Far smaller than the noise, but the same for every query: that is what pairing is for.
    for shift in [0.01, -0.01] {
        let test = test(shifted(shift));
        assert!((test.difference - shift).abs() < 1e-12);
        assert_eq!(test.p_value, 2.0 / 1001.0);
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let default = Bootstrap::default();
    for (settings, field) in [
        (
            Bootstrap {
                replicates: 0,
                ..default
            },
            "bootstrap.replicates",
        ),
        (
            Bootstrap {
                replicates: usize::MAX,
                ..default
            },
            "bootstrap.replicates",
        ),
        (
            Bootstrap {
                confidence: 1.0,
                ..default
            },
            "bootstrap.confidence",
        ),
        (
            Bootstrap {
                confidence: 0.0,
                ..default
            },
            "bootstrap.confidence",
        ),
        (
            Bootstrap {
                confidence: f64::NAN,
                ..default
            },
            "bootstrap.confidence",
        ),
    ] {
        let message = settings
            .intervals(&[independent(vec![1.0])])
            .unwrap_err()
            .to_string();
        assert!(message.contains(field), "{message}");
    }
    assert!(serde_json::from_str::<Bootstrap>(r#"{"replicate": 10}"#).is_err());
    let read: Bootstrap = serde_json::from_str(r#"{"replicates": 10}"#).unwrap();
    assert_eq!(
        read,
        Bootstrap {
            replicates: 10,
            ..default
        }
    );
}

#[test]
fn bad_strata_are_refused_with_their_place() {
    let refused = |strata: &[Stratum]| Bootstrap::default().intervals(strata).unwrap_err();
    assert!(matches!(refused(&[]), Error::NoStrata));

    let good = independent(vec![0.5, 0.7]);
    let empty = independent(vec![]);
    let no_columns = Stratum {
        clusters: vec![0, 1],
        values: Array2::zeros((2, 0)),
    };
    let short = Stratum {
        clusters: vec![0],
        ..good.clone()
    };
    let wide = Stratum {
        clusters: vec![0],
        values: array![[1.0, 2.0]],
    };
    let nan = independent(vec![0.5, f64::NAN]);
    for (bad, words) in [
        (empty, "is empty"),
        (no_columns, "is empty"),
        (short, "1 clusters for 2 rows"),
        (wide, "2 columns, but the first has 1"),
        (nan, "NaN in row 1, column 0"),
    ] {
        let message = refused(&[good.clone(), bad]).to_string();
        assert!(
            message.starts_with("stratum 1 ") && message.contains(words),
            "{message}"
        );
    }
}

#[test]
fn sides_that_cannot_be_paired_are_refused_with_the_difference() {
    let baseline = independent(vec![0.5, 0.7]);
    let paired = |treatment: &[Stratum]| {
        Bootstrap::default()
            .paired(treatment, std::slice::from_ref(&baseline))
            .unwrap_err()
            .to_string()
    };
    let swapped = Stratum {
        clusters: vec![0, 4],
        ..baseline.clone()
    };
    let longer = independent(vec![0.5, 0.7, 0.9]);
    let short = Stratum {
        clusters: vec![0],
        ..baseline.clone()
    };
    assert!(paired(&[]).contains("0 strata against 1"));
    assert!(
        paired(&[swapped]).contains("stratum 0, row 1 (counted from 0) is of cluster 4 against 1")
    );
    assert!(paired(&[longer]).contains("3 rows × 1 columns against 2 × 1"));
    assert!(paired(&[short]).contains("1 clusters against 2"));
}
