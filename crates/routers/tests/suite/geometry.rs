//! Centring, whitening and hubs, against SciPy.

use ndarray::{Array2, Ix1, Ix2};
use oats_routers::{Error, RouterSpec, TrainingQuery};

use crate::{
    common::{Problem, part, reference, tools_of},
    oats::{assert_ranks_as_dense, matrix, of_reference, spec},
};

fn geometry(settings: &str) -> RouterSpec {
    spec(&format!("kind = \"geometry\"\n{settings}"))
}

#[test]
fn agrees_with_scipy() {
    let reference = reference("geometry.json");
    let problem = of_reference(&reference);
    for case in reference["cases"].as_array().unwrap() {
        let settings: toml::Table = part(case, "settings");
        let router = geometry(&settings.to_string());
        let router = router.fit(&problem.training()).unwrap();
        let expected: Array2<f32> = matrix(part(case, "scores"));
        for (query, expected) in expected.rows().into_iter().enumerate() {
            for ranked in router.rank(&problem.request(query), 100) {
                let off = (ranked.score - expected[ranked.tool]).abs();
                assert!(off < 2e-6, "{settings}: query {query} is off by {off}");
            }
        }
    }
}

#[test]
fn with_nothing_to_do_it_is_the_base() {
    let problem = Problem::random(1, 9, 40, 8);
    assert_ranks_as_dense(&geometry("centre = false"), &problem);
    // The covariance shrunk to a multiple of the identity makes all directions alike as they are.
    let whitened = geometry("centre = false\nwhiten = 1").fit(&problem.training());
    let dense = spec("kind = \"dense\"").fit(&problem.training());
    let [whitened, dense] = [whitened, dense].map(|router| {
        let ranking = router.unwrap().rank(&problem.request(3), 9);
        tools_of(&ranking)
    });
    assert_eq!(whitened, dense);
}

/// What all vectors have in common makes no difference once it is taken off.
#[test]
fn a_common_direction_is_taken_off() {
    let mut problem = Problem::random(2, 20, 300, 8);
    for (number, query) in problem.queries.iter_mut().enumerate() {
        query.relevant = vec![(number % 20, 1)];
    }
    for number in 0..300 {
        let tool = problem.tool_embeddings.row(number % 20).to_owned();
        let mut row = problem.query_embeddings.row_mut(number);
        row *= 0.7;
        row += &tool;
    }
    // Tools lie more or less far along the common direction, which makes some of them hubs.
    for (number, mut tool) in problem.tool_embeddings.rows_mut().into_iter().enumerate() {
        tool[0] += 0.3 * number as f32;
    }
    for mut query in problem.query_embeddings.rows_mut() {
        query[0] += 3.0;
    }
    for vectors in [&mut problem.tool_embeddings, &mut problem.query_embeddings] {
        for mut row in vectors.rows_mut() {
            let length = row.dot(&row).sqrt();
            row /= length;
        }
    }
    let rows: Vec<usize> = (0..300).collect();
    let score = |spec: RouterSpec| {
        let router = spec.fit(&problem.training()).unwrap();
        problem.training().ndcg(&*router, &rows).unwrap()
    };
    let dense = score(spec("kind = \"dense\""));
    for (settings, least) in [
        ("", 0.1),
        ("whiten = 0.1", 0.1),
        ("centre = false\nhubness = 10", 0.01),
    ] {
        let better = score(geometry(settings));
        assert!(better > dense + least, "{settings}: {dense} → {better}");
    }
}

#[test]
fn labels_are_not_read() {
    let problem = Problem::random(3, 9, 40, 8);
    let mut unlabelled = problem.training();
    unlabelled.queries = problem
        .queries
        .iter()
        .map(|query| TrainingQuery::logged(query, vec![]))
        .collect();
    let router = geometry("whiten = 0.2\nhubness = 4");
    let state = |training| router.fit(training).unwrap().state();
    assert!(state(&problem.training()) == state(&unlabelled));
}

/// Fewer vectors than components span no space.
#[test]
fn a_covariance_without_inverse_is_refused_and_shrinking_mends_it() {
    let problem = Problem::random(4, 3, 4, 16);
    let error = geometry("whiten = 0").fit(&problem.training()).err();
    assert!(
        matches!(
            &error,
            Some(Error::Solver {
                router: "geometry",
                ..
            })
        ),
        "{error:?}"
    );
    geometry("whiten = 0.01").fit(&problem.training()).unwrap();
}

/// A query at the mean points nowhere: what is left is how much of a hub each tool is.
#[test]
fn vectors_that_are_all_the_same_are_served() {
    let mut problem = Problem::random(5, 3, 4, 8);
    let first = problem.tool_embeddings.row(0).to_owned();
    for vectors in [&mut problem.tool_embeddings, &mut problem.query_embeddings] {
        vectors
            .rows_mut()
            .into_iter()
            .for_each(|mut row| row.assign(&first));
    }
    for settings in ["", "whiten = 0", "whiten = 0.5\nhubness = 2"] {
        let router = geometry(settings).fit(&problem.training()).unwrap();
        let ranking = router.rank(&problem.request(0), 3);
        assert!(
            ranking.iter().all(|ranked| ranked.score.is_finite()),
            "{settings}"
        );
    }
}

#[test]
fn maps_of_other_shapes_are_refused() {
    let problem = Problem::random(6, 9, 40, 8);
    let router = geometry("whiten = 0.5\nhubness = 3");
    let good = router.fit(&problem.training()).unwrap().state();
    assert_eq!(
        good.array::<Ix2>("adapter/whitening").unwrap().dim(),
        (8, 8)
    );
    assert_eq!(good.array::<Ix1>("adapter/mean").unwrap().len(), 8);
    // Of other settings.
    for settings in ["hubness = 3", "whiten = 0.5"] {
        let other = geometry(settings).fit(&problem.training()).unwrap().state();
        assert!(router.restore(&other).is_err(), "{settings}");
    }
}
