//! Metrics against pytrec_eval's and ranx's figures, and the properties that make them metrics.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::{collections::HashMap, fs, path::Path};

use oats_metrics::{
    Metric,
    trec::{read_qrels, read_run},
};
use proptest::prelude::*;
use serde_json::Value;

const RANKING: [&str; 9] = [
    "ndcg@1",
    "ndcg@5",
    "recall@1",
    "recall@3",
    "precision@5",
    "hit@1",
    "hit@5",
    "mrr",
    "map",
];

const SELECTION: [&str; 4] = ["set-precision", "set-recall", "set-f1", "exact-match"];

fn names() -> impl Iterator<Item = &'static str> {
    RANKING.into_iter().chain(SELECTION)
}

fn metric(name: &str) -> Metric {
    name.parse().unwrap()
}

fn lines(value: &Value) -> String {
    let lines = value
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn agrees_with_pytrec_eval_and_ranx() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/cases.json");
    let cases: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let run = read_run(lines(&cases["run"]).as_bytes(), "run").unwrap();
    let qrels = read_qrels(lines(&cases["qrels"]).as_bytes(), "qrels").unwrap();
    let qrels: HashMap<_, _> = qrels.into_iter().map(|j| (j.query, j.items)).collect();

    let mut compared = HashMap::from([("pytrec_eval", 0), ("ranx", 0)]);
    for ranking in &run {
        let mut ids: HashMap<&str, usize> = HashMap::new();
        let mut id = |name| {
            let next = ids.len();
            *ids.entry(name).or_insert(next)
        };
        let ranked: Vec<usize> = ranking.items.iter().map(|(item, _)| id(item)).collect();
        let relevant: Vec<(usize, u32)> = qrels[&ranking.query]
            .iter()
            .map(|(item, grade)| (id(item), u32::try_from(*grade).unwrap()))
            .collect();
        for (source, values) in cases["expected"][&ranking.query].as_object().unwrap() {
            for (name, expected) in values.as_object().unwrap() {
                let (ours, theirs) = (
                    metric(name).score(&ranked, &relevant),
                    expected.as_f64().unwrap(),
                );
                assert!(
                    (ours - theirs).abs() < 1e-9,
                    "{name} of {}: {ours}, but {source} has {theirs}",
                    ranking.query
                );
                *compared.get_mut(source.as_str()).unwrap() += 1;
            }
        }
    }
    // ranx leaves out the queries with nothing relevant.
    assert_eq!(compared["pytrec_eval"], 60 * 12);
    assert!(compared["ranx"] > 45 * 12, "{compared:?}");
}

#[test]
fn names_are_read_back_and_unknown_ones_refused() {
    for name in names() {
        assert_eq!(metric(name).to_string(), name);
        let json = serde_json::to_string(&metric(name)).unwrap();
        assert_eq!(json, format!("\"{name}\""));
        assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), metric(name));
    }
    for name in [
        "",
        "ndcg",
        "ndcg@",
        "ndcg@0",
        "ndcg@-1",
        "ndcg@+5",
        "ndcg@05",
        "ndcg@5 ",
        "NDCG@5",
        "mrr@5",
        "map@",
        "auc@5",
        "set-f1@5",
        "exact-match@1",
        "set-F1",
        "ndcg@99999999999999999999",
    ] {
        let message = name.parse::<Metric>().unwrap_err().to_string();
        assert!(message.contains(&format!("`{name}`")), "{message}");
        let forms = ["ndcg@K", "recall@K", "precision@K", "hit@K", "mrr", "map"];
        for form in forms.into_iter().chain(SELECTION) {
            assert!(message.contains(form), "{message}");
        }
    }
}

#[test]
fn nothing_relevant_and_nothing_ranked_give_zero() {
    let ranked: &[usize] = &[1, 2, 3];
    for (ranking, relevant) in [
        (ranked, &[] as &[(usize, u32)]),
        (ranked, &[(1, 0)]),
        (ranked, &[(4, 1)]),
        (&[], &[(1, 1)]),
    ] {
        for name in names() {
            // By its bits: a -0 would end up as such in result files.
            let bits = metric(name).score(ranking, relevant).to_bits();
            assert_eq!(bits, 0, "{name} of {ranking:?} and {relevant:?}");
        }
    }
}

#[test]
fn precision_divides_by_k_even_if_fewer_are_ranked() {
    assert_eq!(metric("precision@5").score(&[1, 2], &[(1, 1), (2, 1)]), 0.4);
}

