//! Fits token vectors to a teacher's vectors of texts, by gradient descent.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::DistillOptions;

/// Rows of a batch that one thread works on. Sums are over whole batches or such blocks, whatever the threads.
const BLOCK: usize = 64;

/// Adam's means over gradients and over their squares.
const BETA: (f32, f32) = (0.9, 0.98);

/// Share of the steps in which the step length rises.
const WARM_UP: f32 = 0.05;

/// What the table is fitted to: texts as rows of the table, and the teacher's unit vectors.
pub(super) struct Lesson<'a> {
    pub ids: &'a [Vec<u32>],
    /// texts × teacher's dimension.
    pub teacher: ArrayView2<'a, f32>,
    /// texts × dimension: the same on the table's axes, of length 1.
    pub target: ArrayView2<'a, f32>,
}

/// Moves the rows of `table` (tokens × dimension) so that texts' vectors come close to the teacher's.
///
/// The loss of a batch is its mean of 1 − cos(vector, target), plus the mean over its texts of the divergence
/// between the teacher's and the table's softmax of similarities to the batch's other texts.
pub(super) fn fit(table: &mut Array2<f32>, lesson: &Lesson, options: &DistillOptions) {
    let texts = lesson.ids.len();
    let steps_an_epoch = texts / options.batch;
    let steps = (options.epochs * steps_an_epoch) as f32;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut order: Vec<usize> = (0..texts).collect();
    let mut adam = Adam::new(table.dim());
    for epoch in 0..options.epochs {
        order.shuffle(&mut random);
        for (place, batch) in order.chunks_exact(options.batch).enumerate() {
            let done = (epoch * steps_an_epoch + place) as f32 / steps;
            let rate = options.rate as f32 * (done / WARM_UP).min(1.0) * (1.0 - done);
            let (rows, gradient) = gradient(table, lesson, batch, options.temperature as f32);
            adam.step(table, &rows, &gradient, rate);
        }
    }
}

/// Unit vectors of texts, and the lengths they had; a row each.
pub(super) fn embed(table: &Array2<f32>, ids: &[&[u32]]) -> (Array2<f32>, Array1<f32>) {
    let mut vectors = Array2::zeros((ids.len(), table.ncols()));
    let mut norms = Array1::zeros(ids.len());
    vectors
        .axis_chunks_iter_mut(Axis(0), BLOCK)
        .into_par_iter()
        .zip(norms.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter())
        .zip(ids.par_chunks(BLOCK))
        .for_each(|((mut vectors, mut norms), ids)| {
            for ((mut vector, norm), ids) in vectors.rows_mut().into_iter().zip(&mut norms).zip(ids)
            {
                for &id in *ids {
                    vector += &table.row(id as usize);
                }
                *norm = vector.dot(&vector).sqrt().max(f32::MIN_POSITIVE);
                vector /= *norm;
            }
        });
    (vectors, norms)
}

/// The rows of the table that a batch reads, and the gradient of the batch's loss by each.
fn gradient(
    table: &Array2<f32>,
    lesson: &Lesson,
    batch: &[usize],
    temperature: f32,
) -> (Vec<u32>, Array2<f32>) {
    let ids: Vec<&[u32]> = batch
        .iter()
        .map(|&text| lesson.ids[text].as_slice())
        .collect();
    let (vectors, norms) = embed(table, &ids);
    let teacher = lesson.teacher.select(Axis(0), batch);
    let target = lesson.target.select(Axis(0), batch);

    // By similarity: what the table's softmax has too much, less what the teacher's has.
    let ours = softmax_of_similarities(&vectors, temperature);
    let excess = ours - softmax_of_similarities(&teacher, temperature);
    let excess = &excess + &excess.t();
    let size = batch.len() as f32;
    let mut by_vector = product(excess.view(), vectors.view());
    by_vector *= 1.0 / (temperature * size);
    by_vector.scaled_add(-1.0 / size, &target);

    // Only what turns a vector counts, for its length is set to 1 afterwards.
    for ((mut slope, vector), norm) in by_vector
        .rows_mut()
        .into_iter()
        .zip(vectors.rows())
        .zip(&norms)
    {
        let along = slope.dot(&vector);
        slope.scaled_add(-along, &vector);
        slope /= *norm;
    }

    let mut rows: Vec<u32> = ids.iter().flat_map(|ids| ids.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut place = vec![0; table.nrows()];
    for (index, &row) in rows.iter().enumerate() {
        place[row as usize] = index;
    }
    let mut gradient = Array2::zeros((rows.len(), table.ncols()));
    for (ids, slope) in ids.iter().zip(by_vector.rows()) {
        for &id in *ids {
            let mut row = gradient.row_mut(place[id as usize]);
            row += &slope;
        }
    }
    (rows, gradient)
}

/// Row by row the softmax of a unit vector's similarities to all others, itself left out.
fn softmax_of_similarities(vectors: &Array2<f32>, temperature: f32) -> Array2<f32> {
    let mut shares = product(vectors.view(), vectors.t());
    shares
        .axis_chunks_iter_mut(Axis(0), BLOCK)
        .into_par_iter()
        .enumerate()
        .for_each(|(block, mut shares)| {
            for (row, mut shares) in shares.rows_mut().into_iter().enumerate() {
                shares[block * BLOCK + row] = f32::NEG_INFINITY;
                let largest = shares.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
                shares.mapv_inplace(|x| ((x - largest) / temperature).exp());
                let total = shares.sum();
                shares /= total;
            }
        });
    shares
}

/// a · b, in blocks of rows.
pub(super) fn product(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
    let mut product = Array2::zeros((a.nrows(), b.ncols()));
    product
        .axis_chunks_iter_mut(Axis(0), BLOCK)
        .into_par_iter()
        .zip(a.axis_chunks_iter(Axis(0), BLOCK).into_par_iter())
        .for_each(|(mut product, a)| {
            ndarray::linalg::general_mat_mul(1.0, &a, &b, 0.0, &mut product)
        });
    product
}

/// Kingma and Ba's Adam (2015); the means of a row move only when it is read.
struct Adam {
    mean: Array2<f32>,
    square: Array2<f32>,
    /// How often each row was read.
    steps: Vec<i32>,
}

impl Adam {
    fn new(shape: (usize, usize)) -> Self {
        Self {
            mean: Array2::zeros(shape),
            square: Array2::zeros(shape),
            steps: vec![0; shape.0],
        }
    }

    fn step(&mut self, table: &mut Array2<f32>, rows: &[u32], gradient: &Array2<f32>, rate: f32) {
        for (&row, gradient) in rows.iter().zip(gradient.rows()) {
            let row = row as usize;
            self.steps[row] += 1;
            let unbiased = |beta: f32| 1.0 / (1.0 - beta.powi(self.steps[row]));
            let (first, second) = (unbiased(BETA.0), unbiased(BETA.1));
            Zip::from(table.row_mut(row))
                .and(self.mean.row_mut(row))
                .and(self.square.row_mut(row))
                .and(gradient)
                .for_each(|value, mean, square, &gradient| {
                    *mean += (1.0 - BETA.0) * (gradient - *mean);
                    *square += (1.0 - BETA.1) * (gradient * gradient - *square);
                    *value -= rate * *mean * first / ((*square * second).sqrt() + 1e-8);
                });
        }
    }
}
