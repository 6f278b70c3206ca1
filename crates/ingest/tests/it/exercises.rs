//! Files of the exercises.

use std::fs;

use serde_json::json;

use crate::place::{Place, column, read_json, shared};

#[test]
fn movies() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("exercises/movies");
    let (schema, table) = (read_json(folder.join("schema.json")), read_json(folder.join("table_offline.json")));
    let csv = fs::read(folder.join("rawdata/movies.csv")).unwrap();
    let config = [("inputFormat", "csv"), ("recordReader.prop.delimiter", ",")];
    let report = Place::new().load(&schema, &table, &config, &csv).unwrap();
    assert_eq!(report.segment.metadata.segment_name, "movies_1139702400000_1234396800000_1700000000000");
    assert_eq!(report.rows_indexed, 6);
    let jsonl = fs::read(folder.join("rawdata/movies.jsonl")).unwrap();
    assert_eq!(Place::new().load(&schema, &table, &[("inputFormat", "json")], &jsonl).unwrap().rows_indexed, 5);
}

#[test]
fn github_events() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("exercises/github_events");
    let schema = read_json(folder.join("schema.json"));
    // Without the text and FST indexes of the full config: those belong to the segment's own tests.
    let mut table = read_json(folder.join("table_offline.json"));
    table["fieldConfigList"] = json!([]);
    table["tableIndexConfig"]["jsonIndexColumns"] = json!([]);
    let content = fs::read(folder.join("rawdata/2021-07-21.json")).unwrap();
    let place = Place::new();
    let report = place.load(&schema, &table, &[("inputFormat", "json")], &content).unwrap();
    assert_eq!((report.rows_indexed, report.rows_incomplete), (800, 0));

    let at = |name: &str, row: usize| column(&report, name).swap_remove(row);
    assert_eq!(column(&report, "id")[..2], ["17244207336", "17244207337"]);
    assert_eq!(at("repo_name", 0), "bullet-dev-team/python-pyramid-public");
    assert_eq!(at("payload_pull_request", 0), "null");
    assert_eq!(at("commit_author_names", 0), "[\"null\"]");
    assert_eq!(at("label_ids", 0), "[-9223372036854775808]");
    let actor: serde_json::Value = serde_json::from_str(&at("actor_json", 1)).unwrap();
    assert_eq!(actor["login"], "jwhan77");
    let ids = column(&report, "label_ids");
    assert!(ids.contains(&"[3163702595,3163702051,3163705958]".to_owned()));
    let commits = column(&report, "payload_commits");
    // Booleans inside nested values are texts.
    assert!(commits.iter().any(|c| c.contains("\"distinct\":\"false\"")), "{commits:?}");
    assert_eq!(commits.iter().filter(|c| *c == "null").count() + 425, 800);
}
