//! Reloads that run on servers, and how far they are. They are cluster state: a controller that starts again goes on
//! with those that had not ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::Tasks;

use crate::clock::Clock;
use crate::cluster::{Change, Cluster, State};
use crate::error::Error;

/// Failures that are shown of one job.
const SHOWN_FAILURES: usize = 5;
/// A server may have many segments to rebuild indexes for.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// One reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
    /// With type.
    pub table: String,
    /// None: all of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The one server that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    pub force_download: bool,
    pub submitted_ms: i64,
    pub servers: usize,
    pub total_segments: usize,
    #[serde(default)]
    pub succeeded: usize,
    /// Segment, server and reason, of the first ones.
    #[serde(default)]
    pub failures: Vec<(String, String, String)>,
    #[serde(default)]
    pub failed: usize,
    #[serde(default)]
    pub failed_calls: usize,
    /// Servers that have not answered yet.
    #[serde(default)]
    pub pending: BTreeMap<String, Asked>,
}

/// What a server is asked to reload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub count: usize,
    /// Empty: all of the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
}

impl Job {
    pub fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    fn payload(&self, asked: &Asked) -> Value {
        let mut payload = json!({ "table": self.table, "forceDownload": self.force_download });
        if let (false, Some(payload)) = (asked.segments.is_empty(), payload.as_object_mut()) {
            payload.insert("segments".to_owned(), json!(asked.segments));
        }
        payload
    }
}

/// What to reload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub table: &'a str,
    /// None: all.
    pub segment: Option<&'a str>,
    pub force_download: bool,
    /// None: every server that holds it.
    pub instance: Option<&'a str>,
    /// Instead of the two above: segments by server.
    pub by_instance: Option<&'a BTreeMap<String, Vec<String>>>,
}

/// Runs reload jobs.
pub(crate) struct Jobs {
    tasks: Tasks,
    clock: Arc<dyn Clock>,
    cluster: Arc<Cluster>,
}

impl Jobs {
    /// Goes on with the jobs that had not ended when the controller was stopped.
    pub fn new(tasks: Tasks, clock: Arc<dyn Clock>, cluster: Arc<Cluster>) -> Arc<Self> {
        let jobs = Arc::new(Self { tasks, clock, cluster });
        let unfinished: Vec<Job> = jobs.cluster.read().jobs.values().filter(|job| !job.is_done()).cloned().collect();
        if !unfinished.is_empty() {
            let resumed = Arc::clone(&jobs);
            jobs.tasks.spawn("unfinished reloads", async move {
                // Not before the servers have had time to come back.
                resumed.cluster.settled().await;
                for job in unfinished {
                    resumed.send(&job);
                }
            });
        }
        jobs
    }

    pub fn get(&self, id: &str) -> Option<Job> {
        self.cluster.read().jobs.get(id).cloned()
    }

    /// Jobs of a table, newest first.
    pub fn of_table(&self, table: &str) -> Vec<Job> {
        let mut found: Vec<Job> = self.cluster.read().jobs.values().filter(|job| job.table == table).cloned().collect();
        found.sort_by_key(|job| std::cmp::Reverse(job.submitted_ms));
        found
    }

    /// As [`Jobs::submit`] for callers that do not wait until the job is recorded.
    pub fn reload(
        self: &Arc<Self>,
        _: &Arc<Cluster>,
        table: &str,
        segment: Option<&str>,
        force_download: bool,
        instance: Option<&str>,
    ) {
        let (jobs, table) = (Arc::clone(self), table.to_owned());
        let (segment, instance) = (segment.map(str::to_owned), instance.map(str::to_owned));
        self.tasks.spawn("reload", async move {
            let wanted = Wanted {
                table: &table,
                segment: segment.as_deref(),
                force_download,
                instance: instance.as_deref(),
                by_instance: None,
            };
            if let Err(error) = jobs.submit(&wanted).await {
                tracing::warn!(table, %error, "a reload could not be recorded");
            }
        });
    }

    /// Records a job and asks the servers. None: no server holds what is wanted, and there is no job.
    pub async fn submit(self: &Arc<Self>, wanted: &Wanted<'_>) -> Result<Option<Job>, Error> {
        let pending = plan(&self.cluster.read(), wanted);
        if pending.is_empty() {
            return Ok(None);
        }
        let job = Job {
            id: uuid::Uuid::new_v4().to_string(),
            table: wanted.table.to_owned(),
            segment: wanted.segment.map(str::to_owned),
            instance: wanted.instance.map(str::to_owned),
            force_download: wanted.force_download,
            submitted_ms: self.clock.now_ms(),
            servers: pending.len(),
            total_segments: pending.values().map(|asked| asked.count).sum(),
            succeeded: 0,
            failures: Vec::new(),
            failed: 0,
            failed_calls: 0,
            pending,
        };
        let kept = self.cluster.config.reload_jobs_kept;
        let put = job.clone();
        self.cluster
            .write(move |state| {
                let mut oldest: Vec<&Job> = state.jobs.values().filter(|job| job.is_done()).collect();
                oldest.sort_by_key(|job| job.submitted_ms);
                let surplus = (state.jobs.len() + 1).saturating_sub(kept);
                let mut changes: Vec<Change> =
                    oldest.into_iter().take(surplus).map(|job| Change::RemoveJob(job.id.clone())).collect();
                changes.push(Change::PutJob(put));
                Ok((changes, ()))
            })
            .await?;
        self.send(&job);
        Ok(Some(job))
    }

