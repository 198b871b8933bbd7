//! Chains by their depth: closed forms and curves.

use std::collections::BTreeMap;

use oats_harness::rows::Number;

use super::{GROWTH, PRICES};
use crate::laboratory::Laboratory;

#[test]
fn chains_add_up_to_their_closed_forms() {
    let laboratory = Laboratory::new();
    let ledger = laboratory.costs(GROWTH, PRICES);
    let part = |shown: &str, quantity: &str| {
        ledger.value(&format!("builtin parts {shown} none none {quantity}"))
    };
    let s = part("candidates", "request-tokens");
    let bare = part("none", "request-tokens");
    let single = part("top-1", "request-tokens");
    let step = part("none", "call-and-result-tokens");
    let call = part("none", "call-tokens");
    // A result: frame 3, `tool` 1, and 75. A call in the history: frame 3, `assistant` 1, and as written,
    // which is its frame 1, its name, `{}` 1, and 10 of arguments.
    assert_eq!(step, 79.0 + 4.0 + call);
    for depth in 1..=20u32 {
        let n = f64::from(depth);
        let of = |scenario: &str, shown: &str, quantity: &str| {
            ledger.value(&format!(
                "builtin {scenario} {shown} {depth} none {quantity}"
            ))
        };
        for planner in ["planner", "native-cached"] {
            let input = (n + 1.0) * s + step * n * (n + 1.0) / 2.0;
            assert_eq!(of(planner, "candidates", "input-tokens"), input);
            assert_eq!(of(planner, "candidates", "output-tokens"), n * call + 75.0);
            assert_eq!(
                of(planner, "candidates", "last-call-input-tokens"),
                s + n * step
            );
            assert_eq!(of(planner, "candidates", "llm-calls"), n + 1.0);
        }
        // 0, 1, 2, 2, … steps before a call.
        let kept = 2.0 * n - 1.0;
        assert_eq!(
            of("planner-pruned", "candidates", "input-tokens"),
            (n + 1.0) * s + step * kept
        );
        assert_eq!(of("routed", "none", "input-tokens"), bare + step);
        assert_eq!(
            of("routed-history", "none", "input-tokens"),
            bare + n * step
        );
        let filled = n * single + (n - 1.0) * step + bare + step;
        assert_eq!(of("routed-arguments", "top-1", "input-tokens"), filled);
        // Each call finds in the cache what the one before it sent, in steps of 128 from 1,024 on.
        let sent = (0..depth).map(|i| (s + f64::from(i) * step) as u64);
        let hits: u64 = sent
            .filter(|&sent| sent >= 1024)
            .map(|sent| sent / 128 * 128)
            .sum();
        assert_eq!(
            of("native-cached", "candidates", "cached-input-tokens"),
            hits as f64
        );
        assert_eq!(of("planner", "candidates", "cached-input-tokens"), 0.0);
    }
    // 1,024 at a tenth of the price.
    let dollars = |scenario: &str| {
        ledger.value(&format!(
            "builtin {scenario} candidates 20 round dollars-per-million-requests"
        ))
    };
    let cached = ledger.value("builtin native-cached candidates 20 none cached-input-tokens");
    assert!(cached > 0.0);
    assert!((dollars("planner") - dollars("native-cached") - 0.9 * cached).abs() < 1e-6);
}

#[test]
fn curves_are_told_apart() {
    let laboratory = Laboratory::new();
    let ledger = laboratory.costs(GROWTH, PRICES);
    let step = ledger.value("builtin parts none none none call-and-result-tokens");
    let curve = |scenario: &str, shown: &str, what: &str| -> BTreeMap<&str, f64> {
        let value = |quantity| {
            ledger.value(&format!(
                "builtin {scenario} {shown} none none {what}-{quantity}"
            ))
        };
        [
            "power-exponent",
            "power-r2",
            "exponential-rate",
            "exponential-r2",
            "second-difference-least",
            "second-difference-most",
        ]
        .map(|quantity| (quantity, value(quantity)))
        .into()
    };
    let planner = curve("planner", "candidates", "total");
    assert_eq!(planner["second-difference-least"], step);
    assert_eq!(planner["second-difference-most"], step);
    assert!(
        planner["power-r2"] > planner["exponential-r2"],
        "{planner:?}"
    );
    let context = curve("planner", "candidates", "context");
    assert_eq!(
        (
            context["second-difference-least"],
            context["second-difference-most"]
        ),
        (0.0, 0.0)
    );
    let routed = curve("routed", "none", "total");
    assert_eq!((routed["power-exponent"], routed["power-r2"]), (0.0, 1.0));

    // At three depths the total is a, b, c. By hand: the slope of a line through three points at equal
    // distances is half the difference of the outer ones.
    let short = laboratory.costs(&GROWTH.replace("deepest = 20", "deepest = 3"), PRICES);
    let total = |depth: u32| {
        let of = |quantity| {
            short.value(&format!(
                "builtin planner candidates {depth} none {quantity}"
            ))
        };
        of("input-tokens") + of("output-tokens")
    };
    let rate = (total(3).ln() - total(1).ln()) / 2.0;
    short.is(
        "builtin planner candidates none none total-exponential-rate",
        Number::new(rate).get(),
    );
}
