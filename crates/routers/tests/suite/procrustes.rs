//! The orthogonal adapter against SciPy.

use ndarray::{Array2, Ix2};

use crate::{
    common::{Problem, part, reference},
    oats::{assert_ranks_as_dense, matrix, of_reference, spec},
};

fn turned(problem: &Problem, settings: &str) -> Array2<f32> {
    let stage = spec(&format!("kind = \"adapter-procrustes\"\n{settings}"));
    let state = stage.fit(&problem.training()).unwrap().state();
    state.array::<Ix2>("tools").unwrap()
}

fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    (a - b).fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn agrees_with_scipy() {
    let reference = reference("procrustes.json");
    let problem = of_reference(&reference);
    for case in reference["cases"].as_array().unwrap() {
        let lambda: f64 = part(case, "lambda");
        let found = turned(&problem, &format!("lambda = {lambda:?}"));
        let difference = largest_difference(&found, &matrix(part(case, "turned")));
        assert!(difference < 1e-6, "λ = {lambda}: off by {difference}");
    }
}

/// All angles between tools stay, and lengths with them.
#[test]
fn a_rotation_keeps_what_tools_have_in_common() {
    let problem = Problem::random(1, 9, 40, 16);
    for (settings, least) in [("", 0.0), ("lambda = 0.1", 0.1)] {
        let found = turned(&problem, settings);
        let before = problem.tool_embeddings.dot(&problem.tool_embeddings.t());
        assert!(largest_difference(&found.dot(&found.t()), &before) < 1e-6);
        assert!(largest_difference(&found, &problem.tool_embeddings) > least);
    }
}

/// Tools that all lie a quarter turn from their queries are found again.
#[test]
fn a_turned_world_is_turned_back() {
    let mut problem = Problem::random(2, 12, 200, 8);
    for (number, query) in problem.queries.iter_mut().enumerate() {
        let right = number % 12;
        query.relevant = vec![(right, 1)];
        let tool = problem.tool_embeddings.row(right);
        let quarter = (0..8).map(|i| {
            if i % 2 == 0 {
                -tool[i + 1]
            } else {
                tool[i - 1]
            }
        });
        let quarter: Vec<f32> = quarter.collect();
        for (to, x) in problem
            .query_embeddings
            .row_mut(number)
            .iter_mut()
            .zip(quarter)
        {
            *to = x;
        }
    }
    let router = spec("kind = \"adapter-procrustes\"").fit(&problem.training());
    let rows: Vec<usize> = (0..200).collect();
    let ndcg = problem.training().ndcg(&*router.unwrap(), &rows).unwrap();
    assert!(ndcg > 0.999, "{ndcg}");
}

#[test]
fn the_heaviest_shrinkage_is_the_base() {
    let problem = Problem::random(1, 9, 40, 8);
    assert_ranks_as_dense(
        &spec("kind = \"adapter-procrustes\"\nlambda = 1e12"),
        &problem,
    );
}
