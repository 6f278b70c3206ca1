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

/// A segment on its way to its servers is left out of queries without an error for this long after its creation.
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
    /// The controller is away, so that servers said to be dead may have come back: they are tried where no other
    /// holds a segment.
    pub is_stale: bool,
}

/// Prunes, then assigns each segment to one server.
///
/// Where pruning leaves nothing, one segment is kept: its server answers with the right types and an empty result.
pub fn route(table: &TableRoute, servers: &Servers, request: &Request<'_>) -> Routing {
    let mut routing = Routing::default();
    let mut kept: Vec<&SegmentRoute> = Vec::with_capacity(table.segments.len());
    let mut spare: Option<&SegmentRoute> = None;
    for segment in table.segments.iter().map(|segment| &**segment) {
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
        let replicas = table.segment(name)?.replicas.iter();
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

/// Still on its way to its servers, nowhere in error, and created a short while ago.
fn is_new(segment: &SegmentRoute, now_ms: i64) -> bool {
    let failed = segment.replicas.iter().any(|replica| replica.state == ReplicaState::Error);
    segment.fresh
        && !failed
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
        let Some(server) = servers.get(&replica.server) else { continue };
        if !server.serves() {
            if request.is_stale && server.enabled && server.health.is_usable(request.now) {
                suspected = suspected.or(Some(server));
            }
            continue;
        }
        if server.health.is_usable(request.now) {
            return Some(server);
        }
        suspected = suspected.or(Some(server));
    }
    suspected
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use proto::{QueryClient, QueryError, v1};

    use super::*;
    use crate::{
        routing::{
            ServerClients,
            servers::{ServerUpdate, name_servers, with_server},
        },
        rpc::session::table_route,
    };

    struct NoClient;

    #[async_trait]
    impl QueryClient for NoClient {
        async fn execute(&self, _: v1::ExecuteRequest, _: Duration) -> Result<v1::ExecuteResponse, QueryError> {
            Err(QueryError::ShuttingDown)
        }
        async fn cancel(&self, _: u64) -> Result<bool, QueryError> {
            Ok(false)
        }
    }

    impl ServerClients for NoClient {
        fn client(&self, _: &str, _: &str, _: u16) -> Arc<dyn QueryClient> {
            Arc::new(Self)
        }
    }

    fn servers(names: &[&str]) -> Servers {
        let mut servers = Servers::new();
        for (index, name) in names.iter().enumerate() {
            let update = ServerUpdate {
                id: (*name).to_owned(),
                host: "h".to_owned(),
                port: 8098 + index as u16,
                tags: Vec::new(),
                live: true,
                enabled: true,
            };
            with_server(&mut servers, update, &NoClient);
        }
        name_servers(&mut servers);
        servers
    }

    /// Segments `s0`, `s1`, … with these replicas; a name with `!` is in state ERROR there.
    fn table(selector: &str, segments: &[&[&str]]) -> TableRoute {
        let segment = |(index, replicas): (usize, &&[&str])| v1::Segment {
            name: format!("s{index}"),
            replicas: replicas
                .iter()
                .map(|replica| {
                    let state = if replica.ends_with('!') { "ERROR" } else { "ONLINE" };
                    (replica.trim_end_matches('!').to_owned(), state.to_owned())
                })
                .collect(),
            metadata_json: r#"{"totalDocs":1,"creationTimeMs":1}"#.to_owned(),
            ..v1::Segment::default()
        };
        let config = serde_json::json!({
            "tableName": "t", "tableType": "OFFLINE", "segmentsConfig": {"replication": "2"}, "tenants": {},
            "tableIndexConfig": {}, "metadata": {}, "routing": {"instanceSelectorType": selector},
        });
        let schema = r#"{"schemaName":"t","dimensionFieldSpecs":[{"name":"a","dataType":"INT"}]}"#;
        table_route(v1::Table {
            name: "t_OFFLINE".to_owned(),
            version: 1,
            config_json: config.to_string(),
            schema_json: schema.to_owned(),
            enabled: true,
            segments: segments.iter().enumerate().map(segment).collect(),
            revision: 1,
            time_boundary_ms: None,
        })
        .unwrap()
    }

    fn routed(table: &TableRoute, servers: &Servers, request_id: u64) -> String {
        routed_when(table, servers, request_id, false)
    }

    fn routed_when(table: &TableRoute, servers: &Servers, request_id: u64, is_stale: bool) -> String {
        let filter = Filter::All;
        let now = Instant::now();
        let request = Request { filter: &filter, request_id, now, now_ms: i64::MAX, fixed_replica: false, is_stale };
        let routing = route(table, servers, &request);
        let mut parts: Vec<String> =
            routing.servers.iter().map(|(id, share)| format!("{id}:{}", share.segments.join("+"))).collect();
        parts.extend(routing.unavailable.iter().map(|name| format!("-{name}")));
        parts.join(" ")
    }

    #[test]
    fn selectors_choose_replicas() {
        let both: &[&[&str]] = &[&["A", "B"], &["A", "B"]];
        let (balanced, group) = (table("balanced", both), table("replicaGroup", both));
        let all = servers(&["A", "B"]);
        assert_eq!(routed(&balanced, &all, 0), "A:s0 B:s1");
        assert_eq!(routed(&balanced, &all, 1), "A:s1 B:s0");
        assert_eq!(routed(&group, &all, 0), "A:s0+s1");
        assert_eq!(routed(&group, &all, 1), "B:s0+s1");
        let halved: &[&[&str]] = &[&["A", "B"], &["A", "B!"]];
        assert_eq!(routed(&table("replicaGroup", halved), &all, 1), "A:s1 B:s0");
        assert_eq!(routed(&table("strictReplicaGroup", halved), &all, 1), "A:s0+s1");
        assert_eq!(routed(&table("strictReplicaGroup", &[&["A!", "B"], &["A", "B!"]]), &all, 0), "-s0 -s1");
        assert_eq!(routed(&balanced, &servers(&["B"]), 0), "B:s0+s1");
        assert_eq!(routed(&balanced, &servers(&[]), 0), "-s0 -s1");
    }

    #[test]
    fn suspected_servers_are_the_last_choice() {
        let all = servers(&["A", "B"]);
        let now = Instant::now();
        all["A"].health.record_failure(now);
        let replicated = table("balanced", &[&["A", "B"], &["A", "B"]]);
        assert_eq!(routed(&replicated, &all, 0), "B:s0+s1");
        assert_eq!(routed(&table("balanced", &[&["A"]]), &all, 0), "A:s0");
    }

    #[test]
    fn the_dead_are_tried_while_the_controller_is_away() {
        let mut all = servers(&["A", "B"]);
        let update = ServerUpdate {
            id: "A".to_owned(),
            host: "h".to_owned(),
            port: 8098,
            tags: Vec::new(),
            live: false,
            enabled: true,
        };
        with_server(&mut all, update, &NoClient);
        let table = table("balanced", &[&["A"], &["A", "B"]]);
        assert_eq!(routed_when(&table, &all, 0, false), "B:s1 -s0");
        assert_eq!(routed_when(&table, &all, 0, true), "A:s0 B:s1");
        all["A"].health.record_failure(Instant::now());
        assert_eq!(routed_when(&table, &all, 0, true), "B:s1 -s0");
    }

    #[test]
    fn rerouting_needs_every_segment() {
        let all = servers(&["A", "B"]);
        let table = table("balanced", &[&["A", "B"], &["A"]]);
        let failed = BTreeSet::from([Arc::from("A")]);
        let names = |names: &[&str]| -> Vec<Arc<str>> { names.iter().map(|name| Arc::from(*name)).collect() };
        let routing = reroute(&table, &all, &names(&["s0"]), &failed, 3).unwrap();
        assert_eq!(&*routing.servers["B"].segments[0], "s0");
        assert!(reroute(&table, &all, &names(&["s0", "s1"]), &failed, 3).is_none());
    }

    #[test]
    fn servers_of_one_host_are_told_apart() {
        let two = servers(&["A", "B"]);
        assert_eq!((two["A"].short_name.as_str(), two["B"].short_name.as_str()), ("h_8098", "h_8099"));
        assert_eq!(servers(&["A"])["A"].short_name, "h");
    }
}
