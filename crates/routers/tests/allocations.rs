//! What a search allocates. In a binary of its own, for `allocation-counter` replaces the allocator.

use ndarray::Array2;
use oats_routers::{
    Ranked,
    scan::{Screened, Vectors},
};

#[test]
fn a_search_allocates_its_ranking_and_nothing_else() {
    let tools = Array2::from_shape_fn((5_000, 384), |(tool, component)| {
        ((tool * 7 + component * 13) % 97) as f32 / 97.0 - 0.5
    });
    let query: Vec<f32> = tools.row(17).to_vec();
    let listed: Vec<usize> = (0..5_000).step_by(3).collect();
    let vectors = Vectors::new(tools.clone());
    let screened = Screened::new(tools);
    screened.search(&query, None, 1); // makes the screen
    let quantised = vectors.quantised();
    for k in [1, 10, 500, usize::MAX] {
        for candidates in [None, Some(&listed[..])] {
            let searches: [&dyn Fn() -> Vec<Ranked>; 3] = [
                &|| vectors.search(&query, candidates, k),
                &|| quantised.search(&query, candidates, k),
                &|| screened.search(&query, candidates, k),
            ];
            for search in searches {
                let mut found = Vec::new();
                let taken = allocation_counter::measure(|| found = search());
                assert_eq!(taken.count_total, 1, "k = {k}");
                let room = found.capacity() * size_of::<Ranked>();
                assert_eq!(taken.bytes_total, room as u64, "k = {k}");
                let pool = candidates.map_or(5_000, <[usize]>::len);
                assert!(found.capacity() <= pool.min(k.saturating_add(k.max(16))));
            }
        }
    }
}
