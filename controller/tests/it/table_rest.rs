//! Tables, schemas and instance partitions: what is refused and why, names with databases, forms of names.

use serde_json::{Value, json};

use crate::cluster::table_config;
use crate::rest::{check, play, schema, with_instances};

fn with(mut config: Value, changes: &[(&str, Value)]) -> Value {
    for (key, value) in changes {
        config[key] = value.clone();
    }
    config
}

#[tokio::test]
async fn forms_of_names() {
    let (cluster, _server, _broker) = with_instances().await;
    let null = || json!(null);
    play(
        &cluster,
        vec![
            ("POST", "/schemas", schema("t", &[("a", "STRING")]), 200, json!({})),
            ("POST", "/tables", table_config("t"), 200, json!({})),
            ("GET", "/tables/t_OFFLINE?type=OFFLINE", null(), 200, json!({"OFFLINE": {"tableName": "t_OFFLINE"}})),
            (
                "GET",
                "/tables/t_OFFLINE?type=realtime",
                null(),
                404,
                json!({"error": "Table t_OFFLINE_REALTIME does not exist"}),
            ),
            ("GET", "/tables/t?type=x", null(), 404, json!({"error": "Table t_X does not exist"})),
            ("GET", "/tables/a.b.c", null(), 500, json!({"error": "~more than one '.'"})),
            ("GET", "/tables/t/stats?type=x", null(), 200, json!({})),
            ("GET", "/tables/none/stats", null(), 200, json!({})),
            (
                "GET",
                "/tables/t_OFFLINE/state?type=REALTIME",
                null(),
                404,
                json!({"error": "Failed to find table: t_OFFLINE_REALTIME"}),
            ),
            (
                "PUT",
                "/tables/t/state?type=OFFLINE&state=DISABLE",
                null(),
                200,
                json!({"status": "Request to DISABLE table 't_OFFLINE' is successful"}),
            ),
            (
                "DELETE",
                "/tables/t_OFFLINE?type=REALTIME",
                null(),
                404,
                json!({"error": "Table 't_OFFLINE' with type REALTIME does not exist"}),
            ),
            ("DELETE", "/tables/t?type=x", null(), 400, json!({"error": "~Illegal table type"})),
            ("DELETE", "/tables/t?retention=long", null(), 400, json!({"error": "~long"})),
            ("DELETE", "/tables/t_OFFLINE?type=OFFLINE", null(), 200, json!({"status": "Tables: [t_OFFLINE] deleted"})),
        ],
    )
    .await;
}

#[tokio::test]
async fn databases_by_header() {
    let (cluster, _server, _broker) = with_instances().await;
    let ask = |method: &str, path: &str, database: &str, body: Value| {
        let call = cluster.http.request(method.parse().unwrap(), cluster.url(path)).header("Database", database);
        crate::cluster::answer(if body.is_null() { call } else { call.json(&body) })
    };
    let (status, answer) = ask("POST", "/schemas", "wines", schema("t", &[("a", "STRING")])).await;
    assert_eq!((status, &answer["status"]), (200, &json!("wines.t successfully added")));
    let (status, answer) = ask("POST", "/tables", "wines", table_config("t")).await;
    assert_eq!((status, &answer["status"]), (200, &json!("Table wines.t_OFFLINE successfully added")), "{answer}");
    for (path, database, status, expected) in [
        ("/tables", "wines", 200, json!({"tables": ["wines.t"]})),
        ("/tables", "default", 200, json!({"tables": []})),
        ("/schemas", "beers", 200, json!([])),
        ("/schemas/t", "wines", 200, json!({"schemaName": "wines.t"})),
        ("/tables/t", "wines", 200, json!({"OFFLINE": {"tableName": "wines.t_OFFLINE"}})),
        ("/tables/t", "beers", 404, json!({"error": "Table beers.t does not exist"})),
        ("/tables/wines.t", "beers", 500, json!({"error": "~does not match database name 'beers' from header"})),
        ("/tableConfigs/t", "wines", 200, json!({"tableName": "wines.t"})),
    ] {
        let (found, answer) = ask("GET", path, database, json!(null)).await;
        assert_eq!(found, status, "{path} in {database}: {answer}");
        check(path, &answer, &expected);
    }
    let (_, all) = cluster.get("/tables").await;
    assert_eq!(all, json!({"tables": ["wines.t"]}));
    let (status, answer) = ask("DELETE", "/tables/t", "wines", json!(null)).await;
    assert_eq!((status, &answer["status"]), (200, &json!("Tables: [wines.t_OFFLINE] deleted")));
}

