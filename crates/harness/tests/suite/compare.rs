//! Two sides held against each other, by what each query scored and by means alone.

use std::fs;

use oats_harness::{
    CellScores, Error, Manifest, QueryScores, RunOptions, TOLERANCE, compare_means,
    compare_routers, compare_runs, leaderboard,
    rows::{ComparedRow, MetricRow, Number, read_rows, write_rows},
    run,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::{
    laboratory::{Laboratory, Notes, toml},
    results::metric_row,
};

/// A cell of `router` on one split, with (text, subsets, score) of each query.
fn cell(router: &str, seed: &str, queries: &[(&str, &[&str], f64)]) -> CellScores {
    let queries = queries.iter().enumerate();
    CellScores {
        dataset: "set".into(),
        split: "query".into(),
        outcomes: "all".into(),
        router: router.into(),
        embedder: "static".into(),
        seed: seed.into(),
        pool: "catalogue".into(),
        metrics: vec!["ndcg@5".into()],
        queries: queries
            .map(|(id, (text, subsets, score))| QueryScores {
                id: id.to_string(),
                text: (*text).into(),
                subsets: subsets.iter().map(|&name| name.into()).collect(),
                scores: vec![*score],
            })
            .collect(),
    }
}

const ALL: &[&str] = &["all", "not-in-training"];

fn of_subset<'a>(rows: &'a [ComparedRow], subset: &str) -> &'a ComparedRow {
    let mut found = rows.iter().filter(|row| row.subset == subset);
    let row = found.next().unwrap_or_else(|| panic!("no row of {subset}"));
    assert!(found.next().is_none(), "{subset} twice");
    row
}

#[test]
fn differences_are_paired_by_query_and_counted_by_text() {
    let hard: &[&str] = &["all", "hard", "not-in-training"];
    let cells = [
        cell(
            "new",
            "0",
            &[
                ("a", ALL, 1.0),
                ("b", hard, 0.5),
                ("c", hard, 0.0),
                ("A ", ALL, 1.0),
            ],
        ),
        cell(
            "old",
            "0",
            &[
                ("a", ALL, 0.5),
                ("b", hard, 0.5),
                ("c", hard, 1.0),
                ("A ", ALL, 0.0),
            ],
        ),
        cell("new", "1", &[("a", ALL, 0.25), ("d", hard, 1.0)]),
        cell("old", "1", &[("a", ALL, 0.25), ("d", hard, 0.5)]),
    ];
    let comparison = compare_routers(&cells, "new", "old").unwrap();
    let all = of_subset(&comparison.rows, "all");
    // Seed 0: (1 + 0.5 + 0 + 1) / 4 against (0.5 + 0.5 + 1 + 0) / 4; seed 1: 0.625 against 0.375.
    assert_eq!(all.value.get(), (0.625 + 0.625) / 2.0);
    assert_eq!(all.difference.get(), (0.125 + 0.25) / 2.0);
    // `a` (asked three times, in two spellings) and `d` are won, `b` is a tie, `c` is lost.
    assert_eq!([all.wins, all.ties, all.losses, all.n], [2, 1, 1, 6]);
    assert_eq!(
        [&all.seed, &all.paired, &all.metric],
        ["mean-of-2", "query", "ndcg@5"]
    );
    assert!(all.ci_low < all.difference && all.difference < all.ci_high);

    let hard = of_subset(&comparison.rows, "hard");
    assert_eq!(hard.difference.get(), ((0.0 - 1.0) / 2.0 + 0.5) / 2.0);
    // Whether queries stand in training tells nothing where none does.
    assert_eq!(comparison.rows.len(), 2, "{:?}", comparison.rows);

    // Tests over all queries and over parts of them are two families, here of one each.
    assert_eq!([all.p_holm, hard.p_holm], [all.p_value, hard.p_value]);

    let mut changed = comparison.changed;
    changed.sort_by(|a, b| b.difference.get().total_cmp(&a.difference.get()));
    let changed: Vec<(&str, f64)> = changed
        .iter()
        .map(|row| (row.query.as_str(), row.difference.get()))
        .collect();
    assert_eq!(changed, [("A ", 1.0), ("d", 0.5), ("a", 0.25), ("c", -1.0)]);
}

