//! Instances, tenants and their tags.

use serde::{Deserialize, Serialize};

use super::{NameError, TableType, check_component, string_name};

/// What an instance runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum InstanceRole {
    Controller,
    Broker,
    Server,
    Minion,
}

impl InstanceRole {
    pub const ALL: [Self; 4] = [Self::Controller, Self::Broker, Self::Server, Self::Minion];

    /// The prefix of instance ids, with its underscore.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Controller => "Controller_",
            Self::Broker => "Broker_",
            Self::Server => "Server_",
            Self::Minion => "Minion_",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => "CONTROLLER",
            Self::Broker => "BROKER",
            Self::Server => "SERVER",
            Self::Minion => "MINION",
        }
    }

    /// The port an instance of this role listens on unless configured: REST, or the query port of a server.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Controller => 9000,
            Self::Broker => 8099,
            Self::Server => 8098,
            Self::Minion => 9514,
        }
    }

    /// Tags of an instance that joins without any, when tenants are not isolated by hand.
    pub fn default_tags(self) -> Vec<String> {
        let tenant = TenantName::default();
        match self {
            Self::Controller => Vec::new(),
            Self::Broker => vec![tenant.broker_tag()],
            Self::Server => vec![tenant.server_tag(TableType::Offline), tenant.server_tag(TableType::Realtime)],
            Self::Minion => vec!["minion_untagged".to_owned()],
        }
    }
}

const KIND: &str = "Instance id";

/// `Controller_<host>_<port>`, `Broker_…`, `Server_…`, `Minion_…`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(String);
string_name!(InstanceId);

impl InstanceId {
    pub fn new(role: InstanceRole, host: &str, port: u16) -> Result<Self, NameError> {
        Self::parse(&format!("{}{host}_{port}", role.prefix()))
    }

    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_component(KIND, text)?;
        let fail = |reason: &'static str| NameError::new(KIND, text, reason);
        let role = InstanceRole::ALL
            .into_iter()
            .find(|role| text.starts_with(role.prefix()))
            .ok_or_else(|| fail("does not start with Controller_, Broker_, Server_ or Minion_"))?;
        let (host, port) = text[role.prefix().len()..]
            .rsplit_once('_')
            .ok_or_else(|| fail("is not of the form <Role>_<host>_<port>"))?;
        if host.is_empty() || host.starts_with('.') || host.contains(char::is_whitespace) || host.contains('%') {
            return Err(fail("has no valid host"));
        }
        port.parse::<u16>().map_err(|_| fail("does not end in a port number"))?;
        Ok(Self(text.to_owned()))
    }

    pub fn role(&self) -> InstanceRole {
        InstanceRole::ALL.into_iter().find(|role| self.0.starts_with(role.prefix())).unwrap_or(InstanceRole::Server)
    }

    pub fn host(&self) -> &str {
        self.rest().rsplit_once('_').map_or("", |(host, _)| host)
    }

    pub fn port(&self) -> u16 {
        self.rest().rsplit_once('_').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
    }

    fn rest(&self) -> &str {
        &self.0[self.role().prefix().len()..]
    }
}

/// A tenant: a pool of instances that share a tag.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(String);
string_name!(TenantName);

impl Default for TenantName {
    fn default() -> Self {
        Self("DefaultTenant".to_owned())
    }
}

impl TenantName {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_component("Tenant name", text)?;
        if text.contains(char::is_whitespace) {
            return Err(NameError::new("Tenant name", text, "containing space is not allowed"));
        }
        Ok(Self(text.to_owned()))
    }

    /// `<tenant>_BROKER`.
    pub fn broker_tag(&self) -> String {
        format!("{}_BROKER", self.0)
    }

    /// `<tenant>_OFFLINE` or `<tenant>_REALTIME`.
    pub fn server_tag(&self, table_type: TableType) -> String {
        format!("{}{}", self.0, table_type.suffix())
    }

    /// The tenant of a tag: what stands before `_BROKER`, `_OFFLINE` or `_REALTIME`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        ["_BROKER", "_OFFLINE", "_REALTIME"]
            .into_iter()
            .find_map(|suffix| tag.strip_suffix(suffix))
            .and_then(|name| Self::parse(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_ids() {
        let id = InstanceId::new(InstanceRole::Server, "my_host.example", 8098).unwrap();
        assert_eq!(id.as_str(), "Server_my_host.example_8098");
        assert_eq!((id.role(), id.host(), id.port()), (InstanceRole::Server, "my_host.example", 8098));
        for bad in ["Server_8098", "Server__8098", "Thing_h_1", "Server_h_99999", "Server_h_x", "Server_a b_1"] {
            assert!(InstanceId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags() {
        let tenant = TenantName::default();
        assert_eq!(tenant.broker_tag(), "DefaultTenant_BROKER");
        assert_eq!(tenant.server_tag(TableType::Offline), "DefaultTenant_OFFLINE");
        assert_eq!(TenantName::of_tag("x_y_REALTIME").unwrap().as_str(), "x_y");
        assert_eq!(TenantName::of_tag("minion_untagged"), None);
        assert_eq!(InstanceRole::Server.default_tags(), ["DefaultTenant_OFFLINE", "DefaultTenant_REALTIME"]);
    }
}
