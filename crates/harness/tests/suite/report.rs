//! Reports: what they say of rows made by hand.

use oats_harness::{
    Experiment, report,
    rows::{MetricRow, Number, TestRow},
};

const TOML: &str = r#"
    name = "made-up"
    question = "Who is better?"
    metrics = ["ndcg@5", "recall@1"]
    baselines = ["dense"]
    routers = ["dense", "oats-s1", "bm25"]

    [[grid]]
    datasets = ["metatool"]
    embedders = ["minilm"]
    splits = ["instance", "query"]
    pools = ["candidates", "catalogue"]
    seeds = [0, 1]
"#;

const GAP: &str = r#"
    [[report]]
    kind = "gap"
    along = "split"
    from = "query"
    to = "instance"
    against = "dense"
"#;

fn experiment(sections: &str) -> Experiment {
    Experiment::parse(&format!("{TOML}\n{sections}"), "made-up.toml").unwrap()
}

fn number(value: f64) -> Number {
    Number::new(value)
}

/// NDCG@5 of a router with an interval of ±0.01; BM25 reads no embeddings.
fn metric(router: &str, split: &str, pool: &str, value: f64) -> MetricRow {
    MetricRow {
        experiment: "made-up".into(),
        dataset: "metatool".into(),
        split: split.into(),
        outcomes: "all".into(),
        pool: pool.into(),
        subset: "all".into(),
        embedder: if router == "bm25" { "none" } else { "minilm" }.into(),
        router: router.into(),
        seed: "mean-of-2".into(),
        metric: "ndcg@5".into(),
        value: number(value),
        ci_low: number(value - 0.01),
        ci_high: number(value + 0.01),
        n: 100,
    }
}

/// A router against `dense`, with an interval of ±0.01.
fn test(router: &str, split: &str, pool: &str, difference: f64) -> TestRow {
    TestRow {
        experiment: "made-up".into(),
        dataset: "metatool".into(),
        split: split.into(),
        outcomes: "all".into(),
        pool: pool.into(),
        subset: "all".into(),
        embedder: "minilm".into(),
        router: router.into(),
        baseline: "dense".into(),
        seed: "mean-of-2".into(),
        metric: "ndcg@5".into(),
        difference: number(difference),
        ci_low: number(difference - 0.01),
        ci_high: number(difference + 0.01),
        p_value: number(0.5),
        n: 100,
    }
}

#[test]
fn a_claim_is_judged_by_the_intervals_of_the_comparisons_it_names() {
    let claim = |better: &str, than: &str| {
        experiment(&format!(
            "[[report]]\nkind = \"claim\"\nof = \"somebody\"\nsays = \"It is better\"\n\
             better = \"{better}\"\nthan = \"{than}\"\nonly = {{ split = [\"query\"] }}"
        ))
    };
    let tests = [
        test("oats-s1", "instance", "candidates", -0.5),
        test("oats-s1", "query", "candidates", 0.08),
        test("oats-s1", "query", "catalogue", 0.009),
        test("bm25", "query", "candidates", -0.2),
    ];
    let text = report(&claim("oats-s1", "dense"), &[], &tests, None);
    assert!(
        text.contains(
            "**It is better** (somebody): yes in 1, no difference in 1 of 2 comparisons."
        ),
        "{text}"
    );
    assert!(
        text.contains("Yes: metatool, query split, candidates +0.080 [+0.070, +0.090]."),
        "{text}"
    );
    assert!(
        !text.contains("0.5"),
        "the claim is about the query split: {text}"
    );

    // The claim may name the baseline first; differences then change sides.
    let text = report(&claim("dense", "oats-s1"), &[], &tests, None);
    assert!(
        text.contains(
            "The other way round: metatool, query split, candidates -0.080 [-0.090, -0.070]."
        ),
        "{text}"
    );
    let text = report(&claim("dense", "bm25"), &[], &tests, None);
    assert!(text.contains("yes, in the one comparison."), "{text}");
    let text = report(&claim("dense", "bm25"), &[], &tests[..3], None);
    assert!(text.contains("not measured"), "{text}");
}

