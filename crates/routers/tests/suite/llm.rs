//! The router `llm`, with recordings or a stand-in instead of an endpoint.

use std::sync::{Arc, Mutex};

use oats_llm::{Chat, Completion, Error as LlmError, FunctionCall, Prompt, Replay, Reply};
use oats_metrics::Usage;
use oats_routers::{Error, Progress, Request, Router, RouterSpec, Training, llm::LlmParams};
use serde_json::Value;

use crate::common::Problem;

/// Answers every request by a function of its body, and counts.
struct Stand<F> {
    answer: F,
    asked: Mutex<Vec<Value>>,
}

impl<F> std::fmt::Debug for Stand<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stand")
    }
}

impl<F: Fn(&Value) -> Reply + Send + Sync> Chat for Stand<F> {
    fn complete(&self, requests: &[oats_llm::Request]) -> Result<Vec<Completion>, LlmError> {
        let mut asked = self.asked.lock().unwrap();
        let answer = |request: &oats_llm::Request| {
            asked.push(request.body().clone());
            Completion {
                reply: (self.answer)(request.body()),
                usage: Usage {
                    input: 10,
                    cached_input: 0,
                    output: 2,
                },
                model: "a model".to_owned(),
                milliseconds: 3,
            }
        };
        Ok(requests.iter().map(answer).collect())
    }
}

fn stand<F: Fn(&Value) -> Reply + Send + Sync>(answer: F) -> Arc<Stand<F>> {
    Arc::new(Stand {
        answer,
        asked: Mutex::default(),
    })
}

fn says(text: String) -> Reply {
    Reply {
        content: Some(text),
        ..Reply::default()
    }
}

/// The names of a list, as the prompt offers them.
fn offered(body: &Value) -> Vec<String> {
    let content = body["messages"][0]["content"].as_str().unwrap();
    let lines = content
        .lines()
        .filter_map(|line| line.split_once(". tool name: "));
    lines
        .map(|(_, rest)| rest.split_once(", tool description").unwrap().0.to_owned())
        .collect()
}

fn fit(problem: &Problem, params: LlmParams, chat: Arc<dyn Chat>) -> Box<dyn Router> {
    let training = Training {
        llm: Some(&chat),
        ..problem.training()
    };
    RouterSpec::Llm(params).fit(&training).unwrap()
}

fn list() -> LlmParams {
    LlmParams::default()
}

#[test]
fn ranks_what_is_named_in_the_order_named() {
    let problem = Problem::random(3, 12, 20, 4).in_words();
    let chat = stand(|body| {
        let names = offered(body);
        says(format!("{}\n{}\nunicorn", names[4], names[1]))
    });
    let router = fit(&problem, list(), chat.clone());
    let catalogue = problem.request(0);
    let ranking = router.rank(&catalogue, usize::MAX);
    let names = offered(&chat.asked.lock().unwrap()[0]);
    let named: Vec<&str> = ranking
        .iter()
        .map(|one| problem.tools[one.tool].name.as_str())
        .collect();
    assert_eq!(named, [names[4].as_str(), names[1].as_str()]);
    assert_eq!([ranking[0].score, ranking[1].score], [1.0, 0.5]);
    assert_eq!(router.rank(&catalogue, 1).len(), 1);
    assert_eq!(router.select(&catalogue).len(), 2);
}

