//! Rankings as TREC files: readable, and worth what `metrics.csv` says.

use std::{collections::HashMap, fs::File, io::BufReader, path::Path};

use oats_metrics::{
    Metric,
    trec::{Judgements, Ranking, read_qrels, read_run},
};

use crate::laboratory::{Laboratory, read, toml};

fn files(cell: &Path, pool: &str) -> (Vec<Ranking>, Vec<Judgements>) {
    let open = |file: &str| BufReader::new(File::open(cell.join(file)).unwrap());
    let run = read_run(open(&format!("{pool}.run")), "run").unwrap();
    (run, read_qrels(open("qrels"), "qrels").unwrap())
}

/// A metric's mean over the judged queries, from nothing but the two files.
fn score(run: &[Ranking], qrels: &[Judgements], metric: Metric) -> f64 {
    let ranked: HashMap<&str, &Ranking> = run.iter().map(|r| (r.query.as_str(), r)).collect();
    let mut ids: HashMap<String, usize> = HashMap::new();
    let mut id = |name: &String| {
        let next = ids.len();
        *ids.entry(name.clone()).or_insert(next)
    };
    let scores: Vec<f64> = qrels
        .iter()
        .map(|judged| {
            let items = &ranked[judged.query.as_str()].items;
            let ranking: Vec<usize> = items.iter().map(|(item, _)| id(item)).collect();
            let relevant: Vec<(usize, u32)> = judged
                .items
                .iter()
                .map(|(item, grade)| (id(item), u32::try_from(*grade).unwrap()))
                .collect();
            metric.score(&ranking, &relevant)
        })
        .collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[test]
fn the_files_are_worth_what_the_table_says() {
    let laboratory = Laboratory::new();
    let toml =
        toml(&["builtin"], "[2]").replace("[\"catalogue\"]", "[\"candidates\", \"catalogue\"]");
    let folder = laboratory.run_with_trec(&toml, "out").folder;
    let rows: Vec<oats_harness::rows::MetricRow> = read(&folder.join("metrics.csv"));
    let rows = rows
        .iter()
        .filter(|row| row.subset == "all" && row.seed == "2");
    let mut compared = 0;
    for row in rows {
        let cell = format!("trec/builtin/query/all/{}-{}-2", row.router, row.embedder);
        let (run, qrels) = files(&folder.join(cell), &row.pool);
        let score = score(&run, &qrels, row.metric.parse().unwrap());
        assert!((score - row.value.get()).abs() < 1e-6, "{row:?}: {score}");
        assert_eq!(qrels.len(), row.n);
        compared += 1;
    }
    assert_eq!(compared, 3 * 2 * 2, "routers, pools, metrics");
}

#[test]
fn names_that_trec_cannot_hold_become_numbers() {
    let laboratory = Laboratory::new();
    let dataset = laboratory.write_beir(
        "set",
        &[
            ("the weather", "forecast of rain"),
            ("stocks", "share prices"),
        ],
        &[
            ("query 1", "will it rain", "the weather"),
            ("query 2", "price of gold", "stocks"),
            ("query 3", "umbrella today", "the weather"),
        ],
    );
    let folder = laboratory
        .run_with_trec(&toml(&[&dataset], "[0]"), "out")
        .folder;
    let (run, qrels) = files(
        &folder.join("trec/beir:set/query/all/dense-static-0"),
        "catalogue",
    );
    assert!(!run.is_empty());
    for ranking in &run {
        assert!(ranking.query.starts_with("query-"), "{ranking:?}");
        assert!(
            ranking
                .items
                .iter()
                .all(|(tool, _)| tool.starts_with("tool-"))
        );
    }
    assert!(
        qrels
            .iter()
            .all(|judged| judged.items[0].0.starts_with("tool-"))
    );
}

#[test]
fn without_the_option_there_are_none() {
    let laboratory = Laboratory::new();
    let outcome = laboratory.run(&toml(&[&laboratory.beir("set", 4)], "[0]"));
    assert!(!outcome.summary.folder.join("trec").exists());
}
