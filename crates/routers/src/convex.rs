//! The minimum of a smooth convex function, by L-BFGS (Nocedal and Wright, *Numerical Optimization*, 2006,
//! algorithm 7.5) with Moré and Thuente's line search, both argmin's.
//!
//! Everything here runs in one thread and in one order, so the minimum has the same bits for any number of
//! threads if the objective's values have.

use std::cell::RefCell;

use argmin::{
    core::{CostFunction, Executor, Gradient, State, TerminationReason, TerminationStatus},
    solver::{linesearch::MoreThuenteLineSearch, quasinewton::LBFGS},
};
use ndarray::Array1;

/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;

/// Where `objective`, which gives its value and its gradient at a point (n components, as `start` has), is
/// least: where the gradient's Euclidean length is below `tolerance` (above 0), or where rounding lets no step lower
/// the value any more.
///
/// Convex functions that are not bounded below, and those whose infimum is nowhere, have no minimum to find; an L2
/// penalty on all parameters makes sure that there is one.
///
/// # Errors
/// What is wrong: the objective is not finite at the start, a line search failed elsewhere than at the minimum, or
/// the minimum is more than `max_iterations` steps away.
pub(crate) fn minimise(
    objective: impl Fn(&Array1<f64>) -> (f64, Array1<f64>),
    start: Array1<f64>,
    tolerance: f64,
    max_iterations: usize,
) -> Result<Array1<f64>, String> {
    let problem = Remembering {
        objective,
        last: RefCell::new(None),
    };
    let (mut at, mut left) = (start, max_iterations as u64);
    let mut here = problem.evaluate(&at)?;
    // A line search that rounding ended can leave L-BFGS with a useless memory, so it begins anew with none for as
    // long as that helps.
    while here.length() >= tolerance {
        if left == 0 {
            return Err(format!(
                "no minimum was found in {max_iterations} steps; the gradient's length is still {:e}",
                here.length()
            ));
        }
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(tolerance)
            .map_err(|error| error.to_string())?;
        let run = Executor::new(&problem, solver)
            .configure(|state| state.param(at.clone()).max_iters(left))
            .timer(false)
            .run()
            .map_err(|error| error.to_string())?;
        left -= run.state.get_iter().clamp(1, left);
        let best = run.state.get_best_param().unwrap_or(&at).clone();
        let there = problem.evaluate(&best)?;
        if there.value < here.value {
            (at, here) = (best, there);
            continue;
        }
        return match run.state.get_termination_status() {
            TerminationStatus::Terminated(TerminationReason::SolverConverged) => Ok(at),
            status => Err(format!("no step lowers the objective: {status}")),
        };
    }
    Ok(at)
}

/// An objective whose last value is kept, since argmin asks for value and gradient one after the other.
struct Remembering<F> {
    objective: F,
    last: RefCell<Option<Evaluated>>,
}

#[derive(Clone)]
struct Evaluated {
    at: Array1<f64>,
    value: f64,
    gradient: Array1<f64>,
}

impl Evaluated {
    /// The gradient's.
    fn length(&self) -> f64 {
        self.gradient.dot(&self.gradient).sqrt()
    }
}

impl<F: Fn(&Array1<f64>) -> (f64, Array1<f64>)> Remembering<F> {
    /// An error ends the line search, which goes on for ever among numbers that are not finite.
    fn evaluate(&self, at: &Array1<f64>) -> Result<Evaluated, String> {
        if let Some(last) = &*self.last.borrow()
            && last.at == at
        {
            return Ok(last.clone());
        }
        let (value, gradient) = (self.objective)(at);
        if !(value.is_finite() && gradient.iter().all(|x| x.is_finite())) {
            return Err(format!(
                "the objective or its gradient is not finite (value {value})"
            ));
        }
        let evaluated = Evaluated {
            at: at.clone(),
            value,
            gradient,
        };
        self.last.replace(Some(evaluated.clone()));
        Ok(evaluated)
    }
}

impl<F: Fn(&Array1<f64>) -> (f64, Array1<f64>)> CostFunction for &Remembering<F> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, at: &Array1<f64>) -> Result<f64, argmin::core::Error> {
        let here = self.evaluate(at).map_err(argmin::core::Error::msg)?;
        Ok(here.value)
    }
}

