//! Cells dealt out to shards: each to one of them, and together the same tables.

use std::{collections::BTreeSet, fs, num::NonZeroUsize, path::PathBuf};

use oats_harness::{Error, Experiment, Left, RunOptions, RunSummary, Shard, Sharing, run};

use crate::laboratory::{Laboratory, Notes, listing, tables, toml};

const CELLS: usize = 6; // three routers, two seeds

/// Two experiments of six cells each that have four in common.
fn experiments(laboratory: &Laboratory) -> [String; 2] {
    let first = toml(&[&laboratory.beir("set", 6)], "[0, 1]");
    let second = first
        .replace("name = \"t\"", "name = \"second\"")
        .replace("\"bm25\", ", "\"random\", ");
    [first, second]
}

fn shards(of: usize) -> impl Iterator<Item = Shard> {
    Shard::all(NonZeroUsize::new(of).unwrap())
}

fn folder(shard: Shard) -> String {
    format!("part-{}-of-{}", shard.number(), shard.of())
}

fn try_run(
    laboratory: &Laboratory,
    experiments: &[String],
    out: &str,
    sharing: Sharing,
    notes: &Notes,
) -> Result<Vec<RunSummary>, Error> {
    let options = RunOptions {
        out: laboratory.path(out),
        sharing: Some(sharing),
        ..laboratory.options()
    };
    let resources = laboratory.resources();
    let experiments = experiments.iter().map(|toml| {
        let experiment = Experiment::parse(toml, "t.toml").unwrap();
        run(&experiment, &resources, &options, notes)
    });
    experiments.collect()
}

fn compute(laboratory: &Laboratory, experiments: &[String], shard: Shard) {
    let (sharing, notes) = (Sharing::compute(shard), Notes::default());
    let made = try_run(laboratory, experiments, &folder(shard), sharing, &notes).unwrap();
    assert!(made.iter().all(|made| made.metrics.is_empty()));
    assert_eq!(
        listing(&laboratory.path(&folder(shard))),
        ["cells"],
        "no rows of a part"
    );
    assert!(!notes.lines().concat().contains("nothing could be run"));
}

fn join(
    laboratory: &Laboratory,
    experiments: &[String],
    of: usize,
) -> Result<Vec<RunSummary>, Error> {
    let of = NonZeroUsize::new(of).unwrap();
    let sharing = Sharing::join(of, |shard| Left {
        folder: laboratory.path(&folder(shard)),
        ..Left::default()
    });
    let out = format!("joined-{of}");
    try_run(laboratory, experiments, &out, sharing, &Notes::default())
}

fn cells(laboratory: &Laboratory, out: &str) -> BTreeSet<String> {
    listing(&laboratory.path(&format!("{out}/cells")))
        .into_iter()
        .collect()
}

#[test]
fn shards_are_disjoint_complete_and_level_and_join_to_the_same_bytes() {
    let laboratory = Laboratory::new();
    let experiments = experiments(&laboratory);
    let whole: Vec<_> = experiments
        .iter()
        .map(|toml| laboratory.run(toml))
        .collect();
    let all = cells(&laboratory, "out");
    // The random router's two beside the first experiment's: the others are shared.
    assert_eq!(all.len(), CELLS + 2);
    for of in [1, 2, 3, 5, 8] {
        let mut union = BTreeSet::new();
        for shard in shards(of) {
            compute(&laboratory, &experiments, shard);
            let part = cells(&laboratory, &folder(shard));
            let level = all.len() / of..=all.len().div_ceil(of);
            assert!(level.contains(&part.len()), "{shard}: {}", part.len());
            for cell in part {
                assert!(union.insert(cell), "{shard}: a cell of two shards");
            }
        }
        assert_eq!(union, all, "{of} shards");
        let joined = join(&laboratory, &experiments, of).unwrap();
        for (whole, joined) in whole.iter().zip(&joined) {
            assert_eq!(whole.tables(), tables(&joined.folder), "{of} shards");
        }
        let folders = listing(&laboratory.path(&format!("joined-{of}")));
        assert_eq!(folders, ["second", "t"], "nothing was computed");
    }
}

#[test]
fn a_missing_or_damaged_cell_is_named_with_its_shard() {
    let laboratory = Laboratory::new();
    let experiments = experiments(&laboratory);
    shards(2).for_each(|shard| compute(&laboratory, &experiments, shard));
    let shard: Shard = "2/2".parse().unwrap();
    let file = |name: &String| -> PathBuf {
        let cells = laboratory.path(&format!("{}/cells", folder(shard)));
        cells.join(name)
    };
    let cell = cells(&laboratory, &folder(shard)).pop_last().unwrap();
    let bytes = fs::read(file(&cell)).unwrap();
    let refused = |what: &str| {
        let told = join(&laboratory, &experiments, 2).unwrap_err().to_string();
        let remedy = "copy it again, or run shard 2/2 again";
        for part in ["set/query/all/", "part-2-of-2", &cell, what, remedy] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!laboratory.path("joined-2/cells").exists());
    };
    fs::write(file(&cell), &bytes[..bytes.len() - 1]).unwrap();
    refused(" is damaged; ");
    fs::remove_file(file(&cell)).unwrap();
    refused(" is not there; ");
    compute(&laboratory, &experiments, shard);
    join(&laboratory, &experiments, 2).unwrap();
}

#[test]
fn an_interrupted_shard_goes_on_where_it_stopped() {
    let laboratory = Laboratory::new();
    let experiments = experiments(&laboratory);
    let [first, second] = [1, 2].map(|number| shards(2).nth(number - 1).unwrap());
    compute(&laboratory, &experiments, second);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let interrupted = one.unwrap().install(|| {
        let notes = Notes::interrupting_after(2);
        let run = || {
            let sharing = Sharing::compute(first);
            try_run(&laboratory, &experiments, &folder(first), sharing, &notes)
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    assert!(interrupted);
    assert_eq!(cells(&laboratory, &folder(first)).len(), 2);
    let notes = Notes::default();
    let sharing = Sharing::compute(first);
    try_run(&laboratory, &experiments, &folder(first), sharing, &notes).unwrap();
    let taken_over = ": 3 of 6 cells: 2 of 3 cells were finished before";
    assert!(
        notes.lines().iter().any(|line| line.ends_with(taken_over)),
        "{:?}",
        notes.lines()
    );
    let joined = join(&laboratory, &experiments, 2).unwrap();
    for (toml, joined) in experiments.iter().zip(joined) {
        assert_eq!(laboratory.run(toml).tables(), tables(&joined.folder));
    }
}

#[test]
fn a_shard_is_written_as_a_fraction_and_nothing_else() {
    let shard: Shard = "2/4".parse().unwrap();
    assert_eq!((shard.number(), shard.of().get()), (2, 4));
    assert_eq!(shard.to_string(), "2/4");
    assert_eq!(shards(3).last().unwrap().to_string(), "3/3");
    for wrong in [
        "", "2", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1 / 4",
    ] {
        let told = wrong.parse::<Shard>().unwrap_err();
        assert!(told.contains(&format!("`{wrong}`")), "{told}");
    }
}
