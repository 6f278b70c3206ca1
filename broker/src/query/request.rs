//! What a client sent: a statement, options, and how it wants errors.

use std::{borrow::Cow, collections::HashMap};

use serde_json::Value;

/// One query request, from a body or a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlRequest {
    pub sql: String,
    /// `k=v;k2=v2`, as written.
    pub query_options: String,
    pub trace: bool,
    /// Only SELECT is allowed (GET).
    pub read_only: bool,
    pub use_multistage: bool,
    /// Pages of the result are asked for.
    pub get_cursor: bool,
    /// Rows of the first page, where the URL says.
    pub cursor_rows: Option<i64>,
    /// Of the `database` header.
    pub database: Option<String>,
}

/// A request that no broker response answers: status 500 with this text alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RawError(pub String);

const MISSING_SQL: &str = "Payload is missing the query string field 'sql'";

impl SqlRequest {
    /// Reads a POST body. `sql` may be any JSON value, of which the text is parsed.
    pub fn from_body(body: &[u8]) -> Result<Self, RawError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| RawError(error.to_string()))?;
        let sql = value.get("sql").ok_or_else(|| RawError(MISSING_SQL.to_owned()))?;
        Ok(Self {
            sql: text(sql).into_owned(),
            query_options: value
                .get("queryOptions")
                .filter(|v| !v.is_null())
                .map(text)
                .unwrap_or_default()
                .into_owned(),
            trace: value.get("trace").is_some_and(|trace| text(trace).eq_ignore_ascii_case("true")),
            ..Self::default()
        })
    }

    /// Reads the parameters of a GET. Without `sql` the text `null` is parsed, and found to be no statement.
    pub fn from_parameters(parameters: &HashMap<String, String>) -> Self {
        let flag = |key: &str| parameters.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Self {
            sql: parameters.get("sql").cloned().unwrap_or_else(|| "null".to_owned()),
            query_options: parameters.get("queryOptions").cloned().unwrap_or_default(),
            trace: flag("trace"),
            read_only: true,
            ..Self::default()
        }
    }
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let ok = |body: &str| SqlRequest::from_body(body.as_bytes()).unwrap();
        let raw = |body: &str| SqlRequest::from_body(body.as_bytes()).unwrap_err().0;
        let request = ok(r#"{"sql":"select 1","trace":"TRUE","queryOptions":"a=b","other":[1]}"#);
        assert_eq!((&*request.sql, request.trace, &*request.query_options), ("select 1", true, "a=b"));
        assert!(ok(r#"{"sql":"select 1","trace":true}"#).trace);
        assert_eq!(ok(r#"{"sql":null}"#).sql, "null");
        assert_eq!(ok(r#"{"sql":"x","queryOptions":null}"#).query_options, "");
        for body in ["{}", "[]", "3", "null", r#"{"SQL":"x"}"#] {
            assert_eq!(raw(body), MISSING_SQL, "{body}");
        }
        for body in ["", "{", "select 1", "{\"sql\":\"\\ud800\"}"] {
            assert!(!raw(body).is_empty() && raw(body) != MISSING_SQL, "{body}");
        }
    }

    #[test]
    fn parameters() {
        let parameters = HashMap::from([("trace".to_owned(), "true".to_owned())]);
        let request = SqlRequest::from_parameters(&parameters);
        assert_eq!((&*request.sql, request.trace, request.read_only), ("null", true, true));
    }
}