#[test]
fn selections_have_the_values_worked_out_by_hand() {
    let relevant: &[(usize, u32)] = &[(2, 1), (5, 3), (9, 1), (7, 0)]; // 7 is judged not relevant
    for (selected, [precision, recall, f1, exact]) in [
        (&[] as &[usize], [0.0, 0.0, 0.0, 0.0]),
        (&[1, 3], [0.0, 0.0, 0.0, 0.0]),
        (&[5], [1.0, 1.0 / 3.0, 0.5, 0.0]),
        (&[5, 7], [0.5, 1.0 / 3.0, 0.4, 0.0]),
        (&[2, 9], [1.0, 2.0 / 3.0, 0.8, 0.0]),
        (&[2, 9, 7], [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 0.0]),
        (&[9, 5, 2], [1.0, 1.0, 1.0, 1.0]),
        (&[9, 5, 2, 0], [0.75, 1.0, 6.0 / 7.0, 0.0]),
    ] {
        for (name, expected) in SELECTION.into_iter().zip([precision, recall, f1, exact]) {
            let score = metric(name).score(selected, relevant);
            assert!(
                (score - expected).abs() < 1e-15,
                "{name} of {selected:?}: {score}"
            );
        }
    }
}

#[test]
fn metrics_say_what_they_judge() {
    assert!(SELECTION.iter().all(|name| metric(name).judges_selection()));
    assert!(!RANKING.iter().any(|name| metric(name).judges_selection()));
}

prop_compose! {
    /// A ranking of some of 20 items, and the grades of others or the same.
    fn ranked_and_relevant()(
        order in Just((0..20).collect::<Vec<usize>>()).prop_shuffle(),
        ranked in 1..=20_usize,
        grades in proptest::collection::hash_map(0..20_usize, 1..=3_u32, 1..8),
    ) -> (Vec<usize>, Vec<(usize, u32)>) {
        (order[..ranked].to_vec(), grades.into_iter().collect())
    }
}

proptest! {
    #[test]
    fn lies_in_the_unit_interval((ranking, relevant) in ranked_and_relevant()) {
        for name in names() {
            let score = metric(name).score(&ranking, &relevant);
            prop_assert!((0.0..=1.0).contains(&score), "{} = {}", name, score);
        }
    }

    #[test]
    fn promoting_a_better_item_never_lowers_it((ranking, relevant) in ranked_and_relevant()) {
        let grade = |item| relevant.iter().find(|(id, _)| *id == item).map_or(0, |(_, grade)| *grade);
        for place in 1..ranking.len() {
            if grade(ranking[place]) <= grade(ranking[place - 1]) {
                continue;
            }
            let mut promoted = ranking.clone();
            promoted.swap(place, place - 1);
            let before_and_after = |name| {
                (metric(name).score(&ranking, &relevant), metric(name).score(&promoted, &relevant))
            };
            for name in RANKING {
                let (before, after) = before_and_after(name);
                prop_assert!(after >= before, "{}: {} to {}", name, before, after);
            }
            let (before, after) = before_and_after("ndcg@20");
            prop_assert!(after > before, "ndcg@20: {} to {}", before, after);
        }
    }

    #[test]
    fn a_perfect_ranking_is_1_and_the_order_of_judgements_does_not_matter(
        (ranking, relevant) in ranked_and_relevant(),
    ) {
        let mut perfect = relevant.clone();
        perfect.sort_by_key(|(_, grade)| std::cmp::Reverse(*grade));
        let mut perfect: Vec<usize> = perfect.into_iter().map(|(item, _)| item).collect();
        perfect.extend(ranking.iter().filter(|item| relevant.iter().all(|(id, _)| id != *item)));
        for name in ["ndcg@1", "ndcg@5", "ndcg@20", "recall@20", "precision@1", "hit@1", "mrr", "map"] {
            prop_assert_eq!(metric(name).score(&perfect, &relevant), 1.0, "{}", name);
        }
        let reversed: Vec<_> = relevant.iter().rev().copied().collect();
        for name in names() {
            prop_assert_eq!(metric(name).score(&ranking, &relevant), metric(name).score(&ranking, &reversed));
        }
    }

    #[test]
    fn set_metrics_fit_each_other_and_forget_the_order((selected, relevant) in ranked_and_relevant()) {
        let score = |name| metric(name).score(&selected, &relevant);
        let (precision, recall) = (score("set-precision"), score("set-recall"));
        let harmonic = if precision + recall > 0.0 {
            2.0 * precision * recall / (precision + recall)
        } else {
            0.0
        };
        prop_assert!((score("set-f1") - harmonic).abs() < 1e-12);
        prop_assert_eq!(score("exact-match") == 1.0, precision == 1.0 && recall == 1.0);
        prop_assert_eq!(score("exact-match") == 1.0, score("set-f1") == 1.0);

        let mut sorted = selected.clone();
        sorted.sort_unstable();
        for name in SELECTION {
            prop_assert_eq!(score(name), metric(name).score(&sorted, &relevant), "{}", name);
        }
        let all: Vec<usize> = relevant.iter().map(|(item, _)| *item).collect();
        for name in SELECTION {
            prop_assert_eq!(metric(name).score(&all, &relevant), 1.0, "{}", name);
        }
    }

    #[test]
    fn what_stands_below_k_does_not_matter_to_a_metric_at_k((ranking, relevant) in ranked_and_relevant()) {
        let top = &ranking[..ranking.len().min(5)];
        for name in ["ndcg@5", "recall@5", "precision@5", "hit@5"] {
            prop_assert_eq!(metric(name).score(&ranking, &relevant), metric(name).score(top, &relevant));
        }
    }
}
