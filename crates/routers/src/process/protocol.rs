//! What is said to a process router and what it answers: `docs/process-router.md`.

use std::collections::{HashMap, HashSet};

use oats_datasets::{Tool, ToolId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::child::{Line, around, start_of};
use crate::{Feedback, Ranked, Training, router::mix};

/// A question, a line of JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Question<'a> {
    /// The first line: which version of the protocol follows, and the catalogue.
    Tools { oats: u32, tools: Vec<Offered<'a>> },
    /// The second: what may be learned from.
    Train {
        seed: u64,
        examples: Vec<Example<'a>>,
    },
    /// All others.
    Rank {
        id: u64,
        query: &'a str,
        /// `null` is the whole catalogue.
        candidates: Option<Vec<&'a str>>,
        /// The least number of tools that the ranking must have.
        k: usize,
    },
}

#[derive(Serialize)]
pub(super) struct Offered<'a> {
    name: &'a str,
    description: &'a str,
    text: &'a str,
}

/// A training query.
#[derive(Serialize)]
pub(super) struct Example<'a> {
    query: &'a str,
    relevant: Vec<Relevant<'a>>,
    candidates: Option<Vec<&'a str>>,
    /// `null` where the query was labelled: then all other tools are wrong.
    outcomes: Option<Vec<Called<'a>>>,
}

#[derive(Serialize)]
struct Relevant<'a> {
    tool: &'a str,
    grade: u32,
}

#[derive(Serialize)]
struct Called<'a> {
    tool: &'a str,
    success: bool,
    propensity: f32,
}

impl<'a> Question<'a> {
    pub(super) fn tools(tools: &'a [Tool]) -> Self {
        let tools = shuffled(0..tools.len()).into_iter().map(|tool| {
            let tool = &tools[tool];
            Offered {
                name: &tool.name,
                description: &tool.description,
                text: &tool.text,
            }
        });
        Self::Tools {
            oats: 1,
            tools: tools.collect(),
        }
    }

    pub(super) fn train(training: &'a Training<'_>) -> Self {
        let name = |tool: ToolId| training.tools[tool].name.as_str();
        let examples = training.queries.iter().map(|query| Example {
            query: query.text,
            relevant: query
                .relevant
                .iter()
                .map(|&(tool, grade)| Relevant {
                    tool: name(tool),
                    grade,
                })
                .collect(),
            candidates: (!query.candidates.is_empty()).then(|| {
                let candidates = shuffled(query.candidates.iter().copied());
                candidates.into_iter().map(name).collect()
            }),
            outcomes: match &query.feedback {
                Feedback::Complete => None,
                Feedback::Logged(outcomes) => Some(
                    outcomes
                        .iter()
                        .map(|outcome| Called {
                            tool: name(outcome.tool),
                            success: outcome.success,
                            propensity: outcome.propensity,
                        })
                        .collect(),
                ),
            },
        });
        Self::Train {
            seed: training.seed,
            examples: examples.collect(),
        }
    }
}

/// Tools in a fixed order of no meaning: that of sources can carry the label.
pub(super) fn shuffled(tools: impl IntoIterator<Item = ToolId>) -> Vec<ToolId> {
    let mut tools: Vec<ToolId> = tools.into_iter().collect();
    tools.sort_unstable_by_key(|&tool| mix(tool as u64));
    tools
}

/// What is wrong with a line that a process wrote.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mistake {
    /// It cannot be parsed.
    #[error("is no JSON ({reason})")]
    NoJson {
        /// Why, and in which column.
        reason: String,
        /// The byte that the column begins with, from 0.
        byte: usize,
    },
    /// It is JSON, but no answer.
    #[error("is not of the form {form} ({reason})")]
    Form {
        /// The form.
        form: &'static str,
        /// What differs.
        reason: String,
    },
    /// It answers another request than the last.
    #[error("answers request {answered}, but {asked} was asked")]
    OtherRequest {
        /// Its `id`.
        answered: u64,
        /// The request's.
        asked: u64,
    },
    /// It ranks a tool that is not in the catalogue.
    #[error("ranks the unknown tool `{0}`")]
    UnknownTool(String),
    /// It ranks a tool that is not among the request's candidates.
    #[error("ranks `{0}`, which is none of the candidates")]
    NotACandidate(String),
    /// It ranks a tool twice.
    #[error("ranks `{0}` twice")]
    RepeatedTool(String),
    /// It ranks fewer tools than were asked for.
    #[error("ranks {ranked} tools, but {asked} were asked for")]
    TooFew {
        /// How many it ranks.
        ranked: usize,
        /// The request's `k`.
        asked: usize,
    },
}

impl Mistake {
    /// That of the line which shows the mistake.
    pub(super) fn quoted(&self, line: &str) -> String {
        match self {
            Self::NoJson { byte, .. } => around(line, *byte),
            _ => start_of(line),
        }
    }
}

