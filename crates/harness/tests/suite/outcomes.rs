//! What routers learn from: nested, seeded draws, logs that say what a log would.

use std::collections::{BTreeMap, BTreeSet};

use oats_datasets::{Benchmark, Split, SplitKind};
use oats_embedders::{Embedder, StaticTable};
use oats_harness::{Drawn, Embeddings, Outcomes};
use proptest::prelude::*;

use crate::laboratory::{Laboratory, Notes, toml};

/// The built-in benchmark under a split by queries.
struct Bench {
    benchmark: Benchmark,
    train: Vec<usize>,
    embeddings: Embeddings,
}

impl Bench {
    fn new() -> Self {
        let benchmark = Laboratory::new().load("builtin");
        let table = StaticTable::builtin().unwrap();
        let tools: Vec<&str> = benchmark.tools().iter().map(|t| t.text.as_str()).collect();
        let embeddings = Embeddings {
            tools: table.embed(&tools).unwrap(),
            queries: table.embed(&benchmark.query_texts()).unwrap(),
        };
        let train = Split::new(SplitKind::Query, &benchmark, 0).train;
        Self {
            benchmark,
            train,
            embeddings,
        }
    }

    fn draw(&self, name: &str, seed: u64) -> Vec<Drawn> {
        let outcomes: Outcomes = name.parse().unwrap();
        outcomes.draw(&self.benchmark, &self.train, &self.embeddings, seed)
    }

    fn is_right(&self, query: usize, tool: usize) -> bool {
        let query = &self.benchmark.queries()[query];
        query.relevant.iter().any(|&(right, _)| right == tool)
    }

    /// The best tools by cosine, from nothing but the vectors.
    fn best(&self, query: usize, k: usize) -> Vec<usize> {
        let scores = self
            .embeddings
            .tools
            .dot(&self.embeddings.queries.row(query));
        let mut tools: Vec<usize> = (0..scores.len()).collect();
        tools.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        tools.truncate(k);
        tools
    }
}

#[test]
fn names_are_read_back_and_second_names_are_refused() {
    for name in [
        "all",
        "per-tool-1",
        "per-tool-100",
        "flipped-0",
        "flipped-0.25",
        "flipped-1",
        "shown-0.4",
        "calls-20000",
    ] {
        assert_eq!(name.parse::<Outcomes>().unwrap().to_string(), name);
    }
    for name in [
        "",
        "All",
        "all-1",
        "per-tool",
        "per-tool-0",
        "per-tool-05",
        "per-tool-+5",
        "per-tool--5",
        "flipped",
        "flipped-1.5",
        "flipped--0",
        "flipped-0.20",
        "flipped-.2",
        "flipped-nan",
        "flipped-inf",
        "shown-",
        "shown-0,2",
        "calls-1.5",
        "calls-99999999999999999999999",
    ] {
        let problem = name.parse::<Outcomes>().unwrap_err();
        assert!(
            problem.contains(&format!("`{name}`")) && problem.contains("per-tool-N"),
            "{problem}"
        );
    }
}

#[test]
fn all_are_the_labels_as_they_are() {
    let bench = Bench::new();
    let drawn = bench.draw("all", 3);
    assert_eq!(
        drawn.iter().map(|d| d.query).collect::<Vec<_>>(),
        bench.train
    );
    for drawn in drawn {
        let query = &bench.benchmark.queries()[drawn.query];
        assert_eq!(
            drawn.training_query(&bench.benchmark).relevant,
            query.relevant
        );
    }
}

#[test]
fn a_tool_draws_at_most_n_queries_and_those_of_fewer_are_among_them() {
    let bench = Bench::new();
    let mut before = BTreeSet::new();
    for most in [1, 2, 5, 1000] {
        let drawn = bench.draw(&format!("per-tool-{most}"), 0);
        assert!(drawn.is_sorted_by_key(|drawn| drawn.query));
        assert!(drawn.iter().all(|drawn| drawn.log.is_none()));
        let kept: BTreeSet<usize> = drawn.iter().map(|drawn| drawn.query).collect();
        assert!(kept.is_superset(&before));

        let mut only: BTreeMap<usize, usize> = BTreeMap::new();
        let (mut has, mut could): (BTreeMap<_, usize>, BTreeMap<_, usize>) = Default::default();
        for &query in &bench.train {
            let relevant = &bench.benchmark.queries()[query].relevant;
            for &(tool, _) in relevant {
                *could.entry(tool).or_default() += 1;
                *has.entry(tool).or_default() += usize::from(kept.contains(&query));
            }
            if let [(tool, _)] = relevant[..] {
                *only.entry(tool).or_default() += usize::from(kept.contains(&query));
            }
        }
        // A query of two tools may be the second's draw alone, so only the others are bounded.
        assert!(only.values().all(|&count| count <= most));
        for (tool, could) in could {
            assert!(has[&tool] >= could.min(most), "tool {tool} drew too few");
        }
        before = kept;
    }
    assert_eq!(before.len(), bench.train.len());
    assert_ne!(bench.draw("per-tool-2", 0), bench.draw("per-tool-2", 1));
}

