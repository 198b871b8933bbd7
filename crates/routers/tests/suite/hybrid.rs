//! Fusion of words and vectors.

use ndarray::{Array2, Ix1, array};
use oats_routers::{
    Error, Request, Router, RouterKind,
    baselines::Bm25Params,
    hybrid::{Fusion, HybridParams},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{Problem, asks, part, query, reference, tool, tools_of},
    oats::of_reference,
};

/// The vectors rank rain, sun, snow, wind for a request that points east.
fn weather() -> Problem {
    let names = ["sun", "rain", "snow", "wind"];
    Problem {
        tools: names.map(|name| tool(name, "")).into(),
        ..Problem::new(
            array![[0.8, 0.6], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0]],
            Array2::zeros((0, 2)),
            &[],
        )
    }
}

fn east(text: &str) -> Request<'_> {
    Request {
        embedding: &[1.0, 0.0],
        ..asks(text)
    }
}

/// Scores by tool.
fn scores(params: HybridParams, request: &Request<'_>) -> [f32; 4] {
    let router = params.fit(&weather().training()).unwrap();
    let mut scores = [f32::NAN; 4];
    for ranked in router.rank(request, usize::MAX) {
        scores[ranked.tool] = ranked.score;
    }
    scores
}

fn weighted(weight: f32) -> HybridParams {
    HybridParams {
        fusion: Fusion::WeightedSum,
        weight: Some(weight),
        ..HybridParams::default()
    }
}

fn assert_near(actual: &[f32], expected: &[f32]) {
    let near = |(a, e): (&f32, &f32)| (a - e).abs() < 1e-6;
    assert!(
        actual.iter().zip(expected).all(near),
        "{actual:?}, expected {expected:?}"
    );
}

#[test]
fn reciprocal_ranks_add_up_and_words_not_found_add_nothing() {
    // BM25 finds snow alone.
    let expected = [1.0 / 62.0, 1.0 / 61.0, 1.0 / 63.0 + 1.0 / 61.0, 1.0 / 64.0];
    assert_near(&scores(HybridParams::default(), &east("snow")), &expected);
}

#[test]
fn ranks_are_those_within_the_requests_pool() {
    let request = Request {
        candidates: Some(&[3, 2]),
        ..east("wind")
    };
    let [_, _, snow, wind] = scores(HybridParams::default(), &request);
    assert_near(&[snow, wind], &[1.0 / 61.0, 1.0 / 61.0 + 1.0 / 62.0]);
}

#[test]
fn weighted_sums_stretch_both_scores_over_the_pool() {
    assert_near(
        &scores(weighted(0.25), &east("snow")),
        &[0.2, 0.25, 0.15 + 0.75, 0.0],
    );
    let request = Request {
        candidates: Some(&[0, 2]),
        ..east("snow")
    };
    let [sun, _, snow, _] = scores(weighted(0.25), &request);
    assert_near(&[sun, snow], &[0.25, 0.75]);
}

#[test]
fn the_ends_of_the_weight_are_the_two_routers() {
    let order = |weight| {
        let router = weighted(weight).fit(&weather().training()).unwrap();
        tools_of(&router.rank(&east("wind"), 4))
    };
    assert_eq!(order(1.0), [1, 0, 2, 3]);
    assert_eq!(order(0.0)[0], 3);
}

#[test]
fn nothing_to_tell_apart_is_no_division_by_zero() {
    let request = Request {
        candidates: Some(&[2]),
        ..east("none of these words")
    };
    let [_, _, snow, _] = scores(weighted(0.5), &request);
    assert_eq!(snow, 0.0);
}

/// Queries name their right tool, or point at it, or neither.
fn named_or_pointed_at(words: bool, vectors: bool) -> Problem {
    let mut problem = Problem::random(7, 12, 60, 8);
    let names = [
        "amber", "birch", "cedar", "daisy", "elm", "fern", "ginger", "hazel", "iris", "jasmine",
        "kale", "lotus",
    ];
    problem.tools = names.map(|name| tool(name, "")).into();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for number in 0..problem.queries.len() {
        let right = rng.random_range(0..names.len());
        problem.queries[number] = query(number, &[right]);
        let named = if words {
            right
        } else {
            rng.random_range(0..names.len())
        };
        problem.queries[number].text = format!("number {number}, {}", names[named]);
        if vectors {
            let vector = problem.tool_embeddings.row(right).to_owned();
            problem.query_embeddings.row_mut(number).assign(&vector);
        }
    }
    problem
}

#[test]
fn the_weight_is_chosen_for_what_carries_the_label() {
    let chosen = HybridParams {
        fusion: Fusion::WeightedSum,
        ..HybridParams::default()
    };
    for (words, vectors) in [(true, false), (false, true)] {
        let problem = named_or_pointed_at(words, vectors);
        let training = problem.training();
        let rows: Vec<usize> = (0..60).collect();
        let ndcg = training
            .ndcg(&*chosen.fit(&training).unwrap(), &rows)
            .unwrap();
        let even = training
            .ndcg(&*weighted(0.5).fit(&training).unwrap(), &rows)
            .unwrap();
        assert!(
            ndcg > 0.999 && even < 0.99,
            "{ndcg}, {even} at equal shares"
        );
    }
}

