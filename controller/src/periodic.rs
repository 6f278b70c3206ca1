//! Tasks that run by timer, and when an operator asks for a run. Each is idempotent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use service::Tasks;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::cluster::{Change, Cluster};
use crate::error::Error;
use crate::ingest::Ingestion;
use crate::reconcile;

/// Requests for a run that may wait for one task.
const MAX_WAITING: usize = 64;

/// The tasks, by Pinot's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BrokerResourceValidation,
    OfflineSegmentValidation,
    Retention,
    SegmentStatus,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::BrokerResourceValidation, Self::OfflineSegmentValidation, Self::Retention, Self::SegmentStatus];

    fn name(self) -> &'static str {
        match self {
            Self::BrokerResourceValidation => "BrokerResourceValidationManager",
            Self::OfflineSegmentValidation => "OfflineSegmentValidationManager",
            Self::Retention => "RetentionManager",
            Self::SegmentStatus => "SegmentStatusChecker",
        }
    }
}

/// How often each task runs.
#[derive(Clone, Copy, Debug)]
pub struct Periods {
    /// `controller.broker.resource.validation.frequencyPeriod`; default 1 h.
    pub broker_resource_validation: Duration,
    /// `controller.offline.segment.validation.frequencyPeriod`; default 1 h.
    pub offline_segment_validation: Duration,
    /// `controller.retention.frequencyPeriod`; default 6 h.
    pub retention: Duration,
    /// `controller.statuschecker.frequencyPeriod`; default 5 min.
    pub status_checker: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            broker_resource_validation: Duration::from_secs(3_600),
            offline_segment_validation: Duration::from_secs(3_600),
            retention: Duration::from_secs(21_600),
            status_checker: Duration::from_secs(300),
        }
    }
}

impl Periods {
    fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::BrokerResourceValidation => self.broker_resource_validation,
            Kind::OfflineSegmentValidation => self.offline_segment_validation,
            Kind::Retention => self.retention,
            Kind::SegmentStatus => self.status_checker,
        }
    }
}

/// Before the first run by timer: an operator who has just seen a wrong setting has a moment to mend it.
const FIRST_RUN: Duration = Duration::from_secs(120);

/// The doors to the running tasks.
pub(crate) struct PeriodicTasks {
    doors: Vec<(Kind, mpsc::Sender<Option<String>>)>,
}

#[derive(Clone)]
struct Deps {
    cluster: Arc<Cluster>,
    ingestion: Arc<Ingestion>,
    clock: Arc<dyn Clock>,
}

impl PeriodicTasks {
    /// Starts all of them.
    pub fn start(tasks: &Tasks, cluster: &Arc<Cluster>, ingestion: &Arc<Ingestion>, clock: &Arc<dyn Clock>) -> Self {
        let periods = cluster.config.periods;
        let mut doors = Vec::new();
        for kind in Kind::ALL {
            let (door, requests) = mpsc::channel(MAX_WAITING);
            let deps =
                Deps { cluster: Arc::clone(cluster), ingestion: Arc::clone(ingestion), clock: Arc::clone(clock) };
            tasks.spawn(kind.name(), keep_running(kind, periods.of(kind), deps, requests));
            doors.push((kind, door));
        }
        Self { doors }
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.doors.iter().map(|(kind, _)| kind.name()).collect()
    }

    /// Asks for a run soon, over one table or all. None: there is no such task. False: too many runs wait already.
    pub fn run(&self, name: &str, table: Option<String>) -> Option<bool> {
        let (_, door) = self.doors.iter().find(|(kind, _)| kind.name() == name)?;
        Some(door.try_send(table).is_ok())
    }
}

async fn keep_running(kind: Kind, period: Duration, deps: Deps, mut requests: mpsc::Receiver<Option<String>>) {
    let mut next = tokio::time::Instant::now() + period.min(FIRST_RUN);
    loop {
        let table = tokio::select! {
            request = requests.recv() => match request {
                Some(table) => table,
                None => return,
            },
            () = tokio::time::sleep_until(next) => None,
        };
        if table.is_none() {
            next = tokio::time::Instant::now() + period;
        }
        let run = std::panic::AssertUnwindSafe(run(kind, &deps, table.as_deref())).catch_unwind();
        match run.await {
            Ok(Ok(())) => tracing::debug!(task = kind.name(), table, "a periodic task has run"),
            Ok(Err(error)) => tracing::warn!(task = kind.name(), table, %error, "a periodic task failed"),
            Err(_) => tracing::error!(task = kind.name(), table, "a periodic task panicked; it runs again"),
        }
    }
}

async fn run(kind: Kind, deps: &Deps, table: Option<&str>) -> Result<(), Error> {
    match kind {
        Kind::BrokerResourceValidation => validate_brokers(&deps.cluster, table).await,
        Kind::OfflineSegmentValidation => {
            reconcile::retry_errors(&deps.cluster, table).await;
            Ok(())
        }
        Kind::Retention => {
            let removed = reconcile::retention(&deps.cluster, deps.clock.now_ms(), table).await?;
            if removed > 0 {
                tracing::info!(removed, "segments have outlived their retention");
                deps.ingestion.sweep();
            }
            crate::replace::clean_up(&deps.cluster, deps.clock.now_ms(), table, false).await
        }
        Kind::SegmentStatus => {
            for (table, status) in status(&deps.cluster, table) {
                tracing::warn!(
                    table,
                    segments = status.segments,
                    without_replica = status.without_replica,
                    in_error = status.in_error,
                    "some segments are not loaded where they should be"
                );
            }
            Ok(())
        }
    }
}

/// Makes the brokers of a table's tenant answer for it, no more and no less.
async fn validate_brokers(cluster: &Cluster, table: Option<&str>) -> Result<(), Error> {
    let changed = cluster
        .write(|state| {
            let names = state.tables.keys().filter(|name| table.is_none_or(|table| table == name.as_str()));
            let changes: Vec<Change> = names.filter_map(|name| state.rebuild_brokers(name)).collect();
            let count = changes.len();
            Ok((changes, count))
        })
        .await?;
    if changed > 0 {
        tracing::info!(changed, "brokers answer for other tables than before");
    }
    Ok(())
}

/// How a table's segments are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Status {
    segments: usize,
    /// Segments that no server has loaded.
    without_replica: usize,
    /// Segments that some server could not load.
    in_error: usize,
}

/// Enabled tables with segments that are not as they should be.
fn status(cluster: &Cluster, only: Option<&str>) -> BTreeMap<String, Status> {
    let state = cluster.read();
    let live = cluster.live();
    let mut found = BTreeMap::new();
    let tables = state
        .tables
        .iter()
        .filter(|(name, table)| table.entry.enabled && only.is_none_or(|only| only == name.as_str()));
    for (name, table) in tables {
        let view = live.external_view(name);
        let mut status = Status { segments: table.segments.len(), ..Status::default() };
        for (segment, entry) in &table.segments {
            let replicas = view.get(segment);
            let has = |state: &str| {
                let states = replicas.into_iter().flat_map(|replicas| replicas.values());
                states.into_iter().any(|found| found == state)
            };
            let wanted = entry.ideal.values().any(|target| target == "ONLINE");
            status.without_replica += usize::from(wanted && !has("ONLINE"));
            status.in_error += usize::from(has("ERROR"));
        }
        if status.without_replica + status.in_error > 0 {
            found.insert(name.clone(), status);
        }
    }
    found
}
