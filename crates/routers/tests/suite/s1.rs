//! Stage 1 against an implementation in NumPy, and what must hold for any data.

use ndarray::{Array1, Array2, Axis, Slice, array};
use oats_datasets::Outcome;
use oats_routers::{
    Error, Request, Router, Training, TrainingQuery,
    baselines::Dense,
    oats::{Negatives, S1Params},
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{Problem, in_thread_pools, part, reference},
    oats::{between, matrix, ndcg, of_reference},
};

fn refine(params: &S1Params, problem: &Problem) -> Array2<f32> {
    let fitted = params.fit(&problem.training()).unwrap();
    fitted.tool_embeddings().to_owned()
}

fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn agrees_with_numpy() {
    let reference = reference("s1.json");
    let problem = of_reference(&reference);
    for case in reference["cases"].as_array().unwrap() {
        let refined = refine(&part(case, "settings"), &problem);
        let difference = largest_difference(&refined, &matrix(part(case, "refined")));
        assert!(difference < 1e-5, "{}: off by {difference}", case["name"]);
    }
}

/// Settings and sizes as one would meet them.
fn settings() -> impl Strategy<Value = S1Params> {
    (
        0.0f32..0.5,
        0.0f32..0.2,
        0usize..5,
        1usize..30,
        any::<bool>(),
    )
        .prop_map(|(alpha, beta, rounds, top_k, anchored)| S1Params {
            alpha,
            beta,
            rounds,
            top_k,
            anchored,
            ..S1Params::default()
        })
}

