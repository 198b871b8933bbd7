//! Experiments that count tokens, beside those that rank routers.

use std::fs;

use crate::common::{Place, SUBTASK_1, SUBTASK_2, SUBTASK_3, SUBTASK_4};

const STUDIES: [&str; 2] = ["cost", "context-growth"];

/// A small workspace with one experiment of each kind.
fn place() -> Place {
    let place = Place::small_workspace();
    fs::remove_file(place.path("experiments/s1-convergence.toml")).unwrap();
    for name in STUDIES {
        place.copy(format!("experiments/{name}.toml"));
    }
    place
}

const ALL: [&str; 5] = ["reproduce", "--datasets", "builtin", "--seeds", "1"];

#[test]
fn one_command_runs_every_kind_blesses_it_and_confirms_it() {
    let place = place();
    let told = place.succeed(&[&ALL[..], &["--bless"]].concat());
    told.assert_says(&[
        "builtin: ndcg@5",
        "builtin: dollars per million requests, gpt-4.1",
    ]);
    for name in STUDIES {
        for file in ["costs.csv", "manifest.json", "README.md"] {
            assert!(
                place.path(&format!("results/{name}/{file}")).exists(),
                "{name}/{file}"
            );
        }
        assert!(place.path(&format!("results/{name}/{name}.png")).exists());
        let readme = place.read(&format!("results/{name}/README.md"));
        assert!(readme.contains("## Answer\n\n- **"), "{readme}");
        assert!(
            readme.contains(&format!("![{name}]({name}.png)")),
            "{readme}"
        );
    }
    let lines = |file: &str| place.read(&format!("results/{file}")).lines().count() - 1;
    let rows = lines("main/metrics.csv")
        + lines("main/tests.csv")
        + lines("cost/costs.csv")
        + lines("context-growth/costs.csv");
    for arguments in [
        &ALL[..],
        &[
            "reproduce",
            "--datasets",
            "builtin",
            "--quick",
            "--experiments",
            "cost",
        ],
    ] {
        let told = place.succeed(arguments);
        let last = told.stdout.lines().last().unwrap_or_default();
        assert!(last.starts_with("Confirmed: all "), "{told}");
        if arguments == ALL {
            assert!(last.contains(&format!(" {rows} ")), "{told}");
        }
    }

    let row = "cost,builtin,select-list,candidates,none,o200k_base,none,input-tokens,";
    let csv = place.read("results/cost/costs.csv");
    let line = csv.lines().find(|line| line.starts_with(row)).unwrap();
    place.edit(
        "results/cost/costs.csv",
        line,
        &format!("{row}5.000000,1248"),
    );
    let told = place.run(&ALL);
    assert_eq!(told.code, Some(1), "{told}");
    told.assert_says(&[
        "differs: cost builtin select-list candidates",
        "Contradicted: 1 of",
    ]);
}

#[test]
fn a_price_list_of_ones_own_is_used_and_not_held_against_the_committed_one() {
    let place = place();
    place.copy("crates/llm/prices.toml");
    let some = [&ALL[..], &["--experiments", "cost"]].concat();
    place.succeed(&[&some[..], &["--bless"]].concat());
    place.edit("crates/llm/prices.toml", "input = 2.00", "input = 4.00");
    let own = [&some[..], &["--prices", "crates/llm/prices.toml"]].concat();
    let told = place.succeed(&own);
    told.assert_says(&[
        "not compared: ",
        "the price list crates/llm/prices.toml",
        "Confirmed: all ",
    ]);
    let planned = |folder: &str| {
        let csv = place.read(&format!("{folder}/cost/costs.csv"));
        let row = "cost,none,post-planned,none,none,none,gpt-4.1,dollars-per-million-requests,";
        let line = csv.lines().find_map(|line| line.strip_prefix(row));
        line.unwrap().to_owned()
    };
    // 3 × (75 × 2 + 75 × 8), and with inputs at 4.
    assert_eq!(planned("results"), "2250.000000,0");
    assert_eq!(planned("target/reproduce"), "2700.000000,0");
}

#[test]
fn run_takes_both_kinds() {
    let place = place();
    let told = place.succeed(&[
        "run",
        "experiments/cost.toml",
        "--datasets",
        "builtin,metatool",
        "--out",
        "out",
    ]);
    told.assert_says(&[
        "select-list",
        "catalogue",
        "not run: metatool",
        "Results are in out/cost",
    ]);
    assert!(place.path("out/cost/costs.csv").exists());
}

#[test]
fn bad_price_lists_are_refused() {
    let place = place();
    let run = [
        "run",
        "experiments/cost.toml",
        "--datasets",
        "builtin",
        "--out",
        "out",
        "--prices",
    ];
    let refused = |parts: &[&str]| {
        place
            .run(&[&run[..], &["own.toml"]].concat())
            .assert_refused(parts);
        assert!(!place.path("out/cost").exists());
    };
    refused(&["own.toml", "cannot read"]);
    place.write("own.toml", "[[model]]\nname = \"m\"\nprice = 3\n");
    refused(&["own.toml", "line 3", "price"]);
    place.write("own.toml", "");
    refused(&["own.toml", "no model"]);
}

#[test]
fn an_unknown_kind_is_refused() {
    let place = place();
    place.edit(
        "experiments/cost.toml",
        "kind = \"cost\"",
        "kind = \"costs\"",
    );
    let told = place.run(&ALL);
    told.assert_refused(&[
        "experiments/cost.toml",
        "line 1",
        "`costs`",
        "`context-growth`",
    ]);
}

#[test]
fn a_dataset_without_queries_has_no_costs() {
    let place = place();
    place.add_metatool();
    for subtask in [SUBTASK_1, SUBTASK_2, SUBTASK_3, SUBTASK_4] {
        place.write(subtask, "[]");
    }
    let run = [
        "run",
        "experiments/context-growth.toml",
        "--out",
        "out",
        "--data-dir",
        "data",
    ];
    let told = place.succeed(&[&run[..], &["--datasets", "builtin,metatool"]].concat());
    told.assert_says(&["not run: metatool: it has no queries"]);
    let rows = place.read("out/context-growth/costs.csv");
    assert!(rows.contains(",builtin,") && !rows.contains("metatool"));
}
