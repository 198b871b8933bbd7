use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use oats_datasets::Tool;
use oats_llm::{Access, ApiKey, Chat, Endpoint, Error, Fault, Prices, Prompt, Recordings, Request};
use oats_metrics::Usage;
use serde_json::json;
use tempfile::TempDir;

use crate::stub::{Act, Stub, says};

const KEY: &str = "sk-very-secret";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("calls.jsonl")
    }

    fn endpoint(&self, stub: &Stub) -> Endpoint {
        self.endpoint_with(access(&stub.url)).unwrap()
    }

    fn endpoint_with(&self, access: Access) -> Result<Endpoint, Error> {
        let recordings = Recordings::open(self.file(), &access.base_url).unwrap();
        Endpoint::new(access, Prices::builtin().unwrap(), recordings)
    }
}

fn access(url: &str) -> Access {
    Access {
        base_url: url.to_owned(),
        key: ApiKey::new(KEY).unwrap(),
        budget: 1.0,
        timeout: Duration::from_secs(20),
        concurrency: 3,
        attempts: 3,
        first_pause: Duration::from_millis(1),
        stop: Arc::default(),
    }
}

fn tools() -> [Tool; 2] {
    [
        Tool::new("weather", "Forecasts"),
        Tool::new("stocks", "Prices"),
    ]
}

fn request(query: &str) -> Request {
    Prompt::List.request("gpt-4.1", 16, query, &tools().each_ref())
}

fn requests(count: usize) -> Vec<Request> {
    (0..count)
        .map(|number| request(&format!("query {number}")))
        .collect()
}

fn ok(text: &str) -> Act {
    Act::Answer(200, "", says(text))
}

fn choice(place: &Place, act: Act) -> Result<oats_llm::Answer, Error> {
    let stub = Stub::with(vec![act]);
    let completions = place.endpoint(&stub).complete(&[request("rain?")])?;
    Ok(Prompt::List.read(&tools().each_ref(), &completions[0].reply))
}

#[test]
fn a_right_answer_a_wrong_one_and_an_empty_choice_are_answers() {
    assert_eq!(choice(&Place::new(), ok("weather")).unwrap().tools, [0]);
    let wrong = choice(&Place::new(), ok("unicorns")).unwrap();
    assert_eq!(
        (wrong.tools.len(), wrong.fault),
        (0, Some(Fault::UnknownName))
    );
    for body in [
        json!({"choices": []}),
        json!({"choices": [{"message": {"content": null}}]}),
    ] {
        let empty = choice(&Place::new(), Act::Answer(200, "", body.to_string())).unwrap();
        assert_eq!((empty.tools.len(), empty.fault), (0, Some(Fault::Empty)));
    }
}

#[test]
fn calls_of_functions_are_read() {
    let body = json!({
        "choices": [{"message": {"content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "stocks", "arguments": "{}"}},
        ]}}],
    });
    let place = Place::new();
    let stub = Stub::with(vec![Act::Answer(200, "", body.to_string())]);
    let (tools, prompt) = (tools(), Prompt::Functions);
    let request = prompt.request("gpt-4.1", 16, "shares?", &tools.each_ref());
    let completions = place.endpoint(&stub).complete(&[request]).unwrap();
    assert_eq!(
        prompt.read(&tools.each_ref(), &completions[0].reply).tools,
        [1]
    );
    assert_eq!(
        stub.calls()[0].body["tools"][1]["function"]["name"],
        "stocks"
    );
    // This endpoint counts no tokens; ours are counted by tiktoken.
    assert!(completions[0].usage.input > 40 && completions[0].usage.output == 3);
}

#[test]
fn a_call_is_recorded_with_its_usage_and_made_once() {
    let place = Place::new();
    let stub = Stub::with(vec![ok("weather")]);
    let twice = [request("rain?"), request("rain?")];
    let first = place.endpoint(&stub).complete(&twice).unwrap();
    let expected = Usage {
        input: 1000,
        cached_input: 200,
        output: 10,
    };
    assert_eq!(first[0].usage, expected);
    assert_eq!(first[0].model, "gpt-4.1-2025-04-14");
    let again = place.endpoint(&stub).complete(&twice).unwrap();
    assert_eq!(first, again);
    assert_eq!(stub.calls().len(), 1);
    assert_eq!(stub.calls()[0].authorization, format!("Bearer {KEY}"));
    assert_eq!(stub.calls()[0].body, *twice[0].body());
}

