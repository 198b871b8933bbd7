//! Multinomial logistic regression.

use ndarray::{Array1, Array2, Axis, array};
use oats_routers::{Error, Request, Router, RouterKind, controls::LinearParams};

use crate::common::{Problem, asks, tools_of};

fn fit(params: LinearParams, problem: &Problem) -> Box<dyn Router> {
    params.fit(&problem.training()).unwrap()
}

/// The penalised loss is convex: its minimum is where the gradient is 0, whoever computes it.
#[test]
fn the_weights_are_the_minimum_of_the_penalised_loss() {
    let problem = Problem::random(4, 9, 120, 6);
    let params = LinearParams {
        l2: 0.5,
        max_iterations: 1000,
    };
    let state = fit(params, &problem).state();
    let classes: Vec<usize> = state.read("classes").unwrap();
    let weights: Array2<f64> = state.array("weights").unwrap().mapv(f64::from);
    let biases: Array1<f64> = state.array("biases").unwrap().mapv(f64::from);

    let mut gradient = &weights * f64::from(params.l2);
    let mut bias_gradient = Array1::<f64>::zeros(classes.len());
    for (query, vector) in problem.queries.iter().zip(problem.query_embeddings.rows()) {
        let vector = vector.mapv(f64::from);
        let odds = (weights.dot(&vector) + &biases).mapv(f64::exp);
        for &(tool, _) in &query.relevant {
            let mut excess = &odds / odds.sum();
            excess[classes.binary_search(&tool).unwrap()] -= 1.0;
            gradient += &(excess
                .view()
                .insert_axis(Axis(1))
                .dot(&vector.view().insert_axis(Axis(0))));
            bias_gradient += &excess;
        }
    }
    let steepest = gradient
        .iter()
        .chain(&bias_gradient)
        .fold(0.0, |most: f64, g| most.max(g.abs()));
    assert!(steepest < 5e-3, "{steepest}");
    assert!(weights.iter().any(|weight| weight.abs() > 0.1), "{weights}");
}

#[test]
fn classes_rank_by_logit_and_other_tools_behind_by_cosine() {
    // Tool 3 is right for nothing, though every query points straight at it, and tool 4 away from it.
    let problem = Problem::new(
        array![
            [0.0, -1.0],
            [0.0, -1.0],
            [0.0, -1.0],
            [1.0, 0.0],
            [-1.0, 0.0]
        ],
        array![[1.0, 0.0], [0.8, 0.6], [0.8, -0.6]],
        &[&[0], &[1], &[2]],
    );
    let router = fit(LinearParams::default(), &problem);
    let request = Request {
        embedding: &[0.8, 0.6],
        ..asks("")
    };
    let ranking = router.rank(&request, 9);
    assert_eq!(tools_of(&ranking), [1, 0, 2, 3, 4]);
    assert_eq!(ranking[2].score, 2.0, "the lowest logit");
    assert_eq!((ranking[3].score, ranking[4].score), (0.8, -0.8));
    let among = Request {
        candidates: Some(&[4, 2, 0]),
        ..request
    };
    assert_eq!(tools_of(&router.rank(&among, 2)), [0, 2]);
}

#[test]
fn one_class_or_none_needs_no_regression() {
    let tools = array![[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
    let request = Request {
        embedding: &[1.0, 0.0],
        ..asks("")
    };
    let one = Problem::new(tools.clone(), array![[1.0, 0.0], [0.0, 1.0]], &[&[1], &[1]]);
    let ranking = fit(LinearParams::default(), &one).rank(&request, 9);
    assert_eq!(tools_of(&ranking), [1, 0, 2]);
    let none = Problem::new(tools, array![[1.0, 0.0]], &[&[]]);
    let ranking = fit(LinearParams::default(), &none).rank(&request, 9);
    assert_eq!(tools_of(&ranking), [0, 1, 2]);
}

#[test]
fn settings_are_checked() {
    for (l2, max_iterations, wrong) in [
        (-0.1, 1, "l2"),
        (f32::NAN, 1, "l2"),
        (1.0, 0, "max_iterations"),
    ] {
        let error = LinearParams { l2, max_iterations }.check().unwrap_err();
        assert!(
            matches!(error, Error::Setting { router: "linear", field, .. } if field == wrong),
            "{error}"
        );
    }
}