#[test]
fn offers_the_pool_in_an_order_that_does_not_follow_the_sources() {
    let problem = Problem::random(3, 40, 5, 4).in_words();
    let chat = stand(|_| says("None".to_owned()));
    let router = fit(&problem, list(), chat.clone());
    let ids: Vec<usize> = (10..30).collect();
    let reversed: Vec<usize> = ids.iter().rev().copied().collect();
    for candidates in [&ids, &reversed] {
        let request = Request {
            candidates: Some(candidates),
            ..problem.request(0)
        };
        assert!(router.rank(&request, 5).is_empty());
    }
    let asked = chat.asked.lock().unwrap();
    let names = offered(&asked[0]);
    assert_eq!(names, offered(&asked[1]));
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    let source: Vec<&str> = ids
        .iter()
        .map(|&id| problem.tools[id].name.as_str())
        .collect();
    assert_ne!(sorted, source);
    sorted.sort_unstable();
    let mut expected = source;
    expected.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn functions_are_called() {
    let problem = Problem::random(3, 6, 5, 4).in_words();
    let chat = stand(|body| Reply {
        calls: vec![FunctionCall {
            name: body["tools"][2]["function"]["name"]
                .as_str()
                .unwrap()
                .to_owned(),
            arguments: "{}".to_owned(),
        }],
        ..Reply::default()
    });
    let params = LlmParams {
        prompt: Prompt::Functions,
        ..list()
    };
    let router = fit(&problem, params, chat.clone());
    let ranking = router.rank(&problem.request(0), 5);
    let asked = chat.asked.lock().unwrap();
    assert_eq!(asked[0]["model"], "gpt-4.1");
    let called = asked[0]["tools"][2]["function"]["description"]
        .as_str()
        .unwrap();
    assert_eq!(problem.tools[ranking[0].tool].description, called);
}

#[test]
fn preparing_asks_for_everything_and_counts_what_is_no_choice() {
    let problem = Problem::random(3, 6, 4, 4).in_words();
    let chat = stand(|body| {
        let names = offered(body);
        let content = body["messages"][0]["content"].as_str().unwrap().len();
        match content % 3 {
            0 => says(names[0].clone()),
            1 => says("None".to_owned()),
            _ => says("unicorn".to_owned()),
        }
    });
    let router = fit(&problem, list(), chat.clone());
    let requests: Vec<Request<'_>> = (0..4).map(|query| problem.request(query)).collect();
    let lines = Mutex::new(Vec::new());
    let tell = |line: &str| lines.lock().unwrap().push(line.to_owned());
    router.prepare(&requests, Progress::to(&tell)).unwrap();
    let kinds: Vec<usize> = chat
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|body| body["messages"][0]["content"].as_str().unwrap().len() % 3)
        .collect();
    let count = |kind| kinds.iter().filter(|&&one| one == kind).count();
    let mut expected = format!("4 answers of a model, {} choose no tool", count(1));
    if count(2) > 0 {
        expected += &format!(", {} with an unknown name", count(2));
    }
    expected += "; 40 tokens in, 8 out, 3 ms a call";
    assert_eq!(lines.into_inner().unwrap(), [expected]);
}

#[test]
fn without_answers_preparing_fails_and_nothing_is_ranked() {
    let problem = Problem::random(3, 6, 4, 4).in_words();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls.jsonl");
    let chat: Arc<dyn Chat> = Arc::new(Replay::new(file, "https://one.example", "there is none"));
    let router = fit(&problem, list(), chat);
    let error = router
        .prepare(&[problem.request(0)], Progress::silent())
        .unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(error.to_string().contains("there is none"), "{error}");
    assert!(router.rank(&problem.request(0), 5).is_empty());
}

#[test]
fn nobody_to_ask_and_settings_out_of_range_are_errors() {
    let problem = Problem::random(3, 6, 4, 4);
    let error = RouterSpec::Llm(list()).fit(&problem.training()).err();
    assert!(matches!(error, Some(Error::NobodyToAsk)));
    for (bad, field) in [
        (
            LlmParams {
                model: " ".into(),
                ..list()
            },
            "model",
        ),
        (
            LlmParams {
                max_output_tokens: 0,
                ..list()
            },
            "max_output_tokens",
        ),
        (
            LlmParams {
                max_output_tokens: 5000,
                ..list()
            },
            "max_output_tokens",
        ),
    ] {
        let error = RouterSpec::Llm(bad).check().unwrap_err().to_string();
        assert!(error.contains("llm: ") && error.contains(field), "{error}");
    }
    let spec = RouterSpec::by_kind("llm").unwrap();
    assert!(
        spec.restore(&Default::default()).is_err(),
        "no file holds an LLM"
    );
}
