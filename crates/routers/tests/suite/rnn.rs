//! The LSTM controller: what it learns, what it serves, and what it refuses.

use std::fs;

use candle_core::{Device, Tensor};
use candle_nn::ops::sigmoid;
use ndarray::{Array1, Array2};
use oats_datasets::{Outcome, Query, ToolId};
use oats_embedders::WordPieces;
use oats_routers::{
    Error, Ranked, Request, Router, RouterKind, RouterSpec, State, Training, TrainingQuery, load,
    rnn::{Head, Learn, Pooling, RnnParams},
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::{Problem, asks, in_thread_pools, query, tool, tools_of};

const WORDS: [&str; 6] = ["rain", "stocks", "music", "maps", "bread", "law"];

const HEADS: [Head; 3] = [Head::Softmax, Head::Gumbel, Head::Sequence];

/// Small and quick, for words that tell the tool by themselves.
fn small() -> RnnParams {
    RnnParams {
        embedding: 8,
        hidden: 16,
        epochs: 25,
        batch_size: 16,
        learning_rate: 0.02,
        dropout: 0.1,
        unknown: 0.1,
        patience: 25,
        ..RnnParams::default()
    }
}

/// Queries about [`WORDS`], each of which is one tool's; `right` gives a query's tools of the words'
/// positions.
fn about_words(queries: usize, right: impl Fn(usize, usize) -> Vec<ToolId>) -> Problem {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut problem = Problem::of_texts(WORDS.map(|word| tool(word, "")).into());
    for number in 0..queries {
        let (one, other) = (number % WORDS.len(), rng.random_range(0..WORDS.len()));
        let filler = ["please", "now", "today", "could you"][rng.random_range(0..4)];
        problem.queries.push(Query {
            text: format!("{filler} {} {} {number}", WORDS[one], WORDS[other]),
            relevant: right(one, other)
                .into_iter()
                .map(|tool| (tool, 1))
                .collect(),
            ..query(number, &[])
        });
    }
    problem
}

/// The first word's tool is right.
fn first_word(queries: usize) -> Problem {
    about_words(queries, |one, _| vec![one])
}

fn fit(params: &RnnParams, training: &Training<'_>) -> Box<dyn Router> {
    RouterSpec::Rnn(params.clone()).fit(training).unwrap()
}

/// The share of `problem`'s queries whose best tool is right.
fn precision(router: &dyn Router, problem: &Problem) -> f64 {
    let right = problem.queries.iter().filter(|query| {
        let best = router.rank(&asks(&query.text), 1)[0].tool;
        query.relevant.iter().any(|&(tool, _)| tool == best)
    });
    right.count() as f64 / problem.queries.len() as f64
}

/// Two problems that differ in nothing but their queries.
fn train_and_test(problem: Problem) -> (Problem, Problem) {
    let (mut train, mut test) = (problem.clone(), problem);
    let half = train.queries.len() / 2;
    test.queries = train.queries.split_off(half);
    (train, test)
}

#[test]
fn every_head_learns_which_word_tells_the_tool() {
    let (train, test) = train_and_test(first_word(400));
    for head in HEADS {
        for pooling in [Pooling::Last, Pooling::Mean] {
            let params = RnnParams {
                head,
                pooling,
                ..small()
            };
            let router = fit(&params, &train.training());
            let precision = precision(&*router, &test);
            assert!(precision > 0.9, "{head:?} {pooling:?}: {precision}");
        }
    }
}

/// The logits of a text, by candle's own operations, one time step after another.
#[expect(clippy::disallowed_methods)] // nothing of ours in it
fn reference_logits(pooling: Pooling, state: &State, text: &str) -> Vec<f32> {
    let matrix = |name: &str| -> Tensor {
        let array: ndarray::ArrayD<f32> = state.array(name).unwrap();
        let values: Vec<f32> = array.iter().copied().collect();
        Tensor::from_vec(values, array.shape(), &Device::Cpu).unwrap()
    };
    let pieces: Vec<u32> = state.read("vocabulary/pieces").unwrap();
    let number = |id: u32| {
        let position = pieces.iter().position(|&piece| piece == id);
        position.map_or(0, |position| position + 1)
    };
    let ids = WordPieces::builtin().unwrap().ids(text).unwrap();
    let recurrent = matrix("encoder/recurrent");
    let zeros = recurrent.narrow(0, 0, 1).unwrap().zeros_like().unwrap();
    let mut hidden = zeros.narrow(1, 0, recurrent.dim(0).unwrap()).unwrap();
    let mut cell = hidden.clone();
    let mut states = vec![];
    let step = |id: usize, hidden: &Tensor, cell: &Tensor| -> candle_core::Result<_> {
        let input = matrix("encoder/embedding").narrow(0, id, 1)?;
        let gates = input
            .matmul(&matrix("encoder/input"))?
            .add(&hidden.matmul(&recurrent)?)?
            .broadcast_add(&matrix("encoder/bias"))?
            .chunk(4, 1)?;
        let cell = ((sigmoid(&(&gates[1] + 1.0)?)? * cell)?
            + (sigmoid(&gates[0])? * gates[2].tanh()?)?)?;
        Ok(((sigmoid(&gates[3])? * cell.tanh()?)?, cell))
    };
    for id in ids {
        (hidden, cell) = step(number(id), &hidden, &cell).unwrap();
        states.push(hidden.clone());
    }
    let pooled = match pooling {
        Pooling::Last => hidden,
        Pooling::Mean => Tensor::cat(&states, 0).unwrap().mean_keepdim(0).unwrap(),
    };
    let logits = pooled.matmul(&matrix("output").t().unwrap()).unwrap();
    let logits = logits.broadcast_add(&matrix("output_bias")).unwrap();
    logits.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn served_logits_are_candles() {
    let problem = first_word(60);
    for pooling in [Pooling::Last, Pooling::Mean] {
        let params = RnnParams {
            pooling,
            epochs: 3,
            ..small()
        };
        let router = fit(&params, &problem.training());
        // Known words, unknown words and only unknown words.
        for text in [
            "rain today",
            "could you please sell the stocks of 17 bakeries?",
            "xylophone",
        ] {
            let expected = reference_logits(pooling, &router.state(), text);
            let ranking = router.rank(&asks(text), WORDS.len());
            assert_eq!(ranking.len(), WORDS.len());
            for Ranked { tool, score } in ranking {
                assert!((score - expected[tool]).abs() < 1e-4, "{text}: {score}");
            }
        }
    }
}

/// Both words' tools are right, one tool where the word is doubled.
fn two_words(queries: usize) -> Problem {
    about_words(queries, |one, other| match one == other {
        true => vec![one],
        false => vec![one, other],
    })
}

fn sequence() -> RnnParams {
    RnnParams {
        head: Head::Sequence,
        ..small()
    }
}

#[test]
fn a_sequence_has_as_many_tools_as_the_query_needs() {
    let (train, test) = train_and_test(two_words(800));
    let router = fit(&sequence(), &train.training());
    let exact = test.queries.iter().filter(|query| {
        let mut selected = router.select(&asks(&query.text));
        let mut right: Vec<ToolId> = query.relevant.iter().map(|&(tool, _)| tool).collect();
        selected.sort_unstable();
        right.sort_unstable();
        selected == right
    });
    let exact = exact.count() as f64 / test.queries.len() as f64;
    assert!(exact > 0.8, "{exact}");
}

#[test]
fn a_sequence_stays_in_the_pool_and_repeats_nothing() {
    let problem = two_words(200);
    let routers = [1, 2, 9].map(|max_tools| {
        let params = RnnParams {
            max_tools,
            epochs: 4,
            ..sequence()
        };
        (max_tools, fit(&params, &problem.training()))
    });
    let words = proptest::collection::vec(0..WORDS.len(), 0..4);
    let pools =
        proptest::sample::subsequence((0..WORDS.len()).collect::<Vec<_>>(), 0..=WORDS.len());
    proptest!(ProptestConfig::with_cases(64), |(words in words, pool in pools)| {
        let text = words.iter().map(|&word| WORDS[word]).collect::<Vec<_>>().join(" ");
        let request = Request { candidates: Some(&pool), ..asks(&text) };
        for (max_tools, router) in &routers {
            let selected = router.select(&request);
            prop_assert!(selected.len() <= (*max_tools).min(pool.len()));
            prop_assert_eq!(selected.is_empty(), pool.is_empty());
            prop_assert!(selected.iter().all(|tool| pool.contains(tool)));
            let ranking = tools_of(&router.rank(&request, usize::MAX));
            prop_assert!(ranking.starts_with(&selected));
            let mut sorted = ranking.clone();
            sorted.sort_unstable();
            prop_assert_eq!(&sorted, &pool);
            prop_assert_eq!(tools_of(&router.rank(&request, 2)), &ranking[..ranking.len().min(2)]);
        }
    });
}

/// What a policy that shows any tool with the same probability would have logged of `problem`.
fn logged<'a>(problem: &'a Problem, calls: usize) -> Training<'a> {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let outcome = |rng: &mut ChaCha8Rng, query: &Query| {
        let tool = rng.random_range(0..WORDS.len());
        Outcome {
            tool,
            success: query.relevant.contains(&(tool, 1)),
            propensity: 1.0 / WORDS.len() as f32,
        }
    };
    let queries = problem.queries.iter().map(|query| {
        let outcomes = (0..calls).map(|_| outcome(&mut rng, query)).collect();
        TrainingQuery::logged(query, outcomes)
    });
    Training {
        queries: queries.collect(),
        ..problem.training()
    }
}

