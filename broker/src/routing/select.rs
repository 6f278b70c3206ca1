//! Choosing segments and a replica of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use query::Filter;

use super::{
    prune::may_match,
    servers::{Server, Servers},
    table::{ReplicaState, SegmentRoute, Selector, TableRoute},
};

/// A new segment that no server has loaded yet is left out of queries without an error for this long.
const NEW_SEGMENT_GRACE_MS: i64 = 5 * 60 * 1000;

/// What a query reads of one physical table.
#[derive(Debug, Default)]
pub struct Routing {
    /// By server id.
    pub servers: BTreeMap<Arc<str>, ServerShare>,
    /// Segments that no live server holds.
    pub unavailable: Vec<Arc<str>>,
    pub pruned_segments: u64,
    /// Documents of the pruned segments.
    pub pruned_docs: u64,
}

/// One server's segments of the table.
#[derive(Debug)]
pub struct ServerShare {
    pub server: Arc<Server>,
    pub segments: Vec<Arc<str>>,
}

/// What a routing decision depends on, besides the table.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub filter: &'a Filter,
    pub request_id: u64,
    pub now: Instant,
    pub now_ms: i64,
    /// Choose the same replicas for every query.
    pub fixed_replica: bool,
}

/// Prunes, then assigns each segment to one server.
///
/// Where pruning leaves nothing, one segment is kept: its server answers with the right types and an empty result.
pub fn route(table: &TableRoute, servers: &Servers, request: &Request<'_>) -> Routing {
    let mut routing = Routing::default();
    let mut kept: Vec<&SegmentRoute> = Vec::with_capacity(table.segments.len());
    let mut spare: Option<&SegmentRoute> = None;
    for segment in &table.segments {
        if may_match(request.filter, &segment.facts) {
            kept.push(segment);
        } else {
            routing.pruned_segments += 1;
            routing.pruned_docs += segment.facts.total_docs.unwrap_or(0);
            if segment.is_online() && spare.is_none_or(|spare| !prefers(spare, segment)) {
                spare = Some(segment);
            }
        }
    }
    if kept.is_empty()
        && let Some(segment) = spare
    {
        routing.pruned_segments -= 1;
        routing.pruned_docs -= segment.facts.total_docs.unwrap_or(0);
        kept.push(segment);
    }
    for (index, segment) in kept.into_iter().enumerate() {
        match choose(table, segment, servers, index, request) {
            Some(server) => {
                let share = routing
                    .servers
                    .entry(Arc::clone(&server.id))
                    .or_insert_with(|| ServerShare { server: Arc::clone(server), segments: Vec::new() });
                share.segments.push(Arc::clone(&segment.name));
            }
            None if is_new(segment, request.now_ms) => {}
            None => routing.unavailable.push(Arc::clone(&segment.name)),
        }
    }
    routing
}

/// Other servers for named segments, when those that were chosen cannot be reached. `None` unless every segment has a
/// live replica elsewhere.
pub fn reroute(
    table: &TableRoute,
    servers: &Servers,
    segments: &[Arc<str>],
    failed: &BTreeSet<Arc<str>>,
    request_id: u64,
) -> Option<Routing> {
    let mut routing = Routing::default();
    for name in segments {
        let at = table.segments.binary_search_by(|segment| segment.name.cmp(name)).ok()?;
        let replicas = table.segments[at].replicas.iter();
        let mut live = replicas
            .filter(|replica| replica.state.serves() && !failed.contains(&replica.server))
            .filter_map(|replica| servers.get(&replica.server))
            .filter(|server| server.serves());
        let count = live.clone().count();
        if count == 0 {
            return None;
        }
        let server = live.nth(request_id as usize % count)?;
        let share = routing
            .servers
            .entry(Arc::clone(&server.id))
            .or_insert_with(|| ServerShare { server: Arc::clone(server), segments: Vec::new() });
        share.segments.push(Arc::clone(name));
    }
    Some(routing)
}

/// Whether `a` is the cheaper segment to keep: fewer documents, but some.
fn prefers(a: &SegmentRoute, b: &SegmentRoute) -> bool {
    let docs = |segment: &SegmentRoute| match segment.facts.total_docs {
        None | Some(0) => u64::MAX,
        Some(docs) => docs,
    };
    docs(a) <= docs(b)
}

/// Not loaded anywhere yet, nowhere in error, and created a short while ago.
fn is_new(segment: &SegmentRoute, now_ms: i64) -> bool {
    let failed = segment.replicas.iter().any(|replica| replica.state == ReplicaState::Error);
    !failed
        && !segment.is_online()
        && segment.facts.creation_time_ms.is_some_and(|created| now_ms - created < NEW_SEGMENT_GRACE_MS)
}

fn choose<'a>(
    table: &TableRoute,
    segment: &SegmentRoute,
    servers: &'a Servers,
    index: usize,
    request: &Request<'_>,
) -> Option<&'a Arc<Server>> {
    let turn = if request.fixed_replica { 0 } else { request.request_id as usize };
    let turn = match table.selector {
        Selector::Balanced => turn.wrapping_add(index),
        Selector::ReplicaGroup | Selector::StrictReplicaGroup => turn,
    };
    let count = segment.replicas.len();
    let mut suspected = None;
    for step in 0..count {
        let replica = &segment.replicas[turn.wrapping_add(step) % count];
        let left_out =
            table.selector == Selector::StrictReplicaGroup && table.incomplete_servers.contains(&replica.server);
        if !replica.state.serves() || left_out {
            continue;
        }
        let Some(server) = servers.get(&replica.server).filter(|server| server.serves()) else { continue };
        if server.health.is_usable(request.now) {
            return Some(server);
        }
        suspected = suspected.or(Some(server));
    }
    suspected
}
