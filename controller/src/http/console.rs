//! The console at `/`: a page of the files in the top-level folder `console/`, which the binary carries.
//!
//! It asks the REST API from the browser like any other client and has no route of its own behind it, so it stands
//! outside the API's document.

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

/// A file of the page, by the name it is asked for.
struct File {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const PAGE: &str = include_str!("../../../console/index.html");
const FILES: [File; 3] = [
    File {
        name: "app.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("../../../console/app.js"),
    },
    File { name: "app.css", content_type: "text/css; charset=utf-8", text: include_str!("../../../console/app.css") },
    File { name: "icon.svg", content_type: "image/svg+xml", text: include_str!("../../../console/icon.svg") },
];

/// The page may load and ask nothing but what comes from its own address, and no other page may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { answer("text/html; charset=utf-8", PAGE) }))
        .route("/index.html", get(|| async { answer("text/html; charset=utf-8", PAGE) }))
        .route("/console/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => answer(file.content_type, file.text),
        None => (StatusCode::NOT_FOUND, "The console has no such file.").into_response(),
    }
}

fn answer(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        // A newer binary brings newer files under the same names.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_only_files_that_are_there() {
        for mention in PAGE.split("\"console/").skip(1) {
            let name = mention.split('"').next().unwrap_or_default();
            assert!(FILES.iter().any(|file| file.name == name), "index.html wants console/{name}");
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for text in FILES.iter().map(|file| file.text).chain([PAGE]) {
            let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("https://") && !elsewhere.contains("http://"), "an address of another machine");
        }
    }
}
