//! Bad input: exit code 2, one line that names file, place and remedy, earlier results untouched.

use crate::common::{PLUGINS, Place, SUBTASK_1, SUBTASK_3, TOOLE_TABLE, Told, experiment};

const RUN: [&str; 6] = ["run", "trial.toml", "--data-dir", "data", "--out", "out"];

/// The built-in benchmark, which is good, and one that is read from `data/`.
fn place(dataset: &str) -> Place {
    let place = Place::with_experiment(&experiment(
        &format!(r#"["builtin", "{dataset}"]"#),
        r#"["static"]"#,
    ));
    place.add_metatool();
    place
}

#[test]
fn the_fixture_itself_is_good() {
    for dataset in ["metatool", "toole"] {
        place(dataset).succeed(&RUN);
    }
}

#[test]
fn missing_file() {
    let place = place("metatool");
    std::fs::remove_file(place.path(SUBTASK_3)).unwrap();
    place.refuse(
        &RUN,
        &[SUBTASK_3, "cannot be read", "put upstream's file there"],
    );
}

#[test]
fn missing_data_folder() {
    let place = place("metatool");
    let arguments = ["run", "trial.toml", "--data-dir", "dat", "--out", "out"];
    place.refuse(&arguments, &["dat: ", "no such folder", "--data-dir"]);
}

#[test]
fn truncated_json() {
    let place = place("metatool");
    let whole = place.read(SUBTASK_1);
    place.write(SUBTASK_1, &whole[..whole.len() / 2]);
    place.refuse(
        &RUN,
        &[SUBTASK_1, "line ", "cut off", "put upstream's file there"],
    );
}

#[test]
fn wrong_csv_column() {
    let place = place("toole");
    place.edit(TOOLE_TABLE, "Query,Tool", "Question,Tool");
    place.refuse(
        &RUN,
        &[
            TOOLE_TABLE,
            "line 1",
            "Question",
            "put upstream's file there",
        ],
    );
}

#[test]
fn label_that_names_an_unknown_tool() {
    let place = place("metatool");
    place.edit(SUBTASK_3, r#""tool": "poet""#, r#""tool": "painter""#);
    place.refuse(
        &RUN,
        &[
            SUBTASK_3,
            "record [2]",
            "`painter`",
            "put upstream's file there",
        ],
    );
}

#[test]
fn duplicate_tool_name() {
    let place = place("metatool");
    place.edit(PLUGINS, r#""poet""#, r#""maps""#);
    place.refuse(
        &RUN,
        &[PLUGINS, "key `maps`", "twice", "put upstream's file there"],
    );
}

#[test]
fn empty_query() {
    let place = place("metatool");
    place.edit(SUBTASK_1, "request 4 for the reader", " ");
    place.refuse(
        &RUN,
        &[
            SUBTASK_1,
            "record [4]",
            "empty",
            "put upstream's file there",
        ],
    );
}

#[test]
fn text_that_is_not_utf8() {
    let place = place("toole");
    place.write(
        TOOLE_TABLE,
        b"Query,Tool\nthe way home,maps\ncaf\xe9,maps\n",
    );
    place.refuse(
        &RUN,
        &[TOOLE_TABLE, "line 3", "UTF-8", "put upstream's file there"],
    );
}

#[test]
fn wrong_checksum_in_the_cache() {
    let place = place("metatool");
    let cached = "cache/data/HowieHwong-MetaTool-35e81bb75768/dataset/plugin_des.json";
    place.write(cached, place.read(PLUGINS));
    let arguments = ["run", "trial.toml", "--out", "out"];
    place.refuse(&arguments, &[cached, "git blob id", "delete it"]);
}

#[test]
fn unknown_router_in_an_experiment() {
    let place = place("metatool");
    place.edit("trial.toml", r#""bm25""#, r#""bm52""#);
    place.refuse(&RUN, &["trial.toml", "line 5", "`bm52`", "bm25", "oats-s1"]);
}

#[test]
fn unknown_field_in_an_experiment() {
    for (from, to, line) in [
        ("question =", "qestion =", "line 2"),
        ("splits =", "slits =", "line 10"),
        (
            r#"routers = ["dense""#,
            r#"routers = ["dense", { kind = "oats-s1", round = 3 }"#,
            "line 5",
        ),
    ] {
        let place = place("metatool");
        place.edit("trial.toml", from, to);
        let field = to.split(" =").next().unwrap().split('"').next().unwrap();
        let field = if line == "line 5" { "round" } else { field };
        place.refuse(
            &RUN,
            &["trial.toml", line, &format!("`{field}`"), "expected"],
        );
    }
}

#[test]
fn experiment_that_cannot_be_read() {
    let place = place("metatool");
    place.refuse(
        &["run", "trail.toml", "--out", "out"],
        &["trail.toml", "No such file"],
    );
    place.write("trial.toml", b"name = \"caf\xe9\"");
    place.refuse(&RUN, &["trial.toml", "UTF-8"]);
}

#[test]
fn names_that_nothing_has_are_answered_with_those_there_are() {
    let place = place("metatool");
    for (arguments, there_are) in [
        (
            ["route", "hello", "--router", "bm52"],
            "random, bm25, dense, dense-int8, oats-s1",
        ),
        (
            ["route", "hello", "--embedder", "bert"],
            "minilm, minilm-int8, static",
        ),
        (
            ["route", "hello", "--dataset", "metatol"],
            "builtin, metatool, toole, toolbench",
        ),
        (
            ["run", "trial.toml", "--backend", "gpu"],
            "auto, onnx, candle",
        ),
    ] {
        place
            .run(&arguments)
            .assert_misused(&[arguments[3], there_are]);
    }
    let run = |option, name| [&RUN[..], &[option, name]].concat();
    let there_are = "builtin, metatool";
    place.refuse(
        &run("--datasets", "toole"),
        &["--datasets", "toole", there_are],
    );
    place.refuse(
        &run("--require", "toole"),
        &["--require", "toole", there_are],
    );

    let told = Place::workspace().run(&["reproduce", "--experiments", "mian"]);
    told.assert_refused(&[
        "--experiments",
        "`mian`",
        "bandit, beyond-density, beyond-latency",
    ]);
}

#[test]
fn numbers_that_ask_for_nothing() {
    let place = place("metatool");
    place
        .run(&["route", "hello", "-k", "0"])
        .assert_misused(&["-k", "zero"]);
    place
        .run(&["route", "hello", "-k", "many"])
        .assert_misused(&["-k", "many"]);
    place
        .run(&["run", "trial.toml", "--seeds", "0"])
        .assert_misused(&["--seeds", "zero"]);
}

#[test]
fn texts_that_are_no_request() {
    let place = Place::empty();
    for text in ["", "  \n"] {
        place
            .run(&["route", text])
            .assert_refused(&["the text is empty"]);
    }
    // Nothing to go by, but nothing wrong either.
    for router in ["oats-s1", "bm25"] {
        place.succeed(&["route", "--router", router, "🎉🎉"]);
    }
}

#[test]
fn out_folder_that_cannot_be_written() {
    let place = place("metatool");
    place.write("file", "in the way");
    let arguments = [
        "run",
        "trial.toml",
        "--data-dir",
        "data",
        "--out",
        "file/out",
    ];
    place.refuse(&arguments, &["file/out", "--out"]);
}

#[test]
fn only_blessing_writes_to_the_committed_results() {
    let workspace = Place::small_workspace();
    workspace.write("results/main/keep", "");
    let mut commands = [
        workspace.command(&["run", "experiments/main.toml", "--out", "results"]),
        workspace.command(&["reproduce", "--out", "../results"]),
    ];
    commands[1].current_dir(workspace.path("experiments"));
    for mut command in commands {
        Told::of(&mut command).assert_refused(&["results", "--bless", "another folder"]);
    }
    assert_eq!(workspace.files("results").len(), 1);
}

#[test]
fn committed_results_that_cannot_be_read() {
    let workspace = Place::small_workspace();
    workspace.write("results/main/metrics.csv", "experiment,dataset\n");
    let told = workspace.run(&["reproduce", "--datasets", "builtin"]);
    told.assert_refused(&["results/main/metrics.csv", "line 1", "restore it from git"]);
    assert!(!workspace.path("target/reproduce/main/metrics.csv").exists());
}

#[test]
fn reproduce_outside_the_workspace() {
    let told = Place::empty().run(&["reproduce"]);
    told.assert_refused(&["experiments/", "inside the workspace"]);
}
