//! Every table of the conformance suites loads whole.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
};

use flate2::read::GzDecoder;
use serde_json::Value as Json;

use crate::place::{Place, shared};

#[test]
fn all_tables_load() {
    let Some(shared) = shared() else { return };
    let root = shared.join("conformance");
    let tables = BufReader::new(GzDecoder::new(File::open(root.join("tables/tables.jsonl.gz")).unwrap()));
    let mut failed = Vec::new();
    let mut loaded = 0;
    for line in tables.lines() {
        let table: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let name = table["name"].as_str().unwrap();
        if model::Schema::from_json(&table["schema"]).is_err() {
            // Types that this build does not know; the schema's own tests cover those.
            println!("passed over: {name}");
            continue;
        }
        match rows_of(&table, &root) {
            Ok(rows) if table["rows"].is_null() || table["rows"] == rows => loaded += 1,
            Ok(rows) => failed.push(format!("{name}: {rows} rows where {} are expected", table["rows"])),
            Err(e) => failed.push(format!("{name}: {e}")),
        }
    }
    assert!(failed.is_empty(), "{loaded} tables loaded, {} not:\n{}", failed.len(), failed.join("\n"));
}

fn rows_of(table: &Json, root: &std::path::Path) -> Result<u64, String> {
    let mut rows = 0;
    for (i, part) in table["parts"].as_array().unwrap().iter().enumerate() {
        let content = match &part["rows"] {
            Json::Array(rows) => rows.iter().map(|r| format!("{r}\n")).collect::<String>().into_bytes(),
            _ => bytes(&root.join(part["file"].as_str().unwrap())),
        };
        let postfix = format!("part{i}");
        let mut config = vec![
            ("inputFormat", part["format"].as_str().unwrap()),
            ("segmentNameGenerator.configs.segment.name.postfix", &postfix),
        ];
        for (key, value) in part["props"].as_object().into_iter().flatten() {
            config.push((key, value.as_str().unwrap()));
        }
        let report = Place::new().load(&table["schema"], &table["config"], &config, &content).map_err(chain)?;
        if report.rows_rejected + report.rows_incomplete > 0 {
            return Err(format!("bad rows: {:?}", report.first_errors));
        }
        rows += report.rows_indexed;
    }
    Ok(rows)
}

fn bytes(path: &std::path::Path) -> Vec<u8> {
    let mut out = Vec::new();
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        GzDecoder::new(file).read_to_end(&mut out).unwrap();
    } else {
        (&file).read_to_end(&mut out).unwrap();
    }
    out
}

fn chain(error: ingest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
