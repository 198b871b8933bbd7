//! Tokens and what they cost.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Tokens that one or more requests used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens sent, cached ones included.
    pub input: u64,
    /// Those tokens of `input` that the provider read from its prompt cache.
    pub cached_input: u64,
    /// Tokens generated.
    pub output: u64,
}

/// A price list, in dollars per million tokens; each price is finite and at least 0.
///
/// ```
/// # use oats_metrics::{Price, Usage};
/// let price = Price { input: 2.0, cached_input: 0.5, output: 8.0 };
/// let thousand_requests = Usage { input: 1_000_000, cached_input: 800_000, output: 50_000 };
/// // 0.2 M at 2 $, 0.8 M at 0.5 $, 0.05 M at 8 $.
/// assert!((price.dollars(&thousand_requests)? - 1.2).abs() < 1e-12);
/// assert!((price.dollars_per_million_requests(&thousand_requests, 1_000)? - 1_200.0).abs() < 1e-9);
/// # Ok::<(), oats_metrics::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For tokens sent that were not cached.
    pub input: f64,
    /// For tokens sent that were read from the cache.
    pub cached_input: f64,
    /// For tokens generated.
    pub output: f64,
}

impl Price {
    /// Checks the prices.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first price that is negative or not finite.
    pub fn check(&self) -> Result<()> {
        let prices = [
            ("price.input", self.input),
            ("price.cached_input", self.cached_input),
            ("price.output", self.output),
        ];
        match prices
            .into_iter()
            .find(|(_, dollars)| !(dollars.is_finite() && *dollars >= 0.0))
        {
            Some((field, dollars)) => Err(Error::Setting {
                field,
                value: dollars.to_string(),
                expected: "finite and at least 0, in dollars per million tokens",
            }),
            None => Ok(()),
        }
    }

    /// What `usage` costs.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and [`Error::CachedExceedsInput`].
    pub fn dollars(&self, usage: &Usage) -> Result<f64> {
        self.check()?;
        let Usage {
            input,
            cached_input,
            output,
        } = *usage;
        let uncached_input = input
            .checked_sub(cached_input)
            .ok_or(Error::CachedExceedsInput {
                cached_input,
                input,
            })?;
        let millionths = uncached_input as f64 * self.input
            + cached_input as f64 * self.cached_input
            + output as f64 * self.output;
        Ok(millionths / 1e6)
    }

    /// What a million requests cost that use what `requests` requests with the given `total` used
    /// on average.
    ///
    /// # Errors
    /// Those of [`dollars`](Self::dollars), and [`Error::NoRequests`].
    pub fn dollars_per_million_requests(&self, total: &Usage, requests: u64) -> Result<f64> {
        if requests == 0 {
            return Err(Error::NoRequests);
        }
        Ok(self.dollars(total)? / requests as f64 * 1e6)
    }
}
