//! Counts on the real files, where `OATS_DATA_DIR` names them.

use std::collections::{BTreeMap, HashSet};

use oats_datasets::{Benchmark, Dataset, Sources, Split, SplitKind, split::normalise};

/// The benchmark, or `None` (said on standard error) when the data is not here.
fn load(dataset: Dataset) -> Option<Benchmark> {
    let Some(data_dir) = std::env::var_os("OATS_DATA_DIR") else {
        let required = std::env::var("OATS_REQUIRE_DATA").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "OATS_DATA_DIR is not set and OATS_REQUIRE_DATA=1"
        );
        eprintln!("skipped: the counts of {dataset}; set OATS_DATA_DIR to the data folder");
        return None;
    };
    let sources = Sources {
        offline: true,
        ..Sources::new(Some(data_dir.into()), "unused".into())
    };
    Some(dataset.load(&sources).unwrap())
}

fn subset_sizes(benchmark: &Benchmark) -> BTreeMap<&str, usize> {
    let mut sizes = BTreeMap::new();
    for query in benchmark.queries() {
        for &subset in &query.subsets {
            *sizes
                .entry(benchmark.subsets()[subset].as_str())
                .or_default() += 1;
        }
    }
    sizes
}

/// Candidates per query → queries, within a subset.
fn candidate_sizes(benchmark: &Benchmark, subset: usize) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    for query in benchmark.queries() {
        if query.subsets.contains(&subset) {
            *sizes.entry(query.candidates.len()).or_default() += 1;
        }
    }
    sizes
}

fn distinct_queries(benchmark: &Benchmark) -> usize {
    let texts: HashSet<String> = benchmark.query_texts().into_iter().map(normalise).collect();
    texts.len()
}

#[test]
fn metatool() {
    let Some(benchmark) = load(Dataset::Metatool) else {
        return;
    };
    assert_eq!(benchmark.tools().len(), 199);
    let expected = [
        ("all", 4287),
        ("all-but-reliability", 3292),
        ("multi-tool", 497),
        ("reliability", 995),
        ("scenarios", 1800),
        ("similar-choices", 995),
    ];
    assert_eq!(subset_sizes(&benchmark), expected.into());
    assert_eq!(distinct_queries(&benchmark), 2303);

    assert_eq!(candidate_sizes(&benchmark, 1), [(10, 995)].into());
    assert_eq!(
        candidate_sizes(&benchmark, 2),
        [(5, 100), (10, 1400), (15, 300)].into()
    );
    assert_eq!(candidate_sizes(&benchmark, 3), [(11, 995)].into()); // ten and the right one
    assert_eq!(candidate_sizes(&benchmark, 4), [(10, 497)].into());
    for query in benchmark.queries() {
        let multi = query.subsets.contains(&4);
        assert_eq!(
            query.relevant.len(),
            if multi { 2 } else { 1 },
            "{}",
            query.id
        );
        assert_eq!(
            query.scenario.is_some(),
            query.subsets.contains(&2),
            "{}",
            query.id
        );
    }

    for seed in 0..3 {
        let split = Split::new(SplitKind::Instance, &benchmark, seed);
        assert_eq!(split.test.len(), 1287);
        let share = split.leakage(&benchmark).share;
        assert!((0.61..0.67).contains(&share), "seed {seed}: {share}");
    }
}

#[test]
fn metatool_texts() {
    let (Some(described), Some(for_model)) = (
        load(Dataset::MetatoolDescription),
        load(Dataset::MetatoolForModel),
    ) else {
        return;
    };
    assert_eq!(described.queries().len(), 4287);
    assert_eq!(described.queries(), for_model.queries());

    // Upstream merged 45 of the tools out of several plugins; those have no plugin of their name.
    let provenance = for_model.provenance();
    let note = "the texts of 154 of 199 tools";
    assert!(
        provenance.notes.iter().any(|line| line.starts_with(note)),
        "{:?}",
        provenance.notes
    );
    let plugins = provenance.files.last().unwrap();
    assert!(plugins.path.ends_with("plugin_info.json"));
    assert_eq!(plugins.upstream, Some(true));
    let same = for_model
        .tools()
        .iter()
        .filter(|tool| tool.text == format!("{}: {}", tool.name, tool.description));
    assert!(same.count() >= 45);
}

#[test]
fn toole() {
    let Some(benchmark) = load(Dataset::Toole) else {
        return;
    };
    assert_eq!(benchmark.tools().len(), 199);
    assert_eq!(benchmark.queries().len(), 20_614);
    assert_eq!(distinct_queries(&benchmark), 20_535);
    assert_eq!(candidate_sizes(&benchmark, 0), [(10, 20_614)].into());
    let notes = &benchmark.provenance().notes;
    assert!(
        !notes.iter().any(|note| note.contains("another list")),
        "{notes:?}"
    );
}

#[test]
fn toolbench() {
    let Some(benchmark) = load(Dataset::Toolbench) else {
        return;
    };
    assert_eq!(benchmark.tools().len(), 2490);
    let expected = [
        ("all", 765),
        ("g1-category", 153),
        ("g1-instruction", 163),
        ("g1-tool", 158),
        ("g2-category", 124),
        ("g2-instruction", 106),
        ("g3-instruction", 61),
    ];
    assert_eq!(subset_sizes(&benchmark), expected.into());
    assert_eq!(distinct_queries(&benchmark), 764);
    let bare = benchmark
        .tools()
        .iter()
        .filter(|tool| tool.description.is_empty());
    assert_eq!(bare.count(), 224);
    let shared = benchmark
        .tools()
        .iter()
        .filter(|tool| tool.name.starts_with("👋 Demo Project"));
    assert_eq!(shared.filter(|tool| tool.name.ends_with(')')).count(), 17);
    let parameters = || benchmark.tools().iter().flat_map(|tool| &tool.parameters);
    let required = parameters().filter(|parameter| parameter.required).count();
    assert_eq!((parameters().count(), required), (4535, 2478));
    let sizes = candidate_sizes(&benchmark, 0);
    assert_eq!(sizes.values().sum::<usize>(), 765);
    assert_eq!((sizes[&1], sizes[&10], sizes[&13]), (27, 81, 2));
    assert!(
        benchmark
            .provenance()
            .files
            .iter()
            .all(|file| file.upstream == Some(true))
    );
}
