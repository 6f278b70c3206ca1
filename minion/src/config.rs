//! Settings of a minion.

use std::{collections::BTreeMap, path::PathBuf};

use service::{ConfigError, Properties};

/// All of it has defaults; `Default` is a minion on its usual port.
#[derive(Clone, Debug)]
pub struct MinionConfig {
    /// Address to listen on. Default `0.0.0.0`.
    pub bind_host: String,
    /// Name under which others reach this minion, part of its instance id. Default `localhost`.
    pub host: String,
    /// Admin HTTP; 0 takes any free port. Default 9514.
    pub port: u16,
    /// `Minion_<host>_<port>` when absent.
    pub instance_id: Option<String>,
    /// Folder of log files that the API shows. Default none.
    pub log_dir: Option<PathBuf>,
    /// What the API shows of the configuration, secrets masked.
    pub shown: BTreeMap<String, String>,
    /// Tags of an instance that the controller does not know yet. Default `minion_untagged`.
    pub tags: Vec<String>,
}

impl Default for MinionConfig {
    fn default() -> Self {
        Self {
            bind_host: "0.0.0.0".to_owned(),
            host: "localhost".to_owned(),
            port: 9514,
            instance_id: None,
            log_dir: None,
            shown: BTreeMap::new(),
            tags: vec!["minion_untagged".to_owned()],
        }
    }
}

impl MinionConfig {
    /// Reads the properties that operators of Pinot use.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        Ok(Self {
            bind_host: properties.string("pinot.minion.bind.host", &defaults.bind_host),
            host: properties.string("pinot.minion.host", &defaults.host),
            port: properties.u16("pinot.minion.port", defaults.port)?,
            instance_id: properties.get("pinot.minion.instance.id"),
            log_dir: properties.get("pinot.minion.logger.root.dir").map(PathBuf::from),
            shown: service::app_configs::shown(properties),
            tags: defaults.tags,
        })
    }
}
