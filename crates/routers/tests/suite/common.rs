//! Training data that own what [`Training`] borrows, and requests.

use std::{fs, path::Path};

use ndarray::{Array2, Axis};
use oats_datasets::{Query, Tool, ToolId};
use oats_routers::{Progress, Ranked, Request, Training, TrainingQuery};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPoolBuilder;

#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_embeddings: Array2<f32>,
    pub(crate) queries: Vec<Query>,
    pub(crate) query_embeddings: Array2<f32>,
    pub(crate) seed: u64,
}

impl Problem {
    /// Tools and queries by their vectors; `relevant` holds each query's right tools.
    pub(crate) fn new(
        tool_embeddings: Array2<f32>,
        query_embeddings: Array2<f32>,
        relevant: &[&[ToolId]],
    ) -> Self {
        let tools = (0..tool_embeddings.nrows()).map(|tool| self::tool(&format!("tool{tool}"), ""));
        Self {
            tools: tools.collect(),
            tool_embeddings,
            queries: relevant
                .iter()
                .enumerate()
                .map(|(query, relevant)| self::query(query, relevant))
                .collect(),
            query_embeddings,
            seed: 0,
        }
    }

    /// A catalogue of texts, without vectors and queries.
    pub(crate) fn of_texts(tools: Vec<Tool>) -> Self {
        Self {
            tools,
            ..Self::new(Array2::zeros((0, 0)), Array2::zeros((0, 0)), &[])
        }
    }

    /// Directions drawn evenly; queries with one or two right tools. Every third tool is right for
    /// none (unless it is the only one).
    pub(crate) fn random(seed: u64, tools: usize, queries: usize, d: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let labelled: Vec<ToolId> = (0..tools)
            .filter(|tool| tools == 1 || tool % 3 != 2)
            .collect();
        let relevant: Vec<Vec<ToolId>> = (0..queries)
            .map(|query| {
                let mut right = vec![labelled[rng.random_range(0..labelled.len())]];
                let second = labelled[rng.random_range(0..labelled.len())];
                if query % 4 == 0 && second != right[0] {
                    right.push(second);
                }
                right
            })
            .collect();
        let relevant: Vec<&[ToolId]> = relevant.iter().map(Vec::as_slice).collect();
        Self::new(
            unit_rows(&mut rng, tools, d),
            unit_rows(&mut rng, queries, d),
            &relevant,
        )
    }

    /// The same with texts: a few words each, drawn without regard to vectors and labels.
    pub(crate) fn in_words(mut self) -> Self {
        const WORDS: [&str; 32] = [
            "river", "table", "music", "paper", "green", "winter", "bread", "stone", "garden",
            "letter", "window", "silver", "market", "bridge", "forest", "doctor", "summer",
            "engine", "island", "mirror", "candle", "pocket", "ticket", "butter", "travel",
            "camera", "planet", "winner", "castle", "dinner", "jacket", "lesson",
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut words = || {
            let words: Vec<&str> = (0..5)
                .map(|_| WORDS[rng.random_range(0..WORDS.len())])
                .collect();
            words.join(" ")
        };
        for tool in &mut self.tools {
            *tool = self::tool(&tool.name, &words());
        }
        for query in &mut self.queries {
            query.text = words();
        }
        self
    }

    pub(crate) fn training(&self) -> Training<'_> {
        Training {
            tools: &self.tools,
            tool_embeddings: self.tool_embeddings.view(),
            queries: self.queries.iter().map(Into::into).collect(),
            query_embeddings: self.query_embeddings.view(),
            seed: self.seed,
            llm: None,
            progress: Progress::silent(),
        }
    }

    /// The training queries in the order that `order` lists them.
    pub(crate) fn reordered(&self, order: &[usize]) -> Self {
        Self {
            queries: order
                .iter()
                .map(|&query| self.queries[query].clone())
                .collect(),
            query_embeddings: self.query_embeddings.select(Axis(0), order),
            ..self.clone()
        }
    }

    /// The request that one of the queries makes.
    pub(crate) fn request(&self, query: usize) -> Request<'_> {
        Request {
            text: &self.queries[query].text,
            embedding: match self.query_embeddings.row(query).to_slice() {
                Some(vector) => vector,
                None => &[],
            },
            candidates: None,
        }
    }

    pub(crate) fn has_positives(&self, tool: ToolId) -> bool {
        self.queries
            .iter()
            .any(|query| TrainingQuery::from(query).is_relevant(tool))
    }
}

pub(crate) fn tool(name: &str, description: &str) -> Tool {
    Tool::new(name, description)
}

pub(crate) fn query(number: usize, relevant: &[ToolId]) -> Query {
    Query {
        id: number.to_string(),
        text: format!("query {number}"),
        relevant: relevant.iter().map(|&tool| (tool, 1)).collect(),
        candidates: vec![],
        subsets: vec![0],
        scenario: None,
    }
}

fn unit_rows(rng: &mut ChaCha8Rng, rows: usize, d: usize) -> Array2<f32> {
    let mut matrix = Array2::from_shape_simple_fn((rows, d), || {
        // Sums of uniform draws are near enough to normal ones for all directions to be as likely.
        (0..6).map(|_| rng.random_range(-1.0..1.0)).sum::<f32>()
    });
    for mut row in matrix.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    matrix
}

/// A request by text alone.
pub(crate) fn asks(text: &str) -> Request<'_> {
    Request {
        text,
        embedding: &[],
        candidates: None,
    }
}

pub(crate) fn tools_of(ranking: &[Ranked]) -> Vec<ToolId> {
    ranking.iter().map(|ranked| ranked.tool).collect()
}

/// What `work` returns in pools of one, two and three threads.
pub(crate) fn in_thread_pools<T: Send>(work: impl Fn() -> T + Sync) -> Vec<T> {
    [1, 2, 3]
        .map(|threads| {
            let pool = ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(&work)
        })
        .into()
}

/// A file that `reference/generate.py` wrote.
pub(crate) fn reference(name: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A part of a reference file.
pub(crate) fn part<T: serde::de::DeserializeOwned>(value: &serde_json::Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap()
}