#[derive(Deserialize)]
struct Ready {
    ready: bool,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    ranking: Ranking,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a ranking lists either names or tools with scores"
)]
enum Ranking {
    Names(Vec<String>),
    Scored(Vec<Scored>),
}

#[derive(Deserialize)]
struct Scored {
    tool: String,
    score: f64,
}

/// Checks that the line says that training is done.
pub(super) fn read_ready(line: &Line) -> Result<(), Mistake> {
    const FORM: &str = r#"{"ready": true}"#;
    match parse(line, FORM)? {
        Ready { ready: true } => Ok(()),
        Ready { ready: false } => Err(Mistake::Form {
            form: FORM,
            reason: "it is not ready".to_owned(),
        }),
    }
}

/// What a ranking is checked against.
pub(super) struct Asked<'a> {
    pub id: u64,
    pub ids: &'a HashMap<String, ToolId>,
    pub candidates: Option<&'a [ToolId]>,
    /// The least number of tools.
    pub k: usize,
}

/// The ranking that the line holds, best first. Scores decide, and where tools tie a fixed shuffle; names
/// alone are taken as they come.
pub(super) fn read_ranking(line: &Line, asked: &Asked<'_>) -> Result<Vec<Ranked>, Mistake> {
    const FORM: &str = r#"{"id": 7, "ranking": ["name", …]} or {"id": 7, "ranking": [{"tool": "name", "score": 0.5}, …]}"#;
    let Answer { id, ranking } = parse(line, FORM)?;
    if id != asked.id {
        return Err(Mistake::OtherRequest {
            answered: id,
            asked: asked.id,
        });
    }
    let ranking: Vec<(String, f64)> = match ranking {
        Ranking::Names(names) => {
            let places = (1..).map(|place: u32| 1.0 / f64::from(place));
            names.into_iter().zip(places).collect()
        }
        // -0 is 0, but would be ordered after it.
        Ranking::Scored(tools) => tools
            .into_iter()
            .map(|one| (one.tool, one.score + 0.0))
            .collect(),
    };
    let pool: Option<HashSet<ToolId>> = asked.candidates.map(|list| list.iter().copied().collect());
    let mut ranked = Vec::with_capacity(ranking.len());
    let mut seen = HashSet::new();
    for (name, score) in ranking {
        let Some(&tool) = asked.ids.get(&name) else {
            return Err(Mistake::UnknownTool(start_of(&name)));
        };
        if pool.as_ref().is_some_and(|pool| !pool.contains(&tool)) {
            return Err(Mistake::NotACandidate(name));
        }
        if !seen.insert(tool) {
            return Err(Mistake::RepeatedTool(name));
        }
        ranked.push((tool, score));
    }
    if ranked.len() < asked.k {
        return Err(Mistake::TooFew {
            ranked: ranked.len(),
            asked: asked.k,
        });
    }
    // In double precision: small probabilities of different tools are the same in single.
    ranked.sort_by(|(a, a_score), (b, b_score)| {
        let by_score = b_score.total_cmp(a_score);
        by_score.then_with(|| mix(*a as u64).cmp(&mix(*b as u64)))
    });
    let ranked = ranked.into_iter().map(|(tool, score)| Ranked {
        tool,
        score: score as f32,
    });
    Ok(ranked.collect())
}

fn parse<T: DeserializeOwned>(line: &Line, form: &'static str) -> Result<T, Mistake> {
    /// Some systems write it before all else.
    const BYTE_ORDER_MARK: char = '\u{feff}';
    let text = match line.number {
        1 => line.text.trim_start_matches(BYTE_ORDER_MARK),
        _ => &line.text,
    };
    let answer: Value = serde_json::from_str(text).map_err(|error| no_json(text, &error))?;
    let not_of_form = |reason| Mistake::Form { form, reason };
    // By its fields' names: a struct would also be read from a list.
    if !answer.is_object() {
        return Err(not_of_form("it is no object".to_owned()));
    }
    // Of the text: of two fields of one name a value has but the last.
    serde_json::from_str(text).map_err(|error| not_of_form(in_one_line(&error)))
}

fn no_json(text: &str, error: &serde_json::Error) -> Mistake {
    let byte = error.column().saturating_sub(1);
    let rest = text.get(byte..).unwrap_or_default();
    let is_no_number = ["NaN", "Infinity"]
        .iter()
        .any(|name| rest.starts_with(name));
    let reason = in_one_line(error);
    Mistake::NoJson {
        reason: match is_no_number {
            true => format!("{reason}; JSON has no NaN and no Infinity"),
            false => reason,
        },
        byte,
    }
}

/// The error, whose lines are not those of the output.
fn in_one_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column", " at column")
}
