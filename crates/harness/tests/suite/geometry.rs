//! Experiments that show what OATS-S1 does with one tool.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ndarray::{Array2, ArrayView1, array};
use oats_datasets::{Dataset, Query, Split, SplitKind, Tool};
use oats_harness::{
    Geometry, Manifest, Placed, Projection, Study, TestQuery, ToolGeometry, Written,
    bless_whole_datasets, geometry_report,
    rows::{Number, PointRow, read_rows, write_rows},
    run_geometry, tool_points,
};
use oats_routers::{Progress, Training, oats::S1Params};

use crate::laboratory::{Laboratory, Notes};

const TOML: &str = r#"
    kind = "geometry"
    name = "trial"
    question = "?"
    quick = ["builtin"]

    [s1]
    rounds = 2

    [[panel]]
    dataset = "builtin"
    tool = "nudge_me"
    embedder = "static"
    split = "query"
    seed = 0

    [[panel]]
    dataset = "metatool"
    tool = "buildbetter"
    embedder = "static"
    split = "instance"
    seed = 1
"#;

fn geometry(toml: &str) -> Geometry {
    match Study::parse(toml, "trial.toml").unwrap() {
        Study::Geometry(study) => *study,
        other => panic!("it says `kind`: {other:?}"),
    }
}

fn run(laboratory: &Laboratory, study: &Geometry) -> Written<PointRow> {
    let (resources, options) = (laboratory.resources(), laboratory.options());
    run_geometry(study, &resources, &options, &Notes::default()).unwrap()
}

