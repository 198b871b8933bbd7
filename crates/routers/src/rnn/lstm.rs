//! A long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and
//! Cummins 2000), for training and for serving.
//!
//! With xₜ·W + b given (the projections) and the gates in the order i, f, g, o:
//!
//! > iₜ, fₜ, oₜ = σ(xₜ·W + hₜ₋₁·U + b), where 1 is added to f's argument so that the memory starts
//! > open (Jozefowicz, Zaremba and Sutskever 2015)\
//! > gₜ = tanh(xₜ·W + hₜ₋₁·U + b)\
//! > cₜ = fₜ·cₜ₋₁ + iₜ·gₜ\
//! > hₜ = oₜ·tanh(cₜ)
//!
//! Training makes one candle operation of a whole batch of sequences, with a backward pass written
//! out: of single tensor operations the graph would be two orders of magnitude larger, and the
//! gradient of each step's slice as large as the whole batch.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use ndarray::{Array2, ArrayBase, ArrayView2, Axis, Data, Ix2, Slice, concatenate};

use crate::{learn::tensor, matmul::view};

/// Sequences of different lengths without padding: all first steps, then all second steps, and so
/// on. Longer sequences come first, so that those with a *t*-th step are always a prefix.
pub(super) struct Packed {
    /// Which sequence, and which of its steps, stands at each position.
    pub(super) steps: Vec<(usize, usize)>,
    /// How many sequences have a first, second, … step.
    pub(super) active: Vec<usize>,
}

impl Packed {
    pub(super) fn new(lengths: &[usize]) -> Self {
        let mut by_length: Vec<usize> = (0..lengths.len()).collect();
        by_length.sort_by_key(|&sequence| (usize::MAX - lengths[sequence], sequence));
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut packed = Self {
            steps: Vec::new(),
            active: Vec::new(),
        };
        for step in 0..longest {
            let before = packed.steps.len();
            let having = by_length
                .iter()
                .take_while(|&&sequence| lengths[sequence] > step);
            packed
                .steps
                .extend(having.map(|&sequence| (sequence, step)));
            packed.active.push(packed.steps.len() - before);
        }
        packed
    }
}

/// Where the parts of a step stand in a row of [`forward`]'s result.
pub(super) struct Columns {
    hidden_size: usize,
}

impl Columns {
    pub(super) const COUNT: usize = 6;

    pub(super) fn new(hidden_size: usize) -> Self {
        Self { hidden_size }
    }

    /// Where c and h, from which the next step starts, begin; they have this width together.
    pub(super) fn state(&self) -> (usize, usize) {
        (4 * self.hidden_size, 2 * self.hidden_size)
    }

    /// Where h begins, and its width.
    pub(super) fn hidden(&self) -> (usize, usize) {
        (5 * self.hidden_size, self.hidden_size)
    }
}

/// Runs packed sequences: their projections (steps × 4H), U (H × 4H) and each sequence's first c and
/// h (sequences × 2H, longest sequence first). Gives i, f, g, o, c and h of every step (steps × 6H).
pub(super) fn forward(
    projections: ArrayView2<'_, f32>,
    recurrent: ArrayView2<'_, f32>,
    start: ArrayView2<'_, f32>,
    active: &[usize],
) -> Array2<f32> {
    let size = recurrent.nrows();
    let mut trace = Array2::zeros((projections.nrows(), Columns::COUNT * size));
    let (cells, hidden) = start.split_at(Axis(1), size);
    let (mut cells, mut hidden) = (cells.to_owned(), hidden.to_owned());
    let mut begin = 0;
    for &count in active {
        let mut gates = rows(&projections, begin, count).to_owned();
        add_product(&mut gates, rows(&hidden, 0, count), recurrent);
        for (row, gates) in gates.rows_mut().into_iter().enumerate() {
            let (mut cell, mut hidden) = (cells.row_mut(row), hidden.row_mut(row));
            let mut trace = trace.row_mut(begin + row);
            for j in 0..size {
                let input = sigmoid(gates[j]);
                let forget = sigmoid(gates[size + j] + 1.0);
                let candidate = tanh(gates[2 * size + j]);
                let output = sigmoid(gates[3 * size + j]);
                cell[j] = forget * cell[j] + input * candidate;
                hidden[j] = output * tanh(cell[j]);
                trace[j] = input;
                trace[size + j] = forget;
                trace[2 * size + j] = candidate;
                trace[3 * size + j] = output;
                trace[4 * size + j] = cell[j];
                trace[5 * size + j] = hidden[j];
            }
        }
        begin += count;
    }
    trace
}

