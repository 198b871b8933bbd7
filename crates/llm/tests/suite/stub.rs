//! A local HTTP server that behaves like an OpenAI-compatible endpoint, well or badly.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// What the stub does with one call.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with status, further header lines and body.
    Answer(u16, &'static str, String),
    /// Says nothing and keeps the connection.
    Hang,
    /// Answers byte by byte, with this pause before each.
    Drip(Duration, String),
}

/// A call that reached the stub.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub authorization: String,
    pub body: Value,
}

pub(crate) struct Stub {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Stub {
    /// A stub whose n-th call meets with the n-th act, further ones with the last.
    pub(crate) fn with(acts: Vec<Act>) -> Self {
        Self::answering(move |number, _| acts[number.min(acts.len() - 1)].clone())
    }

    /// A stub that acts by the number of the call, from 0, and its body.
    pub(crate) fn answering(act: impl Fn(usize, &Value) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let known = calls.clone();
        let act = Arc::new(act);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, act) = (known.clone(), act.clone());
                thread::spawn(move || serve(stream, &known, act.as_ref()));
            }
        });
        Self { url, calls }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// One call on each connection, so that the client comes again for the next.
fn serve(
    mut stream: TcpStream,
    calls: &Mutex<Vec<Call>>,
    act: &dyn Fn(usize, &Value) -> Act,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    if line.is_empty() {
        return None; // The client gave up before it had sent anything.
    }
    assert!(line.starts_with("POST /v1/chat/completions "), "{line}");
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let number = {
        let mut calls = calls.lock().unwrap();
        calls.push(Call {
            authorization,
            body: body.clone(),
        });
        calls.len() - 1
    };
    let head = |status: u16, headers: &str, length: usize| {
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}\
             content-length: {length}\r\nconnection: close\r\n\r\n"
        )
    };
    match act(number, &body) {
        Act::Answer(status, headers, body) => {
            stream
                .write_all(head(status, headers, body.len()).as_bytes())
                .ok()?;
            stream.write_all(body.as_bytes()).ok()?;
        }
        Act::Hang => thread::sleep(Duration::from_secs(600)),
        Act::Drip(pause, body) => {
            stream
                .write_all(head(200, "", body.len()).as_bytes())
                .ok()?;
            for byte in body.bytes() {
                thread::sleep(pause);
                stream.write_all(&[byte]).ok()?;
            }
        }
    }
    Some(())
}

/// The body of a chat completion that says `text`.
pub(crate) fn says(text: &str) -> String {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1-2025-04-14",
        "choices": [{
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text, "refusal": null},
        }],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 10,
            "total_tokens": 1010,
            "prompt_tokens_details": {"cached_tokens": 200},
        },
    })
    .to_string()
}
