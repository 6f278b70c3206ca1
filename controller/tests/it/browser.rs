//! Tenants, instances, quotas, periodic tasks and the metadata browser over REST.

use std::sync::Arc;

use metadata::MemoryStore;
use serde_json::{Value, json};

use crate::cluster::{Cluster, FakeServer};

async fn ok(cluster: &Cluster, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, answer) = cluster.ask(method, path, body).await;
    assert_eq!(status, 200, "{method} {path}: {answer}");
    answer
}

#[tokio::test]
async fn the_tree_shows_the_cluster() {
    let cluster = Cluster::start().await;
    let _server = FakeServer::join(cluster.handle.client(), "Server_h_8098", 8098).await;
    let _broker = cluster.handle.client();
    ok(
        &cluster,
        "POST",
        "/instances",
        Some(json!({"host": "b", "port": 1, "type": "BROKER", "tags": ["DefaultTenant_BROKER"]})),
    )
    .await;
    cluster.table("t").await;
    assert_eq!(cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\n").await.0, 200);
    let ls = |path: &'static str| ok(&cluster, "GET", path, None);
    assert_eq!(ls("/zk/ls?path=/").await, json!(["PinotCluster"]));
    assert_eq!(ls("/zk/ls?path=/PinotCluster/LIVEINSTANCES").await.as_array().unwrap().len(), 2);
    assert_eq!(ls("/zk/ls?path=/PinotCluster/IDEALSTATES").await, json!(["brokerResource", "t_OFFLINE"]));
    let ideal = ls("/zk/get?path=/PinotCluster/IDEALSTATES/t_OFFLINE").await;
    let segment = ideal["mapFields"].as_object().unwrap().keys().next().unwrap().clone();
    assert_eq!(ideal["mapFields"][&segment], json!({"Server_h_8098": "ONLINE"}));
    assert_eq!(ls("/zk/get?path=/PinotCluster/EXTERNALVIEW/t_OFFLINE").await["mapFields"], ideal["mapFields"]);
    let resource = ls("/zk/get?path=/PinotCluster/IDEALSTATES/brokerResource").await;
    assert_eq!(resource["mapFields"], json!({"t_OFFLINE": {"Broker_b_1": "ONLINE"}}));
    let resource = ls("/zk/get?path=/PinotCluster/EXTERNALVIEW/brokerResource").await;
    assert_eq!(resource["mapFields"], json!({"t_OFFLINE": {}}), "the broker is not live");
    let segments = ls("/zk/getChildren?path=/PinotCluster/PROPERTYSTORE/SEGMENTS/t_OFFLINE").await;
    assert_eq!(segments[0]["simpleFields"]["segment.total.docs"], "1");
    let stats = ls("/zk/lsl?path=/PinotCluster/PROPERTYSTORE/CONFIGS/TABLE").await;
    assert!(stats["t_OFFLINE"]["dataLength"].as_u64().unwrap() > 100, "{stats}");
    let states = ls("/zk/ls?path=/PinotCluster/INSTANCES/Server_h_8098/CURRENTSTATES").await;
    let session = states[0].as_str().unwrap();
    let path = format!("/zk/get?path=/PinotCluster/INSTANCES/Server_h_8098/CURRENTSTATES/{session}/t_OFFLINE");
    assert_eq!(ok(&cluster, "GET", &path, None).await["mapFields"][&segment]["CURRENT_STATE"], "ONLINE");
    assert_eq!(cluster.get("/zk/get?path=/PinotCluster").await.0, 204);
    for (path, status) in [
        ("/zk/get", 400),
        ("/zk/get?path=PinotCluster", 400),
        ("/zk/get?path=/PinotCluster/", 400),
        ("/zk/get?path=/PinotCluster/../x", 400),
        ("/zk/get?path=/Other", 404),
        ("/zk/ls?path=/PinotCluster/IDEALSTATES/nothing", 404),
    ] {
        assert_eq!(cluster.get(path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn edits_take_effect_and_guarded_nodes_say_who_changes_them() {
    let cluster = Cluster::start().await;
    let _server = FakeServer::join(cluster.handle.client(), "Server_h_8098", 8098).await;
    ok(
        &cluster,
        "POST",
        "/instances",
        Some(json!({"host": "b", "port": 1, "type": "BROKER", "tags": ["DefaultTenant_BROKER"]})),
    )
    .await;
    cluster.table("t").await;

    let path = "/zk/get?path=/PinotCluster/CONFIGS/PARTICIPANT/Server_h_8098";
    let mut node = ok(&cluster, "GET", path, None).await;
    node["listFields"]["TAG_LIST"] = json!(["server_untagged"]);
    let stat = ok(&cluster, "GET", "/zk/stat?path=/PinotCluster/CONFIGS/PARTICIPANT/Server_h_8098", None).await;
    let version = stat["version"].as_i64().unwrap();
    let put = format!("/zk/put?path=/PinotCluster/CONFIGS/PARTICIPANT/Server_h_8098&expectedVersion={version}");
    ok(&cluster, "PUT", &put, Some(node.clone())).await;
    let instance = ok(&cluster, "GET", "/instances/Server_h_8098", None).await;
    assert_eq!(instance["tags"], json!(["server_untagged"]));
    assert_eq!(cluster.ask("PUT", &put, Some(node)).await.0, 500, "it is another version by now");
    let tenant = json!({"tenantRole": "SERVER", "tenantName": "own", "offlineInstances": 1, "realtimeInstances": 1});
    ok(&cluster, "POST", "/tenants", Some(tenant)).await;
    assert_eq!(
        ok(&cluster, "GET", "/tenants/own?type=SERVER", None).await["ServerInstances"],
        json!(["Server_h_8098"])
    );

    let config = json!({"id": "PinotCluster", "simpleFields": {"a.b": "c"}, "mapFields": {}, "listFields": {}});
    ok(&cluster, "PUT", "/zk/put?path=/PinotCluster/CONFIGS/CLUSTER/PinotCluster", Some(config)).await;
    assert_eq!(ok(&cluster, "GET", "/cluster/configs", None).await, json!({"a.b": "c"}));

    let path = "/PinotCluster/PROPERTYSTORE/CONFIGS/TABLE/t_OFFLINE";
    let mut node = ok(&cluster, "GET", &format!("/zk/get?path={path}"), None).await;
    node["simpleFields"]["metadata"] = json!("{\"customConfigs\":{\"owner\":\"me\"}}");
    ok(&cluster, "PUT", &format!("/zk/put?path={path}"), Some(node)).await;
    let table = ok(&cluster, "GET", "/tables/t", None).await;
    assert_eq!(table["OFFLINE"]["metadata"]["customConfigs"]["owner"], "me");

    let node = json!({"id": "x", "simpleFields": {}, "mapFields": {}, "listFields": {}});
    for guarded in ["/PinotCluster/IDEALSTATES/t_OFFLINE", "/PinotCluster/LIVEINSTANCES/x", "/PinotCluster", "/Other/x"]
    {
        let (status, answer) = cluster.ask("PUT", &format!("/zk/put?path={guarded}"), Some(node.clone())).await;
        assert_eq!(status, 400, "{guarded}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(guarded), "{answer}");
    }
    let (status, answer) = cluster.ask("DELETE", "/zk/delete?path=/PinotCluster/PROPERTYSTORE/SCHEMAS/t", None).await;
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("DELETE /schemas"), "{answer}");
    let live = "/zk/delete?path=/PinotCluster/CONFIGS/PARTICIPANT/Server_h_8098";
    assert_eq!(cluster.ask("DELETE", live, None).await.0, 409);
}

#[tokio::test]
async fn free_nodes_and_broker_resources_outlive_the_controller() {
    let store = Arc::new(MemoryStore::new());
    let cluster = Cluster::start_with(Arc::clone(&store) as _, tempfile::tempdir().unwrap(), &[]).await;
    for (id, kind, tag) in [(1, "BROKER", "DefaultTenant_BROKER"), (2, "SERVER", "DefaultTenant_OFFLINE")] {
        ok(&cluster, "POST", "/instances", Some(json!({"host": "h", "port": id, "type": kind, "tags": [tag]}))).await;
    }
    cluster.table("t").await;
    let node = json!({"id": "n", "simpleFields": {"a": "1"}, "mapFields": {}, "listFields": {"l": ["x"]}});
    ok(&cluster, "POST", "/zk/create?path=/PinotCluster/PROPERTYSTORE/mine/n", Some(node.clone())).await;
    let again = cluster.ask("POST", "/zk/create?path=/PinotCluster/PROPERTYSTORE/mine/n", Some(node.clone())).await;
    assert_eq!(again.0, 400);
    ok(&cluster, "PUT", "/zk/putChildren?path=/PinotCluster/PROPERTYSTORE/mine", Some(json!([node]))).await;
    ok(&cluster, "PUT", "/instances/Broker_h_1/updateTags?tags=other_BROKER&updateBrokerResource=true", None).await;
    assert_eq!(ok(&cluster, "GET", "/brokers/tables/t", None).await, json!([]));
    ok(&cluster, "POST", "/databases/default/quotas?maxQueriesPerSecond=7", None).await;
    ok(&cluster, "POST", "/applicationQuotas/app?maxQueriesPerSecond=2.5", None).await;

    let Cluster { handle, dir, .. } = cluster;
    handle.shutdown(std::time::Duration::from_secs(5)).await;
    let cluster = Cluster::start_with(store, dir, &[]).await;
    assert_eq!(ok(&cluster, "GET", "/zk/get?path=/PinotCluster/PROPERTYSTORE/mine/n", None).await, node);
    assert_eq!(ok(&cluster, "GET", "/zk/stat?path=/PinotCluster/PROPERTYSTORE/mine/n", None).await["version"], 1);
    assert_eq!(ok(&cluster, "GET", "/brokers/tables/t", None).await, json!([]), "still nobody");
    assert_eq!(ok(&cluster, "GET", "/databases/default/quotas", None).await, json!({"maxQueriesPerSecond": "7"}));
    assert_eq!(ok(&cluster, "GET", "/applicationQuotas/app", None).await, json!(2.5));
    assert_eq!(cluster.get("/applicationQuotas/other").await.0, 204);
    assert_eq!(cluster.get("/databases/other/quotas").await.0, 400);
    ok(&cluster, "DELETE", "/zk/delete?path=/PinotCluster/PROPERTYSTORE/mine", None).await;
    assert_eq!(cluster.get("/zk/get?path=/PinotCluster/PROPERTYSTORE/mine/n").await.0, 404);

    let report = ok(&cluster, "DELETE", "/databases/default", None).await;
    assert_eq!(report, json!({"deletedTables": ["t_OFFLINE"], "failedTables": [], "dryRun": true}));
    let report = ok(&cluster, "DELETE", "/databases/default?dryRun=false", None).await;
    assert_eq!(report["deletedTables"], json!(["t_OFFLINE"]));
    assert_eq!(cluster.get("/schemas/t").await.0, 404);
}

#[tokio::test]
async fn a_periodic_task_runs_when_asked() {
    let cluster = Cluster::start().await;
    for (id, kind, tag) in [(1, "BROKER", "DefaultTenant_BROKER"), (2, "SERVER", "DefaultTenant_OFFLINE")] {
        ok(&cluster, "POST", "/instances", Some(json!({"host": "h", "port": id, "type": kind, "tags": [tag]}))).await;
    }
    cluster.table("t").await;
    ok(
        &cluster,
        "POST",
        "/instances",
        Some(json!({"host": "h", "port": 3, "type": "BROKER", "tags": ["DefaultTenant_BROKER"]})),
    )
    .await;
    assert_eq!(ok(&cluster, "GET", "/brokers/tables/t", None).await, json!(["Broker_h_1"]));
    let run = ok(&cluster, "GET", "/periodictask/run?taskname=BrokerResourceValidationManager&tableName=t", None).await;
    assert_eq!(run["isSuccessful"], true);
    let rebuilt = || {
        let state = cluster.handle.cluster().read();
        state.broker_resource["t_OFFLINE"].len() == 2
    };
    cluster.handle.cluster().wait_until(std::time::Duration::from_secs(10), |_| rebuilt()).await;
    assert!(rebuilt());
    for name in ok(&cluster, "GET", "/periodictask/names", None).await.as_array().unwrap() {
        let path = format!("/periodictask/run?taskname={}", name.as_str().unwrap());
        assert_eq!(ok(&cluster, "POST", &path, Some(json!({}))).await["isSuccessful"], true);
    }
    for (path, status) in [
        ("/periodictask/run", 404),
        ("/periodictask/run?taskname=NoSuchTask", 404),
        ("/periodictask/run?taskname=RetentionManager&tableName=nothing", 404),
        ("/periodictask/run?taskname=RetentionManager&tableName=t&type=ODD", 400),
    ] {
        assert_eq!(cluster.get(path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn instances_are_checked_before_they_change() {
    let cluster = Cluster::start().await;
    let _server = FakeServer::join(cluster.handle.client(), "Server_h_8098", 8098).await;
    ok(
        &cluster,
        "POST",
        "/instances",
        Some(json!({"host": "b", "port": 1, "type": "BROKER", "tags": ["DefaultTenant_BROKER"]})),
    )
    .await;
    cluster.table("t").await;
    assert_eq!(cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\n").await.0, 200);
    let path = "/instances/dropInstance/validate?instanceNames=Server_h_8098&instanceNames=Minion_h_1";
    let verdicts = ok(&cluster, "GET", path, None).await;
    let codes: Vec<&str> =
        verdicts[0]["issues"].as_array().unwrap().iter().map(|issue| issue["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["IS_ALIVE", "CONTAINS_RESOURCE"]);
    assert_eq!(verdicts[1]["isSafe"], true);
    let requests = json!([{"instanceName": "Server_h_8098", "newTags": ["x"]}]);
    let verdicts = ok(&cluster, "POST", "/instances/updateTags/validate", Some(requests)).await;
    let codes: Vec<&str> =
        verdicts[0]["issues"].as_array().unwrap().iter().map(|issue| issue["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["MINIMUM_INSTANCE_UNSATISFIED", "UNRECOGNISED_TAG_TYPE"]);
    let unknown = json!([{"instanceName": "Server_x_1", "newTags": []}]);
    assert_eq!(cluster.ask("POST", "/instances/updateTags/validate", Some(unknown)).await.0, 412);

    ok(
        &cluster,
        "POST",
        "/instances",
        Some(json!({"host": "m", "port": 9514, "type": "MINION", "tags": ["minion_untagged"]})),
    )
    .await;
    ok(&cluster, "PUT", "/instances/Minion_m_9514/state?state=DRAIN", None).await;
    assert_eq!(cluster.ask("PUT", "/instances/Minion_m_9514/state?state=DRAIN", None).await.0, 500);
    let drained = ok(&cluster, "GET", "/minions/status?status=DRAINED", None).await;
    assert_eq!(drained["minionStatus"][0]["instanceId"], "Minion_m_9514");
    // It is not live, so it comes back later; its tags come back at once.
    assert_eq!(cluster.ask("PUT", "/instances/Minion_m_9514/state?state=ENABLE", None).await.0, 500);
    assert_eq!(ok(&cluster, "GET", "/instances/Minion_m_9514", None).await["tags"], json!(["minion_untagged"]));
    assert_eq!(cluster.ask("PUT", "/instances/Server_h_8098/state?state=DRAIN", None).await.0, 400);
}
