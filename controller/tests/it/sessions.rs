//! The session protocol, in process and over gRPC.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use metadata::MemoryStore;
use proto::session::{ClusterClient, GrpcClusterClient};
use proto::v1::{self, Role, SegmentState, StateReport, controller_message::Message, instance_message};
use serde_json::json;

use crate::cluster::{Cluster, FakeServer, next, register, send};

fn grpc(cluster: &Cluster) -> Arc<dyn ClusterClient> {
    let channel = service::grpc::channel(&cluster.handle.addr().to_string()).unwrap();
    Arc::new(GrpcClusterClient::new(channel))
}

async fn clients() -> Vec<(Cluster, Arc<dyn ClusterClient>)> {
    let (a, b) = (Cluster::start().await, Cluster::start().await);
    let (in_process, over_grpc): (Arc<dyn ClusterClient>, _) = (a.handle.client(), grpc(&b));
    vec![(a, in_process), (b, over_grpc)]
}

#[tokio::test]
async fn a_broker_is_told_what_changes() {
    for (cluster, client) in clients().await {
        let mut broker = client.connect(register("Broker_h_8099", Role::Broker, 8099)).await.unwrap();
        let Message::Snapshot(snapshot) = next(&mut broker).await else { panic!("no snapshot") };
        assert!(snapshot.lease_ms > 0 && snapshot.tables.is_empty());
        assert_eq!(snapshot.cluster_configs["enable.case.insensitive"], "true");

        let server = FakeServer::join(Arc::clone(&client), "Server_h_8098", 8098).await;
        let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
        assert_eq!(update.instances.len(), 1);
        assert!(update.instances[0].live && update.instances[0].enabled);

        cluster.table("t").await;
        let table = loop {
            let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
            if let Some(table) = update.tables.into_iter().next() {
                break table;
            }
        };
        assert_eq!((table.name.as_str(), table.enabled, table.segments.len()), ("t_OFFLINE", true, 0));
        assert!(table.schema_json.contains("\"schemaName\":\"t\""));

        let (status, answer) = cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\ny,2\n").await;
        assert_eq!(status, 200, "{answer}");
        loop {
            let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
            let segment = update.tables.iter().flat_map(|table| &table.segments).next();
            if segment.is_some_and(|segment| segment.replicas.get("Server_h_8098").is_some_and(|s| s == "ONLINE")) {
                break;
            }
        }

        // The server goes: its replicas go with it.
        drop(server);
        loop {
            let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
            if update.instances.iter().any(|instance| !instance.live) {
                let gone = update.tables.iter().flat_map(|table| &table.segments).all(|s| s.replicas.is_empty());
                assert!(gone);
                break;
            }
        }
        assert_eq!(cluster.ask("DELETE", "/tables/t?retention=0d", None).await.0, 200);
        loop {
            let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
            if update.removed_tables == ["t_OFFLINE"] {
                break;
            }
        }
    }
}

#[tokio::test]
async fn one_segment_more_is_told_as_such() {
    for (cluster, client) in clients().await {
        let server = FakeServer::join(Arc::clone(&client), "Server_h_8098", 8098).await;
        let mut register = register("Broker_h_8099", Role::Broker, 8099);
        register.takes_table_changes = true;
        let mut broker = client.connect(register).await.unwrap();
        let Message::Snapshot(_) = next(&mut broker).await else { panic!("no snapshot") };
        cluster.table("t").await;
        let mut held = loop {
            let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
            if let Some(table) = update.tables.into_iter().next() {
                break table.revision;
            }
        };
        for rows in ["a,n\nx,1\n", "a,n\nx,2\ny,3\n"] {
            assert_eq!(cluster.upload("t_OFFLINE", "x.csv", rows).await.0, 200);
            let mut shown = Vec::new();
            while shown.iter().all(|state: &String| state != "ONLINE") {
                let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
                assert!(update.tables.is_empty(), "the table is sent whole: {update:?}");
                for change in update.table_changes {
                    assert_eq!((change.base_revision, change.revision), (held, held + 1));
                    held = change.revision;
                    assert!(change.segments.len() <= 1 && change.removed_segments.is_empty());
                    shown.extend(change.segments.into_iter().flat_map(|segment| segment.replicas.into_values()));
                    shown.extend(change.replicas.into_iter().flat_map(|segment| segment.replicas.into_values()));
                }
            }
        }
        // A broker that has lost the thread is sent everything.
        let resync = v1::Resync { tables: vec!["t_OFFLINE".to_owned()] };
        send(&broker.sender, instance_message::Message::Resync(resync)).await;
        let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
        assert_eq!((update.tables[0].segments.len(), update.tables[0].revision), (2, held + 1));
        // A server that goes takes its replicas with it, and nothing else is said.
        drop(server);
        let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
        let change = &update.table_changes[0];
        assert!(change.segments.is_empty() && change.replicas.len() == 2, "{change:?}");
        assert!(change.replicas.iter().all(|segment| segment.replicas.is_empty()));
        let (_, answer) = cluster.ask("DELETE", "/segments/t?type=OFFLINE&retention=0d", None).await;
        let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
        assert_eq!(update.table_changes[0].removed_segments.len(), 2, "{answer}");
    }
}