#[test]
fn rows_that_differ_are_corrected_for_their_number() {
    let texts: Vec<String> = (0..20).map(|number| format!("query {number}")).collect();
    let scored = |router: &str, gains: usize| {
        let score = |query: usize| if query < gains { 1.0 } else { 0.25 };
        let queries: Vec<(&str, &[&str], f64)> = (texts.iter().enumerate())
            .map(|(query, text)| (text.as_str(), ALL, score(query)))
            .collect();
        cell(router, "0", &queries)
    };
    let before = ["a", "b", "same"].map(|router| scored(router, 8));
    let after = [scored("a", 12), scored("b", 14), scored("same", 8)];
    let rows = compare_runs(&after, &before).unwrap().rows;
    let of = |router: &str| {
        let row = rows.iter().find(|row| row.router == router).unwrap();
        (row.p_value.get(), row.p_holm.get())
    };
    // The one that does not differ is not counted.
    assert!((of("b").1 - 2.0 * of("b").0).abs() < 2e-6, "{rows:?}");
    assert_eq!(of("a").1, of("a").0.max(of("b").1), "{rows:?}");
    assert_eq!(of("same"), (1.0, 1.0));
}

#[test]
fn embedders_and_protocols_are_not_mixed() {
    let queries: &[(&str, &[&str], f64)] = &[("a", ALL, 1.0), ("b", ALL, 0.5)];
    let with = |router: &str, embedder: &str| CellScores {
        embedder: embedder.into(),
        ..cell(router, "0", queries)
    };
    let cells = [
        with("s1", "static"),
        with("s1", "minilm"),
        with("bm25", "none"),
        CellScores {
            pool: "candidates".into(),
            ..with("s1", "static")
        },
    ];
    let rows = compare_routers(&cells, "s1", "bm25").unwrap().rows;
    let found: Vec<[&str; 2]> = rows
        .iter()
        .map(|row| [row.pool.as_str(), row.embedder.as_str()])
        .collect();
    assert_eq!(found, [["catalogue", "minilm"], ["catalogue", "static"]]);
    let rows = compare_runs(&cells, &cells[..1]).unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert_eq!([&rows[0].router, &rows[0].embedder], ["s1", "static"]);
}

