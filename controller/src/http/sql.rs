//! `/sql`: queries through the controller, forwarded to a live broker.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use model::ErrorCode;
use serde_json::{Map, Value};
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes};
use crate::cluster::{self, InstanceEntry};

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(post, get))
}

/// A broker answers within its own time-outs; this is for one that does not answer at all.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Asks a query
#[utoipa::path(post, path = "/sql", tag = "Query", request_body(content = Value, content_type = "application/json", example = json!({"sql": "select count(*) from movies"})), responses((status = 200)))]
async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let missing = "JSON Payload is missing the query string field 'sql'";
    let request = if body.iter().all(u8::is_ascii_whitespace) { Ok(Value::Null) } else { parse_json(&body) };
    match request {
        Err(reason) => failure(&headers, ErrorCode::JsonParsing, &reason),
        Ok(Value::Object(request)) if request.get("sql").is_some_and(Value::is_string) => {
            forward(&app, &headers, request).await
        }
        Ok(_) => failure(&headers, ErrorCode::JsonParsing, missing),
    }
}

/// Asks a query
#[utoipa::path(get, path = "/sql", tag = "Query", params(("sql" = String, Query), ("trace" = Option<String>, Query), ("queryOptions" = Option<String>, Query)), responses((status = 200)))]
async fn get(State(app): State<Arc<App>>, headers: HeaderMap, params: Params) -> Response {
    let Some(sql) = params.get("sql") else {
        return failure(&headers, ErrorCode::Internal, "the query parameter 'sql' is missing");
    };
    let mut request = Map::new();
    request.insert("sql".to_owned(), sql.into());
    for key in ["trace", "queryOptions"] {
        if let Some(value) = params.get(key) {
            request.insert(key.to_owned(), value.into());
        }
    }
    forward(&app, &headers, request).await
}

async fn forward(app: &App, headers: &HeaderMap, request: Map<String, Value>) -> Response {
    let sql = request.get("sql").and_then(Value::as_str).unwrap_or_default();
    if let Some(error) = refused_here(app, &request, sql) {
        return failed(headers, query::QueryException::from(&error));
    }
    let brokers = candidates(app, sql);
    if brokers.is_empty() {
        return failure(headers, ErrorCode::BrokerResourceMissing, "no live broker can answer the query");
    }
    let mut last = String::new();
    for broker in brokers {
        let url = format!("http://{}:{}/query/sql", broker.host, broker.port);
        let mut call = app.client.post(&url).timeout(TIMEOUT).json(&request);
        for name in [header::AUTHORIZATION, header::HeaderName::from_static("database")] {
            if let Some(value) = headers.get(&name) {
                call = call.header(name, value);
            }
        }
        match call.send().await {
            Ok(answer) => {
                let status = answer.status();
                let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
                // What fails before a query is handled comes as plain text.
                if !status.is_success() {
                    *response.status_mut() = status;
                }
                response.headers_mut().insert(header::CONTENT_TYPE, content_type(headers));
                return response;
            }
            // Nothing has been asked yet: another broker may.
            Err(error) if error.is_connect() => last = format!("{} cannot be reached", broker.id),
            Err(error) if error.is_timeout() => {
                return failure(headers, ErrorCode::BrokerTimeout, &format!("{} did not answer in time", broker.id));
            }
            Err(error) => {
                let reason = format!("{} went away before it had answered: {error}", broker.id);
                return failure(headers, ErrorCode::BrokerRequestSend, &reason);
            }
        }
    }
    failure(headers, ErrorCode::BrokerRequestSend, &last)
}

