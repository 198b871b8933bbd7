//! The scan against what it stands for: all dot products, sorted.

use ndarray::{Array1, Array2, ArrayView1};
use oats_datasets::ToolId;
use oats_routers::{
    Ranked, Request,
    scan::{PARALLEL_ABOVE, Quantised, Screened, Vectors},
    top_k,
};
use proptest::{prelude::*, sample};

use crate::common::{Problem, in_thread_pools};

/// Every tool's dot product with the query, in the order that the crate promises.
fn naive(
    tools: &Array2<f32>,
    query: &[f32],
    candidates: Option<&[ToolId]>,
    k: usize,
) -> Vec<Ranked> {
    let request = Request {
        text: "",
        embedding: query,
        candidates,
    };
    let mut all = top_k(&request, tools.nrows(), usize::MAX, |tool| {
        tools.row(tool).dot(&ArrayView1::from(query))
    });
    all.truncate(k);
    all
}

/// Tools and scores to the bit, so that numbers that are none compare, too.
fn bits(ranking: &[Ranked]) -> Vec<(ToolId, u32)> {
    let bits = |ranked: &Ranked| (ranked.tool, ranked.score.to_bits());
    ranking.iter().map(bits).collect()
}

#[derive(Clone, Debug)]
struct Case {
    tools: Array2<f32>,
    query: Vec<f32>,
    candidates: Option<Vec<ToolId>>,
    k: usize,
}

/// Catalogues around the sizes of blocks, vectors around those of lanes; many components are alike, so
/// that scores are tied, and some are no numbers.
fn cases() -> impl Strategy<Value = Case> {
    let component = prop_oneof![
        20 => sample::select(vec![0.0f32, 0.5, -0.5]),
        20 => -1.0f32..1.0,
        1 => Just(f32::NAN),
    ];
    (0usize..150, 0usize..20).prop_flat_map(move |(tools, d)| {
        let matrix = prop::collection::vec(component.clone(), tools * d);
        let matrix =
            matrix.prop_map(move |numbers| Array2::from_shape_vec((tools, d), numbers).unwrap());
        let query = prop::collection::vec(-1.0f32..1.0, d);
        let listed = match tools {
            0 => Just(vec![]).boxed(),
            _ => prop::collection::vec(0..tools, 0..2 * tools).boxed(),
        };
        let k = prop_oneof![4 => 0usize..10, 2 => 0..tools + 2, 1 => Just(usize::MAX)];
        (matrix, query, prop::option::of(listed), k).prop_map(|(tools, query, candidates, k)| {
            Case {
                tools,
                query,
                candidates,
                k,
            }
        })
    })
}

/// What a quantised vector stands for, and its scale.
fn restored(tools: &Quantised) -> (Array2<f32>, Array1<f32>) {
    let (codes, scales) = tools.parts();
    let mut restored = codes.mapv(f32::from);
    for (mut row, &scale) in restored.rows_mut().into_iter().zip(scales) {
        row *= scale;
    }
    (restored, scales.to_owned())
}

fn norm(vector: ArrayView1<'_, f32>) -> f32 {
    vector.dot(&vector).sqrt()
}