#[tokio::test]
async fn schemas_have_to_suit_their_tables() {
    let (cluster, _server, _broker) = with_instances().await;
    let indexed = with(table_config("t"), &[("tableIndexConfig", json!({"sortedColumn": ["a"]}))]);
    let multi = json!({"schemaName": "t", "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING", "singleValueField": false}]});
    play(
        &cluster,
        vec![
            ("POST", "/schemas", schema("t", &[("a", "STRING")]), 200, json!({})),
            ("POST", "/tables", indexed, 200, json!({})),
            ("PUT", "/schemas/t?force=true", multi.clone(), 400, json!({"error": "~Schema is incompatible with tableConfig with name: t_OFFLINE"})),
            ("POST", "/schemas/validate", multi, 400, json!({"error": "~/tableIndexConfig/sortedColumn/0"})),
            ("PUT", "/schemas/t?reload=true", schema("t", &[("a", "STRING"), ("b", "INT")]), 200, json!({})),
            ("POST", "/schemas", schema("alone", &[("a", "STRING")]), 200, json!({})),
            ("PUT", "/schemas/alone?reload=true", schema("alone", &[("a", "STRING")]), 404, json!({"error": "Failed to find table alone to reload"})),
            ("GET", "/schemas/fieldSpec", json!(null), 200, json!({"fieldTypes": {"METRIC": {"allowedDataTypes": {"INT": {"nullDefault": 0}}}, "COMPLEX": {"allowedDataTypes": {"MAP": {"nullDefault": {}}}}}, "dataTypes": {"TIMESTAMP": {"storedType": "LONG", "size": 8, "sortable": true, "numeric": false}}})),
        ],
    )
    .await;
}

