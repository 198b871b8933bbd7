//! Solvers for A·X = B with a symmetric positive definite A (n × n) and B (n × m), by Cholesky's
//! decomposition in double precision.
//!
//! The default is [`pure_rust`]. The cargo feature `lapack` puts LAPACK's in its place; it needs the
//! system's OpenBLAS (Debian's `libopenblas-dev`) when it is built and when it runs. The last bits
//! then depend on that library, so results are compared without the feature.

use ndarray::Array2;

/// Solves by linfa-linalg, in Rust alone.
///
/// # Errors
/// What is wrong, if A is not positive definite or the shapes do not fit.
pub fn pure_rust(a: &Array2<f64>, b: &Array2<f64>) -> Result<Array2<f64>, String> {
    use linfa_linalg::cholesky::SolveCInplace;

    a.clone()
        .solvec_into(b.clone())
        .map_err(|error| error.to_string())
}

/// Solves by LAPACK's `potrf` and `potrs`.
///
/// # Errors
/// What is wrong, if A is not positive definite or the shapes do not fit.
#[cfg(feature = "lapack")]
pub fn lapack(a: &Array2<f64>, b: &Array2<f64>) -> Result<Array2<f64>, String> {
    use ndarray_linalg::{FactorizeC, SolveC, UPLO};

    if a.nrows() != b.nrows() {
        return Err("A and B have different heights".to_owned());
    }
    let factors = a
        .factorizec(UPLO::Lower)
        .map_err(|error| error.to_string())?;
    let mut solution = b.clone();
    for mut column in solution.columns_mut() {
        // It solves for vectors whose elements lie side by side.
        let solved = factors
            .solvec_into(column.to_owned())
            .map_err(|error| error.to_string())?;
        column.assign(&solved);
    }
    Ok(solution)
}

#[cfg(feature = "lapack")]
pub(super) use lapack as solve;
#[cfg(not(feature = "lapack"))]
pub(super) use pure_rust as solve;
