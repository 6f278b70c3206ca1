//! Reloads that run on servers, and how far they are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use service::Tasks;

use crate::clock::Clock;
use crate::cluster::Cluster;

/// Jobs that are remembered.
const KEPT: usize = 1000;
/// Failures that are shown of one job.
const SHOWN_FAILURES: usize = 5;
/// A server may have many segments to rebuild indexes for.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// One reload.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub id: String,
    pub table: String,
    /// None: all of the table.
    pub segment: Option<String>,
    pub submitted_ms: i64,
    pub servers: usize,
    pub total_segments: usize,
    pub succeeded: usize,
    pub failures: Vec<(String, String, String)>,
    pub failed_calls: usize,
    pub answered: usize,
}

impl Job {
    pub fn is_done(&self) -> bool {
        self.answered >= self.servers
    }
}

/// Reload jobs, the newest ones.
pub(crate) struct Jobs {
    jobs: Mutex<VecDeque<Job>>,
    tasks: Tasks,
    clock: Arc<dyn Clock>,
}

impl Jobs {
    pub fn new(tasks: Tasks, clock: Arc<dyn Clock>) -> Self {
        Self { jobs: Mutex::default(), tasks, clock }
    }

    pub fn get(&self, id: &str) -> Option<Job> {
        self.jobs.lock().iter().find(|job| job.id == id).cloned()
    }

    /// Jobs of a table, newest first.
    pub fn of_table(&self, table: &str) -> Vec<Job> {
        self.jobs.lock().iter().filter(|job| job.table == table).cloned().collect()
    }

    /// Asks every server that holds the table (or the one segment of it) to reload. Gives the job's id and how many
    /// servers were asked.
    pub fn reload(
        self: &Arc<Self>,
        cluster: &Arc<Cluster>,
        table: &str,
        segment: Option<&str>,
        force_download: bool,
        target: Option<&str>,
    ) -> (String, usize) {
        let mut held: BTreeMap<String, usize> = BTreeMap::new();
        {
            let state = cluster.read();
            let segments = state.table(table).map(|t| &t.segments).into_iter().flatten();
            for (_, entry) in segments.filter(|(name, _)| segment.is_none_or(|wanted| wanted == name.as_str())) {
                for server in entry.ideal.keys().filter(|id| target.is_none_or(|target| target == id.as_str())) {
                    *held.entry(server.clone()).or_default() += 1;
                }
            }
        }
        let id = uuid::Uuid::new_v4().to_string();
        let job = Job {
            id: id.clone(),
            table: table.to_owned(),
            segment: segment.map(str::to_owned),
            submitted_ms: self.clock.now_ms(),
            servers: held.len(),
            total_segments: held.values().sum(),
            succeeded: 0,
            failures: Vec::new(),
            failed_calls: 0,
            answered: 0,
        };
        {
            let mut jobs = self.jobs.lock();
            jobs.push_front(job);
            jobs.truncate(KEPT);
        }
        let mut payload = json!({ "table": table, "forceDownload": force_download });
        if let (Some(segment), Some(payload)) = (segment, payload.as_object_mut()) {
            payload.insert("segments".to_owned(), json!([segment]));
        }
        let asked = held.len();
        for (server, count) in held {
            let (jobs, cluster, id, payload) = (Arc::clone(self), Arc::clone(cluster), id.clone(), payload.clone());
            self.tasks.spawn("reload", async move {
                let answer = cluster.request(&server, "RELOAD_SEGMENT", &payload, TIMEOUT).await;
                jobs.answered(&id, &server, count, answer.map(|reply| reply.payload_json).map_err(|e| e.to_string()));
            });
        }
        (id, asked)
    }

    fn answered(&self, id: &str, server: &str, count: usize, answer: Result<String, String>) {
        let mut jobs = self.jobs.lock();
        let Some(job) = jobs.iter_mut().find(|job| job.id == id) else { return };
        job.answered += 1;
        match answer {
            Ok(payload) => {
                let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
                let failures = payload.get("failures").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let succeeded = payload.get("success").and_then(Value::as_u64).map(|n| n as usize);
                job.succeeded += succeeded.unwrap_or_else(|| count.saturating_sub(failures.len()));
                let text = |failure: &Value, key: &str| {
                    failure.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                let room = SHOWN_FAILURES.saturating_sub(job.failures.len());
                for failure in failures.iter().take(room) {
                    job.failures.push((text(failure, "segment"), server.to_owned(), text(failure, "error")));
                }
            }
            Err(reason) => {
                tracing::warn!(server, job = id, reason, "a reload failed");
                job.failed_calls += 1;
            }
        }
    }
}
