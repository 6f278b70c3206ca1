//! SQL test files: the `sqllogictest` format, asked over HTTP.
//!
//! `query` records compare rows, cells separated by a space, a text with spaces or an empty one in quotes. `statement
//! error REGEX` expects an exception whose `code: message` matches. `control` lines of the format work as usual; a
//! comment `# options: k=v;k2=v2` is not part of it: use `SET k = v;` in the statement.

use std::path::Path;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use serde_json::Value;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::Client;

/// Runs one file against a cluster; the error names file and line.
pub async fn run_file(client: &Client, path: &Path) -> Result<()> {
    let mut runner = Runner::new(|| {
        let client = client.clone();
        async move { Ok(Asker(client)) }
    });
    runner.run_file_async(path).await.map_err(|e| anyhow!("{e}"))
}

struct Asker(Client);

/// What a statement failed with, as `code: message`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

#[async_trait]
impl AsyncDB for Asker {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let answer = self.0.query(sql, "").await.map_err(|e| Failure(format!("{e:#}")))?;
        if let Some(first) = answer["exceptions"].as_array().and_then(|e| e.first()) {
            return Err(Failure(format!("{}: {}", first["errorCode"], first["message"].as_str().unwrap_or_default())));
        }
        let rows = answer["resultTable"]["rows"].as_array().cloned().unwrap_or_default();
        let types = answer["resultTable"]["dataSchema"]["columnDataTypes"].as_array().map_or(0, Vec::len);
        let cells = |row: Value| row.as_array().map(|r| r.iter().map(cell).collect()).unwrap_or_default();
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; types], rows: rows.into_iter().map(cells).collect() })
    }

    async fn shutdown(&mut self) {}
}

/// One cell as it stands in a test file.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
