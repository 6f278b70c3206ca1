//! `AvroSchemaToPinotSchema`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use ingest::infer::{from_avro_data_file, from_avro_schema_file};

use super::{
    Group, Verb,
    flags::local_path,
    json_to_pinot_schema::{InferFlags, chained},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct AvroSchemaToPinotSchema {
    /// An Avro schema, .avsc.
    #[arg(long, value_name = "FILE", conflicts_with = "avro_data_file")]
    pub avro_schema_file: Option<PathBuf>,
    /// An Avro data file, whose schema is taken.
    #[arg(long, value_name = "FILE")]
    pub avro_data_file: Option<PathBuf>,
    /// Open nested records, with -fieldsToUnnest, -delimiter and -collectionNotUnnestedToJson.
    #[arg(long)]
    pub complex_type: bool,
    #[command(flatten)]
    pub infer: InferFlags,
}

impl Verb for AvroSchemaToPinotSchema {
    const NAME: &'static str = "AvroSchemaToPinotSchema";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Propose a schema for an Avro schema or data file.";
    const EXAMPLES: &'static [&'static str] = &[
        "AvroSchemaToPinotSchema -avroSchemaFile movies.avsc -outputDir . -pinotSchemaName movies -dimensions title,genre",
    ];

    async fn run(self) -> Result<()> {
        let wishes = self.infer.wishes(self.complex_type)?;
        let inferred = match (&self.avro_schema_file, &self.avro_data_file) {
            (Some(file), _) => from_avro_schema_file(&local_path(file), &wishes),
            (None, Some(file)) => from_avro_data_file(&local_path(file), &wishes),
            (None, None) => bail!("give -avroSchemaFile or -avroDataFile"),
        };
        self.infer.store(&inferred.map_err(chained)?)
    }
}
