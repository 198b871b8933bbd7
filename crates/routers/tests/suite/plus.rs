//! Fitted tool vectors against SciPy, and what must hold for any data.

use ndarray::{Array1, Array2, Axis, Ix2, array, concatenate};
use oats_datasets::{Outcome, Query, ToolId};
use oats_routers::{Error, RouterKind, RouterSpec, Training, TrainingQuery, oats::PlusParams};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{Problem, in_thread_pools, part, reference},
    oats::{assert_ranks_as_dense, between, matrix, ndcg, of_reference},
};

/// No tool has an offset.
fn without_offset() -> PlusParams {
    PlusParams {
        offset: false,
        ..PlusParams::default()
    }
}

/// Nothing is learned.
fn only_prototypes() -> PlusParams {
    PlusParams {
        map: false,
        own: false,
        length: 1.0,
        ..without_offset()
    }
}

/// Tools × (d + 1): vectors, and four times the offsets in the last column, since queries end with ¼.
fn served(params: &PlusParams, training: &Training<'_>) -> Array2<f32> {
    let state = params.fit(training).unwrap().state();
    state.array::<Ix2>("tools").unwrap()
}

/// Tools × d.
fn vectors(params: &PlusParams, problem: &Problem) -> Array2<f32> {
    let mut vectors = served(params, &problem.training());
    vectors.remove_index(Axis(1), problem.tool_embeddings.ncols());
    vectors
}

fn offsets(params: &PlusParams, problem: &Problem) -> Array1<f32> {
    let served = served(params, &problem.training());
    &served.column(problem.tool_embeddings.ncols()) / 4.0
}

fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    (a - b).fold(0.0, |most, x| x.abs().max(most))
}

/// The query as a log has it in which all its right tools succeeded.
fn logged(query: &Query) -> TrainingQuery<'_> {
    let outcomes = query.relevant.iter().map(|&(tool, _)| Outcome {
        tool,
        success: true,
        propensity: 1.0,
    });
    TrainingQuery::logged(query, outcomes.collect())
}

/// A fit may end 0.01 from the minimum, as the Euclidean length of M and the oᵢ together, if the penalties are all of
/// the curvature. The loss is curved as well, so tool vectors end nearer than that. Any two of the reference's
/// settings are at least 0.05 apart. What is not learned is off by rounding alone.
#[test]
fn agrees_with_scipy() {
    let reference = reference("plus.json");
    let mut problem = of_reference(&reference);
    let texts: Vec<String> = part(&reference, "texts");
    let lists: Vec<Vec<ToolId>> = part(&reference, "candidates");
    for (query, (text, list)) in problem.queries.iter_mut().zip(texts.into_iter().zip(lists)) {
        (query.text, query.candidates) = (text, list);
    }
    let mut training = problem.training();
    for number in part::<Vec<usize>>(&reference, "logged") {
        training.queries[number] = logged(&problem.queries[number]);
    }
    for case in reference["cases"].as_array().unwrap() {
        let params = PlusParams {
            offset: false,
            ..part(case, "settings")
        };
        let found = served(&params, &training);
        let expected: Array2<f32> = matrix(part(case, "vectors"));
        let none = Array2::zeros((expected.nrows(), 1));
        let off = found - concatenate![Axis(1), expected, none];
        let off = off.mapv(|x| x * x).sum().sqrt();
        let exact = !params.map && !params.own;
        let tolerance = if exact { 1e-6 } else { 0.01 };
        assert!(off < tolerance, "{}: off by {off}", case["name"]);
    }
}

/// Settings as one would meet them, without offset and with lengths as they are.
fn settings() -> impl Strategy<Value = PlusParams> {
    (
        (0.0..1.0, 0.0..5.0, any::<bool>(), 4.0..30.0, 4.0..30.0),
        (any::<bool>(), 5.0..500.0, any::<bool>(), 5.0..500.0),
        (0.0..2.0, 0.0..0.9),
    )
        .prop_map(
            |(
                (pull, half, leave_out, scale, logged_scale),
                (map, ridge_map, own, ridge_own),
                (candidates, drop),
            )| {
                PlusParams {
                    pull,
                    half,
                    leave_out,
                    scale,
                    logged_scale,
                    map,
                    ridge_map,
                    own,
                    ridge_own,
                    candidates,
                    drop,
                    length: 1.0,
                    ..without_offset()
                }
            },
        )
}

