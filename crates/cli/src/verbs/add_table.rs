//! `AddTable`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    Group, Verb,
    flags::{AdminFlags, local_path, read_json},
    rest::{self, Rest},
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct AddTable {
    /// The table config, a JSON file.
    #[arg(long, aliases = ["tableConf", "tableConfig", "filePath"], value_name = "FILE",
        conflicts_with_all = ["offline_table_config_file", "realtime_table_config_file"])]
    pub table_config_file: Option<PathBuf>,
    /// The config of the OFFLINE part of a hybrid table.
    #[arg(long, aliases = ["offlineTableConf", "offlineTableConfig", "offlineFilePath"], value_name = "FILE")]
    pub offline_table_config_file: Option<PathBuf>,
    /// The config of the REALTIME part of a hybrid table.
    #[arg(long, aliases = ["realtimeTableConf", "realtimeTableConfig", "realtimeFilePath"], value_name = "FILE")]
    pub realtime_table_config_file: Option<PathBuf>,
    /// The schema, a JSON file. Without it the schema of the table's name has to be there.
    #[arg(long, aliases = ["schemaFileName", "schema"], value_name = "FILE")]
    pub schema_file: Option<PathBuf>,
    /// Change a table that is there already.
    #[arg(long)]
    pub update: bool,
    /// Checks to leave out: ALL, TASK, UPSERT; several separated by commas.
    #[arg(long, value_name = "TYPES")]
    pub validation_types_to_skip: Option<String>,
    #[command(flatten)]
    pub admin: AdminFlags,
}

impl Verb for AddTable {
    const NAME: &'static str = "AddTable";
    const GROUP: Group = Group::Tables;
    const ABOUT: &'static str = "Add a table with its schema, or change it with -update.";
    const EXAMPLES: &'static [&'static str] = &[
        "AddTable -schemaFile schema.json -tableConfigFile table.json -controllerHost localhost -controllerPort 9000 -exec",
        "AddTable -schemaFile schema.json -offlineTableConfigFile o.json -realtimeTableConfigFile r.json -exec",
    ];

    async fn run(self) -> Result<()> {
        let document = self.document()?;
        let name = document["tableName"].as_str().unwrap_or_default().to_owned();
        if !self.admin.exec {
            println!("Dry run: table {name} is not sent. Repeat the command with -exec.");
            return Ok(());
        }
        let rest = Rest::admin(&self.admin).await?;
        if document.get("schema").is_some() {
            return self.send(&rest, "/tableConfigs", &name, &document).await;
        }
        // Without a schema in hand the cluster's own counts, and each config goes by itself.
        for kind in ["offline", "realtime"] {
            if let Some(config) = document.get(kind) {
                self.send(&rest, "/tables", &name, config).await?;
            }
        }
        Ok(())
    }
}

impl AddTable {
    async fn send(&self, client: &Rest, path: &str, name: &str, body: &Value) -> Result<()> {
        let request = match self.update {
            true => client.request(Method::PUT, &format!("{path}{}", rest::path(&[name]))),
            false => client.request(Method::POST, path),
        };
        let types = self.validation_types_to_skip.as_ref().map(|types| ("validationTypesToSkip", types));
        let request = request.header("Content-Type", "application/json").query(types.as_slice());
        println!("{}", client.send(request.body(body.to_string())).await?.ok()?.text);
        Ok(())
    }

    /// `{tableName, schema?, offline?, realtime?}` from the files.
    fn document(&self) -> Result<Value> {
        let mut document = Map::new();
        let given = [
            (&self.table_config_file, None, "table config"),
            (&self.offline_table_config_file, Some("OFFLINE"), "OFFLINE table config"),
            (&self.realtime_table_config_file, Some("REALTIME"), "REALTIME table config"),
        ];
        for (path, wanted, what) in given {
            let Some(path) = path else { continue };
            let path = local_path(path);
            let config = read_json(&path, what)?;
            let kind = table_type(&config, &path)?;
            if wanted.is_some_and(|wanted| wanted != kind) {
                bail!("the {what} {} is of a table of type {kind}", path.display());
            }
            let name =
                config["tableName"].as_str().with_context(|| format!("{}: /tableName is missing", path.display()))?;
            let suffix = format!("_{kind}");
            let name = json!(name.strip_suffix(&suffix).unwrap_or(name));
            if let Some(other) = document.insert("tableName".to_owned(), name.clone())
                && other != name
            {
                bail!("the two table configs are of different tables: {other} and {name}");
            }
            document.insert(kind.to_ascii_lowercase(), config);
        }
        if document.is_empty() {
            bail!(
                "nothing to add: name the table config with -tableConfigFile, -offlineTableConfigFile or -realtimeTableConfigFile"
            );
        }
        if let Some(path) = &self.schema_file {
            document.insert("schema".to_owned(), read_json(&local_path(path), "schema file")?);
        }
        Ok(Value::Object(document))
    }
}

/// The type in capitals.
fn table_type(config: &Value, path: &Path) -> Result<String> {
    let kind = config["tableType"].as_str().unwrap_or_default().to_ascii_uppercase();
    if kind != "OFFLINE" && kind != "REALTIME" {
        bail!("{}: /tableType must be OFFLINE or REALTIME, not {}", path.display(), config["tableType"]);
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(files: &[(&str, &str)]) -> Result<Value> {
        let dir = tempfile::tempdir().unwrap();
        let mut words = vec!["AddTable".to_owned()];
        for (flag, text) in files {
            let path = dir.path().join(flag);
            std::fs::write(&path, text).unwrap();
            words.extend([format!("--{flag}"), path.display().to_string()]);
        }
        let command = AddTable::augment_args(clap::Command::new("AddTable"));
        let matches = command.try_get_matches_from(words).unwrap();
        <AddTable as clap::FromArgMatches>::from_arg_matches(&matches)?.document()
    }

    #[test]
    fn one_document_holds_schema_and_both_configs() {
        let offline = r#"{"tableName":"t_OFFLINE","tableType":"OFFLINE"}"#;
        let realtime = r#"{"tableName":"t","tableType":"realtime"}"#;
        let document =
            add(&[("schemaFile", "{}"), ("offlineTableConf", offline), ("realtimeFilePath", realtime)]).unwrap();
        assert_eq!(document["tableName"], "t");
        assert!(["schema", "offline", "realtime"].iter().all(|key| document[key].is_object()), "{document}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let offline = r#"{"tableName":"t","tableType":"OFFLINE"}"#;
        for (files, says) in [
            (vec![], "-tableConfigFile"),
            (vec![("tableConf", r#"{"tableName":"t"}"#)], "/tableType must be"),
            (vec![("tableConf", r#"{"tableType":"OFFLINE"}"#)], "/tableName is missing"),
            (vec![("tableConf", "[]")], "not a JSON object"),
            (vec![("realtimeTableConf", offline)], "of type OFFLINE"),
        ] {
            let error = format!("{:#}", add(&files).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }
}
