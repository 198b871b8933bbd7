//! Nearest training queries.

use ndarray::{Array2, array};
use oats_datasets::Outcome;
use oats_routers::{Request, Router, RouterKind, TrainingQuery, controls::KnnParams};

use crate::common::{Problem, asks, tools_of};

/// Three directions, a tool and a training query in each; the query's right tool is the next one.
fn problem() -> Problem {
    let directions = array![[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];
    Problem::new(directions.clone(), directions, &[&[1], &[2], &[0]])
}

fn fit(params: KnnParams, problem: &Problem) -> Box<dyn Router> {
    params.fit(&problem.training()).unwrap()
}

const EAST: Request<'static> = Request {
    text: "",
    embedding: &[1.0, 0.0],
    candidates: None,
};

#[test]
fn votes_weigh_as_the_softmax_of_the_cosines() {
    let params = KnnParams {
        neighbours: 2,
        temperature: 0.4,
    };
    let ranking = fit(params, &problem()).rank(&EAST, 3);
    // Cosines 1 and 0.6: e^0 against e^-1. The third tool has no votes and a cosine of 1.
    let expected = [(1, 2.731_058_6), (2, 2.268_941_4), (0, 1.0)];
    for (ranked, (tool, score)) in ranking.iter().zip(expected) {
        assert_eq!(ranked.tool, tool);
        assert!((ranked.score - score).abs() < 1e-6, "{ranked:?}");
    }
}

#[test]
fn tools_without_votes_rank_behind_by_their_own_vectors() {
    let params = KnnParams {
        neighbours: 1,
        ..KnnParams::default()
    };
    let north = Request {
        embedding: &[0.0, 1.0],
        ..EAST
    };
    let router = fit(params, &problem());
    assert_eq!(tools_of(&router.rank(&north, 9)), [0, 2, 1]);
    let among = Request {
        candidates: Some(&[1, 2]),
        ..north
    };
    assert_eq!(tools_of(&router.rank(&among, 9)), [2, 1]);
}

#[test]
fn every_right_tool_of_a_neighbour_has_its_vote() {
    let problem = Problem::new(
        array![[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]],
        array![[1.0, 0.0]],
        &[&[1, 2]],
    );
    let ranking = fit(KnnParams::default(), &problem).rank(&EAST, 3);
    let scores: Vec<f32> = ranking.iter().map(|ranked| ranked.score).collect();
    assert_eq!(scores, [3.0, 3.0, 1.0]);
    assert_eq!(ranking[2].tool, 0);
}

#[test]
fn failures_and_queries_without_labels_do_not_vote() {
    let problem = problem();
    let outcome = |tool, success| Outcome {
        tool,
        success,
        propensity: 1.0,
    };
    let mut training = problem.training();
    training.queries = vec![
        TrainingQuery::logged(&problem.queries[0], vec![outcome(2, false)]),
        TrainingQuery::logged(
            &problem.queries[1],
            vec![outcome(0, false), outcome(1, true)],
        ),
        TrainingQuery::logged(&problem.queries[2], vec![]),
    ];
    let router = KnnParams::default().fit(&training).unwrap();
    let ranking = router.rank(&EAST, 3);
    assert_eq!(tools_of(&ranking), [1, 0, 2]);
    assert_eq!(ranking[0].score, 3.0);
}

/// A temperature so low that exponentials of cosines alone would overflow.
#[test]
fn any_temperature_gives_finite_scores() {
    for temperature in [f32::MIN_POSITIVE, 1e-3, f32::MAX] {
        let params = KnnParams {
            temperature,
            ..KnnParams::default()
        };
        let ranking = fit(params, &problem()).rank(&EAST, 3);
        assert!(
            ranking.iter().all(|ranked| ranked.score.is_finite()),
            "{ranking:?}"
        );
        assert_eq!(ranking[0].tool, 1);
    }
}

#[test]
fn a_request_that_stands_in_training_finds_itself() {
    let problem = Problem::random(3, 30, 200, 16);
    let params = KnnParams {
        neighbours: 1,
        ..KnnParams::default()
    };
    let router = fit(params, &problem);
    for (query, vector) in problem.queries.iter().zip(problem.query_embeddings.rows()) {
        let request = Request {
            embedding: vector.to_slice().unwrap(),
            ..asks(&query.text)
        };
        let best = router.rank(&request, 1)[0].tool;
        assert!(query.relevant.iter().any(|&(tool, _)| tool == best));
    }
}

#[test]
fn without_training_queries_the_tools_own_vectors_decide() {
    let problem = Problem::new(problem().tool_embeddings, Array2::zeros((0, 2)), &[]);
    let ranking = fit(KnnParams::default(), &problem).rank(&EAST, 9);
    assert_eq!(tools_of(&ranking), [0, 1, 2]);
    assert_eq!(ranking[1].score, 0.6);
}