#[test]
fn other_queries_are_an_error_that_names_the_place() {
    let ours = [cell("s1", "0", &[("a", ALL, 1.0), ("b", ALL, 0.5)])];
    let others: [&[(&str, &[&str], f64)]; 3] = [
        &[("a", ALL, 1.0)],
        &[("a", ALL, 1.0), ("c", ALL, 0.5)],
        &[("a", ALL, 1.0), ("b", &["all", "seen-in-training"], 0.5)],
    ];
    for queries in others {
        let error = compare_runs(&ours, &[cell("s1", "0", queries)]).unwrap_err();
        assert!(matches!(error, Error::Compare { .. }));
        let told = error.to_string();
        for part in [
            "set",
            "query split",
            "catalogue",
            "s1",
            "seed 0",
            "same data",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}

/// What queries score is kept whether their cell is computed or known, and is worth what the tables say.
#[test]
fn kept_scores_have_the_means_of_the_table() {
    let laboratory = Laboratory::new();
    let experiment = toml(&["builtin"], "[0, 1]");
    let without = laboratory.run(&experiment);
    let rows = without.metrics();
    assert!(
        CellScores::read_all(&without.summary.folder)
            .unwrap()
            .is_empty()
    );
    let options = RunOptions {
        scores: true,
        ..laboratory.options()
    };
    let experiment = oats_harness::Experiment::parse(&experiment, "t.toml").unwrap();
    let summary = run(
        &experiment,
        &laboratory.resources(),
        &options,
        &Notes::default(),
    )
    .unwrap();
    let cells = CellScores::read_all(&summary.folder).unwrap();
    assert_eq!(cells.len(), 3 * 2, "routers, seeds");
    for cell in &cells {
        for (column, metric) in cell.metrics.iter().enumerate() {
            let scores = cell.queries.iter().map(|query| query.scores[column]);
            let mean = scores.sum::<f64>() / cell.queries.len() as f64;
            let of_cell = |row: &&MetricRow| {
                [
                    &row.router,
                    &row.embedder,
                    &row.seed,
                    &row.metric,
                    &row.subset,
                ] == [&cell.router, &cell.embedder, &cell.seed, metric, "all"]
            };
            let row = rows.iter().find(of_cell).unwrap();
            assert!((row.value.get() - mean).abs() < 1e-6, "{row:?}: {mean}");
        }
    }

    let file = summary
        .folder
        .join("scores/builtin/query/all/dense/static/1/catalogue.csv");
    let whole = fs::read_to_string(&file).unwrap();
    let told = |content: &str| {
        fs::write(&file, content).unwrap();
        CellScores::read_all(&summary.folder)
            .unwrap_err()
            .to_string()
    };
    let last = whole.trim_end().rfind(',').unwrap();
    let lines = whole.lines().count();
    for (content, line) in [
        (format!("{}NaN\n", &whole[..=last]), format!("line {lines}")),
        (whole[..last].to_owned() + "\n", format!("line: {lines}")),
        (whole.replacen("query", "id", 1), "line 1".to_owned()),
    ] {
        let told = told(&content);
        assert!(
            told.contains("catalogue.csv") && told.contains(&line),
            "{told}"
        );
    }
}

#[test]
fn a_router_under_another_name_is_the_same_and_s1_is_not_se() {
    let laboratory = Laboratory::new();
    let experiment = toml(&["builtin"], "[0, 1]").replace(
        "[\"bm25\", \"dense\", \"oats-s1\"]",
        "[\"dense\", \"oats-s1\", { kind = \"oats-s1\", label = \"mine\" }]",
    );
    let experiment = oats_harness::Experiment::parse(&experiment, "t.toml").unwrap();
    let options = RunOptions {
        scores: true,
        ..laboratory.options()
    };
    let summary = run(
        &experiment,
        &laboratory.resources(),
        &options,
        &Notes::default(),
    )
    .unwrap();
    let cells = CellScores::read_all(&summary.folder).unwrap();

    let same = compare_routers(&cells, "mine", "oats-s1").unwrap();
    assert!(!same.rows.is_empty() && same.changed.is_empty());
    for row in &same.rows {
        assert_eq!(
            (row.difference.get(), row.p_holm.get()),
            (0.0, 1.0),
            "{row:?}"
        );
        assert_eq!((row.wins, row.losses), (0, 0), "{row:?}");
        assert!(!row.is_significant());
    }
    let other = compare_routers(&cells, "oats-s1", "dense").unwrap();
    assert!(of_subset_and(&other.rows, "all", "ndcg@5").is_beyond_noise());

    // The rows survive their file.
    let file = laboratory.path("compared.csv");
    write_rows(&file, &other.rows).unwrap();
    assert_eq!(read_rows::<ComparedRow>(&file).unwrap(), other.rows);
}

fn of_subset_and<'a>(rows: &'a [ComparedRow], subset: &str, metric: &str) -> &'a ComparedRow {
    let is_it = |row: &&ComparedRow| row.subset == subset && row.metric == metric;
    rows.iter().find(is_it).unwrap()
}

/// A manifest that knows splits of 70 and 30 queries.
fn manifest() -> Manifest {
    let split = json!({"train": 70, "test": 30});
    serde_json::from_value(json!({
        "experiment": "t",
        "datasets": {"a": [{
            "configuration": null, "code": null, "benchmark": null, "machine": null,
            "embedders": {}, "seconds": 0.0, "splits": {"query": [split, split]},
        }]},
    }))
    .unwrap()
}

