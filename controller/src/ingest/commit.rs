//! From a packed segment to a record of the table.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use model::{Schema, SegmentName, TableConfig};
use parking_lot::Mutex;
use segment::metadata::SegmentMetadata;
use serde_json::Value;
use tokio::sync::Notify;

use super::{Ingestion, chain};
use crate::cluster::{Change, Cluster, JsonText, SegmentEntry, SegmentRecord, State, Tombstone};
use crate::error::Error;
use crate::tables;

/// Where a segment's file is.
pub(crate) enum Place<'a> {
    /// Here, packed; it goes to the deep store.
    Local(&'a Path),
    /// Where servers can fetch it from; it stays there.
    Elsewhere { uri: String, size_bytes: u64 },
}

/// What an uploader asks of the record that its segment becomes.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The segment may replace one of its name.
    pub allow_refresh: bool,
    /// The segment has to replace one of its name.
    pub refresh_only: bool,
    /// Checksum of the segment that may be replaced, as the client wrote it.
    pub expected_crc: Option<String>,
    /// Refused while another upload of the segment runs; else it waits for that one.
    pub exclusive: bool,
    pub custom: Option<CustomMap>,
    pub crypter: Option<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            allow_refresh: true,
            refresh_only: false,
            expected_crc: None,
            exclusive: false,
            custom: None,
            crypter: None,
        }
    }
}

/// How the custom map of a segment's record changes.
#[derive(Debug)]
pub(crate) struct CustomMap {
    replace: bool,
    map: BTreeMap<String, String>,
}

impl CustomMap {
    /// Reads `{"mapModifyMode": "UPDATE" | "REPLACE", "map": {…}}`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Invalid(format!("Pinot-SegmentZKMetadataCustomMapModifier {reason}"));
        let json: Value = serde_json::from_str(text).map_err(|error| wrong(&format!("is no JSON: {error}")))?;
        let mode = json.get("mapModifyMode").and_then(Value::as_str).unwrap_or_default();
        let replace = match mode.to_ascii_uppercase().as_str() {
            "REPLACE" => true,
            "UPDATE" => false,
            _ => return Err(wrong("has to have mapModifyMode UPDATE or REPLACE")),
        };
        let map = match json.get("map") {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(map) => serde_json::from_value(map.clone()).map_err(|_| wrong("has to have a map of texts as map"))?,
        };
        Ok(Self { replace, map })
    }

    fn apply(&self, old: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut new = if self.replace { BTreeMap::new() } else { old.clone() };
        new.extend(self.map.clone());
        new
    }
}

/// Segments that are being committed, by table name and segment name.
#[derive(Default)]
pub(crate) struct BusySegments {
    set: Mutex<HashSet<(String, String)>>,
    freed: Notify,
}

/// Marks a segment as being committed.
struct Busy<'a> {
    of: &'a BusySegments,
    key: (String, String),
}

impl BusySegments {
    /// Takes a segment; waits for whoever has it unless `exclusive`.
    async fn take(&self, table: &str, segment: &str, exclusive: bool) -> Result<Busy<'_>, Error> {
        let key = (table.to_owned(), segment.to_owned());
        loop {
            let freed = self.freed.notified();
            if self.set.lock().insert(key.clone()) {
                return Ok(Busy { of: self, key });
            }
            if exclusive {
                return Err(Error::Conflict(format!(
                    "Another segment upload is in progress for segment: {segment} of table: {table}, retry later"
                )));
            }
            freed.await;
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.of.set.lock().remove(&self.key);
        self.of.freed.notify_waiters();
    }
}

