//! `reproduce`: the same bytes every time, whatever happens in between; a verdict; blessing.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::common::{Place, Told, experiment};

/// A small run of the leaderboard's experiment.
pub(crate) const MAIN: [&str; 7] = [
    "reproduce",
    "--experiments",
    "main",
    "--datasets",
    "builtin",
    "--seeds",
    "1",
];

fn into<'a>(arguments: &[&'a str], out: &'a str) -> Vec<&'a str> {
    [arguments, &["--out", out]].concat()
}

#[test]
fn two_runs_and_one_thread_give_the_same_bytes() {
    let place = Place::workspace();
    place.edit(
        "experiments/main.toml",
        "embedders = [\"static\"]\nsplits = [\"instance\", \"query\", \"tool\"]",
        "embedders = [\"static\"]\nsplits = [\"query\"]",
    );
    place.succeed(&into(&MAIN, "one"));
    place.succeed(&into(&MAIN, "two"));
    let told = Told::of(
        place
            .command(&into(&MAIN, "three"))
            .env("RAYON_NUM_THREADS", "1"),
    );
    assert_eq!(told.code, Some(0), "{told}");
    for file in ["metrics.csv", "tests.csv"] {
        let first = place.read(&format!("one/main/{file}"));
        assert!(first.lines().count() > 100);
        assert!(first == place.read(&format!("two/main/{file}")), "{file}");
        assert!(first == place.read(&format!("three/main/{file}")), "{file}");
    }
}

const CONVERGENCE: [&str; 5] = [
    "reproduce",
    "--datasets",
    "builtin",
    "--experiments",
    "s1-convergence",
];

/// Kills a run into `out` that has finished some of its cells, and returns their folder.
fn kill_half_way(place: &Place, out: &str) -> String {
    let mut run = place
        .command(&into(&CONVERGENCE, out))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let cells = format!("{out}/cells");
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::read_dir(place.path(&cells)).map_or(0, Iterator::count) < 5 {
        assert!(Instant::now() < deadline, "no cells after a minute");
        thread::sleep(Duration::from_millis(1));
    }
    run.kill().unwrap();
    let ended = run.wait().unwrap();
    assert!(!ended.success(), "it was done before it was killed");
    assert!(
        !place
            .path(&format!("{out}/s1-convergence/metrics.csv"))
            .exists()
    );
    cells
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let place = Place::small_workspace();
    place.succeed(&into(&CONVERGENCE, "whole"));
    let cells = kill_half_way(&place, "broken");
    // A disk that was full could also leave half a cell.
    let (half, bytes) = place.files(&cells).pop_last().unwrap();
    place.write(half.to_str().unwrap(), &bytes[..bytes.len() / 2]);
    place.succeed(&into(&CONVERGENCE, "broken"));

    for file in [
        "metrics.csv",
        "tests.csv",
        "convergence.svg",
        "convergence.png",
    ] {
        let read = |out| fs::read(place.path(&format!("{out}/s1-convergence/{file}"))).unwrap();
        assert!(read("whole") == read("broken"), "{file}");
    }
    let names = |out| -> BTreeSet<PathBuf> {
        let files = place.files(out).into_keys();
        files
            .map(|path| path.strip_prefix(out).unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("whole"),
        names("broken"),
        "nothing else is left behind"
    );

    // Finished cells are taken over as they are: it shows when they say what another should.
    let cells = kill_half_way(&place, "mixed-up");
    let mut finished = place.files(&cells);
    let (_, contents) = finished.pop_last().unwrap();
    for cell in finished.into_keys() {
        place.write(cell.to_str().unwrap(), &contents);
    }
    place.succeed(&into(&CONVERGENCE, "mixed-up"));
    let metrics = |out| place.read(&format!("{out}/s1-convergence/metrics.csv"));
    assert!(metrics("mixed-up") != metrics("whole"));
}

#[test]
fn the_verdict_confirms_or_contradicts() {
    let place = Place::small_workspace();
    place.succeed(&[&MAIN[..], &["--bless"]].concat());
    let told = place.succeed(&MAIN);
    let lines = |file: &str| place.read(&format!("results/main/{file}")).lines().count() - 1;
    let rows = lines("metrics.csv") + lines("tests.csv");
    let last = told.stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("Confirmed") && last.contains(&format!(" {rows} ")),
        "{told}"
    );

    // From a folder further down, and of one experiment of two.
    let told = Told::of(place.command(&MAIN).current_dir(place.path("results/main")));
    assert_eq!(told.code, Some(0), "{told}");
    told.assert_says(&["Confirmed"]);

    let csv = place.read("results/main/metrics.csv");
    let row = "main,builtin,query,all,candidates,all,static,dense,0,ndcg@5,";
    let line = csv.lines().find(|line| line.starts_with(row)).unwrap();
    let (_, n) = line.rsplit_once(',').unwrap();
    place.edit(
        "results/main/metrics.csv",
        line,
        &format!("{row}0.123456,0.1,0.2,{n}"),
    );
    let told = place.run(&MAIN);
    assert_eq!(told.code, Some(1), "{told}");
    told.assert_says(&[
        "differs: ",
        "query all candidates all static dense 0 ndcg@5",
        "0.123456",
    ]);
    let last = told.stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(&format!("Contradicted: 1 of {rows} ")),
        "{told}"
    );

    // A difference between routers counts too.
    place.write("results/main/metrics.csv", csv);
    let tests = place.read("results/main/tests.csv");
    let row = "main,builtin,query,all,candidates,all,static,oats-s1,dense,mean-of-1,ndcg@5,";
    let line = tests.lines().find(|line| line.starts_with(row)).unwrap();
    place.edit(
        "results/main/tests.csv",
        &line[..row.len() + 2],
        &format!("{row}-0"),
    );
    let told = place.run(&MAIN);
    assert_eq!(told.code, Some(1), "{told}");
    told.assert_says(&["differs: ", "oats-s1 dense mean-of-1 ndcg@5 difference"]);
}

