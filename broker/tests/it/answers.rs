//! Requests and answers when all is well, or when only the request is wrong.

use serde_json::{Value, json};

use crate::support::*;

const S1: &str = "Server_h1_8098";
const S2: &str = "Server_h2_8098";

async fn cluster() -> Cluster {
    let people = table(
        "people_OFFLINE",
        vec![
            segment("a", &[(S1, "ONLINE")], json!({})),
            segment("b", &[(S2, "ONLINE")], json!({})),
            segment("c", &[(S1, "ONLINE"), (S2, "ONLINE")], json!({})),
        ],
    );
    Cluster::start(vec![people], vec![server(S1, "h1", true), server(S2, "h2", true)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_all_servers_in_one_answer() {
    let cluster = cluster().await;
    let answer = cluster.sql("select name from PEOPLE order by name").await;
    assert_eq!(rows(&answer), ["a", "b", "c"]);
    assert_eq!((&answer["numServersQueried"], &answer["numServersResponded"]), (&2.into(), &2.into()));
    assert_eq!((&answer["totalDocs"], &answer["numSegmentsQueried"]), (&3.into(), &3.into()));
    assert_eq!(answer["tablesQueried"], json!(["people"]));
    assert_eq!(answer["partialResult"], false);
    let id = cluster.broker.instance_id();
    assert_eq!(answer["brokerId"], id);
    assert!(answer["requestId"].as_str().unwrap().parse::<i64>().is_ok());
    let request = cluster.servers.get(S1).requests.lock().unwrap()[0].clone();
    assert!(!request.final_values && request.timeout_ms <= 10_000);
    assert_eq!(request.broker_id, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_turns() {
    let cluster = cluster().await;
    for _ in 0..8 {
        cluster.sql("select name from people").await;
    }
    let shared = |id: &str| {
        let requests = cluster.servers.get(id);
        let requests = requests.requests.lock().unwrap();
        requests.iter().filter(|request| request.tables[0].segments.contains(&"c".to_owned())).count()
    };
    assert_eq!((shared(S1), shared(S2)), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_server_is_answered_here() {
    let cluster = cluster().await;
    let answer = cluster.sql("select 1").await;
    assert_eq!((&answer["resultTable"]["rows"], &answer["numServersQueried"]), (&json!([[1]]), &0.into()));
    let answer = cluster.sql("select name from people where 1 = 2").await;
    assert_eq!((rows(&answer).len(), codes(&answer).len()), (0, 0));
    assert_eq!(answer["numServersQueried"], 0);
    assert_eq!(cluster.servers.get(S1).requests.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_finishes_the_values() {
    let people = table("people_OFFLINE", vec![segment("a", &[(S1, "ONLINE")], json!({}))]);
    let cluster = Cluster::start(vec![people], vec![server(S1, "h1", true)]).await;
    cluster.sql("select name from people").await;
    assert!(cluster.servers.get(S1).requests.lock().unwrap()[0].final_values);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_queries() {
    let cluster = cluster().await;
    let (status, _, text) = cluster.post("/query/sql", "{}").await;
    assert_eq!((status, text.as_str()), (500, "Payload is missing the query string field 'sql'"));
    assert_eq!(cluster.post("/query/sql", "{").await.0, 500);
    let (status, code, text) = cluster.post("/query/sql", r#"{"sql":null}"#).await;
    assert_eq!((status, code.as_str()), (200, "150"), "{text}");
    let (status, _, text) = cluster.post("/query/sql", r#"{"sql":"SET timeoutMs=-5; select name from people"}"#).await;
    assert_eq!(status, 500);
    assert_eq!(text, "timeoutMs must be a number between 1 and 2^63-1, got: -5");
    let (_, code, text) = cluster.post("/query/sql", r#"{"sql":"select 1","queryOptions":"x"}"#).await;
    assert_eq!(code, "150");
    assert!(text.contains("Chunk [x] is not a valid entry"), "{text}");
    assert_eq!(cluster.get("/query/sql").await.0, 200);
    assert_eq!(cluster.get("/no/such").await, (404, r#"{"code":404,"error":"HTTP 404 Not Found"}"#.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_codes_and_ids() {
    let cluster = cluster().await;
    for (sql, options, code, has_id) in [
        ("selec 1", "", 150, false),
        ("select name from nothing", "", 190, true),
        ("select nope from people", "", 710, true),
        ("select name from people", "useMultistageEngine=true", 450, true),
        ("select name from people limit 3000000000", "", 700, true),
    ] {
        let answer = cluster.sql_with(sql, options).await;
        assert_eq!(codes(&answer), [code], "{sql}: {answer}");
        assert_eq!(answer["requestId"].is_string(), has_id, "{sql}");
        assert_eq!(answer["partialResult"], true);
        assert!(answer.get("resultTable").is_none());
    }
    let url = format!("http://{}/query/sql", cluster.broker.addr());
    let ask = reqwest::Client::new().post(url).header("Pinot-Use-Http-Status-For-Errors", "true");
    let response = ask.body(r#"{"sql":"select name from nothing"}"#).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_ids_are_echoed_and_results_dropped() {
    let cluster = cluster().await;
    let answer = cluster.sql_with("select name from people", "clientQueryId=probe-1;dropResults=true").await;
    assert_eq!(answer["clientRequestId"], "probe-1");
    assert!(answer.get("resultTable").is_none());
    assert_eq!(codes(&answer).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_segments_are_counted_and_not_asked() {
    let facts = |min: &str, max: &str| json!({"metadata": {"columns": [{"name": "age", "dataType": "INT", "min": min, "max": max}]}});
    let people = table(
        "people_OFFLINE",
        vec![
            segment("young", &[(S1, "ONLINE")], facts("0", "30")),
            segment("old", &[(S2, "ONLINE")], facts("31", "99")),
        ],
    );
    let cluster = Cluster::start(vec![people], vec![server(S1, "h1", true), server(S2, "h2", true)]).await;
    let answer = cluster.sql("select name from people where age > 40").await;
    assert_eq!(rows(&answer), ["old"]);
    assert_eq!((&answer["numSegmentsPrunedByBroker"], &answer["totalDocs"]), (&1.into(), &2.into()));
    assert_eq!(answer["numServersQueried"], 1);
    let answer = cluster.sql("select name from people where age > 400").await;
    assert_eq!((&answer["numServersQueried"], &answer["totalDocs"]), (&1.into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_table_is_cut_at_the_time_boundary() {
    const DAY: i64 = 86_400_000;
    let offline = table(
        "people_OFFLINE",
        vec![
            segment("o1", &[(S1, "ONLINE")], json!({"endTimeMs": 10 * DAY})),
            segment("o2", &[(S1, "OFFLINE")], json!({"endTimeMs": 90 * DAY})),
        ],
    );
    let realtime = table("people_REALTIME", vec![segment("r1", &[(S1, "CONSUMING")], json!({}))]);
    let cluster = Cluster::start(vec![offline, realtime], vec![server(S1, "h1", true)]).await;
    let (status, text) = cluster.get("/debug/timeBoundary/people").await;
    assert_eq!((status, text), (200, format!(r#"{{"timeColumn":"ts","timeValue":"{}"}}"#, 9 * DAY)));
    let answer =
        cluster.sql("select name from people where age > 1 order by name option(ignoreMissingSegments=true)").await;
    assert_eq!(rows(&answer), ["o1", "r1"], "{answer}");
    assert_eq!(answer["numServersQueried"], 2, "one call, counted for both parts");
    let requests = cluster.servers.get(S1).requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 1);
    let filters: Vec<String> = requests[0]
        .tables
        .iter()
        .map(|table| format!("{:?}", query::codec::decode_query(&table.query).unwrap().filter))
        .collect();
    assert!(filters[0].contains(&format!("Included(Long({}))", 9 * DAY)), "{}", filters[0]);
    assert!(filters[1].contains(&format!("Excluded(Long({}))", 9 * DAY)), "{}", filters[1]);
    let answer = cluster.sql("select name from people_REALTIME").await;
    assert_eq!(rows(&answer), ["r1"]);
    assert_eq!(cluster.get("/debug/timeBoundary/nothing").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_boundary_that_is_fixed_stands_as_it_is() {
    let mut offline =
        table("people_OFFLINE", vec![segment("o1", &[(S1, "ONLINE")], json!({"endTimeMs": 864_000_000}))]);
    offline.time_boundary_ms = Some(1234);
    let realtime = table("people_REALTIME", vec![segment("r1", &[(S1, "CONSUMING")], json!({}))]);
    let cluster = Cluster::start(vec![offline, realtime], vec![server(S1, "h1", true)]).await;
    let (status, text) = cluster.get("/debug/timeBoundary/people").await;
    assert_eq!((status, text.as_str()), (200, r#"{"timeColumn":"ts","timeValue":"1234"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_shows_the_routing() {
    let cluster = cluster().await;
    let (status, text) = cluster.get("/debug/routingTable/people").await;
    let routing: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    let all: usize = routing["people_OFFLINE"]
        .as_object()
        .unwrap()
        .values()
        .map(|segments| segments.as_array().unwrap().len())
        .sum();
    assert_eq!(all, 3);
    let (status, text) = cluster.get("/debug/routingTable/nothing").await;
    assert_eq!((status, text.as_str()), (404, r#"{"code":404,"error":"Cannot find routing for table: nothing"}"#));
    let (status, _) = cluster.get("/debug/routingTable/sql?query=select%20name%20from%20people_OFFLINE").await;
    assert_eq!(status, 200);
    assert_eq!(cluster.get("/debug/routingTable/sql").await.0, 500);
    assert_eq!(cluster.get("/health").await, (200, "OK".to_owned()));
    assert!(cluster.get("/swagger.json").await.1.contains("/query/sql"));
}
