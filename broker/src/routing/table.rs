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

#[derive(Debug)]
pub struct Replica {
    pub server: Arc<str>,
    pub state: ReplicaState,
}

#[derive(Debug)]
pub struct SegmentRoute {
    pub name: Arc<str>,
    /// Ascending by server.
    pub replicas: Vec<Replica>,
    pub facts: SegmentFacts,
}

impl SegmentRoute {
    /// Some replica is loaded somewhere, whether or not its server is alive now.
    pub fn is_online(&self) -> bool {
        self.replicas.iter().any(|replica| replica.state.serves())
    }
}

/// A physical table: immutable, replaced as a whole by an update.
#[derive(Debug)]
pub struct TableRoute {
    /// With type.
    pub name: Arc<str>,
    pub raw_name: Arc<str>,
    pub version: u64,
    pub enabled: bool,
    pub config: TableConfig,
    pub schema: Arc<Schema>,
    pub time_column: Option<String>,
    /// Offline segments come once an hour rather than once a day.
    pub pushes_hourly: bool,
    pub selector: Selector,
    /// Ascending by name.
    pub segments: Vec<SegmentRoute>,
    /// Servers that strict replica groups leave out: they lack a segment that the view gives them.
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

    /// Documents of all segments, for the `totalDocs` of a response.
    pub fn total_docs(&self) -> u64 {
        self.segments.iter().filter_map(|segment| segment.facts.total_docs).sum()
    }
}

/// Servers of which some replica is not loaded.
pub fn incomplete_servers(segments: &[SegmentRoute]) -> HashSet<Arc<str>> {
    let mut found = HashSet::new();
    for segment in segments {
        for replica in segment.replicas.iter().filter(|replica| !replica.state.serves()) {
            found.insert(Arc::clone(&replica.server));
        }
    }
    found
}