#[test]
fn a_log_of_successes_and_failures_teaches_which_word_tells_the_tool() {
    let (train, test) = train_and_test(first_word(800));
    let log = logged(&train, 1);
    for learn in [Learn::Labels, Learn::Reinforce] {
        let params = RnnParams { learn, ..small() };
        let precision = precision(&*fit(&params, &log), &test);
        assert!(precision > 0.9, "{learn:?}: {precision}");
    }
}

#[test]
fn reinforcement_wants_a_log_and_the_softmax_head() {
    let reinforce = RnnParams {
        learn: Learn::Reinforce,
        ..small()
    };
    let problem = first_word(20);
    let labelled = RouterSpec::Rnn(reinforce.clone())
        .fit(&problem.training())
        .err()
        .unwrap();
    assert_eq!(
        labelled.to_string(),
        "rnn: learn is reinforce, but must be `labels` where training queries are labelled instead \
         of logged"
    );
    for head in [Head::Gumbel, Head::Sequence] {
        let error = RnnParams {
            head,
            ..reinforce.clone()
        }
        .check()
        .unwrap_err();
        assert!(
            matches!(error, Error::Setting { field: "learn", .. }),
            "{error}"
        );
    }
}

#[test]
fn values_out_of_range_are_refused_by_field() {
    for (field, values) in [
        ("max_length", ["0"].as_slice()),
        ("embedding", &["0"]),
        ("hidden", &["0"]),
        ("epochs", &["0"]),
        ("batch_size", &["0"]),
        ("learning_rate", &["0.0", "-1.0", "inf", "nan"]),
        ("weight_decay", &["-0.1", "inf", "nan"]),
        ("dropout", &["-0.1", "1.0", "nan"]),
        ("unknown", &["-0.1", "1.0", "nan"]),
        ("validation", &["0.0", "1.0", "nan"]),
        ("temperature_from", &["0.0", "inf", "nan"]),
        ("temperature_to", &["0.0", "inf", "nan"]),
        ("weight_limit", &["0.0", "inf", "nan"]),
        ("max_tools", &["0"]),
    ] {
        for value in values {
            let spec: RouterSpec =
                toml::from_str(&format!("kind = \"rnn\"\n{field} = {value}")).unwrap();
            let error = spec.check().unwrap_err();
            let Error::Setting {
                router: "rnn",
                field: named,
                ..
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!(*named, field);
            let refused = spec.fit(&first_word(6).training()).err().unwrap();
            assert_eq!(refused.to_string(), error.to_string());
        }
    }
}

/// Every tool comes out once, with a number for a score.
fn ranks_everything(router: &dyn Router, tools: usize) {
    for text in [
        "",
        " \u{0}",
        "rain",
        "ein unbekannter Satz, sehr lang ".repeat(50).as_str(),
    ] {
        let ranking = router.rank(&asks(text), usize::MAX);
        assert!(ranking.iter().all(|ranked| ranked.score.is_finite()));
        let mut ranked = tools_of(&ranking);
        ranked.sort_unstable();
        assert_eq!(ranked, (0..tools).collect::<Vec<_>>());
        assert_eq!(router.select(&asks(text)).is_empty(), tools == 0);
        let nothing = Request {
            candidates: Some(&[]),
            ..asks(text)
        };
        assert!(router.rank(&nothing, 3).is_empty() && router.select(&nothing).is_empty());
    }
}

#[test]
fn with_nothing_to_learn_from_all_tools_are_equal() {
    let unlabelled = about_words(12, |_, _| vec![]);
    let empty = about_words(0, |_, _| vec![]);
    for head in HEADS {
        for problem in [&unlabelled, &empty] {
            let router = fit(&RnnParams { head, ..small() }, &problem.training());
            ranks_everything(&*router, WORDS.len());
            if head != Head::Sequence {
                let ranking = router.rank(&asks("rain"), WORDS.len());
                assert!(ranking.iter().all(|ranked| ranked.score == 0.0));
            }
        }
        let log = logged(&empty, 1);
        let reinforce = RnnParams {
            learn: Learn::Reinforce,
            ..small()
        };
        ranks_everything(&*fit(&reinforce, &log), WORDS.len());
    }
}

#[test]
fn a_single_query_and_a_single_tool_are_enough() {
    for head in HEADS {
        let params = RnnParams { head, ..small() };
        let single_query = fit(&params, &first_word(1).training());
        ranks_everything(&*single_query, WORDS.len());
        assert_eq!(single_query.select(&asks("please rain")), [0]);

        let mut single_tool = about_words(20, |_, _| vec![0]);
        single_tool.tools.truncate(1);
        ranks_everything(&*fit(&params, &single_tool.training()), 1);
        let no_tools = Problem::of_texts(vec![]);
        ranks_everything(&*fit(&params, &no_tools.training()), 0);
    }
}

/// The weakness of a classifier: it cannot know what it has seen no outcome of.
#[test]
fn tools_without_outcomes_rank_last() {
    let mut problem = first_word(200);
    problem.tools.push(tool("umbrella", "umbrella"));
    for head in HEADS {
        let router = fit(&RnnParams { head, ..small() }, &problem.training());
        for text in ["umbrella", "please rain"] {
            let ranking = tools_of(&router.rank(&asks(text), usize::MAX));
            assert_eq!(ranking.last(), Some(&WORDS.len()), "{head:?}");
        }
    }
}

#[test]
fn a_label_that_names_no_tool_is_refused() {
    let problem = about_words(5, |_, _| vec![WORDS.len()]);
    let error = RouterSpec::Rnn(small())
        .fit(&problem.training())
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("names tool 6, but there are 6"),
        "{error}"
    );
}

