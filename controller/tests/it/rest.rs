//! Requests and answers, one after another.

use proto::v1::Role;
use serde_json::{Value, json};

use crate::cluster::{Cluster, FakeServer, register, table_config};

/// `body` holds every member of `expected`, at any depth; texts that begin with `~` have to be contained.
pub fn check(what: &str, body: &Value, expected: &Value) {
    match (body, expected) {
        (Value::Object(body), Value::Object(expected)) => {
            for (key, value) in expected {
                check(&format!("{what}/{key}"), body.get(key).unwrap_or(&Value::Null), value);
            }
        }
        (Value::String(text), Value::String(part)) if part.starts_with('~') => {
            assert!(text.contains(&part[1..]), "{what}: {text}");
        }
        _ => assert_eq!(body, expected, "{what}"),
    }
}

pub async fn play(cluster: &Cluster, steps: Vec<(&str, &str, Value, u16, Value)>) {
    for (method, path, body, status, expected) in steps {
        let body = (!body.is_null()).then_some(body);
        let (found, answer) = cluster.ask(method, path, body).await;
        assert_eq!(found, status, "{method} {path}: {answer}");
        check(&format!("{method} {path}"), &answer, &expected);
    }
}

pub fn schema(name: &str, fields: &[(&str, &str)]) -> Value {
    let fields: Vec<Value> = fields.iter().map(|(name, t)| json!({"name": name, "dataType": t})).collect();
    json!({"schemaName": name, "dimensionFieldSpecs": fields})
}

/// A broker and a server, so that tenants have instances.
pub async fn with_instances() -> (Cluster, FakeServer, proto::session::Session) {
    use proto::session::ClusterClient;
    let cluster = Cluster::start().await;
    let client = cluster.handle.client();
    let server = FakeServer::join(client.clone(), "Server_127.0.0.1_8098", 8098).await;
    let mut broker = client.connect(register("Broker_127.0.0.1_8099", Role::Broker, 8099)).await.unwrap();
    crate::cluster::next(&mut broker).await;
    (cluster, server, broker)
}

#[tokio::test]
async fn schemas() {
    let cluster = Cluster::start().await;
    let s = schema("s", &[("a", "STRING"), ("b", "INT")]);
    let added = json!({"unrecognizedProperties": {}, "status": "s successfully added"});
    play(
        &cluster,
        vec![
            ("GET", "/schemas", json!(null), 200, json!([])),
            ("POST", "/schemas", s.clone(), 200, added.clone()),
            (
                "POST",
                "/schemas?override=false",
                s.clone(),
                409,
                json!({"code": 409, "error": "Schema: s already exists"}),
            ),
            ("GET", "/schemas/s", json!(null), 200, json!({"schemaName": "s", "enableColumnBasedNullHandling": false})),
            ("PUT", "/schemas/s", schema("s", &[("a", "STRING"), ("b", "INT"), ("c", "LONG")]), 200, added.clone()),
            (
                "PUT",
                "/schemas/s",
                schema("s", &[("a", "INT")]),
                400,
                json!({"error": "Backward incompatible schema s. Only allow adding new columns"}),
            ),
            ("PUT", "/schemas/s", schema("x", &[("a", "INT")]), 400, json!({"error": "~Schema name mismatch"})),
            (
                "PUT",
                "/schemas/none",
                schema("none", &[("a", "INT")]),
                404,
                json!({"error": "Failed to find schema none"}),
            ),
            ("PUT", "/schemas/s?force=true", schema("s", &[("a", "INT")]), 200, added),
            (
                "POST",
                "/schemas",
                schema("a__b", &[("a", "INT")]),
                400,
                json!({"error": "'schemaName' cannot contain double underscore ('__')"}),
            ),
            ("POST", "/schemas", json!({}), 400, json!({"error": "~'schemaName' should not be null or empty"})),
            ("GET", "/schemas", json!(null), 200, json!(["s"])),
            ("DELETE", "/schemas/s", json!(null), 200, json!({"status": "Schema s deleted"})),
            ("DELETE", "/schemas/s", json!(null), 404, json!({"error": "Schema s not found"})),
            ("GET", "/schemas/s", json!(null), 404, json!({"code": 404, "error": "Schema not found"})),
            ("DELETE", "/schemas", json!(null), 405, json!({"error": "HTTP 405 Method Not Allowed"})),
        ],
    )
    .await;
}

