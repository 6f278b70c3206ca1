//! What the broker offers beside answers: cursors, quotas, routing by hand, statements looked at.

use broker::{BrokerConfig, CursorConfig};
use serde_json::{Value, json};

use crate::support::*;

const S1: &str = "Server_h1_8098";

fn people(quota: Value) -> proto::v1::Table {
    let segments = ["a", "b", "c"].map(|name| segment(name, &[(S1, "ONLINE")], json!({})));
    let mut table = table("people_OFFLINE", segments.to_vec());
    let mut config: Value = serde_json::from_str(&table.config_json).unwrap();
    config["quota"] = quota;
    table.config_json = config.to_string();
    table
}

async fn cluster(quota: Value, configs: &[(&str, &str)], config: BrokerConfig) -> Cluster {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Cluster::start_with(vec![people(quota)], vec![server(S1, "h1", true)], configs, config).await
}

fn json_of(answer: (u16, String)) -> Value {
    assert_eq!(answer.0, 200, "{}", answer.1);
    serde_json::from_str(&answer.1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_give_page_after_page() {
    let dir = tempfile::tempdir().unwrap();
    let cursor = CursorConfig { dir: Some(dir.path().to_owned()), fetch_rows: 2, ..CursorConfig::default() };
    let cluster = cluster(json!({}), &[], BrokerConfig { cursor, ..BrokerConfig::default() }).await;
    let ask = json!({"sql": "select name from people order by name", "queryOptions": "clientQueryId=mine"});
    let (status, code, text) = cluster.post("/query/sql?getCursor=true", ask.to_string()).await;
    assert_eq!((status, code.as_str()), (200, "-1"), "{text}");
    let first: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(first["resultTable"]["rows"], json!([["a"], ["b"]]));
    assert_eq!((&first["offset"], &first["numRows"], &first["numRowsResultSet"]), (&json!(0), &json!(2), &json!(3)));
    assert_eq!((&first["clientRequestId"], &first["pools"]), (&json!("mine"), &json!([])));
    assert_eq!(first["brokerPort"], cluster.broker.addr().port());
    let at = format!("/responseStore/{}", first["requestId"].as_str().unwrap());

    let page = json_of(cluster.get(&format!("{at}/results?offset=2")).await);
    assert_eq!(
        (&page["resultTable"]["rows"], &page["offset"], &page["numRows"]),
        (&json!([["c"]]), &json!(2), &json!(1))
    );
    let about = json_of(cluster.get(&format!("{at}/")).await);
    assert!(about.get("resultTable").is_none() && about["numRowsResultSet"] == 3, "{about}");
    assert_eq!(json_of(cluster.get("/responseStore").await).as_array().map(Vec::len), Some(1));
    for (query, text) in
        [("offset=3", "Offset 3 should be lesser than totalRecords 3"), ("offset=-1", "fromIndex = -1")]
    {
        assert_eq!(cluster.get(&format!("{at}/results?{query}")).await, (500, text.to_owned()));
    }
    assert_eq!(cluster.get(&format!("{at}/results?offset=x")).await.0, 404);
    let id = at.rsplit('/').next().unwrap();
    assert_eq!(cluster.delete(&at).await, (200, format!("Query Results for {id} deleted.")));
    assert_eq!(cluster.get(&at).await, (404, format!("Query results for {id} not found.")));
    assert_eq!(cluster.delete(&at).await.0, 404);

    // An error is an ordinary answer, and numbers are looked at.
    let nowhere = json!({"sql": "select * from nowhere"}).to_string();
    let (_, code, text) = cluster.post("/query/sql?getCursor=true", nowhere).await;
    assert!(code == "190" && !text.contains("\"offset\""), "{text}");
    assert_eq!(cluster.post("/query/sql?getCursor=true&numRows=-4", ask.to_string()).await.0, 500);
    assert_eq!(json_of(cluster.get("/responseStore/").await), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_its_quota_is_refused() {
    let configs = [("applicationQuota.slow", "0.0"), ("databaseQuota.default", "1000000")];
    let cluster = cluster(json!({"maxQueriesPerSecond": "0.001"}), &configs, BrokerConfig::default()).await;
    let sql = "select name from people";
    let refused = cluster.sql_with(sql, "applicationName=slow").await;
    let text = refused["exceptions"][0]["message"].as_str().unwrap();
    assert!(codes(&refused) == [429] && text.ends_with("exceeds query quota for application: slow"), "{text}");
    assert_eq!(codes(&cluster.sql(sql).await), [0; 0]);
    let refused = cluster.sql(sql).await;
    assert_eq!(refused["tablesQueried"], json!([]));
    let text = refused["exceptions"][0]["message"].as_str().unwrap();
    assert!(
        text.starts_with("Request ")
            && text.ends_with(": select name from people exceeds query quota for table: people")
    );
    for (path, rate) in [
        ("/debug/tables/queryQuota/people_OFFLINE", "0.001"),
        ("/debug/tables/queryQuota/other_OFFLINE", "0.0"),
        ("/debug/databases/queryQuota/default", "1000000.0"),
        ("/debug/databases/queryQuota/other", "0.0"),
        ("/debug/applicationQuotas/slow", "0.0"),
    ] {
        assert_eq!(cluster.get(path).await, (200, rate.to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_taken_out_and_put_back() {
    let cluster = cluster(json!({}), &[], BrokerConfig::default()).await;
    let count = async || rows(&cluster.sql("select name from people").await).len();
    assert_eq!(count().await, 3);
    assert_eq!(cluster.delete("/routing/people_OFFLINE").await, (200, "Success".to_owned()));
    assert_eq!(count().await, 0);
    assert_eq!(cluster.get("/debug/routingTable/people").await.0, 404);
    let put = async |path: &str| {
        let request = reqwest::Client::new().put(format!("http://{}{path}", cluster.broker.addr()));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(put("/routing/people_OFFLINE").await, 200);
    assert_eq!(count().await, 3);
    assert_eq!(put("/routing/refresh/people_OFFLINE/a").await, 200);
    assert_eq!((put("/routing/people").await, put("/routing/nothing_OFFLINE").await), (500, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn routing_tables_are_shown() {
    let cluster = cluster(json!({}), &[], BrokerConfig::default()).await;
    let all = json!({ S1: ["a", "b", "c"] });
    let optional = json!({ S1: { "segments": ["a", "b", "c"], "optionalSegments": [] } });
    let sql = "sql?query=select%20*%20from%20people_OFFLINE";
    assert_eq!(json_of(cluster.get("/debug/routingTable/people").await), json!({ "people_OFFLINE": all }));
    assert_eq!(json_of(cluster.get(&format!("/debug/routingTable/{sql}")).await), all);
    let with = "/debug/routingTableWithOptionalSegments";
    assert_eq!(json_of(cluster.get(&format!("{with}/people")).await), json!({ "people_OFFLINE": optional }));
    assert_eq!(json_of(cluster.get(&format!("{with}/{sql}")).await), optional);
    for (path, status) in [
        ("/debug/routingTable/sql", 500),
        ("/debug/routingTable/sql?query=select%20*%20from%20nowhere_OFFLINE", 404),
        ("/debug/routingTable/nowhere", 404),
        ("/debug/serverRoutingStats", 404),
        ("/debug/timeBoundary/people", 404),
        ("/debug/queries/resourceUsage", 200),
        ("/appconfigs", 200),
        ("/loggers", 200),
        ("/uptime", 200),
    ] {
        assert_eq!(cluster.get(path).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_looked_at_without_being_run() {
    let cluster = cluster(json!({}), &[], BrokerConfig::default()).await;
    let ask = async |path: &str, sql: &str| {
        let (status, _, text) = cluster.post(path, json!({ "sql": sql }).to_string()).await;
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let (_, one) = ask("/query/sql/queryFingerprint", "select a from t where b > 1").await;
    let (_, other) = ask("/query/sql/queryFingerprint", "SELECT a FROM t WHERE b > 27").await;
    assert_eq!((&one["fingerprint"], &one), (&json!("SELECT `a` FROM `t` WHERE `b` > ?"), &other));
    let (status, refused) = ask("/query/sql/queryFingerprint", "selec").await;
    assert!(status == 500 && refused.get("code").is_none() && refused["error"].is_string(), "{refused}");
    let (_, valid) = ask("/query/sql/validateSyntax", "select 1").await;
    assert_eq!(valid, json!({ "valid": true, "sqlType": "DQL" }));
    let (status, invalid) = ask("/query/sql/validateSyntax", "selec").await;
    assert!(status == 200 && invalid["valid"] == false && invalid["errorMessage"].is_string());

    let (status, code, text) = cluster.post("/query/sql", r#"{"sql":"select * from (select name from people)"}"#).await;
    assert_eq!((status, code.as_str(), text.as_str()), (500, "", "Nested query is not supported without gapfill"));
    let insert = cluster.sql("INSERT INTO people FROM FILE 'file:///x'").await;
    assert_eq!((codes(&insert), &insert["requestId"], &insert["brokerId"]), (vec![200], &Value::Null, &Value::Null));
}
