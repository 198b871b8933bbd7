//! One attempt over HTTP: what async-openai builds is sent as it is; answers are read up to a limit.

use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use http::StatusCode;

/// Longest answer that is read, in bytes. A choice of tools has a few hundred.
const MOST_BYTES: usize = 1 << 20;

/// Why an attempt came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The status says no.
    #[error("status {}: {}", status.as_u16(), if text.is_empty() { "no text" } else { text })]
    Status {
        status: StatusCode,
        /// In seconds, if the header `Retry-After` says so.
        retry_after: Option<u64>,
        text: String,
    },
    #[error("the answer is longer than {MOST_BYTES} bytes")]
    TooLong,
}

/// Sends a request and reads its answer.
pub(super) async fn send(
    client: reqwest::Client,
    request: HttpRequestFactory,
) -> Result<reqwest::Response, OpenAIError> {
    let request = request.build().await?;
    let mut response = client
        .execute(request)
        .await
        .map_err(OpenAIError::Reqwest)?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(OpenAIError::Reqwest)? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            return Err(OpenAIError::Boxed(Box::new(Fault::TooLong)));
        }
    }
    if !status.is_success() {
        let text = String::from_utf8_lossy(&body);
        let after = headers.get(http::header::RETRY_AFTER);
        return Err(OpenAIError::Boxed(Box::new(Fault::Status {
            status,
            retry_after: after.and_then(|value| value.to_str().ok()?.trim().parse().ok()),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        })));
    }
    let mut whole = http::Response::new(body);
    *whole.status_mut() = status;
    *whole.headers_mut() = headers;
    Ok(whole.into())
}
