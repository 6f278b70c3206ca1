//! Arrow IPC, as a stream or as a file (Feather version 2).
//!
//! A file is a stream between two magic words, so both are read from the start to the end, message by message, and
//! neither has to be seekable. The library makes room for whatever lengths a message names; they are checked first.

mod guard;

#[cfg(test)]
mod tests;

use std::{io::Read, sync::Arc};

use arrow::{
    array::RecordBatch,
    buffer::Buffer,
    ipc::{MessageHeader, reader::StreamDecoder, root_as_message},
};

use super::{
    DecodeJob, ReadOptions, RecordReader, guarded, input,
    typed::{self, Conversion, Dates, Times},
};
use crate::Error;

const FORMAT: &str = "Arrow";
const FILE_MAGIC: &[u8; 8] = b"ARROW1\0\0";
const CONTINUATION: [u8; 4] = [0xff; 4];
const MAX_FILL_WORDS: u32 = 64;
const MAX_MESSAGE_BYTES: u32 = 64 << 20;
/// The longest body of a message: a batch of rows or a dictionary.
const MAX_BODY_BYTES: u64 = 512 << 20;
const MAX_BATCH_ROWS: usize = 64 << 20;

pub(super) const CONVERSION: Conversion = Conversion {
    dates: Dates::Days,
    times: Times::Logical,
    boolean_texts: false,
    decimal_texts: false,
    byte_texts: false,
    drop_nulls: false,
};

/// Reads message by message.
pub(super) struct ArrowReader<R> {
    input: R,
    decoder: StreamDecoder,
    /// Rows of the last batch not yet handed out.
    pending: Option<RecordBatch>,
    wanted: Arc<ReadOptions>,
    file: Arc<str>,
    started: bool,
    ended: bool,
}

impl<R: Read + Send> ArrowReader<R> {
    pub fn new(input: R, file: &str, options: &ReadOptions) -> Self {
        Self {
            input,
            decoder: StreamDecoder::new(),
            pending: None,
            wanted: Arc::new(options.clone()),
            file: file.into(),
            started: false,
            ended: false,
        }
    }

    /// The next batch that has rows; only the wanted columns of it.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, String> {
        while !self.ended {
            let Some(message) = self.message()? else {
                self.ended = true;
                break;
            };
            let mut buffer = Buffer::from_vec(message);
            while !buffer.is_empty() {
                let Some(batch) = self.decoder.decode(&mut buffer).map_err(|e| e.to_string())? else { continue };
                if batch.num_rows() > MAX_BATCH_ROWS {
                    return Err(format!("a batch has more than {MAX_BATCH_ROWS} rows"));
                }
                if batch.num_rows() > 0 {
                    return self.projected(&batch).map(Some);
                }
            }
        }
        if self.decoder.schema().is_none() {
            return Err("it has no schema".to_owned());
        }
        Ok(None)
    }

    fn projected(&self, batch: &RecordBatch) -> Result<RecordBatch, String> {
        let fields = batch.schema();
        let wanted: Vec<usize> =
            fields.fields().iter().enumerate().filter(|(_, f)| self.wanted.wants(f.name())).map(|(i, _)| i).collect();
        batch.project(&wanted).map_err(|e| e.to_string())
    }

    /// One whole message with what stands before it, checked. `None` at the end.
    fn message(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut start = [0; 4];
        if !self.started {
            self.started = true;
            let mut magic = [0; 8];
            let got = self.fill(&mut magic)?;
            if got < 8 {
                return Err("it does not start as an Arrow stream or file does".to_owned());
            }
            if &magic != FILE_MAGIC {
                // The start of a stream: a marker and a length.
                let Some((marker, length)) = magic.split_first_chunk::<4>() else { return Ok(None) };
                if marker != &CONTINUATION {
                    return Err("it does not start as an Arrow stream or file does".to_owned());
                }
                start.copy_from_slice(length);
                return self.body(u32::from_le_bytes(start));
            }
        }
        let mut got = self.fill(&mut start)?;
        // Some writers fill up behind the magic word, to an address that suits them.
        let mut filled = 0;
        while self.decoder.schema().is_none() && got == 4 && start == [0; 4] && filled < MAX_FILL_WORDS {
            got = self.fill(&mut start)?;
            filled += 1;
        }
        if got == 0 {
            return Ok(None);
        }
        if got < 4 {
            return Err(CUT.to_owned());
        }
        if start == CONTINUATION && self.fill(&mut start)? < 4 {
            return Err(CUT.to_owned());
        }
        self.body(u32::from_le_bytes(start))
    }

    fn body(&mut self, length: u32) -> Result<Option<Vec<u8>>, String> {
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_MESSAGE_BYTES {
            return Err(format!("a message is said to have {length} bytes, the most is {MAX_MESSAGE_BYTES}"));
        }
        let mut whole = CONTINUATION.to_vec();
        whole.extend(length.to_le_bytes());
        self.take(u64::from(length), &mut whole)?;
        let message = root_as_message(&whole[8..]).map_err(|e| format!("a message is damaged: {e}"))?;
        let body_bytes = u64::try_from(message.bodyLength()).map_err(|_| "a message has a negative length")?;
        if body_bytes > MAX_BODY_BYTES {
            return Err(format!("a batch is said to have {body_bytes} bytes, the most is {MAX_BODY_BYTES}"));
        }
        let batch_like = matches!(message.header_type(), MessageHeader::RecordBatch | MessageHeader::DictionaryBatch);
        let header_end = whole.len();
        self.take(body_bytes, &mut whole)?;
        if batch_like {
            let message = root_as_message(&whole[8..header_end]).map_err(|e| format!("a message is damaged: {e}"))?;
            guard::check(&message, &whole[header_end..])?;
        }
        Ok(Some(whole))
    }

    fn take(&mut self, bytes: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let got = (&mut self.input).take(bytes).read_to_end(out).map_err(|e| e.to_string())?;
        if got as u64 == bytes { Ok(()) } else { Err(CUT.to_owned()) }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        input::fill(&mut self.input, buffer).map_err(|e| e.to_string())
    }
}

const CUT: &str = "it ends in the middle of a message";

impl<R: Read + Send> RecordReader for ArrowReader<R> {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let file = self.file.clone();
        let malformed = |reason| Error::Malformed { file: file.to_string(), format: FORMAT, reason };
        let batch = match self.pending.take() {
            Some(batch) => Some(batch),
            None => guarded(&file, FORMAT, || self.next_batch().map_err(malformed))?,
        };
        let Some(batch) = batch else { return Ok(None) };
        let rows = batch.num_rows().min(typed::BATCH_ROWS);
        if rows < batch.num_rows() {
            self.pending = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let piece = batch.slice(0, rows);
        Ok(Some(Box::new(move || {
            let raw = typed::raw_batch(&piece, |_| CONVERSION);
            raw.map_err(|reason| Error::Malformed { file: file.to_string(), format: FORMAT, reason })
        })))
    }
}
