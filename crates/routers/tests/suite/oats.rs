//! What holds for every stage that is fitted on top of tool vectors: the re-ranker and the adapters.

use ndarray::{Array2, array};
use oats_datasets::{Outcome, ToolId};
use oats_routers::{
    Error, Ranked, Request, Router, RouterSpec, State, TrainingQuery, oats::ToolVectors,
};

use crate::common::{Problem, in_thread_pools, part, query, tool};

const STAGES: [&str; 4] = ["oats-s2", "oats-s3", "adapter-ridge", "adapter-procrustes"];
const BASES: [&str; 2] = ["", "\n[base]\nkind = \"oats-s1\""];

pub(crate) fn spec(text: &str) -> RouterSpec {
    toml::from_str(text).unwrap()
}

/// That the stage, fitted to the problem, ranks by the tools' own embeddings.
pub(crate) fn assert_ranks_as_dense(stage: &RouterSpec, problem: &Problem) {
    let [dense, adapted] = [&spec("kind = \"dense\""), stage].map(|spec| {
        let router = spec.fit(&problem.training()).unwrap();
        rankings(router.as_ref(), problem).concat()
    });
    assert_eq!(dense.len(), adapted.len());
    for (dense, adapted) in dense.into_iter().zip(adapted) {
        assert_eq!(dense.tool, adapted.tool);
        assert!((dense.score - adapted.score).abs() < 1e-6);
    }
}

/// Every stage on every base, with settings that make it quick.
fn stages() -> Vec<RouterSpec> {
    let mut stages = Vec::new();
    for base in BASES {
        for kind in STAGES {
            let settings = if kind.starts_with("adapter-") {
                ""
            } else {
                "epochs = 3"
            };
            stages.push(spec(&format!("kind = \"{kind}\"\n{settings}{base}")));
        }
    }
    stages
}

/// Queries whose right tools `generate.py` drew: `tools`, `queries` and `relevant` of a reference.
pub(crate) fn of_reference(reference: &serde_json::Value) -> Problem {
    // [tool, grade] per right tool; grades other than 1 must make no difference.
    let relevant: Vec<Vec<(ToolId, u32)>> = part(reference, "relevant");
    let tool_embeddings = matrix(part(reference, "tools"));
    let mut queries: Vec<_> = (0..relevant.len())
        .map(|number| query(number, &[]))
        .collect();
    for (query, relevant) in queries.iter_mut().zip(relevant) {
        query.relevant = relevant;
    }
    Problem {
        tools: (0..tool_embeddings.nrows())
            .map(|n| tool(&n.to_string(), ""))
            .collect(),
        tool_embeddings,
        queries,
        query_embeddings: matrix(part(reference, "queries")),
        seed: 0,
    }
}

pub(crate) fn matrix(rows: Vec<Vec<f32>>) -> Array2<f32> {
    let d = rows[0].len();
    Array2::from_shape_vec((rows.len(), d), rows.concat()).unwrap()
}

/// Queries about one tool each that lie between its vector and the next tool's, so that outcomes must
/// tell which of the two is right; and others alike that were not in training.
pub(crate) fn between(seed: u64, tools: usize, queries: usize, d: usize) -> (Problem, Problem) {
    around(Problem::random(seed, tools, 2 * queries, d), 1.0, 0.7)
}

