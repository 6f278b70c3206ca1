//! What is around every route: bounds, panics, the role's error bodies and headers.

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{Unwritten, Written};
use super::{ApiError, ErrorStyle};

/// What a request may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body that extractors read into memory. Streamed uploads have bounds of their own.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 16 << 20 }
    }
}

/// Headers on every answer.
#[derive(Clone)]
struct Finish {
    style: ErrorStyle,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Puts around `routes` what every role has: unknown paths and methods, hostile paths, bounded bodies, panics as
/// status 500, error bodies in `style`, CORS where the style has it, and `headers` on each answer.
pub fn finish(routes: Router, style: ErrorStyle, limits: Limits, headers: &[(&'static str, String)]) -> Router {
    let mut fixed: Vec<(HeaderName, HeaderValue)> = headers
        .iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)))
        .collect();
    if style != ErrorStyle::Broker {
        fixed.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
    }
    if style == ErrorStyle::Controller {
        let methods = HeaderValue::from_static("GET, POST, PUT, OPTIONS, DELETE");
        fixed.push((header::ACCESS_CONTROL_ALLOW_METHODS, methods));
        fixed.push((header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*")));
    }
    let finish = Finish { style, headers: fixed };
    routes
        .fallback(|| async { ApiError::not_found("HTTP 404 Not Found") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(middleware::from_fn_with_state(finish, around))
}

async fn around(State(finish): State<Finish>, request: Request, next: Next) -> Response {
    let mut response = if finish.style == ErrorStyle::Controller && request.method() == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        let allow = HeaderValue::from_static("GET, POST, PUT, OPTIONS, DELETE");
        response.headers_mut().insert(header::ALLOW, allow);
        response
    } else if let Err(error) = check_path(request.uri().path()) {
        error.into_response()
    } else if finish.style == ErrorStyle::Controller
        && request.method() == Method::GET
        && !accepts_any_or_json(request.headers())
    {
        refuse_json(next.run(request).await)
    } else {
        next.run(request).await
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = write_error(response, finish.style).await;
    }
    for (name, value) in &finish.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// Whether a client takes JSON. One that names no type takes all.
fn accepts_any_or_json(headers: &http::HeaderMap) -> bool {
    let mut named = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    named.peek().is_none()
        || named.flat_map(|value| value.split(',')).any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            matches!(range, "*/*" | "application/*" | "application/json" | "*" | "")
        })
}

/// For a client that does not take JSON: other answers pass, JSON of a success becomes status 406.
fn refuse_json(response: Response) -> Response {
    let json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
    if json && response.status().is_success() {
        return ApiError::new(StatusCode::NOT_ACCEPTABLE, "HTTP 406 Not Acceptable").into_response();
    }
    response
}

/// No path segment, decoded once or twice, may be a step in a file system. Names of tables, segments and instances
/// come from here and end in paths of files.
fn check_path(path: &str) -> Result<(), ApiError> {
    for segment in path.split('/') {
        let Some(once) = decode(segment) else {
            return Err(ApiError::bad_request(format!("the path `{path}` holds an escape that is not UTF-8")));
        };
        let twice = decode(&once).unwrap_or_default();
        for name in [once.as_str(), twice.as_str()] {
            let step = name == "." || name == ".." || name.contains(['/', '\\']);
            if step || name.chars().any(char::is_control) {
                return Err(ApiError::bad_request(format!(
                    "`{}` cannot be part of a path: names have no `/`, `\\`, `..` or control characters",
                    name.escape_default()
                )));
            }
        }
    }
    Ok(())
}

/// Percent-decodes. Escapes that are none stay as they are; None when the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// Longest refusal of an extractor that is passed on.
const REFUSAL_BYTES: usize = 64 << 10;

async fn write_error(response: Response, style: ErrorStyle) -> Response {
    let (mut parts, body) = response.into_parts();
    if parts.extensions.get::<Written>().is_some() {
        return Response::from_parts(parts, body);
    }
    let message = if let Some(Unwritten(message)) = parts.extensions.remove::<Unwritten>() {
        message
    } else {
        let json =
            parts.headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
        if json {
            return Response::from_parts(parts, body);
        }
        // A refusal by an extractor: plain text.
        let text = Limited::new(body, REFUSAL_BYTES).collect().await.map(|c| c.to_bytes()).unwrap_or_default();
        if parts.status == StatusCode::UNSUPPORTED_MEDIA_TYPE || text.is_empty() {
            format!("HTTP {} {}", parts.status.as_u16(), parts.status.canonical_reason().unwrap_or("Error"))
        } else {
            String::from_utf8_lossy(&text).into_owned()
        }
    };
    let body = style.body(parts.status, &message);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, Body::from(body))
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    tracing::error!(panic = text, "a request handler panicked");
    ApiError::internal(format!("internal error while handling the request: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn ask(style: ErrorStyle, method: &str, path: &str) -> (u16, String) {
        let routes = Router::new()
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("on purpose")
                    }
                }),
            )
            .route("/text", get(|| async { ApiError::unavailable("not yet").as_text() }))
            .route("/{name}", get(|| async { ApiError::not_found("no such thing") }));
        let app = finish(routes, style, Limits::default(), &[("x-test", "1".to_owned())]);
        let request = http::Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-test"], "1");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn errors_have_the_style_of_the_role() {
        let c = ErrorStyle::Controller;
        for (style, method, path, status, body) in [
            (c, "GET", "/a", 404, r#"{"code":404,"error":"no such thing"}"#),
            (ErrorStyle::Server, "GET", "/a", 404, r#"{"message":"no such thing","status":404}"#),
            (c, "GET", "/a/b/c", 404, r#"{"code":404,"error":"HTTP 404 Not Found"}"#),
            (c, "PUT", "/a", 405, r#"{"code":405,"error":"HTTP 405 Method Not Allowed"}"#),
            (c, "OPTIONS", "/a", 200, ""),
            (c, "GET", "/text", 503, "not yet"),
            (
                c,
                "GET",
                "/panic",
                500,
                r#"{"code":500,"error":"internal error while handling the request: on purpose"}"#,
            ),
        ] {
            assert_eq!(ask(style, method, path).await, (status, body.to_owned()), "{method} {path}");
        }
    }

    #[tokio::test]
    async fn paths_that_climb_are_refused() {
        for path in ["/..", "/%2e%2e", "/%2E./x", "/a%2fb", "/%252e%252e", "/a%00b", "/..%5cb", "/a%255cb", "/%ff"] {
            let (status, body) = ask(ErrorStyle::Controller, "GET", path).await;
            assert_eq!(status, 400, "{path}: {body}");
        }
        for path in ["/a..b", "/a%20b", "/100%", "/..."] {
            assert_eq!(ask(ErrorStyle::Controller, "GET", path).await.0, 404, "{path}");
        }
    }
}
