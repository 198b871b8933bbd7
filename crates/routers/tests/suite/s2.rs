//! Stage 2: what the network sees, how large it is, and that it does not see too much.

use ndarray::{Array1, Array2, Axis, Ix1, Ix2, array, concatenate};
use oats_routers::{Request, RouterSpec, State};

use crate::{
    common::{Problem, query, tool},
    oats::{around, ndcg, rankings, spec},
};

fn fitted_state(spec: &RouterSpec, problem: &Problem) -> State {
    spec.fit(&problem.training()).unwrap().state()
}

#[test]
fn the_network_has_2625_parameters() {
    let problem = Problem::random(0, 9, 40, 8);
    for settings in ["", "without = [\"margin\", \"lexical\"]"] {
        let router = spec(&format!("kind = \"oats-s2\"\nepochs = 1\n{settings}"));
        let state = fitted_state(&router, &problem).nested("reranker");
        let weights = ["w1", "w2", "w3"].map(|name| state.array::<Ix2>(name).unwrap().len());
        let biases = ["b1", "b2", "b3"].map(|name| state.array::<Ix1>(name).unwrap().len());
        assert_eq!(weights.iter().chain(&biases).sum::<usize>(), 2625);
    }
}

/// Puts weights into `state` that pass one feature on unchanged.
fn pass_on(state: &mut State, feature: usize) {
    let mut w1 = Array2::<f32>::zeros((7, 64));
    let mut w2 = Array2::<f32>::zeros((64, 32));
    let mut w3 = Array2::<f32>::zeros((32, 1));
    // relu(x) − relu(−x) = x
    for (unit, sign) in [(0, 1.0), (1, -1.0)] {
        w1[[feature, unit]] = sign;
        w2[[unit, unit]] = 1.0;
        w3[[unit, 0]] = sign;
    }
    for (name, weights) in [("w1", w1), ("w2", w2), ("w3", w3)] {
        state.put(&format!("reranker/{name}"), &weights);
    }
    for (name, units) in [("b1", 64), ("b2", 32), ("b3", 1)] {
        state.put(&format!("reranker/{name}"), &Array1::<f32>::zeros(units));
    }
}

/// Three tools, and what is documented of each feature for the request (0.6, 0.8) "rain rain map".
#[test]
fn features_are_what_their_documentation_says() {
    let mut problem = Problem::new(
        array![[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]],
        array![[0.8, 0.6], [0.0, 1.0], [0.6, 0.8], [0.6, -0.8]],
        &[&[0], &[0], &[0, 1], &[1]],
    );
    problem.tools = vec![tool("map", ""), tool("rain", ""), tool("song", "")];
    // Q⁺: tool 0 has queries 0, 1 and 2; tool 1 has 2 and 3. Q⁻ with K = 2: query 0 retrieves 0 and 1,
    // query 1 retrieves 1 and 0 or 2, query 2 retrieves 1 and 0, query 3 retrieves 0 and 2.
    problem.queries = vec![
        query(0, &[0]),
        query(1, &[0]),
        query(2, &[0, 1]),
        query(3, &[1]),
    ];
    // Not at a right angle to tools 0 and 2, so that nothing ties.
    let off = array![0.1f32, 0.995];
    let off = &off / off.dot(&off).sqrt();
    problem.query_embeddings.row_mut(1).assign(&off);

    let norm = |x: f32, y: f32| (x * x + y * y).sqrt();
    let cosine = |x: f32, y: f32| (0.6 * x + 0.8 * y) / norm(x, y);
    let (one, two) = (off[0], off[1]);
    let success = [cosine(0.8 + one + 0.6, 0.6 + two + 0.8), cosine(1.2, 0.0)];
    // Tool 0 is wrong for query 3, tool 1 for queries 0 and 1, tool 2 for query 3.
    let failure = [
        cosine(0.6, -0.8),
        cosine(0.8 + one, 0.6 + two),
        cosine(0.6, -0.8),
    ];
    let counts = [1.0, 3.0f32.ln() / 4.0f32.ln(), 0.0];
    // The words are as rare as each other; "rain" is asked twice.
    let lexical = [0.5, 1.0, 0.0];
    // Only the two best-scored, tools 1 and 0, are re-ranked.
    let expected = [
        [0.6, 0.8],
        [0.5, 1.0],
        [0.2, 0.0],
        [lexical[0], lexical[1]],
        [success[0], success[1]],
        [failure[0], failure[1]],
        [counts[0], counts[1]],
    ];

    let router = spec("kind = \"oats-s2\"\ntop_k = 2\nepochs = 1");
    let mut state = fitted_state(&router, &problem);
    // Of so few queries some features are never seen.
    state.note("reranker/used", vec![true; 7]);
    let request = Request {
        text: "rain rain map",
        embedding: &[0.6, 0.8],
        candidates: None,
    };
    for (feature, expected) in expected.into_iter().enumerate() {
        pass_on(&mut state, feature);
        let ranking = router.restore(&state).unwrap().rank(&request, 3);
        for (tool, expected) in expected.into_iter().enumerate() {
            let score = ranking
                .iter()
                .find(|ranked| ranked.tool == tool)
                .unwrap()
                .score;
            // Re-ranked scores are 2.5 + ½·x / (1 + |x|).
            let bounded = 2.0 * (score - 2.5);
            let value = bounded / (1.0 - bounded.abs());
            assert!(
                (value - expected).abs() < 1e-4,
                "feature {feature}, tool {tool}: {value} for {expected}"
            );
        }
        assert_eq!(ranking[2].tool, 2);
        assert!((ranking[2].score + 0.6).abs() < 1e-6);
    }
    // In a pool of one tool, the tool is the first and the best.
    pass_on(&mut state, 1);
    let alone = Request {
        candidates: Some(&[0]),
        ..request
    };
    let ranking = router.restore(&state).unwrap().rank(&alone, 3);
    assert_eq!(ranking.len(), 1);
    assert!((ranking[0].score - 2.75).abs() < 1e-6);
}

