//! From an uploaded archive to a segment of a table.

use std::path::{Path, PathBuf};

use connectors::remote;
use model::TableType;
use segment::SegmentMetadata;
use segment::archive::{self, Archived};
use tempfile::TempDir;

use super::{Ingestion, Place, Rules, chain};
use crate::error::Error;

/// A file that was received; it goes with its directory.
pub(crate) struct Received {
    pub work: TempDir,
    pub file: PathBuf,
}

/// Where an uploaded segment is.
pub(crate) enum Source {
    /// In the request.
    Segment(Received),
    /// In the request is its metadata; the segment is at `uri`, and goes to the deep store when `copy` is set.
    Metadata { metadata: Received, uri: String, copy: bool },
    /// At `uri`; it goes to the deep store when `copy` is set.
    Uri { uri: String, copy: bool },
}

/// The table that an upload is for.
pub(crate) struct Target {
    /// As the request names it; without, the segment's own metadata says.
    pub name: Option<String>,
    pub table_type: TableType,
}

/// What became of an upload.
pub(crate) struct Uploaded {
    pub table: String,
    pub segment: String,
}

impl Ingestion {
    /// Takes a segment into a table.
    pub async fn upload(&self, target: &Target, source: Source, rules: &Rules) -> Result<Uploaded, Error> {
        let _slot = self
            .upload_slots
            .acquire()
            .await
            .map_err(|_| Error::Unavailable("The controller is stopping".to_owned()))?;
        if let Some(name) = &target.name {
            self.table_of(name, target.table_type)?;
        }
        match source {
            Source::Segment(received) => {
                let found = self.read_archive(&received.file, received.work.path()).await?;
                let packed = found.packed.ok_or_else(|| {
                    Error::Invalid(
                        "The archive holds metadata alone; send it with the headers UPLOAD_TYPE: METADATA and \
                         DOWNLOAD_URI, or send the whole segment"
                            .to_owned(),
                    )
                })?;
                self.commit_upload(target, &found.metadata, Place::Local(&packed), rules).await
            }
            Source::Uri { uri, copy } => {
                if matches!(remote::scheme(&uri).as_deref(), None | Some("file")) {
                    return Err(Error::Invalid(format!("Unsupported URI: {uri}")));
                }
                let work = self.work()?;
                let (metadata, packed, size_bytes) = self.fetch_segment(&uri, work.path()).await?;
                let place = if copy { Place::Local(&packed) } else { Place::Elsewhere { uri, size_bytes } };
                self.commit_upload(target, &metadata, place, rules).await
            }
            Source::Metadata { metadata, uri, copy } => {
                let found = self.read_archive(&metadata.file, metadata.work.path()).await?;
                self.push_metadata(target, found.metadata, uri, copy, rules).await
            }
        }
    }

    /// Takes many segments into a table whose files are elsewhere. Those before one that fails stay.
    pub async fn upload_batch(
        &self,
        target: &Target,
        batch: Received,
        copy: bool,
        rules: &Rules,
    ) -> Result<Vec<String>, Error> {
        let _slot = self
            .upload_slots
            .acquire()
            .await
            .map_err(|_| Error::Unavailable("The controller is stopping".to_owned()))?;
        let limits = self.cluster.config.archive_limits;
        let entries = tokio::task::spawn_blocking(move || archive::read_metadata_batch(&batch.file, &limits))
            .await
            .map_err(|_| Error::Internal("the batch could not be read: the work on it was stopped".to_owned()))?;
        let mut names = Vec::new();
        for entry in entries.map_err(told)? {
            if entry.download_uri.is_empty() {
                return Err(Error::Invalid(format!(
                    "The batch does not say where segment {} is; so far taken: {}",
                    entry.metadata.segment_name,
                    model::names::Names(&names)
                )));
            }
            let uploaded = self.push_metadata(target, entry.metadata, entry.download_uri, copy, rules).await?;
            names.push(uploaded.segment);
        }
        Ok(names)
    }

