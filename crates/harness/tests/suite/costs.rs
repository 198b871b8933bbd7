//! Experiments that count tokens: what their TOML may say, and that the numbers are right.

use std::{collections::BTreeMap, fs};

use oats_datasets::{Dataset, Tool};
use oats_harness::{
    Conditions, Costs, CostsSummary, Error, Manifest, Study, Verdict, bless_costs, costs_report,
    rows::{CostRow, Number, read_rows, write_rows},
    run_costs,
};
use oats_llm::{Prices, Prompt, TokenCounter, Tokenizer};

use crate::laboratory::{Laboratory, Notes};

const COST: &str = r#"kind = "cost"
name = "c"
question = "?"
datasets = ["builtin", "metatool"]
quick = ["builtin"]
router = "dense"
embedders = { builtin = "static", metatool = "minilm" }
top_k = [1, 5]
router_milliseconds = 10
post = { calls = 3, routed_calls = 1, input_tokens = 75, output_tokens = 75 }
labels = { per_tool = [1, 5], person_dollars = 0.10 }
cache = { least = 1024, step = 128 }
"#;

const GROWTH: &str = r#"kind = "context-growth"
name = "g"
question = "?"
datasets = ["builtin"]
deepest = 20
result_tokens = 75
argument_tokens = 10
answer_tokens = 75
kept_steps = 2
cache = { least = 1024, step = 128 }
"#;

/// One price list of round numbers: a dollar per million tokens in, a tenth of it cached, ten out.
const PRICES: &str = r#"
[[model]]
name = "round"
input = 1.0
cached_input = 0.1
output = 10.0
tokenizer = "o200k_base"
dated = "2026-01-01"
source = "made up"

[[machine]]
name = "box"
core_hour = 0.36
dated = "2026-01-01"
source = "made up"
"#;

fn costs(toml: &str) -> Costs {
    match Study::parse(toml, "t.toml").unwrap() {
        Study::Costs(costs) => costs,
        other => panic!("it says `kind`: {other:?}"),
    }
}

impl Laboratory {
    fn prices(&self, toml: &str) -> Prices {
        fs::write(self.path("prices.toml"), toml).unwrap();
        Prices::read(&self.path("prices.toml")).unwrap()
    }

    fn try_costs(&self, toml: &str, prices: &str, out: &str) -> Result<CostsSummary, Error> {
        let options = oats_harness::RunOptions {
            out: self.path(out),
            ..self.options()
        };
        let notes = Notes::default();
        let prices = self.prices(prices);
        run_costs(&costs(toml), &prices, &self.resources(), &options, &notes)
    }

    fn costs(&self, toml: &str, prices: &str) -> Ledger {
        Ledger(self.try_costs(toml, prices, "out").unwrap().rows)
    }
}

struct Ledger(Vec<CostRow>);

impl Ledger {
    /// The value of the row `dataset scenario shown depth price quantity`.
    #[track_caller]
    fn value(&self, labels: &str) -> f64 {
        self.row(labels).value.get()
    }

    #[track_caller]
    fn row(&self, labels: &str) -> &CostRow {
        let labels: Vec<&str> = labels.split(' ').collect();
        let [dataset, scenario, shown, depth, price, quantity] = labels[..] else {
            panic!("six labels, not {labels:?}");
        };
        let mut rows = self.0.iter().filter(|row| {
            row.dataset == dataset
                && row.scenario == scenario
                && row.shown == shown
                && row.depth == depth
                && row.price == price
                && row.quantity == quantity
        });
        let row = rows.next().unwrap_or_else(|| panic!("no row {labels:?}"));
        assert!(rows.next().is_none(), "two rows {labels:?}");
        row
    }

    #[track_caller]
    fn is(&self, labels: &str, expected: f64) {
        let value = self.value(labels);
        assert!(
            (value - expected).abs() < 1e-6,
            "{labels}: {value}, not {expected}"
        );
    }
}

/// Two tools and two queries of which every token can be counted by hand.
fn two_tools(laboratory: &Laboratory) -> String {
    let tools = [("weather", "weather"), ("stock", "stock")];
    let queries = [("q1", "hello", "weather"), ("q2", "hello", "stock")];
    laboratory.write_beir("two", &tools, &queries)
}

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