#[test]
fn a_claim_names_whatever_tells_its_comparisons_apart() {
    let claim = experiment(
        "[[report]]\nkind = \"claim\"\nof = \"somebody\"\nsays = \"It is better\"\n\
         better = \"oats-s1\"\nthan = \"dense\"\nonly = { subset = [\"g2\", \"g3\"] }",
    );
    let tests = ["g2", "g3"].map(|subset| TestRow {
        subset: subset.into(),
        ..test("oats-s1", "query", "candidates", 0.08)
    });
    let text = report(&claim, &[], &tests, None);
    for subset in ["g2", "g3"] {
        assert!(
            text.contains(&format!(
                "metatool, query split, candidates, subset {subset} +0.080"
            )),
            "{text}"
        );
    }
}

#[test]
fn values_stand_in_the_experiments_order_with_the_best_of_each_column_marked() {
    let experiment = experiment(
        "[[report]]\nkind = \"values\"\ntitle = \"All\"\nacross = [\"split\"]\n\
         only = { pool = [\"catalogue\"] }",
    );
    let mut fewer = metric("oats-s1", "query", "catalogue", 0.1);
    fewer.seed = "mean-of-1".into();
    let mut single = metric("oats-s1", "query", "catalogue", 0.2);
    single.seed = "0".into();
    let mut of_a_subset = metric("oats-s1", "query", "catalogue", 0.3);
    of_a_subset.subset = "scenarios".into();
    let rows = [
        metric("bm25", "query", "catalogue", 0.5),
        metric("oats-s1", "query", "catalogue", 0.75),
        metric("oats-s1", "query", "candidates", 0.9),
        metric("dense", "instance", "catalogue", 0.625),
        metric("dense", "query", "catalogue", 0.6),
        fewer,
        single,
        of_a_subset,
    ];
    let text = report(&experiment, &rows, &[], None);
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(
        table,
        [
            "| router | instance split | query split |",
            "| --- | --- | --- |",
            "| dense | **0.625** [0.615, 0.635] | 0.600 [0.590, 0.610] |",
            "| oats-s1 | – | **0.750** [0.740, 0.760] |",
            "| bm25 | – | 0.500 [0.490, 0.510] |",
        ]
    );
    assert!(
        text.contains("## All\n\n### metatool, catalogue (2 seeds)\n"),
        "{text}"
    );
}

#[test]
fn one_table_over_all_datasets_has_no_heading_of_its_own() {
    let across = experiment(
        "[[report]]\nkind = \"values\"\ntitle = \"All\"\nacross = [\"dataset\", \"split\", \"pool\"]",
    );
    let rows = [metric("dense", "query", "catalogue", 0.5)];
    let text = report(&across, &rows, &[], None);
    assert!(
        text.contains(
            "## All\n\nMeans over 2 seeds.\n\n| router | metatool, query split, catalogue |\n"
        ),
        "{text}"
    );
}

#[test]
fn a_router_with_fewer_seeds_than_others_says_so() {
    let experiment = experiment("[[report]]\nkind = \"values\"\nacross = [\"split\"]");
    let mut rows = [
        metric("dense", "query", "candidates", 0.6),
        metric("oats-s1", "query", "candidates", 0.7),
    ];
    rows[1].seed = "mean-of-1".into();
    let text = report(&experiment, &rows, &[], None);
    assert!(
        text.contains("| oats-s1 (1 seed) | **0.700** [0.690, 0.710] |"),
        "{text}"
    );
    assert!(text.contains("| dense | 0.600 [0.590, 0.610] |"), "{text}");

    // Of a router that has fewer in some places only, the cells say so.
    let whole = metric("oats-s1", "instance", "candidates", 0.8);
    let text = report(&experiment, &[&rows[..], &[whole]].concat(), &[], None);
    assert!(
        text.contains("| oats-s1 | **0.800** [0.790, 0.810] | **0.700** [0.690, 0.710] (1 seed) |"),
        "{text}"
    );
}