impl Ingestion {
    /// Stores a segment and records it: a new segment, or a new version of one that is there.
    pub async fn commit(
        &self,
        table: &str,
        metadata: &SegmentMetadata,
        place: Place<'_>,
        rules: &Rules,
    ) -> Result<(), Error> {
        let name = SegmentName::parse(&metadata.segment_name).map_err(|error| Error::Invalid(error.to_string()))?;
        let _busy = self.busy.take(table, name.as_str(), rules.exclusive).await?;
        let now_ms = self.clock.now_ms();
        let raw = table.rsplit_once('_').map_or(table, |(raw, _)| raw);
        let schema = {
            let state = self.cluster.read();
            let (config, schema) = target_of(&state, table)?;
            check(&state, table, &config, &schema, metadata, rules, self.cluster.config.check_storage_quota)?;
            schema
        };
        let path = match place {
            Place::Elsewhere { uri, size_bytes } => {
                let mut record = self.record(&schema, metadata, raw, None, size_bytes, now_ms);
                record.download_url = uri;
                return self.record_segment(table, name.as_str(), record, rules, now_ms).await;
            }
            Place::Local(packed) => {
                if self.is_stored(table, name.as_str(), metadata).await {
                    // Nothing to copy, nothing for the servers to load: only the record changes.
                    return self.touch_segment(table, name.as_str(), metadata, rules, now_ms).await;
                }
                let path = self.claim_path(table, raw, name.as_str()).await?;
                let committed = match self.store.put_file(&path, packed).await {
                    Ok(transfer) => {
                        let record = self.record(&schema, metadata, raw, Some(&path), transfer.size_bytes, now_ms);
                        self.record_segment(table, name.as_str(), record, rules, now_ms).await
                    }
                    Err(error) => {
                        Err(Error::Internal(format!("segment {name} could not be stored: {}", chain(&error))))
                    }
                };
                match committed {
                    Ok(()) => return Ok(()),
                    Err(error) => (path, error),
                }
            }
        };
        let (path, error) = path;
        // What is there of the file goes now; should this fail, too, it goes at the next start.
        let due = Tombstone { path, due_ms: now_ms, pending: false };
        let _ = self.cluster.write(|_| Ok((vec![Change::PutTombstone(due)], ()))).await;
        self.sweep();
        Err(error)
    }

    /// Finds a place for a file and records that it is about to be stored. A file that a record or a tombstone names is
    /// never written over.
    async fn claim_path(&self, table: &str, raw: &str, segment: &str) -> Result<String, Error> {
        self.cluster
            .write(|state| {
                let plain = format!("{raw}/{segment}");
                let taken = state.tombstones.contains_key(&plain)
                    || state.tables.get(table).is_some_and(|table| {
                        table.segments.values().any(|s| s.record.deep_store_path.as_deref() == Some(plain.as_str()))
                    });
                let path = if taken { format!("{plain}.{}", uuid::Uuid::new_v4().simple()) } else { plain };
                let intent = Tombstone { path: path.clone(), due_ms: i64::MAX, pending: true };
                Ok((vec![Change::PutTombstone(intent)], path))
            })
            .await
    }

    /// Whether the table has the very segment, and its file is in the deep store.
    async fn is_stored(&self, table: &str, segment: &str, metadata: &SegmentMetadata) -> bool {
        let path = {
            let state = self.cluster.read();
            let old = state.table(table).and_then(|table| table.segments.get(segment));
            old.filter(|old| old.record.crc == metadata.crc).and_then(|old| old.record.deep_store_path.clone())
        };
        match path {
            // When the store cannot be asked, storing anew will tell.
            Some(path) => self.store.exists(&path).await.unwrap_or(false),
            None => false,
        }
    }

