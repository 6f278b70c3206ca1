//! A user of a cluster: everything over HTTP.

use anyhow::{Context as _, Result, bail};
use reqwest::{StatusCode, multipart};
use serde_json::{Value, json};

use crate::until;

/// Addresses of one cluster.
#[derive(Clone, Debug)]
pub struct Client {
    pub controller: String,
    pub broker: String,
    http: reqwest::Client,
}

impl Client {
    /// `controller` and `broker` are URLs without a trailing slash.
    pub fn new(controller: impl Into<String>, broker: impl Into<String>) -> Self {
        Self { controller: controller.into(), broker: broker.into(), http: reqwest::Client::new() }
    }

    /// Status and body of a GET at the controller.
    pub async fn get(&self, path: &str) -> Result<(StatusCode, String)> {
        let answer = self.http.get(format!("{}{path}", self.controller)).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Status and body of a POST with a JSON text at the controller.
    pub async fn post(&self, path: &str, body: impl Into<String>) -> Result<(StatusCode, String)> {
        let request = self.http.post(format!("{}{path}", self.controller)).header("Content-Type", "application/json");
        let answer = request.body(body.into()).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    pub async fn delete(&self, path: &str) -> Result<(StatusCode, String)> {
        let answer = self.http.delete(format!("{}{path}", self.controller)).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Creates an OFFLINE table from its schema and config.
    pub async fn create_table(&self, schema: &Value, config: &Value) -> Result<()> {
        for (path, body) in [("/schemas", schema), ("/tables", config)] {
            let (status, text) = self.post(path, body.to_string()).await?;
            if !status.is_success() {
                bail!("POST {path}: {status} {text}");
            }
        }
        Ok(())
    }

    /// Uploads `content` as one file; the answer's status and text.
    pub async fn ingest(
        &self,
        table: &str,
        file_name: &str,
        config: &Value,
        content: impl Into<Vec<u8>>,
    ) -> Result<(StatusCode, String)> {
        let part = multipart::Part::bytes(content.into()).file_name(file_name.to_owned());
        let request = self
            .http
            .post(format!("{}/ingestFromFile", self.controller))
            .query(&[("tableNameWithType", format!("{table}_OFFLINE")), ("batchConfigMapStr", config.to_string())])
            .multipart(multipart::Form::new().part("file", part));
        let answer = request.send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// Uploads newline-delimited JSON and fails unless it was taken.
    pub async fn ingest_json(&self, table: &str, postfix: &str, lines: &str) -> Result<()> {
        let config = json!({"inputFormat": "json", "segmentNameGenerator.configs.segment.name.postfix": postfix});
        let (status, text) = self.ingest(table, "data.json", &config, lines.as_bytes()).await?;
        if !status.is_success() {
            bail!("ingest into {table}: {status} {text}");
        }
        Ok(())
    }

    /// The broker's whole answer. `options` is `k=v;k2=v2` or empty.
    pub async fn query(&self, sql: &str, options: &str) -> Result<Value> {
        let body = json!({"sql": sql, "queryOptions": options});
        let answer = self.http.post(format!("{}/query/sql", self.broker)).json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        serde_json::from_str(&text).with_context(|| format!("{status}: {text}"))
    }

    /// Rows of a statement that must succeed.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let answer = self.query(sql, "").await?;
        if answer["exceptions"].as_array().is_none_or(|e| !e.is_empty()) {
            bail!("{sql}: {}", answer["exceptions"]);
        }
        let rows = answer["resultTable"]["rows"].as_array().context("no resultTable")?;
        Ok(rows.iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect())
    }

    /// Waits until `count(*)` of a table is `rows`.
    pub async fn wait_for_rows(&self, table: &str, rows: i64) -> Result<()> {
        let sql = format!("select count(*) from \"{table}\"");
        until(&format!("{rows} rows in {table}"), || async {
            let found = self.rows(&sql).await.ok()?;
            (found.first()?.first()?.as_i64()? == rows).then_some(())
        })
        .await
    }
}