#[tokio::test]
async fn tables() {
    let (cluster, _server, _broker) = with_instances().await;
    let with = |section: &str, value: Value| {
        let mut config = table_config("t");
        config[section] = value;
        config
    };
    play(
        &cluster,
        vec![
            ("POST", "/tables", table_config("t"), 400, json!({"error": "Failed to find schema for table: t_OFFLINE"})),
            ("POST", "/schemas", schema("t", &[("a", "STRING")]), 200, json!({})),
            ("POST", "/tables", with("segmentsConfig", json!({})), 400, json!({"error": "~replication"})),
            ("POST", "/tables", with("segmentsConfig", json!({"replication": "5"})), 400, json!({"error": "Failed to calculate instance partitions for table: t_OFFLINE, reason: Number of instances: 1 with tag: DefaultTenant_OFFLINE < table replication: 5 for table: t_OFFLINE"})),
            ("POST", "/tables", with("tenants", json!({"server": "No"})), 400, json!({"error": "~No instance found with tag: No_OFFLINE for table: t_OFFLINE"})),
            ("POST", "/tables", with("tenants", json!({"broker": "No"})), 400, json!({"error": "~Failed to find instances with tag: No_BROKER for table: t_OFFLINE"})),
            ("POST", "/tables", with("tableIndexConfig", json!({"invertedIndexColumns": ["nope"]})), 400, json!({"error": "~Failed to find column: nope in schema"})),
            ("POST", "/tables", with("tableType", json!("SIDEWAYS")), 400, json!({"error": "~SIDEWAYS"})),
            ("POST", "/tables", with("task", json!({"taskTypeConfigsMap": {"NoSuchTask": {}}})), 400, json!({"error": "~Task generator not found for task type: NoSuchTask"})),
            ("POST", "/tables", with("task", json!({"taskTypeConfigsMap": {"PurgeTask": {"schedule": "every day"}}})), 400, json!({"error": "~Task PurgeTask contains an invalid cron schedule: every day"})),
            ("POST", "/tables/validate", with("colour", json!("red")), 200, json!({"OFFLINE": {"tableName": "t_OFFLINE", "tenants": {}}, "unrecognizedProperties": {"/colour": "red"}})),
            ("POST", "/tables", with("colour", json!("red")), 200, json!({"unrecognizedProperties": {"/colour": "red"}, "status": "Table t_OFFLINE successfully added"})),
            ("POST", "/tables", table_config("t"), 409, json!({"error": "~Table config for t_OFFLINE already exists"})),
            ("GET", "/tables", json!(null), 200, json!({"tables": ["t"]})),
            ("GET", "/tables?type=offline", json!(null), 200, json!({"tables": ["t_OFFLINE"]})),
            ("GET", "/tables/t", json!(null), 200, json!({"OFFLINE": {"tableName": "t_OFFLINE", "colour": null, "tenants": {"broker": "DefaultTenant", "server": "DefaultTenant"}}})),
            ("GET", "/tables/t?type=REALTIME", json!(null), 404, json!({"error": "Table t_REALTIME does not exist"})),
            ("GET", "/tables/x", json!(null), 404, json!({"error": "Table x does not exist"})),
            ("GET", "/tables/t/schema", json!(null), 200, json!({"schemaName": "t"})),
            ("GET", "/tables/t/idealstate", json!(null), 200, json!({"OFFLINE": {}, "REALTIME": null})),
            ("GET", "/tables/t/state?type=OFFLINE", json!(null), 200, json!({"state": "enabled"})),
            ("PUT", "/tables/t/state?type=OFFLINE&state=disable", json!(null), 200, json!({"status": "Request to disable table 't_OFFLINE' is successful"})),
            ("GET", "/tables/t/state?type=OFFLINE", json!(null), 200, json!({"state": "disabled"})),
            ("GET", "/tables/t/state", json!(null), 400, json!({"error": "Illegal table type: null"})),
            ("PUT", "/tables/t/state?type=OFFLINE&state=paint", json!(null), 400, json!({"error": "Unknown state 'paint'"})),
            ("GET", "/tables/t/instances", json!(null), 200, json!({"brokers": [{"tableType": "offline", "instances": ["Broker_127.0.0.1_8099"]}], "server": [{"tableType": "offline", "instances": ["Server_127.0.0.1_8098"]}]})),
            ("GET", "/brokers/tables/t", json!(null), 200, json!(["Broker_127.0.0.1_8099"])),
            ("GET", "/v2/brokers/tables/t?state=ONLINE", json!(null), 200, json!([{"host": "127.0.0.1", "port": 8099, "instanceName": "Broker_127.0.0.1_8099", "grpcPort": -1}])),
            ("GET", "/brokers/tables/x", json!(null), 404, json!({"error": "Table 'x' not found."})),
            ("GET", "/segments/t", json!(null), 200, json!([{"OFFLINE": []}])),
            ("GET", "/segments/t_OFFLINE?type=REALTIME", json!(null), 403, json!({"error": "Table name: t_OFFLINE does not match table type: REALTIME"})),
            ("GET", "/tables/t/size", json!(null), 200, json!({"reportedSizeInBytes": -1, "offlineSegments": {"reportedSizeInBytes": 0, "missingSegments": 0}, "realtimeSegments": null})),
            ("PUT", "/tables/t", table_config("t"), 200, json!({"status": "Table config updated for t"})),
            ("PUT", "/tables/t", table_config("u"), 400, json!({"error": "~Invalid table config: t with error:"})),
            ("DELETE", "/schemas/t", json!(null), 409, json!({"error": "Cannot delete schema t, as it is associated with table t_OFFLINE"})),
            ("DELETE", "/tables/t?retention=0d", json!(null), 200, json!({"status": "Tables: [t_OFFLINE] deleted"})),
            ("DELETE", "/tables/t", json!(null), 404, json!({"error": "Table 't' with type null does not exist"})),
            ("DELETE", "/schemas/t", json!(null), 200, json!({})),
        ],
    )
    .await;
}