fn problems() -> impl Strategy<Value = Problem> {
    (any::<u64>(), 1usize..20, 0usize..300, 8usize..24)
        .prop_map(|(seed, tools, queries, d)| Problem::random(seed, tools, queries, d))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_stay_unit_vectors_and_tools_without_positives_stay_put(
        problem in problems(),
        params in settings(),
    ) {
        let refined = refine(&params, &problem);
        for (tool, row) in refined.rows().into_iter().enumerate() {
            prop_assert!((row.dot(&row).sqrt() - 1.0).abs() < 1e-5);
            if !problem.has_positives(tool) {
                prop_assert_eq!(row, problem.tool_embeddings.row(tool));
            }
        }
    }

    #[test]
    fn no_round_is_the_dense_router(problem in problems(), params in settings()) {
        let dense = Dense::fit(&problem.training()).unwrap();
        let s1 = S1Params { rounds: 0, ..params }.fit(&problem.training()).unwrap();
        prop_assert_eq!(&s1, &dense);
        for embedding in problem.query_embeddings.rows() {
            let embedding = embedding.to_slice().unwrap();
            let request = Request { text: "", embedding, candidates: None };
            prop_assert_eq!(s1.rank(&request, 5), dense.rank(&request, 5));
        }
    }

    #[test]
    fn no_pull_and_no_push_move_nothing(problem in problems(), params in settings()) {
        let refined = refine(&S1Params { alpha: 0.0, beta: 0.0, ..params }, &problem);
        prop_assert!(largest_difference(&refined, &problem.tool_embeddings) < 1e-6);
    }

    #[test]
    fn the_order_of_the_training_queries_does_not_matter(
        problem in problems(),
        params in settings(),
        seed: u64,
    ) {
        let mut order: Vec<usize> = (0..problem.queries.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let (one, other) = (refine(&params, &problem), refine(&params, &problem.reordered(&order)));
        prop_assert!(largest_difference(&one, &other) < 1e-5);
    }

    #[test]
    fn a_k_beyond_the_catalogue_is_the_whole_catalogue(problem in problems(), params in settings()) {
        let whole = S1Params { top_k: problem.tools.len(), ..params };
        let beyond = S1Params { top_k: usize::MAX, ..params };
        prop_assert_eq!(refine(&whole, &problem), refine(&beyond, &problem));
    }

    #[test]
    fn outcomes_that_arrive_in_batches_refine_as_if_they_had_come_together(
        mut problem in problems(),
        params in settings(),
        logged in prop_oneof![Just(0.0), Just(0.5), Just(1.0)],
        candidates: bool,
        twins: bool,
        seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tools = problem.tools.len();
        for query in &mut problem.queries {
            query.candidates = (0..rng.random_range(0..6))
                .map(|_| rng.random_range(0..tools))
                .collect();
        }
        if twins {
            // Scores that are equal to the bit, until outcomes tell the tools apart.
            for tool in 1..tools {
                let twin = problem.tool_embeddings.row(tool / 2).to_owned();
                problem.tool_embeddings.row_mut(tool).assign(&twin);
            }
        }
        let params = S1Params {
            negatives: if candidates { Negatives::Candidates } else { Negatives::Catalogue },
            ..params
        };
        let all = with_logs(&problem, logged, &mut rng);
        let whole = params.fit(&all).unwrap();

        let mut bounds = [0; 3].map(|_| rng.random_range(0..=all.queries.len()));
        bounds.sort_unstable();
        let mut refinement = params.start(&rows(&all, 0, bounds[0])).unwrap();
        let ends = [bounds[1], bounds[2], all.queries.len()];
        for (start, end) in bounds.into_iter().zip(ends) {
            let before = refinement.tool_embeddings().to_owned();
            let more = rows(&all, start, end);
            let touched = refinement.add(&more.queries, more.query_embeddings).unwrap();
            let differs = |&tool: &usize| refinement.tool_embeddings().row(tool) != before.row(tool);
            prop_assert_eq!(touched, (0..tools).filter(differs).collect::<Vec<_>>());
        }
        // To the bit: no score and no sum depends on what it is computed beside.
        prop_assert_eq!(refinement.into_router(), whole);
    }

    #[test]
    fn a_single_tool_moves_towards_the_mean_of_all_queries(
        seed: u64,
        queries in 1usize..50,
        alpha in 0.0f32..0.5,
    ) {
        let problem = Problem::random(seed, 1, queries, 8);
        // It is right for every query, so β has nothing to push from.
        let refined = refine(&S1Params { alpha, beta: 5.0, rounds: 1, ..Default::default() }, &problem);
        let mean = problem.query_embeddings.mean_axis(ndarray::Axis(0)).unwrap();
        let expected = &problem.tool_embeddings * (1.0 - alpha) + &mean * alpha;
        let norm = expected.mapv(|x| x * x).sum().sqrt();
        prop_assert!(largest_difference(&refined, &(expected / norm)) < 1e-5);
    }
}

/// The queries, of which a share is logged with a few outcomes.
fn with_logs<'a>(problem: &'a Problem, share: f64, rng: &mut ChaCha8Rng) -> Training<'a> {
    let mut training = problem.training();
    for (query, asked) in problem.queries.iter().zip(&mut training.queries) {
        if rng.random_bool(share) {
            let outcomes = (0..rng.random_range(0..4)).map(|_| Outcome {
                tool: rng.random_range(0..problem.tools.len()),
                success: rng.random_bool(0.5),
                propensity: 1.0,
            });
            *asked = TrainingQuery::logged(query, outcomes.collect());
        }
    }
    training
}

/// The training queries from `start` to before `end`.
fn rows<'a>(training: &Training<'a>, start: usize, end: usize) -> Training<'a> {
    let mut query_embeddings = training.query_embeddings;
    query_embeddings.slice_axis_inplace(Axis(0), Slice::from(start..end));
    Training {
        queries: training.queries[start..end].to_vec(),
        query_embeddings,
        ..*training
    }
}

