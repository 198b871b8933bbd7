//! What OATS-S1 does with one tool, from the TOML to the verdict.

use crate::common::{Place, Told};

const REPRODUCE: [&str; 4] = ["reproduce", "--experiments", "geometry", "--quick"];

#[test]
fn is_blessed_drawn_and_compared() {
    let place = Place::small_workspace();
    place.copy("experiments/geometry.toml");
    place.succeed(&[&REPRODUCE[..], &["--bless"]].concat());
    let readme = place.read("results/geometry/README.md");
    for part in [
        "**builtin, query split of seed 0, static: `",
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

/// In the legend and at the mark.
#[test]
fn a_test_query_that_is_in_training_is_drawn_as_such() {
    let place = Place::small_workspace();
    place.copy("experiments/geometry.toml");
    place.succeed(&[&REPRODUCE[..], &["--bless"]].concat());
    let named = || {
        let figure = place.read("results/geometry/geometry.svg");
        figure.matches("test query, also in training").count()
    };
    assert_eq!(named(), 1, "in the legend only");
    let rows = "results/geometry/points.csv";
    let is_flag = |line: &&str| line.contains(",test-query,") && line.contains(",in-training,");
    let unseen = place.read(rows);
    let flag = unseen.lines().find(is_flag).unwrap();
    let seen = flag.replace(",in-training,0", ",in-training,1");
    place.write(rows, unseen.replace(flag, &seen));
    let told = Told::of(&mut place.bare_command(&["figures", "geometry"]));
    assert_eq!(told.code, Some(0), "{told}");
    assert_eq!(named(), 2, "at the mark, too");
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
seed = 0
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