#[tokio::test]
async fn registrations_that_cannot_be() {
    for (_cluster, client) in clients().await {
        let first = client.connect(register("Server_h_1", Role::Server, 1)).await;
        let mut first = first.unwrap();
        next(&mut first).await;
        let mut elsewhere = register("Server_h_1", Role::Server, 1);
        elsewhere.host = "other".to_owned();
        let wrong_role = register("Server_h_2", Role::Broker, 2);
        let climbing = register("Server_../x_2", Role::Server, 2);
        let no_role = register("Server_h_3", Role::Unspecified, 3);
        for (refused, part) in [
            (elsewhere, "is live at"),
            (wrong_role, "does not begin with"),
            (climbing, "Server_"),
            (no_role, "no role"),
        ] {
            let mut session = client.connect(refused).await.unwrap();
            let Message::Refused(refused) = next(&mut session).await else { panic!("not refused") };
            assert!(refused.reason.contains(part), "{}", refused.reason);
            assert!(session.messages.next().await.is_none(), "the session is over");
        }
        // The same instance after a restart takes over at once.
        let mut again = client.connect(register("Server_h_1", Role::Server, 1)).await.unwrap();
        assert!(matches!(next(&mut again).await, Message::Snapshot(_)));
    }
}

#[tokio::test]
async fn silence_ends_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let lease = [("controller.session.lease", "200ms")];
    let cluster = Cluster::start_with(Arc::new(MemoryStore::new()), dir, &lease).await;
    let client = cluster.handle.client();
    let mut session = client.connect(register("Server_h_1", Role::Server, 1)).await.unwrap();
    next(&mut session).await;
    assert!(cluster.handle.cluster().live_ids().contains("Server_h_1"));
    while session.messages.next().await.is_some() {}
    assert!(!cluster.handle.cluster().live_ids().contains("Server_h_1"));
    // It is still an instance of the cluster.
    assert_eq!(cluster.get("/instances/Server_h_1").await.0, 200);
}

#[tokio::test]
async fn requests_reach_servers() {
    let cluster = Cluster::start().await;
    let client = cluster.handle.client();
    let server = FakeServer::join(client.clone(), "Server_h_1", 1).await;
    let mut broker = client.connect(register("Broker_h_1", Role::Broker, 1)).await.unwrap();
    next(&mut broker).await;
    cluster.table("t").await;
    assert_eq!(cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\n").await.0, 200);
    let (status, answer) = cluster.ask("POST", "/segments/t_OFFLINE/reload", None).await;
    assert_eq!(status, 200, "{answer}");
    let inner: serde_json::Value = serde_json::from_str(answer["status"].as_str().unwrap()).unwrap();
    assert_eq!(inner["t_OFFLINE"]["numMessagesSent"], "1");
    let id = inner["t_OFFLINE"]["reloadJobId"].as_str().unwrap().to_owned();
    let done = loop {
        let (_, status) = cluster.get(&format!("/segments/segmentReloadStatus/{id}")).await;
        if status["status"] == "COMPLETED" {
            break status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&done["successCount"], &done["totalSegmentCount"]), (&json!(1), &json!(1)));
    assert_eq!(server.requests.lock()[0].kind, "RELOAD_SEGMENT");
    assert_eq!(cluster.get("/segments/segmentReloadStatus/none").await.0, 404);
}

/// Brokers that come back before the servers do are told to wait, so that they are not told of missing replicas.
#[tokio::test]
async fn after_a_restart_brokers_wait_for_servers() {
    let store = Arc::new(MemoryStore::new());
    let first = Cluster::start_with(store.clone(), tempfile::tempdir().unwrap(), &[]).await;
    let server = FakeServer::join(first.handle.client(), "Server_h_1", 1).await;
    let mut broker = first.handle.client().connect(register("Broker_h_1", Role::Broker, 1)).await.unwrap();
    next(&mut broker).await;
    first.table("t").await;
    assert_eq!(first.upload("t_OFFLINE", "x.csv", "a,n\nx,1\n").await.0, 200);
    let (segment, crc) = server.held.lock().iter().next().map(|(s, c)| (s.clone(), c.clone())).unwrap();
    drop(server);
    let Cluster { handle, dir, .. } = first;
    handle.shutdown(Duration::from_secs(5)).await;

    let second = Cluster::start_with(store, dir, &[]).await;
    let client = second.handle.client();
    let mut broker = client.connect(register("Broker_h_1", Role::Broker, 1)).await.unwrap();
    let held = SegmentState { table: "t_OFFLINE".into(), segment, state: "ONLINE".into(), crc, ..Default::default() };
    let mut back = register("Server_h_1", Role::Server, 1);
    back.segments = vec![held.clone()];
    let mut session = client.connect(back).await.unwrap();
    next(&mut session).await;
    let Message::Snapshot(snapshot) = next(&mut broker).await else { panic!("no snapshot") };
    assert_eq!(snapshot.tables[0].segments[0].replicas["Server_h_1"], "ONLINE");
    // A state that changes is told on.
    let broken = SegmentState { state: "ERROR".into(), error: "damaged".into(), ..held };
    send(&session.sender, instance_message::Message::State(StateReport { segments: vec![broken] })).await;
    loop {
        let Message::Update(update) = next(&mut broker).await else { panic!("no update") };
        if update.tables.iter().any(|t| t.segments[0].replicas["Server_h_1"] == "ERROR") {
            break;
        }
    }
    assert_eq!(second.get("/tables/t/segmentsStatus").await.1[0]["segmentStatus"], "BAD");
}