#[test]
fn what_does_not_fit_is_not_added() {
    let problem = Problem::random(7, 9, 30, 8);
    let training = problem.training();
    let mut refinement = S1Params::default().start(&training).unwrap();
    let before = refinement.tool_embeddings().to_owned();

    let mut stranger = training.queries[..2].to_vec();
    stranger[1].relevant = vec![(9, 1)].into();
    let vectors = rows(&training, 0, 2).query_embeddings;
    let one_vector = rows(&training, 0, 1).query_embeddings;
    let too_long = &vectors * 2.0;
    for (queries, vectors, complaint) in [
        (&stranger[..], vectors, "names tool 9, but there are 9"),
        (
            &training.queries[..2],
            one_vector,
            "2 queries with 1 vectors",
        ),
        (
            &training.queries[..2],
            too_long.view(),
            "not of unit length",
        ),
    ] {
        let error = refinement.add(queries, vectors).unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
    assert_eq!(refinement.tool_embeddings(), before);
    assert!(
        refinement
            .add(&[], vectors.slice_axis(Axis(0), Slice::from(..0)))
            .unwrap()
            .is_empty()
    );

    let gated = S1Params {
        gate: true,
        ..S1Params::default()
    };
    let error = gated.start(&training).unwrap_err();
    assert!(
        matches!(error, Error::Setting { field: "gate", .. }),
        "{error}"
    );
}

#[test]
fn a_query_retrieves_the_same_beside_many_tools_and_queries_as_beside_few() {
    // More than a block of tools, with queries that are not all in one.
    let problem = Problem::random(13, 700, 250, 24);
    let params = S1Params {
        rounds: 1,
        ..S1Params::default()
    };
    let refined = refine(&params, &problem);
    let mut expected = problem.tool_embeddings.mapv(f64::from);
    for tool in (0..700).filter(|&tool| problem.has_positives(tool)) {
        let (mut positive, mut negative) = ((Array1::<f64>::zeros(24), 0), (Array1::zeros(24), 0));
        for (query, asked) in problem.queries.iter().enumerate() {
            let vector = problem.query_embeddings.row(query);
            let scores = problem.tool_embeddings.dot(&vector);
            let better = scores.iter().filter(|&&score| score > scores[tool]).count();
            let is_right = TrainingQuery::from(asked).is_relevant(tool);
            let sum = match (is_right, better < params.top_k) {
                (true, _) => &mut positive,
                (false, true) => &mut negative,
                (false, false) => continue,
            };
            sum.0 += &vector.mapv(f64::from);
            sum.1 += 1;
        }
        let mut moved = &expected.row(tool) * 0.7 + positive.0 * (0.3 / f64::from(positive.1));
        if negative.1 > 0 {
            moved -= &(negative.0 * (0.1 / f64::from(negative.1)));
        }
        moved /= moved.dot(&moved).sqrt();
        expected.row_mut(tool).assign(&moved);
    }
    assert!(largest_difference(&refined, &expected.mapv(|x| x as f32)) < 1e-6);
}

#[test]
fn every_round_is_there_to_be_looked_at() {
    let problem = Problem::random(11, 12, 80, 8);
    let params = |rounds| S1Params {
        rounds,
        top_k: 3,
        ..S1Params::default()
    };
    let training = problem.training();
    let refinement = params(3).start(&training).unwrap();
    assert_eq!(refinement.after(4), None);
    let mut wrong = 0;
    for round in 0..=3 {
        let after = refinement.after(round).unwrap();
        assert_eq!(after, refine(&params(round), &problem), "{round} rounds");
        // What the next round retrieves, by the router that serves these vectors.
        let served = params(round).fit(&training).unwrap();
        for tool in 0..12 {
            let expected: Vec<usize> = (0..80)
                .filter(|_| round < 3)
                .filter(|&query| {
                    let best = served.rank(&problem.request(query), 3);
                    let is_best = best.iter().any(|ranked| ranked.tool == tool);
                    is_best && training.queries[query].is_wrong(tool)
                })
                .collect();
            assert_eq!(refinement.retrieved_wrongly(round + 1, tool), expected);
            wrong += expected.len();
        }
    }
    assert!(wrong > 0);
    assert!(refinement.retrieved_wrongly(0, 0).is_empty());
}

#[test]
fn of_logged_queries_only_the_ends_are_kept() {
    let problem = Problem::random(5, 6, 30, 8);
    let logged = with_logs(&problem, 1.0, &mut ChaCha8Rng::seed_from_u64(1));
    let refinement = S1Params::default().start(&logged).unwrap();
    assert_eq!(refinement.after(0).unwrap(), problem.tool_embeddings);
    assert_eq!(refinement.after(1), None);
    assert_eq!(refinement.after(3).unwrap(), refinement.tool_embeddings());
    assert!(refinement.retrieved_wrongly(1, 0).is_empty());
}

#[test]
fn without_training_queries_nothing_moves() {
    let problem = Problem::random(3, 9, 0, 8);
    assert_eq!(
        refine(&S1Params::default(), &problem),
        problem.tool_embeddings
    );
}

#[test]
fn pulls_that_cancel_leave_the_tool_in_place() {
    let problem = Problem::new(
        array![[1.0, 0.0], [0.0, 1.0]],
        array![[-1.0, 0.0], [1.0, 0.0]],
        &[&[0], &[1]],
    );
    // (1 − α)·e₀ − α·e₀ = 0 exactly. The other tool has nothing against it.
    let half = S1Params {
        alpha: 0.5,
        beta: 0.0,
        rounds: 1,
        ..S1Params::default()
    };
    let refined = refine(&half, &problem);
    assert_eq!(refined.row(0), array![1.0, 0.0]);
    assert!(refined[[1, 0]] > 0.5);

    // 0.7·e₀ − 0.3·e₀ − 0.4·e₀, where the second query retrieves tool 0: zero but for the rounding
    // of the decimals, which must not turn the tool around.
    let with_push = S1Params {
        alpha: 0.3,
        beta: 0.4,
        top_k: 1,
        ..half
    };
    assert_eq!(refine(&with_push, &problem).row(0), array![1.0, 0.0]);
}

#[test]
fn wrong_tools_are_pushed_only_from_queries_that_retrieve_them() {
    // Both queries point the same way: tool 0 is nearest and wrong for the second.
    let problem = Problem::new(
        array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        array![[0.8, 0.0, 0.6], [0.6, 0.0, 0.8]],
        &[&[0], &[1]],
    );
    let one_round = S1Params {
        rounds: 1,
        top_k: 1,
        ..S1Params::default()
    };
    let pushed = refine(&one_round, &problem);
    let not_pushed = refine(
        &S1Params {
            beta: 0.0,
            ..one_round
        },
        &problem,
    );
    // 0.7·e₀ + 0.3·q₀ − 0.1·q₁ = (0.88, 0, 0.10)
    let expected = array![0.88f32, 0.0, 0.10] / (0.88f32.powi(2) + 0.01).sqrt();
    assert!((&pushed.row(0) - &expected).iter().all(|x| x.abs() < 1e-6));
    // Tool 1 is never among the top 1, so β does not touch it.
    assert_eq!(pushed.row(1), not_pushed.row(1));
    assert_ne!(pushed.row(0), not_pushed.row(0));
}

#[test]
fn negatives_of_candidates_are_those_that_competed() {
    // Every query points to tool 2, which no query asks for; tool 0 is right for the first query,
    // tool 1 for the others. Tool 1's queries have tool 0 in their lists, or tools 0 and 2, or none.
    let mut problem = Problem::new(
        array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        array![
            [0.28, 0.0, 0.96],
            [0.0, 0.6, 0.8],
            [0.48, 0.36, 0.8],
            [0.6, 0.0, 0.8]
        ],
        &[&[0], &[1], &[1], &[1]],
    );
    let lists: [&[usize]; 4] = [&[0, 1], &[0, 1], &[0, 1, 2], &[]];
    for (query, list) in problem.queries.iter_mut().zip(lists) {
        query.candidates = list.to_vec();
    }
    let params = S1Params {
        rounds: 1,
        top_k: 2,
        negatives: Negatives::Candidates,
        ..S1Params::default()
    };
    let refined = refine(&params, &problem);
    // Query 1's two candidates are its top 2, so tool 0 is in it; query 2's are tools 2 and 0. The last
    // query has no candidates, although the catalogue's top 2 would hold tool 0.
    let negative = (0.0 + 0.48, 0.6 + 0.36, 0.8 + 0.8);
    let expected = array![
        0.7 + 0.3 * 0.28f64 - 0.1 * negative.0 / 2.0,
        -0.1 * negative.1 / 2.0,
        0.3 * 0.96 - 0.1 * negative.2 / 2.0
    ];
    let expected = &expected / expected.dot(&expected).sqrt();
    let difference = &refined.row(0).mapv(f64::from) - &expected;
    assert!(difference.iter().all(|x| x.abs() < 1e-6), "{refined}");
    let catalogue = S1Params {
        negatives: Negatives::Catalogue,
        ..params
    };
    assert_ne!(refine(&catalogue, &problem).row(0), refined.row(0));
}

#[test]
fn a_logged_failure_pushes_whatever_was_retrieved() {
    let problem = Problem::new(
        array![[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]],
        array![[0.8, 0.6], [0.28, 0.96], [0.96, 0.28]],
        &[&[0], &[], &[]],
    );
    let outcome = |tool, success| Outcome {
        tool,
        success,
        propensity: 1.0,
    };
    let mut training = problem.training();
    // Tool 0 worked for query 0 and failed, twice, for query 1, whose best tool is 1. Of query 2, that
    // retrieves tool 0 first, nothing is known.
    let logs = [vec![outcome(0, true)], vec![outcome(0, false); 2], vec![]];
    training.queries = problem
        .queries
        .iter()
        .zip(logs)
        .map(|(query, outcomes)| TrainingQuery::logged(query, outcomes))
        .collect();
    let one_round = S1Params {
        rounds: 1,
        top_k: 1,
        ..S1Params::default()
    };
    let refined = one_round.fit(&training).unwrap();
    // 0.7·e₀ + 0.3·q₀ − 0.1·q₁
    let expected = array![0.7f32 + 0.24 - 0.028, 0.18 - 0.096];
    let expected = &expected / expected.dot(&expected).sqrt();
    let refined = refined.tool_embeddings();
    assert!(
        (&refined.row(0) - &expected).iter().all(|x| x.abs() < 1e-6),
        "{refined}"
    );
    assert_eq!(refined.row(1), array![0.0, 1.0]);
}

#[test]
fn the_gate_lets_pass_what_helps_and_nothing_else() {
    let plain = S1Params::default();
    let gated = S1Params {
        gate: true,
        ..plain
    };

    let (training, test) = between(5, 12, 240, 16);
    let dense = Dense::fit(&training.training()).unwrap();
    let refined = plain.fit(&training.training()).unwrap();
    assert!(ndcg(&refined, &test) > ndcg(&dense, &test) + 0.1);
    assert_eq!(refine(&gated, &training), refine(&plain, &training));

    // Descriptions that tell all, and outcomes that are drawn from a hat in training.
    let mut misled = training.clone();
    let tools = misled.tool_embeddings.clone();
    for number in 0..misled.queries.len() {
        let own = tools.row(number % 12);
        misled.query_embeddings.row_mut(number).assign(&own);
        let right = if number % 2 == 0 {
            number % 12
        } else {
            number * 7 % 11
        };
        misled.queries[number].relevant = vec![(right, 1)];
    }
    assert_eq!(refine(&gated, &misled), misled.tool_embeddings);
    assert_ne!(refine(&plain, &misled), misled.tool_embeddings);

    // With nothing to judge by, nothing is better.
    for queries in [0, 1] {
        let problem = Problem::random(5, 9, queries, 8);
        assert_eq!(refine(&gated, &problem), problem.tool_embeddings);
    }
}

#[test]
fn every_fit_and_every_number_of_threads_gives_the_same_bits() {
    let problem = Problem::random(11, 60, 1000, 32);
    let fitted = || refine(&S1Params::default(), &problem);
    let first = fitted();
    assert!(largest_difference(&first, &problem.tool_embeddings) > 0.01);
    for again in in_thread_pools(fitted) {
        assert_eq!(again, first);
    }
}