#[tokio::test]
async fn table_configs() {
    let (cluster, _server, _broker) = with_instances().await;
    let both = json!({"tableName": "c", "schema": schema("c", &[("a", "STRING")]), "offline": table_config("c")});
    let mut wider = both.clone();
    wider["schema"] = schema("c", &[("a", "STRING"), ("b", "INT")]);
    let mut narrower = both.clone();
    narrower["schema"] = schema("c", &[("b", "INT")]);
    play(
        &cluster,
        vec![
            (
                "POST",
                "/tableConfigs",
                json!({"tableName": "c", "schema": schema("c", &[])}),
                400,
                json!({"error": "~Must provide at least one of"}),
            ),
            ("POST", "/tableConfigs", both.clone(), 200, json!({"status": "TableConfigs c successfully added"})),
            (
                "POST",
                "/tableConfigs",
                both,
                400,
                json!({"error": "TableConfigs: c already exists. Use PUT to update existing config"}),
            ),
            ("GET", "/tableConfigs", json!(null), 200, json!(["c"])),
            ("PUT", "/tableConfigs/c", wider, 200, json!({"status": "TableConfigs updated for c"})),
            ("PUT", "/tableConfigs/c", narrower, 500, json!({"error": "~not backward-compatible"})),
            (
                "GET",
                "/tableConfigs/c",
                json!(null),
                200,
                json!({"tableName": "c", "schema": {"schemaName": "c"}, "offline": {"tableName": "c_OFFLINE"}}),
            ),
            ("DELETE", "/tableConfigs/c", json!(null), 200, json!({"status": "Deleted TableConfigs: c"})),
            ("GET", "/tables", json!(null), 200, json!({"tables": []})),
            ("GET", "/schemas", json!(null), 200, json!([])),
        ],
    )
    .await;
}