#[test]
fn a_flipped_log_judges_the_right_tools_and_the_wrong_ones_that_were_retrieved() {
    let bench = Bench::new();
    let [clean, some, more, all] = ["0", "0.1", "0.4", "1"].map(|p| {
        let drawn = bench.draw(&format!("flipped-{p}"), 0);
        assert_eq!(
            drawn.iter().map(|d| d.query).collect::<Vec<_>>(),
            bench.train
        );
        drawn
    });
    let (mut judged, mut flipped) = (0, [0, 0]);
    for (index, drawn) in clean.iter().enumerate() {
        let log = drawn.log.as_ref().unwrap();
        let tools: BTreeSet<usize> = log.iter().map(|outcome| outcome.tool).collect();
        let mut expected: BTreeSet<usize> = bench.best(drawn.query, 5).into_iter().collect();
        let relevant = &bench.benchmark.queries()[drawn.query].relevant;
        expected.extend(relevant.iter().map(|&(tool, _)| tool));
        assert_eq!(tools, expected);
        for (place, outcome) in log.iter().enumerate() {
            let truth = bench.is_right(drawn.query, outcome.tool);
            assert_eq!((outcome.success, outcome.propensity), (truth, 1.0));
            let at = |log: &[Drawn]| log[index].log.as_ref().unwrap()[place].success;
            let [few, many] = [at(&some), at(&more)].map(|success| success != truth);
            assert!(!few || many, "what is flipped at 0.1 is flipped at 0.4");
            assert_ne!(at(&all), truth);
            judged += 1;
            flipped = [flipped[0] + u32::from(few), flipped[1] + u32::from(many)];
        }
    }
    let share = flipped.map(|count| f64::from(count) / f64::from(judged));
    assert!(
        (share[0] - 0.1).abs() < 0.02 && (share[1] - 0.4).abs() < 0.03,
        "{share:?}"
    );
}

#[test]
fn a_shown_log_is_biased_by_position_as_its_propensities_say() {
    let bench = Bench::new();
    let drawn = bench.draw("shown-0", 0);
    let drawn_queries = drawn.len() as f64;
    let mut seen = [0.0; 5];
    for drawn in &drawn {
        let best = bench.best(drawn.query, 5);
        let log = drawn.log.as_ref().unwrap();
        assert_eq!(log[0].tool, best[0], "the first is always looked at");
        for outcome in log {
            let rank = best.iter().position(|&tool| tool == outcome.tool).unwrap();
            assert_eq!(outcome.propensity, 1.0 / (rank + 1) as f32);
            assert_eq!(outcome.success, bench.is_right(drawn.query, outcome.tool));
            seen[rank] += 1.0 / drawn_queries;
        }
    }
    for (rank, share) in seen.into_iter().enumerate() {
        assert!((share - 1.0 / (rank + 1) as f64).abs() < 0.05, "{seen:?}");
    }
    // Noise turns outcomes over, but does not change who looks at what.
    let looked_at = |drawn: &[Drawn]| -> Vec<Vec<usize>> {
        let logs = drawn.iter().flat_map(|drawn| &drawn.log);
        logs.map(|log| log.iter().map(|outcome| outcome.tool).collect())
            .collect()
    };
    let noisy = bench.draw("shown-0.3", 0);
    assert_eq!(looked_at(&noisy), looked_at(&drawn));
    assert_ne!(noisy, drawn);
}

