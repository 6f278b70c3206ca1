//! From archives to segment files.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use model::SegmentName;

use super::{
    Archived, BATCH_LIST, BatchEntry, Limits, METADATA_FILE, SEGMENT_FILE,
    guard::{Counted, Guard},
};
use crate::{
    Error, Result, SegmentMetadata,
    format::{Container, Form, HEADER_MAGIC},
    packed,
};

/// Longest metadata file.
const MAX_METADATA_BYTES: u64 = 64 << 20;
/// Longest path, and longest extended header that carries one.
const MAX_PATH_BYTES: u64 = 4 << 10;
const MAX_HEADER_BYTES: u64 = 64 << 10;
/// Entries of one segment's archive, those passed over included.
const MAX_ENTRIES: usize = 64;
/// Segments of one batch of metadata.
const MAX_BATCH: usize = 10_000;

/// Files that segments of Pinot's own formats have.
const PINOT_FILES: [&str; 5] =
    ["metadata.properties", "creation.meta", "columns.psf", "index_map", "star_tree_index_map"];

/// Reads a segment from the file `from`: an archive (a tar, compressed with gzip or zstd or not at all), or a segment
/// file by itself, packed or hot. What has to be written goes into `dir`, a directory of the caller's that should be
/// empty. The packed file of the answer may be `from` itself. Blocks.
///
/// An archive that is not taken is an [`Error::Archive`] whose text says why and what to do.
pub fn read(from: &Path, dir: &Path, limits: &Limits) -> Result<Archived> {
    let mut file = File::open(from).map_err(|e| Error::io("open the segment archive", from, e))?;
    let mut magic = [0; 8];
    let got = fill(&mut file, &mut magic).map_err(|e| Error::io("read the segment archive", from, e))?;
    if got == magic.len() && magic == HEADER_MAGIC {
        let (metadata, packed) = accept(from.to_owned(), None, dir, limits)?;
        return Ok(Archived { metadata, packed: Some(packed) });
    }
    file.rewind().map_err(|e| Error::io("read the segment archive", from, e))?;
    let mut found = OneSegment { dir: dir.to_owned(), name: None, metadata: None, segment: None, foreign: None };
    each_entry(file, &magic[..got], limits, MAX_ENTRIES, |path, entry| found.take(path, entry))?;
    found.finish(limits)
}

/// Whether a file begins as a segment file does, and is no archive.
pub fn is_segment_file(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 8];
    let got = fill(&mut File::open(path)?, &mut magic)?;
    Ok(got == magic.len() && magic == HEADER_MAGIC)
}

/// Reads a batch of metadata: `<segment>.metadata.json` for each segment, and a list of where their archives lie.
/// Blocks.
pub fn read_metadata_batch(from: &Path, limits: &Limits) -> Result<Vec<BatchEntry>> {
    let mut file = File::open(from).map_err(|e| Error::io("open the batch of metadata", from, e))?;
    let mut magic = [0; 8];
    let got = fill(&mut file, &mut magic).map_err(|e| Error::io("read the batch of metadata", from, e))?;
    file.rewind().map_err(|e| Error::io("read the batch of metadata", from, e))?;
    let mut found: BTreeMap<String, SegmentMetadata> = BTreeMap::new();
    let mut list = None;
    each_entry(file, &magic[..got], limits, MAX_BATCH + 1, |path, entry| {
        let file_name = path.strip_prefix("./").unwrap_or(path);
        if file_name == BATCH_LIST {
            list = Some(text(entry, BATCH_LIST)?);
            return Ok(());
        }
        let Some(name) = file_name.strip_suffix(METADATA_FILE).and_then(|name| name.strip_suffix('.')) else {
            return Err(refused(format!(
                "it holds {file_name:?}; a batch of metadata holds <segment>.{METADATA_FILE} and {BATCH_LIST}"
            )));
        };
        let metadata = parse_metadata(&bytes(entry, file_name)?)?;
        check_name(&metadata, Some(name))?;
        found.insert(name.to_owned(), metadata);
        Ok(())
    })?;
    let list = list.ok_or_else(|| refused(format!("it has no {BATCH_LIST}, the list of segments and addresses")))?;
    let mut entries = Vec::with_capacity(found.len());
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, uri) = line
            .split_once(',')
            .ok_or_else(|| refused(format!("a line of {BATCH_LIST} is not <segment>,<address>: {line:?}")))?;
        let metadata = found
            .remove(name.trim())
            .ok_or_else(|| refused(format!("{BATCH_LIST} names {name:?}, which has no metadata (or twice)")))?;
        entries.push(BatchEntry { metadata, download_uri: uri.trim().to_owned() });
    }
    match found.into_keys().next() {
        Some(name) => Err(refused(format!("{BATCH_LIST} does not say where segment {name} is"))),
        None => Ok(entries),
    }
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Archive { reason: reason.into() }
}

fn unreadable(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => refused("it is cut off before its end; send it again"),
        _ => refused(format!("it cannot be unpacked: {error}")),
    }
}

