//! Routers as experiments name them.

use oats_datasets::Query;
use oats_routers::{
    Error, Request, RouterSpec,
    baselines::Bm25Params,
    dense_int8::DenseInt8Params,
    oats::{Feature, Negatives, S1Params, S2Params, S3Params, ToolVectors},
};

use crate::common::{Problem, asks};

const KINDS: [&str; 19] = [
    "random",
    "bm25",
    "dense",
    "dense-int8",
    "oats-s1",
    "oats-s2",
    "oats-s3",
    "oats-plus",
    "adapter-ridge",
    "adapter-procrustes",
    "geometry",
    "multi-vector",
    "linear",
    "knn",
    "hybrid",
    "threshold",
    "rnn",
    "encoder",
    "llm",
];

fn parse(text: &str) -> RouterSpec {
    toml::from_str(text).unwrap()
}

fn refusal(text: &str) -> String {
    toml::from_str::<RouterSpec>(text).unwrap_err().to_string()
}

/// What `check` and `fit` both refuse a router for.
fn out_of_range(text: &str) -> (&'static str, &'static str, String) {
    let spec = parse(text);
    let problem = Problem::random(0, 4, 10, 8);
    let refused = spec.fit(&problem.training()).err().unwrap();
    let error = spec.check().unwrap_err();
    assert_eq!(error.to_string(), refused.to_string());
    let message = error.to_string();
    match error {
        Error::Setting { router, field, .. } => (router, field, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_name_for_a_kind_wherever_it_is_written() {
    for kind in KINDS {
        let spec = RouterSpec::by_kind(kind).unwrap();
        assert_eq!(spec.kind(), kind);
        assert_eq!(parse(&format!("kind = \"{kind}\"")), spec);
        assert_eq!(parse(&toml::to_string(&spec).unwrap()), spec);
        spec.check().unwrap();
    }
}

#[test]
fn settings_are_read_and_the_others_keep_their_defaults() {
    let expected = S1Params {
        alpha: 1.0,
        rounds: 7,
        anchored: true,
        ..S1Params::default()
    };
    let text = "kind = \"oats-s1\"\nalpha = 1\nrounds = 7\nanchored = true";
    assert_eq!(parse(text), RouterSpec::OatsS1(expected));
    let expected = S2Params {
        base: ToolVectors::OatsS1(expected),
        without: vec![Feature::ReciprocalRank, Feature::SuccessCount],
        ..S2Params::default()
    };
    let text = "kind = \"oats-s2\"\nwithout = [\"reciprocal-rank\", \"success-count\"]
        base = { kind = \"oats-s1\", alpha = 1, rounds = 7, anchored = true }";
    assert_eq!(parse(text), RouterSpec::OatsS2(expected));
    let expected = Bm25Params {
        k1: 0.9,
        ..Bm25Params::default()
    };
    assert_eq!(
        parse("kind = \"bm25\"\nk1 = 0.9"),
        RouterSpec::Bm25(expected)
    );
}

#[test]
fn the_defaults_are_the_papers() {
    let S1Params {
        alpha,
        beta,
        rounds,
        top_k,
        anchored,
        negatives,
        gate,
    } = S1Params::default();
    assert_eq!(
        (alpha, beta, rounds, top_k, anchored),
        (0.3, 0.1, 3, 5, false)
    );
    assert_eq!((negatives, gate), (Negatives::Catalogue, false));
    // Not the paper's, but the size of its adapter follows from it.
    assert_eq!(S3Params::default().hidden, 256);
}

#[test]
fn unknown_kinds_and_fields_are_refused_by_name() {
    let message = refusal("kind = \"oats-s9\"");
    assert!(KINDS.iter().all(|kind| message.contains(kind)), "{message}");
    assert!(message.contains("`oats-s9`"), "{message}");

    let message = RouterSpec::by_kind("oats-s9").unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "there is no router `oats-s9`; there are: {}",
            KINDS.join(", ")
        )
    );

    for (kind, field) in [
        ("oats-s1", "round"),
        ("bm25", "k2"),
        ("dense", "alpha"),
        ("dense-int8", "bits"),
        ("random", "seed"),
        ("oats-s2", "features"),
        ("oats-s3", "tau"),
        ("adapter-ridge", "alpha"),
        ("adapter-procrustes", "fold"),
        ("geometry", "center"),
        ("multi-vector", "base"),
        ("hybrid", "scale"),
    ] {
        let message = refusal(&format!("kind = \"{kind}\"\n{field} = 1"));
        assert!(
            message.contains(&format!("unknown field `{field}`")),
            "{message}"
        );
    }
    assert!(refusal("rounds = 3").contains("missing field `kind`"));
}

#[test]
fn values_of_the_wrong_type_are_refused_by_field() {
    for (kind, field, value) in [
        ("oats-s1", "rounds", "-1"),
        ("oats-s1", "rounds", "2.5"),
        ("oats-s1", "alpha", "\"much\""),
        ("oats-s1", "anchored", "1"),
        ("oats-s1", "negatives", "\"all\""),
        ("bm25", "b", "true"),
        ("oats-s2", "top_k", "-1"),
        ("oats-s3", "residual", "0"),
        ("adapter-ridge", "lambda", "\"any\""),
        ("adapter-ridge", "fold", "1"),
        ("geometry", "whiten", "true"),
        ("geometry", "hubness", "-1"),
        ("multi-vector", "clusters", "0.5"),
        ("hybrid", "fusion", "\"logistic\""),
    ] {
        let message = refusal(&format!("kind = \"{kind}\"\n{field} = {value}"));
        assert!(
            message.starts_with(&format!("{field}: invalid"))
                || message.starts_with(&format!("{field}: unknown variant")),
            "{message}"
        );
    }
}

#[test]
fn values_out_of_range_are_refused_by_router_and_field() {
    for (kind, field, values) in [
        ("oats-s1", "alpha", ["-0.1", "1.1", "nan"].as_slice()),
        ("oats-s1", "beta", &["-0.1", "inf", "nan"]),
        ("oats-s1", "top_k", &["0"]),
        ("bm25", "k1", &["-0.1", "inf", "nan"]),
        ("bm25", "b", &["-0.1", "1.1", "nan"]),
        ("oats-s2", "top_k", &["0"]),
        ("oats-s2", "epochs", &["0"]),
        ("oats-s2", "batch_size", &["0"]),
        ("oats-s2", "learning_rate", &["0", "-0.1", "inf", "nan"]),
        ("oats-s2", "validation", &["0", "1", "nan"]),
        ("oats-s3", "top_k", &["0"]),
        ("oats-s3", "hidden", &["0"]),
        ("oats-s3", "epochs", &["0"]),
        ("oats-s3", "batch_size", &["0"]),
        ("oats-s3", "temperature", &["0", "-0.1", "inf", "nan"]),
        ("oats-s3", "learning_rate", &["0", "-0.1", "inf", "nan"]),
        ("oats-s3", "validation", &["0", "1", "nan"]),
        ("adapter-ridge", "lambda", &["0", "-0.1", "inf", "nan"]),
        ("adapter-procrustes", "lambda", &["0", "-0.1", "inf", "nan"]),
        ("geometry", "whiten", &["-0.1", "1.1", "nan"]),
        ("geometry", "hubness", &["0"]),
        ("multi-vector", "alpha", &["-0.1", "1.1", "nan"]),
        ("multi-vector", "clusters", &["0"]),
        ("multi-vector", "least", &["0"]),
    ] {
        for value in values {
            let (router, named, message) =
                out_of_range(&format!("kind = \"{kind}\"\n{field} = {value}"));
            assert_eq!((router, named), (kind, field));
            let expected = format!(
                "{kind}: {field} is {}, but must be ",
                value.replace("nan", "NaN")
            );
            assert!(message.starts_with(&expected), "{message}");
        }
    }
    let (router, field, _) =
        out_of_range("kind = \"oats-s3\"\nin_batch = false\nhard_negatives = 0");
    assert_eq!((router, field), ("oats-s3", "hard_negatives"));
    for kind in [
        "dense-int8",
        "oats-s2",
        "oats-s3",
        "adapter-ridge",
        "adapter-procrustes",
        "geometry",
        "hybrid",
    ] {
        let (router, field, _) = out_of_range(&format!(
            "kind = \"{kind}\"\n[base]\nkind = \"oats-s1\"\nbeta = -1"
        ));
        assert_eq!((router, field), ("oats-s1", "beta"));
    }
}

#[test]
fn the_ends_of_the_ranges_are_allowed() {
    for text in [
        "kind = \"oats-s1\"\nalpha = 0\nbeta = 0\nrounds = 0\ntop_k = 1",
        "kind = \"oats-s1\"\nalpha = 1",
        "kind = \"bm25\"\nk1 = 0\nb = 0",
        "kind = \"bm25\"\nk1 = 1000\nb = 1",
    ] {
        let problem = Problem::random(0, 4, 10, 8);
        let embedding = problem.query_embeddings.row(0);
        let request = Request {
            embedding: embedding.to_slice().unwrap(),
            ..asks("tool1 tool1 query")
        };
        let ranking = parse(text)
            .fit(&problem.training())
            .unwrap()
            .rank(&request, 9);
        assert_eq!(ranking.len(), 4);
        assert!(
            ranking.iter().all(|ranked| ranked.score.is_finite()),
            "{text}"
        );
    }
}

#[test]
fn routers_that_read_no_embeddings_need_none() {
    let with_vectors = Problem::random(5, 6, 20, 8);
    let without = Problem::of_texts(with_vectors.tools.clone());
    // Nobody answers for `llm` here.
    for kind in KINDS.into_iter().filter(|kind| *kind != "llm") {
        let spec = RouterSpec::by_kind(kind).unwrap();
        assert_eq!(
            spec.fit(&without.training()).is_ok(),
            !spec.reads_embeddings()
        );
        assert!(spec.fit(&with_vectors.training()).is_ok());
    }
}

/// Labels, ids and candidate lists are for those who train on them or evaluate.
#[test]
fn baselines_learn_nothing_from_outcomes() {
    let problem = Problem::random(5, 6, 20, 8);
    let relabelled = Problem {
        queries: problem
            .queries
            .iter()
            .map(|query| Query {
                relevant: vec![(5, 1)],
                ..query.clone()
            })
            .collect(),
        ..problem.clone()
    };
    let embedding = problem.query_embeddings.row(3);
    let request = Request {
        embedding: embedding.to_slice().unwrap(),
        ..asks("tool3")
    };
    let ranking = |spec: &RouterSpec, problem: &Problem| {
        spec.fit(&problem.training()).unwrap().rank(&request, 6)
    };
    for spec in [
        RouterSpec::Random(Default::default()),
        RouterSpec::Bm25(Bm25Params::default()),
        RouterSpec::Dense(Default::default()),
        RouterSpec::DenseInt8(DenseInt8Params::default()),
    ] {
        assert_eq!(ranking(&spec, &problem), ranking(&spec, &relabelled));
    }
}
