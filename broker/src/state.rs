//! What the parts of a broker share.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use query::StatementCache;

use crate::{BrokerConfig, cursor::ResponseStore, query::Running, quota::Quotas, routing::ClusterView};

/// Statements of one generation of the cache.
const CACHED_STATEMENTS: usize = 1024;

pub struct State {
    pub config: BrokerConfig,
    pub instance_id: String,
    pub view: Arc<ArcSwap<ClusterView>>,
    pub running: Arc<Running>,
    pub quotas: Quotas,
    /// Results that are read page by page.
    pub responses: Arc<ResponseStore>,
    /// Dashboards ask the same again and again.
    pub statements: StatementCache,
    pub stopping: AtomicBool,
    /// Whether the session with the controller is open, so that the view is up to date.
    pub connected: Arc<AtomicBool>,
    next_request: AtomicU64,
}

impl State {
    /// `incarnation` differs between starts, so that request ids of two lives or two brokers do not meet at a server.
    pub fn new(config: BrokerConfig, instance_id: String, incarnation: &str, view: Arc<ArcSwap<ClusterView>>) -> Self {
        let mut hasher = DefaultHasher::new();
        (&instance_id, incarnation).hash(&mut hasher);
        let responses = Arc::new(ResponseStore::open(config.cursor.clone(), &instance_id, now_ms()));
        let first = (hasher.finish() & 0x7fff_ffff) * 1_000_000_000;
        Self {
            config,
            instance_id,
            view,
            running: Arc::default(),
            quotas: Quotas::default(),
            responses,
            statements: StatementCache::new(CACHED_STATEMENTS),
            stopping: AtomicBool::new(false),
            connected: Arc::default(),
            next_request: AtomicU64::new(first),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Fits a signed 64-bit number.
    pub fn next_request_id(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}