fn fill(from: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while at < to.len() {
        match from.read(&mut to[at..])? {
            0 => break,
            got => at += got,
        }
    }
    Ok(at)
}

/// The files of one segment's archive, as they come.
struct OneSegment {
    dir: PathBuf,
    /// The archive's one directory.
    name: Option<String>,
    metadata: Option<SegmentMetadata>,
    segment: Option<PathBuf>,
    /// A file that a segment of another format has.
    foreign: Option<String>,
}

impl OneSegment {
    fn take(&mut self, path: &str, entry: &mut dyn Read) -> Result<()> {
        let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        if PINOT_FILES.contains(&last) {
            self.foreign.get_or_insert_with(|| path.to_owned());
            return Ok(());
        }
        let (Some(name), Some(file), None) = (first, second, third) else {
            return Err(refused(format!(
                "it holds {path:?}; expected one directory of the segment's name with {SEGMENT_FILE} and \
                 {METADATA_FILE}"
            )));
        };
        if *self.name.get_or_insert_with(|| name.to_owned()) != name {
            return Err(refused(format!("it holds more than one directory ({:?} and {name:?})", self.name)));
        }
        match file {
            SEGMENT_FILE if self.segment.is_none() => {
                let to = self.dir.join(SEGMENT_FILE);
                let mut out = File::create_new(&to).map_err(|e| Error::io("write the segment file to", &to, e))?;
                copy(entry, &mut out, &to)?;
                self.segment = Some(to);
            }
            METADATA_FILE if self.metadata.is_none() => {
                self.metadata = Some(parse_metadata(&bytes(entry, METADATA_FILE)?)?);
            }
            SEGMENT_FILE | METADATA_FILE => return Err(refused(format!("it holds {path:?} twice"))),
            // Files that a later version adds are none of this one's business.
            _ => {}
        }
        Ok(())
    }

    fn finish(self, limits: &Limits) -> Result<Archived> {
        if let (Some(foreign), None) = (&self.foreign, &self.segment) {
            return Err(refused(format!(
                "it is a segment in Apache Pinot's own format (it holds {foreign:?}), which this engine does not \
                 read; ingest the data the segment was made of, or convert the segment to JSON, CSV or Avro with \
                 Pinot's ConvertPinotSegment tool and ingest that"
            )));
        }
        if let Some(segment) = self.segment {
            let (metadata, packed) = accept(segment, self.name.as_deref(), &self.dir, limits)?;
            return Ok(Archived { metadata, packed: Some(packed) });
        }
        let metadata = self.metadata.ok_or_else(|| {
            refused(format!("it holds neither <segment>/{SEGMENT_FILE} nor <segment>/{METADATA_FILE}"))
        })?;
        check_name(&metadata, self.name.as_deref())?;
        Ok(Archived { metadata, packed: None })
    }
}

/// Checks a segment file from its header to its last section, and makes it a packed one.
fn accept(file: PathBuf, name: Option<&str>, dir: &Path, limits: &Limits) -> Result<(SegmentMetadata, PathBuf)> {
    let told = |error: Error| match error {
        Error::Damaged { section, reason, .. } => refused(format!(
            "the segment file in it is damaged in its {section}: {reason}; build or download the segment again"
        )),
        Error::UnsupportedVersion { version, supported, .. } => refused(format!(
            "the segment file in it has format version {version}, this build reads version {supported}; use a newer \
             build or build the segment again"
        )),
        other => other,
    };
    let container = Container::open(&file).map_err(told)?;
    container.verify().map_err(told)?;
    let unpacked = container.directory().sections.iter().fold(0u64, |sum, s| sum.saturating_add(s.decoded_len));
    if unpacked > limits.max_bytes {
        return Err(refused(format!(
            "its segment unpacks to {unpacked} bytes, more than the {} that are taken",
            limits.max_bytes
        )));
    }
    let mut metadata = container.directory().metadata.clone();
    if metadata.size_bytes == 0 {
        // Of the packed file: about what it will take on a server.
        metadata.size_bytes = unpacked;
    }
    check_name(&metadata, name)?;
    let form = container.form();
    drop(container);
    if form == Form::Packed {
        return Ok((metadata, file));
    }
    let small = dir.join("packed");
    packed::pack(&file, &small).map_err(told)?;
    Ok((metadata, small))
}

/// The name has to be one that files and records can have, and that of the directory.
fn check_name(metadata: &SegmentMetadata, directory: Option<&str>) -> Result<()> {
    let name = &metadata.segment_name;
    SegmentName::parse(name).map_err(|error| refused(error.to_string()))?;
    match directory {
        Some(directory) if directory != name => {
            Err(refused(format!("its directory is called {directory:?}, the segment in it {name:?}")))
        }
        _ => Ok(()),
    }
}

fn parse_metadata(json: &[u8]) -> Result<SegmentMetadata> {
    serde_json::from_slice(json).map_err(|e| refused(format!("its {METADATA_FILE} cannot be read: {e}")))
}

