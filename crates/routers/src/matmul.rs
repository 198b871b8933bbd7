//! Matrix products of candle tensors with the same bits on every x86-64 processor that has FMA.
//!
//! candle's own products split a long sum by the size of the processor's first cache. A network that is
//! rounded differently in one step is another network after a thousand: a fit of the RNN moved by .04
//! of NDCG@5 between two processors of one make and the same instructions. ndarray's products split
//! every sum at the same places.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use ndarray::{
    Array3, ArrayView3, ArrayViewD, Axis, IxDyn, ShapeBuilder, Zip, linalg::general_mat_mul,
};

/// left · right, of two matrices (a × b and b × c) or of two stacks of as many matrices.
///
/// # Errors
/// When the sizes do not fit.
pub(crate) fn matmul(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    left.apply_op2(right, Matmul)
}

/// The tensor's numbers in place, whatever their order.
pub(crate) fn view<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<ArrayViewD<'a, f32>> {
    let shape = IxDyn(layout.dims()).strides(IxDyn(layout.stride()));
    let values = &storage.as_slice::<f32>()?[layout.start_offset()..];
    ArrayViewD::from_shape(shape, values).map_err(candle_core::Error::wrap)
}

/// Matrices above each other; one is a stack, too.
fn stack<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<ArrayView3<'a, f32>> {
    let mut stack = view(storage, layout)?;
    if stack.ndim() == 2 {
        stack.insert_axis_inplace(Axis(0));
    }
    stack
        .into_dimensionality()
        .map_err(candle_core::Error::wrap)
}

struct Matmul;

impl CustomOp2 for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn cpu_fwd(
        &self,
        left: &CpuStorage,
        left_layout: &Layout,
        right: &CpuStorage,
        right_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (lefts, rights) = (stack(left, left_layout)?, stack(right, right_layout)?);
        let ((count, rows, inner), (others, height, columns)) = (lefts.dim(), rights.dim());
        let (rank, other_rank) = (left_layout.dims().len(), right_layout.dims().len());
        if (rank, count, inner) != (other_rank, others, height) {
            candle_core::bail!(
                "matmul: {:?} times {:?}",
                left_layout.shape(),
                right_layout.shape()
            );
        }
        let mut products = Array3::zeros((count, rows, columns));
        Zip::from(products.outer_iter_mut())
            .and(lefts.outer_iter())
            .and(rights.outer_iter())
            .for_each(|mut product, left, right| {
                general_mat_mul(1.0, &left, &right, 0.0, &mut product);
            });
        let shape = match rank {
            2 => (rows, columns).into(),
            _ => (count, rows, columns).into(),
        };
        Ok((CpuStorage::F32(products.into_raw_vec_and_offset().0), shape))
    }

    fn bwd(
        &self,
        left: &Tensor,
        right: &Tensor,
        _product: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((
            Some(matmul(gradient, &right.t()?)?),
            Some(matmul(&left.t()?, gradient)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    //! The products have no public interface but the fits, which a slightly wrong gradient would not
    //! stop.

    use candle_core::{Device, Var};

    use super::*;

    /// Any numbers will do, as long as no two are alike.
    fn numbers(shape: &[usize], phase: f32) -> Result<Var> {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7 + phase).sin()).collect();
        Var::from_vec(values, shape, &Device::Cpu)
    }

    fn is_close(one: &Tensor, other: &Tensor) -> Result<bool> {
        let largest = |tensor: Tensor| tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
        let difference = largest((one - other)?)?;
        Ok(one.dims() == other.dims() && difference < 1e-5 * largest(other.clone())?)
    }

    #[test]
    fn products_and_gradients_are_those_of_candle() -> Result<()> {
        // The longest sum has more terms than are added at once.
        for (stack, rows, inner, columns) in
            [(None, 5, 700, 3), (None, 1, 4, 6), (Some(4), 3, 5, 2)]
        {
            let shape = |rows: usize, columns: usize| [stack, Some(rows), Some(columns)];
            let shape = |rows, columns| Vec::from_iter(shape(rows, columns).into_iter().flatten());
            let left = numbers(&shape(rows, inner), 0.1)?;
            // As it stands, and as the transpose of what stands there.
            for (right, transposed) in [
                (numbers(&shape(inner, columns), 0.2)?, false),
                (numbers(&shape(columns, inner), 0.2)?, true),
            ] {
                let factor = match transposed {
                    true => right.t()?,
                    false => right.as_tensor().clone(),
                };
                let ours = matmul(&left, &factor)?;
                #[expect(clippy::disallowed_methods)] // what ours is held against
                let candles = left.contiguous()?.matmul(&factor.contiguous()?)?;
                assert!(is_close(&ours, &candles)?, "{stack:?} {transposed}");

                let weights = numbers(&shape(rows, columns), 0.3)?;
                let gradients = [&ours, &candles]
                    .map(|product| (product * weights.as_tensor())?.sum_all()?.backward());
                let [ours, candles] = gradients;
                let (ours, candles) = (ours?, candles?);
                for matrix in [&left, &right] {
                    let pair = ours.get(matrix).zip(candles.get(matrix));
                    let alike = pair.map(|(one, other)| is_close(one, other)).transpose()?;
                    assert_eq!(alike, Some(true), "{stack:?} {transposed}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn sizes_that_do_not_fit_are_told() -> Result<()> {
        for (left, right) in [
            (vec![2, 3], vec![2, 3]),
            (vec![2, 3], vec![1, 3, 2]),
            (vec![2, 2, 3], vec![3, 3, 2]),
            (vec![3], vec![3, 2]),
        ] {
            let (left, right) = (numbers(&left, 0.1)?, numbers(&right, 0.2)?);
            assert!(matmul(&left, &right).is_err());
        }
        Ok(())
    }
}
