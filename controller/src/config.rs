//! What a controller is told at start.

use std::path::PathBuf;
use std::time::Duration;

use connectors::net::Reach;
use connectors::remote::{Access, Files};
use segment::archive::Limits;
use service::{ConfigError, Properties};

use crate::periodic::Periods;

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
    /// Start although an object store cannot be asked. `controller.startup.continueWithoutDeepStore`; default false.
    pub start_without_deep_store: bool,
    /// A session that is silent for so long is dead. Default 10 s.
    pub lease: Duration,
    /// How long brokers wait after a start of the controller for known servers to come back. Default 8 s.
    pub settle: Duration,
    /// How often periodic tasks run.
    pub periods: Periods,
    /// Folder of log files that the API shows. `controller.logger.root.dir`; default none.
    pub log_dir: Option<PathBuf>,
    /// What the API shows of the configuration, secrets masked.
    pub shown: std::collections::BTreeMap<String, String>,
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
    /// Largest storage quota of dimension tables, and what they get that name none. `controller.dimTable.maxSize`;
    /// default 200 MiB.
    pub dimension_table_max_bytes: u64,
    /// Tables that ask for fewer replicas get so many. `table.minReplicas`; default 0, none.
    pub table_min_replicas: u32,
    /// What an uploaded segment may unpack to: `controller.segment.upload.maxUnpackedSize`, default 64 GiB, and
    /// `controller.segment.upload.maxCompressionRatio`, default 200.
    pub archive_limits: segment::archive::Limits,
    /// Time that a request with a file may take to arrive. `controller.segment.upload.timeoutInMillis`; default 10 min.
    pub upload_timeout: Duration,
    /// Reloads that are remembered. `controller.reload.segment.maxJobsInZK`; default 100.
    pub reload_jobs_kept: usize,
    /// `controller.enable.storage.quota.check`; default true.
    pub check_storage_quota: bool,
    /// Where `/ingestFromURI` may read from. `controller.ingestFromURI.allowLocalFileSystem`: `true`, `false`, or when
    /// absent files that every user of this machine may read. `controller.ingestFromURI.allowPrivateAddresses`: `true`,
    /// `false`, or when absent private ones for the endpoints of object stores alone.
    pub ingest_access: Access,
    /// Where a segment that is pushed by its URI may be fetched from: as above, and private addresses for `http` too.
    pub segment_access: Access,
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
        let ingest_access = access(p, &data_dir)?;
        Ok(Self {
            host: p.first_of(&["controller.vip.host", "controller.host"]).unwrap_or_else(|| "localhost".to_owned()),
            bind_host: p.string("controller.access.protocols.http.host", "0.0.0.0"),
            port,
            cluster_name: p
                .first_of(&["controller.helix.cluster.name", "pinot.cluster.name"])
                .unwrap_or_else(|| "PinotCluster".to_owned()),
            data_dir,
            work_dir,
            storage: {
                // The name without `pinot.` is older.
                let mut storage = p.subset("controller.storage.factory.");
                storage.extend(p.subset("pinot.controller.storage.factory."));
                storage
            },
            start_without_deep_store: p.bool("controller.startup.continueWithoutDeepStore", false)?,
            lease: p.period("controller.session.lease", Duration::from_secs(10))?,
            settle: p.period("controller.session.settle", Duration::from_secs(8))?,
            periods: periods(p)?,
            log_dir: p.get("controller.logger.root.dir").map(PathBuf::from),
            shown: service::app_configs::shown(p),
            deleted_segments_retention_days: p.u64("controller.deleted.segments.retentionInDays", 7)?,
            groovy_disabled: p.bool("controller.disable.ingestion.groovy", true)?,
            tenant_isolation: p.bool("cluster.tenant.isolation.enable", true)?,
            max_upload_bytes: p.bytes("controller.ingest.maxFileSize", 64 << 30)?,
            max_ingestions: p.u64("controller.ingest.maxConcurrent", 2)?.clamp(1, 64) as usize,
            ingest_memory_bytes: p.bytes("controller.ingest.memoryBudget", 256 << 20)?,
            dimension_table_max_bytes: p.bytes("controller.dimTable.maxSize", 200 << 20)?,
            table_min_replicas: u32::try_from(p.u64("table.minReplicas", 0)?).unwrap_or(u32::MAX),
            archive_limits: Limits {
                max_bytes: p.bytes("controller.segment.upload.maxUnpackedSize", 64 << 30)?,
                max_ratio: p.u64("controller.segment.upload.maxCompressionRatio", 200)?.max(1),
            },
            upload_timeout: Duration::from_millis(p.u64("controller.segment.upload.timeoutInMillis", 600_000)?),
            reload_jobs_kept: p.u64("controller.reload.segment.maxJobsInZK", 100)?.clamp(1, 10_000) as usize,
            check_storage_quota: p.bool("controller.enable.storage.quota.check", true)?,
            segment_access: Access { http: ingest_access.stores, ..ingest_access.clone() },
            ingest_access,
            online_wait: p.period("controller.ingest.onlineWait", Duration::from_secs(10))?,
        })
    }
}

/// Where requests may send the controller for files.
fn access(p: &Properties, data_dir: &str) -> Result<Access, ConfigError> {
    const FILES: &str = "controller.ingestFromURI.allowLocalFileSystem";
    const ADDRESSES: &str = "controller.ingestFromURI.allowPrivateAddresses";
    let files = match p.get(FILES) {
        None => Files::Public,
        Some(_) if p.bool(FILES, true)? => Files::Any,
        Some(_) => Files::None,
    };
    let (http, stores) = match p.get(ADDRESSES) {
        None => (Reach::Public, Reach::Site),
        Some(_) if p.bool(ADDRESSES, true)? => (Reach::Any, Reach::Any),
        Some(_) => (Reach::Public, Reach::Public),
    };
    Ok(Access {
        files,
        private_dirs: local_path(data_dir).map(|dir| std::path::absolute(&dir).unwrap_or(dir)).into_iter().collect(),
        http,
        stores,
        max_bytes: p.bytes("controller.ingest.maxFileSize", 64 << 30)?,
    })
}

/// Each period may be written with a unit, or in seconds under an older key.
fn periods(p: &Properties) -> Result<Periods, ConfigError> {
    let period = |name: &str, default: Duration| {
        let (key, seconds) =
            (format!("controller.{name}.frequencyPeriod"), format!("controller.{name}.frequencyInSeconds"));
        let period = match p.get(&seconds) {
            Some(_) if p.get(&key).is_none() => Duration::from_secs(p.u64(&seconds, default.as_secs())?),
            _ => p.period(&key, default)?,
        };
        Ok(period.max(Duration::from_secs(1)))
    };
    let default = Periods::default();
    Ok(Periods {
        broker_resource_validation: period("broker.resource.validation", default.broker_resource_validation)?,
        offline_segment_validation: period("offline.segment.validation", default.offline_segment_validation)?,
        retention: period("retention", default.retention)?,
        status_checker: period("statuschecker", default.status_checker)?,
    })
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
        assert_eq!(config.periods.retention, Duration::from_secs(1800));
        assert_eq!(config.storage["s3.region"], "x");
        assert!(local_path(&config.data_dir).is_none());
        assert_eq!(local_path("file:///a/b"), Some(PathBuf::from("/a/b")));
        assert!(p.unread().is_empty());
    }
}
