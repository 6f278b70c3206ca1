//! The cluster's records in the form of nodes, and back.

use std::collections::BTreeMap;

use metadata::znode::ZnRecord;
use model::Schema;
use serde_json::{Map, Value};

use crate::cluster::{InstanceEntry, InstancePartitions, SegmentEntry, State, Table, TableEntry};
use crate::error::Error;

pub(super) fn of_cluster(name: &str, configs: &BTreeMap<String, String>) -> ZnRecord {
    ZnRecord { simple_fields: configs.clone(), ..ZnRecord::new(name) }
}

/// Ports of a participant by the key of their field.
const PORTS: [&str; 4] = ["grpcPort", "adminPort", "queryServerPort", "queryMailboxPort"];

fn ports(entry: &mut InstanceEntry) -> [&mut i32; 4] {
    [&mut entry.grpc_port, &mut entry.admin_port, &mut entry.query_service_port, &mut entry.query_mailbox_port]
}

pub(super) fn of_instance(entry: &InstanceEntry) -> ZnRecord {
    let mut record = ZnRecord::new(&entry.id);
    record.set("HELIX_HOST", &entry.host);
    record.set("HELIX_PORT", entry.port);
    record.set("HELIX_ENABLED", entry.enabled);
    let mut entry = entry.clone();
    for (key, port) in PORTS.into_iter().zip(ports(&mut entry)) {
        if *port >= 0 {
            record.set(key, *port);
        }
    }
    record.set_some("queriesDisabled", entry.queries_disabled.as_ref());
    record.set_some("queryRateLimitDisabled", entry.query_rate_limit_disabled.then_some(true));
    record.list_fields.insert("TAG_LIST".to_owned(), entry.tags);
    if let Some(tags) = entry.previous_tags {
        record.list_fields.insert("PREVIOUS_TAGS".to_owned(), tags);
    }
    if let Some(pools) = entry.pools {
        record.map_fields.insert("pool".to_owned(), pools);
    }
    record
}

/// An instance as a node describes it; what the node does not say stays as in `known`.
pub(super) fn to_instance(known: &InstanceEntry, record: &ZnRecord) -> Result<InstanceEntry, Error> {
    let mut entry = known.clone();
    let odd = |key: &str, value: &str, expected: &str| {
        let value: String = value.escape_debug().take(200).collect();
        Error::Invalid(format!("simpleFields/{key} is '{value}'; expected {expected}"))
    };
    if let Some(host) = record.get("HELIX_HOST") {
        entry.host = host.to_owned();
    }
    if let Some(text) = record.get("HELIX_PORT") {
        entry.port = text.parse().map_err(|_| odd("HELIX_PORT", text, "a port"))?;
    }
    if let Some(text) = record.get("HELIX_ENABLED") {
        entry.enabled = text.parse().map_err(|_| odd("HELIX_ENABLED", text, "true or false"))?;
    }
    for (key, port) in PORTS.into_iter().zip(ports(&mut entry)) {
        *port = match record.get(key) {
            Some(text) => {
                let number = text.parse::<i32>().ok().filter(|port| (-1..=65_535).contains(port));
                number.ok_or_else(|| odd(key, text, "a port"))?
            }
            None => -1,
        };
    }
    entry.queries_disabled = record.get("queriesDisabled").filter(|text| *text == "true").map(str::to_owned);
    entry.query_rate_limit_disabled = record.get("queryRateLimitDisabled") == Some("true");
    entry.tags = record.list_fields.get("TAG_LIST").cloned().unwrap_or_default();
    entry.previous_tags = record.list_fields.get("PREVIOUS_TAGS").cloned();
    entry.pools = record.map_fields.get("pool").cloned();
    Ok(entry)
}

pub(super) fn of_live_instance(id: &str, session: u64) -> ZnRecord {
    let mut record = ZnRecord::new(id);
    record.set("LIVE_INSTANCE", id);
    record.set("SESSION_ID", format!("{session:x}"));
    record.set("HELIX_VERSION", service::VERSION);
    record
}

