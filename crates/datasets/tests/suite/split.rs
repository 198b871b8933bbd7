use std::collections::HashSet;

use oats_datasets::{
    Benchmark, Split, SplitKind,
    split::{group_texts, normalise},
};
use proptest::prelude::*;

use crate::common::{assert_bad, benchmark};

const KINDS: [SplitKind; 5] = [
    SplitKind::Instance,
    SplitKind::Query,
    SplitKind::Tool,
    SplitKind::QueryValidation,
    SplitKind::ToolValidation,
];

/// 200 queries for 20 tools; every text stands twice, differently written.
fn repeated() -> Benchmark {
    let queries: Vec<_> = (0..200)
        .map(|index| {
            let text = index / 2;
            let text = match index % 2 {
                0 => format!("What about number {text}?"),
                _ => format!("what about NUMBER  {text}"),
            };
            (text, vec![index % 20])
        })
        .collect();
    benchmark(20, &queries)
}

fn texts(benchmark: &Benchmark, queries: &[usize]) -> HashSet<String> {
    let queries = queries.iter();
    queries
        .map(|&query| normalise(&benchmark.queries()[query].text))
        .collect()
}

fn tools(benchmark: &Benchmark, queries: &[usize]) -> HashSet<usize> {
    let queries = queries.iter();
    queries
        .flat_map(|&query| {
            benchmark.queries()[query]
                .relevant
                .iter()
                .map(|&(tool, _)| tool)
        })
        .collect()
}

#[test]
fn normalises_case_punctuation_and_space() {
    assert_eq!(
        normalise("  What's UP,\tDoc—really? "),
        "what s up doc really"
    );
    assert_eq!(normalise("ÄRGER mit ÇA"), "ärger mit ça");
    assert_eq!(normalise("天气 怎么样？"), "天气 怎么样");
    assert_eq!(normalise(" :-) "), ":-)");
    assert_eq!(normalise(" \n"), "");
}

#[test]
fn texts_are_grouped_in_order_of_first_appearance() {
    let texts = ["b?", "a", "B", ":-)", "A!", " b ", ":-("];
    let groups = [vec![0, 2, 5], vec![1, 4], vec![3], vec![6]];
    assert_eq!(group_texts(texts), groups);
    assert!(group_texts([]).is_empty());
}

#[test]
fn thirty_percent_rounded_up_is_the_test() {
    let queries: Vec<_> = (0..4287)
        .map(|index| (index.to_string(), vec![0]))
        .collect();
    let benchmark = benchmark(1, &queries);
    for kind in [SplitKind::Instance, SplitKind::Query] {
        let split = Split::new(kind, &benchmark, 7);
        assert_eq!(
            (split.train.len(), split.test.len()),
            (3000, 1287),
            "{kind}"
        );
        assert!(split.dropped.is_empty());
    }
}

#[test]
fn instance_split_leaks_and_query_split_does_not() {
    let benchmark = repeated();
    let split = Split::new(SplitKind::Instance, &benchmark, 1);
    let instance = split.leakage(&benchmark);
    assert_eq!(instance.test_queries, 60);
    let text = |&query: &usize| normalise(&benchmark.queries()[query].text);
    let trained: HashSet<String> = split.train.iter().map(text).collect();
    let seen: Vec<bool> = split
        .test
        .iter()
        .map(|q| trained.contains(&text(q)))
        .collect();
    assert_eq!(split.seen_in_training(&benchmark), seen);
    // Each test query's twin is in training with probability 140 / 199.
    assert!((0.5..0.9).contains(&instance.share), "{}", instance.share);
    assert_eq!(
        instance.share,
        instance.test_queries_in_training as f64 / 60.0
    );

    let split = Split::new(SplitKind::Query, &benchmark, 1);
    assert_eq!(split.test.len(), 60);
    assert_eq!(split.leakage(&benchmark).share, 0.0);
}

#[test]
fn tool_split_holds_tools_out_and_drops_mixed_queries() {
    let queries: Vec<_> = (0..10)
        .flat_map(|a| (0..10).map(move |b| (a, b)))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (format!("{a} and {b}"), vec![a, b]))
        .collect();
    let benchmark = benchmark(12, &queries); // two tools have no query: they are not drawn
    let split = Split::new(SplitKind::Tool, &benchmark, 3);
    assert_eq!(tools(&benchmark, &split.test).len(), 3);
    assert_eq!(tools(&benchmark, &split.train).len(), 7);
    assert_eq!(split.test.len(), 3 * 2);
    assert_eq!(split.train.len(), 7 * 6);
    assert_eq!(split.dropped.len(), 2 * 3 * 7);
}

#[test]
fn the_seed_alone_decides() {
    let benchmark = repeated();
    for kind in KINDS {
        let first = Split::new(kind, &benchmark, 5);
        assert_eq!(first, Split::new(kind, &benchmark, 5), "{kind}");
        assert_ne!(first, Split::new(kind, &benchmark, 6), "{kind}");
        let validation = first.validation(&benchmark, 0.2, 5);
        assert_eq!(validation, first.validation(&benchmark, 0.2, 5), "{kind}");
        assert_ne!(validation, first.validation(&benchmark, 0.2, 6), "{kind}");
    }
}

/// Committed results rest on these draws.
#[test]
fn draws_stay_what_they_were() {
    let benchmark = repeated();
    let starts = KINDS.map(|kind| Split::new(kind, &benchmark, 0).test[..6].to_vec());
    let expected = [
        [0, 1, 3, 4, 7, 14],
        [8, 9, 12, 13, 22, 23],
        [0, 2, 3, 7, 10, 16],
        [2, 3, 18, 19, 28, 29],
        [5, 8, 9, 13, 14, 25],
    ];
    assert_eq!(starts, expected);
}

