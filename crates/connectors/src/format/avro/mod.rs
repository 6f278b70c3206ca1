//! Avro object container files.

mod decode;
mod schema;

#[cfg(test)]
mod tests;

use std::{
    io::{self, Read},
    sync::Arc,
};

pub(super) use self::decode::{iso_date, iso_time};
use self::{
    decode::Decoder,
    schema::{AvroSchema, Type},
};
use super::{
    DecodeJob, RawBatch, RawColumn, ReadOptions, RecordReader, RowLines, Shape, builder::ColumnBuilder,
    raw::RECORD_COLUMN,
};
use crate::Error;

/// Blocks are gathered up to this size (as they lie in the file) for one piece.
const PIECE_BYTES: usize = 256 << 10;
const MAX_BLOCK_BYTES: u64 = 64 << 20;
/// Records without bytes that one block may have.
const MAX_EMPTY_RECORDS: u64 = 1 << 20;
const MAX_HEADER_BYTES: u64 = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
}

/// Reads a container block by block; blocks are decompressed and decoded by the jobs.
pub(super) struct AvroReader<R> {
    input: R,
    shared: Arc<Shared>,
    sync: [u8; 16],
    ended: bool,
}

struct Shared {
    file: String,
    schema: AvroSchema,
    codec: Codec,
    /// Of each field of the top record: the output column, if it is wanted. Empty: whole records.
    targets: Vec<Option<usize>>,
    names: Vec<Arc<str>>,
    whole: bool,
}

/// The schema inside a container, as text.
pub(super) fn schema_text(mut input: impl Read) -> Result<String, String> {
    Header::read(&mut input).map(|header| header.schema)
}

/// The shape of a schema, without the meaning of logical types.
pub(super) fn shape(schema: &str) -> Result<Shape, String> {
    AvroSchema::parse(schema, false)?.shape()
}

struct Block {
    records: u64,
    data: Vec<u8>,
}

impl<R: Read + Send> AvroReader<R> {
    pub fn new(mut input: R, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Malformed { file: file.to_owned(), format: "Avro", reason };
        let logical = options.flag("enableLogicalTypes", true)?;
        let header = Header::read(&mut input).map_err(malformed)?;
        let codec = match header.codec.as_str() {
            "" | "null" => Codec::Null,
            "deflate" => Codec::Deflate,
            "snappy" => Codec::Snappy,
            "zstandard" => Codec::Zstandard,
            "bzip2" => Codec::Bzip2,
            other => return Err(malformed(format!("its codec '{other}' is not supported"))),
        };
        let schema = AvroSchema::parse(&header.schema, logical).map_err(malformed)?;
        let Type::Record(fields) = schema.root() else {
            return Err(malformed("its schema is not a record".to_owned()));
        };
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut targets = Vec::new();
        for (name, _) in fields {
            let wanted = options.columns.is_some() && options.wants(name);
            targets.push(wanted.then_some(names.len()));
            if wanted {
                names.push(name.as_str().into());
            }
        }
        let whole = options.columns.is_none();
        let shared = Shared { file: file.to_owned(), codec, targets, names, whole, schema };
        Ok(Self { input, shared: Arc::new(shared), sync: header.sync, ended: false })
    }

    fn block(&mut self) -> Result<Option<Block>, String> {
        let Some(records) = long(&mut self.input)? else { return Ok(None) };
        let size = long(&mut self.input)?.ok_or("it ends in the middle of a block")?;
        let (Ok(records), Ok(size)) = (u64::try_from(records), u64::try_from(size)) else {
            return Err("a block has a negative size".to_owned());
        };
        if size > MAX_BLOCK_BYTES {
            return Err(format!("a block is longer than {} MB", MAX_BLOCK_BYTES >> 20));
        }
        let mut data = Vec::new();
        (&mut self.input).take(size).read_to_end(&mut data).map_err(shown)?;
        let mut sync = [0; 16];
        if data.len() as u64 != size || self.input.read_exact(&mut sync).is_err() {
            return Err("it ends in the middle of a block".to_owned());
        }
        if sync != self.sync {
            return Err("a block does not end with the file's sync marker".to_owned());
        }
        Ok(Some(Block { records, data }))
    }
}

impl<R: Read + Send> RecordReader for AvroReader<R> {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let mut blocks = Vec::new();
        let mut bytes = 0;
        while !self.ended && bytes < PIECE_BYTES {
            match self.block() {
                Ok(Some(block)) => {
                    bytes += block.data.len().max(1);
                    blocks.push(block);
                }
                Ok(None) => self.ended = true,
                Err(reason) => return Err(self.shared.malformed(reason)),
            }
        }
        if blocks.is_empty() {
            return Ok(None);
        }
        let shared = self.shared.clone();
        Ok(Some(Box::new(move || shared.decode(&blocks))))
    }
}

impl Shared {
    fn malformed(&self, reason: String) -> Error {
        Error::Malformed { file: self.file.clone(), format: "Avro", reason }
    }

