use serde_json::json;

use super::*;
use crate::{MemoryStore, records::TargetState};

fn cluster() -> Cluster {
    Cluster::new(Arc::new(MemoryStore::new()), "CuveeCluster").unwrap()
}

fn table() -> TableNameWithType {
    TableNameWithType::parse("movies_OFFLINE").unwrap()
}

fn segment(name: &str) -> SegmentName {
    SegmentName::parse(name).unwrap()
}

async fn with_table(cluster: &Cluster) {
    let record = TableRecord { config: json!({"tableName": "movies"}), creation_time_ms: 1, last_modified_ms: 1 };
    cluster.create_table(&table(), &record, &IdealState::new(1)).await.unwrap();
}

#[tokio::test]
async fn tables_and_segments() {
    let cluster = cluster();
    let record = SegmentRecord { crc: "1".into(), total_docs: 3, ..SegmentRecord::default() };
    let missing = cluster.commit_segment(&table(), &segment("s1"), &record, |_| {}).await;
    assert!(matches!(missing, Err(Error::Conflict { .. })));
    with_table(&cluster).await;
    let again = TableRecord { config: json!({}), creation_time_ms: 2, last_modified_ms: 2 };
    assert!(matches!(
        cluster.create_table(&table(), &again, &IdealState::new(1)).await,
        Err(Error::Conflict { found: Some(_), .. })
    ));
    for name in ["s1", "s2", "s3"] {
        cluster
            .commit_segment(&table(), &segment(name), &record, |ideal| {
                ideal.assign(name, ["Server_a_1"], TargetState::Online);
            })
            .await
            .unwrap();
    }
    cluster.delete_segments(&table(), &[segment("s2"), segment("s2"), segment("unknown")]).await.unwrap();
    let names: Vec<String> = cluster.segments(&table()).await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["s1", "s3"]);
    let ideal = cluster.ideal_state(&table()).await.unwrap().unwrap().value;
    assert_eq!(ideal.segments.keys().collect::<Vec<_>>(), ["s1", "s3"]);
    assert_eq!(cluster.segment(&table(), &segment("s1")).await.unwrap().unwrap().value, record);
    assert_eq!(cluster.tables().await.unwrap().len(), 1);
    assert_eq!(cluster.delete_table(&table()).await.unwrap(), ["s1", "s3"]);
    assert!(cluster.store().list(&RecordPath::root()).await.unwrap().is_empty());
}

#[tokio::test]
async fn concurrent_segments_are_all_assigned() {
    let cluster = cluster();
    with_table(&cluster).await;
    let writers: Vec<_> = (0..20)
        .map(|i| {
            let cluster = cluster.clone();
            tokio::spawn(async move {
                let name = format!("s{i}");
                cluster
                    .commit_segment(&table(), &segment(&name), &SegmentRecord::default(), |ideal| {
                        ideal.assign(&name, ["Server_a_1"], TargetState::Online);
                    })
                    .await
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(cluster.ideal_state(&table()).await.unwrap().unwrap().value.segments.len(), 20);
}

#[tokio::test]
async fn schemas_instances_configs() {
    let cluster = cluster();
    let name = RawTableName::parse("movies").unwrap();
    let record = SchemaRecord { schema: json!({"schemaName": "movies"}), last_modified_ms: 1 };
    cluster.put_schema(&name, &record, Expect::Absent).await.unwrap();
    assert_eq!(cluster.schema(&name).await.unwrap().unwrap().value, record);
    assert_eq!(cluster.schemas().await.unwrap()[0].0, "movies");
    cluster.delete_schema(&name).await.unwrap();
    assert!(cluster.delete_schema(&name).await.is_err());

    let id = InstanceId::parse("Server_a_8098").unwrap();
    cluster.put_instance(&InstanceRecord::new(id.clone()), Expect::Absent).await.unwrap();
    assert!(cluster.instance(&id).await.unwrap().unwrap().value.enabled);
    assert_eq!(cluster.instances().await.unwrap()[0].0, id.as_str());

    assert!(cluster.configs().await.unwrap().configs.is_empty());
    cluster.update_configs(|record| drop(record.configs.insert("k".into(), "v".into()))).await.unwrap();
    assert_eq!(cluster.configs().await.unwrap().configs["k"], "v");
    assert!(Cluster::new(cluster.store().clone(), "a/b").is_err());
}

#[tokio::test]
async fn updates_can_refuse_and_delete() {
    let cluster = cluster();
    let path = RecordPath::parse("x/y").unwrap();
    let refused = cluster.update(&path, |_: Option<u32>| Err("no".to_owned())).await;
    assert!(matches!(refused, Err(Error::Refused(reason)) if reason == "no"));
    let written = cluster.update(&path, |found: Option<u32>| Ok(Some(found.unwrap_or(0) + 1))).await.unwrap().unwrap();
    assert_eq!(cluster.get::<u32>(&path).await.unwrap().unwrap(), written);
    assert!(cluster.get::<String>(&path).await.unwrap_err().to_string().contains("/x/y"));
    assert_eq!(cluster.update(&path, |_: Option<u32>| Ok(None)).await.unwrap(), None);
    assert_eq!(cluster.delete_below(&RecordPath::parse("x").unwrap()).await.unwrap(), 0);
}
