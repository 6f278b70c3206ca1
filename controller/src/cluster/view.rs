//! What brokers and servers are sent of the cluster.

use proto::v1;

use super::live::LiveInstances;
use super::state::{InstanceEntry, State, Table};

/// A table as a server needs it: the segments it should hold. None when it should hold none.
pub(crate) fn table_for_server(state: &State, name: &str, server: &str) -> Option<v1::Table> {
    let table = state.tables.get(name)?;
    let segments: Vec<v1::Segment> = table
        .segments
        .iter()
        .filter_map(|(segment, entry)| {
            let target = entry.ideal.get(server)?;
            Some(v1::Segment {
                name: segment.clone(),
                target: if table.entry.enabled { target.clone() } else { "OFFLINE".to_owned() },
                metadata_json: entry.text.to_string(),
                replicas: Default::default(),
                crc: entry.record.crc.clone(),
            })
        })
        .collect();
    (!segments.is_empty()).then(|| head(state, name, table, segments))
}

/// A table as a broker needs it: all segments and what their replicas report. None when the broker does not serve it.
pub(crate) fn table_for_broker(state: &State, live: &LiveInstances, name: &str, broker: &str) -> Option<v1::Table> {
    let table = state.tables.get(name)?;
    if !serves(state, table, broker) {
        return None;
    }
    let mut view = live.external_view(name);
    let segments = table
        .segments
        .iter()
        .map(|(segment, entry)| v1::Segment {
            name: segment.clone(),
            target: String::new(),
            metadata_json: entry.text.to_string(),
            replicas: view.remove(segment).unwrap_or_default(),
            crc: entry.record.crc.clone(),
        })
        .collect();
    Some(head(state, name, table, segments))
}

/// Whether a broker is of the table's broker tenant.
pub(crate) fn serves(state: &State, table: &Table, broker: &str) -> bool {
    let tag = super::broker_tag(&table.entry.config);
    state.instances.get(broker).is_some_and(|instance| instance.has_tag(&tag))
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
