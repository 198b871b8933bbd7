//! Nothing of the test part reaches a fit.

use std::{collections::BTreeMap, fs};

use oats_datasets::{Query, Split, SplitKind};
use oats_harness::rows::MetricRow;
use oats_routers::RouterSpec;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::laboratory::{Laboratory, toml};

/// The first tools of `builtin`, with the right tools of `changed` queries handed on from one to the
/// next, in `<name>/set`. Returns what an experiment calls the folder.
pub(crate) fn relabelled(laboratory: &Laboratory, name: &str, changed: &[usize]) -> String {
    let original = laboratory.load(&laboratory.beir("original", 8));
    let tool = |query: &Query| original.tools()[query.relevant[0].0].name.as_str();
    let mut labels: Vec<&str> = original.queries().iter().map(tool).collect();
    let handed_on: Vec<&str> = changed.iter().map(|&query| labels[query]).collect();
    for (index, &query) in changed.iter().enumerate() {
        // Half the way round: most get the tool of another.
        labels[query] = handed_on[(index + changed.len() / 2) % changed.len()];
    }
    let corpus: Vec<(&str, &str)> = original
        .tools()
        .iter()
        .map(|tool| (tool.name.as_str(), tool.description.as_str()))
        .collect();
    let queries: Vec<(&str, &str, &str)> = original
        .queries()
        .iter()
        .zip(&labels)
        .map(|(query, label)| (query.id.as_str(), query.text.as_str(), *label))
        .collect();
    laboratory.write_beir(&format!("{name}/set"), &corpus, &queries)
}

/// S1's rankings and the judgements on a relabelled set.
fn rankings(
    laboratory: &Laboratory,
    name: &str,
    kind: SplitKind,
    changed: &[usize],
) -> [String; 2] {
    let dataset = relabelled(laboratory, name, changed);
    let toml = toml(&[&dataset], "[0]").replace("\"query\"", &format!("\"{kind}\""));
    let summary = laboratory.run_with_trec(&toml, &format!("{name}/out"));
    let cell = summary
        .folder
        .join(format!("trec/beir:set/{kind}/all/oats-s1-static-0"));
    ["catalogue.run", "qrels"].map(|file| fs::read_to_string(cell.join(file)).unwrap())
}

#[test]
fn test_labels_do_not_reach_the_fit() {
    let laboratory = Laboratory::new();
    let benchmark = laboratory.load(&laboratory.beir("original", 8));
    for kind in [SplitKind::Instance, SplitKind::Query] {
        // Neither kind of split looks at labels, so it is the same one for all three folders.
        let split = Split::new(kind, &benchmark, 0);
        let at = |name: &str| format!("{name}-{kind}");
        let [ranked, judged] = rankings(&laboratory, &at("as-is"), kind, &[]);
        let [after_test, judged_after_test] = rankings(&laboratory, &at("test"), kind, &split.test);
        let [after_train, judged_after_train] =
            rankings(&laboratory, &at("train"), kind, &split.train);
        assert_ne!(
            judged, judged_after_test,
            "the labels of the test part were changed"
        );
        assert_eq!(
            ranked, after_test,
            "{kind}: S1 has seen labels of the test part"
        );
        // The same change in training shows, so the comparison above could have failed.
        assert_eq!(judged, judged_after_train);
        assert_ne!(
            ranked, after_train,
            "{kind}: S1 learns from training labels"
        );
    }
}

#[test]
fn only_test_queries_are_ranked() {
    let laboratory = Laboratory::new();
    let benchmark = laboratory.load(&laboratory.beir("original", 8));
    let [ranked, judged] = rankings(&laboratory, "run", SplitKind::Query, &[]);
    let split = Split::new(SplitKind::Query, &benchmark, 0);
    let expected: Vec<&str> = split
        .test
        .iter()
        .map(|&query| benchmark.queries()[query].id.as_str())
        .collect();
    let queries = |text: &str| -> Vec<String> {
        let mut ids: Vec<String> = text
            .lines()
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        ids.dedup();
        ids
    };
    assert_eq!(queries(&ranked), expected);
    assert_eq!(queries(&judged), expected);
    let tools: BTreeMap<String, usize> =
        ranked.lines().fold(BTreeMap::new(), |mut counts, line| {
            *counts
                .entry(line.split(' ').next().unwrap().to_owned())
                .or_default() += 1;
            counts
        });
    assert!(
        tools.values().all(|&count| count == 8),
        "the whole catalogue, each time"
    );
}