proptest! {
    /// To the bit: a catalogue scanned by other instructions must not rank otherwise.
    #[test]
    fn a_search_is_a_sort_of_all_dot_products(case in cases()) {
        let Case { tools, query, candidates, k } = case;
        let expected = naive(&tools, &query, candidates.as_deref(), k);
        let vectors = Vectors::new(tools);
        let found = vectors.search(&query, candidates.as_deref(), k);
        // Which of several numbers that are none it is, is for the machine to say.
        let comparable = |ranking: &[Ranked]| -> Vec<(ToolId, Option<u32>)> {
            let bits = |score: f32| (!score.is_nan()).then(|| score.to_bits());
            ranking.iter().map(|ranked| (ranked.tool, bits(ranked.score))).collect()
        };
        prop_assert_eq!(comparable(&found), comparable(&expected));
    }

    /// Whatever int8 makes of the vectors, nothing that belongs to the best is passed over.
    #[test]
    fn a_screened_search_is_a_search(case in cases(), times in 1usize..30, scale in sample::select(vec![1.0f32, 1e-30, 1e-42, 1e30])) {
        let Case { tools, query, candidates, k } = case;
        // Enough tools for a screen; each again and again, a little moved: near ties by the dozen.
        let shape = (tools.nrows() * times, tools.ncols());
        let many = Array2::from_shape_fn(shape, |(row, column)| {
            let moved = (row / tools.nrows().max(1)) as f32 * 1e-4;
            (tools[(row % tools.nrows(), column)] + moved) * scale
        });
        let comparable = |ranking: &[Ranked]| -> Vec<(ToolId, Option<u32>)> {
            let bits = |score: f32| (!score.is_nan()).then(|| score.to_bits());
            ranking.iter().map(|ranked| (ranked.tool, bits(ranked.score))).collect()
        };
        let expected = Vectors::new(many.clone()).search(&query, candidates.as_deref(), k);
        let found = Screened::new(many).search(&query, candidates.as_deref(), k);
        prop_assert_eq!(comparable(&found), comparable(&expected));
    }

    #[test]
    fn codes_are_searched_as_a_sort_would(case in cases()) {
        let Case { tools, query, candidates, k } = case;
        let vectors = Vectors::new(tools).quantised();
        let mut all = vectors.search(&query, candidates.as_deref(), usize::MAX);
        all.truncate(k);
        prop_assert_eq!(vectors.search(&query, candidates.as_deref(), k), all);
    }

    #[test]
    fn codes_are_off_by_no_more_than_their_rounding(seed in 0u64..1000, d in 1usize..500) {
        let problem = Problem::random(seed, 20, 1, d);
        let query = problem.query_embeddings.row(0);
        let exact = Vectors::new(problem.tool_embeddings.clone());
        let quantised = exact.quantised();
        let (restored, scales) = restored(&quantised);
        let most = |vector: ArrayView1<'_, f32>| vector.fold(0.0f32, |most, x| most.max(x.abs()));
        let query_scale = most(query) / 127.0;

        for ranked in quantised.search(query.as_slice().unwrap(), None, usize::MAX) {
            let (tool, scale) = (problem.tool_embeddings.row(ranked.tool), scales[ranked.tool]);
            prop_assert!((scale - most(tool) / 127.0).abs() < 1e-7);
            for (x, y) in tool.iter().zip(restored.row(ranked.tool)) {
                prop_assert!((x - y).abs() <= scale * 0.5001, "{x} became {y}");
            }
            let d = d as f32;
            let bound = d.sqrt() / 2.0 * (scale * norm(query) + query_scale * norm(tool))
                + d * scale * query_scale / 4.0;
            let off = (ranked.score - tool.dot(&query)).abs();
            prop_assert!(off <= bound + 1e-6, "off by {off}, which is more than {bound}");
        }
    }
}

#[test]
fn vectors_of_embeddings_lose_some_thousandths() {
    let problem = Problem::random(7, 500, 20, 384);
    let quantised = Vectors::new(problem.tool_embeddings.clone()).quantised();
    for query in problem.query_embeddings.rows() {
        for ranked in quantised.search(query.as_slice().unwrap(), None, usize::MAX) {
            let exact = problem.tool_embeddings.row(ranked.tool).dot(&query);
            assert!((ranked.score - exact).abs() < 0.005);
        }
    }
}

/// A known value: scales 1/127 and 2/127, codes 127·(1, −0.5) and 127·(0.25, 1), rounded.
#[test]
fn codes_are_whole_numbers_of_scales() {
    let quantised = Vectors::new(ndarray::array![[1.0, -0.5], [0.5, 2.0], [0.0, 0.0]]).quantised();
    let (codes, scales) = quantised.parts();
    assert_eq!(codes, ndarray::array![[127, -64], [32, 127], [0, 0]]);
    assert_eq!(scales, ndarray::array![1.0 / 127.0, 2.0 / 127.0, 0.0]);

    let ranking = quantised.search(&[0.0, 1.0], None, 3);
    let scores: Vec<(ToolId, f32)> = ranking.iter().map(|r| (r.tool, r.score)).collect();
    let unit = 1.0 / 127.0;
    let expected = [
        (1, 127.0 * 127.0 * unit * 2.0 * unit),
        (2, 0.0),
        (0, -64.0 * 127.0 * unit * unit),
    ];
    for ((tool, score), (expected_tool, expected)) in scores.into_iter().zip(expected) {
        assert_eq!(tool, expected_tool);
        assert!((score - expected).abs() < 1e-6, "{score} for {expected}");
    }
}

