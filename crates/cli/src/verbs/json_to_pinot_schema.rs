//! `JsonToPinotSchema`, and the flags that it shares with `AvroSchemaToPinotSchema`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use ingest::infer::{Inferred, Wishes, from_json_file};
use model::table_config::{ComplexTypeConfig, JsonCollections};

use super::{Group, Verb, flags::local_path};

/// Flags of the verbs that propose a schema.
#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct InferFlags {
    /// Directory for the schema; it must exist.
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Name of the schema, and of the file: <name>.json.
    #[arg(long, value_name = "NAME")]
    pub pinot_schema_name: String,
    /// Columns that are dimensions. Those that no flag names are dimensions, too.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub dimensions: Vec<String>,
    /// Columns that are metrics.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// The column that holds the time.
    #[arg(long, value_name = "NAME")]
    pub time_column_name: Option<String>,
    /// What the time column counts since 1970: DAYS, HOURS, MINUTES, SECONDS, MILLISECONDS …
    #[arg(long, value_name = "UNIT", default_value = "DAYS", ignore_case = true)]
    pub time_unit: String,
    /// Lists whose elements become rows of their own.
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub fields_to_unnest: Vec<String>,
    /// Stands between the parts of nested names.
    #[arg(long, value_name = "TEXT", default_value = ".")]
    pub delimiter: String,
    /// Which lists become JSON text: NONE, NON_PRIMITIVE (lists of objects) or ALL.
    #[arg(long, value_name = "WHICH", default_value = "NON_PRIMITIVE", ignore_case = true, value_parser = ["NONE", "NON_PRIMITIVE", "ALL"])]
    pub collection_not_unnested_to_json: String,
}

impl InferFlags {
    /// What the flags wish for; `nested` opens nested values.
    pub fn wishes(&self, nested: bool) -> Result<Wishes> {
        if self.dimensions.is_empty() && self.metrics.is_empty() && self.time_column_name.is_none() {
            bail!("give at least one of -dimensions, -metrics, -timeColumnName");
        }
        let names = |names: &[String]| -> Vec<String> {
            names.iter().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
        };
        let collections_to_json = match self.collection_not_unnested_to_json.to_ascii_uppercase().as_str() {
            "NONE" => JsonCollections::None,
            "ALL" => JsonCollections::All,
            _ => JsonCollections::NonPrimitive,
        };
        let complex = ComplexTypeConfig {
            fields_to_unnest: names(&self.fields_to_unnest),
            delimiter: self.delimiter.clone(),
            collections_to_json,
            ..Wishes::default_complex()
        };
        Ok(Wishes {
            schema_name: self.pinot_schema_name.clone(),
            dimensions: names(&self.dimensions),
            metrics: names(&self.metrics),
            time_column: self.time_column_name.clone(),
            time_unit: self.time_unit.to_ascii_uppercase(),
            complex: nested.then_some(complex),
        })
    }

    /// Writes a proposed schema.
    pub fn store(&self, inferred: &Inferred) -> Result<()> {
        let dir = local_path(&self.output_dir);
        if !dir.is_dir() {
            bail!("-outputDir {} does not exist or is not a directory", dir.display());
        }
        if self.pinot_schema_name.contains(['/', '\\']) {
            bail!("-pinotSchemaName {} cannot be the name of a file", self.pinot_schema_name);
        }
        for name in &inferred.not_found {
            eprintln!("Note: there is no field '{name}' in the data; the schema is without it");
        }
        let file = dir.join(format!("{}.json", self.pinot_schema_name));
        let text = serde_json::to_string_pretty(&inferred.schema.to_json())?;
        std::fs::write(&file, text + "\n").with_context(|| format!("write {}", file.display()))?;
        println!("Store Pinot schema to file: {}", file.display());
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct JsonToPinotSchema {
    /// The data; its first record is looked at.
    #[arg(long, value_name = "FILE")]
    pub json_file: PathBuf,
    #[command(flatten)]
    pub infer: InferFlags,
}

impl Verb for JsonToPinotSchema {
    const NAME: &'static str = "JsonToPinotSchema";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Propose a schema for JSON data.";
    const EXAMPLES: &'static [&'static str] = &[
        "JsonToPinotSchema -jsonFile movies.json -outputDir . -pinotSchemaName movies -metrics budget -timeColumnName releaseDate -timeUnit MILLISECONDS",
    ];

    async fn run(self) -> Result<()> {
        let wishes = self.infer.wishes(true)?;
        let inferred = from_json_file(&local_path(&self.json_file), &wishes).map_err(chained)?;
        self.infer.store(&inferred)
    }
}

/// An error of ingestion for people.
pub fn chained(error: ingest::Error) -> anyhow::Error {
    anyhow::Error::new(error)
}
