//! What brokers and servers are sent of the cluster.

use std::collections::BTreeMap;

use proto::v1;

use super::live::LiveInstances;
use super::state::{InstanceEntry, SegmentEntry, State, Table};

/// A segment as a server needs it. None when it should not hold it.
pub(crate) fn segment_for_server(table: &Table, name: &str, entry: &SegmentEntry, server: &str) -> Option<v1::Segment> {
    let target = entry.ideal.get(server)?;
    Some(v1::Segment {
        name: name.to_owned(),
        target: if table.entry.enabled { target.clone() } else { "OFFLINE".to_owned() },
        metadata_json: entry.text(),
        replicas: Default::default(),
        crc: entry.record.crc.clone(),
    })
}

/// A table as a server needs it: the segments it should hold. None when it should hold none.
pub(crate) fn table_for_server(state: &State, name: &str, server: &str) -> Option<v1::Table> {
    let table = state.tables.get(name)?;
    let held = table.segments.iter().filter_map(|(name, entry)| segment_for_server(table, name, entry, server));
    let segments: Vec<v1::Segment> = held.collect();
    (!segments.is_empty()).then(|| head(state, name, table, segments))
}

/// A segment as a broker needs it, with the states of its replicas.
pub(crate) fn segment_for_broker(name: &str, entry: &SegmentEntry, replicas: BTreeMap<String, String>) -> v1::Segment {
    v1::Segment {
        name: name.to_owned(),
        target: String::new(),
        metadata_json: entry.text(),
        replicas,
        crc: entry.record.crc.clone(),
    }
}

/// A table as a broker needs it: all segments and what their replicas report. None when the broker does not serve it.
pub(crate) fn table_for_broker(state: &State, live: &LiveInstances, name: &str, broker: &str) -> Option<v1::Table> {
    let table = state.tables.get(name)?;
    if !serves(state, name, broker) {
        return None;
    }
    let mut view = live.external_view(name);
    let hidden = table.lineage.hidden();
    let segments = table.segments.iter().filter(|(name, _)| !hidden.contains(name.as_str()));
    let segments = segments.map(|(name, entry)| segment_for_broker(name, entry, view.remove(name).unwrap_or_default()));
    Some(head(state, name, table, segments.collect()))
}

/// Whether a broker answers for a table.
pub(crate) fn serves(state: &State, table: &str, broker: &str) -> bool {
    state.broker_resource.get(table).is_some_and(|brokers| brokers.contains(broker))
}

fn head(state: &State, name: &str, table: &Table, segments: Vec<v1::Segment>) -> v1::Table {
    let raw = table.entry.config.raw_name().to_string();
    v1::Table {
        name: name.to_owned(),
        version: table.version,
        config_json: table.entry.text.to_string(),
        schema_json: state.schemas.get(&raw).map(|schema| schema.text.to_string()).unwrap_or_default(),
        enabled: table.entry.enabled,
        segments,
        revision: 0,
        time_boundary_ms: table.entry.time_boundary_ms,
    }
}

/// A server as brokers need it.
pub(crate) fn instance(entry: &InstanceEntry, live: bool) -> v1::Instance {
    v1::Instance {
        instance_id: entry.id.clone(),
        host: entry.host.clone(),
        port: u32::from(entry.port),
        admin_port: u32::try_from(entry.admin_port).unwrap_or(0),
        tags: entry.tags.clone(),
        live,
        enabled: entry.enabled,
    }
}