pub(super) fn of_schema(name: &str, json: &Value) -> ZnRecord {
    let mut record = ZnRecord::new(name);
    record.set("schemaJSON", json);
    record
}

pub(super) fn to_schema(name: &str, record: &ZnRecord) -> Result<Schema, Error> {
    let invalid = |error: String| Error::Invalid(format!("simpleFields/schemaJSON: {error}"));
    let text = record.get("schemaJSON").ok_or_else(|| invalid("it is missing".to_owned()))?;
    let json: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let schema = Schema::from_json(&json).map_err(|error| invalid(error.to_string()))?;
    if schema.name != name {
        return Err(invalid(format!("its name is {}, the node's is {name}", schema.name)));
    }
    Ok(schema)
}

/// A config's sections, each as text.
pub(super) fn of_table(name: &str, entry: &TableEntry) -> ZnRecord {
    let mut record = ZnRecord::new(name);
    for (key, value) in entry.json.as_object().into_iter().flatten() {
        record.simple_fields.insert(key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    record
}

/// A table config from its sections.
pub(super) fn to_table(record: &ZnRecord) -> Value {
    let section = |(key, text): (&String, &String)| {
        let value = match key.as_str() {
            "tableName" | "tableType" => Value::from(text.as_str()),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        };
        (key.clone(), value)
    };
    Value::Object(record.simple_fields.iter().map(section).collect::<Map<String, Value>>())
}

/// The fields that Helix keeps of a resource.
fn resource(name: &str, model: &str, partitions: usize, replicas: u64) -> ZnRecord {
    let mut record = ZnRecord::new(name);
    record.set("BATCH_MESSAGE_MODE", false);
    record.set("IDEAL_STATE_MODE", "CUSTOMIZED");
    record.set("INSTANCE_GROUP_TAG", name);
    record.set("MAX_PARTITIONS_PER_INSTANCE", 1);
    record.set("NUM_PARTITIONS", partitions);
    record.set("REBALANCE_MODE", "CUSTOMIZED");
    record.set("REPLICAS", replicas);
    record.set("STATE_MODEL_DEF_REF", model);
    record.set("STATE_MODEL_FACTORY_NAME", "DEFAULT");
    record
}

pub(super) const SEGMENT_MODEL: &str = "SegmentOnlineOfflineStateModel";
pub(super) const BROKER_MODEL: &str = "BrokerResourceOnlineOfflineStateModel";

pub(super) fn ideal_state(name: &str, table: &Table) -> ZnRecord {
    let mut record = resource(name, SEGMENT_MODEL, table.segments.len(), u64::from(table.entry.config.replication()));
    record.map_fields = table.segments.iter().map(|(name, entry)| (name.clone(), entry.ideal.clone())).collect();
    record
}

pub(super) fn external_view(name: &str, table: &Table, view: BTreeMap<String, BTreeMap<String, String>>) -> ZnRecord {
    let mut record = resource(name, SEGMENT_MODEL, table.segments.len(), u64::from(table.entry.config.replication()));
    record.map_fields = view;
    record
}

/// Which brokers answer for which table: as it should be, or with `live` as it is.
pub(super) fn broker_resource(state: &State, live: Option<&dyn Fn(&str) -> bool>) -> ZnRecord {
    let mut record = resource("brokerResource", BROKER_MODEL, state.broker_resource.len(), 1);
    let is_shown = |id: &String| live.is_none_or(|is_live| is_live(id));
    let brokers = |ids: &std::collections::BTreeSet<String>| {
        ids.iter().filter(|id| is_shown(id)).map(|id| (id.clone(), "ONLINE".to_owned())).collect()
    };
    record.map_fields = state.broker_resource.iter().map(|(table, ids)| (table.clone(), brokers(ids))).collect();
    record
}

pub(super) fn of_segment(name: &str, entry: &SegmentEntry) -> ZnRecord {
    let mut record = ZnRecord::new(name);
    for (key, value) in crate::http::segment_zk_record(entry) {
        record.simple_fields.insert(key.to_string(), value);
    }
    record
}

/// A segment with what a node changes of it. Only where it lies and its times can be edited: all else is known from
/// the segment itself.
pub(super) fn to_segment(known: &SegmentEntry, node: &ZnRecord) -> Result<SegmentEntry, Error> {
    let before = of_segment(&node.id, known).simple_fields;
    let mut record = (*known.record).clone();
    for (key, text) in &node.simple_fields {
        if before.get(key) == Some(text) {
            continue;
        }
        let shown: String = text.escape_debug().take(200).collect();
        let number = || {
            let odd = |_| Error::Invalid(format!("simpleFields/{key} is '{shown}'; expected a whole number"));
            text.parse::<i64>().map_err(odd)
        };
        match key.as_str() {
            "segment.download.url" => record.download_url.clone_from(text),
            "segment.creation.time" => record.creation_time_ms = number()?,
            "segment.push.time" => record.push_time_ms = number()?,
            "segment.refresh.time" => record.refresh_time_ms = Some(number()?),
            "segment.start.time" => record.start_time_ms = Some(number()?),
            "segment.end.time" => record.end_time_ms = Some(number()?),
            "segment.start.time.raw" => record.start_time_raw = Some(number()?),
            "segment.end.time.raw" => record.end_time_raw = Some(number()?),
            _ => {
                return Err(Error::Invalid(format!(
                    "simpleFields/{key} cannot be edited: it is known from the segment itself. Editable are \
                     segment.download.url, segment.creation.time, segment.push.time, segment.refresh.time, \
                     segment.start.time, segment.end.time and their .raw forms"
                )));
            }
        }
    }
    Ok(SegmentEntry::new(record, known.ideal.clone()))
}

pub(super) fn of_instance_partitions(partitions: &InstancePartitions) -> ZnRecord {
    let list_fields = partitions.partition_to_instances_map.clone();
    ZnRecord { list_fields, ..ZnRecord::new(&partitions.instance_partitions_name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::SegmentRecord;

    #[test]
    fn instances_round_trip() {
        let mut entry =
            InstanceEntry::new("Server_h_1".to_owned(), "h".to_owned(), 1, "SERVER", vec!["a_OFFLINE".to_owned()]);
        entry.admin_port = 8097;
        entry.pools = Some(BTreeMap::from([("a_OFFLINE".to_owned(), "1".to_owned())]));
        let mut record = of_instance(&entry);
        assert_eq!(record.get("adminPort"), Some("8097"));
        assert_eq!(record.get("grpcPort"), None);
        assert_eq!(to_instance(&entry, &record).unwrap(), entry);
        record.list_fields.remove("TAG_LIST");
        record.set("HELIX_ENABLED", "false");
        let edited = to_instance(&entry, &record).unwrap();
        assert!(edited.tags.is_empty() && !edited.enabled);
        record.set("HELIX_PORT", "many");
        assert!(to_instance(&entry, &record).unwrap_err().to_string().contains("HELIX_PORT"));
    }

    #[test]
    fn of_a_segment_times_and_place_can_be_edited() {
        let record = SegmentRecord { crc: "7".to_owned(), total_docs: 3, ..SegmentRecord::default() };
        let entry = SegmentEntry::new(record, BTreeMap::new());
        let mut node = of_segment("s", &entry);
        node.set("segment.end.time", 99);
        node.set("segment.download.url", "http://x/y");
        let edited = to_segment(&entry, &node).unwrap();
        assert_eq!((edited.record.end_time_ms, edited.record.download_url.as_str()), (Some(99), "http://x/y"));
        node.set("segment.total.docs", 4);
        assert!(to_segment(&entry, &node).unwrap_err().to_string().contains("segment.total.docs"));
    }
}