/// Some queries have the text of another, some a short list.
fn problems() -> impl Strategy<Value = Problem> {
    (any::<u64>(), 1usize..20, 0usize..80, 4usize..12)
        .prop_map(|(seed, tools, queries, d)| with_lists(seed, tools, queries, d))
}

fn with_lists(seed: u64, tools: usize, queries: usize, d: usize) -> Problem {
    let mut problem = Problem::random(seed, tools, queries, d);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for number in 0..queries {
        if number % 5 == 4 {
            let other: usize = rng.random_range(0..number);
            // The same text has the same vector, whichever of the two comes first.
            problem.queries[number].text = problem.queries[other].text.clone();
            let vector = problem.query_embeddings.row(other).to_owned();
            problem.query_embeddings.row_mut(number).assign(&vector);
        }
        if number % 3 == 0 {
            problem.queries[number].candidates = (0..rng.random_range(0..6))
                .map(|_| rng.random_range(0..tools))
                .collect();
        }
    }
    problem
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Either fit may end 0.01 from the minimum.
    #[test]
    fn the_order_of_the_training_queries_does_not_matter(
        problem in problems(),
        params in settings(),
        seed: u64,
    ) {
        let mut order: Vec<usize> = (0..problem.queries.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let training = problem.training();
        let other = problem.reordered(&order);
        let (one, other) = (served(&params, &training), served(&params, &other.training()));
        prop_assert!(largest_difference(&one, &other) < 0.03);
    }

    /// The map is linear: what it makes of a tool without outcomes follows from what it makes of two others.
    #[test]
    fn tools_without_outcomes_are_mapped_and_nothing_else(
        mut problem in problems(),
        params in settings(),
    ) {
        let tools = problem.tools.len();
        let d = problem.tool_embeddings.ncols();
        let mut more = vec![problem.tool_embeddings.clone()];
        for axis in [0, 1] {
            let mut unit = Array2::zeros((1, d));
            unit[[0, axis]] = 1.0;
            more.push(unit);
        }
        more.push(Array2::zeros((1, d)));
        let more: Vec<_> = more.iter().map(|rows| rows.view()).collect();
        problem.tool_embeddings = concatenate(Axis(0), &more).unwrap();
        problem.tool_embeddings[[tools + 2, 0]] = 0.6;
        problem.tool_embeddings[[tools + 2, 1]] = -0.8;
        problem.tools = Problem::new(problem.tool_embeddings.clone(), Array2::zeros((0, d)), &[]).tools;
        let fitted = served(&params, &problem.training());
        let [one, other, both] = [0, 1, 2].map(|place| fitted.row(tools + place));
        let expected = &one * 0.6 - &other * 0.8;
        prop_assert!((&expected - &both).iter().all(|x| x.abs() < 1e-5));
        if !params.map {
            prop_assert_eq!(one[0], 1.0);
            prop_assert_eq!(one.sum(), 1.0);
        }
    }

    #[test]
    fn the_heaviest_ridges_end_at_the_prototypes(problem in problems(), params in settings()) {
        let heavy = PlusParams { ridge_map: 1e12, ridge_own: 1e12, ..params };
        let nothing = PlusParams { map: false, own: false, ..params };
        let training = problem.training();
        prop_assert_eq!(served(&heavy, &training), served(&nothing, &training));
    }

    /// Twice the loss with twice the penalty has the same minimum.
    #[test]
    fn repeating_all_queries_weighs_twice_but_moves_no_prototype(
        problem in problems(),
        params in settings(),
    ) {
        let order: Vec<usize> = (0..problem.queries.len()).collect();
        let twice = problem.reordered(&[&order[..], &order].concat());
        let heavier = PlusParams {
            ridge_map: 2.0 * params.ridge_map,
            ridge_own: 2.0 * params.ridge_own,
            ..params
        };
        let one = served(&params, &problem.training());
        let other = served(&heavier, &twice.training());
        prop_assert!(largest_difference(&one, &other) < 0.03);

        let nothing = PlusParams { map: false, own: false, ..params };
        let one = served(&nothing, &problem.training());
        prop_assert_eq!(one, served(&nothing, &twice.training()));
    }

    #[test]
    fn logs_have_their_scale_and_neither_drop_nor_short_lists(
        problem in problems(),
        params in settings(),
    ) {
        let mut training = problem.training();
        training.queries = problem.queries.iter().map(logged).collect();
        let neither = PlusParams {
            drop: 0.0, candidates: 0.0, scale: params.logged_scale, ..params
        };
        let fitted = served(&params, &training);
        prop_assert_eq!(&fitted, &served(&neither, &training));
        // To a fit without either, labels of which all are known are the same.
        prop_assert_eq!(&fitted, &served(&neither, &problem.training()));
    }

    #[test]
    fn scores_are_dot_products_and_offsets(problem in problems(), params in settings()) {
        let params = PlusParams { offset: true, ..params };
        let router = params.fit(&problem.training()).unwrap();
        let served = router.state().array::<Ix2>("tools").unwrap();
        for number in 0..problem.queries.len() {
            let query = problem.query_embeddings.row(number);
            for ranked in router.rank(&problem.request(number), 100) {
                let row = served.row(ranked.tool);
                let expected: f32 = query.iter().zip(row).map(|(x, w)| x * w).sum();
                let expected = expected + row.iter().nth(query.len()).unwrap_or(&0.0) / 4.0;
                prop_assert!((ranked.score - expected).abs() < 1e-5);
            }
        }
    }

    /// Extremes of every setting on little data: vectors that are numbers, or a typed error.
    #[test]
    fn extreme_settings_fit_or_say_why_not(
        problem in problems(),
        scale in prop::sample::select(vec![1e-3, 1.0, 1e3, 1e30, 1e300]),
        ridge_map in prop::sample::select(vec![1e-300, 1e-3, 1.0, 1e300]),
        ridge_own in prop::sample::select(vec![1e-300, 1e-3, 1.0, 1e300]),
        shares in (
            prop::sample::select(vec![0.0, 0.66, 1.0]),
            prop::sample::select(vec![0.0, 1.0, 1e300]),
            prop::sample::select(vec![0.0, 0.999]),
            prop::sample::select(vec![0.0, 0.5, 1.0]),
        ),
    ) {
        let (pull, half, drop, length) = shares;
        let params = PlusParams {
            pull, half, drop, length, scale, logged_scale: scale, ridge_map, ridge_own, ..PlusParams::default()
        };
        match params.fit(&problem.training()) {
            Ok(router) => {
                let tools = router.state().array::<Ix2>("tools").unwrap();
                prop_assert!(tools.iter().all(|x| x.is_finite()), "{params:?}");
            }
            Err(error) => prop_assert!(
                matches!(error, Error::Solver { router: "oats-plus", .. }),
                "{error}"
            ),
        }
    }
}

/// Tool 0 has three outcomes of two texts, tool 1 one, tool 2 none.
#[test]
fn prototypes_shrink_by_how_many_texts_there_are() {
    let mut problem = Problem::new(
        array![[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]],
        array![[0.6, 0.8], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]],
        &[&[0], &[0], &[0], &[1]],
    );
    problem.queries[1].text = problem.queries[0].text.to_uppercase();
    let params = PlusParams {
        pull: 0.5,
        half: 2.0,
        ..only_prototypes()
    };
    // α₀ = 0.5·2/4 of the mean (0.3, 0.9), α₁ = 0.5·1/3.
    let expected = array![
        [0.75 + 0.25 * 0.3, 0.25 * 0.9],
        [0.8 / 6.0, 5.0 / 6.0 + 0.6 / 6.0],
        [-1.0, 0.0]
    ];
    assert!(largest_difference(&vectors(&params, &problem), &expected) < 1e-6);
    let roots = PlusParams {
        length: 0.5,
        ..params
    };
    let lengths = expected.map_axis(Axis(1), |row| row.dot(&row).sqrt().sqrt());
    let expected = expected / lengths.insert_axis(Axis(1));
    assert!(largest_difference(&vectors(&roots, &problem), &expected) < 1e-6);
}