/// The gradients of [`forward`]'s three matrices, from its result and the gradient of its result's
/// c and h (steps × 2H).
fn backward(
    recurrent: ArrayView2<'_, f32>,
    start: ArrayView2<'_, f32>,
    active: &[usize],
    trace: ArrayView2<'_, f32>,
    gradient: ArrayView2<'_, f32>,
) -> (Array2<f32>, Array2<f32>, Array2<f32>) {
    let size = recurrent.nrows();
    // What every step started from. The step before stands as many rows back as it has sequences.
    let states = trace.slice_axis(Axis(1), Slice::from(4 * size..));
    let mut before = Array2::zeros((trace.nrows(), 2 * size));
    let mut begin = 0;
    for (step, &count) in active.iter().enumerate() {
        let previous = match step.checked_sub(1) {
            None => rows(&start, 0, count),
            Some(last) => rows(&states, begin - active[last], count),
        };
        before
            .slice_axis_mut(Axis(0), Slice::from(begin..begin + count))
            .assign(&previous);
        begin += count;
    }

    let mut to_gates = Array2::zeros((trace.nrows(), 4 * size));
    let mut to_cells = Array2::<f32>::zeros((start.nrows(), size));
    let mut to_hidden = Array2::<f32>::zeros((start.nrows(), size));
    for &count in active.iter().rev() {
        begin -= count;
        for row in 0..count {
            let at = begin + row;
            let (trace, before, gradient) = (trace.row(at), before.row(at), gradient.row(at));
            let (mut to_cell, to_hidden) = (to_cells.row_mut(row), to_hidden.row(row));
            let mut to_gates = to_gates.row_mut(at);
            for j in 0..size {
                let (input, forget) = (trace[j], trace[size + j]);
                let (candidate, output) = (trace[2 * size + j], trace[3 * size + j]);
                let squashed = tanh(trace[4 * size + j]);
                let from_hidden = to_hidden[j] + gradient[size + j];
                let from_cell =
                    to_cell[j] + gradient[j] + from_hidden * output * (1.0 - squashed * squashed);
                to_gates[j] = from_cell * candidate * input * (1.0 - input);
                to_gates[size + j] = from_cell * before[j] * forget * (1.0 - forget);
                to_gates[2 * size + j] = from_cell * input * (1.0 - candidate * candidate);
                to_gates[3 * size + j] = from_hidden * squashed * output * (1.0 - output);
                to_cell[j] = from_cell * forget;
            }
        }
        let product = rows(&to_gates, begin, count).dot(&recurrent.t());
        to_hidden
            .slice_axis_mut(Axis(0), Slice::from(..count))
            .assign(&product);
    }
    let (_, hidden_before) = before.view().split_at(Axis(1), size);
    let to_recurrent = hidden_before.t().dot(&to_gates);
    let to_start = concatenate![Axis(1), to_cells, to_hidden];
    (to_gates, to_recurrent, to_start)
}

fn rows<S: Data<Elem = f32>>(
    matrix: &ArrayBase<S, Ix2>,
    begin: usize,
    count: usize,
) -> ArrayView2<'_, f32> {
    matrix.slice_axis(Axis(0), Slice::from(begin..begin + count))
}

/// sums += left · right
fn add_product(sums: &mut Array2<f32>, left: ArrayView2<'_, f32>, right: ArrayView2<'_, f32>) {
    if left.nrows() == 1 {
        // As when serving. The general product would copy all of `right` first.
        for (&x, row) in left.iter().zip(right.rows()) {
            sums.row_mut(0).scaled_add(x, &row);
        }
    } else {
        ndarray::linalg::general_mat_mul(1.0, &left, &right, 1.0, sums);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// [`forward`] as an operation of candle's, on its three matrices.
pub(super) struct Lstm {
    pub(super) active: Vec<usize>,
}

impl CustomOp3 for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn cpu_fwd(
        &self,
        projections: &CpuStorage,
        projections_layout: &Layout,
        recurrent: &CpuStorage,
        recurrent_layout: &Layout,
        start: &CpuStorage,
        start_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let trace = forward(
            matrix(projections, projections_layout)?,
            matrix(recurrent, recurrent_layout)?,
            matrix(start, start_layout)?,
            &self.active,
        );
        let shape = trace.dim().into();
        Ok((CpuStorage::F32(trace.into_raw_vec_and_offset().0), shape))
    }

    fn bwd(
        &self,
        _projections: &Tensor,
        recurrent: &Tensor,
        start: &Tensor,
        trace: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let size = recurrent.dim(0)?;
        let (begin, width) = Columns::new(size).state();
        let (projections, recurrent, start) = backward(
            array(recurrent)?.view(),
            array(start)?.view(),
            &self.active,
            array(trace)?.view(),
            array(&gradient.narrow(1, begin, width)?)?.view(),
        );
        Ok((
            Some(tensor(projections)?),
            Some(tensor(recurrent)?),
            Some(tensor(start)?),
        ))
    }
}

fn matrix<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<ArrayView2<'a, f32>> {
    let matrix = view(storage, layout)?.into_dimensionality();
    matrix.map_err(candle_core::Error::wrap)
}