#[test]
fn a_feature_that_is_left_out_is_zero() {
    let problem = Problem::random(1, 9, 40, 8);
    let all = [
        "similarity",
        "reciprocal-rank",
        "margin",
        "lexical",
        "success-centroid",
        "failure-centroid",
        "success-count",
    ];
    for (feature, name) in all.into_iter().enumerate() {
        let scores = |without: &str| {
            let router = spec(&format!(
                "kind = \"oats-s2\"\nepochs = 1\nwithout = [{without}]"
            ));
            let mut state = fitted_state(&router, &problem);
            pass_on(&mut state, feature);
            let rankings = rankings(router.restore(&state).unwrap().as_ref(), &problem);
            rankings
                .concat()
                .iter()
                .map(|ranked| ranked.score)
                .collect::<Vec<_>>()
        };
        assert!(
            scores(&format!("\"{name}\""))
                .iter()
                .all(|&score| score == 2.5),
            "{name}"
        );
        if name != "lexical" {
            // The queries of a random problem share no words with its tools.
            assert!(scores("").iter().any(|&score| score != 2.5), "{name}");
        }
    }
    let refused = toml::from_str::<RouterSpec>("kind = \"oats-s2\"\nwithout = [\"luck\"]");
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("unknown variant `luck`")
    );
}

/// Were training queries described by their own outcomes, the mean of a tool's two queries would give
/// it away in training, and a network that trusts it would rank far worse than its base (0.24).
#[test]
fn a_query_is_not_described_by_its_own_outcome() {
    let (training, test) = around(Problem::random(2, 60, 240, 24), 0.0, 3.0);
    let dense = spec("kind = \"dense\"").fit(&training.training()).unwrap();
    let s2 = spec("kind = \"oats-s2\"")
        .fit(&training.training())
        .unwrap();
    let (before, after) = (ndcg(dense.as_ref(), &test), ndcg(s2.as_ref(), &test));
    assert!(after > before - 0.05, "{before} → {after}");
}

/// With one outcome a tool, or two, an example's right tool is the one that lacks them, and in service
/// it is the others that do: a network that takes that for a rule ranks tools without any first.
#[test]
fn few_outcomes_are_no_reason_to_prefer_tools_without() {
    for outcomes in [1, 2] {
        for seed in 0..3 {
            let known = Problem::random(seed, 120, 2 * 120 * outcomes, 24);
            let (training, test) = around(known, 0.0, 1.5);
            let unknown = Problem::random(seed + 100, 80, 0, 24);
            let [training, test] = [training, test].map(|problem| Problem {
                tools: [problem.tools, unknown.tools.clone()].concat(),
                tool_embeddings: concatenate(
                    Axis(0),
                    &[
                        problem.tool_embeddings.view(),
                        unknown.tool_embeddings.view(),
                    ],
                )
                .unwrap(),
                ..problem
            });
            let [dense, s2] = ["dense", "oats-s2"].map(|kind| {
                let router = spec(&format!("kind = \"{kind}\""));
                ndcg(router.fit(&training.training()).unwrap().as_ref(), &test)
            });
            assert!(
                s2 > dense - 0.05,
                "{outcomes} a tool, seed {seed}: {dense} → {s2}"
            );
        }
    }
}
