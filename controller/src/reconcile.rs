//! Work that keeps the cluster as it should be. Each job is idempotent and runs by timer and when it is nudged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use service::Tasks;

use crate::cluster::{Change, Cluster};
use crate::ingest::Ingestion;
use crate::tables::{self, Retention};

/// Between two looks at files that are due.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);
/// Between two attempts to have segments in state ERROR fetched again.
const RETRY_PERIOD: Duration = Duration::from_secs(30);

/// Starts all of them.
pub(crate) fn start(tasks: &Tasks, cluster: &Arc<Cluster>, ingestion: &Arc<Ingestion>) {
    {
        let ingestion = Arc::clone(ingestion);
        let mut starting = true;
        tasks.spawn_loop("deep store sweep", Duration::ZERO, move || {
            let ingestion = Arc::clone(&ingestion);
            let first = std::mem::take(&mut starting);
            async move {
                ingestion.delete_due(first).await;
                tokio::select! {
                    () = ingestion.swept.notified() => {}
                    () = tokio::time::sleep(SWEEP_PERIOD) => {}
                }
            }
        });
    }
    {
        let cluster = Arc::clone(cluster);
        tasks.spawn("error segments", async move {
            loop {
                tokio::time::sleep(RETRY_PERIOD).await;
                retry_errors(&cluster, None).await;
            }
        });
    }
    {
        let cluster = Arc::clone(cluster);
        tasks.spawn("settling", async move {
            tokio::time::sleep(cluster.config.settle).await;
            cluster.settle();
        });
    }
}

/// Removes segments whose last row is older than their table keeps, of one table or all. Gives how many.
pub(crate) async fn retention(cluster: &Cluster, now_ms: i64, only: Option<&str>) -> Result<usize, crate::Error> {
    cluster
        .write(|state| {
            let mut changes: Vec<Change> = Vec::new();
            let mut removed = 0;
            for (name, table) in state.tables.iter().filter(|(name, _)| only.is_none_or(|only| only == name.as_str())) {
                let config = &table.entry.config;
                // A table whose segments are replaced as a whole keeps them.
                let Some(keep_ms) = config.retention_ms().filter(|_| config.push_type() != "REFRESH") else { continue };
                let files = Retention::choose(None, config, cluster)?;
                for (segment, entry) in &table.segments {
                    let Some(end_ms) = entry.record.end_time_ms else { continue };
                    if now_ms.saturating_sub(end_ms) > keep_ms {
                        changes.extend(tables::remove_segment(name, segment, entry, files, now_ms));
                        removed += 1;
                    }
                }
            }
            Ok((changes, removed))
        })
        .await
}

/// Asks servers once more for segments that they could not load, of one table or all.
pub(crate) async fn retry_errors(cluster: &Cluster, only: Option<&str>) {
    let mut wanted: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    {
        let state = cluster.read();
        for (name, table) in state.tables.iter().filter(|(_, table)| table.entry.enabled) {
            if only.is_some_and(|only| only != name.as_str()) {
                continue;
            }
            let view = cluster.external_view(name);
            for (segment, entry) in &table.segments {
                for (server, target) in &entry.ideal {
                    let reported = view.get(segment).and_then(|view| view.get(server)).map(String::as_str);
                    if target == "ONLINE" && reported == Some("ERROR") {
                        wanted.entry((server.clone(), name.clone())).or_default().push(segment.clone());
                    }
                }
            }
        }
    }
    for ((server, table), segments) in wanted {
        tracing::info!(server, table, segments = segments.len(), "segments in state ERROR are fetched again");
        let payload = json!({ "table": table, "segments": segments });
        if let Err(error) = cluster.request(&server, "REFRESH_SEGMENT", &payload, RETRY_PERIOD).await {
            tracing::warn!(server, table, %error, "segments in state ERROR could not be fetched again");
        }
    }
}
