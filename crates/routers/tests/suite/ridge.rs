//! The linear adapter against NumPy, and the solvers against each other.

use ndarray::{Array2, Ix2};
use oats_routers::oats::solve;

use crate::{
    common::{Problem, part, reference, tools_of},
    oats::{assert_ranks_as_dense, between, matrix, ndcg, of_reference, spec},
};

fn largest_difference<T: Into<f64> + Copy>(a: &Array2<T>, b: &Array2<T>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (a.into() - b.into()).abs())
        .fold(0.0, f64::max)
}

#[test]
fn agrees_with_numpy() {
    let reference = reference("ridge.json");
    let problem = of_reference(&reference);
    for case in reference["cases"].as_array().unwrap() {
        let lambda: f64 = part(case, "lambda");
        let stage = spec(&format!("kind = \"adapter-ridge\"\nlambda = {lambda:?}"));
        let state = stage.fit(&problem.training()).unwrap().state();
        let transposed = state.array::<Ix2>("adapter/transposed").unwrap();
        let difference = largest_difference(&transposed.t().to_owned(), &matrix(part(case, "map")));
        assert!(difference < 1e-5, "λ = {lambda}: off by {difference}");
    }
}

#[test]
fn the_heaviest_shrinkage_is_the_base() {
    let problem = Problem::random(1, 9, 40, 8);
    let stage = spec("kind = \"adapter-ridge\"\nlambda = 1e12");
    assert_ranks_as_dense(&stage, &problem);
}

#[test]
fn an_unset_lambda_is_chosen_by_what_helps() {
    let (training, test) = between(2, 12, 240, 16);
    let score = |settings: &str| {
        let stage = spec(&format!("kind = \"adapter-ridge\"\n{settings}"));
        ndcg(stage.fit(&training.training()).unwrap().as_ref(), &test)
    };
    let (chosen, useless) = (score(""), score("lambda = 1000"));
    assert!(chosen > useless + 0.1, "{useless} → {chosen}");
    let grid = ["0.1", "1", "10", "100", "1000"].map(|lambda| score(&format!("lambda = {lambda}")));
    assert!(grid.contains(&chosen), "{chosen} is none of {grid:?}");
}

#[test]
fn a_folded_map_ranks_alike() {
    let problem = Problem::random(4, 30, 200, 16);
    for settings in [
        "lambda = 1",
        "",
        "lambda = 1\nbase = { kind = \"oats-s1\" }",
    ] {
        let [unfolded, folded] = ["false", "true"].map(|fold| {
            let stage = spec(&format!(
                "kind = \"adapter-ridge\"\nfold = {fold}\n{settings}"
            ));
            stage.fit(&problem.training()).unwrap()
        });
        assert_eq!(folded.state().parameters(), 30 * 16);
        for query in 0..200 {
            let request = problem.request(query);
            let [unfolded, folded] = [&unfolded, &folded].map(|router| router.rank(&request, 30));
            assert_eq!(tools_of(&unfolded), tools_of(&folded));
            // All scores differ by one factor.
            let factor = folded[0].score / unfolded[0].score;
            for (unfolded, folded) in unfolded.iter().zip(&folded) {
                assert!((unfolded.score * factor - folded.score).abs() < 1e-5);
            }
        }
    }
}

/// XᵀX + I is positive definite for any X.
fn system(seed: u64) -> (Array2<f64>, Array2<f64>) {
    let x = Problem::random(seed, 40, 24, 24);
    let tools = x.tool_embeddings.mapv(f64::from);
    let a = tools.t().dot(&tools) + Array2::<f64>::eye(24);
    (a, x.query_embeddings.mapv(f64::from))
}

#[test]
fn a_solution_solves() {
    let (a, b) = system(3);
    let x = solve::pure_rust(&a, &b).unwrap();
    assert!(largest_difference(&a.dot(&x), &b) < 1e-12);
    assert!(solve::pure_rust(&(-&a), &b).is_err());
}

#[cfg(feature = "lapack")]
#[test]
fn both_solvers_agree() {
    for seed in 0..5 {
        let (a, b) = system(seed);
        let (ours, theirs) = (solve::pure_rust(&a, &b), solve::lapack(&a, &b));
        assert!(largest_difference(&ours.unwrap(), &theirs.unwrap()) < 1e-12);
        assert!(solve::lapack(&(-&a), &b).is_err());
    }
}
