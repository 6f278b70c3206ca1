//! Settings of a broker.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use service::{ConfigError, Properties};

use crate::cursor::CursorConfig;

/// All of it has defaults; `Default` is a broker on its usual port.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Address to listen on. Default `0.0.0.0`.
    pub bind_host: String,
    /// Name under which others reach this broker, part of its instance id. Default `localhost`.
    pub host: String,
    /// SQL over HTTP; 0 takes any free port. Default 8099.
    pub port: u16,
    /// `Broker_<host>_<port>` when absent.
    pub instance_id: Option<String>,
    /// Tags of an instance that the controller does not know yet. Default none: the controller gives them.
    pub tags: Vec<String>,
    /// For queries and tables that say nothing else. Default 10 s.
    pub query_timeout: Duration,
    /// LIMIT of a statement without one. Default 10.
    pub default_query_limit: usize,
    /// Largest LIMIT. Default 2^31 - 1.
    pub max_query_limit: usize,
    /// Cut a larger LIMIT to the largest instead of refusing the query. Default false.
    pub limit_override: bool,
    /// Null handling of queries that say nothing. Default off.
    pub null_handling: Option<bool>,
    /// Whether running queries are listed and can be cancelled. Default true.
    pub query_cancellation: bool,
    /// Largest request body. Default 16 MiB.
    pub max_body_bytes: usize,
    /// Longest part of a statement that is logged. Default all of it.
    pub query_log_length: usize,
    /// Results that are kept, to be read page by page.
    pub cursor: CursorConfig,
    /// Folder of log files that the API shows. Default none.
    pub log_dir: Option<PathBuf>,
    /// What the API shows of the configuration, secrets masked.
    pub shown: BTreeMap<String, String>,
    /// How long a stopping broker waits for running queries. Default 10 s.
    pub drain: Duration,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            bind_host: "0.0.0.0".to_owned(),
            host: "localhost".to_owned(),
            port: 8099,
            instance_id: None,
            tags: Vec::new(),
            query_timeout: Duration::from_secs(10),
            default_query_limit: 10,
            max_query_limit: i32::MAX as usize,
            limit_override: false,
            null_handling: None,
            query_cancellation: true,
            max_body_bytes: 16 << 20,
            query_log_length: usize::MAX,
            cursor: CursorConfig::default(),
            log_dir: None,
            shown: BTreeMap::new(),
            drain: Duration::from_secs(10),
        }
    }
}

impl BrokerConfig {
    /// Reads the properties that operators of Pinot use.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        let tags = properties.list("pinot.broker.instance.tags");
        let port = properties.u16("pinot.broker.client.queryPort", defaults.port)?;
        Ok(Self {
            bind_host: properties.string("pinot.broker.bind.host", &defaults.bind_host),
            host: properties.string("pinot.broker.hostname", &defaults.host),
            port: properties.u16("pinot.broker.client.access.protocols.http.port", port)?,
            instance_id: properties.get("pinot.broker.instance.id"),
            tags,
            query_timeout: millis(properties, "pinot.broker.timeoutMs", defaults.query_timeout)?,
            default_query_limit: size(properties, "pinot.broker.default.query.limit", defaults.default_query_limit)?,
            max_query_limit: size(properties, "pinot.broker.query.response.limit", defaults.max_query_limit)?,
            limit_override: properties.bool("pinot.broker.enable.query.limit.override", defaults.limit_override)?,
            null_handling: match properties.get("pinot.broker.query.enable.null.handling") {
                None => None,
                Some(_) => Some(properties.bool("pinot.broker.query.enable.null.handling", false)?),
            },
            query_cancellation: properties.bool("pinot.broker.enable.query.cancellation", true)?,
            max_body_bytes: defaults.max_body_bytes,
            query_log_length: size(properties, "pinot.broker.query.log.length", defaults.query_log_length)?,
            cursor: cursor(properties)?,
            log_dir: properties.get("pinot.broker.logger.root.dir").map(PathBuf::from),
            shown: service::app_configs::shown(properties),
            drain: millis(properties, "pinot.broker.delayShutdownTimeMs", defaults.drain)?,
        })
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.host.is_empty() || self.host.contains(['/', '\\']) {
            return Err(format!("`{}` is no host name; set pinot.broker.hostname", self.host));
        }
        if let Some(tag) = self.tags.iter().find(|tag| !tag.ends_with("_BROKER") && *tag != "broker_untagged") {
            return Err(format!("the tag `{tag}` of pinot.broker.instance.tags does not end in _BROKER"));
        }
        if self.query_timeout.is_zero() {
            return Err("pinot.broker.timeoutMs is 0; queries need some time".to_owned());
        }
        Ok(())
    }
}

fn cursor(properties: &Properties) -> Result<CursorConfig, ConfigError> {
    let defaults = CursorConfig::default();
    let dir = properties.get("pinot.broker.cursor.response.store.file.data.dir");
    Ok(CursorConfig {
        fetch_rows: size(properties, "pinot.broker.cursor.fetch.rows", defaults.fetch_rows)?,
        dir: dir.map(|dir| PathBuf::from(dir.strip_prefix("file://").unwrap_or(&dir))),
        expiration: properties.period("pinot.broker.cursor.response.store.expiration", defaults.expiration)?,
        max_results: size(properties, "cuvee.broker.cursor.store.max.results", defaults.max_results)?,
        max_bytes: properties.bytes("cuvee.broker.cursor.store.max.bytes", defaults.max_bytes)?,
    })
}

fn millis(properties: &Properties, key: &str, default: Duration) -> Result<Duration, ConfigError> {
    properties.u64(key, default.as_millis() as u64).map(Duration::from_millis)
}

fn size(properties: &Properties, key: &str, default: usize) -> Result<usize, ConfigError> {
    properties.u64(key, default as u64).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read() {
        let text = "pinot.broker.client.queryPort=8000\npinot.broker.timeoutMs=2000\npinot.broker.hostname=b1";
        let config = BrokerConfig::from_properties(&Properties::parse(text, "test").unwrap()).unwrap();
        assert_eq!((config.port, config.query_timeout, &*config.host), (8000, Duration::from_secs(2), "b1"));
        assert!(config.validate().is_ok());
        let config = BrokerConfig { tags: vec!["x".to_owned()], ..BrokerConfig::default() };
        assert!(config.validate().unwrap_err().contains("_BROKER"));
    }
}
