//! What the answer says of the rows.

use oats_harness::{costs_report, rows::CostRow};

use super::{COST, GROWTH, PRICES, costs};
use crate::laboratory::Laboratory;

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
