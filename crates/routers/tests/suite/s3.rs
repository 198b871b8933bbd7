//! Stage 3: its size, its start, what it serves, and its ingredients.

use ndarray::{Array1, Array2, Ix1, Ix2, array};
use oats_routers::{Request, Router, State};

use crate::{
    common::{Problem, query},
    oats::{assert_ranks_as_dense, between, ndcg, rankings, spec},
};

#[test]
fn the_adapter_has_197248_parameters() {
    let problem = Problem::random(0, 6, 8, 384);
    let stage = spec("kind = \"oats-s3\"\nepochs = 1");
    let state = stage
        .fit(&problem.training())
        .unwrap()
        .state()
        .nested("adapter");
    let weights = ["w1", "w2"].map(|name| state.array::<Ix2>(name).unwrap().len());
    let biases = ["b1", "b2"].map(|name| state.array::<Ix1>(name).unwrap().len());
    assert_eq!(weights.iter().chain(&biases).sum::<usize>(), 197_248);
}

#[test]
fn it_starts_as_the_identity() {
    let problem = Problem::random(1, 9, 40, 8);
    // A step so small that the weights stay where they started.
    let stage = spec("kind = \"oats-s3\"\nepochs = 1\nlearning_rate = 1e-30");
    assert_ranks_as_dense(&stage, &problem);
}

#[test]
fn it_serves_what_its_formula_says() {
    let mut state = State::default();
    state.put("tools", &array![[1.0f32, 0.0], [0.0, 1.0]]);
    state.put("adapter/w1", &array![[1.0f32, -1.0, 0.0], [0.5, 0.0, 2.0]]);
    state.put("adapter/b1", &array![-0.5f32, 0.1, 0.0]);
    state.put(
        "adapter/w2",
        &array![[0.0f32, 2.0], [9.0, 9.0], [1.0, -1.0]],
    );
    state.put("adapter/b2", &array![0.3f32, 0.0]);
    state.note("stages", vec!["adapter"]);
    let stage = |residual| {
        spec(&format!(
            "kind = \"oats-s3\"\nhidden = 3\nresidual = {residual}"
        ))
    };
    let request = Request {
        text: "",
        embedding: &[0.6, 0.8],
        candidates: None,
    };
    // relu(W₁q + b₁) = (0.6 + 0.4 − 0.5, −0.6 + 0.1, 1.6) = (0.5, 0, 1.6); W₂· + b₂ = (1.9, −0.6)
    for (residual, moved) in [(true, [2.5f32, 0.2]), (false, [1.9, -0.6])] {
        let ranking = stage(residual).restore(&state).unwrap().rank(&request, 2);
        let norm = (moved[0] * moved[0] + moved[1] * moved[1]).sqrt();
        for (ranked, expected) in ranking.iter().zip(moved) {
            assert!((ranked.score - expected / norm).abs() < 1e-6, "{ranked:?}");
        }
        assert_eq!(
            ranking.iter().map(|ranked| ranked.tool).collect::<Vec<_>>(),
            [0, 1]
        );
    }
    // A vector that vanishes has no direction; the query's own stands in.
    state.put("adapter/w2", &Array2::<f32>::zeros((3, 2)));
    state.put("adapter/b2", &Array1::<f32>::zeros(2));
    let ranking = stage(false).restore(&state).unwrap().rank(&request, 1);
    assert_eq!((ranking[0].tool, ranking[0].score), (1, 0.8));
}

#[test]
fn every_ingredient_matters_and_each_kind_of_negatives_is_enough() {
    let (training, test) = between(3, 12, 240, 16);
    let dense = spec("kind = \"dense\"").fit(&training.training()).unwrap();
    let before = ndcg(dense.as_ref(), &test);
    let mut states = Vec::new();
    for settings in [
        "",
        "in_batch = false",
        "hard_negatives = 0",
        "residual = false",
        "temperature = 0.2",
        "hidden = 64",
    ] {
        let stage = spec(&format!(
            "kind = \"oats-s3\"\nlearning_rate = 0.003\n{settings}"
        ));
        let router = stage.fit(&training.training()).unwrap();
        let after = ndcg(router.as_ref(), &test);
        assert!(after > before + 0.05, "{settings}: {before} → {after}");
        assert!(!states.contains(&router.state()), "{settings}");
        states.push(router.state());
    }
}

/// Two tools that are right for the same queries must not push each other away.
#[test]
fn other_right_tools_are_no_negatives() {
    let mut problem = Problem::random(4, 2, 60, 8);
    for (number, asked) in problem.queries.iter_mut().enumerate() {
        *asked = query(number, &[0, 1]);
    }
    // There is nothing that could be a negative, so there is nothing to learn.
    let stage = spec("kind = \"oats-s3\"\nlearning_rate = 0.1\nepochs = 2");
    let adapted = stage.fit(&problem.training()).unwrap();
    let dense = spec("kind = \"dense\"").fit(&problem.training()).unwrap();
    let scores = |router: &dyn Router| rankings(router, &problem).concat();
    for (dense, adapted) in scores(dense.as_ref()).iter().zip(scores(adapted.as_ref())) {
        assert_eq!(dense.tool, adapted.tool);
        assert!((dense.score - adapted.score).abs() < 1e-5);
    }
}
