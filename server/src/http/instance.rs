//! What this instance is.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::server::State as Server;

/// The tags that this instance was started with
#[utoipa::path(get, path = "/instance/tags", tag = "Instance", responses((status = 200, body = Vec<String>)))]
pub(super) async fn tags(State(server): State<Arc<Server>>) -> Json<Vec<String>> {
    Json(server.config.tags.clone())
}