#[test]
fn a_quick_run_is_confirmed_by_the_whole_one() {
    let place = Place::small_workspace();
    let builtin = ["--experiments", "main", "--datasets", "builtin"];
    place.succeed(&[&["reproduce", "--bless"], &builtin[..]].concat());
    let told = place.succeed(&[&["reproduce", "--quick"], &builtin[..]].concat());
    let last = told.stdout.lines().last().unwrap_or_default();
    // Four routers, six metrics, one split, one pool, one seed, and the subset that has single seeds.
    assert!(last.starts_with("Confirmed: all 24 rows"), "{told}");
    let metrics = place.read("target/reproduce/main/metrics.csv");
    let quick = "main,builtin,query,all,catalogue,";
    assert!(metrics.lines().skip(1).all(|row| row.starts_with(quick)));

    place
        .run(&["reproduce", "--quick", "--seeds", "2"])
        .assert_misused(&["--quick", "--seeds"]);
}

#[test]
fn fitted_routers_are_saved_when_asked_for() {
    let place = Place::with_experiment(&experiment(r#"["builtin"]"#, r#"["static"]"#));
    place.succeed(&["run", "trial.toml", "--out", "out", "--save-routers"]);
    let files: Vec<PathBuf> = place.files("out/trial/routers").into_keys().collect();
    let names = ["bm25-none", "dense-static"].map(|name| {
        PathBuf::from(format!(
            "out/trial/routers/builtin-query-all-{name}-0.safetensors"
        ))
    });
    assert_eq!(files, names);
}

#[test]
fn blessing_changes_only_what_was_run() {
    let place = Place::small_workspace();
    let all = ["reproduce", "--datasets", "builtin", "--bless"];
    place.succeed(&all);
    let main = place.read("results/main/metrics.csv");
    let readme = place.read("README.md");
    let (before, rest) = readme.split_once("<!-- tables").expect("the marker");
    assert!(rest.contains("| built-in, static | chance |"), "{readme}");

    // Rows of a dataset that is not run, a row that is, and another experiment.
    let foreign: String = main
        .lines()
        .skip(1)
        .take(3)
        .map(|row| row.replacen("main,builtin", "main,metatool", 1) + "\n")
        .collect();
    place.write("results/main/metrics.csv", format!("{main}{foreign}"));
    let row = main.lines().nth(1).unwrap();
    let (labels, _) = row.rsplit_once(",0.").unwrap();
    let (labels, _) = labels.rsplit_once(",0.").unwrap();
    place.edit(
        "results/main/metrics.csv",
        row,
        &format!("{labels},0.5,0.5,1"),
    );
    place.write("results/s1-convergence/metrics.csv", "untouched");
    place.write("results/s1-convergence/notes.txt", "untouched");
    let convergence = place.files("results/s1-convergence");

    place.succeed(&[&all[..], &["--experiments", "main"]].concat());
    assert_eq!(
        place.read("results/main/metrics.csv"),
        format!("{main}{foreign}")
    );
    assert_eq!(place.files("results/s1-convergence"), convergence);
    let readme = place.read("README.md");
    assert!(readme.starts_with(before));
    let after = |text: &str| {
        text.split_once("<!-- end of tables -->")
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(after(&readme), after(rest));
}

#[test]
fn nothing_is_blessed_when_a_later_experiment_fails() {
    let place = Place::small_workspace();
    place.succeed(&[&MAIN[..], &["--bless"]].concat());
    let (results, readme) = (place.files("results"), place.read("README.md"));
    place.write("out/s1-convergence", "a file in the folder's place");
    let arguments = [
        "reproduce",
        "--datasets",
        "builtin",
        "--seeds",
        "2",
        "--bless",
    ];
    place
        .run(&into(&arguments, "out"))
        .assert_refused(&["out/s1-convergence"]);
    assert!(place.files("results") == results);
    assert_eq!(place.read("README.md"), readme);
}
