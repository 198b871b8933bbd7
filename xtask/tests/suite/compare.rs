//! `compare`: routers, folders, and the code as it is against kept results.

use std::path::Path;

use crate::common::{Place, Told};

/// A small experiment with a router under two names.
const TRIAL: &str = r#"
    name = "trial"
    question = "?"
    metrics = ["ndcg@5", "recall@1"]
    baselines = ["dense"]
    routers = ["dense", "oats-s1", { kind = "oats-s1", label = "mine" }]
    [[grid]]
    datasets = ["builtin"]
    embedders = ["static"]
    splits = ["instance"]
    pools = ["candidates"]
    seeds = [0, 1]
"#;

const BASELINE: [&str; 7] = [
    "compare",
    "--baseline",
    "results",
    "--datasets",
    "builtin",
    "--seeds",
    "2",
];

#[test]
fn routers_are_compared_on_unseen_queries() {
    let place = Place::with_experiment(TRIAL);
    let of = |sides: [&str; 2], out: &str| {
        let sides = ["compare", sides[0], sides[1]];
        place.succeed(&[&sides[..], &["--experiment", "trial.toml", "--out", out]].concat())
    };
    let told = of(["oats-s1", "dense"], "one");
    told.assert_says(&["oats-s1 against dense: builtin, query split, candidates, static"]);
    told.assert_says(&["vague-description", "recall@1", "beyond noise"]);
    let rows = place.read("one/oats-s1-against-dense/compared.csv");
    let of_all = |line: &&str| line.starts_with("builtin,query,all,candidates,all,static,");
    assert_eq!(rows.lines().filter(of_all).count(), 2, "{rows}");
    for file in ["changed.csv", "compared.svg", "compared.png", "metrics.csv"] {
        assert!(
            place.path("one/oats-s1-against-dense").join(file).exists(),
            "{file}"
        );
    }

    let told = of(["mine", "oats-s1"], "same");
    told.assert_says(&[" 0 are up and 0 down", "No query is answered otherwise"]);

    // A kind that the experiment does not list is known by its name.
    of(["bm25", "dense"], "kinds").assert_says(&["bm25 against dense"]);

    // The same bytes for one thread.
    let again = place
        .command(&[
            "compare",
            "oats-s1",
            "dense",
            "--experiment",
            "trial.toml",
            "--out",
            "two",
        ])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert!(again.status.success());
    for file in ["compared.csv", "changed.csv", "compared.svg"] {
        let of = |out: &str| place.read(&format!("{out}/oats-s1-against-dense/{file}"));
        assert!(of("one") == of("two"), "{file}");
    }
}

#[test]
fn s1_is_told_from_static_embeddings_on_metatool() {
    let Some(data) = std::env::var_os("OATS_DATA_DIR") else {
        let required = std::env::var("OATS_REQUIRE_DATA").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "OATS_DATA_DIR is not set and OATS_REQUIRE_DATA=1"
        );
        eprintln!("skipped: MetaTool; set OATS_DATA_DIR to the data folder");
        return;
    };
    let place = Place::with_experiment(&TRIAL.replace("builtin", "metatool"));
    let mut compare = place.command(&["compare", "oats-s1", "dense"]);
    compare.args(["--experiment", "trial.toml", "--out", "out", "--data-dir"]);
    let told = Told::of(compare.arg(data));
    assert_eq!(told.code, Some(0), "{told}");
    let rows = place.read("out/oats-s1-against-dense/compared.csv");
    let overall: Vec<&str> = rows
        .lines()
        .filter(|line| line.starts_with("metatool,query,all,candidates,all,static,"))
        .collect();
    assert_eq!(overall.len(), 2, "{rows}");
    let header: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
    let of = |line: &str, column: &str| -> f64 {
        let column = header.iter().position(|name| *name == column).unwrap();
        line.split(',').nth(column).unwrap().parse().unwrap()
    };
    for line in overall {
        assert!(
            of(line, "difference") > 0.0 && of(line, "p_holm") < 0.001,
            "{line}"
        );
    }
}

#[test]
fn two_folders_are_paired_by_query_where_scores_were_kept() {
    let place = Place::with_experiment(TRIAL);
    place.succeed(&["run", "trial.toml", "--scores", "--out", "before"]);
    // S1 with hardly any step is another router under the same name.
    place.edit(
        "trial.toml",
        "\"oats-s1\", {",
        "{ kind = \"oats-s1\", alpha = 0.001, label = \"oats-s1\" }, {",
    );
    place.succeed(&["run", "trial.toml", "--scores", "--out", "after"]);
    let told = place.run(&["compare", "after/trial", "before/trial", "--out", "out"]);
    assert_eq!(told.code, Some(1), "{told}");
    told.assert_says(&["oats-s1", "query", "down beyond noise"]);
    let told = place.succeed(&["compare", "before/trial", "before/trial", "--out", "out"]);
    told.assert_says(&[" 0 are up and 0 down"]);
}

