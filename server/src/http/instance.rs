//! What this instance is and uses.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::SystemTime};

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use service::ApiError;

use crate::server::State as Server;

/// The tags that this instance was started with
#[utoipa::path(get, path = "/instance/tags", tag = "instance", responses((status = 200, body = Vec<String>)))]
pub(super) async fn tags(State(server): State<Arc<Server>>) -> Json<Vec<String>> {
    Json(server.config.tags.clone())
}

/// The pools that this instance was put into by its tags: none
#[utoipa::path(get, path = "/instance/pools", tag = "instance", responses((status = 200, body = BTreeMap<String, String>)))]
pub(super) async fn pools() -> Json<BTreeMap<String, String>> {
    // Pools are an entry of the instance's config at the controller, which servers do not see.
    Json(BTreeMap::new())
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiskUsage {
    instance_id: String,
    path: String,
    total_space_bytes: u64,
    used_space_bytes: u64,
    last_updated_time_in_epoch_ms: i64,
}

/// How full the disk is on which segments lie
#[utoipa::path(get, path = "/instance/diskUtilization", tag = "instance",
    responses((status = 200, body = DiskUsage), (status = 500)))]
pub(super) async fn disk_utilization(State(server): State<Arc<Server>>) -> Result<Json<DiskUsage>, ApiError> {
    let dir = server.config.data_dir.clone();
    let read = tokio::task::spawn_blocking(move || space(&dir).map(|space| (dir, space)));
    let read = read.await.map_err(|error| ApiError::internal(error.to_string()))?;
    let (dir, (total, used)) = read.map_err(|error| {
        let dir = server.config.data_dir.display();
        ApiError::internal(format!("the file system of {dir} tells no size: {error}"))
    })?;
    Ok(Json(DiskUsage {
        instance_id: server.instance_id.clone(),
        path: dir.display().to_string(),
        total_space_bytes: total,
        used_space_bytes: used,
        last_updated_time_in_epoch_ms: now_ms(),
    }))
}

/// Bytes of a directory's file system, all and those in use.
fn space(dir: &Path) -> std::io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir)?;
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    let free = stat.f_bfree.saturating_mul(stat.f_frsize);
    Ok((total, total.saturating_sub(free)))
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrimaryKeys {
    instance_id: String,
    num_primary_keys: u64,
    upsert_and_dedup_tables: Vec<String>,
    last_updated_time_in_epoch_ms: i64,
}

/// Primary keys that are held for upsert and dedup tables
#[utoipa::path(get, path = "/instance/primaryKeyCount", tag = "instance", responses((status = 200, body = PrimaryKeys)))]
pub(super) async fn primary_key_count(State(server): State<Arc<Server>>) -> Json<PrimaryKeys> {
    // Only realtime tables have keys, and this version has no realtime tables.
    Json(PrimaryKeys {
        instance_id: server.instance_id.clone(),
        num_primary_keys: 0,
        upsert_and_dedup_tables: Vec::new(),
        last_updated_time_in_epoch_ms: now_ms(),
    })
}

/// What this process runs on and with
#[utoipa::path(get, path = "/appconfigs", tag = "AppConfigs", responses((status = 200, body = Object)))]
pub(super) async fn app_configs(State(server): State<Arc<Server>>) -> Json<Value> {
    Json(service::app_configs::document(&server.config.shown))
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_has_a_size() {
        let (total, used) = space(Path::new("/")).unwrap();
        assert!(total > 0 && used <= total);
        assert!(space(Path::new("/no/such/place")).is_err());
    }
}
