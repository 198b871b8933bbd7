//! Training data that no router should learn from.

use ndarray::{Array2, Axis};
use oats_routers::{Error, RouterSpec};

use crate::common::Problem;

fn problem() -> Problem {
    Problem::random(1, 5, 12, 8)
}

/// The message that `dense` and `oats-s1` both refuse `problem` with.
fn refusal(problem: &Problem) -> String {
    let [dense, s1] = ["dense", "oats-s1"].map(|kind| {
        let spec = RouterSpec::by_kind(kind).unwrap();
        spec.fit(&problem.training()).err().unwrap()
    });
    assert!(matches!(dense, Error::Shape(_) | Error::Vector { .. }));
    assert_eq!(dense.to_string(), s1.to_string());
    dense.to_string()
}

#[test]
fn vectors_that_are_not_unit_vectors_are_refused_by_name() {
    for (length, what) in [
        (f32::NAN, "not finite"),
        (f32::INFINITY, "not finite"),
        (f32::NEG_INFINITY, "not finite"),
        (0.0, "zero"),
        (3.0, "not of unit length"),
        (0.9, "not of unit length"),
    ] {
        let mut bad = problem();
        bad.tool_embeddings.row_mut(3).mapv_inplace(|x| x * length);
        let message = refusal(&bad);
        let expected = format!("the embedding of tool \"tool3\" is {what};");
        assert!(message.starts_with(&expected), "{message}");

        let mut bad = problem();
        bad.query_embeddings.row_mut(7).mapv_inplace(|x| x * length);
        let message = refusal(&bad);
        let expected = format!("the embedding of training query \"query 7\" is {what};");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn a_single_nan_is_found() {
    let mut bad = problem();
    bad.tool_embeddings[[4, 7]] = f32::NAN;
    assert!(refusal(&bad).contains("tool \"tool4\" is not finite"));
}

#[test]
fn matrices_of_another_shape_are_refused_with_both_sizes() {
    let mut bad = problem();
    bad.tool_embeddings.remove_index(Axis(0), 4);
    assert!(refusal(&bad).contains("5 tools with 4 vectors"));

    let mut bad = problem();
    bad.query_embeddings.remove_index(Axis(0), 11);
    assert!(refusal(&bad).contains("12 queries with 11 vectors"));

    let mut bad = problem();
    bad.query_embeddings.remove_index(Axis(1), 7);
    assert!(refusal(&bad).contains("tool vectors have 8 components, query vectors 7"));

    let mut bad = problem();
    bad.tool_embeddings = Array2::zeros((5, 0));
    bad.query_embeddings = Array2::zeros((12, 0));
    assert!(refusal(&bad).contains("tool \"tool0\" is zero"));
}

#[test]
fn a_label_or_candidate_that_names_no_tool_is_refused() {
    let mut bad = problem();
    bad.queries[2].relevant = vec![(1, 1), (5, 1)];
    assert!(refusal(&bad).contains("\"query 2\" names tool 5, but there are 5"));

    let mut bad = problem();
    bad.queries[2].candidates = vec![1, 7];
    assert!(refusal(&bad).contains("\"query 2\" names tool 7, but there are 5"));
}