    fn decode(&self, blocks: &[Block]) -> Result<RawBatch, Error> {
        let mut rows = 0;
        let mut left = decode::MAX_VALUES;
        let mut columns: Vec<ColumnBuilder> = self.names.iter().map(|_| ColumnBuilder::default()).collect();
        let mut records = Vec::new();
        for block in blocks {
            let data = decompress(self.codec, &block.data).map_err(|reason| self.malformed(reason))?;
            if block.records > data.len() as u64 + MAX_EMPTY_RECORDS {
                return Err(self.malformed("a block has more records than bytes".to_owned()));
            }
            let mut decoder = Decoder::new(&self.schema, &data, left);
            for _ in 0..block.records {
                let read = if self.whole {
                    decoder.root().map(|record| records.push(record))
                } else {
                    self.row(&mut decoder, rows, &mut columns)
                };
                read.map_err(|reason| self.malformed(format!("record {}: {reason}", rows + 1)))?;
                rows += 1;
            }
            left = decoder.left();
        }
        let columns = columns.into_iter().map(|column| column.finish(rows));
        let mut named: Vec<_> = self.names.iter().cloned().zip(columns).collect();
        if self.whole {
            named.push((RECORD_COLUMN.into(), RawColumn::Fields(records)));
        }
        Ok(RawBatch {
            rows,
            columns: named,
            row_lines: RowLines::Consecutive,
            line_count: rows as u64,
            rejected: Vec::new(),
        })
    }

    fn row(&self, decoder: &mut Decoder<'_>, row: usize, columns: &mut [ColumnBuilder]) -> Result<(), String> {
        let Type::Record(fields) = self.schema.root() else { return Ok(()) };
        for ((_, ty), target) in fields.iter().zip(&self.targets) {
            match target {
                Some(target) => decoder.value_into(*ty, &mut columns[*target], row)?,
                None => _ = decoder.value(*ty, 0)?,
            }
        }
        Ok(())
    }
}

struct Header {
    schema: String,
    codec: String,
    sync: [u8; 16],
}

impl Header {
    fn read(input: &mut impl Read) -> Result<Self, String> {
        let mut magic = [0; 4];
        if input.read_exact(&mut magic).is_err() || &magic != b"Obj\x01" {
            return Err("it does not start as an Avro container does".to_owned());
        }
        let broken = || "its header ends early".to_owned();
        let mut header = Self { schema: String::new(), codec: String::new(), sync: [0; 16] };
        let mut left = MAX_HEADER_BYTES;
        loop {
            let count = long(input)?.ok_or_else(broken)?;
            if count == 0 {
                break;
            }
            if count < 0 {
                // A negative count comes with the size of its entries.
                long(input)?.ok_or_else(broken)?;
            }
            for _ in 0..count.unsigned_abs() {
                let key = bytes(input, &mut left)?;
                let value = bytes(input, &mut left)?;
                let text = || String::from_utf8_lossy(&value).into_owned();
                match key.as_slice() {
                    b"avro.schema" => header.schema = text(),
                    b"avro.codec" => header.codec = text(),
                    _ => {}
                }
            }
        }
        input.read_exact(&mut header.sync).map_err(|_| broken())?;
        Ok(header)
    }
}

fn bytes(input: &mut impl Read, left: &mut u64) -> Result<Vec<u8>, String> {
    let len = long(input)?.and_then(|n| u64::try_from(n).ok()).filter(|n| n < left);
    let Some(len) = len else { return Err("its header is damaged".to_owned()) };
    *left -= len + 1;
    let mut out = Vec::new();
    input.take(len).read_to_end(&mut out).map_err(shown)?;
    if out.len() as u64 == len { Ok(out) } else { Err("its header ends early".to_owned()) }
}

fn shown(error: io::Error) -> String {
    error.to_string()
}

/// A zigzag variable-length number; `None` at the end of the input.
fn long(input: &mut impl Read) -> Result<Option<i64>, String> {
    let mut value = 0u64;
    for i in 0..10 {
        let mut byte = [0];
        let got = super::input::fill(input, &mut byte).map_err(shown)?;
        if got == 0 {
            return if i == 0 { Ok(None) } else { Err("it ends in the middle of a number".to_owned()) };
        }
        value |= u64::from(byte[0] & 0x7f) << (7 * i).min(63);
        if byte[0] & 0x80 == 0 {
            return Ok(Some((value >> 1) as i64 ^ -((value & 1) as i64)));
        }
    }
    Err("a number is too long".to_owned())
}

fn decompress(codec: Codec, data: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, String> {
    let limited = |input: &mut dyn Read| {
        let mut out = Vec::new();
        input.take(MAX_BLOCK_BYTES + 1).read_to_end(&mut out).map_err(|e| format!("a block is damaged: {e}"))?;
        if out.len() as u64 > MAX_BLOCK_BYTES {
            return Err(format!("a block is longer than {} MB", MAX_BLOCK_BYTES >> 20));
        }
        Ok(out)
    };
    Ok(match codec {
        Codec::Null => data.into(),
        Codec::Deflate => limited(&mut flate2::read::DeflateDecoder::new(data))?.into(),
        Codec::Bzip2 => limited(&mut bzip2::read::MultiBzDecoder::new(data))?.into(),
        Codec::Zstandard => {
            let mut stream = zstd::stream::read::Decoder::new(data).map_err(shown)?;
            limited(&mut stream)?.into()
        }
        Codec::Snappy => {
            let Some((body, sum)) = data.split_last_chunk::<4>() else {
                return Err("a block is damaged: it has no checksum".to_owned());
            };
            let damaged = |e: snap::Error| format!("a block is damaged: {e}");
            if snap::raw::decompress_len(body).map_err(damaged)? as u64 > MAX_BLOCK_BYTES {
                return Err(format!("a block is longer than {} MB", MAX_BLOCK_BYTES >> 20));
            }
            let out = snap::raw::Decoder::new().decompress_vec(body).map_err(damaged)?;
            if crc32fast::hash(&out) != u32::from_be_bytes(*sum) {
                return Err("a block is damaged: its checksum does not fit".to_owned());
            }
            out.into()
        }
    })
}