#[test]
fn validation_has_its_share() {
    let benchmark = repeated();
    let split = Split::new(SplitKind::Query, &benchmark, 0);
    assert_eq!(split.train.len(), 140);
    let (fit, validation) = split.validation(&benchmark, 0.1, 0);
    assert_eq!((fit.len(), validation.len()), (126, 14));
    assert_eq!(split.validation(&benchmark, 0.0, 0).0, split.train);
    assert_eq!(split.validation(&benchmark, 7.0, 0).0.len(), 2); // one text stays
    assert_eq!(split.validation(&benchmark, f64::NAN, 0).0, split.train);
}

#[test]
fn names_round_trip() {
    for kind in KINDS {
        assert_eq!(kind.to_string().parse::<SplitKind>().unwrap(), kind);
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(json, format!("\"{kind}\""));
        assert_eq!(serde_json::from_str::<SplitKind>(&json).unwrap(), kind);
    }
    assert_bad(
        "random".parse::<SplitKind>(),
        &[
            "`random`",
            "instance, query, tool, query-validation or tool-validation",
        ],
    );
}

/// Up to 40 queries over few texts and tools, so that both repeat.
fn arbitrary_benchmark() -> impl Strategy<Value = Benchmark> {
    let text = (0..15, any::<bool>()).prop_map(|(number, shout)| match shout {
        true => format!("Query, {number}!"),
        false => format!(" query {number}"),
    });
    let relevant = prop::collection::hash_set(0usize..8, 1..4);
    let query = (
        text,
        relevant.prop_map(|tools| tools.into_iter().collect::<Vec<_>>()),
    );
    prop::collection::vec(query, 0..40).prop_map(|queries| benchmark(8, &queries))
}

proptest! {
    #[test]
    fn some_of_the_test_are_spread_over_it(benchmark in arbitrary_benchmark(), most in 0usize..30) {
        let test = Split::new(SplitKind::Instance, &benchmark, 0).test;
        let split = Split { test: test.clone(), train: Vec::new(), dropped: Vec::new() };
        let some = split.some_of_test(most);
        prop_assert_eq!(some.len(), most.min(test.len()));
        prop_assert!(some.is_sorted_by(|a, b| a < b) && some.iter().all(|query| test.contains(query)));
        // No stretch of the test is left out that is longer than the others by more than one.
        let places: Vec<usize> = some.iter().map(|query| test.iter().position(|of| of == query).unwrap()).collect();
        let gaps: Vec<usize> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if let (Some(least), Some(longest)) = (gaps.iter().min(), gaps.iter().max()) {
            prop_assert!(longest - least <= 1);
        }
    }

    #[test]
    fn a_split_is_a_sorted_partition(benchmark in arbitrary_benchmark(), seed: u64) {
        for kind in KINDS {
            let Split { train, test, dropped } = Split::new(kind, &benchmark, seed);
            for side in [&train, &test, &dropped] {
                prop_assert!(side.is_sorted());
            }
            let mut all = [train, test, dropped].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..benchmark.queries().len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_kept_apart_is_apart(benchmark in arbitrary_benchmark(), seed: u64) {
        let query = Split::new(SplitKind::Query, &benchmark, seed);
        prop_assert!(texts(&benchmark, &query.train).is_disjoint(&texts(&benchmark, &query.test)));
        prop_assert!(query.dropped.is_empty());
        let tool = Split::new(SplitKind::Tool, &benchmark, seed);
        prop_assert!(tools(&benchmark, &tool.train).is_disjoint(&tools(&benchmark, &tool.test)));
        for &dropped in &tool.dropped {
            prop_assert!(benchmark.queries()[dropped].relevant.len() > 1);
        }
    }

    #[test]
    fn validation_splits_see_nothing_of_the_test(benchmark in arbitrary_benchmark(), seed: u64) {
        for (kind, within) in [
            (SplitKind::Query, SplitKind::QueryValidation),
            (SplitKind::Tool, SplitKind::ToolValidation),
        ] {
            let outer = Split::new(kind, &benchmark, seed);
            let inner = Split::new(within, &benchmark, seed);
            let seen = [&inner.train[..], &inner.test].concat();
            prop_assert!(seen.iter().all(|query| outer.train.contains(query)));
            prop_assert!(outer.test.iter().all(|query| inner.dropped.contains(query)));
            let (train, test) = (&inner.train, &inner.test);
            match kind {
                SplitKind::Query => {
                    prop_assert_eq!(seen.len(), outer.train.len());
                    prop_assert!(texts(&benchmark, train).is_disjoint(&texts(&benchmark, test)));
                }
                _ => prop_assert!(tools(&benchmark, train).is_disjoint(&tools(&benchmark, test))),
            }
        }
    }

    #[test]
    fn validation_parts_training_by_text(
        benchmark in arbitrary_benchmark(), seed: u64, share in 0.0..1.0,
    ) {
        for kind in KINDS {
            let split = Split::new(kind, &benchmark, seed);
            let (fit, validation) = split.validation(&benchmark, share, seed);
            prop_assert!(texts(&benchmark, &fit).is_disjoint(&texts(&benchmark, &validation)));
            prop_assert_eq!(fit.is_empty(), split.train.is_empty());
            let mut all = [fit, validation].concat();
            all.sort_unstable();
            prop_assert_eq!(all, split.train);
        }
    }

    #[test]
    fn normalising_again_changes_nothing(text: String) {
        let once = normalise(&text);
        prop_assert_eq!(normalise(&once), once);
    }
}