    /// Asks the servers that have not answered yet.
    fn send(self: &Arc<Self>, job: &Job) {
        for (server, asked) in job.pending.clone() {
            let (jobs, id, payload) = (Arc::clone(self), job.id.clone(), job.payload(&asked));
            self.tasks.spawn("reload", async move {
                let answer = jobs.cluster.request(&server, "RELOAD_SEGMENT", &payload, TIMEOUT).await;
                let answer = answer.map(|reply| reply.payload_json).map_err(|error| error.to_string());
                jobs.answered(&id, &server, answer).await;
            });
        }
    }

    async fn answered(&self, id: &str, server: &str, answer: Result<String, String>) {
        if let Err(reason) = &answer {
            tracing::warn!(server, job = id, reason, "a reload failed");
        }
        let recorded = self
            .cluster
            .write(|state| {
                let Some(mut job) = state.jobs.get(id).cloned() else { return Ok((Vec::new(), ())) };
                take_answer(&mut job, server, &answer);
                Ok((vec![Change::PutJob(job)], ()))
            })
            .await;
        if let Err(error) = recorded {
            tracing::warn!(server, job = id, %error, "the end of a reload could not be recorded");
        }
    }
}

/// Which servers are to reload what.
fn plan(state: &State, wanted: &Wanted<'_>) -> BTreeMap<String, Asked> {
    let mut pending: BTreeMap<String, Asked> = BTreeMap::new();
    let Some(table) = state.table(wanted.table) else { return pending };
    if let Some(by_instance) = wanted.by_instance {
        for (server, segments) in by_instance {
            let held = |name: &&String| table.segments.get(*name).is_some_and(|entry| entry.ideal.contains_key(server));
            let segments: Vec<String> = segments.iter().filter(held).cloned().collect();
            if !segments.is_empty() {
                pending.insert(server.clone(), Asked { count: segments.len(), segments });
            }
        }
        return pending;
    }
    let chosen =
        table.segments.iter().filter(|(name, _)| wanted.segment.is_none_or(|segment| segment == name.as_str()));
    for (_, entry) in chosen {
        for server in entry.ideal.keys().filter(|id| wanted.instance.is_none_or(|instance| instance == id.as_str())) {
            let asked = pending.entry(server.clone()).or_default();
            asked.count += 1;
            if let Some(segment) = wanted.segment {
                asked.segments = vec![segment.to_owned()];
            }
        }
    }
    pending
}

fn take_answer(job: &mut Job, server: &str, answer: &Result<String, String>) {
    // A server that was asked twice answers twice.
    let Some(asked) = job.pending.remove(server) else { return };
    let Ok(payload) = answer else {
        job.failed_calls += 1;
        return;
    };
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    let failures = payload.get("failures").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let succeeded = payload.get("success").and_then(Value::as_u64).map(|n| n as usize);
    job.succeeded += succeeded.unwrap_or_else(|| asked.count.saturating_sub(failures.len()));
    job.failed += failures.len();
    let text = |failure: &Value, key: &str| failure.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let room = SHOWN_FAILURES.saturating_sub(job.failures.len());
    for failure in failures.iter().take(room) {
        job.failures.push((text(failure, "segment"), server.to_owned(), text(failure, "error")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_add_up() {
        let asked = |count| Asked { count, segments: Vec::new() };
        let mut job = Job {
            id: "1".to_owned(),
            table: "t_OFFLINE".to_owned(),
            segment: None,
            instance: None,
            force_download: false,
            submitted_ms: 0,
            servers: 3,
            total_segments: 6,
            succeeded: 0,
            failures: Vec::new(),
            failed: 0,
            failed_calls: 0,
            pending: BTreeMap::from([
                ("a".to_owned(), asked(2)),
                ("b".to_owned(), asked(2)),
                ("c".to_owned(), asked(2)),
            ]),
        };
        take_answer(&mut job, "a", &Ok(r#"{"success":2,"failures":[]}"#.to_owned()));
        take_answer(&mut job, "a", &Ok(r#"{"success":2,"failures":[]}"#.to_owned()));
        take_answer(&mut job, "b", &Ok(r#"{"success":1,"failures":[{"segment":"s","error":"why"}]}"#.to_owned()));
        assert!(!job.is_done());
        take_answer(&mut job, "c", &Err("gone".to_owned()));
        assert!(job.is_done());
        assert_eq!((job.succeeded, job.failed, job.failed_calls), (3, 1, 1));
        let stored = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&stored).unwrap(), job);
    }
}
