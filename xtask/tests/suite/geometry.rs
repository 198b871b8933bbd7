//! What OATS-S1 does with one tool, from the TOML to the verdict.

use crate::common::Place;

const REPRODUCE: [&str; 4] = ["reproduce", "--experiments", "geometry", "--quick"];

#[test]
fn is_blessed_drawn_and_compared() {
    let place = Place::small_workspace();
    place.copy("experiments/geometry.toml");
    place.succeed(&[&REPRODUCE[..], &["--bless"]].concat());
    let readme = place.read("results/geometry/README.md");
    for part in [
        "**builtin, query split, static: `",
        "![geometry](geometry.png)",
    ] {
        assert!(readme.contains(part), "`{part}` is not in {readme}");
    }
    let figure = place.read("results/geometry/geometry.svg");
    for part in ["original", "refined", "test query", "Q⁺"] {
        assert!(figure.contains(part), "`{part}` is not in the figure");
    }

    let told = place.succeed(&REPRODUCE);
    assert!(told.stdout.contains("geometry, points"), "{told}");
    let rows = "results/geometry/points.csv";
    let committed = place.read(rows);
    let changed = committed.replacen(",cosine-to-positives,0.", ",cosine-to-positives,-0.", 1);
    assert_ne!(changed, committed);
    place.write(rows, changed);
    let told = place.run(&REPRODUCE);
    assert_eq!(told.code, Some(1), "{told}");
    assert!(told.stdout.contains("cosine-to-positives"), "{told}");
    place.write(rows, committed.replacen("value", "number", 1));
    place
        .run(&REPRODUCE)
        .assert_refused(&["points.csv", "line 1"]);
}

#[test]
fn refuses_a_tool_that_is_not_there() {
    let place = Place::with_experiment(
        r#"
kind = "geometry"
name = "trial"
question = "?"

[[panel]]
dataset = "builtin"
tool = "forecast_weeks"
embedder = "static"
split = "query"
"#,
    );
    place.refuse(
        &["run", "trial.toml", "--out", "out"],
        &[
            "trial: panel: builtin has no tool `forecast_weeks`; there are: forecast_",
            " more",
        ],
    );
}
