//! The transformer from scratch.

use ndarray::{Array1, Array2, ArrayView1};
use oats_datasets::ToolId;
use oats_embedders::WordPieces;
use oats_routers::{Error, Request, Router, RouterKind, State, encoder::EncoderParams};

use crate::common::{Problem, asks, query, tool, tools_of};

/// A network that learns in a moment.
fn tiny() -> EncoderParams {
    EncoderParams {
        dimensions: 16,
        max_length: 12,
        epochs: 30,
        batch_size: 8,
        learning_rate: 1e-2,
        ..EncoderParams::default()
    }
}

/// Four tools and 48 queries; the first word of a query tells its tool. `yacht` is right for none.
fn errands() -> Problem {
    let tools = [
        ("oven", "bake bread and cakes"),
        ("garden", "water the flowers"),
        ("yacht", "sail the seven seas"),
        ("piano", "play a melody"),
    ];
    let words = [
        (0, ["bake", "roast", "knead"]),
        (1, ["water", "prune", "plant"]),
        (3, ["play", "tune", "sing"]),
    ];
    let things = [
        "today",
        "after lunch",
        "for my aunt",
        "with the neighbours",
        "again",
        "please",
    ];
    let mut problem = Problem::of_texts(tools.map(|(name, text)| tool(name, text)).into());
    for (right, words) in words {
        for word in words {
            for thing in things {
                let mut asked = query(problem.queries.len(), &[right]);
                asked.text = format!("{word} something {thing}");
                problem.queries.push(asked);
            }
        }
    }
    problem
}

fn fit(params: &EncoderParams, problem: &Problem) -> Box<dyn Router> {
    params.fit(&problem.training()).unwrap()
}

fn best(router: &dyn Router, text: &str) -> ToolId {
    router.rank(&asks(text), 1)[0].tool
}

#[test]
fn learns_words_that_no_description_holds() {
    let router = fit(&tiny(), &errands());
    for (text, right) in [
        ("roast something tomorrow", 0),
        ("prune something tomorrow", 1),
        ("sing something tomorrow", 3),
    ] {
        assert_eq!(best(&*router, text), right, "{text}");
    }
}

/// Nothing is learned against a tool without outcomes: its text alone places it.
#[test]
fn a_tool_without_outcomes_is_where_its_text_is() {
    let problem = errands();
    let router = fit(&tiny(), &problem);
    // The tools' vectors were computed side by side, longer texts and shorter; this one alone.
    let found = router.rank(&asks(&problem.tools[2].text), 1)[0];
    assert_eq!(found.tool, 2);
    assert!((found.score - 1.0).abs() < 1e-4, "{}", found.score);
    // A tool with outcomes has moved from there.
    let moved = router.rank(&asks(&problem.tools[0].text), 4);
    let oven = moved.iter().find(|ranked| ranked.tool == 0).unwrap();
    assert!(oven.score < 0.999, "{}", oven.score);
}

#[test]
fn serves_what_the_documentation_says() {
    let params = EncoderParams {
        blocks: 2,
        epochs: 3,
        ..tiny()
    };
    let problem = errands();
    let router = fit(&params, &problem);
    let reference = Reference::new(&params, router.state());
    let text = "please water the tulips with champagne and unbelievable zeal, thank you so much";
    let query = reference.encode(text);
    for ranked in router.rank(&asks(text), 4) {
        let offset = reference.row("offsets", ranked.tool);
        let tool = unit(reference.encode(&problem.tools[ranked.tool].text) + offset);
        let cosine = tool.dot(&query);
        assert!(
            (f64::from(ranked.score) - cosine).abs() < 1e-4,
            "{ranked:?}, expected {cosine}"
        );
    }
}

/// The network again, in f64, a piece at a time.
struct Reference {
    params: EncoderParams,
    state: State,
    pieces: Vec<u32>,
}

impl Reference {
    fn new(params: &EncoderParams, state: State) -> Self {
        Self {
            params: params.clone(),
            pieces: state.nested("vocabulary").read("pieces").unwrap(),
            state: state.nested("weights"),
        }
    }

    fn matrix(&self, name: &str) -> Array2<f64> {
        self.state.array(name).unwrap().mapv(f64::from)
    }

    fn row(&self, name: &str, row: usize) -> Array1<f64> {
        self.matrix(name).row(row).to_owned()
    }

