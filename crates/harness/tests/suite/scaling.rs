//! Experiments that show how time and memory grow.

use oats_harness::{
    Scaling, Study, Written, growths,
    rows::{Number, ScalingRow, read_rows},
    run_scaling, scaling_report,
};

use crate::laboratory::{Laboratory, Notes};

const TOML: &str = r#"
    kind = "scaling"
    name = "trial"
    question = "?"
    dimension = 16
    seconds = 0.01

    [scan]
    tools = [20, 200, 2000]

    [logged]
    tools = 50
    outcomes = [40, 400]
    added = 10

    [labelled]
    tools = 30
    outcomes = [20, 60]
    added = 5

    [quick]
    tools = 200
    outcomes = 50
"#;

fn scaling(toml: &str) -> Scaling {
    match Study::parse(toml, "trial.toml").unwrap() {
        Study::Scaling(study) => *study,
        other => panic!("it says `kind`: {other:?}"),
    }
}

fn run(study: &Scaling) -> Written<ScalingRow> {
    let laboratory = Laboratory::new();
    let made = run_scaling(study, &laboratory.options(), &Notes::default()).unwrap();
    let written: Vec<ScalingRow> = read_rows(&made.folder.join("scaling.csv")).unwrap();
    assert_eq!(written, made.rows);
    made
}

fn sizes(rows: &[ScalingRow], operation: &str) -> Vec<(String, String)> {
    let mut sizes: Vec<_> = rows
        .iter()
        .filter(|row| row.operation == operation && row.quantity == "median-ms")
        .map(|row| (row.tools.clone(), row.outcomes.clone()))
        .collect();
    sizes.dedup();
    sizes.sort_by_key(|(tools, outcomes)| (tools.len(), outcomes.len()));
    sizes.dedup();
    sizes
}

#[test]
fn every_operation_is_measured_at_every_size() {
    let made = run(&scaling(TOML));
    for operation in ["read", "scan-f32", "scan-int8", "scan-screened"] {
        let scanned = ["20", "200", "2000"].map(|tools| (tools.into(), "none".into()));
        assert_eq!(sizes(&made.rows, operation), scanned);
    }
    for operation in ["s1-logged", "s1-logged-more"] {
        let refined = ["40", "400"].map(|outcomes| ("50".into(), outcomes.into()));
        assert_eq!(sizes(&made.rows, operation), refined);
    }
    for operation in ["s1-labelled", "s1-labelled-more"] {
        let refined = ["20", "60"].map(|outcomes| ("30".into(), outcomes.into()));
        assert_eq!(sizes(&made.rows, operation), refined);
    }
    assert!(made.rows.iter().all(|row| row.n >= 1));
}

#[test]
fn a_quick_run_keeps_what_is_small() {
    let mut study = scaling(TOML);
    study.quicken();
    assert_eq!(study.scan.tools, [20, 200]);
    assert_eq!(study.logged.outcomes, [40]);
    assert_eq!(study.labelled.outcomes, [20]);
}

fn row(operation: &str, tools: &str, outcomes: &str, quantity: &str, value: f64) -> ScalingRow {
    ScalingRow {
        experiment: "trial".into(),
        operation: operation.into(),
        tools: tools.into(),
        outcomes: outcomes.into(),
        threads: "2".into(),
        quantity: quantity.into(),
        value: Number::new(value),
        n: 7,
    }
}

/// Times that follow known power laws.
fn made_by_hand() -> Vec<ScalingRow> {
    let mut rows = Vec::new();
    for (tools, size) in [("100", 100.0), ("1000", 1000.0), ("10000", 10_000.0)] {
        for (operation, time, rate) in [
            ("read", 0.01 * size, 20.0),
            ("scan-f32", 0.02 * size, 15.0),
            ("scan-int8", 0.005 * size, 9.0),
        ] {
            rows.push(row(operation, tools, "none", "median-ms", time));
            rows.push(row(operation, tools, "none", "gb-per-second", rate));
        }
        let quadratic = 1e-4 * size * size;
        rows.push(row("s1-logged", "50", tools, "median-ms", quadratic));
        rows.push(row("s1-logged-more", "50", tools, "median-ms", 3.0));
    }
    rows.push(row("s1-logged", "50", "10000", "peak-mib", 1234.0));
    rows
}

#[test]
fn exponents_are_those_of_the_power_laws() {
    for growth in growths(&made_by_hand()) {
        let (exponent, r2) = growth.exponent.unwrap();
        let expected = match growth.operation.as_str() {
            "s1-logged" => 2.0,
            "s1-logged-more" => 0.0,
            _ => 1.0,
        };
        assert!((exponent - expected).abs() < 1e-9, "{growth:?}");
        assert!((r2 - 1.0).abs() < 1e-9);
        let along = if growth.operation.starts_with("s1") {
            "outcomes"
        } else {
            "tools"
        };
        assert_eq!(growth.along, along);
        assert_eq!(growth.points.len(), 3);
    }
}

#[test]
fn the_report_holds_the_aims_against_the_largest_scan() {
    let report = scaling_report(&scaling(TOML), &made_by_hand(), Some("scaling.png"));
    for part in [
        "70 % of the memory's bandwidth (aim)**: yes. At 10,000 tools of 16 components, on 2 threads: 15.0 GB/s, \
         75 % of the 20.0 GB/s",
        "**A scan of bytes is at least 3 times as fast (aim)**: yes. There: 50.0 ms against 200 ms, 4.00 times.",
        "from 10,000 outcomes of 50 tools it takes 10.0 s and at most 1,234 MiB beyond its input",
        "taking them up takes 3.00 ms",
        "s1-logged on 2 threads: 2.00 (R² 1.000)",
        "![trial](scaling.png)",
        "| 10,000 | 10000 | – | – | 1,234 | 7 |",
    ] {
        assert!(report.contains(part), "`{part}` is not in {report}");
    }
    let mut slow = made_by_hand();
    for row in slow.iter_mut().filter(|row| row.operation == "scan-f32") {
        row.value = match row.quantity.as_str() {
            "gb-per-second" => Number::new(13.9),
            _ => Number::new(149.0),
        };
    }
    let report = scaling_report(&scaling(TOML), &slow, None);
    assert_eq!(report.matches("(aim)**: no.").count(), 2, "{report}");
}

#[test]
fn bad_files_are_refused() {
    for (from, to, told) in [
        ("dimension = 16", "dimension = 0", "dimension"),
        ("seconds = 0.01", "seconds = -1.0", "seconds"),
        ("[20, 200, 2000]", "[20, 0]", "scan: tools"),
        ("[40, 400]", "[]", "logged: outcomes"),
        ("added = 5", "added = 0", "labelled"),
        ("tools = 50", "tools = 1", "logged"),
    ] {
        let error = Study::parse(&TOML.replacen(from, to, 1), "trial.toml").unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
