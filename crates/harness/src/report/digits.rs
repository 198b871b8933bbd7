//! Numbers as people read them.

/// Three significant digits; below 1 as many decimals.
pub(crate) fn three_digits(value: f64) -> String {
    match value.abs() {
        99.95.. => format!("{value:.0}"),
        9.995.. => format!("{value:.1}"),
        0.9995.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
