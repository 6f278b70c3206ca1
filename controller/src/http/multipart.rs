//! One file out of a multipart body, streamed to disk within bounds of size and time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use futures::StreamExt;
use http::header;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use crate::error::Error;

/// A client that sends nothing for so long is given up.
const STALL: Duration = Duration::from_secs(60);
/// How much of the file [`Part::head`] holds, about.
const HEAD: usize = 1024;

/// A part's content in a file.
pub(super) struct Part {
    pub path: PathBuf,
    /// As the sender calls it.
    pub given: Option<String>,
    pub length: u64,
    /// The first bytes.
    pub head: Vec<u8>,
}

/// What a body may be.
pub(super) struct Bounds {
    pub max_bytes: u64,
    /// For all of it.
    pub timeout: Duration,
}

/// Whether a request has a multipart body.
pub(super) fn is_multipart(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/"))
}

/// Streams the one part of the body to a file in `dir`; `name_file` gives the file's name from what the sender calls it.
/// None: there is no part.
pub(super) async fn receive_one(
    request: Request,
    dir: &Path,
    bounds: &Bounds,
    name_file: impl Fn(Option<&str>) -> &'static str,
) -> Result<Option<Part>, Error> {
    let unreadable = |text: String| Error::Invalid(format!("the multipart body cannot be read: {text}"));
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| unreadable(error.body_text()))?;
    let deadline = Instant::now() + bounds.timeout;
    let mut found: Option<Part> = None;
    while let Some(mut part) = within(deadline, parts.next_field()).await?.map_err(|e| unreadable(e.body_text()))? {
        if found.is_some() {
            return Err(Error::Invalid("Found not exactly one file from the multi-part fields".to_owned()));
        }
        let given = part.file_name().map(str::to_owned);
        let path = dir.join(name_file(given.as_deref()));
        let what = || format!("cannot write the uploaded file to {}", path.display());
        let mut file = tokio::fs::File::create(&path).await.map_err(Error::io(what()))?;
        let mut length = 0u64;
        let mut head = Vec::new();
        while let Some(chunk) = within(deadline, part.chunk()).await?.map_err(|e| unreadable(e.body_text()))? {
            length += chunk.len() as u64;
            if length > bounds.max_bytes {
                return Err(Error::Invalid(format!(
                    "the file is larger than {} bytes, the most that is taken",
                    bounds.max_bytes
                )));
            }
            if head.len() <= HEAD {
                head.extend_from_slice(&chunk[..chunk.len().min(2 * HEAD)]);
            }
            file.write_all(&chunk).await.map_err(Error::io(what()))?;
        }
        file.flush().await.map_err(Error::io(what()))?;
        found = Some(Part { path, given, length, head });
    }
    Ok(found)
}

/// Waits for the client, but not for ever.
async fn within<T>(deadline: Instant, next: impl Future<Output = T>) -> Result<T, Error> {
    let stall = Instant::now() + STALL;
    timeout_at(deadline.min(stall), next).await.map_err(|_| {
        Error::TimedOut(
            "the request's body did not arrive in time; controller.segment.upload.timeoutInMillis is what it may take"
                .to_owned(),
        )
    })
}

/// Reads what a client is still sending, within reason: a client that is cut off in the middle may not see the answer.
pub(super) async fn drain(body: Body) {
    const MOST: usize = 32 << 20;
    let read = async {
        let mut seen = 0;
        let mut chunks = body.into_data_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            seen += chunk.len();
            if seen > MOST {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), read).await;
}