    async fn push_metadata(
        &self,
        target: &Target,
        metadata: SegmentMetadata,
        uri: String,
        copy: bool,
        rules: &Rules,
    ) -> Result<Uploaded, Error> {
        if !copy {
            remote::check(&uri, &self.cluster.config.segment_access)
                .map_err(|error| Error::Invalid(format!("Unsupported URI: {}", chain(&error))))?;
            let size_bytes = 0;
            return self.commit_upload(target, &metadata, Place::Elsewhere { uri, size_bytes }, rules).await;
        }
        let work = self.work()?;
        let (found, packed, _) = self.fetch_segment(&uri, work.path()).await?;
        if (&found.segment_name, &found.crc) != (&metadata.segment_name, &metadata.crc) {
            return Err(Error::Invalid(format!(
                "At {uri} is segment {} with checksum {}; the metadata are of segment {} with checksum {}",
                found.segment_name, found.crc, metadata.segment_name, metadata.crc
            )));
        }
        self.commit_upload(target, &found, Place::Local(&packed), rules).await
    }

    /// Fetches an archive and reads it. Gives the packed file and the bytes of what was fetched.
    async fn fetch_segment(&self, uri: &str, work: &Path) -> Result<(SegmentMetadata, PathBuf, u64), Error> {
        let config = &self.cluster.config;
        let (class, properties) = remote::properties_for(uri, &config.storage);
        let to = work.join("fetched");
        let fetched = remote::fetch(uri, class.as_deref(), &properties, &config.segment_access, &to).await;
        let fetched = fetched.map_err(|error| match error {
            error @ (connectors::Error::Refused { .. } | connectors::Error::NoSource { .. }) => {
                Error::Invalid(format!("The segment cannot be fetched: {}", chain(&error)))
            }
            error => Error::Internal(format!("The segment cannot be fetched: {}", chain(&error))),
        })?;
        let found = self.read_archive(&fetched.path, work).await?;
        let packed = found
            .packed
            .ok_or_else(|| Error::Invalid(format!("The archive at {uri} holds metadata alone, and no segment")))?;
        Ok((found.metadata, packed, fetched.size_bytes))
    }

    async fn read_archive(&self, file: &Path, work: &Path) -> Result<Archived, Error> {
        let (file, dir, limits) = (file.to_owned(), work.join("unpacked"), self.cluster.config.archive_limits);
        let read = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&dir).map_err(Error::io("cannot create a directory for the segment"))?;
            archive::read(&file, &dir, &limits).map_err(told)
        });
        read.await.map_err(|_| Error::Internal("the archive could not be read: the work was stopped".to_owned()))?
    }

    /// The name of the segment in an archive.
    pub async fn archived_name(&self, received: &Received) -> Result<String, Error> {
        Ok(self.read_archive(&received.file, received.work.path()).await?.metadata.segment_name)
    }

    async fn commit_upload(
        &self,
        target: &Target,
        metadata: &SegmentMetadata,
        place: Place<'_>,
        rules: &Rules,
    ) -> Result<Uploaded, Error> {
        let name = target.name.as_ref().unwrap_or(&metadata.table_name);
        let table = self.table_of(name, target.table_type)?;
        self.commit(&table, metadata, place, rules).await?;
        tracing::info!(table, segment = metadata.segment_name, "segment uploaded");
        Ok(Uploaded { table, segment: metadata.segment_name.clone() })
    }

    /// The table's name with type. It has to be there.
    pub fn table_of(&self, name: &str, table_type: TableType) -> Result<String, Error> {
        let (raw, suffix) = model::split_table_name(name).map_err(|error| Error::Invalid(error.to_string()))?;
        if suffix.is_some_and(|suffix| suffix != table_type) {
            return Err(Error::Invalid(format!("Table name: {name} does not match table type: {table_type}")));
        }
        let table = format!("{raw}{}", table_type.suffix());
        if self.cluster.read().table(&table).is_none() {
            return Err(Error::Invalid(format!("Failed to find table: {table}")));
        }
        Ok(table)
    }
}

/// Archives are the sender's business, files of ours are not.
fn told(error: segment::Error) -> Error {
    let text = format!("Exception while uploading segment: {}", chain(&error));
    if error.is_damage() { Error::Invalid(text) } else { Error::Internal(text) }
}