/// More components than the products of codes fit into an i32, and than the query's fit on the stack.
#[test]
fn long_vectors_do_not_overflow() {
    let long = Array2::from_elem((2, 300_000), -1.0);
    let query = vec![1.0; 300_000];
    for ranked in Vectors::new(long).quantised().search(&query, None, 2) {
        assert!((ranked.score + 300_000.0).abs() < 1.0, "{}", ranked.score);
    }
}

/// So many tools that several threads scan them, in chunks that do not come out even.
#[test]
fn any_number_of_threads_finds_the_same() {
    let (tools, d) = (2 * PARALLEL_ABOVE + 77, 3);
    let mut matrix = Array2::from_shape_fn((tools, d), |(tool, component)| {
        // Few are distinct, so that chunks tie.
        ((tool * 31 + component * 17) % 101) as f32 / 101.0
    });
    for tool in 40_000..40_010 {
        matrix.row_mut(tool).fill(f32::NAN);
    }
    let query = [0.3, -0.2, 0.9];
    let vectors = Vectors::new(matrix.clone());
    let quantised = vectors.quantised();
    for k in [0, 1, 50, 3_000, usize::MAX] {
        let expected = bits(&naive(&matrix, &query, None, k));
        let by_codes = quantised.search(&query, None, k);
        for (floats, codes) in in_thread_pools(|| {
            let floats = vectors.search(&query, None, k);
            (floats, quantised.search(&query, None, k))
        }) {
            assert!(
                bits(&floats)[..k.min(60_000)] == expected[..k.min(60_000)],
                "k = {k}"
            );
            assert_eq!(floats.len(), expected.len());
            assert!(codes == by_codes, "k = {k}");
        }
    }
}

#[test]
fn rows_may_lie_in_any_order() {
    let problem = Problem::random(3, 40, 1, 10);
    let query = problem.query_embeddings.row(0);
    let query = query.as_slice().unwrap();
    let columns = problem
        .tool_embeddings
        .t()
        .as_standard_layout()
        .into_owned();
    let turned = Vectors::new(columns.reversed_axes());
    let straight = Vectors::new(problem.tool_embeddings.clone());
    assert_eq!(
        turned.search(query, None, 9),
        straight.search(query, None, 9)
    );
    assert_eq!(turned.quantised(), straight.quantised());
}

#[test]
fn a_scan_reads_a_quarter_of_the_bytes_from_codes() {
    let vectors = Vectors::new(Array2::zeros((10, 384)));
    assert_eq!(vectors.bytes(), 10 * 384 * 4);
    assert_eq!(vectors.quantised().bytes(), 10 * (384 + 4));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let fits = |scales| Quantised::from_parts(Array2::zeros((3, 2)), Array1::zeros(scales));
    assert!(fits(3).is_some());
    assert!(fits(2).is_none() && fits(4).is_none());
}

#[test]
#[should_panic(expected = "components of the query")]
fn a_query_of_another_length_is_refused() {
    Vectors::new(Array2::zeros((3, 4))).search(&[0.0; 5], None, 1);
}

#[test]
fn a_screened_search_of_a_large_catalogue_is_a_search() {
    let problem = Problem::random(11, PARALLEL_ABOVE + 5_000, 6, 48);
    let exact = Vectors::new(problem.tool_embeddings.clone());
    let screened = Screened::new(problem.tool_embeddings.clone());
    for query in problem.query_embeddings.rows() {
        let query = query.as_slice().unwrap();
        for k in [1, 5, 100, 3_000] {
            let expected = exact.search(query, None, k);
            for found in in_thread_pools(|| screened.search(query, None, k)) {
                assert_eq!(bits(&found), bits(&expected));
            }
        }
    }
    let infinite = [f32::INFINITY; 48];
    let found = screened.search(&infinite, None, 5);
    assert_eq!(found.len(), 5);
}
