//! Sessions with instances, whichever way they come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use proto::v1::{self, Role, controller_message, instance_message};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Cluster;
use super::live::Live;
use super::outbox::Outbox;
use super::state::{Change, InstanceEntry};
use super::told::Told;

/// Changes that come together are sent together.
const DEBOUNCE: Duration = Duration::from_millis(3);
/// Messages that may wait for the transport.
pub(crate) const OUT_QUEUE: usize = 16;

/// Ends a session for good: its instance is not live any more.
struct Registration {
    cluster: Arc<Cluster>,
    id: String,
    session: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cluster.session_ended(&self.id, self.session);
    }
}

/// Runs one session from its registration to its end.
///
/// `incoming` ends when the transport does. What is sent to `out` reaches the instance; when the receiver is dropped
/// the session ends. Dropping the future ends the session, too.
pub(crate) async fn run(
    cluster: Arc<Cluster>,
    register: v1::Register,
    mut incoming: BoxStream<'static, v1::InstanceMessage>,
    out: mpsc::Sender<v1::ControllerMessage>,
) {
    let id = register.instance_id.clone();
    let takes_changes = register.takes_table_changes;
    let (registration, outbox, role) = match open(&cluster, register).await {
        Ok(opened) => opened,
        Err(reason) => {
            tracing::warn!(instance = id, reason, "a session was refused");
            let _ = out.send(message(controller_message::Message::Refused(v1::Refused { reason }))).await;
            return;
        }
    };
    tracing::info!(instance = id, "session opened");
    if role == Role::Broker {
        // Without this, a broker that keeps routing while the controller restarts would be told of no replica at all.
        tokio::select! {
            () = cluster.settled() => {}
            () = out.closed() => return,
        }
    }
    let mut told = Told::new(id.clone(), role, takes_changes);
    // What is pending is in the snapshot, requests excepted.
    let requests = outbox.take().requests;
    let snapshot = told.snapshot(&cluster);
    if out.send(message(controller_message::Message::Snapshot(snapshot))).await.is_err() {
        return;
    }
    for request in requests {
        if out.send(message(controller_message::Message::Request(request))).await.is_err() {
            return;
        }
    }
    let lease = cluster.config.lease;
    let mut seen = Instant::now();
    loop {
        tokio::select! {
            received = incoming.next() => {
                let Some(received) = received else { break };
                seen = Instant::now();
                match received.message {
                    Some(instance_message::Message::State(report)) => {
                        cluster.report(&id, registration.session, report.segments);
                    }
                    Some(instance_message::Message::Reply(reply)) => outbox.reply(reply),
                    Some(instance_message::Message::Resync(resync)) => {
                        tracing::info!(instance = id, tables = resync.tables.join(", "), "sent whole once more");
                        outbox.whole_tables(resync.tables);
                    }
                    Some(instance_message::Message::Heartbeat(_)) | None => {}
                    Some(instance_message::Message::Register(_)) => {
                        tracing::warn!(instance = id, "a second registration in one session; the session is ended");
                        break;
                    }
                }
            }
            () = outbox.wake.notified() => {
                tokio::time::sleep(DEBOUNCE).await;
                if flush(&cluster, &outbox, &mut told, &out).await.is_err() {
                    break;
                }
            }
            () = tokio::time::sleep_until(seen + lease) => {
                tracing::warn!(instance = id, ?lease, "no sign of life within the lease; the session is ended");
                break;
            }
            () = out.closed() => break,
        }
    }
    tracing::info!(instance = id, "session ended");
}

fn message(message: controller_message::Message) -> v1::ControllerMessage {
    v1::ControllerMessage { message: Some(message) }
}

