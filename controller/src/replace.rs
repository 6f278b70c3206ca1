//! Replacements of segments as changes of cluster state.

use crate::cluster::{Change, Cluster, Held, Lineage, State};
use crate::error::Error;
use crate::tables::{self, Retention};

/// Changes the lineage of a table and removes the segments that `plan` gives, all in one step.
pub(crate) async fn change<T>(
    cluster: &Cluster,
    table: &str,
    now_ms: i64,
    plan: impl FnOnce(&mut Lineage, &Held<'_>) -> Result<(Vec<String>, T), Error>,
) -> Result<T, Error> {
    cluster
        .write(|state| {
            let found = state.table(table).ok_or_else(|| Error::NotFound(format!("Table '{table}' not found.")))?;
            let mut lineage = found.lineage.clone();
            let has = |segment: &str| found.segments.contains_key(segment);
            let refresh = found.entry.config.push_type() == "REFRESH";
            let (useless, result) = plan(&mut lineage, &Held { table, segments: &has, refresh })?;
            let mut changes = Vec::new();
            if lineage != found.lineage {
                changes.push(Change::PutLineage { table: table.to_owned(), lineage });
            }
            changes.extend(removals(state, cluster, table, &useless, now_ms)?);
            Ok((changes, result))
        })
        .await
}

fn removals(
    state: &State,
    cluster: &Cluster,
    table: &str,
    segments: &[String],
    now_ms: i64,
) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    let Some(found) = state.table(table) else { return Ok(changes) };
    let retention = Retention::choose(None, &found.entry.config, cluster)?;
    for segment in segments {
        if let Some(entry) = found.segments.get(segment) {
            changes.extend(tables::remove_segment(table, segment, entry, retention, now_ms));
        }
    }
    Ok(changes)
}

/// Forgets replacements that are over, in one table or all; with `now` set, what was replaced goes at once.
pub(crate) async fn clean_up(cluster: &Cluster, now_ms: i64, only: Option<&str>, now: bool) -> Result<(), Error> {
    let tables: Vec<String> = {
        let state = cluster.read();
        let with = state.tables.iter().filter(|(_, table)| !table.lineage.entries.is_empty());
        with.map(|(name, _)| name.clone()).filter(|name| only.is_none_or(|only| only == name)).collect()
    };
    for table in tables {
        change(cluster, &table, now_ms, |lineage, held| Ok((lineage.clean_up(held, now_ms, now), ()))).await?;
    }
    Ok(())
}
