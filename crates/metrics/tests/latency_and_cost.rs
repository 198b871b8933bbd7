//! Durations and dollars: known values, extremes, bad input.

use std::time::Duration;

use oats_metrics::{Error, Latencies, Price, Stage, Stopwatch, Usage};

#[track_caller]
fn assert_close(duration: Duration, expected: Duration) {
    assert!(
        duration.abs_diff(expected) <= expected / 1000,
        "{duration:?}, expected {expected:?}"
    );
}

fn recorded(micros: impl IntoIterator<Item = u64>) -> Latencies {
    let mut latencies = Latencies::default();
    micros
        .into_iter()
        .for_each(|us| latencies.record(Duration::from_micros(us)));
    latencies
}

#[test]
fn percentiles_of_known_durations() {
    let summary = recorded((1..=1000).rev()).summary().unwrap();
    assert_eq!(summary.count, 1000);
    assert_close(summary.p50, Duration::from_micros(500));
    assert_close(summary.p95, Duration::from_micros(950));
    assert_close(summary.p99, Duration::from_micros(990));
    assert_close(summary.max, Duration::from_micros(1000));
    assert_close(summary.mean, Duration::from_nanos(500_500));
}

#[test]
fn merging_is_recording_both() {
    let mut merged = recorded(1..=300);
    merged.merge(&recorded(301..=900));
    merged.merge(&Latencies::default());
    assert_eq!(merged.summary(), recorded(1..=900).summary());
}

#[test]
fn extremes_are_recorded_and_an_empty_histogram_has_no_summary() {
    assert_eq!(Latencies::default().summary(), None);
    let mut latencies = Latencies::default();
    latencies.record(Duration::ZERO);
    latencies.record(Duration::from_nanos(7));
    latencies.record(Duration::MAX);
    let summary = latencies.summary().unwrap();
    assert_eq!((summary.count, summary.p50), (3, Duration::from_nanos(7)));
    assert_close(summary.max, Duration::from_nanos(u64::MAX / 2));
}

const PRICE: Price = Price {
    input: 3.0,
    cached_input: 0.3,
    output: 15.0,
};

#[test]
fn each_kind_of_token_has_its_price() {
    let million = 1_000_000;
    for (usage, dollars) in [
        (Usage::default(), 0.0),
        (
            Usage {
                input: million,
                ..Usage::default()
            },
            3.0,
        ),
        (
            Usage {
                input: million,
                cached_input: million,
                output: 0,
            },
            0.3,
        ),
        (
            Usage {
                output: million,
                ..Usage::default()
            },
            15.0,
        ),
        (
            Usage {
                input: 2_000,
                cached_input: 500,
                output: 100,
            },
            0.0045 + 0.00015 + 0.0015,
        ),
    ] {
        assert!(
            (PRICE.dollars(&usage).unwrap() - dollars).abs() < 1e-12,
            "{usage:?}"
        );
    }
    let total = Usage {
        input: 2_000,
        cached_input: 500,
        output: 100,
    };
    let dollars = PRICE.dollars_per_million_requests(&total, 4).unwrap();
    assert!((dollars - 0.00615 / 4.0 * 1e6).abs() < 1e-9, "{dollars}");
}

#[test]
fn bad_prices_and_usages_are_refused() {
    for (price, field) in [
        (
            Price {
                input: -1.0,
                ..PRICE
            },
            "price.input",
        ),
        (
            Price {
                cached_input: f64::NAN,
                ..PRICE
            },
            "price.cached_input",
        ),
        (
            Price {
                output: f64::INFINITY,
                ..PRICE
            },
            "price.output",
        ),
    ] {
        assert!(price.check().unwrap_err().to_string().contains(field));
        assert!(price.dollars(&Usage::default()).is_err());
    }
    let usage = Usage {
        input: 10,
        cached_input: 11,
        output: 0,
    };
    let error = PRICE.dollars(&usage).unwrap_err();
    assert!(
        matches!(
            error,
            Error::CachedExceedsInput {
                cached_input: 11,
                input: 10
            }
        ),
        "{error}"
    );
    let error = PRICE
        .dollars_per_million_requests(&Usage::default(), 0)
        .unwrap_err();
    assert!(matches!(error, Error::NoRequests), "{error}");
}

#[test]
fn the_laps_of_a_stopwatch_add_up() {
    let started = std::time::Instant::now();
    let mut watch = Stopwatch::started();
    for stage in [Stage::Embed, Stage::Score, Stage::Embed] {
        std::thread::sleep(Duration::from_millis(2));
        watch.lap(stage);
    }
    let most = started.elapsed();
    let [embed, score] = [Stage::Embed, Stage::Score].map(|stage| watch.of(stage).unwrap());
    assert!(embed >= Duration::from_millis(4) && score >= Duration::from_millis(2));
    assert_eq!(watch.total(), embed + score);
    assert!(watch.total() <= most);
    assert_eq!(watch.of(Stage::Rerank), None);

    let before = watch.total();
    std::thread::sleep(Duration::from_millis(2));
    watch.part(Stage::Score, Stage::Tokenise, Duration::from_micros(5));
    assert_eq!(watch.total(), before);
    assert_eq!(watch.of(Stage::Tokenise), Some(Duration::from_micros(5)));
    assert_eq!(
        watch.of(Stage::Score),
        Some(score - Duration::from_micros(5))
    );
    watch.lap(Stage::Rerank);
    assert!(watch.of(Stage::Rerank).unwrap() < Duration::from_millis(2));
    watch.part(Stage::Score, Stage::Tokenise, Duration::from_secs(5));
    assert_eq!(watch.of(Stage::Score), Some(Duration::ZERO));

    let mut stopped = Stopwatch::stopped();
    assert!(!stopped.is_running() && watch.is_running());
    stopped.lap(Stage::Embed);
    stopped.part(Stage::Embed, Stage::Tokenise, Duration::ZERO);
    assert_eq!(stopped.of(Stage::Embed), None);
}