#[test]
fn too_many_requests_are_tried_again_after_a_pause() {
    let place = Place::new();
    let busy = |headers| Act::Answer(429, headers, "slow down".to_owned());
    let stub = Stub::with(vec![busy("retry-after: 1\r\n"), busy(""), ok("weather")]);
    let started = std::time::Instant::now();
    let completions = place.endpoint(&stub).complete(&[request("rain?")]).unwrap();
    assert_eq!(completions[0].reply.content.as_deref(), Some("weather"));
    assert_eq!(stub.calls().len(), 3);
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "the header asks for a second"
    );
}

#[test]
fn server_errors_to_the_end_are_an_error() {
    let place = Place::new();
    let stub = Stub::with(vec![Act::Answer(500, "", format!("lost {KEY}"))]);
    let error = place
        .endpoint(&stub)
        .complete(&[request("rain?")])
        .unwrap_err();
    assert!(
        matches!(error, Error::Failed { attempts: 3, .. }),
        "{error}"
    );
    assert!(
        error.is_unavailable() && error.to_string().contains("status 500"),
        "{error}"
    );
    assert_eq!(stub.calls().len(), 3);
}

#[test]
fn what_will_not_help_is_not_tried_again() {
    for (act, told) in [
        (
            Act::Answer(
                401,
                "",
                json!({"error": {"message": format!("bad key {KEY}")}}).to_string(),
            ),
            "status 401",
        ),
        (
            Act::Answer(200, "", "{\"choices\": [".to_owned()),
            "is no JSON",
        ),
        (Act::Answer(200, "", "<html>".to_owned()), "is no JSON"),
        (
            ok(&"weather ".repeat(10 << 17)),
            "longer than 1048576 bytes",
        ),
    ] {
        let place = Place::new();
        let stub = Stub::with(vec![act]);
        let error = place
            .endpoint(&stub)
            .complete(&[request("rain?")])
            .unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(stub.calls().len(), 1, "{told}");
        // What came is no answer, so nothing may replay it.
        assert!(!place.file().exists() || std::fs::read(place.file()).unwrap().is_empty());
    }
}

#[test]
fn a_hang_and_a_slow_stream_end_with_the_time_limit() {
    let drip = Act::Drip(Duration::from_millis(20), says("weather"));
    // Long enough for a local answer under any load.
    let hasty = |place: &Place, stub: &Stub| {
        let mut access = access(&stub.url);
        access.timeout = Duration::from_secs(2);
        place.endpoint_with(access).unwrap()
    };
    for act in [Act::Hang, drip] {
        let place = Place::new();
        let stub = Stub::with(vec![act, ok("stocks")]);
        let endpoint = hasty(&place, &stub);
        let completions = endpoint.complete(&[request("rain?")]).unwrap();
        assert_eq!(completions[0].reply.content.as_deref(), Some("stocks"));
        assert_eq!(stub.calls().len(), 2);
    }
    let stub = Stub::with(vec![Act::Hang]);
    let endpoint = hasty(&Place::new(), &stub);
    let error = endpoint.complete(&[request("rain?")]).unwrap_err();
    assert!(
        error.to_string().contains("no whole answer within 2s"),
        "{error}"
    );
}

#[test]
fn nobody_listening_is_an_error_without_the_address() {
    let url = "http://user:password@127.0.0.1:9/v1";
    let endpoint = Place::new().endpoint_with(access(url)).unwrap();
    let error = endpoint.complete(&[request("rain?")]).unwrap_err();
    assert!(error.is_unavailable());
    assert!(
        !format!("{error} {error:?}").contains("password"),
        "{error:?}"
    );
}

#[test]
fn keys_are_never_shown() {
    let place = Place::new();
    for status in [400, 401, 500] {
        // The key begins before the end of what is told.
        let text = format!("{} you sent {KEY}", "x".repeat(275));
        let stub = Stub::with(vec![Act::Answer(status, "", text)]);
        let error = place
            .endpoint(&stub)
            .complete(&[request("rain?")])
            .unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains(&KEY[..6]),
            "{error:?}"
        );
    }
    let shown = format!("{:?}", access("http://user:password@localhost"));
    assert!(
        !shown.contains(KEY) && !shown.contains("password"),
        "{shown}"
    );
    let stub = Stub::with(vec![ok(&format!("weather, said {KEY}"))]);
    place.endpoint(&stub).complete(&[request("rain?")]).unwrap();
    let recorded = std::fs::read_to_string(place.file()).unwrap();
    assert!(!recorded.is_empty() && !recorded.contains(KEY));
    let bad = ApiKey::new("sk-one\nsk-two").unwrap_err().to_string();
    assert!(!bad.contains("sk-"), "{bad}");
}