impl<F: Fn(&Array1<f64>) -> (f64, Array1<f64>)> Gradient for &Remembering<F> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(&self, at: &Array1<f64>) -> Result<Array1<f64>, argmin::core::Error> {
        let here = self.evaluate(at).map_err(argmin::core::Error::msg)?;
        Ok(here.gradient)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ndarray::{Array1, array};

    use super::minimise;

    /// Σ wᵢ·(xᵢ − cᵢ)² / 2, whose minimum is c.
    fn bowl(
        weights: Array1<f64>,
        centre: Array1<f64>,
    ) -> impl Fn(&Array1<f64>) -> (f64, Array1<f64>) {
        move |x| {
            let off = x - &centre;
            ((&off * &off).dot(&weights) / 2.0, off * &weights)
        }
    }

    #[test]
    fn finds_the_bottom_of_a_bowl_however_long_it_is() {
        for steepness in [1.0, 1e-3, 1e6] {
            let weights = array![1.0, 10.0, steepness, 3.0];
            let centre = array![3.0, -2.0, 0.5, 100.0];
            let found = minimise(bowl(weights, centre.clone()), Array1::zeros(4), 1e-9, 1000);
            let off = (found.unwrap() - centre).mapv(f64::abs);
            assert!(off.iter().all(|&x| x < 1e-5), "{steepness}: {off}");
        }
    }

    /// log(1 + eˣ) − 0.8·x has its minimum at logit 0.8, whichever side the search comes from.
    #[test]
    fn finds_the_log_odds() {
        let evaluations = Cell::new(0);
        let objective = |x: &Array1<f64>| {
            evaluations.set(evaluations.get() + 1);
            let likely = 1.0 / (1.0 + (-x[0]).exp());
            let softplus = x[0].max(0.0) + (-x[0].abs()).exp().ln_1p();
            (softplus - 0.8 * x[0], array![likely - 0.8])
        };
        for start in [-20.0, 0.0, 20.0] {
            let found = minimise(objective, array![start], 1e-8, 100).unwrap();
            assert!((found[0] - 4.0f64.ln()).abs() < 1e-6, "{start}: {found}");
        }
        assert!(evaluations.get() < 150, "{evaluations:?} evaluations");
    }

    /// A tolerance that rounding cannot reach ends at the minimum all the same.
    #[test]
    fn rounding_is_no_failure() {
        let shifted = |x: &Array1<f64>| {
            let (value, gradient) = bowl(array![1.0, 7.0], array![0.1, 0.3])(x);
            (value + 1e6, gradient)
        };
        let found = minimise(shifted, array![5.0, -5.0], 1e-300, 1000).unwrap();
        assert!((found - array![0.1, 0.3]).iter().all(|x| x.abs() < 1e-3));
    }

    #[test]
    fn what_has_no_minimum_is_an_error() {
        let downhill = |x: &Array1<f64>| (-x[0], array![-1.0]);
        assert!(minimise(downhill, array![0.0], 1e-9, 50).is_err());
        let nowhere = |_: &Array1<f64>| (f64::NAN, array![f64::NAN]);
        let message = minimise(nowhere, array![0.0], 1e-9, 50).unwrap_err();
        assert_eq!(
            message,
            "the objective or its gradient is not finite (value NaN)"
        );
        let far = bowl(array![1.0, 1e4], array![1.0, 1.0]);
        let message = minimise(far, array![0.0, 0.0], 1e-12, 1).unwrap_err();
        assert!(
            message.starts_with("no minimum was found in 1 steps"),
            "{message}"
        );
    }

    #[test]
    fn a_start_at_the_minimum_stays() {
        let start = array![1.0, 2.0];
        let found = minimise(
            bowl(array![1.0, 1.0], start.clone()),
            start.clone(),
            1e-9,
            0,
        );
        assert_eq!(found.unwrap(), start);
        let none = minimise(|_| (0.0, Array1::zeros(0)), Array1::zeros(0), 1e-9, 0);
        assert_eq!(none.unwrap().len(), 0);
    }
}
