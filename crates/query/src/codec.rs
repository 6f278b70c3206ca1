//! Bound queries and partial results as bytes between broker and server.
//!
//! The first byte is the format version. A query is MessagePack with field names. A partial result is the length of
//! its head (u32, little endian), the head (statistics, errors, EXPLAIN rows) as MessagePack with field names, and the
//! batch as an Arrow IPC stream, which is absent when there is no batch.

use std::panic::AssertUnwindSafe;

use arrow::{
    buffer::Buffer,
    ipc::{reader::StreamDecoder, writer::StreamWriter},
    record_batch::RecordBatch,
};
use serde::{Deserialize, Serialize};

use crate::{
    ir::BoundQuery,
    partial::{ExecutionStats, PartialResult, QueryException},
};

/// Version of both formats. Readers refuse others.
pub const FORMAT_VERSION: u8 = 1;

/// Bytes that are no query or partial result of this version.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error(
        "the message has format version {found}, this release reads version {FORMAT_VERSION}; run the same release on brokers and servers"
    )]
    Version { found: u8 },
    #[error("the message of {bytes} bytes is cut short")]
    Truncated { bytes: usize },
    #[error("cannot write the {what}: {reason}")]
    Encode { what: &'static str, reason: String },
    #[error("cannot read the {what}: {reason}")]
    Decode { what: &'static str, reason: String },
}

#[derive(Serialize)]
struct HeadRef<'a> {
    final_values: bool,
    stats: &'a ExecutionStats,
    exceptions: &'a [QueryException],
    explain: &'a [(String, i32, i32)],
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Head {
    final_values: bool,
    stats: ExecutionStats,
    exceptions: Vec<QueryException>,
    explain: Vec<(String, i32, i32)>,
}

pub fn encode_query(query: &BoundQuery) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::with_capacity(512);
    out.push(FORMAT_VERSION);
    rmp_serde::encode::write_named(&mut out, query)
        .map_err(|e| CodecError::Encode { what: "query", reason: e.to_string() })?;
    Ok(out)
}

pub fn decode_query(bytes: &[u8]) -> Result<BoundQuery, CodecError> {
    rmp_serde::from_slice(body(bytes)?).map_err(|e| CodecError::Decode { what: "query", reason: e.to_string() })
}

pub fn encode_partial(partial: &PartialResult) -> Result<Vec<u8>, CodecError> {
    let head = HeadRef {
        final_values: partial.final_values,
        stats: &partial.stats,
        exceptions: &partial.exceptions,
        explain: &partial.explain,
    };
    let failed = |reason: String| CodecError::Encode { what: "partial result", reason };
    let batch_bytes = partial.batch.as_ref().map_or(0, RecordBatch::get_array_memory_size);
    let mut out = Vec::with_capacity(1024 + batch_bytes);
    out.push(FORMAT_VERSION);
    out.extend([0; 4]);
    rmp_serde::encode::write_named(&mut out, &head).map_err(|e| failed(e.to_string()))?;
    let length = u32::try_from(out.len() - 5).map_err(|_| failed("the head is larger than 4 GiB".to_owned()))?;
    out[1..5].copy_from_slice(&length.to_le_bytes());
    if let Some(batch) = &partial.batch {
        let mut writer = StreamWriter::try_new(&mut out, &batch.schema()).map_err(|e| failed(e.to_string()))?;
        writer.write(batch).map_err(|e| failed(e.to_string()))?;
        writer.finish().map_err(|e| failed(e.to_string()))?;
    }
    Ok(out)
}

pub fn decode_partial(bytes: &[u8]) -> Result<PartialResult, CodecError> {
    let rest = body(bytes)?;
    let truncated = || CodecError::Truncated { bytes: bytes.len() };
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| truncated())?;
    let (head, batch) = rest.split_at_checked(length).ok_or_else(truncated)?;
    let head: Head = rmp_serde::from_slice(head)
        .map_err(|e| CodecError::Decode { what: "partial result", reason: e.to_string() })?;
    let batch = if batch.is_empty() { None } else { read_batch(batch)? };
    Ok(PartialResult {
        batch,
        final_values: head.final_values,
        stats: head.stats,
        exceptions: head.exceptions,
        explain: head.explain,
    })
}

fn body(bytes: &[u8]) -> Result<&[u8], CodecError> {
    match bytes.split_first() {
        Some((&FORMAT_VERSION, rest)) => Ok(rest),
        Some((&found, _)) => Err(CodecError::Version { found }),
        None => Err(CodecError::Truncated { bytes: 0 }),
    }
}

fn read_batch(bytes: &[u8]) -> Result<Option<RecordBatch>, CodecError> {
    let failed = |reason: String| CodecError::Decode { what: "batch", reason };
    // One copy, into aligned memory that the arrays then share. Unlike the reader over `Read`, the decoder allocates
    // nothing for lengths that the bytes only claim.
    let mut buffer = Buffer::from(bytes);
    // It checks most of what it reads, but a hostile offset may still make it panic.
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut decoder = StreamDecoder::new();
        decoder.decode(&mut buffer)
    }));
    match read {
        Ok(Ok(Some(batch))) => Ok(Some(batch)),
        Ok(Ok(None)) => Err(failed("the Arrow stream has no batch".to_owned())),
        Ok(Err(e)) => Err(failed(e.to_string())),
        Err(_) => Err(failed("the Arrow stream is damaged".to_owned())),
    }
}