/// Each answer says that it cost 1000 tokens in (200 cached) and 10 out: 0.00178 dollars.
#[test]
fn a_budget_ends_a_run_before_it_is_exceeded() {
    let place = Place::new();
    let stub = Stub::with(vec![ok("weather")]);
    let mut access = access(&stub.url);
    access.budget = 0.02;
    let endpoint = place.endpoint_with(access.clone()).unwrap();
    let error = endpoint.complete(&requests(100)).unwrap_err();
    let Error::Budget {
        spent, made, next, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(made, stub.calls().len());
    assert!((spent - 0.00178 * made as f64).abs() < 1e-9, "{spent}");
    assert!(spent <= 0.02 && spent + next > 0.02, "{spent} {next}");

    // The next run goes on where this one stopped, and no call is made twice.
    access.budget = 10.0;
    place
        .endpoint_with(access)
        .unwrap()
        .complete(&requests(100))
        .unwrap();
    assert_eq!(stub.calls().len(), 100);
}

#[test]
fn a_model_without_a_price_is_not_asked() {
    let stub = Stub::with(vec![ok("weather")]);
    let request = Prompt::List.request("gpt-99", 16, "rain?", &tools().each_ref());
    let error = Place::new()
        .endpoint(&stub)
        .complete(&[request])
        .unwrap_err();
    assert!(error.to_string().contains("no model `gpt-99`"), "{error}");
    assert!(stub.calls().is_empty());
}

/// What was answered before the third call failed is recorded; the next run makes the others only.
#[test]
fn a_run_that_was_stopped_half_way_makes_no_call_twice() {
    let place = Place::new();
    let stub = Stub::answering(|number, _| match number {
        5 => Act::Answer(403, "", "stop".to_owned()),
        _ => ok("weather"),
    });
    place.endpoint(&stub).complete(&requests(20)).unwrap_err();
    let before = stub.calls().len();
    assert!(before < 20, "others do not begin: {before}");
    place.endpoint(&stub).complete(&requests(20)).unwrap();
    let calls = stub.calls();
    assert_eq!(calls.len(), 21, "20 answered, 1 refused");
    let mut bodies: Vec<String> = calls.iter().map(|call| call.body.to_string()).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 20);
}

#[test]
fn a_run_that_is_told_to_stop_waits_for_the_calls_under_way() {
    let place = Place::new();
    let stop = Arc::default();
    let stub = {
        let stop: Arc<std::sync::atomic::AtomicBool> = Arc::clone(&stop);
        Stub::answering(move |number, _| {
            stop.store(number >= 4, Ordering::Relaxed);
            ok("weather")
        })
    };
    let access = Access {
        stop: Arc::clone(&stop),
        ..access(&stub.url)
    };
    let endpoint = place.endpoint_with(access).unwrap();
    let error = endpoint.complete(&requests(20)).unwrap_err();
    let made = stub.calls().len();
    assert!(
        matches!(error, Error::Stopped { made: told } if told == made),
        "{error}"
    );
    assert!(
        !error.is_unavailable(),
        "whoever stops a run wants all of it stopped"
    );
    assert!(made < 20);
    let recorded = std::fs::read_to_string(place.file()).unwrap();
    assert_eq!(recorded.lines().count(), made);
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let place = Place::new();
    let stub = Stub::answering(|_, body| {
        let asked = body["messages"][0]["content"].as_str().unwrap();
        let (_, asked) = asked.split_once("Query Start]").unwrap();
        let number = asked
            .split_once("query ")
            .unwrap()
            .1
            .split('\n')
            .next()
            .unwrap();
        ok(number)
    });
    let completions = place.endpoint(&stub).complete(&requests(12)).unwrap();
    let said: Vec<_> = completions
        .iter()
        .flat_map(|one| one.reply.content.clone())
        .collect();
    let expected: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    assert_eq!(said, expected);
}

