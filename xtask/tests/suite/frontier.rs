//! Latency, and the frontier, which joins it with the rows of other experiments.

use crate::common::Place;

/// A workspace with `main`, `cost`, and latency and frontier of two routers.
pub(crate) fn workspace() -> Place {
    let place = Place::small_workspace();
    place.copy("experiments/cost.toml");
    place.write(
        "experiments/latency.toml",
        r#"
kind = "latency"
name = "latency"
question = "?"
split = "query"
datasets = ["builtin", "metatool"]
quick = ["builtin"]
embedders = ["static"]
queries = 10
routers = ["bm25", "dense", "oats-s1"]

[load]
routers = ["bm25", "oats-s1"]
callers = [1]
seconds = 0.02

[[limit]]
routers = ["dense"]
datasets = ["metatool"]
stage = "all"
microseconds = 1e9
"#,
    );
    place.write(
        "experiments/frontier.toml",
        r#"
kind = "frontier"
name = "frontier"
question = "?"
quality = "main"
latency = "latency"
costs = "cost"
metric = "ndcg@5"
split = "query"
embedders = { builtin = "static" }
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

    let readme = place.read("results/latency/README.md");
    assert!(
        readme.contains("| oats-s1 | static | 25,088 | "),
        "{readme}"
    );

    // Alone it reads what is committed, and is held against nothing.
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

#[test]
fn latency_measures_a_part_by_itself() {
    let place = workspace();
    let told = place.succeed(&[
        "latency",
        "--routers",
        "oats-s1",
        "--embedders",
        "static",
        "--queries",
        "5",
    ]);
    assert!(told.stdout.contains("oats-s1  static"), "{told}");
    let rows = place.read("target/latency/latency/latency.csv");
    assert!(!rows.contains("dense"), "{rows}");
    // Of a process of its own, which took more than nothing.
    let peak = rows.lines().find(|line| line.contains("peak-mib"));
    match cfg!(target_os = "linux") {
        true => {
            let peak: f64 = peak.unwrap().split(',').nth(9).unwrap().parse().unwrap();
            assert!((5.0..2000.0).contains(&peak), "{peak} MiB");
        }
        false => assert_eq!(peak, None),
    }
    for (arguments, parts) in [
        (["--routers", "oats-s9"], "there is no `oats-s9`"),
        (["--datasets", "toole"], "toole is not among those"),
        (["--embedders", "static,static"], "`static` stands twice"),
        (["--queries", "0"], "--queries"),
    ] {
        let told = place.run(&[&["latency"][..], &arguments].concat());
        told.assert_refused(&[parts]);
    }
}