#[tokio::test]
async fn instances_and_cluster() {
    let (cluster, _server, _broker) = with_instances().await;
    let broker = json!({"host": "h", "port": 7099, "type": "BROKER", "tags": ["broker_untagged"]});
    play(
        &cluster,
        vec![
            ("GET", "/health", json!(null), 200, json!("OK")),
            ("GET", "/cluster/info", json!(null), 200, json!({"clusterName": "PinotCluster"})),
            ("POST", "/cluster/configs", json!({"x.text": "abc", "x.number": 12}), 200, json!({"status": "Updated cluster config."})),
            ("GET", "/cluster/configs", json!(null), 200, json!({"x.text": "abc", "x.number": "12"})),
            ("DELETE", "/cluster/configs/x.text", json!(null), 200, json!({"status": "Deleted cluster config: x.text"})),
            ("GET", "/cluster/configs", json!(null), 200, json!({"x.text": null, "x.number": "12"})),
            ("POST", "/instances", broker.clone(), 200, json!({"status": "Added instance: Broker_h_7099"})),
            ("POST", "/instances", broker, 409, json!({"code": 409})),
            ("POST", "/instances", json!({"host": "h", "port": 1, "type": "POTTER"}), 400, json!("~POTTER")),
            ("GET", "/instances/Broker_h_7099", json!(null), 200, json!({"port": "7099", "tags": ["broker_untagged"], "grpcPort": -1, "enabled": true})),
            ("PUT", "/instances/Broker_h_7099/updateTags?tags=a,b", json!(null), 200, json!({"status": "Updated tags: [a, b] for instance: Broker_h_7099"})),
            ("GET", "/instances?tag=a", json!(null), 200, json!({"instances": ["Broker_h_7099"]})),
            ("PUT", "/instances/Server_127.0.0.1_8098/state?state=disable", json!(null), 200, json!({"status": "Request to DISABLE instance 'Server_127.0.0.1_8098' is successful"})),
            ("GET", "/instances/Server_127.0.0.1_8098", json!(null), 200, json!({"enabled": false})),
            ("DELETE", "/instances/Server_127.0.0.1_8098", json!(null), 409, json!({"code": 409})),
            ("DELETE", "/instances/Broker_h_7099", json!(null), 200, json!({"status": "Successfully dropped instance"})),
            ("GET", "/instances/none", json!(null), 404, json!({"error": "Instance none not found"})),
            ("GET", "/tenants", json!(null), 200, json!({"SERVER_TENANTS": ["DefaultTenant"], "BROKER_TENANTS": ["DefaultTenant"]})),
            ("GET", "/tenants/DefaultTenant?type=SERVER", json!(null), 200, json!({"ServerInstances": ["Server_127.0.0.1_8098"]})),
            ("GET", "/tenants/none", json!(null), 404, json!({"error": "Failed to find any instances for broker and server tenants: none"})),
            ("GET", "/no/such/path", json!(null), 404, json!({"code": 404, "error": "HTTP 404 Not Found"})),
            ("POST", "/sql", json!({}), 200, json!({"exceptions": [{"errorCode": 100, "message": "JsonParsingError: JSON Payload is missing the query string field 'sql'"}]})),
        ],
    )
    .await;
    let (_, live) = cluster.get("/liveinstances").await;
    assert_eq!(live["instances"].as_array().unwrap().len(), 3, "{live}");
}

/// The document names every path that the routes have, and its examples can be sent as they are.
#[tokio::test]
async fn the_document_of_the_api() {
    let cluster = Cluster::start().await;
    let (status, document) = cluster.get("/swagger.json").await;
    assert_eq!((status, &document["servers"][0]["url"]), (200, &json!("/")));
    for path in ["/schemas", "/tables/{tableName}", "/segments/{tableName}/{segmentName}/metadata", "/ingestFromFile"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let mut ids: Vec<&Value> = Vec::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            ids.push(&operation["operationId"]);
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(!response["description"].as_str().unwrap().is_empty());
            }
        }
    }
    let distinct: std::collections::BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), ids.len());
    let upload = &document["paths"]["/ingestFromFile"]["post"]["requestBody"]["content"];
    assert!(upload["multipart/form-data"].is_object(), "{upload}");
    let (status, page) = cluster.get("/help").await;
    assert!(status == 200 && page.as_str().unwrap().contains("/swaggerui-dist/swagger-ui-bundle.js"));
    let response = cluster.http.get(cluster.url("/schemas")).send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(response.headers().contains_key("pinot-controller-version"));
    let html = cluster.http.get(cluster.url("/schemas")).header("accept", "text/html");
    assert_eq!(crate::cluster::answer(html).await, (406, json!({"code": 406, "error": "HTTP 406 Not Acceptable"})));
    let page = cluster.http.get(cluster.url("/")).header("accept", "text/html");
    assert_eq!(crate::cluster::answer(page).await.0, 200);
}