/// More pairs than are scored at a time.
#[test]
fn many_repetitions_change_nothing_but_the_weight() {
    let problem = with_lists(5, 9, 150, 8);
    let order: Vec<usize> = (0..20 * 150).map(|row| row % 150).collect();
    let many = problem.reordered(&order);
    let params = PlusParams {
        ridge_map: 10.0,
        ridge_own: 20.0,
        ..without_offset()
    };
    let heavier = PlusParams {
        ridge_map: 200.0,
        ridge_own: 400.0,
        ..params
    };
    let one = vectors(&params, &problem);
    assert!(largest_difference(&one, &vectors(&heavier, &many)) < 1e-3);
    assert!(largest_difference(&one, &vectors(&params, &many)) > 0.05);
}

#[test]
fn it_learns() {
    let (training, test) = between(1, 12, 240, 16);
    let score = |params: PlusParams| {
        let router = params.fit(&training.training()).unwrap();
        ndcg(router.as_ref(), &test)
    };
    let spec: RouterSpec = toml::from_str("kind = \"dense\"").unwrap();
    let dense = spec.fit(&training.training()).unwrap();
    let dense = ndcg(dense.as_ref(), &test);
    let (prototypes, learned) = (score(only_prototypes()), score(PlusParams::default()));
    assert!(prototypes > dense + 0.05, "{dense} → {prototypes}");
    assert!(learned > dense + 0.1, "{dense} → {learned}");
    let lighter = PlusParams {
        ridge_map: 5.0,
        ridge_own: 5.0,
        ..PlusParams::default()
    };
    let lighter = score(lighter);
    assert!(lighter > prototypes, "{prototypes} → {lighter}");
}

