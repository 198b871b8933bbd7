//! The shuffle is fair, and the same whenever it is asked.

use oats_datasets::ToolId;
use oats_routers::{Ranked, Request, Router, RouterKind, baselines::RandomParams};

use crate::common::{Problem, asks, tool, tools_of};

fn shuffler(tools: usize, seed: u64) -> Box<dyn Router> {
    let tools = (0..tools)
        .map(|number| tool(&format!("tool{number}"), ""))
        .collect();
    let fitted = RandomParams {}.fit(
        &Problem {
            seed,
            ..Problem::of_texts(tools)
        }
        .training(),
    );
    fitted.unwrap()
}

fn shuffle(seed: u64, text: &str) -> Vec<Ranked> {
    shuffler(30, seed).rank(&asks(text), 30)
}

#[test]
fn the_order_depends_on_seed_and_text_alone() {
    let order = |seed, text| tools_of(&shuffle(seed, text));
    assert_eq!(shuffle(1, "book a table"), shuffle(1, "book a table"));
    assert_ne!(order(1, "book a table"), order(2, "book a table"));
    assert_ne!(order(1, "book a table"), order(1, "book a tabel"));
    assert_ne!(order(1, ""), order(1, "\0"));
}

#[test]
fn scores_lie_in_the_unit_interval() {
    let scores = |seed| shuffle(seed, "x").into_iter().map(|ranked| ranked.score);
    assert!(
        (0..100)
            .flat_map(scores)
            .all(|score| (0.0..1.0).contains(&score))
    );
}

#[test]
fn candidates_keep_their_order_within_the_catalogue() {
    let candidates = [3, 8, 21, 5];
    let request = Request {
        candidates: Some(&candidates),
        ..asks("book a table")
    };
    let among_all = tools_of(&shuffle(1, "book a table"));
    let expected: Vec<ToolId> = among_all
        .into_iter()
        .filter(|tool| candidates.contains(tool))
        .collect();
    assert_eq!(tools_of(&shuffler(30, 1).rank(&request, 9)), expected);
}

#[test]
fn every_tool_comes_to_every_place_equally_often() {
    let (tools, texts) = (10, 20_000);
    let random = shuffler(tools, 7);
    let mut counts = vec![vec![0u32; tools]; tools];
    for number in 0..texts {
        let ranking = random.rank(&asks(&format!("query {number}")), tools);
        for (place, ranked) in ranking.iter().enumerate() {
            counts[place][ranked.tool] += 1;
        }
    }
    let expected = f64::from(texts) / tools as f64;
    for (place, counts) in counts.iter().enumerate() {
        let chi_squared: f64 = counts
            .iter()
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum();
        // The 99.9 % point at 9 degrees of freedom is 27.9.
        assert!(chi_squared < 27.9, "place {place}: {counts:?}");
    }
}

#[test]
fn ndcg_is_what_chance_gives() {
    // One right tool among ten, NDCG@5: (1/10) Σ 1/log₂(place + 1) over the first five places.
    let random = shuffler(10, 0);
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let chance = (0..5).map(gain).sum::<f64>() / 10.0;

    let texts = 20_000;
    let total: f64 = (0..texts)
        .filter_map(|number| {
            let ranking = tools_of(&random.rank(&asks(&format!("query {number}")), 5));
            ranking.iter().position(|&tool| tool == number % 10)
        })
        .map(gain)
        .sum();
    // Standard error 0.0025.
    let ndcg = total / texts as f64;
    assert!(
        (ndcg - chance).abs() < 0.008,
        "{ndcg}, but chance is {chance}"
    );
}