    /// Records that a segment was sent once more.
    async fn touch_segment(
        &self,
        table: &str,
        segment: &str,
        metadata: &SegmentMetadata,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<(), Error> {
        self.cluster
            .write(|state| {
                check_rules(state, table, segment, rules)?;
                let old = state.table(table).and_then(|table| table.segments.get(segment));
                let old = old.ok_or_else(|| Error::NotFound(format!("Table: {table} not found")))?;
                let mut record = SegmentRecord::clone(&old.record);
                record.creation_time_ms = metadata.creation_time_ms;
                record.refresh_time_ms = Some(now_ms);
                record.crypter = rules.crypter.clone();
                record.custom = rules.custom.as_ref().map(|custom| custom.apply(&record.custom)).unwrap_or_default();
                let entry = SegmentEntry::new(record, old.ideal.clone());
                Ok((vec![Change::PutSegment { table: table.to_owned(), segment: segment.to_owned(), entry }], ()))
            })
            .await
    }

    async fn record_segment(
        &self,
        table: &str,
        segment: &str,
        mut record: SegmentRecord,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<(), Error> {
        let live = self.cluster.live_ids();
        self.cluster
            .write(|state| {
                let found = state.table(table);
                let found = found.ok_or_else(|| Error::NotFound(format!("Table: {table} not found")))?;
                check_rules(state, table, segment, rules)?;
                let mut changes: Vec<Change> =
                    record.deep_store_path.clone().map(Change::RemoveTombstone).into_iter().collect();
                let none = BTreeMap::new();
                let old = found.segments.get(segment);
                let custom = old.map_or(&none, |old| &old.record.custom);
                record.custom = rules.custom.as_ref().map(|change| change.apply(custom)).unwrap_or_default();
                record.crypter = rules.crypter.clone();
                let ideal = match old {
                    Some(old) => {
                        record.push_time_ms = old.record.push_time_ms;
                        record.refresh_time_ms = Some(now_ms);
                        if let Some(path) = old.record.deep_store_path.clone() {
                            changes.push(Change::PutTombstone(Tombstone { path, due_ms: now_ms, pending: false }));
                        }
                        old.ideal.clone()
                    }
                    None => tables::instances::place(state, found, &live)?,
                };
                let entry = SegmentEntry::new(record, ideal);
                changes.push(Change::PutSegment { table: table.to_owned(), segment: segment.to_owned(), entry });
                Ok((changes, ()))
            })
            .await?;
        self.sweep();
        Ok(())
    }

    /// The record of a segment. Without `path` it is not in the deep store; the caller says where it is.
    fn record(
        &self,
        schema: &Schema,
        metadata: &SegmentMetadata,
        raw: &str,
        path: Option<&str>,
        packed_size_bytes: u64,
        now_ms: i64,
    ) -> SegmentRecord {
        let name = &metadata.segment_name;
        let over_http = format!("{}{}", self.cluster.base_url, crate::http::encoded_path(&["segments", raw, name]));
        let elsewhere = path.filter(|_| self.local_root.is_none()).map(|path| self.store.url_of(path));
        let controller_url = (path.is_none() || elsewhere.is_some()).then(|| over_http.clone());
        let download_url = elsewhere.unwrap_or(over_http);
        let (start_time_ms, end_time_ms) = super::time_range_ms(schema, metadata).unzip();
        SegmentRecord {
            download_url,
            controller_url,
            deep_store_uri: path.map(|path| self.store.url_of(path)),
            deep_store_path: path.map(str::to_owned),
            crc: metadata.crc.clone(),
            packed_size_bytes,
            total_docs: u64::from(metadata.num_docs),
            creation_time_ms: metadata.creation_time_ms,
            push_time_ms: now_ms,
            refresh_time_ms: None,
            start_time_ms,
            end_time_ms,
            start_time_raw: start_time_ms.and(metadata.min_time),
            end_time_raw: end_time_ms.and(metadata.max_time),
            custom: BTreeMap::new(),
            crypter: None,
            metadata: JsonText::new(&serde_json::to_value(metadata).unwrap_or_default()),
        }
    }

    /// Waits until every replica has loaded the segment or given up, so that a query that follows sees it.
    pub async fn wait_online(&self, table: &str, segment: &str) {
        let loaded = |cluster: &Cluster| {
            let state = cluster.read();
            let Some(entry) = state.table(table).and_then(|table| table.segments.get(segment)) else { return true };
            let live = cluster.live();
            let replicas = live.replicas(table, segment);
            // Dead servers are not waited for.
            entry.ideal.keys().filter(|id| live.is_live(id)).all(|id| {
                replicas.get(id).is_some_and(|current| {
                    current.state == "ERROR" || (current.state == "ONLINE" && current.crc == entry.record.crc)
                })
            })
        };
        if !self.cluster.wait_until(self.cluster.config.online_wait, loaded).await {
            tracing::warn!(table, segment, "the segment is committed, but not every replica has loaded it yet");
        }
    }
}

fn target_of(state: &State, table: &str) -> Result<(Arc<TableConfig>, Arc<Schema>), Error> {
    let found = state.table(table).ok_or_else(|| Error::NotFound(format!("Table: {table} not found")))?;
    let config = Arc::clone(&found.entry.config);
    let schema = tables::schema_of(state, &config)?;
    Ok((config, schema))
}

/// What would refuse the segment in the end is told before its file is copied.
fn check(
    state: &State,
    table: &str,
    config: &TableConfig,
    schema: &Schema,
    metadata: &SegmentMetadata,
    rules: &Rules,
    with_quota: bool,
) -> Result<(), Error> {
    let segment = &metadata.segment_name;
    check_rules(state, table, segment, rules)?;
    for column in &metadata.columns {
        let Some(field) = schema.field(&column.name) else { continue };
        if field.data_type != column.data_type || field.multi_value != column.multi_value {
            let kind = |multi| if multi { "multi-value" } else { "single-value" };
            return Err(Error::Invalid(format!(
                "Segment {segment} does not fit table {table}: its column '{}' is {} {}, the schema's is {} {}",
                column.name,
                kind(column.multi_value),
                column.data_type,
                kind(field.multi_value),
                field.data_type
            )));
        }
    }
    let quota = config.storage_quota_bytes().filter(|_| with_quota);
    if let (Some(quota), Some(found)) = (quota, state.table(table)) {
        let others = found.segments.iter().filter(|(name, _)| *name != segment);
        let present: u64 = others.map(|(_, entry)| size_of(&entry.record)).sum();
        let wanted = present.saturating_add(metadata.size_bytes);
        if wanted > quota {
            return Err(Error::Forbidden(format!(
                "Quota check failed for segment: {segment} of table: {table}, reason: Storage quota exceeded for \
                 Table {table}: its segments would have {wanted} bytes, the quota is {quota} bytes"
            )));
        }
    }
    Ok(())
}

/// Bytes of one replica.
fn size_of(record: &SegmentRecord) -> u64 {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Size {
        size_bytes: Option<u64>,
    }
    record.metadata.read::<Size>().and_then(|size| size.size_bytes).unwrap_or(record.packed_size_bytes)
}

fn check_rules(state: &State, table: &str, segment: &str, rules: &Rules) -> Result<(), Error> {
    let Some(old) = state.table(table).and_then(|table| table.segments.get(segment)) else {
        if rules.refresh_only {
            return Err(Error::Gone(format!("Cannot refresh non-existing segment: {segment} for table: {table}")));
        }
        return Ok(());
    };
    if !rules.allow_refresh {
        return Err(Error::Conflict(format!(
            "Segment: {segment} already exists in table: {table}. Refresh not permitted."
        )));
    }
    let Some(expected) = &rules.expected_crc else { return Ok(()) };
    if expected.parse::<i64>().is_err() {
        return Err(Error::Precondition(format!(
            "IF-MATCH of segment: {segment} of table: {table} has to be a CRC, found: \"{expected}\""
        )));
    }
    if *expected != old.record.crc {
        return Err(Error::Precondition(format!(
            "For segment: {segment} of table: {table}, expected CRC: {expected} does not match existing CRC: {}",
            old.record.crc
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_maps() {
        let old = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let change = |text: &str| CustomMap::parse(text).map(|change| change.apply(&old).len());
        assert_eq!(change(r#"{"mapModifyMode":"UPDATE","map":{"b":"2"}}"#).unwrap(), 2);
        assert_eq!(change(r#"{"mapModifyMode":"REPLACE","map":{"b":"2"}}"#).unwrap(), 1);
        assert_eq!(change(r#"{"mapModifyMode":"REPLACE"}"#).unwrap(), 0);
        for bad in ["{", "{}", r#"{"mapModifyMode":"UPDATE","map":{"b":2}}"#, r#"{"mapModifyMode":"X","map":{}}"#] {
            assert!(change(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn one_upload_of_a_segment_at_a_time() {
        let busy = Arc::new(BusySegments::default());
        let first = busy.take("t", "s", false).await.unwrap();
        assert!(matches!(busy.take("t", "s", true).await, Err(Error::Conflict(_))));
        assert!(busy.take("t", "other", true).await.is_ok());
        let second = {
            let busy = Arc::clone(&busy);
            tokio::spawn(async move { busy.take("t", "s", false).await.is_ok() })
        };
        tokio::task::yield_now().await;
        drop(first);
        assert!(second.await.unwrap());
        assert!(busy.take("t", "s", true).await.is_ok());
    }
}
