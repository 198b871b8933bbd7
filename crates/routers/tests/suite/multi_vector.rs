//! Several vectors a tool.

use ndarray::{Array2, ArrayView1, Axis, Ix2, Slice, concatenate};
use oats_datasets::Query;
use oats_routers::{RouterSpec, scan::Grouped};

use crate::{
    common::{Problem, part, reference, tools_of},
    oats::{assert_ranks_as_dense, matrix, of_reference, spec},
};

fn fitted(settings: &str, problem: &Problem) -> (Vec<usize>, Array2<f32>) {
    let router = multi_vector(settings).fit(&problem.training()).unwrap();
    let state = router.state();
    let vectors = state.array::<Ix2>("vectors").unwrap();
    (state.read("counts").unwrap(), vectors)
}

fn multi_vector(settings: &str) -> RouterSpec {
    spec(&format!("kind = \"multi-vector\"\n{settings}"))
}

fn nearest(vector: ArrayView1<'_, f32>, others: &Array2<f32>) -> f32 {
    let off = others.rows().into_iter().map(|other| {
        let difference = &other - &vector;
        difference.dot(&difference).sqrt()
    });
    off.fold(f32::INFINITY, f32::min)
}

#[test]
fn groups_are_found_whatever_the_seed() {
    let reference = reference("multi_vector.json");
    let mut problem = of_reference(&reference);
    let groups: Vec<Vec<Vec<f32>>> = part(&reference, "vectors");
    for (clusters, wanted) in [(2, [1, 2, 2, 1]), (3, [1, 2, 3, 1])] {
        for seed in 0..5 {
            problem.seed = seed;
            // Eight successes are one group: no cluster of it has more than seven.
            let settings = format!("clusters = {clusters}\nleast = 8");
            let (counts, vectors) = fitted(&settings, &problem);
            assert_eq!(counts, wanted);
            let mut start = 0;
            for (tool, count) in counts.into_iter().enumerate() {
                let expected = matrix(groups[tool].clone());
                for row in start..start + count {
                    let off = nearest(vectors.row(row), &expected);
                    assert!(off < 1e-6 || count < expected.nrows(), "tool {tool}: {off}");
                }
                start += count;
            }
        }
    }
}

/// Stage 1 without its push and its rounds.
#[test]
fn one_cluster_is_one_round_of_stage_1() {
    let problem = Problem::random(1, 12, 80, 8);
    let (counts, vectors) = fitted("clusters = 1\nalpha = 0.4", &problem);
    assert_eq!(counts, [1; 12]);
    let s1 = spec("kind = \"oats-s1\"\nalpha = 0.4\nbeta = 0\nrounds = 1");
    let s1 = s1.fit(&problem.training()).unwrap().state();
    let off = (vectors - s1.array::<Ix2>("tools").unwrap()).mapv(f32::abs);
    assert!(off.iter().all(|&x| x < 1e-6), "{off}");
}

#[test]
fn no_pull_and_no_successes_leave_the_embeddings() {
    let problem = Problem::random(2, 9, 60, 8);
    assert_ranks_as_dense(&multi_vector("alpha = 0"), &problem);
    let mut unlabelled = problem;
    unlabelled
        .queries
        .iter_mut()
        .for_each(|query| query.relevant.clear());
    assert_ranks_as_dense(&multi_vector(""), &unlabelled);
}

#[test]
fn clusters_have_as_many_successes_as_they_need() {
    let problem = Problem::random(3, 6, 80, 8);
    let of_tool = |tool| {
        let right = |query: &&Query| query.relevant.contains(&(tool, 1));
        problem.queries.iter().filter(right).count()
    };
    for least in [1, 3, 10, 1000] {
        let (counts, _) = fitted(&format!("clusters = 4\nleast = {least}"), &problem);
        for (tool, count) in counts.into_iter().enumerate() {
            assert!(
                count <= (of_tool(tool) / least).clamp(1, 4),
                "least {least}"
            );
        }
    }
}

/// The same query over and over makes clusters without members, which do not count.
#[test]
fn repeated_queries_are_one_cluster() {
    let problem = Problem::random(4, 3, 12, 8).reordered(&[1; 20]);
    let (counts, vectors) = fitted("clusters = 3\nleast = 1", &problem);
    assert_eq!(counts, [1; 3]);
    assert!(vectors.iter().all(|x| x.is_finite()));
}

/// Against all dot products, one by one.
#[test]
fn a_tool_scores_as_its_best_vector() {
    let problem = Problem::random(5, 40, 30, 8);
    let counts: Vec<usize> = (0..8).map(|tool| [1, 2, 9][tool % 3]).collect();
    let total: usize = counts.iter().sum();
    let vectors = problem
        .tool_embeddings
        .select(Axis(0), &(0..total).collect::<Vec<_>>());
    let grouped = Grouped::new(vectors.clone(), &counts).unwrap();
    assert_eq!(grouped.counts().collect::<Vec<_>>(), counts);
    for query in problem.query_embeddings.rows() {
        let mut start = 0;
        let mut expected: Vec<f32> = Vec::new();
        for &count in &counts {
            let own = vectors.slice_axis(Axis(0), Slice::from(start..start + count));
            expected.push(
                own.dot(&query)
                    .fold(f32::NEG_INFINITY, |most, &x| x.max(most)),
            );
            start += count;
        }
        let query = query.to_slice().unwrap();
        let ranking = grouped.search(query, None, 100);
        assert_eq!(ranking.len(), 8);
        for ranked in &ranking {
            assert!((ranked.score - expected[ranked.tool]).abs() < 1e-6);
        }
        assert_eq!(grouped.search(query, None, 3), ranking[..3]);
        let listed = tools_of(&grouped.search(query, Some(&[6, 2]), 5));
        let among: Vec<usize> = tools_of(&ranking);
        let among: Vec<usize> = among
            .into_iter()
            .filter(|tool| [6, 2].contains(tool))
            .collect();
        assert_eq!(listed, among);
    }
}

/// More vectors than are scored at once, for one tool.
#[test]
fn a_tool_can_have_many_vectors() {
    let one = Problem::random(6, 200, 1, 8).tool_embeddings;
    let both = concatenate![Axis(0), one, one];
    let grouped = Grouped::new(both, &[200, 200]).unwrap();
    let query = one.row(199).to_owned();
    let ranking = grouped.search(query.as_slice().unwrap(), None, 2);
    assert!(
        ranking
            .iter()
            .all(|ranked| (ranked.score - 1.0).abs() < 1e-6)
    );
}

#[test]
fn counts_that_do_not_add_up_are_refused() {
    let vectors = Problem::random(7, 6, 1, 8).tool_embeddings;
    for counts in [&[][..], &[6, 0], &[5], &[7], &[usize::MAX, 7], &[3, 4]] {
        assert!(
            Grouped::new(vectors.clone(), counts).is_none(),
            "{counts:?}"
        );
    }
    assert!(Grouped::new(vectors, &[1, 2, 3]).is_some());
}