/// Live brokers, those first that answer for the tables which the text may mean; none when nobody answers for any of
/// them. Which tables it means is for the broker to find out: any broker answers rightly for what it does not serve.
fn candidates(app: &App, sql: &str) -> Vec<InstanceEntry> {
    let state = app.cluster.read();
    let live = app.cluster.live();
    let mut brokers: Vec<InstanceEntry> = state
        .instances
        .values()
        .filter(|instance| instance.role == "BROKER" && instance.enabled && live.is_live(&instance.id))
        .cloned()
        .collect();
    let lower = sql.to_ascii_lowercase();
    let named = state.tables.iter().filter(|(_, t)| mentions(&lower, t.entry.config.raw_name().as_str()));
    let mentioned: Vec<&String> = named.map(|(name, _)| name).collect();
    let served =
        |broker: &InstanceEntry| mentioned.iter().filter(|table| cluster::serves(&state, table, &broker.id)).count();
    if !mentioned.is_empty() && !brokers.iter().any(|broker| served(broker) > 0) {
        return Vec::new();
    }
    if brokers.len() > 1 {
        let turn = sql.len() % brokers.len();
        brokers.rotate_left(turn);
        brokers.sort_by_cached_key(|broker| std::cmp::Reverse(served(broker)));
    }
    brokers
}

/// Whether a name stands in the text, which is in lower case, in any case and not as a part of a longer name.
fn mentions(sql: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_part = |c: char| c.is_alphanumeric();
    sql.match_indices(&name).any(|(at, found)| {
        let before = sql[..at].chars().next_back();
        let after = sql[at + found.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '_') && !after.is_some_and(is_part)
    })
}

/// Clients that ask for JSON get JSON by name; others get the same bytes.
fn content_type(headers: &HeaderMap) -> HeaderValue {
    let wants_json = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/json"));
    HeaderValue::from_static(if wants_json { "application/json" } else { "application/octet-stream" })
}

/// What no broker is asked for, since Pinot's controller answers it: statements that cannot be parsed, that need the
/// multi-stage engine without asking for it, that read no table, and unknown tables asked of that engine.
fn refused_here(app: &App, request: &Map<String, Value>, sql: &str) -> Option<query::Error> {
    let mut statement = match query::parse(sql) {
        Ok(statement) => statement,
        Err(error) => return Some(error),
    };
    let options = request.get("queryOptions").and_then(Value::as_str).unwrap_or_default();
    if let Err(error) = statement.add_options(options) {
        return Some(error);
    }
    let multi_stage = query::QueryOptions::new(&statement.options).use_multistage_engine();
    match (&statement.kind, statement.table()) {
        (query::StatementKind::InsertFromFile { .. }, _) => None,
        // A broker says that it is a query in FROM.
        (query::StatementKind::MultiStage { nested, .. }, _) => {
            (!multi_stage && !nested).then(query::Error::multi_stage)
        }
        (_, None) => (!multi_stage).then(query::Error::multi_stage),
        (_, Some(name)) => {
            let state = app.cluster.read();
            let known = || state.tables.values().any(|table| is_named(name, table.entry.config.raw_name().as_str()));
            (multi_stage && !known()).then(|| query::Error::UnknownTable(name.to_owned()))
        }
    }
}

/// Whether a name in a statement is that of a table, in any case, with or without its type.
fn is_named(name: &str, raw: &str) -> bool {
    let cut = ["_OFFLINE", "_REALTIME"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    name.eq_ignore_ascii_case(raw) || cut.eq_ignore_ascii_case(raw)
}

/// An answer without rows, in the shape of every answer.
fn failure(headers: &HeaderMap, code: ErrorCode, detail: &str) -> Response {
    failed(headers, query::QueryException { error_code: code.number(), message: code.message(detail) })
}

fn failed(headers: &HeaderMap, exception: query::QueryException) -> Response {
    let body = query::response::BrokerResponse::error(exception).to_json();
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type(headers));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_queries() {
        for (sql, found) in [
            ("select * from movies", true),
            ("select * from Movies_OFFLINE limit 1", true),
            ("select * from \"movies\"", true),
            ("select * from mymovies", false),
            ("select * from my_movies", false),
            ("select movies2 from x", false),
        ] {
            assert_eq!(mentions(&sql.to_ascii_lowercase(), "movies"), found, "{sql}");
        }
    }
}
