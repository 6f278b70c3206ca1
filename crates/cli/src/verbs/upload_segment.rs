//! `UploadSegment`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::{Body, Method, multipart};
use serde_json::{Map, Value, json};

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags, local_path},
    rest::Rest,
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct UploadSegment {
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
    /// Directory with segments: archives (.tar.gz), or a directory for each as CreateSegment makes them.
    #[arg(long, value_name = "DIR")]
    pub segment_dir: PathBuf,
    /// The table [default: the one that the segments were built for].
    #[arg(long, value_name = "NAME")]
    pub table_name: Option<String>,
    /// OFFLINE or REALTIME.
    #[arg(long, value_name = "TYPE", default_value = "OFFLINE", ignore_case = true, value_parser = ["OFFLINE", "REALTIME"])]
    pub table_type: String,
    /// Entries for the segments' custom metadata.
    #[arg(long, value_name = "K=V,…", value_delimiter = ',')]
    pub custom_metadata: Vec<String>,
    /// UPDATE keeps other entries of the custom metadata, REPLACE deletes them.
    #[arg(long, value_name = "MODE", default_value = "UPDATE", ignore_case = true, value_parser = ["UPDATE", "REPLACE"])]
    pub custom_metadata_mode: String,
}

impl UploadSegment {
    /// The header that changes the custom metadata.
    fn modifier(&self) -> Result<Option<String>> {
        if self.custom_metadata.is_empty() {
            return Ok(None);
        }
        let mut map = Map::new();
        for pair in &self.custom_metadata {
            let Some((key, value)) = pair.split_once('=') else {
                bail!("-customMetadata {pair}: expected key=value");
            };
            map.insert(key.to_owned(), json!(value));
        }
        let mode = self.custom_metadata_mode.to_ascii_uppercase();
        Ok(Some(json!({"mapModifyMode": mode, "map": Value::Object(map)}).to_string()))
    }
}

impl Verb for UploadSegment {
    const NAME: &'static str = "UploadSegment";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Upload segments to a table.";
    const EXAMPLES: &'static [&'static str] = &["UploadSegment -segmentDir segments -tableName movies"];

    async fn run(self) -> Result<()> {
        let dir = local_path(&self.segment_dir);
        let modifier = self.modifier()?;
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        let work = tempfile::tempdir().context("create a temporary directory")?;
        let found = {
            let (dir, work) = (dir.clone(), work.path().to_owned());
            tokio::task::spawn_blocking(move || jobs::archives::collect(&dir, &work)).await??
        };
        if found.is_empty() {
            bail!("-segmentDir {} holds no segment", dir.display());
        }
        for archive in found {
            println!("Uploading segment tar file: {}", archive.shown.display());
            let mut query = vec![("tableType", self.table_type.to_ascii_uppercase())];
            query.extend(self.table_name.clone().or(archive.table).map(|table| ("tableName", table)));
            let file =
                tokio::fs::File::open(&archive.file).await.with_context(|| format!("read {:?}", archive.file))?;
            let length = file.metadata().await?.len();
            let body = Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(file, 256 << 10));
            let part = multipart::Part::stream_with_length(body, length).file_name(archive.segment.clone());
            let mut request = rest
                .request(Method::POST, "/v2/segments")
                .query(&query)
                .multipart(multipart::Form::new().part(archive.segment.clone(), part));
            if let Some(modifier) = &modifier {
                request = request.header("Pinot-SegmentZKMetadataCustomMapModifier", modifier);
            }
            let answer = rest.send(request).await?.ok()?;
            println!("{}", answer.text.trim());
        }
        Ok(())
    }
}
