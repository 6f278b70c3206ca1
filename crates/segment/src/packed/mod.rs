//! The deep store's form: the same sections, bit-packed and compressed, without the indexes that are rebuilt fast.

mod bitpack;
mod codec;

use std::path::{Path, PathBuf};

use model::DataType;
use parking_lot::Mutex;

use crate::{
    BuiltSegment, ColumnMetadata, Error, ImmutableSegment, Result, SegmentMetadata,
    creator::{Named, each, sink::SectionSink},
    format::{Container, ContainerWriter, Encoding, Form, Kind, SectionEntry},
    index::forward::config::id_width,
    reload,
};

/// A section to encode or decode.
struct Task<'a> {
    name: &'a str,
    slot: usize,
    entry: SectionEntry,
    encoding: Encoding,
}

impl Named for Task<'_> {
    fn name(&self) -> &str {
        self.name
    }
}

/// Writes the hot file `from` in packed form to `to`, comparing checksums on the way. Returns the length of `to`.
pub fn pack(from: &Path, to: &Path) -> Result<u64> {
    let container = Container::open(from)?;
    expect_form(&container, Form::Hot)?;
    let metadata = container.directory().metadata.clone();
    let entries = container.directory().sections.iter().filter(|s| !is_rebuilt(s.kind));
    let tasks: Vec<Task<'_>> = entries
        .enumerate()
        .map(|(slot, entry)| {
            let column = &metadata.columns[entry.column as usize];
            Task { name: &column.name, slot, entry: *entry, encoding: encoding(entry.kind, column) }
        })
        .collect();
    let sinks = convert(&container, &tasks, to, |task, sink| {
        let bytes = container.entry_bytes(&task.entry);
        if crc32fast::hash(bytes) != task.entry.crc {
            return Err(container.damaged(task.entry.column, task.entry.kind, "the checksum does not match"));
        }
        codec::encode(task.encoding, bytes, sink)
    })?;
    container.release_pages();
    let partial = partial_name(to);
    let mut writer = ContainerWriter::create(&partial, Form::Packed)?;
    for (task, sink) in tasks.iter().zip(sinks) {
        sink.copy_encoded(&mut writer, &task.entry, task.encoding)?;
    }
    let len = writer.finish(metadata.clone())?;
    rename(&partial, to)?;
    Ok(len)
}

/// Writes the packed file `from` in hot form to `to`, checks every checksum and rebuilds the indexes that were left
/// out. The result is the file that was packed, byte for byte.
pub fn unpack(from: &Path, to: &Path) -> Result<BuiltSegment> {
    let container = Container::open(from)?;
    expect_form(&container, Form::Packed)?;
    container.verify()?;
    let metadata = container.directory().metadata.clone();
    let tasks: Vec<Task<'_>> = container
        .directory()
        .sections
        .iter()
        .enumerate()
        .map(|(slot, entry)| {
            let name = metadata.columns[entry.column as usize].name.as_str();
            Task { name, slot, entry: *entry, encoding: entry.encoding }
        })
        .collect();
    let sinks = convert(&container, &tasks, to, |task, sink| {
        let entry = &task.entry;
        codec::decode(entry.encoding, container.entry_bytes(entry), entry.decoded_len, sink)
            .map_err(|e| e.unwrap_or_else(|reason| container.damaged(entry.column, entry.kind, reason)))?;
        if sink.crc() != entry.decoded_crc {
            return Err(container.damaged(entry.column, entry.kind, "the decoded bytes do not match their checksum"));
        }
        Ok(())
    })?;
    container.release_pages();
    let partial = partial_name(to);
    write_hot(&partial, metadata.clone(), &tasks, sinks)?;
    let built = ImmutableSegment::open(&partial).and_then(|segment| reload::complete(&segment, to));
    // Gone either way; a leftover is overwritten the next time.
    let _ = std::fs::remove_file(&partial);
    built
}

fn write_hot(to: &Path, metadata: SegmentMetadata, tasks: &[Task<'_>], sinks: Vec<SectionSink>) -> Result<u64> {
    let mut writer = ContainerWriter::create(to, Form::Hot)?;
    for (task, sink) in tasks.iter().zip(sinks) {
        crate::creator::sink::Part::Built(sink).copy_to(&mut writer, task.entry.column, task.entry.kind)?;
    }
    writer.finish(metadata)
}

/// Runs `f` for each section on all cores, each into its own sink beside `to`.
fn convert(
    container: &Container,
    tasks: &[Task<'_>],
    to: &Path,
    f: impl Fn(&Task<'_>, &mut SectionSink) -> Result<()> + Sync,
) -> Result<Vec<SectionSink>> {
    struct Work<'a>(&'a Task<'a>);
    impl Named for Work<'_> {
        fn name(&self) -> &str {
            self.0.name
        }
    }
    let work_dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sinks: Vec<Mutex<SectionSink>> = tasks.iter().map(|_| Mutex::new(SectionSink::new(work_dir))).collect();
    let mut work: Vec<Work<'_>> = tasks.iter().map(Work).collect();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let segment = &container.directory().metadata.segment_name;
    each(segment, threads, work.iter_mut().collect(), |work| f(work.0, &mut sinks[work.0.slot].lock()))?;
    Ok(sinks.into_iter().map(Mutex::into_inner).collect())
}

/// Left out of the packed form. Bloom filters are small and stay.
fn is_rebuilt(kind: Kind) -> bool {
    matches!(kind, Kind::Inverted | Kind::Range)
}

/// How a section of `column` is packed.
fn encoding(kind: Kind, column: &ColumnMetadata) -> Encoding {
    let numbers = |stored| match stored {
        DataType::Int => Encoding::PackedU32,
        DataType::Long => Encoding::PackedU64,
        _ => Encoding::Zstd,
    };
    match kind {
        Kind::Forward if column.has_dictionary => match id_width(column.cardinality) {
            1 => Encoding::PackedU8,
            2 => Encoding::PackedU16,
            _ => Encoding::PackedU32,
        },
        Kind::Forward | Kind::Dictionary => numbers(column.data_type.stored()),
        Kind::DictionaryOffsets | Kind::ForwardOffsets | Kind::Sorted => Encoding::DeltaU32,
        Kind::Counts => Encoding::PackedU32,
        Kind::ChunkDirectory | Kind::Chunks | Kind::Nulls => Encoding::Zstd,
        Kind::Inverted | Kind::Range | Kind::Bloom => Encoding::Zstd,
        Kind::Json | Kind::Text | Kind::Fst | Kind::Ifst | Kind::H3 | Kind::Vector => Encoding::Zstd,
    }
}

fn expect_form(container: &Container, expected: Form) -> Result<()> {
    if container.form() == expected {
        return Ok(());
    }
    Err(Error::WrongForm {
        path: container.path().to_owned(),
        found: container.form().name(),
        expected: expected.name(),
    })
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".unpacked");
    PathBuf::from(name)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|e| Error::io("rename the packed segment file to", to, e))
}
