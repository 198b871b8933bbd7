//! Straight lines through points.

/// A least-squares line.
pub(crate) struct Line {
    pub(crate) slope: f64,
    /// The share of the variance that it explains, 0 to 1.
    pub(crate) r2: f64,
}

impl Line {
    /// Through at least two points of different x.
    pub(crate) fn through(x: &[f64], y: &[f64]) -> Self {
        let n = x.len() as f64;
        let (x_mean, y_mean) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let of = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            let pairs = x.iter().zip(y);
            pairs.map(|(x, y)| f(x - x_mean, y - y_mean)).sum()
        };
        let slope = of(&|x, y| x * y) / of(&|x, _| x * x);
        let left = of(&|x, y| (y - slope * x).powi(2));
        let spread = of(&|_, y| y * y);
        // Of what does not vary, but for rounding, nothing is left to explain.
        let r2 = match y.iter().all(|value| *value == y[0]) {
            true => 1.0,
            false => 1.0 - left / spread,
        };
        Self { slope, r2 }
    }
}