#[test]
fn the_number_of_threads_changes_nothing() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    for toml in [&toml, GROWTH] {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let out = format!("threads-{threads}");
            let summary = pool
                .install(|| laboratory.try_costs(toml, PRICES, &out))
                .unwrap();
            fs::read(summary.folder.join("costs.csv")).unwrap()
        };
        let one = run(1);
        assert!(one.len() > 1000);
        assert!(one == run(3));
    }
}

#[test]
fn a_dataset_that_is_not_at_hand_is_left_out() {
    let laboratory = Laboratory::new();
    let summary = laboratory.try_costs(COST, PRICES, "out").unwrap();
    assert!(summary.rows.iter().all(|row| row.dataset != "metatool"));
    assert_eq!(summary.skipped.len(), 1);
    assert_eq!(summary.skipped[0].dataset.as_deref(), Some("metatool"));
    assert_eq!(
        Vec::from_iter(summary.manifest.datasets.keys()),
        ["builtin", "none"]
    );
}

#[test]
fn the_price_list_decides_what_is_priced() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    // Another model by another tokenizer.
    let model = PRICES.split("[[machine]]").next().unwrap();
    let older = model
        .replace("\"round\"", "\"older\"")
        .replace("o200k", "cl100k");
    let ledger = laboratory.costs(&toml, &format!("{PRICES}{older}"));
    let dollars = |price: &str| {
        ledger.row(&format!(
            "builtin select-list candidates none {price} dollars-per-million-requests"
        ))
    };
    assert_eq!(dollars("older").tokenizer, "cl100k_base");
    assert_ne!(dollars("older").value, dollars("round").value);
    let counts = ledger.0.iter().filter(|row| {
        row.scenario == "select-list" && row.shown == "candidates" && row.quantity == "input-tokens"
    });
    assert_eq!(counts.count(), 2, "one by each tokenizer");

    for (prices, lacking) in [("", "model"), (model, "machine")] {
        let error = laboratory
            .try_costs(&toml, prices, "none")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("prices.toml: it has no ")
                && error.contains(&format!("add a [[{lacking}]]")),
            "{error}"
        );
        assert!(!laboratory.path("none").exists());
    }
}

#[test]
fn other_prices_are_not_compared_and_counts_are() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    let committed = laboratory.try_costs(&toml, PRICES, "committed").unwrap();
    let verdict = |measured: &CostsSummary| {
        let other = committed.manifest.other_prices(&measured.manifest);
        let conditions = Conditions {
            other_data: &other,
            ..Conditions::default()
        };
        (
            Verdict::new(&committed.rows, &measured.rows, conditions),
            other,
        )
    };
    let same = laboratory.try_costs(&toml, PRICES, "same").unwrap();
    let (told, other) = verdict(&same);
    assert!(other.is_empty());
    assert_eq!(told.agree, committed.rows.len());

    let dearer = PRICES.replace("input = 1.0", "input = 2.0");
    let dearer = laboratory.try_costs(&toml, &dearer, "dearer").unwrap();
    let (told, _) = verdict(&dearer);
    assert!(told.confirms(), "{:?}", told.differ);
    let priced = committed
        .rows
        .iter()
        .filter(|row| row.price != "none")
        .count();
    assert_eq!(told.agree, committed.rows.len() - priced);
    assert_eq!(told.not_compared.values().sum::<usize>(), priced);
    let reasons: Vec<&String> = told.not_compared.keys().collect();
    assert!(
        reasons.iter().all(|reason| reason.contains("prices.toml")),
        "{reasons:?}"
    );
}

#[test]
fn numbers_of_any_size_agree_by_their_share_and_counts_of_queries_exactly() {
    let row = |value: f64, n: usize| CostRow {
        experiment: "c".into(),
        dataset: "d".into(),
        scenario: "s".into(),
        shown: "none".into(),
        depth: "none".into(),
        tokenizer: "none".into(),
        price: "none".into(),
        quantity: "q".into(),
        value: Number::new(value),
        n,
    };
    let agrees = |committed: &CostRow, measured: &CostRow| {
        let verdict = Verdict::new(
            std::slice::from_ref(committed),
            std::slice::from_ref(measured),
            Conditions::default(),
        );
        verdict.confirms()
    };
    let committed = row(10_000.0, 100);
    assert!(agrees(&committed, &row(10_009.0, 100)));
    assert!(!agrees(&committed, &row(10_011.0, 100)));
    assert!(!agrees(&committed, &row(10_009.0, 101)));
    assert!(!agrees(&row(0.5, 1), &row(0.502, 1)));
}