#[test]
fn a_call_sees_one_tool_and_its_propensity_is_exact() {
    let bench = Bench::new();
    let drawn = bench.draw("calls-20000", 0);
    assert_eq!(drawn.len(), 20_000);
    assert_eq!(bench.draw("calls-500", 0), drawn[..500], "nested");
    let (mut success, mut weighted, mut expected) = (0.0, 0.0, 0.0);
    for drawn in &drawn {
        let [outcome] = drawn.log.as_ref().unwrap()[..] else {
            panic!("one outcome a call");
        };
        let best = bench.best(drawn.query, 10);
        assert!(best.contains(&outcome.tool));
        // Its softmax, from nothing but the vectors.
        let vector = bench.embeddings.queries.row(drawn.query);
        let weight = |&tool: &usize| {
            let cosine = bench.embeddings.tools.row(tool).dot(&vector);
            (f64::from(cosine) / 0.1).exp()
        };
        let total: f64 = best.iter().map(weight).sum();
        let probability = weight(&outcome.tool) / total;
        assert!((f64::from(outcome.propensity) - probability).abs() < 1e-5);
        assert_eq!(outcome.success, bench.is_right(drawn.query, outcome.tool));
        success += f64::from(u8::from(outcome.success));
        weighted += f64::from(u8::from(outcome.success)) / f64::from(outcome.propensity);
        let reachable = best
            .iter()
            .filter(|&&tool| bench.is_right(drawn.query, tool));
        expected += reachable.count() as f64;
    }
    // Weighted by inverse propensity, calls of a policy estimate what calling every tool would give.
    assert!(
        (weighted / expected - 1.0).abs() < 0.05,
        "{weighted} {expected}"
    );
    assert!(success < 0.9 * expected, "the policy explores");
}

#[test]
fn a_log_of_nothing_is_empty() {
    let bench = Bench::new();
    for name in ["all", "per-tool-3", "flipped-0.1", "shown-0", "calls-10"] {
        let outcomes: Outcomes = name.parse().unwrap();
        let none = outcomes.draw(&bench.benchmark, &[], &bench.embeddings, 0);
        assert!(none.is_empty(), "{name}");
    }
}

#[test]
fn every_kind_of_outcomes_has_rows_of_its_own_and_learns_from_what_it_is_given() {
    let laboratory = Laboratory::new();
    let names = [
        "all",
        "per-tool-1",
        "flipped-0",
        "flipped-0.4",
        "shown-0",
        "calls-50",
    ];
    let toml = toml(&["builtin"], "[0]").replace("pools", &format!("outcomes = {names:?}\npools"));
    let outcome = laboratory.run(&toml);
    let value = |router: &str, outcomes: &str| {
        let rows = outcome.metrics();
        let row = rows.iter().find(|row| {
            (row.router.as_str(), row.outcomes.as_str()) == (router, outcomes)
                && (row.subset.as_str(), row.metric.as_str()) == ("all", "ndcg@5")
        });
        row.unwrap_or_else(|| panic!("{router} {outcomes}"))
            .value
            .get()
    };
    let s1 = names.map(|name| value("oats-s1", name));
    for name in names {
        assert_eq!(value("dense", name), value("dense", "all"), "{name}");
        assert_eq!(value("bm25", name), value("bm25", "all"), "{name}");
    }
    let [all, one, clean, noisy, ..] = s1;
    assert!(all > one && clean > noisy, "{s1:?}");
    let distinct: BTreeSet<String> = s1.iter().map(f64::to_string).collect();
    assert!(distinct.len() >= 5, "{s1:?}");
    assert!(
        outcome
            .tests()
            .iter()
            .any(|row| row.outcomes == "calls-50" && row.router == "oats-s1")
    );
}

#[test]
fn a_log_whose_policy_cannot_read_is_skipped_with_its_reason() {
    let laboratory = Laboratory::new();
    let toml = toml(&["builtin"], "[0]")
        .replace("[\"static\"]", "[\"minilm\", \"static\"]")
        .replace("pools", "outcomes = [\"all\", \"calls-50\"]\npools");
    let notes = Notes::default();
    let summary = laboratory.try_run(&toml, &notes).unwrap();
    let skip = summary.skipped.iter().find(|skip| skip.outcomes.is_some());
    let skip = skip.unwrap();
    assert_eq!(skip.dataset.as_deref(), Some("builtin"));
    assert_eq!(skip.outcomes.as_deref(), Some("calls-50"));
    assert_eq!(skip.embedder.as_deref(), Some("none"));
    assert!(skip.reason.contains("cargo xtask fetch"), "{}", skip.reason);
    let made = |router: &str, outcomes: &str| {
        let mut rows = summary.metrics.iter();
        rows.any(|row| row.router == router && row.outcomes == outcomes)
    };
    assert!(made("bm25", "all") && !made("bm25", "calls-50"));
    assert!(
        made("oats-s1", "calls-50"),
        "its log is by its own embedder"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_share_and_count_has_a_name_that_is_read_back(share in 0.0..=1.0f64, count in 1usize..) {
        for name in [format!("flipped-{share}"), format!("shown-{share}"), format!("calls-{count}")] {
            let read: Outcomes = name.parse().unwrap();
            prop_assert_eq!(read.to_string(), name);
        }
    }
}