/// Moves every query to the sum of a tool's vector, `next` times the next tool's, and `noise` times its
/// own; the first half is for training.
pub(crate) fn around(mut problem: Problem, next: f32, noise: f32) -> (Problem, Problem) {
    let (tools, queries) = (problem.tools.len(), problem.queries.len());
    for (number, query) in problem.queries.iter_mut().enumerate() {
        let right = number % tools;
        query.relevant = vec![(right, 1)];
        let [own, other] =
            [right, (right + 1) % tools].map(|tool| problem.tool_embeddings.row(tool));
        let mut row = problem.query_embeddings.row_mut(number);
        row *= noise;
        row += &own;
        row.scaled_add(next, &other);
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    let rows: Vec<usize> = (0..queries).collect();
    let (training, test) = rows.split_at(queries / 2);
    (problem.reordered(training), problem.reordered(test))
}

pub(crate) fn ndcg(router: &dyn Router, problem: &Problem) -> f64 {
    let rows: Vec<usize> = (0..problem.queries.len()).collect();
    problem.training().ndcg(router, &rows).unwrap()
}

/// Every query's ranking of the whole catalogue and of every second tool.
pub(crate) fn rankings(router: &dyn Router, problem: &Problem) -> Vec<Vec<Ranked>> {
    let half: Vec<ToolId> = (0..problem.tools.len()).step_by(2).collect();
    let mut rankings = Vec::new();
    for (query, embedding) in problem.queries.iter().zip(problem.query_embeddings.rows()) {
        for candidates in [None, Some(half.as_slice())] {
            let request = Request {
                text: &query.text,
                embedding: embedding.to_slice().unwrap(),
                candidates,
            };
            rankings.push(router.rank(&request, 7));
        }
    }
    rankings
}

/// The router that a stage stands on.
fn base(stage: &RouterSpec) -> RouterSpec {
    let base = match stage {
        RouterSpec::OatsS2(params) => params.base,
        RouterSpec::OatsS3(params) => params.base,
        RouterSpec::AdapterRidge(params) => params.base,
        RouterSpec::AdapterProcrustes(params) => params.base,
        other => panic!("{other:?}"),
    };
    match base {
        ToolVectors::Dense(settings) => RouterSpec::Dense(settings),
        ToolVectors::OatsS1(params) => RouterSpec::OatsS1(params),
    }
}

#[test]
fn every_stage_learns() {
    let (training, test) = between(1, 12, 240, 16);
    let dense = spec("kind = \"dense\"").fit(&training.training()).unwrap();
    for kind in STAGES {
        let router = spec(&format!("kind = \"{kind}\""))
            .fit(&training.training())
            .unwrap();
        let (before, after) = (ndcg(dense.as_ref(), &test), ndcg(router.as_ref(), &test));
        assert!(after > before + 0.1, "{kind}: {before} → {after}");
    }
}

#[test]
fn where_nothing_is_known_to_be_right_the_base_serves() {
    let asked = Problem::random(2, 9, 20, 8);
    let empty = Problem::random(2, 9, 0, 8);
    let mut unanswered = asked.clone();
    for query in &mut unanswered.queries {
        query.relevant.clear();
    }
    for stage in stages() {
        for problem in [&empty, &unanswered] {
            let served = stage.fit(&problem.training()).unwrap();
            let base = base(&stage).fit(&problem.training()).unwrap();
            let expected = rankings(base.as_ref(), &asked);
            assert_eq!(rankings(served.as_ref(), &asked), expected, "{stage:?}");
            let restored = stage.restore(&served.state()).unwrap();
            assert_eq!(rankings(restored.as_ref(), &asked), expected, "{stage:?}");
        }
    }
}

#[test]
fn a_single_tool_and_a_single_query_are_served() {
    for problem in [Problem::random(3, 1, 30, 8), Problem::random(3, 9, 1, 8)] {
        for stage in stages() {
            let router = stage.fit(&problem.training()).unwrap();
            for ranking in rankings(router.as_ref(), &problem) {
                assert!(!ranking.is_empty());
                assert!(
                    ranking.iter().all(|ranked| ranked.score.is_finite()),
                    "{stage:?}"
                );
            }
        }
    }
}

#[test]
fn a_k_beyond_the_catalogue_is_the_whole_catalogue() {
    let problem = Problem::random(4, 9, 60, 8);
    for kind in ["oats-s2", "oats-s3"] {
        let [whole, beyond] = ["9", "9000000000000000000"].map(|k| {
            let stage = spec(&format!("kind = \"{kind}\"\nepochs = 2\ntop_k = {k}"));
            let router = stage.fit(&problem.training()).unwrap();
            rankings(router.as_ref(), &problem)
        });
        assert_eq!(whole, beyond, "{kind}");
    }
}

#[test]
fn a_restored_router_ranks_as_the_fitted_one() {
    let problem = Problem::random(5, 15, 80, 8);
    for stage in stages() {
        let fitted = stage.fit(&problem.training()).unwrap();
        let restored = stage.restore(&fitted.state()).unwrap();
        let expected = rankings(fitted.as_ref(), &problem);
        assert_eq!(rankings(restored.as_ref(), &problem), expected, "{stage:?}");
        assert_eq!(restored.state(), fitted.state());
    }
}

#[test]
fn every_fit_and_every_number_of_threads_gives_the_same_state() {
    let problem = Problem::random(6, 40, 300, 32);
    for stage in stages() {
        let fit = || stage.fit(&problem.training()).unwrap().state();
        let first = fit();
        for again in in_thread_pools(fit) {
            assert!(again == first, "{stage:?}");
        }
        let other_seed = Problem {
            seed: 1,
            ..problem.clone()
        };
        let other = stage.fit(&other_seed.training()).unwrap().state();
        let draws = !stage.kind().starts_with("adapter-"); // but for how λ is chosen
        assert!(!draws || other != first, "{stage:?}");
    }
}

#[test]
fn a_fit_that_diverges_says_so_and_gives_the_last_good_state() {
    let problem = Problem::random(7, 12, 60, 8);
    for kind in ["oats-s2", "oats-s3"] {
        // A step an epoch, so that the first epoch ends before the loss is no number.
        let stage = spec(&format!(
            "kind = \"{kind}\"\nlearning_rate = 1e30\nbatch_size = 1000"
        ));
        let error = stage.fit(&problem.training()).err().unwrap();
        let message = error.to_string();
        assert!(
            message.starts_with(&format!(
                "{kind}: the loss is not finite any more in epoch 2, batch 1 (loss NaN)"
            )),
            "{message}"
        );
        let Error::Diverged {
            last_good: Some(state),
            ..
        } = error
        else {
            panic!("{message}");
        };
        let restored = stage.restore(&state).unwrap();
        assert_eq!(
            restored.state().array::<ndarray::Ix2>("tools").unwrap(),
            problem.tool_embeddings
        );
        assert!(
            rankings(restored.as_ref(), &problem)
                .iter()
                .all(|ranking| !ranking.is_empty())
        );
    }
}

#[test]
fn states_of_other_shapes_are_refused() {
    let problem = Problem::random(8, 9, 30, 8);
    for (kind, array) in [
        ("oats-s2", "reranker/w1"),
        ("oats-s2", "reranker/b3"),
        ("oats-s2", "reranker/success_centroids"),
        ("oats-s3", "adapter/w2"),
        ("adapter-ridge", "adapter/transposed"),
    ] {
        let stage = spec(&format!("kind = \"{kind}\""));
        let good = stage.fit(&problem.training()).unwrap().state();
        let mut bad = good.clone();
        if array == "reranker/b3" {
            bad.put(array, &array![0.0f32, 0.0]);
        } else {
            bad.put(array, &Array2::<f32>::zeros((3, 3)));
        }
        let refused = stage.restore(&bad).err().unwrap();
        assert!(matches!(refused, Error::State(_)), "{kind}");
        assert!(stage.restore(&State::default()).is_err());
        stage.restore(&good).unwrap();
    }
}

/// What a log holds: one tool was tried for every query, and it worked or not.
#[test]
fn every_stage_learns_from_a_log() {
    let (problem, test) = between(9, 12, 480, 16);
    let mut training = problem.training();
    training.queries = problem
        .queries
        .iter()
        .enumerate()
        .map(|(number, query)| {
            let right = query.relevant[0].0;
            let tool = if number / 12 % 2 == 0 {
                right
            } else {
                (right + 1) % 12
            };
            let success = tool == right;
            let outcome = Outcome {
                tool,
                success,
                propensity: 0.5,
            };
            TrainingQuery::logged(query, vec![outcome])
        })
        .collect();
    let dense = spec("kind = \"dense\"").fit(&training).unwrap();
    for kind in STAGES {
        let router = spec(&format!("kind = \"{kind}\"")).fit(&training).unwrap();
        let (before, after) = (ndcg(dense.as_ref(), &test), ndcg(router.as_ref(), &test));
        assert!(after > before + 0.1, "{kind}: {before} → {after}");
    }
}
