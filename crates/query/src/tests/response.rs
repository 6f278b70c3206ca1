//! The reply's fields, their order and its numbers.

use model::{DataType, Value};

use crate::{BrokerResponse, QueryException, ResultTable};

#[test]
fn a_reply_has_all_fields_in_order() {
    let reply = BrokerResponse::default().to_json();
    let parsed: serde_json::Value = serde_json::from_str(&reply).expect("json");
    let keys: Vec<&str> = parsed.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "numRowsResultSet partialResult exceptions numGroupsLimitReached numGroupsWarningLimitReached timeUsedMs \
         requestId clientRequestId brokerId numDocsScanned totalDocs numEntriesScannedInFilter \
         numEntriesScannedPostFilter numServersQueried numServersResponded numSegmentsQueried numSegmentsProcessed \
         numSegmentsMatched numConsumingSegmentsQueried numConsumingSegmentsProcessed numConsumingSegmentsMatched \
         minConsumingFreshnessTimeMs numSegmentsPrunedByBroker numSegmentsPrunedByServer numSegmentsPrunedInvalid \
         numSegmentsPrunedByLimit numSegmentsPrunedByValue brokerReduceTimeMs offlineThreadCpuTimeNs \
         realtimeThreadCpuTimeNs offlineSystemActivitiesCpuTimeNs realtimeSystemActivitiesCpuTimeNs \
         offlineResponseSerializationCpuTimeNs realtimeResponseSerializationCpuTimeNs offlineTotalCpuTimeNs \
         realtimeTotalCpuTimeNs explainPlanNumEmptyFilterSegments explainPlanNumMatchAllFilterSegments traceInfo \
         tablesQueried offlineThreadMemAllocatedBytes realtimeThreadMemAllocatedBytes \
         offlineResponseSerMemAllocatedBytes realtimeResponseSerMemAllocatedBytes offlineTotalMemAllocatedBytes \
         realtimeTotalMemAllocatedBytes pools rlsFiltersApplied groupsTrimmed"
    );
}

#[test]
fn cells() {
    let types = vec![
        DataType::Int.sv(),
        DataType::Double.sv(),
        DataType::Float.sv(),
        DataType::Boolean.sv(),
        DataType::Timestamp.sv(),
        DataType::BigDecimal.sv(),
        DataType::Bytes.sv(),
        DataType::Map.sv(),
        DataType::String.mv(),
        DataType::Unknown.sv(),
    ];
    let row = vec![
        Value::Int(1),
        Value::Double(1e10),
        Value::Float(0.1),
        Value::Boolean(true),
        Value::Timestamp(1_709_164_800_000),
        Value::BigDecimal("100.50".parse().expect("decimal")),
        Value::Bytes(vec![0, 255]),
        Value::Map("{\"k\":1}".into()),
        Value::Array(DataType::String, vec![Value::String("a\"b".into()), Value::String("ü".into())]),
        Value::Null,
    ];
    let names = (0..types.len()).map(|i| format!("c{i}")).collect();
    let nulls = vec![Value::Null; types.len()];
    let table = ResultTable::from_rows(names, types, &[row, nulls]).expect("table");
    let reply = BrokerResponse { result_table: Some(table), ..BrokerResponse::default() }.to_json();
    let rows = reply.split("\"rows\":").nth(1).and_then(|t| t.split("},\"numRows").next()).expect("rows");
    assert_eq!(
        rows,
        "[[1,1.0E10,0.1,true,\"2024-02-29 00:00:00.0\",\"100.50\",\"00ff\",{\"k\":1},[\"a\\\"b\",\"ü\"],null],\
         [null,null,null,null,null,null,null,null,null,null]]"
    );
    assert!(reply.contains("\"numRowsResultSet\":2,"));
}

#[test]
fn errors_make_the_reply_partial() {
    let reply = BrokerResponse::error(QueryException { error_code: 710, message: "a \"b\"".into() });
    assert_eq!(reply.error_code(), 710);
    let text = reply.to_json();
    assert!(text.starts_with(
        "{\"numRowsResultSet\":0,\"partialResult\":true,\"exceptions\":[{\"errorCode\":710,\"message\":\"a \\\"b\\\"\"}],"
    ));
    assert_eq!(BrokerResponse::default().error_code(), -1);
}