#[test]
fn a_leaking_test_is_parted_into_what_training_has_seen_and_the_rest() {
    let laboratory = Laboratory::new();
    let tools = [
        ("weather", "rain and sun"),
        ("stocks", "prices"),
        ("music", "songs"),
    ];
    let queries: Vec<(String, String, &str)> = (0..90)
        .map(|number| {
            let mark = if number % 2 == 0 { "?" } else { "!" };
            let text = format!("request number {}{mark}", number / 2);
            (number.to_string(), text, tools[number / 2 % 3].0)
        })
        .collect();
    let queries: Vec<(&str, &str, &str)> = queries
        .iter()
        .map(|(id, text, tool)| (id.as_str(), text.as_str(), *tool))
        .collect();
    let set = laboratory.write_beir("set", &tools, &queries);
    let toml = toml(&[&set], "[0]").replace("[\"query\"]", "[\"instance\", \"query\"]");
    let outcome = laboratory.run(&toml);
    let row = |split: &str, subset: &str| {
        outcome.metrics().into_iter().find(|row| {
            row.split == split
                && row.subset == subset
                && row.router == "dense"
                && row.seed == "mean-of-1"
                && row.metric == "ndcg@5"
        })
    };
    let [all, seen, unseen] = ["all", "seen-in-training", "not-in-training"]
        .map(|subset| row("instance", subset).expect(subset));
    let benchmark = laboratory.load(&set);
    let leakage = Split::new(SplitKind::Instance, &benchmark, 0).leakage(&benchmark);
    assert_eq!(seen.n, leakage.test_queries_in_training);
    assert_eq!(seen.n + unseen.n, all.n);
    let sum = |row: &MetricRow| row.value.get() * row.n as f64;
    assert!((sum(&seen) + sum(&unseen) - sum(&all)).abs() < 1e-4);
    assert!(row("query", "all").is_some() && row("query", "seen-in-training").is_none());
}

/// Labels drawn without regard to the texts; no router has seen the text of a test query: nothing that is
/// learned helps.
#[test]
fn random_labels_leave_every_router_at_chance_on_the_query_split() {
    const TOOLS: usize = 20;
    let laboratory = Laboratory::new();
    let original = laboratory.load(&laboratory.beir("original", TOOLS));
    let tools = original.tools().iter();
    let corpus: Vec<(&str, &str)> = tools
        .map(|tool| (tool.name.as_str(), tool.description.as_str()))
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let queries: Vec<(&str, &str, &str)> = original
        .queries()
        .iter()
        .map(|query| {
            let (tool, _) = corpus[rng.random_range(..TOOLS)];
            (query.id.as_str(), query.text.as_str(), tool)
        })
        .collect();
    let set = laboratory.write_beir("random/set", &corpus, &queries);
    let kinds: Vec<String> = RouterSpec::all()
        .iter()
        .map(RouterSpec::kind)
        .filter(|kind| *kind != "llm") // there is none to ask
        .map(|kind| format!("{kind:?}"))
        .collect();
    let toml =
        toml(&[&set], "[0, 1, 2]").replace(r#""bm25", "dense", "oats-s1""#, &kinds.join(", "));
    let metrics = laboratory.run(&toml).metrics();

    // One right tool, found at rank r of five with gain 1/log2(r + 1), else 0.
    let gains: Vec<f64> = (1..=5)
        .map(|rank| 1.0 / f64::from(rank + 1).log2())
        .collect();
    let chance = gains.iter().sum::<f64>() / TOOLS as f64;
    let square = gains.iter().map(|gain| gain * gain).sum::<f64>() / TOOLS as f64;
    let of_all = metrics
        .iter()
        .filter(|row| row.subset == "all" && row.metric == "ndcg@5" && row.seed == "mean-of-3");
    let mut seen = 0;
    for row in of_all {
        let error = ((square - chance * chance) / row.n as f64).sqrt();
        let off = (row.value.get() - chance).abs();
        assert!(
            off < 4.0 * error,
            "{}: {:?}, chance is {chance} ± {error}",
            row.router,
            row.value
        );
        seen += 1;
    }
    assert_eq!(seen, kinds.len());
}
