//! Keeping a session open: register, heartbeat, report, and connect again after every end.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    session::{ClusterClient, Session, SessionError},
    v1::{
        ControllerMessage, Heartbeat, InstanceMessage, Register, Request, RequestReply, Resync, Snapshot, StateReport,
        Update, controller_message, instance_message,
    },
};

/// How long a controller may take to answer a registration.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Heartbeats when the controller names no lease.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(3);
/// Requests of the controller that one instance works on at a time; further ones wait in the stream.
const CONCURRENT_REQUESTS: usize = 16;

/// Pauses between attempts to reach the controller. Each is shortened by up to half at random.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    pub first: Duration,
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(2) }
    }
}

impl Backoff {
    /// The pause before attempt `attempt` (0 is the first retry).
    pub fn pause(&self, attempt: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << attempt.min(16)).min(self.longest);
        // A fresh `RandomState` is seeded by the system: enough to keep instances from retrying in step.
        let random = RandomState::new().build_hasher().finish();
        whole.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
    }
}

/// What a role does with its session. Called from one task, in the order in which messages arrive.
#[async_trait]
pub trait SessionHandler: Send + Sync + 'static {
    /// The registration, with everything the instance holds at this moment. Reports that are still waiting are
    /// covered by it and are dropped.
    fn register(&self) -> Register;

    /// Everything that concerns the instance; what is not in it does not exist any more.
    async fn snapshot(&self, snapshot: Snapshot);

    /// Applies what has changed. Gives the tables whose changes could not be applied, because what is held of them is
    /// not what they build on: they are asked for whole.
    async fn update(&self, update: Update) -> Vec<String>;

    /// Does what the controller asks. Runs beside the session, so it may take its time.
    async fn request(&self, request: Request) -> RequestReply;

    /// Waits until states have changed and takes them. Dropping the future loses nothing.
    async fn next_report(&self) -> StateReport;

    /// The session is open and its snapshot has been applied.
    fn opened(&self) {}

    /// An attempt failed or a session ended; the next attempt follows after `pause`.
    fn lost(&self, error: &SessionError, pause: Duration);
}

/// Keeps a session until the future is dropped, which ends the session.
pub async fn keep_session(client: Arc<dyn ClusterClient>, handler: Arc<dyn SessionHandler>, backoff: Backoff) {
    let mut attempt = 0;
    loop {
        let error = match open(&*client, &*handler).await {
            Ok((session, lease)) => {
                attempt = 0;
                handler.opened();
                run(session, lease, &handler).await
            }
            Err(error) => error,
        };
        let pause = backoff.pause(attempt);
        attempt = attempt.saturating_add(1);
        handler.lost(&error, pause);
        tokio::time::sleep(pause).await;
    }
}

/// Registers and applies the first snapshot. Gives the session and the time between heartbeats.
async fn open(client: &dyn ClusterClient, handler: &dyn SessionHandler) -> Result<(Session, Duration), SessionError> {
    let deadline = Instant::now() + REGISTRATION_TIMEOUT;
    let timed_out = |_| SessionError::Ended(format!("no answer to the registration within {REGISTRATION_TIMEOUT:?}"));
    let mut session =
        tokio::time::timeout_at(deadline, client.connect(handler.register())).await.map_err(timed_out)??;
    let first = tokio::time::timeout_at(deadline, session.messages.next()).await.map_err(timed_out)?;
    let message = first.ok_or_else(|| SessionError::Ended("it closed the stream".to_owned()))??;
    match message.message {
        Some(controller_message::Message::Snapshot(snapshot)) => {
            let heartbeat = match snapshot.lease_ms {
                0 => DEFAULT_HEARTBEAT,
                lease_ms => Duration::from_millis((lease_ms / 3).max(1)),
            };
            handler.snapshot(snapshot).await;
            Ok((session, heartbeat))
        }
        Some(controller_message::Message::Refused(refused)) => Err(SessionError::Ended(refused.reason)),
        _ => Err(SessionError::Ended("its first message was no snapshot".to_owned())),
    }
}

async fn run(session: Session, heartbeat: Duration, handler: &Arc<dyn SessionHandler>) -> SessionError {
    let Session { sender, mut messages } = session;
    let mut beat = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut requests = tokio::task::JoinSet::new();
    loop {
        let closed = || SessionError::Ended("it closed the stream".to_owned());
        tokio::select! {
            message = messages.next(), if requests.len() < CONCURRENT_REQUESTS => match message {
                Some(Ok(message)) => {
                    if let Err(error) = take(message, handler, &sender, &mut requests).await {
                        return error;
                    }
                }
                Some(Err(error)) => return error,
                None => return closed(),
            },
            Some(_) = requests.join_next(), if !requests.is_empty() => {}
            _ = beat.tick() => {
                if send(&sender, instance_message::Message::Heartbeat(Heartbeat {})).await.is_err() {
                    return closed();
                }
            }
            report = handler.next_report() => {
                if send(&sender, instance_message::Message::State(report)).await.is_err() {
                    return closed();
                }
            }
        }
    }
}

