//! Small tables whose every cell a test knows.

use anyhow::{Context as _, Result};

use crate::Client;

/// A table under `fixtures/`: schema, config, and one file of JSON lines a segment.
pub struct Fixture {
    pub name: &'static str,
    schema: &'static str,
    table: &'static str,
    files: &'static [&'static str],
}

macro_rules! fixture {
    ($name:literal, $($file:literal),+) => {
        Fixture {
            name: $name,
            schema: include_str!(concat!("../fixtures/", $name, "/schema.json")),
            table: include_str!(concat!("../fixtures/", $name, "/table.json")),
            files: &[$(include_str!(concat!("../fixtures/", $name, "/", $file))),+],
        }
    };
}

/// Eight wines in two segments: every data type, multi-values, nulls, every index.
pub const CELLAR: Fixture = fixture!("cellar", "rows-0.json", "rows-1.json");

impl Fixture {
    /// Number of rows in all files.
    pub fn rows(&self) -> usize {
        self.files.iter().map(|f| f.lines().count()).sum()
    }

    /// Creates and fills the table and waits until all its rows are there.
    pub async fn load(&self, client: &Client) -> Result<()> {
        let schema = serde_json::from_str(self.schema).context("schema of the fixture")?;
        let table = serde_json::from_str(self.table).context("config of the fixture")?;
        client.create_table(&schema, &table).await?;
        for (i, lines) in self.files.iter().enumerate() {
            client.ingest_json(self.name, &format!("part{i}"), lines).await?;
        }
        client.wait_for_rows(self.name, self.rows() as i64).await
    }
}
