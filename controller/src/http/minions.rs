//! `/minions/status`.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(status))
}

/// The minions with their state: ONLINE, OFFLINE or DRAINED
#[utoipa::path(get, path = "/minions/status", tag = "Minion", params(("status" = Option<String>, Query, description = "only those: ONLINE, OFFLINE or DRAINED"), ("includeTaskCounts" = Option<bool>, Query)), responses((status = 200), (status = 400)))]
async fn status(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let wanted = params.get("status").filter(|text| !text.is_empty()).map(str::to_ascii_uppercase);
    if wanted.as_deref().is_some_and(|status| !matches!(status, "ONLINE" | "OFFLINE" | "DRAINED")) {
        let message = "Invalid status filter. Must be 'ONLINE', 'OFFLINE', or 'DRAINED'";
        return Err(Error::Invalid(message.to_owned()).into());
    }
    let state = app.cluster.read();
    let live = app.cluster.live_ids();
    let mut shown = Vec::new();
    for entry in state.instances.values().filter(|entry| entry.role == "MINION") {
        let status = match (entry.has_tag("minion_drained"), entry.enabled && live.contains(&entry.id)) {
            (true, _) => "DRAINED",
            (false, true) => "ONLINE",
            (false, false) => "OFFLINE",
        };
        if wanted.as_deref().is_none_or(|wanted| wanted == status) {
            shown.push(json!({
                "instanceId": entry.id,
                "host": entry.host,
                "port": entry.port,
                // No task of this version runs on minions.
                "runningTaskCount": 0,
                "status": status,
            }));
        }
    }
    Ok(Json::new(json!({ "currentMinionCount": shown.len(), "minionStatus": shown })))
}