#[test]
fn blessing_keeps_what_was_not_run_and_drops_what_is_not_made_any_more() {
    let laboratory = Laboratory::new();
    let builtin = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    let ran = laboratory.try_costs(&builtin, PRICES, "out").unwrap();
    let into = laboratory.path("committed");
    let foreign = |dataset: &str, shown: &str, price: &str| CostRow {
        dataset: dataset.into(),
        shown: shown.into(),
        price: price.into(),
        quantity: "earlier".into(),
        ..ran.rows[0].clone()
    };
    // Of what was run, rows that the run could have made but did not go too.
    let stays = foreign("metatool", "top-5", "gone");
    let committed = [
        stays.clone(),
        foreign("metatool", "top-2", "gone"),
        foreign("toole", "top-5", "round"),
        foreign("builtin", "top-5", "gone"),
        foreign("builtin", "top-5", "round"),
        foreign("none", "none", "none"),
    ];
    write_rows(&into.join("costs.csv"), &committed).unwrap();
    let mut older = ran.manifest.clone();
    let entry = older.datasets.remove("builtin").unwrap();
    older.datasets.insert("metatool".into(), entry);
    older.write(&into.join("manifest.json")).unwrap();

    bless_costs(&costs(COST), &ran.folder, &into).unwrap();
    let rows: Vec<CostRow> = read_rows(&into.join("costs.csv")).unwrap();
    let kept: Vec<&CostRow> = rows
        .iter()
        .filter(|row| row.quantity == "earlier")
        .collect();
    assert_eq!(kept, [&stays]);
    assert_eq!(rows.len(), ran.rows.len() + 1);
    let manifest = Manifest::read(&into.join("manifest.json"))
        .unwrap()
        .unwrap();
    assert_eq!(
        Vec::from_iter(manifest.datasets.keys()),
        ["builtin", "metatool", "none"]
    );
}

#[test]
fn the_answer_has_the_rows_numbers_and_where_the_prices_come_from() {
    let laboratory = Laboratory::new();
    for (toml, parts) in [
        (
            COST,
            &[
                "**The post's 3.00× is a count of calls.**",
                "$2,475",
                "of them $825",
                "next to nothing**: 10 ms of a core are $1.00",
                "- builtin: ",
            ][..],
        ),
        (
            GROWTH,
            &[
                "**It is quadratic, not exponential.**",
                "| builtin | routed | constant |",
                "**Constant it is only where nobody fills in arguments",
                "levels off |\n",
            ][..],
        ),
    ] {
        let made = laboratory.try_costs(toml, PRICES, "out").unwrap();
        let text = costs_report(&costs(toml), &made.rows, &made.manifest, Some("f.png"));
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert!(text.contains(
            "| round | $1 per million tokens | $0.1 | $10 | o200k_base | 2026-01-01 | made up |"
        ));
        assert!(text.contains("![") && text.contains("(f.png)"));
    }
}

/// With three steps kept the total is neither a line nor a parabola, and does not level off either.
#[test]
fn what_is_no_curve_of_the_three_is_called_so_and_tables_without_rows_are_left_out() {
    let laboratory = Laboratory::new();
    let report = |toml: &str, keep: &dyn Fn(&CostRow) -> bool| {
        let mut made = laboratory.try_costs(toml, PRICES, "out").unwrap();
        made.rows.retain(keep);
        costs_report(&costs(toml), &made.rows, &made.manifest, None)
    };
    let toml = GROWTH.replace("kept_steps = 2", "kept_steps = 3");
    let text = report(&toml, &|_| true);
    let line = text
        .lines()
        .find(|line| line.starts_with("| builtin | planner-pruned | "))
        .unwrap();
    assert!(line.starts_with("| builtin | planner-pruned | neither |"));
    assert!(line.ends_with("| levels off |"), "{line}");

    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    let text = report(&toml, &|row| row.dataset == "none");
    assert!(text.contains("## Answer") && text.contains("## Prices"));
    for heading in ["One selection", "The post's", "Native", "Break-even"] {
        assert!(!text.contains(&format!("## {heading}")), "{text}");
    }
}

