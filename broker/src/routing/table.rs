//! One physical table as queries are routed over it.

use std::{collections::HashSet, sync::Arc};

use model::{Schema, TableConfig};

use super::facts::SegmentFacts;

/// How the replica of each segment is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Selector {
    /// Each segment by turns.
    #[default]
    Balanced,
    /// One replica index for all segments of a query; another only for a segment that has no such replica.
    ReplicaGroup,
    /// As `ReplicaGroup`, and a server that lacks any of its segments of the table is not asked at all.
    StrictReplicaGroup,
}

impl Selector {
    /// From `routing.instanceSelectorType`; what is unknown is balanced, as is what is absent.
    pub fn from_config(text: Option<&str>) -> Self {
        match text {
            Some(text) if text.eq_ignore_ascii_case("replicaGroup") => Self::ReplicaGroup,
            Some(text) if text.eq_ignore_ascii_case("multiStageReplicaGroup") => Self::ReplicaGroup,
            Some(text) if text.eq_ignore_ascii_case("strictReplicaGroup") => Self::StrictReplicaGroup,
            _ => Self::Balanced,
        }
    }

    /// As the text of an "unavailable" error names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::ReplicaGroup => "replicaGroup",
            Self::StrictReplicaGroup => "strictReplicaGroup",
        }
    }
}

/// State of one replica in the external view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    Online,
    Consuming,
    Offline,
    Error,
}

impl ReplicaState {
    pub fn parse(text: &str) -> Self {
        match text {
            "ONLINE" => Self::Online,
            "CONSUMING" => Self::Consuming,
            "ERROR" => Self::Error,
            _ => Self::Offline,
        }
    }

    pub fn serves(self) -> bool {
        matches!(self, Self::Online | Self::Consuming)
    }
}

#[derive(Clone, Debug)]
pub struct Replica {
    pub server: Arc<str>,
    pub state: ReplicaState,
}

#[derive(Clone, Debug)]
pub struct SegmentRoute {
    pub name: Arc<str>,
    /// Ascending by server.
    pub replicas: Vec<Replica>,
    pub facts: Arc<SegmentFacts>,
    /// It appeared while this broker was watching and has been on no server since: it is still on its way.
    pub fresh: bool,
}

impl SegmentRoute {
    /// Some replica is loaded somewhere, whether or not its server is alive now.
    pub fn is_online(&self) -> bool {
        self.replicas.iter().any(|replica| replica.state.serves())
    }
}

/// A physical table: immutable, replaced by another one when something of it changes. Clones share their segments.
#[derive(Clone, Debug)]
pub struct TableRoute {
    /// With type.
    pub name: Arc<str>,
    pub raw_name: Arc<str>,
    pub version: u64,
    /// Which of the controller's messages about the table it is; changes build on it.
    pub revision: u64,
    pub enabled: bool,
    pub config: Arc<TableConfig>,
    pub schema: Arc<Schema>,
    pub time_column: Option<String>,
    /// Where this OFFLINE half of a hybrid table ends, when an operator has fixed it.
    pub time_boundary_ms: Option<i64>,
    /// Offline segments come once an hour rather than once a day.
    pub pushes_hourly: bool,
    pub selector: Selector,
    /// Ascending by name.
    pub segments: Vec<Arc<SegmentRoute>>,
    /// Empty but for strict replica groups. Servers that strict replica groups leave out: they lack a segment that the view gives them.
    pub incomplete_servers: HashSet<Arc<str>>,
}

impl TableRoute {
    pub fn is_offline(&self) -> bool {
        self.name.ends_with("_OFFLINE")
    }

    /// `_O` or `_R`, behind a server's short name.
    pub fn suffix(&self) -> &'static str {
        if self.is_offline() { "_O" } else { "_R" }
    }

    pub fn segment(&self, name: &str) -> Option<&Arc<SegmentRoute>> {
        self.segments.get(self.position(name).ok()?)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.segments.binary_search_by(|segment| (*segment.name).cmp(name))
    }

    /// Adds a segment or replaces it.
    pub fn put_segment(&mut self, segment: SegmentRoute) {
        match self.position(&segment.name) {
            Ok(at) => self.segments[at] = Arc::new(segment),
            Err(at) => self.segments.insert(at, Arc::new(segment)),
        }
    }

    pub fn remove_segment(&mut self, name: &str) {
        if let Ok(at) = self.position(name) {
            self.segments.remove(at);
        }
    }

    /// To be called after segments have changed.
    pub fn count_incomplete(&mut self) {
        self.incomplete_servers = match self.selector {
            Selector::StrictReplicaGroup => incomplete_servers(&self.segments),
            _ => HashSet::new(),
        };
    }
}

/// Whether a segment is on its way, after a change from `before`. What the first picture of the cluster shows is not:
/// after a restart of servers their segments are missing, and an answer without them says so.
pub fn is_fresh(segment: &SegmentRoute, before: Option<&TableRoute>) -> bool {
    let known = before.and_then(|before| before.segment(&segment.name));
    !segment.is_online() && known.is_none_or(|known| known.fresh)
}

/// Servers of which some replica is not loaded.
fn incomplete_servers(segments: &[Arc<SegmentRoute>]) -> HashSet<Arc<str>> {
    let mut found = HashSet::new();
    for segment in segments {
        for replica in segment.replicas.iter().filter(|replica| !replica.state.serves()) {
            found.insert(Arc::clone(&replica.server));
        }
    }
    found
}
