//! An interrupted run goes on where it stopped, and takes over nothing that has changed.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use oats_harness::rows::{MetricRow, Number};

use crate::laboratory::{Laboratory, Notes, Outcome, listing, toml};

const CELLS: usize = 6; // three routers, two seeds

/// A run that stopped when four of the [`CELLS`] were finished.
fn interrupted() -> (Laboratory, String) {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 6)], "[0, 1]");
    interrupt(&laboratory, &toml, 4);
    (laboratory, toml)
}

/// On one thread, so that no other cell is finished in the meantime.
fn interrupt(laboratory: &Laboratory, toml: &str, after: usize) {
    let notes = Notes::interrupting_after(after);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let run = || one.unwrap().install(|| laboratory.try_run(toml, &notes));
    let run = catch_unwind(AssertUnwindSafe(run));
    assert!(run.is_err(), "the run was interrupted");
}

/// The tables of the same experiment without an interruption.
fn undisturbed(toml: &str) -> [String; 2] {
    let elsewhere = Laboratory::new();
    let mut fresh = toml.to_owned();
    let dataset = elsewhere.beir("set", 6);
    let start = toml.find("beir:").unwrap();
    let end = start + toml[start..].find('"').unwrap();
    fresh.replace_range(start..end, &dataset);
    elsewhere.run(&fresh).tables()
}

/// How many cells were not computed again.
fn taken_over(outcome: &Outcome) -> usize {
    let note = outcome
        .notes
        .iter()
        .find(|line| line.contains("were finished before"));
    note.map_or(0, |line| {
        let (_, count) = line.rsplit_once(": ").unwrap();
        assert!(count.contains(&format!(" of {CELLS} cells")), "{line}");
        count.split(' ').next().unwrap().parse().unwrap()
    })
}

fn cells(laboratory: &Laboratory) -> Vec<PathBuf> {
    let folder = laboratory.path("out/cells");
    listing(&folder)
        .iter()
        .map(|name| folder.join(name))
        .collect()
}

#[test]
fn finished_cells_are_taken_over_and_the_numbers_are_the_same() {
    let (laboratory, toml) = interrupted();
    assert_eq!(cells(&laboratory).len(), 4);
    assert_eq!(
        listing(&laboratory.path("out")),
        ["cells"],
        "no half-written results"
    );
    let outcome = laboratory.run(&toml);
    assert_eq!(taken_over(&outcome), 4);
    assert_eq!(outcome.tables(), undisturbed(&toml));
    assert_eq!(
        listing(&outcome.summary.folder),
        ["manifest.json", "metrics.csv", "tests.csv"]
    );
    // The cells stay until they are forgotten; then the next run computes all of them.
    let again = laboratory.run(&toml);
    assert_eq!(taken_over(&again), CELLS);
    again.summary.forget_cells().unwrap();
    assert_eq!(listing(&laboratory.path("out")), ["t"]);
    assert_eq!(taken_over(&laboratory.run(&toml)), 0);
    // Twice the same is no error: another experiment may have had the same cells.
    again.summary.forget_cells().unwrap();
    outcome.summary.forget_cells().unwrap();
}

#[test]
fn a_run_that_forgets_its_cells_leaves_those_of_others() {
    let (laboratory, toml) = interrupted();
    // Of the interrupted run's four cells, two of S1 and two of dense, this one needs S1's first.
    let small = laboratory.run(
        &toml
            .replace("name = \"t\"", "name = \"small\"")
            .replace("\"bm25\", \"dense\", \"oats-s1\"", "\"oats-s1\"")
            .replace("[\"dense\"]", "[\"oats-s1\"]")
            .replace("[0, 1]", "[0]"),
    );
    small.summary.forget_cells().unwrap();
    assert_eq!(taken_over(&laboratory.run(&toml)), 3);
}

