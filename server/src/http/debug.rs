//! Segments with what is wrong with them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};
use service::ApiError;

use super::{describe::readable_time, found_table, segment as found_segment};
use crate::{
    segments::{Failure, Loaded},
    server::State as Server,
};

/// All segments of a table, those that failed to load too
#[utoipa::path(get, path = "/debug/tables/{tableName}", tag = "Debug",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn table(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let table = found_table(&server, &name)?;
    let failures = table.failures();
    let loaded = table.segments();
    let mut segments: Vec<Value> =
        loaded.iter().map(|(name, loaded)| info(name, Some(loaded), failures.get(name))).collect();
    let missing = failures.iter().filter(|(name, _)| !loaded.contains_key(*name));
    segments.extend(missing.map(|(name, failure)| info(name, None, Some(failure))));
    Ok(Json(segments))
}

/// One segment
#[utoipa::path(get, path = "/debug/segments/{tableName}/{segmentName}", tag = "Debug",
    params(("tableName" = String, Path), ("segmentName" = String, Path)),
    responses((status = 200), (status = 404)))]
pub(super) async fn segment(
    State(server): State<Arc<Server>>,
    Path((table_name, name)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let table = found_table(&server, &table_name)?;
    let failures = table.failures();
    let failure = failures.get(name.as_str());
    match (table.segment(&name), failure) {
        (None, None) => found_segment(&table, &name).map(|_| Json(Value::Null)),
        (loaded, failure) => Ok(Json(info(&name, loaded.as_deref(), failure))),
    }
}

fn info(name: &str, loaded: Option<&Loaded>, failure: Option<&Failure>) -> Value {
    let error = failure.map(|failure| {
        json!({
            "timestamp": readable_time(failure.at_ms),
            "errorMessage": failure.message,
            "stackTrace": null,
        })
    });
    json!({
        "segmentName": name,
        "segmentSize": loaded.map_or_else(|| "0 bytes".to_owned(), |loaded| readable_size(loaded.size_bytes)),
        "consumerInfo": null,
        "errorInfo": error,
    })
}

/// Whole units, cut down: `5 KB`.
fn readable_size(bytes: u64) -> String {
    for (unit, shift) in [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)] {
        if bytes >> shift > 0 {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [(0, "0 bytes"), (1023, "1023 bytes"), (5362, "5 KB"), (3 << 20, "3 MB")] {
            assert_eq!(readable_size(bytes), text);
        }
    }
}