async fn take(
    message: ControllerMessage,
    handler: &Arc<dyn SessionHandler>,
    sender: &mpsc::Sender<InstanceMessage>,
    requests: &mut tokio::task::JoinSet<()>,
) -> Result<(), SessionError> {
    match message.message {
        Some(controller_message::Message::Snapshot(snapshot)) => handler.snapshot(snapshot).await,
        Some(controller_message::Message::Update(update)) => {
            let tables = handler.update(update).await;
            if !tables.is_empty() {
                let ended = |_| SessionError::Ended("it closed the stream".to_owned());
                send(sender, instance_message::Message::Resync(Resync { tables })).await.map_err(ended)?;
            }
        }
        Some(controller_message::Message::Request(request)) => {
            let (handler, sender) = (Arc::clone(handler), sender.clone());
            requests.spawn(async move {
                let reply = handler.request(request).await;
                // A closed session needs no reply: the controller asks again.
                let _ = send(&sender, instance_message::Message::Reply(reply)).await;
            });
        }
        Some(controller_message::Message::Refused(refused)) => return Err(SessionError::Ended(refused.reason)),
        // A newer controller's message that this version does not know.
        None => {}
    }
    Ok(())
}

async fn send(
    sender: &mpsc::Sender<InstanceMessage>,
    message: instance_message::Message,
) -> Result<(), mpsc::error::SendError<InstanceMessage>> {
    sender.send(InstanceMessage { message: Some(message) }).await
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, atomic::AtomicUsize, atomic::Ordering};

    use futures::stream;

    use super::*;

    /// Opens a session that ends after its snapshot, `lives` times, then refuses.
    struct Controller {
        connects: AtomicUsize,
    }

    #[async_trait]
    impl ClusterClient for Controller {
        async fn connect(&self, _: Register) -> Result<Session, SessionError> {
            let number = self.connects.fetch_add(1, Ordering::SeqCst);
            if number == 1 {
                return Err(SessionError::ShuttingDown);
            }
            let (sender, _receiver) = mpsc::channel(4);
            let snapshot = Snapshot { lease_ms: 30, ..Snapshot::default() };
            let message = ControllerMessage { message: Some(controller_message::Message::Snapshot(snapshot)) };
            Ok(Session { sender, messages: stream::iter([Ok(message)]).boxed() })
        }
    }

    #[derive(Default)]
    struct Role {
        events: Mutex<Vec<&'static str>>,
        changed: tokio::sync::Notify,
    }

    impl Role {
        fn push(&self, event: &'static str) {
            if let Ok(mut events) = self.events.lock() {
                events.push(event);
            }
            self.changed.notify_one();
        }
    }

    #[async_trait]
    impl SessionHandler for Role {
        fn register(&self) -> Register {
            self.push("register");
            Register::default()
        }
        async fn snapshot(&self, _: Snapshot) {
            self.push("snapshot");
        }
        async fn update(&self, _: Update) -> Vec<String> {
            Vec::new()
        }
        async fn request(&self, _: Request) -> RequestReply {
            RequestReply::default()
        }
        async fn next_report(&self) -> StateReport {
            std::future::pending().await
        }
        fn lost(&self, _: &SessionError, _: Duration) {
            self.push("lost");
        }
    }

    #[tokio::test]
    async fn registers_again_after_each_end() {
        let role = Arc::new(Role::default());
        let controller = Arc::new(Controller { connects: AtomicUsize::new(0) });
        let backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(2) };
        let task = tokio::spawn(keep_session(controller, Arc::clone(&role) as Arc<dyn SessionHandler>, backoff));
        let expected = ["register", "snapshot", "lost", "register", "lost", "register", "snapshot", "lost"];
        loop {
            if role.events.lock().is_ok_and(|events| events.len() >= expected.len()) {
                break;
            }
            role.changed.notified().await;
        }
        task.abort();
        assert_eq!(role.events.lock().unwrap()[..expected.len()], expected);
    }

    #[test]
    fn pauses_grow_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        for attempt in 0..40 {
            let whole = Duration::from_millis(100 << attempt.min(16)).min(backoff.longest);
            let pause = backoff.pause(attempt);
            assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
        }
    }
}
