//! λ, the pull of a linear map towards the identity, chosen on held-out training queries.

use super::ToolVectors;
use crate::{Error, Router, Training, baselines::Dense};

/// What λ is chosen from where it is not set: the first, nearest to the identity, if nothing is held out.
const LAMBDAS: [f64; 5] = [1000.0, 100.0, 10.0, 1.0, 0.1];
/// The share of the training queries that λ is chosen by, to about 1,000.
const VALIDATION: f64 = 0.2;

/// Checks λ, where it is set.
///
/// # Errors
/// [`Error::Setting`].
pub(super) fn check(router: &'static str, lambda: Option<f64>) -> Result<(), Error> {
    match lambda {
        Some(lambda) if !(lambda.is_finite() && lambda > 0.0) => Err(Error::setting(
            router,
            "lambda",
            &lambda,
            "a number above 0",
        )),
        _ => Ok(()),
    }
}

/// The λ of highest NDCG@5 on held-out training queries, the largest of equal ones. `sums` are what a map is made of,
/// `router` serves the map of a λ.
///
/// # Errors
/// Those of `router`, and of fitting the base.
pub(super) fn choose<S, R: Router>(
    training: &Training<'_>,
    base: ToolVectors,
    sums: impl FnOnce(&Training<'_>, &Dense) -> S,
    router: impl Fn(&S, &Dense, f64) -> Result<R, Error>,
) -> Result<f64, Error> {
    let (fit, validation) = training.fit_and_validation(VALIDATION);
    let part = training.part(&fit);
    let tools = base.fit(&part.view())?;
    let sums = sums(&part.view(), &tools);
    let (mut best, mut chosen) = (None, LAMBDAS[0]);
    for lambda in LAMBDAS {
        let score = training.ndcg(&router(&sums, &tools, lambda)?, &validation);
        training.progress.say(&format!(
            "λ {lambda}: validation {}",
            score.map_or("none".to_owned(), |score| format!("{score:.4}"))
        ));
        if score > best {
            (best, chosen) = (score, lambda);
        }
    }
    Ok(chosen)
}