/// Checks a registration, records the instance and makes it live.
async fn open(cluster: &Arc<Cluster>, register: v1::Register) -> Result<(Registration, Arc<Outbox>, Role), String> {
    let id = register.instance_id.clone();
    let role = register.role();
    let expected = match role {
        Role::Broker => model::InstanceRole::Broker,
        Role::Server => model::InstanceRole::Server,
        Role::Minion => model::InstanceRole::Minion,
        Role::Unspecified => return Err("the registration names no role".to_owned()),
    };
    let parsed = model::InstanceId::parse(&id).map_err(|error| error.to_string())?;
    if parsed.role() != expected {
        return Err(format!("the instance id `{id}` does not begin with {}", expected.prefix()));
    }
    let port = u16::try_from(register.port).map_err(|_| format!("{} is not a port", register.port))?;
    let admin_port =
        u16::try_from(register.admin_port).map_err(|_| format!("{} is not a port", register.admin_port))?;
    if register.host.is_empty() {
        return Err("the registration names no host".to_owned());
    }
    if let Some((host, other)) = cluster.live_address(&id)
        && (host != register.host || other != port)
    {
        return Err(format!("the instance id `{id}` is live at {host}:{other}; give this instance another id"));
    }
    let wanted = register.clone();
    let property = cluster.config.tenant_isolation;
    let stored = cluster
        .write(move |state| {
            let known = state.instances.get(&wanted.instance_id);
            let configured = state.configs.get("cluster.tenant.isolation.enable");
            let isolation = configured.map_or(property, |value| !value.eq_ignore_ascii_case("false"));
            let mut entry = match known {
                Some(known) => known.clone(),
                None => {
                    let tags =
                        if wanted.tags.is_empty() { join_tags(expected, isolation) } else { wanted.tags.clone() };
                    InstanceEntry::new(wanted.instance_id.clone(), wanted.host.clone(), port, expected.name(), tags)
                }
            };
            entry.host = wanted.host.clone();
            entry.port = port;
            if role == Role::Server {
                entry.admin_port = if admin_port == 0 { -1 } else { i32::from(admin_port) };
            }
            // A broker begins to answer for the tables of its tags when it joins. What it ceases to answer for is for
            // operators to say.
            let mut changes = match role {
                Role::Broker => state.follow_tags(&entry.id, &entry.tags, true).0,
                _ => Vec::new(),
            };
            if known != Some(&entry) {
                changes.push(Change::PutInstance(entry));
            }
            Ok((changes, ()))
        })
        .await;
    stored.map_err(|error| error.to_string())?;
    let outbox = Arc::new(Outbox::default());
    let session = cluster.next_session();
    let mut segments: HashMap<String, HashMap<String, super::Current>> = HashMap::new();
    for report in register.segments {
        if report.state == "DROPPED" {
            continue;
        }
        let current =
            super::Current { state: report.state, crc: report.crc, error: report.error, size_bytes: report.size_bytes };
        segments.entry(report.table).or_default().insert(report.segment, current);
    }
    let live = Live { session, role, host: register.host, port, admin_port, segments, outbox: Arc::clone(&outbox) };
    cluster.session_opened(&id, live);
    Ok((Registration { cluster: Arc::clone(cluster), id, session }, outbox, role))
}

/// Tags of an instance that joins and brings none.
fn join_tags(role: model::InstanceRole, isolation: bool) -> Vec<String> {
    match (role, isolation) {
        (model::InstanceRole::Broker, false) => vec!["broker_untagged".to_owned()],
        (model::InstanceRole::Server, false) => vec!["server_untagged".to_owned()],
        (role, _) => role.default_tags(),
    }
}

/// Sends what is pending. An error means that the session is over.
async fn flush(
    cluster: &Cluster,
    outbox: &Outbox,
    told: &mut Told,
    out: &mpsc::Sender<v1::ControllerMessage>,
) -> Result<(), mpsc::error::SendError<v1::ControllerMessage>> {
    let pending = outbox.take();
    if pending.is_empty() {
        return Ok(());
    }
    let update = told.update(cluster, &pending);
    if update != v1::Update::default() {
        out.send(message(controller_message::Message::Update(update))).await?;
    }
    for request in pending.requests {
        out.send(message(controller_message::Message::Request(request))).await?;
    }
    Ok(())
}