fn number(digits: &str) -> Number {
    Number::new(digits.parse().unwrap())
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[test]
fn vectors_of_a_plane_keep_their_distances() {
    // Points of a plane that lies askew in four dimensions, longer than wide.
    let (u, v) = ([0.5f32, 0.5, 0.5, 0.5], [0.5f32, -0.5, 0.5, -0.5]);
    let flat = [[3.0f32, 0.0], [-3.0, 0.5], [1.0, -1.0], [0.0, 0.75]];
    let vectors = Array2::from_shape_fn((4, 4), |(row, column)| {
        7.0 + flat[row][0] * u[column] + flat[row][1] * v[column]
    });
    let projection = Projection::of(vectors.view()).unwrap();
    let places: Vec<[f64; 2]> = (vectors.rows().into_iter())
        .map(|vector| projection.place(vector))
        .collect();
    for (one, a) in flat.iter().zip(&places) {
        for (other, b) in flat.iter().zip(&places) {
            let expected = f64::from(one[0] - other[0]).hypot(f64::from(one[1] - other[1]));
            assert!((distance(*a, *b) - expected).abs() < 1e-5);
        }
    }
    assert!((projection.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(projection.shares[0] > projection.shares[1]);
    // The first axis lies near `u`, whose components are above zero, and not near its opposite.
    assert!(places[0][0] > 0.0 && places[1][0] < 0.0);
}

#[test]
fn vectors_of_a_line_or_a_point_have_places_too() {
    let line = array![[1.0f32, 0.0, 0.0], [3.0, 0.0, 0.0]];
    let projection = Projection::of(line.view()).unwrap();
    assert!((projection.shares[0] - 1.0).abs() < 1e-9 && projection.shares[1] < 1e-9);
    let single = array![[2.0f32], [4.0]];
    let projection = Projection::of(single.view()).unwrap();
    assert_eq!(projection.place(ArrayView1::from(&[5.0])), [2.0, 0.0]);
    let point = array![[1.0f32, 2.0], [1.0, 2.0]];
    let projection = Projection::of(point.view()).unwrap();
    assert_eq!(projection.shares, [0.0, 0.0]);
    assert_eq!(projection.place(ArrayView1::from(&[1.0, 2.0])), [0.0, 0.0]);
    assert!(Projection::of(Array2::zeros((0, 3)).view()).is_err());
}

fn query(relevant: usize, text: &str) -> Query {
    Query {
        id: String::new(),
        text: text.to_owned(),
        relevant: vec![(relevant, 1)],
        candidates: Vec::new(),
        subsets: Vec::new(),
        scenario: None,
    }
}

/// Tool 0 points along x; its queries lie around y, those that retrieve it wrongly around x, and they ask
/// for tool 1, which points along z.
#[test]
fn a_tool_goes_to_its_queries_and_from_the_others() {
    let tools = ["ours", "other", "rival"].map(|name| Tool::new(name, ""));
    let tool_embeddings = array![[1.0f32, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.8, 0.6]];
    let queries = [
        query(0, "Wake me!"),
        query(0, "wake me"),
        query(1, "one"),
        query(1, "two"),
    ];
    let query_embeddings = array![
        [0.0f32, 1.0, 0.0],
        [0.28, 0.96, 0.0],
        [1.0, 0.0, 0.0],
        [0.96, 0.0, 0.28]
    ];
    let training = Training {
        tools: &tools,
        tool_embeddings: tool_embeddings.view(),
        queries: queries.iter().map(Into::into).collect(),
        query_embeddings: query_embeddings.view(),
        seed: 0,
        llm: None,
        progress: Progress::silent(),
    };
    let params = S1Params {
        top_k: 1,
        ..S1Params::default()
    };
    let asked = query(0, "three");
    let (far, near) = ([0.8f32, 0.6, 0.0], [0.0f32, 0.96, 0.28]);
    let looked_at = |in_training: [bool; 2]| {
        let test = |(vector, in_training)| TestQuery {
            query: &asked,
            vector,
            in_training,
        };
        let tests = [(&far[..], in_training[0]), (&near[..], in_training[1])].map(test);
        ToolGeometry::of(&params, &training, 0, &tests).unwrap()
    };
    let geometry = looked_at([false, false]);

    let rows = |placed: &Placed| -> Vec<usize> {
        placed.queries.iter().map(|(query, _)| *query).collect()
    };
    assert_eq!(rows(&geometry.positives), [0, 1]);
    assert_eq!(rows(&geometry.negatives), [2, 3]);
    let texts = (geometry.positives.texts, geometry.negatives.texts);
    assert_eq!((texts, geometry.test_texts), ((1, 2), 1));
    let [first, .., last] = &geometry.path[..] else {
        panic!("{} rounds", geometry.path.len());
    };
    assert_eq!(geometry.path.len(), 4);
    assert_eq!((first.failures, geometry.path[1].failures), (None, Some(2)));
    // (0.14, 0.98, 0) and (0.98, 0, 0.14), both of that length.
    let norm = 0.14f64.hypot(0.98);
    assert!((first.to_positives.unwrap() - 0.14 / norm).abs() < 1e-6);
    assert!((first.to_negatives.unwrap() - 0.98 / norm).abs() < 1e-6);
    assert!(last.to_positives > first.to_positives);
    assert!(last.to_negatives < first.to_negatives);

    // The tool turns its back on the nearer test query and comes near the other.
    let example = geometry.example.as_ref().unwrap();
    assert_eq!(example.test, 1);
    assert_eq!(first.ranks, [1, 3]);
    assert!(last.to_tests[1] > first.to_tests[1]);
    let rival = example.rival.as_ref().unwrap();
    assert_eq!(rival.tool, 2);
    assert!((rival.cosines[0] - 0.936).abs() < 1e-6);
    // It has no queries of its own, so it stays.
    assert_eq!(rival.places[0], rival.places[1]);
    assert!(geometry.shares.iter().sum::<f64>() <= 1.0 + 1e-9);

    // What was learned is shown only where there is nothing else.
    for (in_training, shown) in [([false, true], 0), ([true, false], 1), ([true, true], 1)] {
        let geometry = looked_at(in_training);
        assert_eq!(geometry.in_training, in_training);
        assert_eq!(geometry.example.unwrap().test, shown, "{in_training:?}");
    }

    // A tool that nobody asks for does not move, and no test query is shown.
    let unasked = ToolGeometry::of(&params, &training, 2, &[]).unwrap();
    assert!(unasked.positives.queries.is_empty() && unasked.example.is_none());
    assert!(
        unasked
            .path
            .iter()
            .all(|after| { after.place == unasked.path[0].place && after.to_positives.is_none() })
    );
}

#[test]
fn a_run_writes_every_point_and_leaves_out_what_is_not_there() {
    let laboratory = Laboratory::new();
    let study = geometry(TOML);
    let made = run(&laboratory, &study);
    let written: Vec<PointRow> = read_rows(&made.folder.join("points.csv")).unwrap();
    assert_eq!(written, made.rows);
    assert_eq!(made.skipped.len(), 1, "{:?}", made.skipped);
    assert_eq!(made.skipped[0].dataset.as_deref(), Some("metatool"));

    let tools = tool_points(&made.rows);
    let [tool] = &tools[..] else {
        panic!("{} tools", tools.len());
    };
    let builtin = laboratory.load("builtin");
    let id = builtin.tool_id("nudge_me").unwrap();
    let asks = |query: &&Query| query.relevant.iter().any(|&(tool, _)| tool == id);
    let asked = builtin.queries().iter().filter(asks).count();
    assert_eq!(tool.positives().len() + tool.tests(), asked);
    assert_eq!((tool.rounds(), tool.path().len()), (2, 3));
    assert!(tool.negatives().len() >= tool.failures(1).unwrap());
    assert!(tool.to_positives(2) > tool.to_positives(0));
    assert!(tool.to_test_query(2) > tool.to_test_query(0));
    assert!(tool.test_query().is_some() && tool.rival().is_some());
    let [first, second] = tool.variance_shares();
    assert!(first >= second && second > 0.0 && first + second < 1.0);
}

/// Each tool has three texts, two of them twice, so that an instance split tears pairs apart. What is in
/// training is told here by the ids of Q⁺, since those of a pair differ in nothing but an `again`.
#[test]
fn a_test_query_whose_text_is_in_training_is_shown_only_if_all_are_so_and_says_so() {
    let laboratory = Laboratory::new();
    let builtin = laboratory.load("builtin");
    let corpus: Vec<(&str, &str)> = (builtin.tools()[..8].iter())
        .map(|tool| (tool.name.as_str(), tool.description.as_str()))
        .collect();
    let mut queries: Vec<(String, String, &str)> = Vec::new();
    for (id, &(tool, _)) in corpus.iter().enumerate() {
        let asks = |query: &&Query| query.relevant == [(id, 1)];
        for (index, query) in builtin.queries().iter().filter(asks).take(3).enumerate() {
            queries.push((query.id.clone(), query.text.clone(), tool));
            if index < 2 {
                let text = format!("  {}!", query.text.to_uppercase());
                queries.push((format!("{} again", query.id), text, tool));
            }
        }
    }
    let queries: Vec<(&str, &str, &str)> = (queries.iter())
        .map(|(id, text, tool)| (id.as_str(), text.as_str(), *tool))
        .collect();
    let dataset = laboratory.write_beir("pairs", &corpus, &queries);
    let seeds = 0..12;
    let panels = seeds.clone().flat_map(|seed| {
        ["instance", "query"].map(|split| {
            format!(
                "[[panel]]\ndataset = {dataset:?}\ntool = {:?}\nembedder = \"static\"\nsplit = \"{split}\"\nseed = \
                 {seed}\n",
                corpus[3].0
            )
        })
    });
    let panels: String = panels.collect();
    let study = geometry(&format!(
        "kind = \"geometry\"\nname = \"trial\"\nquestion = \"?\"\n{panels}"
    ));
    let made = run(&laboratory, &study);
    let splits = &made.manifest.datasets["beir:pairs"][0].splits;
    assert_eq!(splits["instance"].len(), seeds.len());

    let ids: BTreeSet<&str> = (queries.iter())
        .filter(|(_, _, tool)| *tool == corpus[3].0)
        .map(|(id, _, _)| *id)
        .collect();
    let text = |id: &str| id.trim_end_matches(" again").to_owned();
    let texts = |ids: &BTreeSet<&str>| ids.iter().map(|id| text(id)).collect::<BTreeSet<_>>();
    let mut cases = BTreeSet::new();
    for tool in tool_points(&made.rows) {
        let place = format!("{} split of seed {}", tool.split(), tool.seed());
        let trained: BTreeSet<&str> = (made.rows.iter())
            .filter(|row| (row.split.as_str(), row.seed.as_str()) == (tool.split(), tool.seed()))
            .filter(|row| row.role == "positive")
            .map(|row| row.point.as_str())
            .collect();
        let tests: BTreeSet<&str> = ids.difference(&trained).copied().collect();
        let is_seen = |id: &str| texts(&trained).contains(&text(id));
        let seen = tests.iter().filter(|id| is_seen(id)).count();
        assert_eq!(tool.positive_texts(), texts(&trained).len(), "{place}");
        assert_eq!(tool.tests(), tests.len(), "{place}");
        assert_eq!(tool.test_texts(), texts(&tests).len(), "{place}");
        assert_eq!(tool.tests_in_training(), seen, "{place}");
        let Some((shown, _)) = tool.test_query() else {
            assert!(tests.is_empty(), "{place}");
            continue;
        };
        assert_eq!(tool.is_in_training(), is_seen(shown), "{place}");
        assert_eq!(tool.is_in_training(), seen == tests.len(), "{place}");
        assert!(tool.split() == "instance" || seen == 0, "{place}");
        cases.insert((tool.split(), seen > 0, seen == tests.len()));
    }
    for case in [
        ("query", false, false),
        ("instance", true, false),
        ("instance", true, true),
    ] {
        assert!(cases.contains(&case), "{case:?} is not in {cases:?}");
    }
}

/// Only `builtin` where the data of others is not at hand.
#[test]
fn seeds_of_the_experiment_are_the_first_whose_query_split_tests_the_tool() {
    let laboratory = Laboratory::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/geometry.toml");
    let study = geometry(&fs::read_to_string(file).unwrap());
    let mut sources = laboratory.sources();
    sources.data_dir = std::env::var_os("OATS_DATA_DIR").map(PathBuf::from);
    for panel in &study.panels {
        let benchmark = match panel.dataset.load(&sources) {
            Ok(benchmark) => benchmark,
            Err(why) => {
                eprintln!("skipped: {}: {why}", panel.dataset);
                continue;
            }
        };
        let tool = benchmark.tool_id(&panel.tool).unwrap();
        let tests_it = |seed: &u64| {
            let split = Split::new(SplitKind::Query, &benchmark, *seed);
            let mut asked = split.test.iter().map(|&query| &benchmark.queries()[query]);
            asked.any(|query| query.relevant.iter().any(|&(right, _)| right == tool))
        };
        assert_eq!(Some(panel.seed), (0..100).find(tests_it), "{}", panel.tool);
    }
}

#[test]
fn two_runs_and_one_thread_write_the_same_bytes() {
    let study = geometry(TOML);
    let bytes = || {
        let laboratory = Laboratory::new();
        let made = run(&laboratory, &study);
        fs::read(made.folder.join("points.csv")).unwrap()
    };
    let first = bytes();
    assert!(first == bytes());
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    assert!(first == one.unwrap().install(bytes));
}

#[test]
fn an_unknown_tool_is_told_from_those_there_are() {
    let laboratory = Laboratory::new();
    let study = geometry(&TOML.replace("nudge_me", "nudge_you"));
    let (resources, options) = (laboratory.resources(), laboratory.options());
    let error = run_geometry(&study, &resources, &options, &Notes::default()).unwrap_err();
    let told = error.to_string();
    let start = "trial: panel: builtin has no tool `nudge_you`; there are: nudge_me, ";
    assert!(told.starts_with(start), "{told}");
    assert!(told.ends_with(" more"), "{told}");
    assert!(!options.out.join("trial").exists());
}

#[test]
fn a_quick_run_and_some_datasets_keep_their_panels() {
    let names = |study: &Geometry| -> Vec<String> {
        study.datasets().iter().map(ToString::to_string).collect()
    };
    let mut study = geometry(TOML);
    assert_eq!(names(&study), ["builtin", "metatool"]);
    study.quicken();
    assert_eq!(names(&study), ["builtin"]);
    let mut study = geometry(TOML);
    study.restrict(Some(&[Dataset::Metatool]));
    assert_eq!(names(&study), ["metatool"]);
}

#[test]
fn blessing_keeps_other_datasets_and_drops_other_tools() {
    let laboratory = Laboratory::new();
    let study = geometry(TOML);
    let made = run(&laboratory, &study);
    let labelled = |dataset: &str, split: &str, seed: u64, tool: &str| PointRow {
        dataset: dataset.into(),
        split: split.into(),
        seed: seed.to_string(),
        tool: tool.into(),
        ..made.rows[0].clone()
    };
    let kept = labelled("metatool", "instance", 1, "buildbetter");
    let into = laboratory.path("results");
    let committed = [
        kept.clone(),
        labelled("metatool", "query", 1, "buildbetter"),
        labelled("metatool", "instance", 0, "buildbetter"),
        labelled("metatool", "instance", 1, "another"),
        labelled("builtin", "query", 0, "another"),
    ];
    write_rows(&into.join("points.csv"), &committed).unwrap();
    bless_whole_datasets(&made.folder, &into, |row: &PointRow| study.makes(row)).unwrap();
    let blessed: Vec<PointRow> = read_rows(&into.join("points.csv")).unwrap();
    assert_eq!(blessed.len(), made.rows.len() + 1);
    assert!(blessed.contains(&kept));
    let manifest = Manifest::read(&into.join("manifest.json"))
        .unwrap()
        .unwrap();
    assert!(manifest.datasets["builtin"][0].splits.contains_key("query"));
}

#[test]
fn the_report_says_what_the_rows_say() {
    let laboratory = Laboratory::new();
    let study = geometry(TOML);
    let mut made = run(&laboratory, &study);
    let told = [
        ("cosine-to-positives", ["0.25", "0.5", "0.75"]),
        ("cosine-to-negatives", ["0.5", "0.4", "0.3"]),
        ("cosine-to-test-query", ["0.125", "0.2", "0.5"]),
        ("rank-for-test-query", ["12", "3", "1"]),
        ("test-queries-ranked-first", ["0", "1", "2"]),
    ];
    for row in made.rows.iter_mut().filter(|row| row.role == "tool") {
        let told = told.iter().find(|(quantity, _)| row.quantity == *quantity);
        if let Some((_, values)) = told {
            let rounds: usize = row.point.parse().unwrap();
            row.value = number(values[rounds]);
        }
    }
    let report =
        |rows: &[PointRow]| geometry_report(&study, rows, &made.manifest, Some("geometry.png"));
    let of_tests = |rows: &mut [PointRow], quantity: &str, value: &str| {
        for row in rows {
            if row.role == "test-queries" && row.quantity == quantity {
                row.value = number(value);
            }
        }
    };
    for row in made
        .rows
        .iter_mut()
        .filter(|row| row.quantity == "distinct-texts")
    {
        row.value = number("4");
    }
    of_tests(&mut made.rows, "count", "6");
    let told = report(&made.rows);
    for part in [
        "**builtin, query split of seed 0, static: `nudge_me`.** In 2 rounds it moves towards the mean of Q⁺",
        " queries, 4 distinct texts): cosine from 0.250 to 0.750.",
        " queries in any round, 4 distinct texts): cosine from 0.500 to 0.300.",
        "It is right for 6 test queries, 4 distinct texts, none of them also in training. For the one that its",
        "It moves away from the mean of Q⁻",
        "It was nearer to the mean of Q⁻ and is nearer to that of Q⁺.",
        "from 0.125 to 0.500), its rank over the catalogue was 12 and is 1.",
        "it came first for 0 and comes first for 2;",
        "![trial](geometry.png)",
        "to the test query | its rank |",
        "| 0 | – | 0.250 | 0.500 | 0.125 | 12 |",
    ] {
        assert!(told.contains(part), "`{part}` is not in {told}");
    }

    of_tests(&mut made.rows, "in-training", "2");
    let told = report(&made.rows);
    let part =
        "2 of them also in training. For the one of the others that its cosine grows most to";
    assert!(told.contains(part), "{told}");
    assert!(told.contains("to the test query | its rank |"), "{told}");

    of_tests(&mut made.rows, "in-training", "6");
    for row in &mut made.rows {
        if row.role == "test-query" && row.quantity == "in-training" {
            row.value = number("1");
        }
    }
    let told = report(&made.rows);
    for part in [
        "all of them also in training, so that they show memory. For the one that its",
        "to the test query, also in training | its rank |",
    ] {
        assert!(told.contains(part), "`{part}` is not in {told}");
    }
}

#[test]
fn bad_files_are_refused() {
    let panel = "[[panel]]\n    dataset = \"builtin\"\n    tool = \"nudge_me\"\n    embedder = \"static\"\n    \
                 split = \"query\"\n    seed = 0\n\n    [[panel]]";
    for (from, to, told) in [
        (
            "[[panel]]",
            panel,
            "builtin, nudge_me, static, query split, seed 0",
        ),
        ("    seed = 0\n", "", "seed"),
        ("seed = 0", "seed = -1", "seed"),
        (
            "quick = [\"builtin\"]",
            "quick = [\"toole\"]",
            "quick: `toole`",
        ),
        ("rounds = 2", "alpha = 2.0", "alpha"),
        ("rounds = 2", "gate = true", "gate"),
        (
            "split = \"query\"",
            "split = \"texts\"",
            "split = \"texts\"",
        ),
        ("name = \"trial\"", "name = \"a/b\"", "name"),
    ] {
        let error = Study::parse(&TOML.replacen(from, to, 1), "trial.toml").unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    let none = TOML.split("[[panel]]").next().unwrap();
    let none = none.replace("[s1]", "panel = []\n[s1]");
    let error = Study::parse(&none, "trial.toml").unwrap_err();
    assert!(error.to_string().contains("panel"), "{error}");
}