#[test]
fn places_are_parted_by_sign() {
    let experiment = experiment(
        "[[report]]\nkind = \"where\"\nagainst = \"dense\"\nalong = \"pool\"\n\
         only = { split = [\"query\"] }",
    );
    let tests = [
        test("oats-s1", "query", "candidates", 0.08),
        test("oats-s1", "query", "catalogue", -0.08),
        test("bm25", "query", "candidates", 0.0),
    ];
    let text = report(&experiment, &[], &tests, None);
    assert!(
        text.contains("| oats-s1 | candidates | – | catalogue |"),
        "{text}"
    );
    assert!(text.contains("| bm25 | – | candidates | – |"), "{text}");
}

#[test]
fn a_gap_is_held_against_the_baselines() {
    let experiment = experiment(GAP);
    let mut rows = Vec::new();
    let mut tests = Vec::new();
    for (router, query, instance) in [
        ("dense", 0.5, 0.51),
        ("oats-s1", 0.6, 0.7),
        ("bm25", 0.5, 0.5),
    ] {
        rows.push(metric(router, "query", "candidates", query));
        rows.push(metric(router, "instance", "candidates", instance));
        if router != "dense" {
            tests.push(test(router, "query", "candidates", query - 0.5));
            tests.push(test(router, "instance", "candidates", instance - 0.51));
        }
    }
    let text = report(&experiment, &rows, &tests, None);
    // Half widths of 0.01 on both sides: 0.0141.
    assert!(
        text.contains(
            "| oats-s1 | 0.600 | 0.700 | +0.100 [+0.086, +0.114] | +0.090 [+0.076, +0.104] |"
        ),
        "{text}"
    );
    assert!(
        text.contains("Gain more than dense does: oats-s1."),
        "{text}"
    );
    assert!(
        text.contains("No gain other than dense's was found: bm25."),
        "{text}"
    );
}

#[test]
fn a_gap_names_the_baselines_embedder_where_it_has_several() {
    let experiment = experiment(GAP);
    let rows = ["query", "instance"].map(|split| metric("bm25", split, "candidates", 0.5));
    let mut tests = Vec::new();
    for (embedder, query, instance) in [("minilm", -0.1, -0.2), ("static", 0.1, 0.1)] {
        for (split, difference) in [("query", query), ("instance", instance)] {
            let mut row = test("bm25", split, "candidates", difference);
            row.embedder = embedder.into();
            tests.push(row);
        }
    }
    let text = report(&experiment, &rows, &tests, None);
    for line in [
        "No gain other than dense's was found: bm25 (beyond dense with static).",
        "Gain less than dense does: bm25 (beyond dense with minilm).",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn sections_that_cannot_be_written_are_refused() {
    for (section, problem) in [
        (
            "kind = \"claim\"\nof = \"x\"\nsays = \"y\"\nbetter = \"oats-s9\"\nthan = \"dense\"",
            "report: better: `oats-s9` is no router of the experiment's",
        ),
        (
            "kind = \"values\"\nacross = [\"colour\"]",
            "report: across: there is no column `colour`",
        ),
        (
            "kind = \"values\"\nacross = [\"pool\"]\nonly = { colour = [\"red\"] }",
            "report: only: there is no column `colour`",
        ),
        (
            "kind = \"values\"\nacross = [\"pool\"]\nonly = { split = [\"query\", \"qeury\"] }",
            "report: only: split: `qeury` is no split of the experiment's; there are: instance, query",
        ),
        (
            "kind = \"gap\"\nagainst = \"dense\"\nalong = \"split\"\nfrom = \"query\"\nto = \"tool\"",
            "report: to: `tool` is no split of the experiment's",
        ),
        (
            "kind = \"differences\"\nagainst = \"bm25\"\nacross = [\"pool\"]",
            "report: against: not every router is tested against `bm25`",
        ),
        ("kind = \"poem\"", "unknown variant `poem`"),
    ] {
        let text = format!("{TOML}\n[[report]]\n{section}");
        let error = Experiment::parse(&text, "made-up.toml").unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}
