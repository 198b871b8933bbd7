//! The frontier, which joins its rows with those of other experiments.

use crate::common::Place;

/// A workspace with `main`, `cost` and a frontier of two routers.
fn workspace() -> Place {
    let place = Place::small_workspace();
    place.copy("experiments/cost.toml");
    place.write(
        "experiments/frontier.toml",
        r#"
kind = "frontier"
name = "frontier"
question = "?"
quality = "main"
costs = "cost"
metric = "ndcg@5"
split = "query"
datasets = ["builtin"]
embedders = { builtin = "static" }
queries = 10
routers = ["dense", "oats-s1"]

[llm]
milliseconds = [500, 2000]
source = "somebody"
"#,
    );
    place
}

#[test]
fn is_drawn_and_told_from_the_rows_of_three_experiments() {
    let place = workspace();
    place.succeed(&[
        "reproduce",
        "--datasets",
        "builtin",
        "--seeds",
        "1",
        "--bless",
    ]);
    let readme = place.read("results/frontier/README.md");
    for part in [
        "## builtin, query split, candidates",
        "| an LLM | not measured | cited: 500 to 2000 | – | – | counted: ",
        "gpt-4.1-nano",
        "![frontier](frontier.png)",
    ] {
        assert!(readme.contains(part), "`{part}` is not in {readme}");
    }
    assert!(!readme.contains("oats-s1 | not measured"), "{readme}");
    let figure = place.read("results/frontier/frontier.svg");
    for part in ["OATS-S1", "LLM, cited", "LLM, counted"] {
        assert!(figure.contains(part), "`{part}` is not in the figure");
    }

    // Alone it reads what is committed, and its timings are held against nothing.
    let told = place.succeed(&[
        "reproduce",
        "--datasets",
        "builtin",
        "--experiments",
        "frontier",
        "--out",
        "alone",
    ]);
    assert!(place.read("alone/frontier/README.md").contains("counted: "));
    assert!(!told.stdout.contains("nothing was run"), "{told}");
}

#[test]
fn misses_the_rows_that_it_is_to_be_joined_with() {
    let place = workspace();
    let told = place.run(&[
        "reproduce",
        "--datasets",
        "builtin",
        "--experiments",
        "frontier",
    ]);
    told.assert_refused(&[
        "frontier: there are no rows of `main`",
        "run that experiment first",
    ]);
}
