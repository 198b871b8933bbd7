//! BM25 against its formula, and the texts that have nothing in them.

use oats_datasets::{Dataset, Sources, Tool, ToolId};
use oats_routers::{
    Ranked, Request, Router,
    baselines::{Bm25, Bm25Params},
};

use crate::common::{Problem, asks, in_thread_pools, part, reference, tool, tools_of};

fn fit(params: &Bm25Params, tools: Vec<Tool>) -> Bm25 {
    params.fit(&Problem::of_texts(tools).training()).unwrap()
}

fn index(tools: &[(&str, &str)]) -> Bm25 {
    let tools = tools
        .iter()
        .map(|(name, description)| tool(name, description));
    fit(&Bm25Params::default(), tools.collect())
}

/// The tools that share a word with `text`, best first.
fn matches(router: &Bm25, text: &str) -> Vec<ToolId> {
    let ranking = router.rank(&asks(text), usize::MAX);
    let matching: Vec<Ranked> = ranking
        .into_iter()
        .filter(|ranked| ranked.score > 0.0)
        .collect();
    tools_of(&matching)
}

#[test]
fn scores_agree_with_the_formula() {
    let reference = reference("bm25.json");
    let documents: Vec<String> = part(&reference, "documents");
    let requests: Vec<String> = part(&reference, "requests");
    let tools: Vec<Tool> = documents
        .iter()
        .map(|text| {
            let (name, description) = text.split_once(' ').unwrap_or((text, ""));
            tool(name, description)
        })
        .collect();
    for case in reference["cases"].as_array().unwrap() {
        let router = fit(&part(case, "settings"), tools.clone());
        let expected: Vec<Vec<f32>> = part(case, "scores");
        for (request, expected) in requests.iter().zip(&expected) {
            let ranking = router.rank(&asks(request), usize::MAX);
            assert_eq!(ranking.len(), tools.len());
            for Ranked { tool, score } in ranking {
                assert!(
                    (score - expected[tool]).abs() < 1e-5,
                    "{}, `{request}`, tool {tool}: {score}, but the formula gives {}",
                    case["settings"],
                    expected[tool]
                );
            }
        }
    }
}

#[test]
fn candidates_score_as_in_the_catalogue() {
    let tools = [
        ("a", "rain map"),
        ("b", "rain"),
        ("c", "wind"),
        ("d", "map"),
    ];
    let router = index(&tools);
    let all = router.rank(&asks("rain on the map"), usize::MAX);
    let request = Request {
        candidates: Some(&[3, 1, 2]),
        ..asks("rain on the map")
    };
    let expected: Vec<Ranked> = all.into_iter().filter(|ranked| ranked.tool != 0).collect();
    assert_eq!(router.rank(&request, usize::MAX), expected);
}

#[test]
fn requests_without_a_known_word_tie_all_tools() {
    let router = index(&[
        ("weather", "rain and wind"),
        ("stocks", "prices"),
        ("???", ""),
    ]);
    // Unknown words, stop words, punctuation, nothing, emoji, another script.
    for text in [
        "zebra crossing",
        "what is the",
        "?! ... --- ###",
        "",
        " \n\t",
        "🦀",
        "你好",
    ] {
        let ranking = router.rank(&asks(text), usize::MAX);
        assert_eq!(ranking.len(), 3, "`{text}`");
        assert!(
            ranking.iter().all(|ranked| ranked.score == 0.0),
            "`{text}`: {ranking:?}"
        );
    }
}

#[test]
fn a_tool_without_description_is_found_by_its_name() {
    let router = index(&[("weather", ""), ("stocks", "prices of shares"), ("!!!", "")]);
    assert_eq!(matches(&router, "the weather in Leeds"), [0]);
}

#[test]
fn a_catalogue_without_words_can_be_served() {
    let router = index(&[("!!!", ""), ("...", "?")]);
    assert_eq!(matches(&router, "weather"), [] as [ToolId; 0]);
    assert_eq!(router.rank(&asks("weather"), 5).len(), 2);
    assert_eq!(index(&[]).rank(&asks("weather"), 5), []);
}

#[test]
fn identifiers_are_words_too() {
    let router = index(&[
        ("book_clinic_visit", ""),
        ("DownloadFile", ""),
        ("get_stockPrice", ""),
        ("other", "nothing of it"),
    ]);
    assert_eq!(matches(&router, "a clinic near me"), [0]);
    assert_eq!(matches(&router, "download this"), [1]);
    assert_eq!(matches(&router, "price of gold"), [2]);
    assert_eq!(matches(&router, "call DownloadFile"), [1]);
}

#[test]
fn inflected_words_match() {
    let router = index(&[("a", "books hotels"), ("b", "forecasting rain")]);
    assert_eq!(matches(&router, "Booking a HOTEL"), [0]);
    assert_eq!(matches(&router, "forecasts"), [1]);
}

#[test]
fn words_whose_32_bit_hashes_collide_are_told_apart() {
    let router = index(&[("a", "moderate rain"), ("b", "a module")]);
    assert_eq!(matches(&router, "moderate"), [0]);
    assert_eq!(matches(&router, "module"), [1]);
}

/// The `bm25` crate keeps its index in hash maps that are seeded anew every time.
#[test]
fn every_fit_and_every_number_of_threads_gives_the_same_bits() {
    let sources = Sources::new(None, "unused".into());
    let benchmark = Dataset::Builtin.load(&sources).unwrap();
    let rankings = || -> Vec<Vec<(ToolId, u32)>> {
        let router = fit(&Bm25Params::default(), benchmark.tools().to_vec());
        let bits = |ranked: &Ranked| (ranked.tool, ranked.score.to_bits());
        let texts = benchmark.query_texts().into_iter().take(300);
        texts
            .map(|text| {
                router
                    .rank(&asks(text), usize::MAX)
                    .iter()
                    .map(bits)
                    .collect()
            })
            .collect()
    };
    let first = rankings();
    for again in in_thread_pools(rankings) {
        assert!(again == first);
    }
}

#[test]
fn words_are_split_stopped_and_stemmed() {
    let words = Bm25::words("book_clinic_visit: books the visits, DownloadFile");
    let expected = [
        "book", "clinic", "visit", "book", "visit", "download", "file",
    ];
    assert_eq!(words, expected);
}
