//! Queries through both forms of the client.

use std::{sync::Arc, time::Duration};

use model::Schema;
use proto::{GrpcQueryClient, QueryClient, v1};
use query::{BindContext, Bound, Catalog, PartialResult, TableInfo};

use crate::support::*;

struct People;

impl Catalog for People {
    fn table(&self, _: &str) -> Option<TableInfo> {
        Some(TableInfo::new(Arc::new(Schema::from_json_text(SCHEMA).unwrap())))
    }
}

fn bound(sql: &str) -> Vec<u8> {
    let statement = query::parse(sql).unwrap();
    match query::bind(&statement, &People, &BindContext::new(0)).unwrap() {
        Bound::Query(bound) => query::codec::encode_query(&bound).unwrap(),
        Bound::Answer(_) => panic!("a literal answer"),
    }
}

fn request(table: &str, sql: &str, segments: &[&str]) -> v1::ExecuteRequest {
    v1::ExecuteRequest {
        request_id: 5,
        broker_id: "Broker_test_1".to_owned(),
        tables: vec![v1::TableQuery {
            table: table.to_owned(),
            query: bound(sql).into(),
            segments: segments.iter().map(|name| (*name).to_owned()).collect(),
            optional_segments: Vec::new(),
        }],
        timeout_ms: 10_000,
        final_values: true,
    }
}

async fn ask(client: &dyn QueryClient, request: v1::ExecuteRequest) -> PartialResult {
    let response = client.execute(request, Duration::from_secs(10)).await.unwrap();
    query::codec::decode_partial(&response.results[0].partial).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_names_what_is_missing() {
    let setup = Setup::new();
    let segments = vec![setup.segment("s1", &[10, 20, 30]), setup.segment("s2", &[40])];
    let (server, mut session) = setup.start_with(vec![table(segments)]).await;
    session.reported("s1", "ONLINE").await;
    server.settle().await;
    let grpc = GrpcQueryClient::new(service::grpc::channel(&server.addr().to_string()).unwrap());
    let local = server.query_client();
    let clients: [&dyn QueryClient; 2] = [&grpc, &*local];
    for client in clients {
        let result = ask(client, request(TABLE, "select count(*) from people where age > 10", &["s1", "s2"])).await;
        assert_eq!(result.exceptions, []);
        assert_eq!((result.stats.total_docs, result.stats.num_segments_queried), (4, 2));
        assert_eq!(result.batch.unwrap().num_rows(), 1);

        let result = ask(client, request(TABLE, "select count(*) from people", &["s1", "gone", "lost"])).await;
        assert_eq!(result.exceptions[0].error_code, 235);
        assert_eq!(result.exceptions[0].message, "2 segments [gone, lost] missing on server: Server_test_1");
        assert!(result.batch.is_some(), "what is there is answered");

        let result = ask(client, request("other_OFFLINE", "select count(*) from people", &["s1"])).await;
        assert_eq!(result.exceptions[0].error_code, 230);
        assert_eq!(result.exceptions[0].message, "Failed to find table: other_OFFLINE on server: Server_test_1");

        let mut damaged = request(TABLE, "select count(*) from people", &["s1"]);
        damaged.tables[0].query = vec![1, 2, 3].into();
        let result = ask(client, damaged).await;
        assert_eq!(result.exceptions[0].error_code, 200);
        assert!(!client.cancel(99).await.unwrap());
    }
    assert!(server.shutdown(DEADLINE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_shows_tables_and_segments() {
    let setup = Setup::new();
    let segments = vec![setup.segment("s1", &[10, 20, 30])];
    let crc = segments[0].crc.clone();
    let (server, mut session) = setup.start_with(vec![table(segments)]).await;
    session.reported("s1", "ONLINE").await;
    let admin = server.admin_addr();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for (path, status, expected) in [
        ("/health/liveness", 200, "OK"),
        ("/tables", 200, r#"{"tables":["people_OFFLINE"]}"#),
        ("/tables/people_OFFLINE/segments", 200, r#"{"segments":["s1"]}"#),
        ("/tables/people_OFFLINE/segments/needReload", 200, r#"{"needReload":false,"instanceId":"Server_test_1"}"#),
        ("/tables/people/segments", 404, r#"{"message":"Table people does not exist","status":404}"#),
        ("/tables/x_OFFLINE/size", 404, r#"{"message":"Table: x_OFFLINE is not found","status":404}"#),
        ("/nothing", 404, r#"{"message":"HTTP 404 Not Found","status":404}"#),
        ("/tables/people_OFFLINE/allSegmentsLoaded", 200, r#"{"valid":true,"invalidReason":null,"maxEndTimeMs":-1}"#),
    ] {
        assert_eq!(get(admin, path).await, (status, expected.to_owned()), "{path}");
    }
    let crcs = json(&get(admin, "/tables/people_OFFLINE/segments/crc").await.1);
    assert_eq!(crcs["s1"], crc);
    let metadata = json(&get(admin, "/tables/people_OFFLINE/segments/s1/metadata?columns=age").await.1);
    assert_eq!((&metadata["totalDocs"], &metadata["columns"][0]["maxValue"]), (&3.into(), &"30".into()));
    let of_table = json(&get(admin, "/tables/people_OFFLINE/metadata?columns=age&columns=name").await.1);
    assert_eq!((&of_table["numRows"], &of_table["columnCardinalityMap"]["name"]), (&3.into(), &3.0.into()));
    let indexes = json(&get(admin, "/tables/people_OFFLINE/indexes").await.1);
    assert_eq!(indexes["columnToIndexesCount"]["age"]["forward_index"], 1);
    let (status, text) = get(admin, "/tables/people_OFFLINE/segments/gone/metadata").await;
    assert_eq!(status, 404, "{text}");
    assert!(get(admin, "/swagger.json").await.1.contains("/tables/{tableName}/size"));
}