#[test]
fn means_are_paired_by_seed() {
    let rows = |values: [f64; 5]| -> Vec<MetricRow> {
        let mean = values.iter().sum::<f64>() / 5.0;
        let labels = ["0", "1", "2", "3", "4", "mean-of-5"];
        let row = |(label, value)| MetricRow {
            n: 1_000_000,
            ..metric_row("a", label, value)
        };
        let values = values.into_iter().chain([mean]);
        labels.into_iter().zip(values).map(row).collect()
    };
    let before = rows([0.80, 0.70, 0.90, 0.75, 0.85]);
    let compare = |after: [f64; 5]| {
        let compared = compare_means(&rows(after), &before, &manifest()).unwrap();
        let [row] = compared.rows.try_into().unwrap();
        row
    };
    // Every split falls by about as much: seen, however far splits are apart.
    let fell: ComparedRow = compare([0.79, 0.688, 0.891, 0.739, 0.841]);
    assert_eq!((fell.paired.as_str(), fell.losses), ("seed", 5));
    assert!(
        fell.is_beyond_noise() && fell.difference.get() < 0.0,
        "{fell:?}"
    );
    // As much on average, but here up and there down.
    let moved = compare([0.77, 0.71, 0.86, 0.76, 0.849]);
    assert!(!moved.is_significant(), "{moved:?}");
    // A fall that is uneven, but far beyond the intervals.
    let far = compare([0.70, 0.45, 0.85, 0.70, 0.65]);
    assert_eq!(far.paired, "none");
    assert!(far.is_beyond_noise(), "{far:?}");
    // All down, but by no more than rounding on another machine.
    let rounded = compare([0.7999, 0.6999, 0.8999, 0.7499, 0.8499]);
    assert!(rounded.is_significant() && rounded.difference.get().abs() < TOLERANCE);
    assert!(!rounded.is_beyond_noise());
}