#[test]
fn experiments_share_the_cells_that_they_have_in_common() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 6)], "[0, 1]");
    let first = laboratory.run(&toml);
    // Another experiment, with another label for the same router and one router that is new.
    let other = toml
        .replace("name = \"t\"", "name = \"other\"")
        .replace(
            "\"oats-s1\"",
            "{ kind = \"oats-s1\", label = \"s1\" }, \"random\"",
        )
        .replace("\"bm25\", ", "");
    let outcome = laboratory.run(&other);
    assert_eq!(taken_over(&outcome), 4, "dense and S1 with two seeds");
    let values = |rows: Vec<MetricRow>, router: &str| -> Vec<Number> {
        let rows = rows.iter().filter(|row| row.router == router);
        rows.map(|row| row.value).collect()
    };
    let shared = values(outcome.metrics(), "s1");
    assert_eq!(shared, values(first.metrics(), "oats-s1"));
}

#[test]
fn results_of_an_earlier_run_outlive_an_interruption() {
    let laboratory = Laboratory::new();
    let toml = toml(&[&laboratory.beir("set", 6)], "[0, 1]");
    let before = laboratory.run(&toml).tables();
    interrupt(&laboratory, &toml.replace("[0, 1]", "[2, 3]"), 2);
    assert_eq!(crate::laboratory::tables(&laboratory.path("out/t")), before);
}

#[test]
fn damaged_cells_are_computed_again() {
    let (laboratory, toml) = interrupted();
    let cells = cells(&laboratory);
    let [flipped, cut, empty] = &cells[..3] else {
        panic!("four cells");
    };
    let mut bytes = fs::read(flipped).unwrap();
    bytes[6] ^= 1; // the lowest digits of a number that stays plausible
    fs::write(flipped, &bytes).unwrap();
    let bytes = fs::read(cut).unwrap();
    fs::write(cut, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(empty, b"").unwrap();
    let outcome = laboratory.run(&toml);
    assert_eq!(taken_over(&outcome), 1);
    assert_eq!(outcome.tables(), undisturbed(&toml));
}

#[test]
fn a_changed_setting_takes_over_only_the_cells_it_does_not_concern() {
    for (from, to, still_good) in [
        // The last come first: two of oats-s1, two of dense, none yet of bm25.
        ("\"bm25\"", "{ kind = \"bm25\", b = 0.5 }", 4),
        ("\"oats-s1\"", "{ kind = \"oats-s1\", rounds = 1 }", 2),
        ("pools", "outcomes = [\"per-tool-1\"]\npools", 0),
        ("\"recall@1\"", "\"recall@3\"", 0),
        ("[\"query\"]", "[\"instance\"]", 0),
        ("[0, 1]", "[1, 2]", 2),
    ] {
        let (laboratory, toml) = interrupted();
        let changed = toml.replace(from, to);
        assert_ne!(changed, toml);
        let outcome = laboratory.run(&changed);
        assert_eq!(taken_over(&outcome), still_good, "{from} → {to}");
        assert_eq!(outcome.tables(), undisturbed(&changed), "{from} → {to}");
    }
}

#[test]
fn changed_data_take_over_nothing() {
    for file in ["corpus.jsonl", "queries.jsonl", "qrels/odd.tsv"] {
        let (laboratory, toml) = interrupted();
        let path = laboratory.path("set").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let changed = match file {
            // Another right tool for the first query; another word anywhere else.
            "qrels/odd.tsv" => {
                let label = text.lines().nth(1).unwrap();
                let other = text.lines().last().unwrap().split('\t').nth(1).unwrap();
                let query = label.split('\t').next().unwrap();
                text.replace(label, &format!("{query}\t{other}\t1"))
            }
            _ => text.replacen("\"text\":\"", "\"text\":\"please ", 1),
        };
        assert_ne!(changed, text);
        fs::write(&path, changed).unwrap();
        assert_eq!(taken_over(&laboratory.run(&toml)), 0, "{file}");
    }
}
