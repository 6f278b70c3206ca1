//! Reads the null vector.

use roaring::RoaringBitmap;

use crate::{
    ColumnMetadata, Result,
    format::{Container, Kind},
};

pub(crate) fn open(
    container: &Container,
    column: u32,
    meta: &ColumnMetadata,
    docs: u32,
) -> Result<Option<RoaringBitmap>> {
    let Some(section) = container.section(column, Kind::Nulls) else {
        if meta.num_nulls > 0 {
            return Err(container.damaged(column, Kind::Nulls, "the section is missing"));
        }
        return Ok(None);
    };
    let nulls = read_bitmap(section.bytes(), docs).map_err(|reason| section.damaged(reason))?;
    if nulls.len() != u64::from(meta.num_nulls) {
        return Err(section.damaged(format!("it holds {} docs, expected {}", nulls.len(), meta.num_nulls)));
    }
    Ok(Some(nulls))
}

/// A bitmap of docs below `docs`, from exactly these bytes.
pub(crate) fn read_bitmap(bytes: &[u8], docs: u32) -> Result<RoaringBitmap, String> {
    let mut rest = bytes;
    let bitmap = RoaringBitmap::deserialize_from(&mut rest).map_err(|e| format!("a bitmap is not readable: {e}"))?;
    if !rest.is_empty() {
        return Err(format!("{} bytes follow a bitmap", rest.len()));
    }
    match bitmap.max() {
        Some(doc) if doc >= docs => Err(format!("a bitmap holds doc {doc} of {docs}")),
        _ => Ok(bitmap),
    }
}
