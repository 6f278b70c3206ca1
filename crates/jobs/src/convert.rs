//! Segments back to files of rows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use functions::arrays::value_at;
use model::Value;
use segment::{ImmutableSegment, SegmentReader as _, archive, packed};

use crate::{
    Error, archives,
    rows::{CsvStyle, RowColumn, RowFormat, write_file},
};

/// Rows that are looked at together.
const BLOCK_DOCS: u32 = 4096;

/// One segment that was written as a file.
#[derive(Clone, Debug)]
pub struct Converted {
    pub segment: String,
    pub file: PathBuf,
    pub rows: u32,
}

/// Writes each segment of a directory (archives, or directories of segments) as `<out>/<segment>.<format>` and calls
/// `done` after each. `out` is there. Where a doc has no value its default stands. Blocks.
pub fn convert(
    dir: &Path,
    out: &Path,
    format: RowFormat,
    style: CsvStyle,
    mut done: impl FnMut(&Converted),
) -> Result<usize, Error> {
    let work = tempfile::tempdir().map_err(Error::io("create a directory in", std::env::temp_dir()))?;
    let found = archives::collect(dir, work.path())?;
    let count = found.len();
    for archive in found {
        let pack = Error::pack(&archive.segment);
        let inside = tempfile::tempdir_in(work.path()).map_err(Error::io("create a directory in", work.path()))?;
        let read = archive::read(&archive.file, inside.path(), &Default::default()).map_err(pack)?;
        let packed_file = read.packed.ok_or_else(|| Error::Value {
            what: "segment archive",
            value: archive.shown.display().to_string(),
            reason: "it holds metadata alone".to_owned(),
        })?;
        let hot = inside.path().join("hot");
        packed::unpack(&packed_file, &hot).map_err(pack)?;
        let segment = ImmutableSegment::open(&hot).map_err(pack)?;
        let name = segment.name().to_owned();
        let file = out.join(format!("{name}.{}", format.ending()));
        let converted = write(&segment, &file, format, style);
        if converted.is_err() {
            // Half a file would look like a whole one; the error that led here is the one to tell.
            let _ = fs::remove_file(&file);
        }
        converted?;
        done(&Converted { segment: name, file, rows: segment.num_docs() });
    }
    Ok(count)
}

fn write(segment: &ImmutableSegment, file: &Path, format: RowFormat, style: CsvStyle) -> Result<(), Error> {
    let columns: Vec<RowColumn> =
        segment.metadata().columns.iter().map(|c| (c.name.clone(), c.column_type())).collect();
    write_file(file, format, style, &columns, |take| {
        let mut row: Vec<Value> = Vec::with_capacity(columns.len());
        let mut start = 0;
        while start < segment.num_docs() {
            let end = (start + BLOCK_DOCS).min(segment.num_docs());
            let readers = columns.iter().filter_map(|(name, _)| segment.column(name));
            let arrays: Vec<_> = readers.map(|reader| reader.values_range(start..end)).collect();
            for at in 0..(end - start) as usize {
                row.clear();
                row.extend(columns.iter().zip(&arrays).map(|((_, ty), array)| value_at(array.as_ref(), *ty, at)));
                take(&row)?;
            }
            start = end;
        }
        Ok(())
    })
}