fn bytes(from: &mut dyn Read, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_METADATA_BYTES + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    if bytes.len() as u64 > MAX_METADATA_BYTES {
        return Err(refused(format!("its {what} is larger than {MAX_METADATA_BYTES} bytes")));
    }
    Ok(bytes)
}

fn text(from: &mut dyn Read, what: &str) -> Result<String> {
    String::from_utf8(bytes(from, what)?).map_err(|_| refused(format!("its {what} is not UTF-8")))
}

/// Copies an entry; what goes wrong with reading is the archive's fault, with writing is not.
fn copy(from: &mut dyn Read, to: &mut impl io::Write, path: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let got = from.read(&mut buffer).map_err(|e| unreadable(&e))?;
        if got == 0 {
            return to.flush().map_err(|e| Error::io("write the segment file to", path, e));
        }
        to.write_all(&buffer[..got]).map_err(|e| Error::io("write the segment file to", path, e))?;
    }
}

/// Gives every regular file with its path. All else but directories is refused, and so is every path that could lead
/// out of a directory.
fn each_entry(
    file: File,
    magic: &[u8],
    limits: &Limits,
    max_entries: usize,
    mut take: impl FnMut(&str, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let (counted, compressed) = Counted::new(BufReader::with_capacity(1 << 18, file));
    let plain: Box<dyn Read> = match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(counted)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::stream::Decoder::new(counted).map_err(|e| unreadable(&e))?;
            // 128 MiB of window at the most.
            decoder.window_log_max(27).map_err(|e| unreadable(&e))?;
            Box::new(decoder)
        }
        [] => return Err(refused("it is empty")),
        _ => Box::new(counted),
    };
    let mut archive = tar::Archive::new(Guard::new(plain, compressed, *limits));
    let not_a_tar = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => unreadable(&e),
        _ => refused(format!("it is no segment archive: expected a tar.gz with one directory ({e})")),
    };
    // Raw: long names are read here, where they are bounded.
    let entries = archive.entries().map_err(not_a_tar)?.raw(true);
    let mut long_name: Option<String> = None;
    let mut seen = 0;
    for entry in entries {
        let mut entry = entry.map_err(not_a_tar)?;
        seen += 1;
        if seen > max_entries.saturating_mul(2) {
            return Err(refused(format!("it has more than {max_entries} entries")));
        }
        match entry.header().entry_type() {
            tar::EntryType::GNULongName => {
                let mut name = Vec::new();
                entry.by_ref().take(MAX_PATH_BYTES).read_to_end(&mut name).map_err(|e| unreadable(&e))?;
                name.truncate(name.iter().position(|&b| b == 0).unwrap_or(name.len()));
                long_name = Some(utf8(name)?);
            }
            tar::EntryType::XHeader => {
                let mut header = Vec::new();
                entry.by_ref().take(MAX_HEADER_BYTES + 1).read_to_end(&mut header).map_err(|e| unreadable(&e))?;
                long_name = pax_path(&header)?.or(long_name);
            }
            // Says nothing about single files that matters here.
            tar::EntryType::XGlobalHeader => {}
            kind @ (tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::Directory) => {
                let path = match long_name.take() {
                    Some(path) => path,
                    None => utf8(entry.path_bytes().into_owned())?,
                };
                check_path(&path)?;
                if kind != tar::EntryType::Directory && !path.ends_with('/') {
                    take(&path, &mut entry)?;
                }
            }
            kind => {
                let path =
                    long_name.take().unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
                return Err(refused(format!(
                    "{path:?} in it is a {}; only regular files and directories are taken",
                    kind_name(kind)
                )));
            }
        }
    }
    if seen == 0 {
        return Err(refused("it holds no files"));
    }
    Ok(())
}

fn kind_name(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Symlink => "symbolic link",
        tar::EntryType::Link => "hard link",
        tar::EntryType::Char | tar::EntryType::Block => "device",
        tar::EntryType::Fifo => "pipe",
        tar::EntryType::GNUSparse => "sparse file",
        _ => "special file",
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| refused("a path in it is not UTF-8"))
}

/// The path that an extended header carries. It may not change the size: an entry would be read at the wrong place.
fn pax_path(header: &[u8]) -> Result<Option<String>> {
    let mut path = None;
    for record in tar::PaxExtensions::new(header) {
        let record = record.map_err(|_| refused("an extended header in it cannot be read"))?;
        match record.key_bytes() {
            b"path" => path = Some(utf8(record.value_bytes().to_vec())?),
            b"size" => return Err(refused("a file in it is larger than 8 GiB in pax form; use GNU tar's form")),
            b"linkpath" => return Err(refused("it holds a link; only regular files and directories are taken")),
            _ => {}
        }
    }
    Ok(path)
}

fn check_path(path: &str) -> Result<()> {
    let leads_out = path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..");
    if leads_out || path.chars().any(char::is_control) || path.len() as u64 > MAX_PATH_BYTES {
        let shown: String = path.chars().take(200).collect();
        return Err(refused(format!(
            "it holds the path {shown:?}, which leads out of its directory or is no plain name"
        )));
    }
    Ok(())
}
