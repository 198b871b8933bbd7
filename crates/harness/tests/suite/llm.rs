//! The router `llm` in an experiment: asked before any cell, measured only where it has answered.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, Mutex},
};

use oats_harness::{Experiment, RunSummary, run};
use oats_llm::{Chat, Completion, Error, Reply, Request};

use crate::laboratory::{Laboratory, Notes};

const TOML: &str = r#"
    name = "trial"
    question = "?"
    metrics = ["ndcg@5", "exact-match"]
    baselines = ["bm25"]
    routers = ["bm25", { kind = "llm", seeds = 1 }]

    [[report]]
    kind = "values"
    across = ["pool"]

    [[report]]
    kind = "cited"
    source = "a made-up paper, Table 1"
    numbers = [{ of = "some model", value = 0.5 }]

    [[grid]]
    datasets = ["SET"]
    embedders = []
    splits = ["query"]
    pools = ["catalogue"]
    seeds = [0, 1]
"#;

/// Names the tool that is offered first; after so many answers there are none.
#[derive(Debug)]
struct Stand {
    answers: usize,
    asked: Mutex<BTreeSet<String>>,
}

impl Chat for Stand {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, Error> {
        let mut asked = self.asked.lock().unwrap();
        requests
            .iter()
            .map(|request| {
                asked.insert(request.body().to_string());
                if asked.len() > self.answers {
                    return Err(Error::Failed {
                        attempts: 1,
                        problem: "no more answers".to_owned(),
                    });
                }
                let content = request.body()["messages"][0]["content"].as_str().unwrap();
                let (_, rest) = content.split_once("1. tool name: ").unwrap();
                let (name, _) = rest.split_once(", tool description").unwrap();
                Ok(Completion {
                    reply: Reply {
                        content: Some(name.to_owned()),
                        ..Reply::default()
                    },
                    usage: Default::default(),
                    model: "a model".to_owned(),
                    milliseconds: 1,
                })
            })
            .collect()
    }
}

fn run_with(
    laboratory: &Laboratory,
    answers: usize,
) -> (RunSummary, Arc<Stand>, Notes, Experiment) {
    let set = laboratory.beir("set", 4);
    let experiment = Experiment::parse(&TOML.replace("SET", &set), "trial.toml").unwrap();
    let stand = Arc::new(Stand {
        answers,
        asked: Mutex::default(),
    });
    let resources = laboratory.resources().with_llm(stand.clone());
    let notes = Notes::default();
    let summary = run(&experiment, &resources, &laboratory.options(), &notes).unwrap();
    (summary, stand, notes, experiment)
}

#[test]
fn an_llm_that_answers_is_measured_like_any_router() {
    let laboratory = Laboratory::new();
    let (summary, stand, notes, experiment) = run_with(&laboratory, usize::MAX);
    assert!(summary.skipped.is_empty(), "{:?}", summary.skipped);
    let row = |metric: &str| {
        let mut rows = summary.metrics.iter();
        rows.find(|row| row.router == "llm" && row.metric == metric && row.seed == "mean-of-1")
            .filter(|row| row.subset == "all")
            .unwrap()
    };
    // It names the same tool for every query: right for one in four, and nothing else is ranked.
    let (ndcg, exact) = (row("ndcg@5"), row("exact-match"));
    assert_eq!(ndcg.value, exact.value);
    assert!(
        (0.1..0.45).contains(&ndcg.value.get()),
        "{}",
        ndcg.value.get()
    );
    assert_eq!(
        stand.asked.lock().unwrap().len(),
        ndcg.n,
        "one call a test query of one seed"
    );
    let told = format!(
        "beir:set/llm: {} answers of a model, 0 choose no tool; 0 tokens in, 0 out, 1 ms a call",
        ndcg.n
    );
    assert!(notes.lines().contains(&told), "{:?}", notes.lines());

    let report = oats_harness::report(&experiment, &summary.metrics, &summary.tests, None);
    assert!(!report.contains("not measured"), "{report}");
    assert!(report.contains("| some model | | 0.500 |"), "{report}");
}

#[test]
fn an_llm_that_does_not_answer_is_not_measured_and_others_are() {
    let laboratory = Laboratory::new();
    let (summary, _, _, experiment) = run_with(&laboratory, 3);
    let [skip] = &summary.skipped[..] else {
        panic!("one skip: {:?}", summary.skipped);
    };
    assert_eq!(skip.router.as_deref(), Some("llm"));
    assert!(skip.reason.contains("not measured") && skip.reason.contains("no more answers"));
    assert!(summary.metrics.iter().all(|row| row.router == "bm25"));
    assert!(!summary.metrics.is_empty());
    let report = oats_harness::report(&experiment, &summary.metrics, &summary.tests, None);
    assert!(report.contains("| llm | not measured |"), "{report}");
    assert!(
        report.contains("Cited: a made-up paper, Table 1."),
        "{report}"
    );

    // The next run in the same folder has its answers.
    let (summary, ..) = run_with(&laboratory, usize::MAX);
    assert!(summary.metrics.iter().any(|row| row.router == "llm"));
}

#[test]
fn without_anybody_to_ask_an_llm_is_not_measured() {
    let laboratory = Laboratory::new();
    let set = laboratory.beir("set", 4);
    let outcome = laboratory.run(&TOML.replace("SET", &set));
    let [skip] = &outcome.summary.skipped[..] else {
        panic!("one skip: {:?}", outcome.summary.skipped);
    };
    assert!(
        skip.reason.contains("nobody is there to ask"),
        "{}",
        skip.reason
    );
}

/// Answers are looked up anew: a cell that was finished before would keep those of another endpoint.
#[test]
fn cells_of_an_llm_are_never_taken_from_an_interrupted_run() {
    let laboratory = Laboratory::new();
    let (first, ..) = run_with(&laboratory, usize::MAX);
    let cells = fs::read_dir(laboratory.path("out/cells")).unwrap().count();
    assert!(
        cells > 0,
        "finished cells are kept until they are forgotten"
    );
    let (second, stand, notes, _) = run_with(&laboratory, usize::MAX);
    assert_eq!(first.metrics, second.metrics);
    assert!(!stand.asked.lock().unwrap().is_empty());
    let told = "2 of 3 cells were finished before";
    assert!(
        notes.lines().iter().any(|line| line.ends_with(told)),
        "{:?}",
        notes.lines()
    );
}