#[test]
fn a_quick_run_and_restrictions_keep_whole_datasets() {
    let mut study = Study::parse(COST, "t.toml").unwrap();
    study.quicken();
    assert_eq!(study.datasets(), [&Dataset::Builtin]);
    let mut study = Study::parse(COST, "t.toml").unwrap();
    study.restrict(Some(&[Dataset::Metatool, Dataset::Toole]), Some(1));
    assert_eq!(study.datasets(), [&Dataset::Metatool]);
    study.restrict(Some(&[Dataset::Toole]), None);
    assert!(study.datasets().is_empty());
}

/// Replaces `from` by `to` and expects an error that names the file and has these parts.
#[track_caller]
fn refused(toml: &str, from: &str, to: &str, parts: &[&str]) {
    assert!(toml.contains(from), "{from} is not in the example");
    let text = toml.replacen(from, to, 1);
    let Err(error) = Study::parse(&text, "experiments/c.toml") else {
        panic!("{to} instead of {from} was accepted");
    };
    let message = error.to_string();
    assert!(message.starts_with("experiments/c.toml: "), "{message}");
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn bad_files_are_refused_with_place_and_field() {
    for (from, to, parts) in [
        (
            "\"cost\"",
            "\"costs\"",
            &["line 1", "kind", "`costs`", "`cost`", "`context-growth`"][..],
        ),
        ("top_k", "top", &["line 8", "`top`", "`top_k`"]),
        ("router = \"dense\"\n", "", &["missing", "`router`"]),
        ("\"dense\"", "\"dens\"", &["line 6", "`dens`", "`dense`"]),
        ("[1, 5]", "[]", &["top_k", "empty"]),
        ("[1, 5]", "[0]", &["line 8", "top_k", "0"]),
        (
            "per_tool = [1, 5]",
            "per_tool = [5, 5]",
            &["labels: per_tool", "`5`", "twice"],
        ),
        (
            ", metatool = \"minilm\"",
            "",
            &["embedders", "`metatool`", "minilm"],
        ),
        (
            "= \"minilm\"",
            "= \"bert\"",
            &["line 7", "`bert`", "`minilm`"],
        ),
        (
            "quick = [\"builtin\"]",
            "quick = [\"toole\"]",
            &["quick", "`toole`", "builtin, metatool"],
        ),
        (
            "\"metatool\"]",
            "\"builtin\"]",
            &["datasets", "`builtin`", "twice"],
        ),
        (
            "\"metatool\"]",
            "\"metatol\"]",
            &["line 4", "`metatol`", "metatool"],
        ),
        (
            "milliseconds = 10",
            "milliseconds = -1",
            &["router_milliseconds", "-1", "at least 0"],
        ),
        (
            "dollars = 0.10",
            "dollars = nan",
            &["person_dollars", "finite"],
        ),
        (
            "routed_calls = 1",
            "routed_calls = 3",
            &["post", "routed_calls", "less than calls"],
        ),
        (
            "routed_calls = 1",
            "routed_calls = -1",
            &["line 10", "routed_calls", "-1"],
        ),
        ("step = 128", "step = 0", &["cache", "step"]),
        (
            "name = \"c\"",
            "name = \"../c\"",
            &["name", "../c", "letters"],
        ),
        ("name = \"c\"", "name = \"cells\"", &["name", "`cells`"]),
    ] {
        refused(COST, from, to, parts);
    }
    refused(GROWTH, "deepest = 20", "deepest = 2", &["deepest", "3"]);
    refused(
        GROWTH,
        "kept_steps",
        "kept",
        &["line 9", "`kept`", "`kept_steps`"],
    );
    refused(GROWTH, "step = 128", "step = 0", &["cache", "step"]);
    refused(
        GROWTH,
        "\"context-growth\"",
        "\"cost\"",
        &["line 8", "`answer_tokens`"],
    );
}

#[test]
fn a_file_without_a_kind_ranks_routers() {
    let ranking = crate::laboratory::toml(&["builtin"], "[0, 1]");
    let mut study = Study::parse(&ranking, "t.toml").unwrap();
    assert!(matches!(study, Study::Ranking(_)));
    assert_eq!((study.name(), study.question()), ("t", "?"));
    study.restrict(None, Some(0));
    assert!(study.datasets().is_empty());
}
