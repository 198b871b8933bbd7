//! An LLM against a router: tokens and dollars counted by hand, and by the whole request.

use oats_datasets::Tool;
use oats_llm::{Prompt, TokenCounter, Tokenizer};

use super::{COST, PRICES, two_tools};
use crate::laboratory::Laboratory;

#[test]
fn tokens_and_dollars_are_those_counted_by_hand() {
    let laboratory = Laboratory::new();
    let dataset = two_tools(&laboratory);
    let toml = COST
        .replace(r#"["builtin", "metatool"]"#, &format!("[{dataset:?}]"))
        .replace("quick = [\"builtin\"]\n", "")
        .replace(
            r#"{ builtin = "static", metatool = "minilm" }"#,
            &format!("{{ {dataset:?} = \"static\" }}"),
        );
    let ledger = laboratory.costs(&toml, PRICES);

    // By the cookbook: `user` and `hello` are a token each, a message's frame 3, the reply's 3, so a
    // request without functions has 8. Both functions have 7, and their names and descriptions, `weather:weather`
    // and `stock:stock`, 3 tokens each (word, colon, word); the frame of all functions has 12.
    let of = |quantity: &str| {
        ledger.value(&format!(
            "beir:two select-functions catalogue none none {quantity}"
        ))
    };
    assert_eq!(of("input-tokens"), 8.0 + 2.0 * (7.0 + 3.0) + 12.0);
    assert_eq!(of("input-tokens-max"), 40.0);
    // A call: 1, its name 1, its arguments `{}` 1.
    assert_eq!(of("output-tokens"), 3.0);
    assert_eq!(of("relevant-shown"), 1.0);
    let functions = "beir:two select-functions catalogue none round dollars-per-million-requests";
    ledger.is(functions, 40.0 + 3.0 * 10.0);
    // The answer to a list is the name.
    ledger.is(
        "beir:two select-list catalogue none none output-tokens",
        1.0,
    );
    assert_eq!(ledger.row(functions).n, 2);
    assert_eq!(ledger.row(functions).tokenizer, "o200k_base");

    // BEIR folders come without candidates, and nothing here is long enough to be cached.
    assert!(ledger.0.iter().all(|row| row.shown != "candidates"));
    assert!(ledger.0.iter().all(|row| !row.scenario.contains("cached")));

    // Both queries get the same best tool, which is right for one of them; the other answer is `None`.
    ledger.is(
        "beir:two select-functions top-1 none none relevant-shown",
        0.5,
    );
    ledger.is(
        "beir:two select-functions top-1 none none input-tokens",
        30.0,
    );
    ledger.is(
        "beir:two select-functions top-1 none none output-tokens",
        2.0,
    );

    // The post: 3 × (75 × 1 + 75 × 10) against one. The router: 10 ms of a core that costs 0.36 an
    // hour are a millionth of a dollar.
    ledger.is(
        "none post-planned none none round dollars-per-million-requests",
        2475.0,
    );
    ledger.is(
        "none post-routed none none round dollars-per-million-requests",
        825.0,
    );
    ledger.is("none post-planned none none round ratio", 3.0);
    ledger.is(
        "none router none none box dollars-per-million-requests",
        1.0,
    );

    // With measured tokens: 70 for the selection, 825 for every other call.
    let ratio = |scenario: &str, shown: &str| {
        ledger.value(&format!("beir:two {scenario} {shown} none round ratio"))
    };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
    close(
        ratio("workflow-functions", "catalogue"),
        (70.0 + 1650.0) / 826.0,
    );
    close(
        ratio("selection-replaced-functions", "catalogue"),
        (70.0 + 825.0) / 826.0,
    );
    close(
        ratio("native-against-catalogue", "top-1"),
        70.0 / (30.0 + 20.0 + 1.0),
    );

    // Labels: 2 tools × 5 by a person at a tenth of a dollar, saved by a list's cost less the router's.
    let list =
        ledger.value("beir:two select-list catalogue none round dollars-per-million-requests");
    ledger.is("beir:two labels-per-tool-5 none none none labels", 10.0);
    ledger.is(
        "beir:two labels-per-tool-5-by-person none none round labelling-dollars",
        1.0,
    );
    let after = ledger
        .value("beir:two labels-per-tool-5-by-person catalogue none round break-even-requests");
    assert!((after - 1e6 / (list - 1.0)).abs() < 1e-3, "{after}");
    // One label a distinct query, and the two queries are the same.
    ledger.is("beir:two labels-all none none none labels", 1.0);
}

#[test]
fn what_saves_nothing_never_pays() {
    let laboratory = Laboratory::new();
    let free = PRICES
        .replace("input = 1.0", "input = 0.0")
        .replace("output = 10.0", "output = 0.0");
    let free = free.replace("cached_input = 0.1", "cached_input = 0.0");
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    let ledger = laboratory.costs(&toml, &free);
    assert!(
        ledger
            .0
            .iter()
            .all(|row| row.quantity != "break-even-requests")
    );
    assert!(ledger.0.iter().all(|row| row.value.get().is_finite()));
}

/// The whole catalogue's functions are counted once for all queries: each query's whole request must
/// have as many.
#[test]
fn the_shortcut_over_the_catalogue_is_the_whole_requests_count() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    let ledger = laboratory.costs(&toml, PRICES);
    let benchmark = laboratory.load("builtin");
    let mut tools: Vec<&Tool> = benchmark.tools().iter().collect();
    tools.sort_by_key(|tool| &tool.name);
    let counter = TokenCounter::new(Tokenizer::O200kBase);
    for (prompt, scenario) in [
        (Prompt::List, "select-list"),
        (Prompt::Functions, "select-functions"),
    ] {
        let mut counts: Vec<u64> = benchmark
            .queries()
            .iter()
            .map(|query| counter.request(&prompt.request("gpt-4.1", 64, &query.text, &tools)))
            .collect();
        counts.sort_unstable();
        let sum: u64 = counts.iter().sum();
        let of = |quantity: &str| format!("builtin {scenario} catalogue none none {quantity}");
        ledger.is(&of("input-tokens"), sum as f64 / counts.len() as f64);
        ledger.is(&of("input-tokens-max"), counts[counts.len() - 1] as f64);
        // 1,248 queries: 95 % are 1,185.6.
        ledger.is(&of("input-tokens-p95"), counts[1186 - 1] as f64);
    }
    // What every request begins with is cached, in steps of 128 tokens.
    let alone = counter.request(&Prompt::Functions.request("", 0, "", &[]));
    let whole = counter.request(&Prompt::Functions.request("", 0, "", &tools));
    let cached = ((whole - alone) / 128 * 128) as f64;
    ledger.is(
        "builtin select-functions-cached catalogue none none cached-input-tokens",
        cached,
    );
    let dollars = |scenario: &str| {
        ledger.value(&format!(
            "builtin {scenario} catalogue none round dollars-per-million-requests"
        ))
    };
    let saved = dollars("select-functions") - dollars("select-functions-cached");
    assert!((saved - 0.9 * cached).abs() < 1e-6, "{saved}");
}