#[test]
fn a_weight_is_checked_and_refused_for_reciprocal_ranks() {
    for params in [
        weighted(-0.1),
        weighted(1.1),
        weighted(f32::NAN),
        HybridParams {
            weight: Some(0.5),
            ..HybridParams::default()
        },
    ] {
        let error = params.check().unwrap_err();
        assert!(
            matches!(
                error,
                Error::Setting {
                    router: "hybrid",
                    field: "weight",
                    ..
                }
            ),
            "{error}"
        );
    }
}

fn calibrated(penalty: Option<f64>) -> HybridParams {
    HybridParams {
        fusion: Fusion::Calibrated,
        penalty,
        ..HybridParams::default()
    }
}

#[test]
fn calibrated_weights_agree_with_scipy() {
    let reference = reference("calibrated.json");
    let mut problem = of_reference(&reference);
    let names: Vec<String> = part(&reference, "names");
    problem.tools = names.iter().map(|name| tool(name, "")).collect();
    let texts: Vec<String> = part(&reference, "texts");
    for (query, text) in problem.queries.iter_mut().zip(texts) {
        query.text = text;
    }
    for case in reference["cases"].as_array().unwrap() {
        let penalty: f64 = part(case, "penalty");
        let router = calibrated(Some(penalty)).fit(&problem.training()).unwrap();
        let state = router.state().nested("calibration");
        let [words, offsets]: [Vec<f32>; 2] =
            ["words", "offsets"].map(|name| state.array::<Ix1>(name).unwrap().to_vec());
        let cosine: f32 = state.read("cosine").unwrap();
        let off = |found: &[f32], name: &str| {
            let expected: Vec<f32> = part(case, name);
            assert_eq!(found.len(), expected.len());
            let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            off.fold(0.0, f32::max)
        };
        let expected: f32 = part(case, "cosine");
        let off = (cosine - expected)
            .abs()
            .max(off(&words, "words"))
            .max(off(&offsets, "offsets"));
        assert!(off < 2e-3, "penalty {penalty}: off by {off}");
        for number in 0..20 {
            let request = problem.request(number);
            let vectors = problem
                .tool_embeddings
                .dot(&problem.query_embeddings.row(number));
            let found = Bm25Params::default().fit(&problem.training()).unwrap();
            let found = found.rank(&request, 100);
            for ranked in router.rank(&request, 100) {
                let bm25 = found
                    .iter()
                    .find(|other| other.tool == ranked.tool)
                    .unwrap();
                let score = cosine * vectors[ranked.tool]
                    + words[ranked.tool] * bm25.score
                    + offsets[ranked.tool];
                assert!((ranked.score - score).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn calibration_follows_what_carries_the_label() {
    for (words, vectors) in [(true, false), (false, true), (true, true)] {
        let problem = named_or_pointed_at(words, vectors);
        let training = problem.training();
        let rows: Vec<usize> = (0..60).collect();
        let router = calibrated(None).fit(&training).unwrap();
        let ndcg = training.ndcg(&*router, &rows).unwrap();
        assert!(ndcg > 0.999, "{words} {vectors}: {ndcg}");
    }
}

/// A penalty that leaves no room for deviations leaves the shared weights alone.
#[test]
fn the_heaviest_penalty_treats_all_tools_alike() {
    let problem = named_or_pointed_at(true, true);
    let router = calibrated(Some(1e9)).fit(&problem.training()).unwrap();
    let state = router.state().nested("calibration");
    let [words, offsets] = ["words", "offsets"].map(|name| state.array::<Ix1>(name).unwrap());
    assert!(
        words
            .iter()
            .all(|&x| x > 0.0 && (x - words[0]).abs() < 1e-4)
    );
    assert!(offsets.iter().all(|x| x.abs() < 1e-4));
}

#[test]
fn without_successes_calibrated_scores_are_cosines() {
    let request = east("snow");
    let scores = scores(calibrated(None), &request);
    assert_near(&scores, &[0.8, 1.0, 0.6, 0.0]);
}

#[test]
fn a_penalty_is_checked_and_refused_for_the_other_fusions() {
    let mut other = weighted(0.5);
    other.penalty = Some(1.0);
    let mut rank = calibrated(Some(1.0));
    rank.fusion = Fusion::ReciprocalRank;
    let bad = [0.0, -1.0, f64::NAN, f64::INFINITY].map(|penalty| calibrated(Some(penalty)));
    for params in bad.into_iter().chain([other, rank]) {
        let error = params.check().unwrap_err();
        assert!(
            error.to_string().starts_with("hybrid: penalty is "),
            "{error}"
        );
    }
    let mut weighted = weighted(0.5);
    weighted.fusion = Fusion::Calibrated;
    let error = weighted.check().unwrap_err();
    assert!(
        error.to_string().starts_with("hybrid: weight is 0.5"),
        "{error}"
    );
}
