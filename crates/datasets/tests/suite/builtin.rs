use std::collections::{BTreeMap, HashMap, HashSet};

use oats_datasets::{
    Benchmark, Dataset, Query, Sources, Split, SplitKind, provenance::Origin, split::normalise,
};

fn load() -> Benchmark {
    Dataset::Builtin
        .load(&Sources::new(None, "unused".into()))
        .unwrap()
}

fn in_subset<'a>(benchmark: &'a Benchmark, name: &str) -> Vec<&'a Query> {
    let subset = benchmark
        .subsets()
        .iter()
        .position(|subset| subset == name)
        .unwrap();
    let queries = benchmark.queries().iter();
    queries
        .filter(|query| query.subsets.contains(&subset))
        .collect()
}

/// One-tool queries have ids `domain/tool/number`.
fn domains(benchmark: &Benchmark) -> HashMap<usize, &str> {
    in_subset(benchmark, "single-tool")
        .into_iter()
        .map(|query| (query.relevant[0].0, query.id.split('/').next().unwrap()))
        .collect()
}

#[test]
fn is_as_large_as_promised() {
    let benchmark = load();
    assert!(benchmark.tools().len() >= 80);
    let domains: HashSet<_> = domains(&benchmark).into_values().collect();
    assert!(domains.len() >= 12);

    let texts: HashSet<_> = benchmark.query_texts().into_iter().map(normalise).collect();
    assert!(texts.len() >= 1000);
    assert_eq!(
        texts.len(),
        benchmark.queries().len(),
        "a query stands twice"
    );

    let single = in_subset(&benchmark, "single-tool");
    let mut per_tool = vec![0; benchmark.tools().len()];
    for query in &single {
        assert_eq!(query.relevant.len(), 1);
        per_tool[query.relevant[0].0] += 1;
    }
    assert!(
        per_tool.iter().all(|&queries| queries >= 10),
        "{per_tool:?}"
    );

    let two = in_subset(&benchmark, "two-tools");
    assert!(two.len() >= 100);
    assert!(two.iter().all(|query| query.relevant.len() == 2));
    assert_eq!(single.len() + two.len(), benchmark.queries().len());
}

#[test]
fn every_domain_has_vague_descriptions() {
    let benchmark = load();
    let vague: HashSet<usize> = in_subset(&benchmark, "vague-description")
        .into_iter()
        .map(|query| query.relevant[0].0)
        .collect();
    let clear = in_subset(&benchmark, "clear-description");
    assert!(
        clear
            .iter()
            .all(|query| !vague.contains(&query.relevant[0].0))
    );
    let all_domains: HashSet<&str> = domains(&benchmark).into_values().collect();
    let domain_of = domains(&benchmark);
    let with_vague: HashSet<&str> = vague.iter().map(|tool| domain_of[tool]).collect();
    assert_eq!(with_vague, all_domains);
}

#[test]
fn descriptions_say_something() {
    for tool in load().tools() {
        assert!(!tool.description.trim().is_empty(), "{}", tool.name);
    }
}

#[test]
fn candidates_give_away_the_domain_only() {
    let benchmark = load();
    let domain_of = domains(&benchmark);
    for query in benchmark.queries() {
        assert_eq!(query.candidates.len(), 10, "{}", query.id);
        assert!(query.candidates.is_sorted(), "{}", query.id);
        let mut per_domain: BTreeMap<&str, usize> = BTreeMap::new();
        for tool in &query.candidates {
            *per_domain.entry(domain_of[tool]).or_default() += 1;
        }
        let own: HashSet<_> = query
            .relevant
            .iter()
            .map(|(tool, _)| domain_of[tool])
            .collect();
        for domain in &own {
            assert_eq!(
                per_domain[domain],
                if own.len() == 1 { 7 } else { 5 },
                "{}",
                query.id
            );
        }
    }
}

#[test]
fn is_the_same_every_time() {
    let [first, second] = [load(), load()];
    assert_eq!(first.queries(), second.queries());
    assert_eq!(first.provenance(), second.provenance());
    assert_eq!(first.provenance().origin, Origin::CompiledIn);
}

#[test]
fn has_no_leak_to_speak_of() {
    let benchmark = load();
    for kind in [SplitKind::Instance, SplitKind::Query, SplitKind::Tool] {
        let split = Split::new(kind, &benchmark, 0);
        assert_eq!(split.leakage(&benchmark).test_queries_in_training, 0);
        assert!(split.test.len() > 200 && split.train.len() > 600, "{kind}");
    }
}
