//! The session with the controller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use proto::{SessionError, SessionHandler, v1};

/// Registers and stays registered.
pub(crate) struct ControllerSession {
    pub(crate) register: v1::Register,
    pub(crate) connected: Arc<AtomicBool>,
}

#[async_trait]
impl SessionHandler for ControllerSession {
    fn register(&self) -> v1::Register {
        self.register.clone()
    }

    async fn snapshot(&self, _: v1::Snapshot) {}

    async fn update(&self, _: v1::Update) -> Vec<String> {
        Vec::new()
    }

    async fn request(&self, request: v1::Request) -> v1::RequestReply {
        let error = format!("this minion does not know requests of kind {}", request.kind);
        v1::RequestReply { id: request.id, error, payload_json: String::new() }
    }

    async fn next_report(&self) -> v1::StateReport {
        // A minion holds no segments.
        std::future::pending().await
    }

    fn opened(&self) {
        self.connected.store(true, Ordering::Relaxed);
        tracing::info!("the session with the controller is open");
    }

    fn lost(&self, error: &SessionError, pause: Duration) {
        if self.connected.swap(false, Ordering::Relaxed) {
            tracing::warn!(%error, ?pause, "no session with the controller");
        } else {
            tracing::debug!(%error, ?pause, "the controller was not reached");
        }
    }
}