    fn encode(&self, text: &str) -> Array1<f64> {
        let ids = WordPieces::builtin().unwrap().ids(text).unwrap();
        let ids = ids.iter().take(self.params.max_length);
        let mut pieces: Vec<Array1<f64>> = ids
            .enumerate()
            .map(|(place, id)| {
                let number = self
                    .pieces
                    .iter()
                    .position(|piece| piece == id)
                    .map_or(0, |at| at + 1);
                self.row("tokens", number) + self.row("positions", place)
            })
            .collect();
        for block in 0..self.params.blocks {
            let layer = |input: &Array1<f64>, name: &str| {
                input.dot(&self.matrix(&format!("block{block}/{name}")))
            };
            let scaled: Vec<_> = pieces.iter().map(scale).collect();
            let [queries, keys, values] = ["query", "key", "value"]
                .map(|name| scaled.iter().map(|x| layer(x, name)).collect::<Vec<_>>());
            for (piece, query) in pieces.iter_mut().zip(&queries) {
                let mixed = self.attend(query, &keys, &values);
                *piece += &layer(&mixed, "output");
            }
            for piece in &mut pieces {
                let wide = layer(&scale(piece), "widen").mapv(|x| x.max(0.0));
                *piece += &layer(&wide, "narrow");
            }
        }
        unit(
            pieces
                .iter()
                .map(scale)
                .fold(Array1::zeros(self.params.dimensions), |sum, x| sum + x),
        )
    }

    fn attend(
        &self,
        query: &Array1<f64>,
        keys: &[Array1<f64>],
        values: &[Array1<f64>],
    ) -> Array1<f64> {
        let width = self.params.dimensions / self.params.heads;
        let mut mixed = Vec::new();
        for head in 0..self.params.heads {
            let part = |x: &Array1<f64>| {
                Array1::from_iter(x.iter().skip(head * width).take(width).copied())
            };
            let weights: Vec<f64> = keys
                .iter()
                .map(|key| (part(query).dot(&part(key)) / (width as f64).sqrt()).exp())
                .collect();
            let total: f64 = weights.iter().sum();
            let sum = values
                .iter()
                .zip(weights)
                .fold(Array1::<f64>::zeros(width), |sum, (value, weight)| {
                    sum + part(value) * (weight / total)
                });
            mixed.extend(sum);
        }
        Array1::from(mixed)
    }
}

fn scale(x: &Array1<f64>) -> Array1<f64> {
    x / (x.dot(x) / x.len() as f64 + 1e-6).sqrt()
}

fn unit(x: Array1<f64>) -> Array1<f64> {
    let length = ArrayView1::dot(&x.view(), &x).sqrt();
    x / length
}

#[test]
fn what_is_beyond_the_longest_text_is_not_read() {
    let params = EncoderParams {
        max_length: 2,
        epochs: 1,
        ..tiny()
    };
    let router = fit(&params, &errands());
    assert_eq!(
        router.rank(&asks("play a game"), 4),
        router.rank(&asks("play a melody"), 4)
    );
    assert_ne!(
        router.rank(&asks("play tune game"), 4),
        router.rank(&asks("play a game"), 4)
    );
}

#[test]
fn texts_without_known_words_are_answered() {
    let router = fit(&tiny(), &errands());
    for text in ["", " \t", "\u{7}", "qwxz", "雨", &"very ".repeat(10_000)] {
        let ranking = router.rank(&asks(text), 9);
        assert_eq!(ranking.len(), 4, "{text:?}");
        assert!(
            ranking.iter().all(|ranked| ranked.score.is_finite()),
            "{text:?}"
        );
    }
}

#[test]
fn a_fit_that_loses_its_way_stops() {
    // The first step would move every weight out of f32's range.
    let params = EncoderParams {
        learning_rate: 1e39,
        ..tiny()
    };
    let error = params.fit(&errands().training()).err().unwrap();
    assert!(
        matches!(
            error,
            Error::Diverged {
                router: "encoder",
                epoch: 1,
                batch: 1,
                last_good: None,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn candidates_are_ranked_among_themselves() {
    let router = fit(&tiny(), &errands());
    let request = Request {
        candidates: Some(&[3, 1]),
        ..asks("bake something, or water it")
    };
    assert_eq!(tools_of(&router.rank(&request, 9)).len(), 2);
    assert_eq!(router.rank(&request, 1)[0].tool, 1);
}

#[test]
fn settings_are_checked() {
    for (text, wrong) in [
        ("dimensions = 15", "dimensions"),
        ("dimensions = 0", "dimensions"),
        ("heads = 0", "heads"),
        ("max_length = 0", "max_length"),
        ("batch_size = 0", "batch_size"),
        ("temperature = 0.0", "temperature"),
        ("unknown = 1.0", "unknown"),
        ("unknown = nan", "unknown"),
        ("learning_rate = 0.0", "learning_rate"),
        ("weight_decay = -1.0", "weight_decay"),
    ] {
        let params: EncoderParams = toml::from_str(text).unwrap();
        let error = params.check().unwrap_err();
        assert!(
            matches!(error, Error::Setting { router: "encoder", field, .. } if field == wrong),
            "{error}"
        );
    }
}
