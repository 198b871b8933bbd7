//! Committed costs: compared, and blessed.

use oats_harness::{
    Conditions, Manifest, Verdict, Written, bless_whole_datasets,
    rows::{CostRow, Number, read_rows, write_rows},
};

use super::{COST, PRICES, costs};
use crate::laboratory::Laboratory;

#[test]
fn other_prices_are_not_compared_and_counts_are() {
    let laboratory = Laboratory::new();
    let toml = COST.replace(r#"["builtin", "metatool"]"#, r#"["builtin"]"#);
    let committed = laboratory.try_costs(&toml, PRICES, "committed").unwrap();
    let verdict = |measured: &Written<CostRow>| {
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

    bless_whole_datasets(&ran.folder, &into, |row: &CostRow| costs(COST).makes(row)).unwrap();
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