#[test]
fn labelled_queries_use_drop_and_short_lists() {
    let problem = with_lists(2, 9, 60, 8);
    let params = PlusParams {
        ridge_map: 5.0,
        ridge_own: 5.0,
        ..without_offset()
    };
    let usual = vectors(&params, &problem);
    for other in [
        PlusParams {
            drop: 0.0,
            ..params
        },
        PlusParams {
            candidates: 0.0,
            ..params
        },
    ] {
        let other = vectors(&other, &problem);
        assert!(largest_difference(&usual, &other) > 0.02);
    }
}

/// Nothing competes, so there is nothing to learn; whether tools are right by themselves or for a text's repetition.
#[test]
fn where_all_tools_are_right_the_prototypes_stay() {
    let mut problem = Problem::random(3, 4, 12, 8);
    for query in &mut problem.queries {
        query.relevant = (0..4).map(|tool| (tool, 1)).collect();
        query.candidates = vec![1, 3];
    }
    let params = PlusParams {
        length: 1.0,
        ..without_offset()
    };
    let prototypes = vectors(&only_prototypes(), &problem);
    assert_eq!(vectors(&params, &problem), prototypes);
    for (number, query) in problem.queries.iter_mut().enumerate() {
        query.text = format!("text {}", number / 4);
        query.relevant = vec![(number % 4, 1)];
    }
    let prototypes = vectors(&only_prototypes(), &problem);
    assert_eq!(vectors(&params, &problem), prototypes);
}

#[test]
fn without_outcomes_the_embeddings_are_served() {
    let mut problem = Problem::random(4, 9, 20, 8);
    for query in &mut problem.queries {
        query.relevant.clear();
    }
    for params in [PlusParams::default(), only_prototypes()] {
        assert_ranks_as_dense(&RouterSpec::OatsPlus(params), &problem);
        assert_eq!(
            served(&params, &problem.training()),
            problem.tool_embeddings
        );
        assert_ranks_as_dense(&RouterSpec::OatsPlus(params), &problem.reordered(&[]));
    }
}

/// What all requests have in common and no description has, tools with outcomes learn. Those without lose to them,
/// though each is the nearest to its own requests by description.
fn with_a_language_of_requests(unknown: usize) -> (Problem, Problem) {
    let (tools, d) = (40, 24);
    let mut problem = Problem::random(9, tools, 1200, d);
    problem.tool_embeddings.column_mut(0).fill(0.0);
    for mut tool in problem.tool_embeddings.rows_mut() {
        let length = tool.dot(&tool).sqrt();
        tool /= length;
    }
    for (number, query) in problem.queries.iter_mut().enumerate() {
        let right = number % tools;
        query.relevant = vec![(right, 1)];
        let mut row = problem.query_embeddings.row_mut(number);
        row *= 1.2;
        row += &problem.tool_embeddings.row(right);
        row[0] = 1.5;
        let length = row.dot(&row).sqrt();
        row /= length;
    }
    let asks_for_known = |row: &usize| row % tools < tools - unknown;
    let (known, fresh): (Vec<usize>, Vec<usize>) = (0..1200).partition(asks_for_known);
    (problem.reordered(&known), problem.reordered(&fresh))
}