/// Five splits with 60 of 200 queries each; of those drawn with `share`, both sides score by chance.
fn null_comparison(generator: &mut ChaCha8Rng, share: f64) -> Vec<CellScores> {
    const LEVELS: [f64; 6] = [0.0, 0.431, 0.631, 1.0, 1.0, 1.0];
    let scores: Vec<[f64; 2]> = (0..200)
        .map(|_| {
            let mut score = || LEVELS[generator.random_range(0..LEVELS.len())];
            let [a, b] = [score(), score()];
            match generator.random_bool(share) {
                true => [a, b],
                false => [a, a],
            }
        })
        .collect();
    let texts: Vec<String> = (0..200).map(|number| format!("query {number}")).collect();
    let seeds = ["0", "1", "2", "3", "4"].into_iter();
    seeds
        .flat_map(|seed| {
            let drawn = rand::seq::index::sample(generator, texts.len(), 60).into_vec();
            ["new", "old"]
                .into_iter()
                .enumerate()
                .map(|(side, router)| {
                    let query = |&query: &usize| (texts[query].as_str(), ALL, scores[query][side]);
                    cell(router, seed, &drawn.iter().map(query).collect::<Vec<_>>())
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The rows that a run writes of these cells, of one side: its seeds, and their mean with its interval.
fn means(cells: &[CellScores], router: &str) -> Vec<MetricRow> {
    let mut rows = Vec::new();
    for cell in cells.iter().filter(|cell| cell.router == router) {
        let scores = cell.queries.iter().map(|query| query.scores[0]);
        let n = cell.queries.len();
        rows.push(MetricRow {
            n,
            ..metric_row("a", &cell.seed, scores.sum::<f64>() / n as f64)
        });
    }
    let splits = rows.len() as f64;
    let mean = rows.iter().map(|row| row.value.get()).sum::<f64>() / splits;
    let all = || (cells.iter().filter(|cell| cell.router == router)).flat_map(|cell| &cell.queries);
    let variance = all()
        .map(|query| (query.scores[0] - mean).powi(2))
        .sum::<f64>()
        / all().count() as f64;
    // Queries are asked in more than one split, so that they are not as many as are counted.
    let half = 1.96 * (variance / 165.0).sqrt();
    rows.push(MetricRow {
        ci_low: Number::new(mean - half),
        ci_high: Number::new(mean + half),
        n: all().count(),
        ..metric_row("a", "mean-of-5", mean)
    });
    rows
}

#[test]
fn chance_is_called_a_difference_once_in_twenty_comparisons() {
    let mut generator = ChaCha8Rng::seed_from_u64(11);
    let mut found = |share: f64| {
        let mut found = [0; 2];
        for _ in 0..1000 {
            let cells = null_comparison(&mut generator, share);
            let by_query = compare_routers(&cells, "new", "old").unwrap();
            let by_seed =
                compare_means(&means(&cells, "new"), &means(&cells, "old"), &manifest()).unwrap();
            for (found, comparison) in found.iter_mut().zip([by_query, by_seed]) {
                let [row] = comparison.rows.try_into().unwrap();
                *found += usize::from(row.is_significant());
            }
        }
        found
    };
    let [by_query, by_seed] = found(0.5);
    assert!((30..=70).contains(&by_query), "{by_query} of 1000");
    assert!(by_seed <= 70, "{by_seed} of 1000");
    // After most changes of code few queries are answered otherwise.
    for share in [0.01, 0.02, 0.04] {
        let [by_query, by_seed] = found(share);
        assert!(
            by_query <= 70 && by_seed <= 70,
            "{share}: {by_query}, {by_seed} of 1000"
        );
    }
}

#[test]
fn of_one_seed_only_intervals_are_known() {
    let row = |value: f64| {
        let mut row = metric_row("a", "mean-of-1", value);
        row.ci_low = Number::new(value - 0.02);
        row.ci_high = Number::new(value + 0.02);
        row
    };
    let compare = |value: f64| {
        let compared = compare_means(&[row(value)], &[row(0.8)], &manifest()).unwrap();
        let [row] = compared.rows.try_into().unwrap();
        row
    };
    let small: ComparedRow = compare(0.79);
    assert_eq!(small.paired, "none");
    assert!(!small.is_significant());
    assert!(compare(0.7).is_beyond_noise());
    // Rows of other labels have nothing to be held against.
    let others = compare_means(&[metric_row("b", "0", 0.5)], &[row(0.8)], &manifest());
    assert!(others.unwrap().rows.is_empty());
}

#[test]
fn routers_that_share_a_letter_do_not_differ() {
    // Three hundred queries: `best` is ahead by far; `fair` and `even` differ by chance; `poor` was run with
    // one of the two seeds.
    let texts: Vec<String> = (0..300).map(|number| format!("query {number}")).collect();
    let scored = |router: &str, seed: &str, score: fn(usize) -> f64| {
        let queries: Vec<(&str, &[&str], f64)> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| (text.as_str(), ALL, score(number)))
            .collect();
        cell(router, seed, &queries)
    };
    let mut cells = Vec::new();
    for seed in ["0", "1"] {
        cells.push(scored(
            "best",
            seed,
            |n| if n % 10 == 0 { 0.0 } else { 1.0 },
        ));
        cells.push(scored("fair", seed, |n| if n % 2 == 0 { 1.0 } else { 0.0 }));
        cells.push(scored("even", seed, |n| {
            if n % 2 == 1 || n == 2 { 1.0 } else { 0.0 }
        }));
    }
    cells.push(scored("poor", "0", |n| if n % 10 == 3 { 1.0 } else { 0.0 }));
    cells.push(CellScores {
        embedder: "none".into(),
        ..scored("words", "0", |n| if n % 10 == 4 { 1.0 } else { 0.0 })
    });
    let rows = leaderboard(&cells, "ndcg@5").unwrap();
    let mut told: Vec<(usize, &str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let labels = [&row.router, &row.groups, &row.seed].map(String::as_str);
            (row.rank, labels[0], labels[1], labels[2])
        })
        .collect();
    told.sort();
    let expected = [
        (1, "best", "a", "mean-of-2"),
        (2, "even", "b", "mean-of-2"),
        (3, "fair", "b", "mean-of-2"),
        (4, "poor", "c", "mean-of-1"),
        (4, "words", "c", "mean-of-1"),
    ];
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| row.embedder == "static"));
    let best = rows.iter().find(|row| row.router == "best").unwrap();
    // 0.9 ± t(299) × sqrt(0.09 / 299), by scipy.
    assert!((best.ci_low.get() - 0.865858).abs() < 1e-5, "{best:?}");

    // By another metric there is nothing to rank.
    assert!(leaderboard(&cells, "mrr").unwrap().is_empty());
}
