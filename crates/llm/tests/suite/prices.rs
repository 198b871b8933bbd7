use oats_llm::{Error, Prices, Tokenizer};
use oats_metrics::Usage;

fn read(text: &str) -> Result<Prices, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, text).unwrap();
    Prices::read(&file)
}

const MINE: &str = r#"
[[model]]
name = "local"
input = 0.1
cached_input = 0
output = 1
tokenizer = "cl100k_base"
dated = "2026-01-31"
source = "our own machine"
"#;

/// The post: 75 tokens in and 75 out at GPT-4.1's prices are 0.00075 dollars.
#[test]
fn the_builtin_list_has_gpt_4_1() {
    let prices = Prices::builtin().unwrap();
    let model = prices.model("gpt-4.1").unwrap();
    assert_eq!(model.tokenizer, Tokenizer::O200kBase);
    assert!(model.source.starts_with("https://") && model.dated.len() == 10);
    let usage = Usage {
        input: 75,
        cached_input: 0,
        output: 75,
    };
    assert!((model.price().dollars(&usage).unwrap() - 0.00075).abs() < 1e-15);
    assert!(prices.machine().unwrap().core_hour > 0.0);
}

#[test]
fn a_list_of_ones_own_takes_the_place_of_the_builtin_one() {
    let prices = read(MINE).unwrap();
    assert_eq!(prices.model("local").unwrap().output, 1.0);
    for error in [
        prices.model("gpt-4.1").unwrap_err().to_string(),
        prices.machine().unwrap_err().to_string(),
    ] {
        assert!(
            error.contains("mine.toml") && error.contains("--prices"),
            "{error}"
        );
    }
}

#[test]
fn bad_lists_are_refused_with_their_place() {
    let cases = [
        (MINE.replace("output = 1", "output = -1"), "model `local`"),
        (MINE.replace("output = 1", "output = nan"), "model `local`"),
        (MINE.replace("cl100k_base", "words"), "line 7"),
        (MINE.replace("source", "origin"), "line"),
        (MINE.repeat(2), "model `local` stands twice"),
        (
            "[[machine]]\nname = \"m\"\ncore_hour = -1\ndated = \"\"\nsource = \"\"".into(),
            "machine `m`",
        ),
    ];
    for (text, told) in cases {
        let error = read(&text).unwrap_err().to_string();
        assert!(
            error.contains("mine.toml") && error.contains(told),
            "{error}"
        );
    }
    let missing = Prices::read("no/such/file.toml".as_ref()).unwrap_err();
    assert!(missing.to_string().contains("no/such/file.toml"));
}
