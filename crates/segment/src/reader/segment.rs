//! A committed segment, mapped.

use std::{path::Path, sync::Arc};

use rustc_hash::FxHashMap;

use super::{Column, ColumnReader, SegmentReader};
use crate::{
    Error, Result, SegmentMetadata,
    format::{Container, Form},
};

/// A segment file in hot form, mapped and checked.
///
/// Opening checks the structure: lengths, offsets, dict ids, UTF-8 of dictionaries. It does not compare checksums;
/// [`ImmutableSegment::verify`] does, and is called once when a file arrives on a machine.
pub struct ImmutableSegment {
    container: Container,
    metadata: SegmentMetadata,
    columns: Vec<Column>,
    by_name: FxHashMap<String, usize>,
}

impl ImmutableSegment {
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>> {
        let container = Container::open(path.as_ref())?;
        if container.form() != Form::Hot {
            return Err(Error::WrongForm {
                path: container.path().to_owned(),
                found: container.form().name(),
                expected: Form::Hot.name(),
            });
        }
        let mut metadata = container.directory().metadata.clone();
        metadata.size_bytes = container.size_bytes();
        let mut columns = Vec::with_capacity(metadata.columns.len());
        let mut by_name = FxHashMap::default();
        for (index, meta) in metadata.columns.iter().enumerate() {
            columns.push(Column::open(&container, index as u32, meta, metadata.num_docs)?);
            by_name.insert(meta.name.clone(), index);
        }
        // The checks touched every page; what queries use comes back from the page cache.
        container.release_pages();
        Ok(Arc::new(Self { container, metadata, columns, by_name }))
    }

    /// Compares all checksums and decodes what opening left encoded.
    pub fn verify(&self) -> Result<()> {
        self.container.verify()?;
        for (index, column) in self.columns.iter().enumerate() {
            column.verify().map_err(|(kind, reason)| self.container.damaged(index as u32, kind, reason))?;
        }
        self.container.release_pages();
        Ok(())
    }

    /// [`ImmutableSegment::open`], then [`ImmutableSegment::verify`]: for a file that just arrived.
    pub fn open_verified(path: impl AsRef<Path>) -> Result<Arc<Self>> {
        let segment = Self::open(path)?;
        segment.verify()?;
        Ok(segment)
    }

    pub fn metadata(&self) -> &SegmentMetadata {
        &self.metadata
    }

    pub fn path(&self) -> &Path {
        self.container.path()
    }

    /// Length of the file.
    pub fn size_bytes(&self) -> u64 {
        self.container.size_bytes()
    }

    /// Asks the kernel to read the file ahead.
    pub fn prefetch(&self) {
        self.container.prefetch();
    }

    pub(crate) fn container(&self) -> &Container {
        &self.container
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }
}

impl SegmentReader for ImmutableSegment {
    fn name(&self) -> &str {
        &self.metadata.segment_name
    }

    fn num_docs(&self) -> u32 {
        self.metadata.num_docs
    }

    fn column(&self, name: &str) -> Option<&dyn ColumnReader> {
        self.by_name.get(name).map(|&index| &self.columns[index] as &dyn ColumnReader)
    }

    fn column_names(&self) -> Vec<&str> {
        self.metadata.columns.iter().map(|c| c.name.as_str()).collect()
    }

    fn time_range(&self) -> Option<(i64, i64)> {
        Some((self.metadata.min_time?, self.metadata.max_time?))
    }
}
