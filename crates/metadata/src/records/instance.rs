//! An instance as the cluster knows it, live or not.

use model::InstanceId;
use serde::{Deserialize, Serialize};

use crate::znode::ZnRecord;

/// Who an instance is and what it may serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRecord {
    pub instance_id: InstanceId,
    pub host: String,
    /// Port of the main service.
    pub port: u16,
    /// Port of the admin API, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_port: Option<u16>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Set by `pools`: pool number by tag.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub pools: std::collections::BTreeMap<String, String>,
    /// Takes no queries although live.
    #[serde(default)]
    pub queries_disabled: bool,
}

fn yes() -> bool {
    true
}

impl InstanceRecord {
    /// An enabled instance with host and port of its id and its role's default tags.
    pub fn new(instance_id: InstanceId) -> Self {
        Self {
            host: instance_id.host().to_owned(),
            port: instance_id.port(),
            admin_port: None,
            grpc_port: None,
            tags: instance_id.role().default_tags(),
            enabled: true,
            pools: std::collections::BTreeMap::new(),
            queries_disabled: false,
            instance_id,
        }
    }

    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// Helix's form, as under CONFIGS/PARTICIPANT.
    pub fn to_zn_record(&self) -> ZnRecord {
        let mut record = ZnRecord::new(self.instance_id.as_str());
        record.set("HELIX_HOST", &self.host);
        record.set("HELIX_PORT", self.port);
        record.set("HELIX_ENABLED", self.enabled);
        record.set_some("adminPort", self.admin_port);
        record.set_some("grpcPort", self.grpc_port);
        if self.queries_disabled {
            record.set("queriesDisabled", true);
        }
        record.list_fields.insert("TAG_LIST".to_owned(), self.tags.clone());
        if !self.pools.is_empty() {
            record.map_fields.insert("pool".to_owned(), self.pools.clone());
        }
        record
    }

    /// Takes over what an edit of Helix's form may change: tags, enabled, pools, host, ports.
    pub fn apply_zn_record(&mut self, record: &ZnRecord) {
        if let Some(tags) = record.list_fields.get("TAG_LIST") {
            self.tags = tags.clone();
        }
        if let Some(pools) = record.map_fields.get("pool") {
            self.pools = pools.clone();
        }
        if let Some(host) = record.get("HELIX_HOST") {
            self.host = host.to_owned();
        }
        let flag = |key: &str| record.get(key).map(|value| value.eq_ignore_ascii_case("true"));
        let port = |key: &str| record.get(key).and_then(|value| value.parse().ok());
        self.enabled = flag("HELIX_ENABLED").unwrap_or(self.enabled);
        self.queries_disabled = flag("queriesDisabled").unwrap_or(self.queries_disabled);
        self.port = port("HELIX_PORT").unwrap_or(self.port);
        self.admin_port = port("adminPort").or(self.admin_port);
        self.grpc_port = port("grpcPort").or(self.grpc_port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helix_form() {
        let id = InstanceId::parse("Server_host_8098").unwrap();
        let mut instance = InstanceRecord::new(id.clone());
        instance.admin_port = Some(8097);
        let mut record = instance.to_zn_record();
        assert_eq!(record.get("HELIX_PORT"), Some("8098"));
        assert_eq!(record.list_fields["TAG_LIST"], ["DefaultTenant_OFFLINE", "DefaultTenant_REALTIME"]);
        record.list_fields.insert("TAG_LIST".into(), vec!["x_OFFLINE".into()]);
        record.set("HELIX_ENABLED", false);
        let mut other = InstanceRecord::new(id);
        other.apply_zn_record(&record);
        assert_eq!(
            (other.tags.as_slice(), other.enabled, other.admin_port),
            (&["x_OFFLINE".to_owned()][..], false, Some(8097))
        );
    }
}