/// What other endpoints make of OpenAI's format is read as far as it says anything.
#[test]
fn answers_of_other_shapes_are_answers() {
    let says_weather = |message: serde_json::Value| json!({"choices": [{"message": message}]});
    for body in [
        says_weather(json!({"content": [{"type": "text", "text": "weather"}]})),
        json!({
            "choices": [{"message": {"content": "weather"}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": null},
        }),
        json!({"choices": [{"message": {"content": "weather"}}], "error": null, "usage": null}),
    ] {
        let read = choice(&Place::new(), Act::Answer(200, "", body.to_string())).unwrap();
        assert_eq!(read.tools, [0], "{body}");
    }
    for body in [says_weather(json!(null)), json!({"choices": null})] {
        let read = choice(&Place::new(), Act::Answer(200, "", body.to_string())).unwrap();
        assert_eq!(read.fault, Some(Fault::Empty), "{body}");
    }
    let cut = json!({"choices": [{"finish_reason": "length", "message": {"content": "weather"}}]});
    let read = choice(&Place::new(), Act::Answer(200, "", cut.to_string())).unwrap();
    assert_eq!((read.tools.len(), read.fault), (0, Some(Fault::CutOff)));
}

#[test]
fn an_error_under_a_status_of_success_is_an_error() {
    let place = Place::new();
    let busy = json!({"error": {"code": 503, "message": "busy"}}).to_string();
    let stub = Stub::with(vec![Act::Answer(200, "", busy), ok("weather")]);
    place.endpoint(&stub).complete(&[request("rain?")]).unwrap();
    assert_eq!(stub.calls().len(), 2);
    let refused = json!({"error": {"message": "no such model"}}).to_string();
    let stub = Stub::with(vec![Act::Answer(200, "", refused)]);
    let error = Place::new().endpoint(&stub).complete(&[request("rain?")]);
    assert!(error.unwrap_err().to_string().contains("no such model"));
    assert_eq!(stub.calls().len(), 1);
}

#[test]
fn where_waiting_does_not_help_nobody_waits() {
    for act in [
        Act::Answer(429, "retry-after: 3600\r\n", "come back later".to_owned()),
        Act::Answer(
            429,
            "",
            json!({"error": {"code": "insufficient_quota"}}).to_string(),
        ),
        Act::Answer(307, "location: http://127.0.0.1:9/v1\r\n", String::new()),
    ] {
        let stub = Stub::with(vec![act]);
        let error = Place::new().endpoint(&stub).complete(&[request("rain?")]);
        assert!(matches!(error, Err(Error::Failed { attempts: 1, .. })));
        assert_eq!(stub.calls().len(), 1);
    }
}

/// The answer counts a thousand times the tokens that were asked for.
#[test]
fn an_endpoint_that_does_not_keep_to_the_limit_ends_the_run() {
    let place = Place::new();
    let long = says("weather").replace("\"completion_tokens\":10", "\"completion_tokens\":16000");
    let stub = Stub::with(vec![Act::Answer(200, "", long)]);
    let mut access = access(&stub.url);
    access.concurrency = 1;
    let endpoint = place.endpoint_with(access).unwrap();
    let error = endpoint.complete(&requests(5)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not keep to max_completion_tokens"),
        "{error}"
    );
    assert_eq!(stub.calls().len(), 1);
    let recorded = std::fs::read_to_string(place.file()).unwrap();
    assert_eq!(recorded.lines().count(), 1, "it is paid for, and an answer");
}

#[test]
fn work_that_a_gateway_gave_up_on_counts_as_charged() {
    let stub = Stub::with(vec![Act::Answer(504, "", String::new())]);
    let mut access = access(&stub.url);
    access.attempts = 50;
    access.concurrency = 1;
    // Enough for a few calls at most: a token is at least a byte.
    access.budget = 0.01;
    let error = Place::new()
        .endpoint_with(access)
        .unwrap()
        .complete(&[request("rain?")]);
    assert!(
        matches!(error, Err(Error::Budget { made: 0, .. })),
        "{error:?}"
    );
    assert!(
        (2..20).contains(&stub.calls().len()),
        "{}",
        stub.calls().len()
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let place = Place::new();
    let good = || access("http://localhost:1/v1");
    for bad in [
        Access {
            budget: -1.0,
            ..good()
        },
        Access {
            budget: f64::NAN,
            ..good()
        },
        Access {
            concurrency: 0,
            ..good()
        },
        Access {
            attempts: 0,
            ..good()
        },
        access("localhost"),
        access("ftp://localhost"),
        access(""),
    ] {
        let error = place.endpoint_with(bad).expect_err("it is out of range");
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
    assert!(!Path::new(&place.file()).exists());
}
