//! Shapes that many endpoints answer in.

use serde_json::{Map, Value, json};
use service::http::Json;

/// `{"status": "…"}`.
pub(crate) fn status(message: impl Into<String>) -> Json<Value> {
    Json::new(json!({ "status": message.into() }))
}

/// `{"unrecognizedProperties": {…}, "status": "…"}`. The map goes from JSON pointers to the values of keys that
/// nobody knows.
pub(crate) fn config_status(unrecognized: Map<String, Value>, message: impl Into<String>) -> Json<Value> {
    Json::new(json!({ "unrecognizedProperties": unrecognized, "status": message.into() }))
}
