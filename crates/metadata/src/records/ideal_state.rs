//! Wanted and derived placement of a table's segments.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{view::SegmentState, znode::ZnRecord};

/// What an instance should do with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetState {
    Online,
    Consuming,
    Offline,
}

impl TargetState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Consuming => "CONSUMING",
            Self::Offline => "OFFLINE",
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TargetState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ONLINE" => Ok(Self::Online),
            "CONSUMING" => Ok(Self::Consuming),
            "OFFLINE" => Ok(Self::Offline),
            other => Err(format!("'{other}' is no target state, expected ONLINE, CONSUMING or OFFLINE")),
        }
    }
}

/// Wanted: which instance should hold which segment. Written by the controller alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdealState {
    /// Segment → instance → state.
    #[serde(default)]
    pub segments: BTreeMap<String, BTreeMap<String, TargetState>>,
    #[serde(default)]
    pub replicas: u32,
    /// A disabled table is not queried and its instances unload it.
    #[serde(default)]
    pub disabled: bool,
    /// Further settings, such as a pause of consumption.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl IdealState {
    pub fn new(replicas: u32) -> Self {
        Self { replicas, ..Self::default() }
    }

    /// Wants a segment on these instances in one state, and nowhere else.
    pub fn assign<S: AsRef<str>>(&mut self, segment: &str, instances: impl IntoIterator<Item = S>, state: TargetState) {
        let replicas = instances.into_iter().map(|instance| (instance.as_ref().to_owned(), state)).collect();
        self.segments.insert(segment.to_owned(), replicas);
    }

    /// Segments wanted at an instance, ascending by name.
    pub fn of_instance<'a>(&'a self, instance: &'a str) -> impl Iterator<Item = (&'a str, TargetState)> + 'a {
        self.segments
            .iter()
            .filter_map(move |(segment, replicas)| replicas.get(instance).map(|state| (segment.as_str(), *state)))
    }

    /// Helix's form.
    pub fn to_zn_record(&self, table: &str) -> ZnRecord {
        let mut record = ZnRecord::new(table);
        record.set("REBALANCE_MODE", "CUSTOMIZED");
        record.set("STATE_MODEL_DEF_REF", "SegmentOnlineOfflineStateModel");
        record.set("STATE_MODEL_FACTORY_NAME", "DEFAULT");
        record.set("NUM_PARTITIONS", self.segments.len());
        record.set("REPLICAS", self.replicas);
        record.set("MAX_PARTITIONS_PER_INSTANCE", 1);
        record.set("INSTANCE_GROUP_TAG", table);
        record.set("BATCH_MESSAGE_MODE", false);
        record.set("HELIX_ENABLED", !self.disabled);
        for (key, value) in &self.settings {
            record.set(key, value);
        }
        record.map_fields = self
            .segments
            .iter()
            .map(|(segment, replicas)| {
                (segment.clone(), replicas.iter().map(|(id, state)| (id.clone(), state.to_string())).collect())
            })
            .collect();
        record
    }

    /// Reads Helix's form. States that are no targets are an error sentence.
    pub fn from_zn_record(record: &ZnRecord) -> Result<Self, String> {
        const KNOWN: [&str; 9] = [
            "REBALANCE_MODE",
            "STATE_MODEL_DEF_REF",
            "STATE_MODEL_FACTORY_NAME",
            "NUM_PARTITIONS",
            "REPLICAS",
            "MAX_PARTITIONS_PER_INSTANCE",
            "INSTANCE_GROUP_TAG",
            "BATCH_MESSAGE_MODE",
            "HELIX_ENABLED",
        ];
        let mut segments = BTreeMap::new();
        for (segment, replicas) in &record.map_fields {
            let mut states = BTreeMap::new();
            for (instance, state) in replicas {
                states.insert(instance.clone(), state.parse()?);
            }
            segments.insert(segment.clone(), states);
        }
        let settings = record
            .simple_fields
            .iter()
            .filter(|(key, _)| !KNOWN.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Ok(Self {
            segments,
            replicas: record.get("REPLICAS").and_then(|text| text.parse().ok()).unwrap_or(0),
            disabled: record.get("HELIX_ENABLED") == Some("false"),
            settings,
        })
    }
}

/// Derived: which instance serves which segment. Never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalView {
    /// Segment → instance → state.
    pub segments: BTreeMap<String, BTreeMap<String, SegmentState>>,
}

impl ExternalView {
    /// Helix's form.
    pub fn to_zn_record(&self, table: &str) -> ZnRecord {
        let mut record = ZnRecord::new(table);
        record.set("BUCKET_SIZE", 0);
        record.set("STATE_MODEL_DEF_REF", "SegmentOnlineOfflineStateModel");
        record.map_fields = self
            .segments
            .iter()
            .map(|(segment, replicas)| {
                (segment.clone(), replicas.iter().map(|(id, state)| (id.clone(), state.to_string())).collect())
            })
            .collect();
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helix_form_round_trips() {
        let mut ideal = IdealState::new(2);
        ideal.assign("s1", ["Server_a_1", "Server_b_1"], TargetState::Online);
        ideal.assign("s2", ["Server_a_1"], TargetState::Consuming);
        ideal.settings.insert("isTablePaused".into(), "true".into());
        let record = ideal.to_zn_record("t_OFFLINE");
        assert_eq!(record.map_fields["s2"]["Server_a_1"], "CONSUMING");
        assert_eq!(record.get("NUM_PARTITIONS"), Some("2"));
        assert_eq!(IdealState::from_zn_record(&record), Ok(ideal.clone()));
        let wanted: Vec<_> = ideal.of_instance("Server_b_1").collect();
        assert_eq!(wanted, [("s1", TargetState::Online)]);
        let mut bad = record;
        bad.map_fields.get_mut("s1").unwrap().insert("x".into(), "SLEEPING".into());
        assert!(IdealState::from_zn_record(&bad).is_err());
    }
}