#[test]
fn an_offset_lets_tools_without_outcomes_be_found() {
    let (training, fresh) = with_a_language_of_requests(8);
    let params = PlusParams::default();
    let score = |params: PlusParams| {
        let router = params.fit(&training.training()).unwrap();
        ndcg(router.as_ref(), &fresh)
    };
    let (with, without) = (score(params), score(without_offset()));
    assert!(with > without + 0.1, "{without} → {with}");

    let found = offsets(&params, &training);
    let (known, unknown) = (found.iter().take(32), found.iter().skip(32));
    assert!(known.clone().all(|&offset| offset == 0.0), "{found}");
    let first = found[32];
    assert!(first > 0.0 && first <= 0.3, "{first}");
    assert!(unknown.clone().all(|&offset| offset == first), "{found}");
    // Vectors are the same with and without.
    assert_eq!(
        vectors(&params, &training),
        vectors(&without_offset(), &training)
    );
}

#[test]
fn where_all_tools_have_outcomes_there_is_no_offset() {
    let (training, _) = with_a_language_of_requests(0);
    let found = offsets(&PlusParams::default(), &training);
    assert!(found.iter().all(|&offset| offset == 0.0), "{found}");
}

/// Fewer than five tools with outcomes: none can be held out.
#[test]
fn too_few_outcomes_to_rehearse_with_give_no_offset() {
    let problem = Problem::new(
        Problem::random(1, 9, 0, 8).tool_embeddings,
        Problem::random(1, 9, 4, 8).query_embeddings,
        &[&[0], &[1], &[2], &[3]],
    );
    let found = offsets(&PlusParams::default(), &problem);
    assert!(found.iter().all(|&offset| offset == 0.0), "{found}");
}

#[test]
fn every_fit_and_every_number_of_threads_gives_the_same_bits() {
    let mut problem = with_lists(11, 150, 2500, 32);
    problem.seed = 3;
    let fitted = || served(&PlusParams::default(), &problem.training());
    let first = fitted();
    for again in in_thread_pools(fitted) {
        assert_eq!(again, first);
    }
}

#[test]
fn the_gate_lets_pass_what_helps_and_nothing_else() {
    let plain = PlusParams::default();
    let gated = PlusParams {
        gate: true,
        ..plain
    };
    let (training, _) = between(5, 12, 240, 16);
    let training = training.training();
    assert_eq!(served(&gated, &training), served(&plain, &training));

    // Descriptions that tell all, and outcomes that are drawn from a hat.
    let mut misled = Problem::random(6, 12, 240, 16);
    for (number, query) in misled.queries.iter_mut().enumerate() {
        let own = misled.tool_embeddings.row(number % 12);
        misled.query_embeddings.row_mut(number).assign(&own);
        let right = match number % 3 {
            0 => number * 7 % 11,
            _ => number % 12,
        };
        query.relevant = vec![(right, 1)];
        query.text = format!("number {number}");
    }
    let random = Problem::random(7, 30, 200, 16);
    for problem in [misled, random] {
        let fitted = served(&gated, &problem.training());
        assert_eq!(fitted, problem.tool_embeddings);
        assert_ne!(
            vectors(&plain, &problem),
            problem.tool_embeddings,
            "it could have failed"
        );
    }

    // With nothing to judge by, nothing is better.
    for queries in [0, 1] {
        let problem = Problem::random(5, 9, queries, 8);
        let fitted = served(&gated, &problem.training());
        assert_eq!(fitted, problem.tool_embeddings);
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let problem = Problem::random(1, 3, 4, 4);
    for (field, values) in [
        ("pull", ["-0.1", "1.1", "nan"]),
        ("half", ["-0.1", "inf", "nan"]),
        ("scale", ["0.0", "inf", "nan"]),
        ("logged_scale", ["0.0", "inf", "nan"]),
        ("ridge_map", ["0.0", "inf", "nan"]),
        ("ridge_own", ["-1.0", "inf", "nan"]),
        ("candidates", ["-0.1", "inf", "nan"]),
        ("drop", ["-0.1", "1.0", "nan"]),
        ("length", ["-0.1", "1.5", "nan"]),
    ] {
        for value in values {
            let params: PlusParams = toml::from_str(&format!("{field} = {value}")).unwrap();
            match params.fit(&problem.training()).err() {
                Some(Error::Setting {
                    router: "oats-plus",
                    field: named,
                    ..
                }) => assert_eq!(named, field),
                other => panic!("{field} = {value}: {other:?}"),
            }
        }
    }
}