fn array(tensor: &Tensor) -> Result<Array2<f32>> {
    let values = tensor.flatten_all()?.to_vec1()?;
    Array2::from_shape_vec(tensor.dims2()?, values).map_err(candle_core::Error::wrap)
}

#[cfg(test)]
mod tests {
    //! The backward pass has no public interface but the fits, which a slightly wrong gradient
    //! would not stop.

    use candle_core::{Device, Var};
    use candle_nn::ops::sigmoid;

    use super::*;

    const SIZE: usize = 3;
    const LENGTHS: [usize; 4] = [2, 5, 1, 5];

    /// c and h of every step from single operations, one sequence after another.
    #[expect(clippy::disallowed_methods)] // nothing of ours in it
    fn reference(packed: &Packed, matrices: &[Var; 3]) -> Result<Tensor> {
        let [projections, recurrent, start] = matrices;
        let mut states = vec![None; packed.steps.len()];
        for (row, &(sequence, _)) in packed.steps[..LENGTHS.len()].iter().enumerate() {
            let mut state = start.narrow(0, row, 1)?;
            for (position, &(other, _)) in packed.steps.iter().enumerate() {
                if other != sequence {
                    continue;
                }
                let (cell, hidden) = (state.narrow(1, 0, SIZE)?, state.narrow(1, SIZE, SIZE)?);
                let gates = (projections.narrow(0, position, 1)? + hidden.matmul(recurrent)?)?;
                let gates = gates.chunk(4, 1)?;
                let kept = (sigmoid(&(&gates[1] + 1.0)?)? * cell)?;
                let cell = (kept + (sigmoid(&gates[0])? * gates[2].tanh()?)?)?;
                let hidden = (sigmoid(&gates[3])? * cell.tanh()?)?;
                state = Tensor::cat(&[cell, hidden], 1)?;
                states[position] = Some(state.clone());
            }
        }
        Tensor::cat(&states.into_iter().flatten().collect::<Vec<_>>(), 0)
    }

    #[test]
    fn states_and_gradients_are_those_of_single_operations() -> Result<()> {
        let packed = Packed::new(&LENGTHS);
        assert_eq!(packed.active, [4, 3, 2, 2, 2]);
        assert_eq!(packed.steps[..4], [(1, 0), (3, 0), (0, 0), (2, 0)]);

        // Any numbers will do, as long as no two are alike.
        let numbers = |rows: usize, columns: usize, phase: f32| {
            let values = (0..rows * columns).map(|i| (i as f32 * 0.7 + phase).sin());
            let values: Vec<f32> = values.collect();
            Var::from_vec(values, (rows, columns), &Device::Cpu)
        };
        let steps = packed.steps.len();
        let matrices = [
            numbers(steps, 4 * SIZE, 0.1)?,
            numbers(SIZE, 4 * SIZE, 0.2)?,
            numbers(LENGTHS.len(), 2 * SIZE, 0.3)?,
        ];
        let weights = numbers(steps, 2 * SIZE, 0.4)?;
        let lstm = Lstm {
            active: packed.active.clone(),
        };
        let [projections, recurrent, start] = &matrices;
        let (begin, width) = Columns::new(SIZE).state();
        let fused = projections
            .apply_op3(recurrent, start, lstm)?
            .narrow(1, begin, width)?;
        let single = reference(&packed, &matrices)?;
        let close = |one: &Tensor, other: &Tensor| -> Result<bool> {
            let largest = (one - other)?.abs()?.flatten_all()?.max(0)?;
            Ok(largest.to_scalar::<f32>()? < 1e-5)
        };
        assert!(close(&fused, &single)?);

        let gradients =
            [&fused, &single].map(|states| (states * weights.as_tensor())?.sum_all()?.backward());
        let [fused, single] = gradients;
        let (fused, single) = (fused?, single?);
        for (matrix, name) in matrices.iter().zip(["projections", "recurrent", "start"]) {
            let (fused, single) = (fused.get(matrix), single.get(matrix));
            let alike = fused.zip(single).map(|(one, other)| close(one, other));
            assert!(alike.transpose()? == Some(true), "{name}");
        }
        Ok(())
    }
}
