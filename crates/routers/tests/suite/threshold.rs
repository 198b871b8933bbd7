//! As many tools as score high enough.

use ndarray::{Array2, array};
use oats_datasets::{Query, ToolId};
use oats_routers::{
    Error, Request, Router, RouterKind, baselines::Dense, oats::ToolVectors,
    threshold::ThresholdParams,
};

use crate::common::{Problem, asks, query};

fn over_dense(threshold: Option<f32>) -> ThresholdParams {
    ThresholdParams {
        base: ToolVectors::Dense(Default::default()),
        threshold,
    }
}

/// Ten requests that all point east. Tools 0 and 1 are right, with cosines 0.8 and 0.28; the lists
/// they are asked with hold them and tool 2, which is orthogonal. Outside the lists, five wrong tools
/// have a cosine of 0.6.
fn crowd() -> Problem {
    let mut tools = Array2::zeros((8, 2));
    for (mut row, (x, y)) in tools.rows_mut().into_iter().zip(
        [(0.8, 0.6), (0.28, 0.96), (0.0, 1.0)]
            .into_iter()
            .chain([(0.6, 0.8); 5]),
    ) {
        row.assign(&array![x, y]);
    }
    let mut queries = Array2::zeros((10, 2));
    queries.column_mut(0).fill(1.0);
    let asked = |number| Query {
        candidates: vec![2, 1, 0],
        ..query(number, &[0, 1])
    };
    Problem {
        queries: (0..10).map(asked).collect(),
        ..Problem::new(tools, queries, &[])
    }
}

fn east(candidates: Option<&[ToolId]>) -> Request<'_> {
    Request {
        embedding: &[1.0, 0.0],
        candidates,
        ..asks("")
    }
}

fn sorted(mut tools: Vec<ToolId>) -> Vec<ToolId> {
    tools.sort_unstable();
    tools
}

#[test]
fn every_tool_from_the_threshold_up_is_selected_and_the_best_in_any_case() {
    let problem = crowd();
    for (threshold, expected) in [
        (-1.0, [0, 3, 4, 5, 6, 7, 1, 2].as_slice()),
        (0.28, &[0, 3, 4, 5, 6, 7, 1]),
        (0.6, &[0, 3, 4, 5, 6, 7]),
        (0.7, &[0]),
        (1.0, &[0]),
    ] {
        let router = over_dense(Some(threshold))
            .fit(&problem.training())
            .unwrap();
        let selected = router.select(&east(None));
        assert_eq!(selected[0], 0, "best first");
        assert_eq!(
            sorted(selected),
            sorted(expected.to_vec()),
            "from {threshold}"
        );
    }
    let router = over_dense(Some(0.9)).fit(&problem.training()).unwrap();
    assert_eq!(router.select(&east(Some(&[2, 1]))), [1]);
    assert!(router.select(&east(Some(&[]))).is_empty());
}

#[test]
fn lists_and_the_catalogue_have_thresholds_of_their_own() {
    let router = over_dense(None).fit(&crowd().training()).unwrap();
    // F1 in the list: both right tools and no other, 1. In the catalogue tool 1 comes after five
    // wrong ones: the first alone has 2/3, the first seven 4/9.
    assert_eq!(sorted(router.select(&east(Some(&[0, 1, 2])))), [0, 1]);
    assert_eq!(router.select(&east(None)), [0]);
}

#[test]
fn without_lists_the_catalogues_threshold_stands_for_both() {
    let mut problem = crowd();
    for query in &mut problem.queries {
        query.candidates.clear();
    }
    let router = over_dense(None).fit(&problem.training()).unwrap();
    assert_eq!(router.select(&east(Some(&[0, 1, 2]))), [0]);
}

/// Stage 1 with α = 1 remembers: each tool's vector becomes the mean of its queries'. If thresholds
/// were chosen by vectors that know the held-out queries, these would find their tools at cosines
/// near 1, and little would be selected. Of random labels nothing else can be known, so that a low
/// threshold, which gets some tools right by their number, has the best F1.
#[test]
fn thresholds_are_chosen_with_vectors_fitted_to_other_queries() {
    let problem = Problem::random(2, 200, 100, 16);
    let remembering: ThresholdParams =
        toml::from_str("base = { kind = \"oats-s1\", alpha = 1.0, beta = 0.0 }").unwrap();
    let router = remembering.fit(&problem.training()).unwrap();
    let selected = problem.query_embeddings.rows().into_iter().map(|vector| {
        let embedding = vector.to_slice().unwrap();
        let request = Request {
            embedding,
            ..asks("")
        };
        router.select(&request).len()
    });
    let selected: usize = selected.sum();
    assert!(selected > 500, "{selected} tools for 100 queries");
}

#[test]
fn ranks_as_its_vectors_do() {
    let problem = crowd();
    let dense = Dense::fit(&problem.training()).unwrap();
    let router = over_dense(None).fit(&problem.training()).unwrap();
    for request in [east(None), east(Some(&[5, 1, 0]))] {
        for k in [0, 2, 100] {
            assert_eq!(router.rank(&request, k), dense.rank(&request, k));
        }
    }
}

#[test]
fn a_threshold_is_a_cosine() {
    for threshold in [-1.1, 1.1, f32::NAN] {
        let error = over_dense(Some(threshold)).check().unwrap_err();
        assert!(
            matches!(
                error,
                Error::Setting {
                    router: "threshold",
                    field: "threshold",
                    ..
                }
            ),
            "{error}"
        );
    }
}