#[tokio::test]
async fn mistakes_in_schemas() {
    let (cluster, _server, _broker) = with_instances().await;
    let field = |field: Value| json!({"schemaName": "s", "dimensionFieldSpecs": [field]});
    let time = |outgoing: &str| {
        let spec = |name: &str, unit: &str| json!({"name": name, "dataType": "LONG", "timeType": unit});
        json!({"schemaName": "s", "timeFieldSpec": {
            "incomingGranularitySpec": spec("t", "MILLISECONDS"), "outgoingGranularitySpec": spec(outgoing, "DAYS")}})
    };
    let refused = |schema: Value, part: &str| ("POST", "/schemas", schema, 400, json!({"error": format!("~{part}")}));
    play(
        &cluster,
        vec![
            refused(field(json!({"name": "a", "dataType": "STRNG"})), "did you mean 'STRING'"),
            refused(field(json!({"name": "a", "datatype": "STRING"})), "'datatype', which nobody knows"),
            refused(field(json!({"name": "a", "dataType": "INT", "transformFunction": "plus(("})), "plus(("),
            refused(time("t"), "if name is the same"),
            refused(
                with(schema("s", &[("town", "STRING")]), &[("primaryKeyColumns", json!(["twn"]))]),
                "did you mean 'town'",
            ),
            ("POST", "/schemas", time("days"), 200, json!({})),
            ("GET", "/schemas/info", json!(null), 200, json!({})),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_fixed_time_boundary() {
    let (cluster, _server, _broker) = with_instances().await;
    let timed = json!({"schemaName": "h", "dateTimeFieldSpecs": [
        {"name": "ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH", "granularity": "1:MILLISECONDS"}]});
    let offline = with(table_config("h"), &[("segmentsConfig", json!({"replication": "1", "timeColumnName": "ts"}))]);
    let stream = json!({"streamType": "kafka", "stream.kafka.topic.name": "h", "stream.kafka.decoder.class.name": "JSONMessageDecoder"});
    let realtime = with(
        offline.clone(),
        &[
            ("tableType", json!("REALTIME")),
            ("ingestionConfig", json!({"streamIngestionConfig": {"streamConfigMaps": [stream]}})),
        ],
    );
    let path = "/tables/h/timeBoundary";
    play(
        &cluster,
        vec![
            ("POST", path, json!(null), 404, json!({"error": "Table isn't a hybrid table"})),
            ("DELETE", path, json!(null), 404, json!({"error": "Failed to find table: h_OFFLINE"})),
            ("POST", "/schemas", timed, 200, json!({})),
            ("POST", "/tables", offline, 200, json!({})),
            ("POST", path, json!(null), 404, json!({"error": "Table isn't a hybrid table"})),
            ("POST", "/tables", realtime, 200, json!({})),
            ("POST", path, json!(null), 503, json!({"error": "~No segments found for offline table : h_OFFLINE"})),
            ("DELETE", path, json!(null), 200, json!({"status": "Time boundary successfully removed"})),
        ],
    )
    .await;
}

#[tokio::test]
async fn limits_of_the_controller() {
    let (cluster, _server, _broker) = with_instances().await;
    let keyed = json!({"schemaName": "d", "primaryKeyColumns": ["a"], "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}]});
    let dimension = with(table_config("d"), &[("isDimTable", json!(true))]);
    let large = with(dimension.clone(), &[("quota", json!({"storage": "1G"}))]);
    let scheduled = |tag: &str| {
        let task =
            json!({"taskTypeConfigsMap": {"PurgeTask": {"schedule": "0 */10 * * * ?", "minionInstanceTag": tag}}});
        with(table_config("d"), &[("task", task)])
    };
    play(
        &cluster,
        vec![
            ("POST", "/schemas", keyed, 200, json!({})),
            ("POST", "/tables", large, 400, json!({"error": "~Exceeded storage size for dimension table. Requested size: 1073741824, Max allowed size: 209715200"})),
            ("POST", "/tables", scheduled("none"), 400, json!({"error": "~Failed to find minion instances with tag: none"})),
            ("POST", "/tables?validationTypesToSkip=minion_instances", scheduled("none"), 200, json!({})),
            ("DELETE", "/tables/d", json!(null), 200, json!({})),
            ("POST", "/tables?validationTypesToSkip=TSAK", scheduled("none"), 400, json!({"error": "~did you mean 'TASK'"})),
            ("POST", "/tables", dimension, 200, json!({})),
            ("GET", "/tables/d", json!(null), 200, json!({"OFFLINE": {"quota": {"storage": "200M"}}})),
            ("DELETE", "/tables/d", json!(null), 200, json!({})),
            ("POST", "/tables", with(table_config("d"), &[("tunerConfigs", json!([{"name": "realtimeAutoIndexTuner"}]))]), 200, json!({})),
            ("GET", "/tables/d", json!(null), 200, json!({"OFFLINE": {"tableIndexConfig": {"invertedIndexColumns": ["a"], "noDictionaryColumns": []}}})),
            ("POST", "/tables/validate", with(table_config("d"), &[("segmentsConfig", json!({}))]), 200, json!({"OFFLINE": {}})),
        ],
    )
    .await;
}

#[tokio::test]
async fn upserts_change_only_by_force() {
    let (cluster, _server, _broker) = with_instances().await;
    let schema = json!({"schemaName": "u", "primaryKeyColumns": ["a"],
        "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}, {"name": "n", "dataType": "INT"}],
        "dateTimeFieldSpecs": [{"name": "ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH", "granularity": "1:MILLISECONDS"}]});
    let config = |upsert: Value| {
        let partition = json!({"columnPartitionMap": {"a": {"functionName": "Murmur", "numPartitions": 2}}});
        with(
            table_config("u"),
            &[
                ("segmentsConfig", json!({"replication": "1", "timeColumnName": "ts"})),
                ("routing", json!({"instanceSelectorType": "strictReplicaGroup"})),
                ("tableIndexConfig", json!({"segmentPartitionConfig": partition})),
                ("upsertConfig", upsert),
            ],
        )
    };
    let other = config(json!({"mode": "FULL", "comparisonColumns": ["n"]}));
    play(
        &cluster,
        vec![
            ("POST", "/schemas", schema.clone(), 200, json!({})),
            ("POST", "/tables", config(json!({"mode": "FULL"})), 200, json!({})),
            ("PUT", "/tables/u", other.clone(), 400, json!({"error": "~Cannot modify [upsertConfig.comparisonColumns"})),
            ("PUT", "/tables/u?force=true", other, 200, json!({})),
            ("PUT", "/tables/u?validationTypesToSkip=UPSERT", with(config(json!({"mode": "FULL", "comparisonColumns": ["n"]})), &[("routing", json!({}))]), 200, json!({})),
            ("POST", "/upsert/estimateHeapUsage?cardinality=100&numPartitions=4", json!({"tableConfig": config(json!({"mode": "FULL"})), "schema": schema}), 400, json!({"error": "~a is STRING"})),
            ("POST", "/upsert/estimateHeapUsage?cardinality=100&primaryKeySize=8&numPartitions=4", json!({"tableConfig": config(json!({"mode": "FULL"})), "schema": schema}), 200, json!({"tableName": "u_OFFLINE", "bytesPerKey": 8, "bytesPerValue": 60, "totalSpace(bytes)": 6800, "totalSpacePerPartition(bytes)": 1700.0})),
            ("POST", "/upsert/estimateHeapUsage", json!({}), 400, json!({"error": "~'tableConfig' is missing"})),
        ],
    )
    .await;
}

#[tokio::test]
async fn instance_partitions() {
    let (cluster, _server, _broker) = with_instances().await;
    let assignment = |per_group: u32| {
        json!({"OFFLINE": {
            "tagPoolConfig": {"tag": "DefaultTenant_OFFLINE"},
            "replicaGroupPartitionConfig": {"replicaGroupBased": true, "numReplicaGroups": 1, "numInstancesPerReplicaGroup": per_group},
        }})
    };
    let server = "Server_127.0.0.1_8098";
    let with_groups = |per_group| with(table_config("t"), &[("instanceAssignmentConfigMap", assignment(per_group))]);
    let shown = |id: &str| json!({"OFFLINE": {"instancePartitionsName": "t_OFFLINE", "partitionToInstancesMap": {"0_0": [id]}, "instanceToPartitionIdMap": {id: 0}}});
    let document = |name: &str| json!({"instancePartitionsName": name, "partitionToInstancesMap": {"0_0": [server]}});
    let path = "/tables/t/instancePartitions";
    let null = || json!(null);
    play(
        &cluster,
        vec![
            ("POST", "/schemas", schema("t", &[("a", "STRING")]), 200, json!({})),
            (
                "POST",
                "/tables",
                with_groups(2),
                400,
                json!({"error": "~Not enough qualified instances from pool: 0 (1 in the pool, asked for 2)"}),
            ),
            ("POST", "/tables", with_groups(1), 200, json!({})),
            ("GET", path, null(), 200, shown(server)),
            (
                "GET",
                "/tables/t/instancePartitions?type=CONSUMING",
                null(),
                404,
                json!({"error": "Failed to find the instance partitions"}),
            ),
            ("POST", "/tables/t/assignInstances?dryRun=true", null(), 200, shown(server)),
            (
                "POST",
                "/tables/t/assignInstances?type=CONSUMING",
                null(),
                404,
                json!({"error": "Failed to find the instance assignment config"}),
            ),
            (
                "POST",
                "/tables/t/replaceInstance?oldInstanceId=x&newInstanceId=y",
                null(),
                404,
                json!({"error": "Failed to find the old instance"}),
            ),
            (
                "POST",
                "/tables/t/replaceInstance?oldInstanceId=Server_127.0.0.1_8098&newInstanceId=Server_h_1",
                null(),
                200,
                shown("Server_h_1"),
            ),
            ("PUT", path, document("t_OFFLINE"), 200, shown(server)),
            ("PUT", path, document("u_OFFLINE"), 400, json!({"error": "~cannot be applied to the table"})),
            ("PUT", path, json!("x"), 400, json!({"error": "~Failed to deserialize"})),
            ("DELETE", path, null(), 200, json!({"status": "Instance partitions removed"})),
            ("GET", path, null(), 404, json!({})),
            ("POST", "/tables/t/assignInstances", null(), 200, shown(server)),
            ("GET", path, null(), 200, shown(server)),
            ("DELETE", "/tables/t", null(), 200, json!({})),
            ("GET", path, null(), 404, json!({})),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_table() {
    let (cluster, _server, _broker) = with_instances().await;
    play(
        &cluster,
        vec![
            ("POST", "/schemas", schema("t", &[("a", "STRING")]), 200, json!({})),
            ("POST", "/tables", table_config("t"), 200, json!({})),
            ("GET", "/debug/tables/none", json!(null), 404, json!({"error": "Table 'none' not found"})),
            ("GET", "/debug/segments/t/s", json!(null), 204, json!("")),
            (
                "GET",
                "/debug/segments/t_OFFLINE/s",
                json!(null),
                404,
                json!({"error": "~does not exist in the ideal state"}),
            ),
        ],
    )
    .await;
    let (status, answer) = cluster.get("/debug/tables/t?verbosity=1").await;
    assert_eq!(status, 200, "{answer}");
    let expected = json!({
        "tableName": "t_OFFLINE", "numSegments": 0, "numServers": 1, "numBrokers": 1,
        "ingestionStatus": {"ingestionState": "UNKNOWN"}, "tableSize": {"reportedSize": "-1 bytes"},
    });
    check("debug", &answer[0], &expected);
    assert_eq!(answer[0]["brokerDebugInfos"][0]["externalView"], "ONLINE");
}
