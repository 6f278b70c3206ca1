//! Settings of a server.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use service::{ConfigError, Properties};

use crate::segments::RetryPauses;

/// `data_dir` has no safe default for several servers on one machine: give each its own.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address to listen on. Default `0.0.0.0`.
    pub bind_host: String,
    /// Name under which brokers reach this server, part of its instance id. Default `localhost`.
    pub host: String,
    /// gRPC queries; 0 takes any free port. Default 8098.
    pub query_port: u16,
    /// Admin HTTP; 0 takes any free port. Default 8097.
    pub admin_port: u16,
    /// `Server_<host>_<query port>` when absent.
    pub instance_id: Option<String>,
    /// Tags of an instance that the controller does not know yet. Default none: the controller gives them.
    pub tags: Vec<String>,
    /// Where segments and the local copy of the assignment lie. Default `<temporary dir>/PinotServer/index`.
    pub data_dir: PathBuf,
    /// Segments that are fetched and opened at a time; 0 takes the number of processors, at least 2. Default 0.
    pub parallel_loads: usize,
    /// Threads that work on one query; 0 takes the number of processors. Default 0.
    pub query_threads: usize,
    /// Queries that run at a time; 0 takes four for each processor. Default 0.
    pub running_queries: usize,
    /// Queries that wait at a time; further ones are refused. Default 1024.
    pub waiting_queries: usize,
    /// For requests that name no time-out. Default 15 s.
    pub query_timeout: Duration,
    /// Bytes that one query may hold beside the segments; 0 takes the engine's own limit. Default 0.
    pub query_memory_bytes: usize,
    /// Folder of log files that the API shows. Default none.
    pub log_dir: Option<PathBuf>,
    /// What the API shows of the configuration, secrets masked.
    pub shown: BTreeMap<String, String>,
    /// Pauses before a segment that could not be loaded is tried again. Default 1 s, doubled up to 60 s.
    pub retry_pauses: RetryPauses,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            bind_host: "0.0.0.0".to_owned(),
            host: "localhost".to_owned(),
            query_port: 8098,
            admin_port: 8097,
            instance_id: None,
            tags: Vec::new(),
            data_dir: std::env::temp_dir().join("PinotServer").join("index"),
            parallel_loads: 0,
            query_threads: 0,
            running_queries: 0,
            waiting_queries: 1024,
            query_timeout: Duration::from_secs(15),
            query_memory_bytes: 0,
            log_dir: None,
            shown: BTreeMap::new(),
            retry_pauses: RetryPauses::default(),
        }
    }
}

impl ServerConfig {
    /// Reads the properties that operators of Pinot use.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        let size = |key: &str, default: usize| {
            properties.u64(key, default as u64).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
        };
        let timeout_ms =
            properties.u64("pinot.server.query.executor.timeout", defaults.query_timeout.as_millis() as u64)?;
        let threads = match properties.i64("pinot.server.query.executor.max.execution.threads", -1)? {
            threads if threads > 0 => usize::try_from(threads).unwrap_or(0),
            _ => size("pinot.query.scheduler.query_worker_threads", 0)?,
        };
        Ok(Self {
            bind_host: properties.string("pinot.server.bind.host", &defaults.bind_host),
            host: properties.string("pinot.server.netty.host", &defaults.host),
            query_port: properties.u16("pinot.server.netty.port", defaults.query_port)?,
            admin_port: properties.u16("pinot.server.adminapi.port", defaults.admin_port)?,
            instance_id: properties.get("pinot.server.instance.id"),
            tags: defaults.tags,
            data_dir: properties
                .get("pinot.server.instance.dataDir")
                .map_or(defaults.data_dir, |dir| PathBuf::from(dir.strip_prefix("file://").unwrap_or(&dir))),
            parallel_loads: size("pinot.server.instance.max.parallel.segment.loads", 0)?,
            query_threads: threads,
            running_queries: size("pinot.query.scheduler.query_runner_threads", 0)?,
            waiting_queries: size("pinot.query.scheduler.max.waiting.queries", defaults.waiting_queries)?,
            query_timeout: Duration::from_millis(timeout_ms),
            query_memory_bytes: 0,
            log_dir: properties.get("pinot.server.logger.root.dir").map(PathBuf::from),
            shown: service::app_configs::shown(properties),
            retry_pauses: defaults.retry_pauses,
        })
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.host.is_empty() || self.host.contains(['/', '\\']) {
            return Err(format!("`{}` is no host name; set pinot.server.netty.host", self.host));
        }
        if self.query_timeout.is_zero() {
            return Err("pinot.server.query.executor.timeout is 0; queries need some time".to_owned());
        }
        Ok(())
    }

    pub(crate) fn parallel_loads(&self) -> usize {
        if self.parallel_loads == 0 { processors().max(2) } else { self.parallel_loads }
    }

    pub(crate) fn running_queries(&self) -> usize {
        if self.running_queries == 0 { processors() * 4 } else { self.running_queries }
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read() {
        let text = "pinot.server.netty.port=7098\npinot.server.instance.dataDir=/d/index\n\
                    pinot.server.query.executor.timeout=700";
        let config = ServerConfig::from_properties(&Properties::parse(text, "test").unwrap()).unwrap();
        assert_eq!((config.query_port, config.query_timeout), (7098, Duration::from_millis(700)));
        assert_eq!(config.data_dir, PathBuf::from("/d/index"));
        assert!(config.validate().is_ok());
    }
}
