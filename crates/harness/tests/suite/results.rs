//! Result files: what is written is read again, what is damaged is refused with its line.

use std::fs;

use oats_harness::{
    Error,
    rows::{MetricRow, Number, Row, TestRow, merge_rows, read_rows, write_rows},
    write_whole,
};
use proptest::prelude::*;

use crate::laboratory::{Laboratory, listing};

pub(crate) fn metric_row(dataset: &str, seed: &str, value: f64) -> MetricRow {
    MetricRow {
        experiment: "t".into(),
        dataset: dataset.into(),
        split: "query".into(),
        outcomes: "all".into(),
        pool: "catalogue".into(),
        subset: "all".into(),
        embedder: "static".into(),
        router: "dense".into(),
        seed: seed.into(),
        metric: "ndcg@5".into(),
        value: Number::new(value),
        ci_low: Number::new(value - 0.01),
        ci_high: Number::new(value + 0.01),
        n: 100,
    }
}

#[test]
fn numbers_have_six_decimals_and_zero_has_no_sign() {
    let laboratory = Laboratory::new();
    let file = laboratory.path("metrics.csv");
    let mut row = metric_row("set", "0", 0.123_456_789);
    row.ci_low = Number::new(-0.000_000_4);
    row.ci_high = Number::new(-0.0);
    write_rows(&file, &[row.clone()]).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.ends_with(",0.123457,0.000000,0.000000,100\n"),
        "{text}"
    );
    assert_eq!(read_rows::<MetricRow>(&file).unwrap(), [row]);
}

#[test]
fn what_is_not_finite_is_not_written() {
    let laboratory = Laboratory::new();
    let file = laboratory.path("metrics.csv");
    write_rows(&file, &[metric_row("set", "0", 0.5)]).unwrap();
    let before = fs::read(&file).unwrap();
    for value in [f64::NAN, f64::INFINITY] {
        let error = write_rows(&file, &[metric_row("set", "0", value)]).unwrap_err();
        assert!(error.to_string().contains("finite"), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(
        listing(file.parent().unwrap()),
        ["metrics.csv"],
        "no leftovers"
    );
}

#[test]
fn a_file_that_does_not_exist_has_no_rows() {
    let laboratory = Laboratory::new();
    let none: Vec<TestRow> = read_rows(&laboratory.path("tests.csv")).unwrap();
    assert!(none.is_empty());
}

#[test]
fn damaged_files_are_refused_with_file_and_line() {
    let laboratory = Laboratory::new();
    let file = laboratory.path("metrics.csv");
    write_rows(
        &file,
        &["0", "1", "2"].map(|seed| metric_row("set", seed, 0.5)),
    )
    .unwrap();
    let good = fs::read_to_string(&file).unwrap();
    let third = good.lines().nth(2).unwrap();
    let cases: [(Vec<u8>, &[&str]); 10] = [
        (
            good.replace("ci_low", "low").into(),
            &["line 1", "low", "expected `experiment,"],
        ),
        (good.replacen("value,", "", 1).into(), &["line 1", "value"]),
        (Vec::new(), &["line 1"]),
        (
            good.replace(third, &third.replace("0.500000", "half"))
                .into(),
            &["line 3", "value"],
        ),
        (
            good.replace(third, &third.replace("0.500000", "NaN"))
                .into(),
            &["line 3", "finite"],
        ),
        (
            good.replace(third, &third.replace(",100", ",-1")).into(),
            &["line 3", "n: "],
        ),
        (
            good.replace(third, &third.replace(",100", "")).into(),
            &["line 3", "13 fields, expected 14"],
        ),
        (
            format!("{good}{third}\n").into(),
            &["line 5", "line 3", "t,set,query"],
        ),
        (good[..good.len() - 2].into(), &["line 4", "cut off"]),
        (
            [
                good.as_bytes(),
                b"t,s\xe9t",
                &third.as_bytes()["t,set".len()..],
            ]
            .concat(),
            &["line 5", "utf-8"],
        ),
    ];
    for (bytes, parts) in cases {
        fs::write(&file, &bytes).unwrap();
        let Err(error) = read_rows::<MetricRow>(&file) else {
            panic!("accepted: {}", String::from_utf8_lossy(&bytes));
        };
        assert!(matches!(error, Error::Results { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("metrics.csv"), "{message}");
        assert!(
            message.contains("cargo xtask reproduce"),
            "a remedy: {message}"
        );
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}

#[test]
fn merging_replaces_rows_of_the_same_labels_and_keeps_the_others() {
    let old = vec![metric_row("a", "0", 0.1), metric_row("b", "0", 0.2)];
    let new = [metric_row("b", "0", 0.3), metric_row("c", "0", 0.4)];
    let expected = [metric_row("a", "0", 0.1), new[0].clone(), new[1].clone()];
    assert_eq!(merge_rows(old, &new), expected);
    assert_eq!(merge_rows(expected.to_vec(), &new), expected);
}

#[test]
fn a_file_that_cannot_be_written_whole_stays_as_it_was() {
    let laboratory = Laboratory::new();
    let file = laboratory.path("folder/file.txt");
    write_whole(&file, |out| out.write_all(b"old")).unwrap();
    let error = write_whole(&file, |out| {
        out.write_all(b"new")?;
        Err(std::io::Error::other("the disk is full"))
    });
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("file.txt") && message.contains("full"),
        "{message}"
    );
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(
        listing(file.parent().unwrap()),
        ["file.txt"],
        "no leftovers"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Labels may hold whatever a folder's name may: commas, quotes, line ends.
    #[test]
    fn rows_survive_a_round_trip_in_any_order(
        labels in prop::collection::btree_set("\\PC{0,6}|[,\"\n\r]{1,3}", 1..6),
        value in -1e3..1e3f64,
    ) {
        let laboratory = Laboratory::new();
        let [file, again] = ["rows.csv", "again.csv"].map(|name| laboratory.path(name));
        let mut rows: Vec<MetricRow> = labels.iter().map(|label| metric_row(label, "0", value)).collect();
        rows.reverse();
        write_rows(&file, &rows).unwrap();
        let read: Vec<MetricRow> = read_rows(&file).unwrap();
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        prop_assert_eq!(&read, &rows);
        write_rows(&again, &read).unwrap();
        prop_assert_eq!(fs::read(&file).unwrap(), fs::read(&again).unwrap());
    }
}
