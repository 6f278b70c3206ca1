//! Servers that fail, segments that nobody holds, a controller that goes away.

use std::{sync::atomic::Ordering, time::Duration};

use broker::BrokerConfig;
use proto::v1;
use serde_json::json;

use crate::support::*;

const S1: &str = "Server_h1_8098";
const S2: &str = "Server_h2_8098";

fn servers() -> Vec<v1::Instance> {
    vec![server(S1, "h1", true), server(S2, "h2", true)]
}

/// One segment on each server, nothing replicated.
async fn cluster() -> Cluster {
    let segments = vec![segment("a", &[(S1, "ONLINE")], json!({})), segment("b", &[(S2, "ONLINE")], json!({}))];
    Cluster::start(vec![table("people_OFFLINE", segments)], servers()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_named_beside_the_others_rows() {
    let cluster = cluster().await;
    cluster.servers.get(S2).behave(Behaviour::Refuse);
    let answer = cluster.sql("select name from people").await;
    assert_eq!((rows(&answer), codes(&answer)), (vec!["a".to_owned()], vec![425, 427]));
    assert!(answer["exceptions"][0]["message"].as_str().unwrap().contains("h2_O"));
    assert_eq!(answer["exceptions"][1]["message"], "1 servers [h2_O] not responded");
    assert_eq!((&answer["numServersQueried"], &answer["numServersResponded"]), (&2.into(), &1.into()));
    assert_eq!(answer["partialResult"], true);
    cluster.servers.get(S1).behave(Behaviour::Refuse);
    let answer = cluster.sql("select name from people").await;
    assert!(answer.get("resultTable").is_none());
    assert_eq!(codes(&answer), [425, 425, 427]);
    cluster.servers.get(S1).behave(Behaviour::Answer);
    cluster.servers.get(S2).behave(Behaviour::Answer);
    let answer = cluster.sql("select name from people order by name").await;
    assert_eq!((rows(&answer).len(), codes(&answer).len()), (2, 0), "a suspicion never makes a segment unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_stands_in_at_once() {
    let both = &[(S1, "ONLINE"), (S2, "ONLINE")];
    let segments = vec![segment("a", both, json!({})), segment("b", both, json!({}))];
    let cluster = Cluster::start(vec![table("people_OFFLINE", segments)], servers()).await;
    cluster.servers.get(S1).behave(Behaviour::Refuse);
    for _ in 0..6 {
        let answer = cluster.sql("select name from people order by name").await;
        assert_eq!((rows(&answer).len(), codes(&answer)), (2, vec![]), "{answer}");
    }
    assert_eq!(cluster.servers.get(S1).requests.lock().unwrap().len(), 1, "a failed server is left alone for a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_costs_only_the_time_out() {
    let cluster = cluster().await;
    cluster.servers.get(S2).behave(Behaviour::Hang);
    let answer = cluster.sql_with("select name from people", "timeoutMs=50").await;
    assert_eq!((rows(&answer), codes(&answer)), (vec!["a".to_owned()], vec![427]), "{answer}");
    assert_eq!(answer["exceptions"][0]["message"], "1 servers [h2_O] not responded");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_servers_are_passed_on() {
    let cluster = cluster().await;
    cluster.servers.get(S2).behave(Behaviour::Missing);
    let answer = cluster.sql("select name from people order by name").await;
    assert_eq!((rows(&answer).len(), codes(&answer)), (2, vec![235]));
    cluster.servers.get(S2).behave(Behaviour::Fail(200, "broken"));
    let answer = cluster.sql("select name from people").await;
    assert_eq!((rows(&answer).len(), codes(&answer)), (1, vec![200]));
    cluster.servers.get(S1).behave(Behaviour::Fail(200, "broken"));
    let answer = cluster.sql("select name from people").await;
    assert_eq!(codes(&answer), [200], "the same error twice is one");
    assert!(answer.get("resultTable").is_none());
    assert_eq!(answer["numServersResponded"], 2);
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_nobody_holds_are_named() {
    let segments = vec![
        segment("a", &[(S1, "ONLINE")], json!({})),
        segment("dead", &[("Server_gone_8098", "ONLINE")], json!({})),
        segment("error", &[(S1, "ERROR")], json!({ "creationTimeMs": now_ms() })),
        segment("loading", &[(S1, "OFFLINE")], json!({ "creationTimeMs": now_ms() })),
    ];
    let cluster = Cluster::start(vec![table("people_OFFLINE", segments)], servers()).await;
    let answer = cluster.sql("select name from people").await;
    assert_eq!((rows(&answer), codes(&answer)), (vec!["a".to_owned()], vec![305]));
    assert_eq!(
        answer["exceptions"][0]["message"],
        "3 segments unavailable: [dead, error, loading], with routing policy: balanced [offline]"
    );
    let answer = cluster.sql_with("select name from people", "ignoreMissingSegments=true").await;
    assert_eq!(codes(&answer), Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_segment_is_not_missed_until_it_has_been_there() {
    let loaded = segment("a", &[(S1, "ONLINE")], json!({}));
    let new = |state: &str| segment("new", &[(S1, state)], json!({ "creationTimeMs": now_ms() }));
    let cluster = Cluster::start(vec![table("people_OFFLINE", vec![loaded.clone()])], servers()).await;
    let mut version = 1;
    let mut push = async |state: &str| {
        version += 1;
        let mut people = table("people_OFFLINE", vec![loaded.clone(), new(state)]);
        people.version = version;
        cluster.update(v1::Update { tables: vec![people], ..v1::Update::default() });
        cluster.until(|broker| broker.view().tables["people_OFFLINE"].version == version).await;
        let answer = cluster.sql("select name from people order by name").await;
        (rows(&answer).join(" "), codes(&answer))
    };
    assert_eq!(push("OFFLINE").await, ("a".to_owned(), vec![]), "on its way");
    assert_eq!(push("OFFLINE").await, ("a".to_owned(), vec![]), "still");
    assert_eq!(push("ERROR").await, ("a".to_owned(), vec![305]), "stuck");
    assert_eq!(push("ONLINE").await, ("a new".to_owned(), vec![]));
    assert_eq!(push("OFFLINE").await, ("a".to_owned(), vec![305]), "it was there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_or_disabled_server_is_not_asked() {
    let both = &[(S1, "ONLINE"), (S2, "ONLINE")];
    let cluster = Cluster::start(vec![table("people_OFFLINE", vec![segment("a", both, json!({}))])], servers()).await;
    cluster.update(v1::Update { instances: vec![server(S1, "h1", false)], ..v1::Update::default() });
    cluster.until(|broker| !broker.view().servers[S1].live).await;
    for _ in 0..4 {
        assert_eq!(rows(&cluster.sql("select name from people").await), ["a"]);
    }
    assert_eq!(cluster.servers.get(S1).requests.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_go_on_while_the_controller_is_away() {
    let mut cluster = cluster().await;
    cluster.session = None;
    cluster.until(|broker| !broker.is_connected()).await;
    assert_eq!(rows(&cluster.sql("select name from people").await).len(), 2);
    cluster.reconnect().await;
    cluster.until(|broker| broker.is_connected()).await;
    assert_eq!(rows(&cluster.sql("select name from people").await).len(), 2);
    cluster.update(v1::Update { removed_tables: vec!["people_OFFLINE".to_owned()], ..v1::Update::default() });
    cluster.until(|broker| broker.view().tables.is_empty()).await;
    assert_eq!(codes(&cluster.sql("select name from people").await), [190]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_table_says_so() {
    let mut people = table("people_OFFLINE", Vec::new());
    people.enabled = false;
    let cluster = Cluster::start(vec![people], servers()).await;
    assert_eq!(codes(&cluster.sql("select name from people").await), [191]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_has_an_empty_result() {
    let cluster = Cluster::start(vec![table("people_OFFLINE", Vec::new())], servers()).await;
    let answer = cluster.sql("select count(*) from people").await;
    assert_eq!((&answer["resultTable"]["rows"], codes(&answer)), (&json!([[0]]), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_query_is_listed_and_cancelled() {
    let cluster = cluster().await;
    let hanging = cluster.servers.get(S2);
    hanging.behave(Behaviour::Hang);
    let query = cluster.sql_with("select name from people", "clientQueryId=mine");
    let cancel = async {
        hanging.asked.notified().await;
        let (_, listed) = cluster.get("/queries").await;
        let listed: std::collections::BTreeMap<String, String> = serde_json::from_str(&listed).unwrap();
        let [(id, sql)] = &listed.into_iter().collect::<Vec<_>>()[..] else { panic!("one query runs") };
        assert!(id.parse::<u64>().is_ok() && sql == "select name from people", "{id} {sql}");
        assert_eq!(cluster.delete("/query/1").await, (404, "Query: 1 not found on the broker".to_owned()));
        let (status, text) = cluster.delete("/query/mine?client=true").await;
        assert_eq!((status, text.as_str()), (200, "Cancelled query: mine"));
    };
    let (answer, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(query, cancel) }).await.unwrap();
    assert_eq!(codes(&answer), [503]);
    assert_eq!(hanging.cancels.load(Ordering::SeqCst), 1);
    assert_eq!(cluster.get("/queries").await.1, "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_brokers_have_time_outs() {
    let mut people = table("people_OFFLINE", vec![segment("a", &[(S1, "ONLINE")], json!({}))]);
    let config = BrokerConfig { query_timeout: Duration::from_millis(700), ..BrokerConfig::default() };
    let cluster = Cluster::start_with(vec![people.clone()], servers(), Default::default(), config).await;
    let last = |cluster: &Cluster| cluster.servers.get(S1).requests.lock().unwrap().last().unwrap().timeout_ms;
    cluster.sql("select name from people").await;
    assert!((1..=700).contains(&last(&cluster)));
    people.config_json = people.config_json.replacen('{', r#"{"query":{"timeoutMs":300},"#, 1);
    people.version = 2;
    cluster.update(v1::Update { tables: vec![people], ..v1::Update::default() });
    cluster.until(|broker| broker.view().tables["people_OFFLINE"].version == 2).await;
    cluster.sql("select name from people").await;
    assert!((1..=300).contains(&last(&cluster)));
    cluster.sql_with("select name from people", "timeoutMs=100").await;
    assert!((1..=100).contains(&last(&cluster)));
}
