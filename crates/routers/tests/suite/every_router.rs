//! What holds for every kind of router.

use std::{fs, num::NonZeroUsize, ops::Range};

use ndarray::{Array2, ArrayD, Axis};
use oats_datasets::{Outcome, Query, ToolId};
use oats_metrics::{Metric, Stage, Stopwatch};
use oats_routers::{
    Error, Ranked, Request, Router, RouterSpec, State, Training, TrainingQuery,
    encoder::EncoderParams, load, rnn::RnnParams,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::common::{Problem, in_thread_pools, tools_of};

/// Every kind but `llm`, the networks small enough to learn in a moment, and the variants that serve
/// otherwise.
fn every_router() -> Vec<RouterSpec> {
    let variants = [
        "kind = \"adapter-ridge\"\nfold = true",
        "kind = \"geometry\"\nwhiten = 0.5",
        "kind = \"geometry\"\ncentre = false\nhubness = 3",
        "kind = \"geometry\"\nhubness = 3",
        "kind = \"geometry\"\nwhiten = 0.5\nhubness = 3",
        "kind = \"hybrid\"\nfusion = \"weighted-sum\"",
        "kind = \"hybrid\"\nfusion = \"calibrated\"",
        "kind = \"hybrid\"\nbase = { kind = \"oats-s1\" }",
        "kind = \"oats-s1\"\ngate = true",
        "kind = \"oats-plus\"\ngate = true",
        "kind = \"dense-int8\"\nbase = { kind = \"oats-s1\" }",
        "kind = \"oats-s2\"\nbase = { kind = \"oats-s1\" }",
        "kind = \"rnn\"\nhead = \"gumbel\"",
        "kind = \"rnn\"\nhead = \"sequence\"",
    ];
    let variants = variants.map(|spec| toml::from_str(spec).unwrap());
    RouterSpec::all()
        .into_iter()
        .filter(|spec| spec.kind() != "llm")
        .chain(variants)
        .map(|spec| match spec {
            RouterSpec::Encoder(params) => RouterSpec::Encoder(EncoderParams {
                dimensions: 16,
                epochs: 3,
                batch_size: 8,
                learning_rate: 0.02,
                ..params
            }),
            RouterSpec::Rnn(params) => RouterSpec::Rnn(RnnParams {
                embedding: 8,
                hidden: 8,
                epochs: 3,
                batch_size: 16,
                ..params
            }),
            other => other,
        })
        .collect()
}

fn fit(spec: &RouterSpec, training: &Training<'_>) -> Box<dyn Router> {
    spec.fit(training)
        .unwrap_or_else(|error| panic!("{}: {error}", spec.kind()))
}

fn problem() -> Problem {
    let mut problem = Problem::random(3, 15, 60, 8).in_words();
    for (number, query) in problem.queries.iter_mut().enumerate() {
        let mut list: Vec<ToolId> = (0..15).filter(|tool| (tool + number) % 2 == 0).collect();
        list.retain(|tool| !query.relevant.contains(&(*tool, 1)));
        list.extend(query.relevant.iter().map(|&(tool, _)| tool));
        query.candidates = list;
    }
    problem
}

/// Rankings and selections of the first queries, in both pools.
fn answers(router: &dyn Router, problem: &Problem) -> Vec<(Vec<Ranked>, Vec<ToolId>)> {
    (0..10)
        .flat_map(|number| {
            let catalogue = problem.request(number);
            let list = Request {
                candidates: Some(&problem.queries[number].candidates),
                ..catalogue
            };
            [catalogue, list]
        })
        .map(|request| (router.rank(&request, usize::MAX), router.select(&request)))
        .collect()
}

#[test]
fn the_same_from_a_file() {
    let problem = problem();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.safetensors");
    for spec in every_router() {
        let router = fit(&spec, &problem.training());
        fs::write(&path, router.state().to_bytes(&spec).unwrap()).unwrap();
        let (read, restored) = load(&path).unwrap();
        assert_eq!(read, spec);
        assert_eq!(restored.state(), router.state(), "{spec:?}");
        assert_eq!(
            answers(&*restored, &problem),
            answers(&*router, &problem),
            "{spec:?}"
        );
    }
}

#[test]
fn a_state_takes_the_bytes_of_its_arrays_and_notes() {
    let mut inner = State::default();
    inner.put("floats", &Array2::<f32>::zeros((3, 4)));
    inner.put_codes("codes", Array2::<i8>::zeros((2, 5)).view());
    let mut state = State::default();
    assert_eq!(state.bytes(), 0);
    state.note("words", vec!["a", "bc"]);
    state.nest("base", inner);
    // Of the note, `["a","bc"]`.
    assert_eq!(state.bytes(), 4 * 12 + 10 + 10);
    assert_eq!(state.parameters(), 12 + 10);
}

#[test]
fn a_file_of_another_router_is_refused() {
    let problem = problem();
    let random = fit(&every_router()[0], &problem.training()).state();
    for spec in every_router().iter().skip(1) {
        assert!(spec.restore(&random).is_err(), "{spec:?}");
        assert!(spec.restore(&State::default()).is_err(), "{spec:?}");
    }
}

/// Without any one of its notes or arrays, or with one of another kind, no file makes a router.
#[test]
fn a_damaged_file_is_refused() {
    let problem = problem();
    for spec in every_router() {
        let bytes = fit(&spec, &problem.training())
            .state()
            .to_bytes(&spec)
            .unwrap();
        assert!(
            State::from_bytes(&bytes[..bytes.len() - 1]).is_err(),
            "{spec:?}"
        );
        let file = safetensors_header(&bytes);
        for name in &file.arrays {
            for shape in [&[0][..], &[1, 1], &[7, 3]] {
                let (_, mut state) = State::from_bytes(&bytes).unwrap();
                state.put(name, &ArrayD::<f32>::zeros(shape));
                // Vectors alone can have any shape.
                let alone =
                    (spec.kind() == "threshold" || file.arrays == ["tools"]) && shape.len() == 2;
                assert!(
                    alone || spec.restore(&state).is_err(),
                    "{spec:?}: {name} {shape:?}"
                );
            }
        }
        for name in &file.notes {
            let (_, mut state) = State::from_bytes(&bytes).unwrap();
            state.note(name, "something else");
            assert!(spec.restore(&state).is_err(), "{spec:?}: {name}");
        }
    }
    for (kind, note, value) in [
        ("random", "catalogue_size", 1e12),
        ("hybrid", "weight", 1.5),
        ("threshold", "lowest_of_catalogue", -2.0),
    ] {
        let fusion = if kind == "hybrid" {
            "fusion = \"weighted-sum\""
        } else {
            ""
        };
        let spec: RouterSpec = toml::from_str(&format!("kind = \"{kind}\"\n{fusion}")).unwrap();
        let mut state = fit(&spec, &problem.training()).state();
        if kind == "random" {
            state.note(note, value as u64);
        } else {
            state.note(note, value);
        }
        assert!(spec.restore(&state).is_err(), "{kind}");
    }
}

/// Settings stand in the file once, and are checked when it is read.
#[test]
fn settings_out_of_range_are_refused_in_files() {
    let problem = problem();
    for (good, bad) in [
        ("kind = \"knn\"", "neighbours = 0"),
        ("kind = \"bm25\"", "b = 2.0"),
        ("kind = \"oats-s2\"", "top_k = 0"),
        (
            "kind = \"rnn\"\nhead = \"sequence\"\nepochs = 1",
            "max_tools = 0",
        ),
        ("kind = \"encoder\"\nepochs = 1", "max_length = 0"),
        // More positions than were learned.
        ("kind = \"encoder\"\nepochs = 1", "max_length = 1000"),
    ] {
        let state = fit(&toml::from_str(good).unwrap(), &problem.training()).state();
        let bad: RouterSpec = toml::from_str(&format!("{good}\n{bad}")).unwrap();
        assert!(bad.restore(&state).is_err(), "{bad:?}");
    }
}

/// What a file holds, by name.
struct Names {
    arrays: Vec<String>,
    notes: Vec<String>,
}

fn safetensors_header(bytes: &[u8]) -> Names {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let router = header["__metadata__"]["oats-router"].as_str().unwrap();
    let router: serde_json::Value = serde_json::from_str(router).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect();
    let mut arrays: Vec<String> = keys(&header);
    arrays.retain(|name| name != "__metadata__");
    Names {
        arrays,
        notes: keys(&router["notes"]),
    }
}

#[test]
fn the_same_from_every_fit_in_any_number_of_threads() {
    let problem = problem();
    for spec in every_router() {
        let first = fit(&spec, &problem.training()).state();
        for state in in_thread_pools(|| fit(&spec, &problem.training()).state()) {
            assert!(state == first, "{spec:?}");
        }
    }
}

/// The whole pool comes out, each tool once, best first, with scores that are numbers.
fn assert_ranks_everything(spec: &RouterSpec, router: &dyn Router, problem: &Problem, place: &str) {
    let tools = problem.tools.len();
    let asked = Problem {
        tools: problem.tools.clone(),
        seed: 9,
        ..Problem::random(9, tools, 4, problem.tool_embeddings.ncols())
    }
    .in_words();
    for number in 0..4 {
        let request = asked.request(number);
        let list: Vec<ToolId> = (0..tools).rev().step_by(2).collect();
        for (candidates, mut pool) in [
            (None, (0..tools).collect::<Vec<_>>()),
            (Some(list.as_slice()), list.clone()),
            (Some(&[]), vec![]),
        ] {
            let request = Request {
                candidates,
                ..request
            };
            let ranking = router.rank(&request, tools + 1000);
            assert!(
                ranking.iter().all(|ranked| ranked.score.is_finite())
                    && ranking.is_sorted_by(|a, b| a.score >= b.score),
                "{spec:?}, {place}: {ranking:?}"
            );
            let mut ranked = tools_of(&ranking);
            ranked.sort_unstable();
            pool.sort_unstable();
            assert_eq!(ranked, pool, "{spec:?}, {place}");

            let mut selected = router.select(&request);
            assert_eq!(selected.is_empty(), pool.is_empty(), "{spec:?}, {place}");
            let count = selected.len();
            selected.sort_unstable();
            selected.dedup();
            assert_eq!(selected.len(), count, "{spec:?}, {place}: selected twice");
            assert!(
                selected.iter().all(|tool| pool.contains(tool)),
                "{spec:?}, {place}"
            );
        }
    }
}

#[test]
fn little_or_nothing_to_learn_from_is_no_reason_to_fail() {
    let usual = problem();
    let unlabelled = |query: &Query| Query {
        relevant: vec![],
        ..query.clone()
    };
    for (place, problem) in [
        ("some tools without positives", usual.clone()),
        ("no training query", usual.reordered(&[])),
        ("one training query", usual.reordered(&[4])),
        ("the same query three times", usual.reordered(&[4, 4, 4])),
        (
            "no query with a right tool",
            Problem {
                queries: usual.queries.iter().map(unlabelled).collect(),
                ..usual.clone()
            },
        ),
        ("a single tool", Problem::random(1, 1, 12, 8).in_words()),
        (
            "a single tool and no training query",
            Problem::random(1, 1, 0, 8).in_words(),
        ),
        (
            "two tools, two queries",
            Problem::random(1, 2, 2, 8).in_words(),
        ),
    ] {
        for spec in every_router() {
            let router = fit(&spec, &problem.training());
            assert_ranks_everything(&spec, &*router, &problem, place);
        }
    }
}

#[test]
fn a_log_of_nothing_but_failures_is_no_reason_to_fail() {
    let problem = problem();
    let failure = |tool| Outcome {
        tool,
        success: false,
        propensity: 0.5,
    };
    let mut training = problem.training();
    training.queries = problem
        .queries
        .iter()
        .map(|query| TrainingQuery::logged(query, vec![failure(query.candidates[0])]))
        .collect();
    for spec in every_router() {
        let router = fit(&spec, &training);
        assert_ranks_everything(&spec, &*router, &problem, "only failures");
    }
}

#[test]
fn labels_of_tools_that_do_not_exist_are_refused_by_those_who_learn() {
    let mut problem = problem();
    problem.queries[7].relevant = vec![(15, 1)];
    for spec in every_router() {
        let kind = spec.kind();
        match spec.fit(&problem.training()) {
            Ok(_) => assert!(["random", "bm25"].contains(&kind), "{spec:?}"),
            Err(error) => assert!(error.to_string().contains("tool 15"), "{kind}: {error}"),
        }
    }
}

/// Fits every router to data that only those may accept that do not read what is wrong with them.
fn assert_refused(training: &Training<'_>, reads: impl Fn(&RouterSpec) -> bool, message: &str) {
    for spec in every_router() {
        match spec.fit(training) {
            Ok(_) => assert!(!reads(&spec), "{spec:?}"),
            Err(error) => assert!(
                matches!(error, Error::Shape(_)) && error.to_string().contains(message),
                "{spec:?}: {error}"
            ),
        }
    }
}

fn learns(spec: &RouterSpec) -> bool {
    !["random", "bm25"].contains(&spec.kind())
}

#[test]
fn fewer_vectors_than_queries_are_refused() {
    let problem = problem();
    let some = problem.reordered(&[0, 1, 2]);
    let training = Training {
        query_embeddings: some.query_embeddings.view(),
        ..problem.training()
    };
    assert_refused(&training, learns, "3 vectors");
}

#[test]
fn vectors_that_do_not_lie_side_by_side_are_refused() {
    let problem = problem();
    let columns = problem
        .query_embeddings
        .t()
        .as_standard_layout()
        .into_owned();
    let training = Training {
        query_embeddings: columns.t(),
        ..problem.training()
    };
    assert_eq!(training.query_embeddings, problem.query_embeddings);
    assert_refused(&training, RouterSpec::reads_embeddings, "side by side");
}

#[test]
fn propensities_that_are_no_probabilities_are_refused() {
    let problem = problem();
    for propensity in [0.0, -0.5, 1.5, f32::NAN, f32::INFINITY] {
        let outcome = Outcome {
            tool: 0,
            success: true,
            propensity,
        };
        let mut training = problem.training();
        training.queries[3] = TrainingQuery::logged(&problem.queries[3], vec![outcome]);
        let text = problem.queries[3].text.as_str();
        assert_refused(&training, learns, text);
    }
}

/// Labels drawn without regard to anything: whatever a router learns of them is of no use for fresh
/// queries, unless it finds the label where it must not look. In every list the right tool stands
/// first.
#[test]
fn random_labels_leave_every_router_at_chance() {
    let (tools, listed, trained, tested) = (20, 10, 200, 300);
    let mut all = Problem::random(11, tools, trained + tested, 16).in_words();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for query in &mut all.queries {
        let mut list: Vec<ToolId> = (0..tools).collect();
        list.shuffle(&mut rng);
        list.truncate(listed);
        query.relevant = vec![(list[0], 1)];
        query.candidates = list;
    }
    let order: Vec<usize> = (0..trained).collect();
    let training = all.reordered(&order);
    assert_eq!(training.query_embeddings.len_of(Axis(0)), trained);

    let depth = NonZeroUsize::new(5).unwrap();
    for spec in every_router() {
        let router = fit(&spec, &training.training());
        let mean_ndcg = |rows: Range<usize>, in_list: bool| {
            let count = rows.len() as f64;
            let scores = rows.map(|number| {
                let query = &all.queries[number];
                let request = Request {
                    candidates: in_list.then_some(query.candidates.as_slice()),
                    ..all.request(number)
                };
                let ranking = tools_of(&router.rank(&request, depth.get()));
                Metric::Ndcg(depth).score(&ranking, &query.relevant)
            });
            scores.sum::<f64>() / count
        };
        for (in_list, pool) in [(false, tools), (true, listed)] {
            let (chance, deviation) = chance(pool);
            let ndcg = mean_ndcg(trained..trained + tested, in_list);
            let error = deviation / (tested as f64).sqrt();
            assert!(
                (ndcg - chance).abs() < 4.0 * error,
                "{spec:?}: {ndcg} of {pool} tools, but chance is {chance} ± {error}"
            );
        }
        // They memorise, so being at chance is not for want of learning.
        if let RouterSpec::Rnn(_) | RouterSpec::Encoder(_) = spec {
            let (chance, deviation) = chance(tools);
            let (ndcg, error) = (
                mean_ndcg(0..trained, false),
                deviation / (trained as f64).sqrt(),
            );
            assert!(
                ndcg > chance + 3.0 * error,
                "{spec:?}: {ndcg} on what it learned, chance is {chance} ± {error}"
            );
        }
    }
}

/// Mean and standard deviation of NDCG@5 when the one right tool comes to any of so many places.
fn chance(places: usize) -> (f64, f64) {
    let gains = (0..5).map(|above| 1.0 / (f64::from(above) + 2.0).log2());
    let mean = gains.clone().sum::<f64>() / places as f64;
    let square = gains.map(|gain| gain * gain).sum::<f64>() / places as f64;
    (mean, (square - mean * mean).sqrt())
}

#[test]
fn a_stopwatch_sees_the_stages_and_changes_nothing() {
    let problem = problem();
    let training = problem.training();
    for spec in every_router() {
        let router = fit(&spec, &training);
        let request = training.request(0);
        let mut watch = Stopwatch::started();
        let ranking = router.rank_timed(&request, 5, &mut watch);
        assert_eq!(ranking, router.rank(&request, 5), "{}", spec.kind());
        let seen = Stage::ALL.map(|stage| watch.of(stage).is_some());
        let (adapts, reranks) = match &spec {
            RouterSpec::OatsS3(_) | RouterSpec::Geometry(_) => (true, false),
            // Descriptions are kept by the gate, for this problem's labels are random.
            RouterSpec::OatsPlus(params) => (!params.gate, false),
            RouterSpec::AdapterRidge(params) => (!params.fold, false),
            RouterSpec::OatsS2(_) => (false, true),
            _ => (false, false),
        };
        assert_eq!(
            seen,
            [false, false, adapts, true, reranks],
            "{}",
            spec.kind()
        );

        let mut stopped = Stopwatch::stopped();
        assert_eq!(router.rank_timed(&request, 5, &mut stopped), ranking);
        assert!(stopped.total().is_zero());
    }
}
