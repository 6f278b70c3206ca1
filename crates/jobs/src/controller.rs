//! A controller, as far as jobs need one.

use std::{path::Path, time::Duration};

use model::{Schema, TableConfig};
use reqwest::{Client, RequestBuilder, header, multipart};
use serde_json::Value as Json;

use crate::{Error, error::chain};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer may take as long as the controller needs for a large segment.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// Configs and answers are small.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// HTTP to one or more controllers. Cheap to clone.
#[derive(Clone)]
pub struct Controller {
    http: Client,
    /// Value of the `Authorization` header.
    auth: Option<String>,
}

/// What a controller said.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Controller {
    pub fn new(auth: Option<String>) -> Result<Self, Error> {
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let http = http.map_err(|source| Error::Http { url: "HTTP client".to_owned(), source })?;
        Ok(Self { http, auth })
    }

    /// Sends a request; an answer that is no success is an error.
    pub(crate) async fn send(&self, url: &str, request: RequestBuilder) -> Result<Answer, Error> {
        let request = match &self.auth {
            Some(auth) => request.header(header::AUTHORIZATION, auth),
            None => request,
        };
        let failed = |source: reqwest::Error| Error::Http { url: url.to_owned(), source: source.without_url() };
        let mut answer = request.timeout(ANSWER_TIMEOUT).send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_TEXT_BYTES {
                let reason = format!("it is longer than {MAX_TEXT_BYTES} bytes");
                return Err(Error::Reply { url: url.to_owned(), what: "answer of a usual size", reason });
            }
            body.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        if (200..300).contains(&status) {
            return Ok(Answer { status, text });
        }
        Err(Error::Refused { url: url.to_owned(), status, text: reason(&text) })
    }

    pub async fn get(&self, url: &str) -> Result<Answer, Error> {
        self.send(url, self.http.get(url)).await
    }

    pub async fn post_json(&self, url: &str, body: &Json) -> Result<Answer, Error> {
        self.send(url, self.http.post(url).json(body)).await
    }

    /// A multipart POST with one file. The request is made anew for each attempt.
    pub(crate) async fn post_file(
        &self,
        url: &str,
        query: &[(&str, String)],
        headers: &[(&str, String)],
        name: &str,
        file: &Path,
    ) -> Result<Answer, Error> {
        let open = tokio::fs::File::open(file).await.map_err(Error::io("read", file))?;
        let length = open.metadata().await.map_err(Error::io("read", file))?.len();
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(open, 256 << 10));
        let part = multipart::Part::stream_with_length(body, length).file_name(name.to_owned());
        let form = multipart::Form::new().part(name.to_owned(), part);
        let mut request = self.http.post(url).query(query).multipart(form);
        for (key, value) in headers {
            request = request.header(*key, value);
        }
        self.send(url, request).await
    }

    /// A POST whose message is in its headers.
    pub(crate) async fn post_headers(
        &self,
        url: &str,
        query: &[(&str, String)],
        headers: &[(&str, String)],
    ) -> Result<Answer, Error> {
        let mut request = self.http.post(url).query(query).header(header::CONTENT_TYPE, "application/json");
        for (key, value) in headers {
            request = request.header(*key, value);
        }
        self.send(url, request).await
    }

    /// A table's schema.
    pub async fn schema(&self, controller: &str, table: &str) -> Result<Schema, Error> {
        let url = format!("{controller}/tables/{}/schema", encoded(table));
        parse_schema(&self.get(&url).await?.text, &url)
    }

    /// A table's config.
    pub async fn table_config(&self, controller: &str, table: &str) -> Result<TableConfig, Error> {
        let url = format!("{controller}/tables/{}", encoded(table));
        let text = self.get(&url).await?.text;
        parse_table_config(&text, &url)
    }
}

/// The sentence in a controller's refusal.
fn reason(text: &str) -> String {
    let json: Option<Json> = serde_json::from_str(text).ok();
    let said = json.as_ref().and_then(|j| j["error"].as_str().or_else(|| j["message"].as_str()));
    let text = said.unwrap_or(text).trim();
    let end = text.char_indices().nth(2000).map_or(text.len(), |(at, _)| at);
    text[..end].to_owned()
}

pub(crate) fn parse_schema(text: &str, from: &str) -> Result<Schema, Error> {
    let bad = |reason: String| Error::Reply { url: from.to_owned(), what: "usable schema", reason };
    Schema::from_json_text(text).map_err(|e| bad(chain(&e)))
}

/// The config itself, or under `OFFLINE` or `REALTIME` as controllers give it.
pub(crate) fn parse_table_config(text: &str, from: &str) -> Result<TableConfig, Error> {
    let bad = |reason: String| Error::Reply { url: from.to_owned(), what: "usable table config", reason };
    let json: Json = serde_json::from_str(text).map_err(|e| bad(format!("it is not JSON: {e}")))?;
    let inner = ["OFFLINE", "REALTIME", "offline", "realtime"].iter().find_map(|key| json.get(*key));
    let inner = inner.filter(|config| config.is_object());
    if inner.is_none() && json.as_object().is_some_and(serde_json::Map::is_empty) {
        return Err(bad("there is no such table".to_owned()));
    }
    TableConfig::from_json(inner.unwrap_or(&json)).map_err(|e| bad(chain(&e)))
}

/// Percent-encoded for a path of a URL.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
