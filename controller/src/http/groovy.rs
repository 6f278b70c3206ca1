//! `/cluster/configs/groovy/staticAnalyzerConfig`: what Groovy scripts may name. Kept among the cluster's configs.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::parse_json;
use super::{App, Routes, answer};
use crate::cluster::Change;
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(get, set)).routes(routes!(default))
}

const ALL: &str = "pinot.groovy.all.static.analyzer";
const KEYS: [&str; 3] = [ALL, "pinot.groovy.query.static.analyzer", "pinot.groovy.ingestion.static.analyzer"];

/// What a script may do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StaticAnalyzerConfig {
    allowed_receivers: Option<Vec<String>>,
    allowed_imports: Option<Vec<String>>,
    allowed_static_imports: Option<Vec<String>>,
    disallowed_method_names: Option<Vec<String>>,
    method_definition_allowed: bool,
}

/// The configured rules by scope
#[utoipa::path(get, path = "/cluster/configs/groovy/staticAnalyzerConfig", tag = "Cluster", responses((status = 200), (status = 500)))]
async fn get(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let mut found = Map::new();
    for key in KEYS {
        let Some(text) = state.configs.get(key) else { continue };
        let unreadable = |error| Error::Internal(format!("The cluster config {key} cannot be read: {error}"));
        let config: StaticAnalyzerConfig = serde_json::from_str(text).map_err(unreadable)?;
        found.insert(key.to_owned(), json!(config));
    }
    Ok(Json::new(Value::Object(found)))
}

/// Sets rules by scope
#[utoipa::path(post, path = "/cluster/configs/groovy/staticAnalyzerConfig", tag = "Cluster", request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400)))]
async fn set(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let refuse = |reason: String| ApiError::bad_request(reason).as_text();
    let Value::Object(wanted) = parse_json(&body).map_err(refuse)? else {
        return Err(refuse("The body has to be an object from scope to rules".to_owned()));
    };
    let mut changes = Vec::with_capacity(wanted.len());
    for (key, rules) in wanted {
        if !KEYS.contains(&key.as_str()) {
            let message =
                format!("Invalid groovy static analysis config: {key}. Valid configs are: {}", KEYS.join(", "));
            return Err(Error::Invalid(message).into());
        }
        let rules: StaticAnalyzerConfig =
            serde_json::from_value(rules).map_err(|error| refuse(format!("{key}: {error}")))?;
        let text = serde_json::to_string(&rules).map_err(|error| Error::Internal(error.to_string()))?;
        changes.push(Change::PutConfig(key, text));
    }
    app.cluster.write(|_| Ok((changes, ()))).await?;
    Ok(answer::status("Updated Groovy Static Analyzer config."))
}

/// The rules that hold where none are configured
#[utoipa::path(get, path = "/cluster/configs/groovy/staticAnalyzerConfig/default", tag = "Cluster", responses((status = 200)))]
async fn default() -> Json<Value> {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let imports = ["java.lang.Math", "java.util.List", "java.lang.String", "java.util.Map"];
    let rules = StaticAnalyzerConfig {
        allowed_receivers: names(&[
            "java.lang.String",
            "java.lang.Math",
            "java.util.List",
            "java.lang.Object",
            "java.util.Map",
        ]),
        allowed_imports: names(&imports),
        allowed_static_imports: names(&imports),
        disallowed_method_names: names(&["execute", "invoke"]),
        method_definition_allowed: false,
    };
    Json::new(json!({ ALL: rules }))
}