#[test]
fn a_fall_against_kept_results_ends_with_1() {
    let place = Place::small_workspace();
    place.succeed(&[
        "reproduce",
        "--experiments",
        "main",
        "--datasets",
        "builtin",
        "--seeds",
        "2",
        "--bless",
    ]);
    place
        .succeed(&BASELINE)
        .assert_says(&[" 0 are up and 0 down"]);

    // As if S1 had been better before, by more in one split than in another.
    let file = "results/main/metrics.csv";
    let kept = place.read(file);
    let raised: String = kept
        .lines()
        .map(|line| match line.split_once(",oats-s1,") {
            Some((labels, rest)) => {
                let mut fields: Vec<String> = rest.split(',').map(str::to_owned).collect();
                let by = match fields[0].as_str() {
                    "0" => 0.10,
                    "1" => 0.12,
                    _ => 0.11,
                };
                for field in &mut fields[2..5] {
                    *field = format!("{:.6}", field.parse::<f64>().unwrap() + by);
                }
                format!("{labels},oats-s1,{}\n", fields.join(","))
            }
            None => format!("{line}\n"),
        })
        .collect();
    place.write(file, raised);
    let told = place.run(&BASELINE);
    assert_eq!(told.code, Some(1), "{told}");
    told.assert_says(&["oats-s1", "-0.110"]);

    // One query more in each split is nothing.
    let more: String = kept
        .lines()
        .map(
            |line| match line.contains(",bm25,") && !line.contains(",mean-of-") {
                true => {
                    let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
                    let step = 1.0 / fields[13].parse::<f64>().unwrap();
                    fields[10] = format!("{:.6}", fields[10].parse::<f64>().unwrap() + step);
                    fields.join(",") + "\n"
                }
                false => format!("{line}\n"),
            },
        )
        .collect();
    assert_ne!(more, kept);
    place.write(file, more);
    place
        .succeed(&BASELINE)
        .assert_says(&[" 0 are up and 0 down"]);
    place.write(file, &kept);

    // What is missing on one side is told.
    place.edit("experiments/main.toml", "\"bm25\", ", "");
    place
        .succeed(&BASELINE)
        .assert_says(&["not compared: bm25 on builtin is in results/main alone"]);

    // The baseline is not overwritten by what is held against it.
    for (path, bytes) in place.files("results/main") {
        let path = path.strip_prefix("results").unwrap();
        place.write(Path::new("kept").join(path).to_str().unwrap(), bytes);
    }
    let mut same = BASELINE;
    same[2] = "kept";
    place
        .run(&[&same[..], &["--out", "kept"]].concat())
        .assert_refused(&["kept/main is the baseline", "--out"]);
    assert_eq!(place.read("kept/main/metrics.csv"), kept);
}

#[test]
fn routers_are_ranked_with_groups_that_cannot_be_told_apart() {
    let place = Place::with_experiment(TRIAL);
    let told = place.succeed(&[
        "leaderboard",
        "--experiment",
        "trial.toml",
        "--metric",
        "recall@1",
        "--out",
        "out",
    ]);
    assert!(
        told.stdout.lines().all(|line| line.chars().count() <= 100),
        "{told}"
    );
    let page = place.read("out/leaderboard/leaderboard.md");
    assert!(page.contains("| router"), "{page}");
    let rows = place.read("out/leaderboard/leaderboard.csv");
    let of = |router: &str| -> Vec<String> {
        let router = format!(",{router},");
        let line = rows.lines().find(|line| line.contains(&router));
        let line = line.unwrap_or_else(|| panic!("{router}: {rows}"));
        assert!(line.starts_with("builtin,query,all,candidates,"), "{line}");
        told.assert_says(&[router.trim_matches(',')]);
        line.split(router.as_str()).map(str::to_owned).collect()
    };
    assert_eq!(rows.lines().count(), 4, "{rows}");
    let (s1, mine, dense) = (of("oats-s1"), of("mine"), of("dense"));
    let field =
        |router: &[String], field: usize| router[1].split(',').nth(field).unwrap().to_owned();
    let [rank, groups] = [2, 6];
    assert_eq!(field(&s1, rank), "1", "{rows}");
    assert_eq!(field(&mine, rank), "1", "{rows}");
    assert_eq!(field(&dense, rank), "3", "{rows}");
    assert_eq!(field(&s1, groups), field(&mine, groups), "{rows}");
    assert_ne!(field(&s1, groups), field(&dense, groups), "{rows}");
    assert!(
        rows.contains(",recall@1,") && !rows.contains("ndcg"),
        "{rows}"
    );

    place
        .run(&["leaderboard", "--experiment", "gone.toml", "--out", "out"])
        .assert_refused(&["gone.toml"]);
}

/// A router that fails is no router that did not fall.
#[test]
fn a_failed_router_ends_with_2() {
    let fails = r#", { kind = "process", label = "gone", command = ["no-such-program"] }]"#;
    let place = Place::with_experiment(&TRIAL.replace(
        "label = \"mine\" }]",
        &format!("label = \"mine\" }}{fails}"),
    ));
    let of = |arguments: &[&str]| {
        let told =
            place.run(&[arguments, &["--experiment", "trial.toml", "--out", "out"]].concat());
        told.assert_refused(&["2 cells failed"]);
        told.assert_says(&["failed: builtin/query/all/gone-none-0: `no-such-program`"]);
    };
    of(&["compare", "gone", "dense"]);
    of(&["leaderboard"]);
    assert!(
        place
            .read("out/leaderboard/leaderboard.csv")
            .contains(",dense,")
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::with_experiment(TRIAL);
    let refused = |arguments: &[&str], parts: &[&str]| {
        let told = place.run(&[&["compare", "--out", "out"], arguments].concat());
        assert_eq!(told.code, Some(2), "{told}");
        told.assert_refused(parts);
    };
    let with = |sides: [&'static str; 2]| [sides[0], sides[1], "--experiment", "trial.toml"];
    refused(
        &with(["dense", "dense"]),
        &["dense", "same router", "label"],
    );
    refused(
        &with(["dense", "nonsense"]),
        &["nonsense", "trial.toml", "oats-s1"],
    );
    place.write("empty/readme", "");
    refused(&with(["empty", "dense"]), &["`empty` is a folder"]);
    refused(&["empty", "empty"], &["manifest.json"]);
    refused(
        &["empty", "empty", "--seeds", "1"],
        &["two folders are compared as they are", "--seeds"],
    );
    refused(&["--baseline", "empty"], &["experiments"]);
}
