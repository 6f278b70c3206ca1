//! What a controller is told at start.

use std::path::PathBuf;
use std::time::Duration;

use service::{ConfigError, Properties};

/// Settings of a controller, by Pinot's property keys.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// Advertised host: in the instance id, in download URLs. `controller.host`; default `localhost`.
    pub host: String,
    /// Address to listen on. Default: all.
    pub bind_host: String,
    /// `controller.port`; default 9000, and 0 is any free one.
    pub port: u16,
    /// `controller.helix.cluster.name`; default `PinotCluster`.
    pub cluster_name: String,
    /// The deep store: a path or a URL. `controller.data.dir`.
    pub data_dir: String,
    /// Where uploads are received and segments are built. `controller.local.temp.dir`; default `<data dir>/.work` of a
    /// local data dir, else a folder in the system's temporary directory. Emptied at start.
    pub work_dir: PathBuf,
    /// Options of the deep store: `pinot.controller.storage.factory.<scheme>.*` with the scheme as first part.
    pub storage: std::collections::BTreeMap<String, String>,
    /// A session that is silent for so long is dead. Default 10 s.
    pub lease: Duration,
    /// How long brokers wait after a start of the controller for known servers to come back. Default 8 s.
    pub settle: Duration,
    /// `controller.retention.frequencyPeriod`; default 6 h.
    pub retention_period: Duration,
    /// `controller.deleted.segments.retentionInDays`; default 7.
    pub deleted_segments_retention_days: u64,
    /// `controller.disable.ingestion.groovy`; default true.
    pub groovy_disabled: bool,
    /// `cluster.tenant.isolation.enable`; default true. False: instances join untagged.
    pub tenant_isolation: bool,
    /// Largest file that `/ingestFromFile` takes. `controller.ingest.maxFileSize`; default 64 GiB.
    pub max_upload_bytes: u64,
    /// Ingestions that run at the same time. `controller.ingest.maxConcurrent`; default 2.
    pub max_ingestions: usize,
    /// Memory that one segment build may hold. `controller.ingest.memoryBudget`; default 256 MiB.
    pub ingest_memory_bytes: u64,
    /// How long an ingestion waits until the servers have loaded its segment before it answers. Default 10 s.
    pub online_wait: Duration,
}

impl ControllerConfig {
    pub fn from_properties(p: &Properties) -> Result<Self, ConfigError> {
        let data_dir = p
            .get("controller.data.dir")
            .unwrap_or_else(|| std::env::temp_dir().join("PinotController").display().to_string());
        let work_dir = match p.get("controller.local.temp.dir") {
            Some(dir) => PathBuf::from(dir).join(".work"),
            None => match local_path(&data_dir) {
                Some(dir) => dir.join(".work"),
                None => std::env::temp_dir().join(format!("PinotController-{}", std::process::id())),
            },
        };
        let port = match p.first_of(&["controller.port", "controller.access.protocols.http.port"]) {
            Some(_) if p.get("controller.port").is_some() => p.u16("controller.port", 9000)?,
            Some(_) => p.u16("controller.access.protocols.http.port", 9000)?,
            None => 9000,
        };
        Ok(Self {
            host: p.first_of(&["controller.vip.host", "controller.host"]).unwrap_or_else(|| "localhost".to_owned()),
            bind_host: p.string("controller.access.protocols.http.host", "0.0.0.0"),
            port,
            cluster_name: p
                .first_of(&["controller.helix.cluster.name", "pinot.cluster.name"])
                .unwrap_or_else(|| "PinotCluster".to_owned()),
            data_dir,
            work_dir,
            storage: p.subset("pinot.controller.storage.factory."),
            lease: p.period("controller.session.lease", Duration::from_secs(10))?,
            settle: p.period("controller.session.settle", Duration::from_secs(8))?,
            retention_period: retention_period(p)?,
            deleted_segments_retention_days: p.u64("controller.deleted.segments.retentionInDays", 7)?,
            groovy_disabled: p.bool("controller.disable.ingestion.groovy", true)?,
            tenant_isolation: p.bool("cluster.tenant.isolation.enable", true)?,
            max_upload_bytes: p.bytes("controller.ingest.maxFileSize", 64 << 30)?,
            max_ingestions: p.u64("controller.ingest.maxConcurrent", 2)?.clamp(1, 64) as usize,
            ingest_memory_bytes: p.bytes("controller.ingest.memoryBudget", 256 << 20)?,
            online_wait: p.period("controller.ingest.onlineWait", Duration::from_secs(10))?,
        })
    }
}

fn retention_period(p: &Properties) -> Result<Duration, ConfigError> {
    match p.get("controller.retention.frequencyInSeconds") {
        Some(_) => Ok(Duration::from_secs(p.u64("controller.retention.frequencyInSeconds", 21_600)?.max(1))),
        None => p.period("controller.retention.frequencyPeriod", Duration::from_secs(21_600)),
    }
}

/// The path of a data dir that is on this machine.
pub(crate) fn local_path(data_dir: &str) -> Option<PathBuf> {
    match data_dir.split_once("://") {
        None => Some(PathBuf::from(data_dir.strip_prefix("file:").unwrap_or(data_dir))),
        Some(("file", path)) => Some(PathBuf::from(path)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_keys() {
        let config = ControllerConfig::from_properties(&Properties::new()).unwrap();
        assert_eq!(
            (config.port, config.host.as_str(), config.cluster_name.as_str()),
            (9000, "localhost", "PinotCluster")
        );
        let p = Properties::parse(
            "controller.port=9001\ncontroller.data.dir=s3://bucket/path\ncontroller.retention.frequencyPeriod=30m\n\
             pinot.controller.storage.factory.s3.region=x",
            "test",
        )
        .unwrap();
        let config = ControllerConfig::from_properties(&p).unwrap();
        assert_eq!(config.port, 9001);
        assert_eq!(config.retention_period, Duration::from_secs(1800));
        assert_eq!(config.storage["s3.region"], "x");
        assert!(local_path(&config.data_dir).is_none());
        assert_eq!(local_path("file:///a/b"), Some(PathBuf::from("/a/b")));
        assert!(p.unread().is_empty());
    }
}
