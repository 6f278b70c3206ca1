//! What a statement is, without running it.

use axum::{
    Json,
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use query::StatementKind;
use serde::Serialize;
use serde_json::json;

use crate::query::SqlRequest;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fingerprint {
    /// 64 bits of the fingerprint, in hexadecimal digits.
    query_hash: String,
    fingerprint: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Refused {
    error: String,
}

/// The statement without its literals
#[utoipa::path(post, path = "/query/sql/queryFingerprint", tag = "Query",
    request_body(content = Object, content_type = "application/json", description = "JSON object with `sql`",
        example = json!({"sql": "select a from t where b > 1"})),
    responses((status = 200, body = Fingerprint), (status = 500, body = Refused)))]
pub(super) async fn fingerprint(body: Bytes) -> Response {
    let made = SqlRequest::from_body(&body)
        .map_err(|error| error.0)
        .and_then(|request| query::fingerprint(&request.sql).map_err(|error| error.to_string()));
    match made {
        Ok(fingerprint) => {
            let hash = twox_hash::XxHash3_64::oneshot(fingerprint.as_bytes());
            Json(Fingerprint { query_hash: format!("{hash:016x}"), fingerprint }).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Json(Refused { error })).into_response(),
    }
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validated {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

/// Whether a statement can be parsed
#[utoipa::path(post, path = "/query/sql/validateSyntax", tag = "Query",
    request_body(content = Object, content_type = "application/json", description = "JSON object with `sql`",
        example = json!({"sql": "select 1"})),
    responses((status = 200, body = Validated)))]
pub(super) async fn validate_syntax(body: Bytes) -> Response {
    let request = match SqlRequest::from_body(&body) {
        Ok(request) => request,
        Err(error) => {
            let error = json!({ "code": 400, "error": error.0 });
            return (StatusCode::BAD_REQUEST, Json(error)).into_response();
        }
    };
    let validated = match query::parse(&request.sql) {
        Ok(statement) => {
            let sql_type = match statement.kind {
                StatementKind::InsertFromFile { .. } => "DML",
                _ => "DQL",
            };
            Validated { valid: true, sql_type: Some(sql_type), error_message: None }
        }
        Err(error) => Validated { valid: false, sql_type: None, error_message: Some(error.to_string()) },
    };
    Json(validated).into_response()
}