#[test]
fn a_fit_that_diverges_stops_and_gives_the_last_good_router() {
    let problem = first_word(30);
    // Not `gumbel`: the gradient of a softmax whose logits are that far apart is 0.
    for head in [Head::Softmax, Head::Sequence] {
        // The first epoch is a single batch, so that it ends before anything is seen to be wrong.
        let params = RnnParams {
            head,
            learning_rate: 1e30,
            weight_decay: 0.0,
            batch_size: 100,
            ..small()
        };
        let error = RouterSpec::Rnn(params)
            .fit(&problem.training())
            .err()
            .unwrap();
        let Error::Diverged {
            router: "rnn",
            epoch,
            last_good,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert!(epoch > 1);
        let spec = RouterSpec::Rnn(RnnParams { head, ..small() });
        let router = spec.restore(&last_good.unwrap()).unwrap();
        ranks_everything(&*router, WORDS.len());

        let at_once = RnnParams {
            head,
            learning_rate: 1e30,
            ..small()
        };
        let error = RouterSpec::Rnn(at_once)
            .fit(&problem.training())
            .err()
            .unwrap();
        assert!(
            matches!(
                error,
                Error::Diverged {
                    epoch: 1,
                    last_good: None,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_file_gives_the_same_router() {
    let folder = tempfile::tempdir().unwrap();
    let problem = two_words(120);
    for head in HEADS {
        let spec = RouterSpec::Rnn(RnnParams {
            head,
            epochs: 3,
            max_length: 7,
            ..small()
        });
        let router = spec.fit(&problem.training()).unwrap();
        let path = folder.path().join("router");
        fs::write(&path, router.state().to_bytes(&spec).unwrap()).unwrap();
        let (loaded_spec, loaded) = load(&path).unwrap();
        assert_eq!(loaded_spec, spec);
        assert_eq!(loaded.state(), router.state());
        for query in &problem.queries {
            let request = asks(&query.text);
            assert_eq!(
                loaded.rank(&request, usize::MAX),
                router.rank(&request, usize::MAX)
            );
            assert_eq!(loaded.select(&request), router.select(&request));
        }
    }
}

#[test]
fn a_damaged_state_is_refused() {
    let spec = RouterSpec::Rnn(sequence());
    let state = spec.fit(&two_words(12).training()).unwrap().state();
    assert!(spec.restore(&state).is_ok());
    assert!(matches!(
        spec.restore(&State::default()),
        Err(Error::State(_))
    ));
    for name in [
        "encoder/embedding",
        "encoder/input",
        "encoder/recurrent",
        "decoder/embedding",
        "decoder/input",
        "decoder/recurrent",
        "output",
    ] {
        for shape in [(0, 0), (1, 1), (3, 64)] {
            let mut damaged = state.clone();
            damaged.put(name, &Array2::<f32>::zeros(shape));
            assert!(
                matches!(spec.restore(&damaged), Err(Error::State(_))),
                "{name} {shape:?}"
            );
        }
    }
    for name in ["encoder/bias", "decoder/bias", "output_bias"] {
        let mut damaged = state.clone();
        damaged.put(name, &Array1::<f32>::zeros(3));
        assert!(
            matches!(spec.restore(&damaged), Err(Error::State(_))),
            "{name}"
        );
    }
    let mut damaged = state.clone();
    damaged.note("vocabulary/pieces", vec![3, 2]);
    assert!(matches!(spec.restore(&damaged), Err(Error::State(_))));
}

#[test]
fn every_fit_and_every_number_of_threads_gives_the_same_bits() {
    let problem = two_words(150);
    for head in HEADS {
        let params = RnnParams {
            head,
            epochs: 3,
            ..small()
        };
        let fitted = || fit(&params, &problem.training()).state();
        let first = fitted();
        for again in in_thread_pools(fitted) {
            assert!(again == first, "{head:?}");
        }
        let other_seed = Problem {
            seed: 1,
            ..problem.clone()
        };
        assert!(
            fit(&params, &other_seed.training()).state() != first,
            "{head:?}"
        );
    }
}

#[test]
fn random_labels_teach_nothing_about_other_queries() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut problem = first_word(600);
    for query in &mut problem.queries {
        query.relevant = vec![(rng.random_range(0..WORDS.len()), 1)];
    }
    let (train, test) = train_and_test(problem);
    for head in HEADS {
        let router = fit(&RnnParams { head, ..small() }, &train.training());
        // Chance is 1/6, with a standard deviation of 0.022 over 300 queries.
        let precision = precision(&*router, &test);
        assert!(
            (precision - 1.0 / 6.0).abs() < 0.066,
            "{head:?}: {precision}"
        );
    }
}
