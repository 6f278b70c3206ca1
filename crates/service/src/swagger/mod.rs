//! The API's own documentation: the OpenAPI document of a role and the Swagger UI that shows it, all from the binary.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder, path::Operation, schema::Type,
};

use crate::ApiError;

mod names;

/// Whose API a document describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Controller,
    Broker,
    Server,
    Minion,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Broker => "broker",
            Self::Server => "server",
            Self::Minion => "minion",
        }
    }
}

/// One file of the Swagger UI, compressed with gzip.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/swagger_assets.rs"));

/// `/help` and `/api` show the document; `/swagger.json` and `/swagger.yaml` are it.
///
/// The document's server is `/`, so that "Try it out" asks the address that the page came from.
pub fn routes(mut document: OpenApi, role: Role) -> Router {
    document.servers = Some(vec![utoipa::openapi::Server::new("/")]);
    names::apply(&mut document, role);
    complete(&mut document, role);
    let json: Arc<str> = document.to_json().unwrap_or_default().into();
    // JSON is YAML.
    let yaml = json.clone();
    // The controller has a console there; the minion has nothing, as in Pinot.
    let root = match role {
        Role::Broker | Role::Server => Router::new().route("/", get(|| async { Redirect::temporary("/help") })),
        Role::Controller | Role::Minion => Router::new(),
    };
    root.route("/help", get(|| async { page() }))
        .route("/help/", get(|| async { page() }))
        .route("/api", get(|| async { page() }))
        .route("/api/", get(|| async { page() }))
        .route("/swagger.json", get(move || async move { typed("application/json", json.to_string()) }))
        .route("/swagger.yaml", get(move || async move { typed("application/yaml", yaml.to_string()) }))
        .route("/swaggerui-dist", get(|| async { Redirect::temporary("/help") }))
        .route("/swaggerui-dist/", get(|| async { Redirect::temporary("/help") }))
        .route("/swaggerui-dist/{file}", get(asset))
}

/// Methods that are served, with their operations.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [("GET", &mut item.get), ("PUT", &mut item.put), ("POST", &mut item.post), ("DELETE", &mut item.delete)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what holds for every operation, so that handlers need not repeat it: a description of each response, and the
/// statuses that the layers around all routes can answer before a handler runs.
fn complete(document: &mut OpenApi, role: Role) {
    let error = match role {
        Role::Server => "ServerError",
        _ => "Error",
    };
    for (path, item) in &mut document.paths.paths {
        let in_path = path.contains('{');
        for (method, operation) in operations(item) {
            let mut common = Vec::new();
            if in_path || operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
                common.push(StatusCode::BAD_REQUEST);
            }
            if operation.request_body.is_some() {
                common.extend([
                    StatusCode::BAD_REQUEST,
                    StatusCode::PAYLOAD_TOO_LARGE,
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ]);
            }
            // A table's name may carry its type, and a parameter may name another one.
            if role == Role::Controller && in_path && has_parameter(operation, &["type", "tableType"]) {
                common.push(StatusCode::FORBIDDEN);
            }
            if role == Role::Controller && method == "GET" {
                common.push(StatusCode::NOT_ACCEPTABLE);
            }
            for status in common {
                let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name(error))).build();
                let response = || RefOr::T(ResponseBuilder::new().content("application/json", content()).build());
                let declared = operation.responses.responses.entry(status.as_str().to_owned()).or_insert_with(response);
                // What a handler answers as plain text, the layers around it answer as JSON.
                if let RefOr::T(declared) = declared
                    && !declared.content.is_empty()
                {
                    declared.content.entry("application/json".to_owned()).or_insert_with(|| RefOr::T(content()));
                }
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    let status = status.parse::<u16>().ok().and_then(|status| StatusCode::from_u16(status).ok());
                    let reason = status.and_then(|status| status.canonical_reason());
                    response.description = reason.unwrap_or("Answer").to_owned();
                }
            }
        }
    }
    let components = document.components.get_or_insert_default();
    let (status, message) = if role == Role::Server { ("status", "message") } else { ("code", "error") };
    let schema = ObjectBuilder::new()
        .property(status, ObjectBuilder::new().schema_type(Type::Integer))
        .required(status)
        // Errors without a sentence exist in Pinot; ours have one.
        .property(message, ObjectBuilder::new().schema_type(Type::String))
        .required(message);
    components.schemas.insert(error.to_owned(), schema.build().into());
}

fn has_parameter(operation: &Operation, names: &[&str]) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|one| matches!(one, RefOr::T(parameter) if names.contains(&parameter.name.as_str())))
}

fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn page() -> Response {
    const PAGE: &str = r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Cuvée REST API</title>
<link rel="icon" type="image/png" href="/swaggerui-dist/favicon-32x32.png" sizes="32x32">
<link rel="stylesheet" href="/swaggerui-dist/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/swaggerui-dist/swagger-ui-bundle.js"></script>
<script>
window.ui = SwaggerUIBundle({
  url: "/swagger.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  tagsSorter: "alpha",
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
</script>
</body>
</html>
"##;
    typed("text/html; charset=utf-8", PAGE)
}

async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == file) else {
        return ApiError::not_found("HTTP 404 Not Found").into_response();
    };
    let takes_gzip = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|coding| coding.split(';').next().is_some_and(|c| c.trim() == "gzip")));
    let mut response = if takes_gzip {
        let mut response = typed(asset.content_type, asset.gzip);
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        let mut plain = Vec::new();
        match flate2::read::GzDecoder::new(asset.gzip).read_to_end(&mut plain) {
            Ok(_) => typed(asset.content_type, plain),
            Err(error) => return ApiError::internal(format!("{file} is damaged: {error}")).into_response(),
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn fetch(path: &str) -> (u16, String, Vec<u8>) {
        let document = utoipa::openapi::OpenApiBuilder::new().build();
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let response = routes(document, Role::Broker).oneshot(request).await.unwrap();
        let content_type = response.headers().get(header::CONTENT_TYPE).map(|t| t.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, content_type.unwrap_or_default(), response.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn the_page_and_everything_it_names_is_there() {
        let (status, content_type, page) = fetch("/help").await;
        assert_eq!((status, content_type.as_str()), (200, "text/html; charset=utf-8"));
        let page = String::from_utf8(page).unwrap();
        for quoted in page.split('"').filter(|part| part.starts_with("/sw")) {
            let (status, content_type, body) = fetch(quoted).await;
            assert_eq!(status, 200, "{quoted}");
            assert!(!content_type.is_empty() && !body.is_empty(), "{quoted}");
        }
        let (_, _, script) = fetch("/swaggerui-dist/swagger-ui-bundle.js").await;
        assert!(String::from_utf8_lossy(&script).contains("SwaggerUIBundle"));
        let (_, _, json) = fetch("/swagger.json").await;
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["servers"][0]["url"], "/");
        assert_eq!(fetch("/swaggerui-dist/nothing.js").await.0, 404);
    }
}
