//! Numbers as result files hold them.

use serde::{Deserialize, Serialize};

/// A number as result files hold it: six decimals, finite, zero without a sign.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// Rounds to six decimals.
    pub fn new(value: f64) -> Self {
        // By way of the text, so that a value equals itself after a write and a read; adding 0
        // makes 0 of -0.
        Self(format!("{value:.6}").parse().unwrap_or(value) + 0.0)
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Serialize for Number {
    /// Refuses what is not finite.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return Err(serde::ser::Error::custom(not_finite(self.0)));
        }
        serializer.collect_str(&format_args!("{:.6}", self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if !value.is_finite() {
            return Err(serde::de::Error::custom(not_finite(value)));
        }
        Ok(Self::new(value))
    }
}

fn not_finite(value: f64) -> String {
    format!("{value} is not a finite number")
}
