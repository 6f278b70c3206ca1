//! From segment files to archives.

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

use super::{BATCH_LIST, BatchEntry, METADATA_FILE, SEGMENT_FILE};
use crate::{
    Error, Result, SegmentMetadata,
    format::{Container, Form},
    packed,
};

/// Writes the archive of a segment to `to`, which appears whole or not at all. `segment` is the segment file, packed
/// or hot. Blocks.
///
/// What is inside is compressed already, so gzip only wraps it.
pub fn write(segment: &Path, to: &Path) -> Result<SegmentMetadata> {
    let container = Container::open(segment)?;
    if container.form() == Form::Hot {
        let dir = tempfile::tempdir_in(folder(to)).map_err(|e| Error::io("create a directory beside", to, e))?;
        let small = dir.path().join("packed");
        packed::pack(segment, &small)?;
        return write_packed(&small, to);
    }
    drop(container);
    write_packed(segment, to)
}

/// Writes an archive with the metadata of a segment alone, for a push that tells the controller where the segment
/// lies. `segment` is the segment file, packed or hot. Blocks.
pub fn write_metadata(segment: &Path, to: &Path) -> Result<SegmentMetadata> {
    let metadata = Container::open(segment)?.directory().metadata.clone();
    create(to, Compression::default(), |tar| {
        let name = &metadata.segment_name;
        let time = metadata.creation_time_ms;
        add_directory(tar, name, time)?;
        add_bytes(tar, &format!("{name}/{METADATA_FILE}"), &metadata_json(&metadata)?, time)
    })?;
    Ok(metadata)
}

/// Writes one archive with the metadata of many segments, as a batch upload takes it. Blocks.
pub fn write_metadata_batch(segments: &[BatchEntry], to: &Path) -> Result<()> {
    create(to, Compression::default(), |tar| {
        let mut list = String::new();
        for entry in segments {
            let name = &entry.metadata.segment_name;
            if entry.download_uri.contains(['\n', '\r']) {
                return Err(std::io::Error::other(format!("the address of {name} has more than one line")));
            }
            list.push_str(&format!("{name},{}\n", entry.download_uri));
            let json = metadata_json(&entry.metadata)?;
            add_bytes(tar, &format!("{name}.{METADATA_FILE}"), &json, entry.metadata.creation_time_ms)?;
        }
        add_bytes(tar, BATCH_LIST, list.as_bytes(), 0)
    })
}

fn write_packed(segment: &Path, to: &Path) -> Result<SegmentMetadata> {
    let metadata = Container::open(segment)?.directory().metadata.clone();
    let mut file = File::open(segment).map_err(|e| Error::io("open segment file", segment, e))?;
    let length = file.metadata().map_err(|e| Error::io("read the length of", segment, e))?.len();
    create(to, Compression::none(), |tar| {
        let name = &metadata.segment_name;
        let time = metadata.creation_time_ms;
        add_directory(tar, name, time)?;
        add_bytes(tar, &format!("{name}/{METADATA_FILE}"), &metadata_json(&metadata)?, time)?;
        add(tar, &format!("{name}/{SEGMENT_FILE}"), &mut file, length, time)
    })?;
    Ok(metadata)
}

type Tar<'a> = tar::Builder<GzEncoder<BufWriter<&'a File>>>;

fn create(to: &Path, level: Compression, fill: impl FnOnce(&mut Tar<'_>) -> std::io::Result<()>) -> Result<()> {
    let failed = |e| Error::io("write the segment archive", to, e);
    // Gone when dropped, on every way out but the last.
    let part = tempfile::Builder::new().prefix(".archive-").tempfile_in(folder(to)).map_err(failed)?;
    let mut tar = tar::Builder::new(GzEncoder::new(BufWriter::with_capacity(1 << 18, part.as_file()), level));
    fill(&mut tar)
        .and_then(|()| tar.into_inner())
        .and_then(GzEncoder::finish)
        .and_then(|mut out| out.flush())
        .map_err(failed)?;
    part.persist(to).map_err(|e| failed(e.error))?;
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn metadata_json(metadata: &SegmentMetadata) -> std::io::Result<Vec<u8>> {
    Ok(serde_json::to_vec_pretty(metadata)?)
}

fn header(kind: tar::EntryType, size: u64, mode: u32, time_ms: i64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(u64::try_from(time_ms / 1000).unwrap_or(0));
    header
}

fn add_directory(tar: &mut Tar<'_>, name: &str, time_ms: i64) -> std::io::Result<()> {
    tar.append_data(&mut header(tar::EntryType::Directory, 0, 0o755, time_ms), format!("{name}/"), std::io::empty())
}

fn add_bytes(tar: &mut Tar<'_>, path: &str, bytes: &[u8], time_ms: i64) -> std::io::Result<()> {
    add(tar, path, &mut &*bytes, bytes.len() as u64, time_ms)
}

fn add(tar: &mut Tar<'_>, path: &str, from: &mut dyn Read, size: u64, time_ms: i64) -> std::io::Result<()> {
    tar.append_data(&mut header(tar::EntryType::Regular, size, 0o644, time_ms), path, from.take(size))
}
