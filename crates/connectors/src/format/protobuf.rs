//! Protocol Buffers: messages of one type, each behind its length.
//!
//! The type comes from a descriptor set, as `protoc --descriptor_set_out` writes it. A field that was not set is null
//! where its presence can be told, else its default.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use super::{
    DecodeJob, Field, RawBatch, ReadOptions, RecordReader, Rejected, RowLines, builder::ColumnBuilder, input,
    raw::RECORD_COLUMN,
};
use crate::Error;

const FORMAT: &str = "Protobuf";
const DESCRIPTOR: &str = "descriptorFile";
const CLASS: &str = "protoClassName";
const PIECE_BYTES: usize = 512 << 10;
const PIECE_RECORDS: usize = 8192;
const MAX_RECORD_BYTES: u64 = 16 << 20;
const MAX_DESCRIPTOR_BYTES: u64 = 16 << 20;
/// Values that one record may have: tiny ones take far more memory than bytes.
const MAX_VALUES: usize = 4 << 20;

/// Cuts the file into messages; the jobs decode them.
pub(super) struct ProtobufReader<R> {
    input: R,
    shared: Arc<Shared>,
    ended: bool,
}

struct Shared {
    file: String,
    message: MessageDescriptor,
    /// The wanted top-level fields; with `whole` all of them, as one record.
    fields: Vec<(Arc<str>, FieldDescriptor)>,
    whole: bool,
}

/// Messages of a piece, one behind the other.
struct Piece {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read + Send> ProtobufReader<R> {
    pub fn new(input: R, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        let message = message_type(options)?;
        let whole = options.columns.is_none();
        let fields = message.fields().filter(|field| options.wants(field.name()));
        let fields = fields.map(|field| (field.name().into(), field)).collect();
        let shared = Shared { file: file.to_owned(), message, fields, whole };
        Ok(Self { input, shared: Arc::new(shared), ended: false })
    }

    fn piece(&mut self) -> Result<Piece, String> {
        let mut piece = Piece { bytes: Vec::new(), ends: Vec::new() };
        while !self.ended && piece.bytes.len() < PIECE_BYTES && piece.ends.len() < PIECE_RECORDS {
            let Some(length) = self.length()? else {
                self.ended = true;
                break;
            };
            if length > MAX_RECORD_BYTES {
                return Err(format!("a message is said to have {length} bytes, the most is {MAX_RECORD_BYTES}"));
            }
            let taken = (&mut self.input).take(length).read_to_end(&mut piece.bytes).map_err(|e| e.to_string())?;
            if (taken as u64) < length {
                return Err("it ends in the middle of a message".to_owned());
            }
            piece.ends.push(piece.bytes.len());
        }
        Ok(piece)
    }

    /// The length before a message; `None` at the end of the file.
    fn length(&mut self) -> Result<Option<u64>, String> {
        let mut value = 0u64;
        for i in 0..10 {
            let mut byte = [0];
            if input::fill(&mut self.input, &mut byte).map_err(|e| e.to_string())? == 0 {
                return if i == 0 { Ok(None) } else { Err("it ends in the middle of a length".to_owned()) };
            }
            value |= u64::from(byte[0] & 0x7f).checked_shl(7 * i).unwrap_or(0);
            if byte[0] & 0x80 == 0 {
                return Ok(Some(value));
            }
        }
        Err("a length before a message is too long".to_owned())
    }
}

impl<R: Read + Send> RecordReader for ProtobufReader<R> {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let piece = self.piece();
        let malformed = |reason| Error::Malformed { file: self.shared.file.clone(), format: FORMAT, reason };
        let piece = piece.map_err(malformed)?;
        if piece.ends.is_empty() {
            return Ok(None);
        }
        let shared = self.shared.clone();
        Ok(Some(Box::new(move || Ok(shared.decode(&piece)))))
    }
}

impl Shared {
    fn decode(&self, piece: &Piece) -> RawBatch {
        let width = if self.whole { 1 } else { self.fields.len() };
        let mut columns: Vec<ColumnBuilder> = (0..width).map(|_| ColumnBuilder::default()).collect();
        let mut lines = Vec::with_capacity(piece.ends.len());
        let mut rejected = Vec::new();
        let mut start = 0;
        for (number, &end) in piece.ends.iter().enumerate() {
            let bytes = &piece.bytes[start..end];
            start = end;
            let decoded = DynamicMessage::decode(self.message.clone(), bytes).map_err(|e| e.to_string());
            match decoded.and_then(|message| self.row(&message)) {
                Ok(values) => {
                    columns.iter_mut().zip(values).for_each(|(column, value)| column.push(lines.len(), value));
                    lines.push(number as u32);
                }
                // The next message starts where this one's length says.
                Err(reason) => rejected.push(Rejected { line: number as u64, reason, fatal: false }),
            }
        }
        let names: Vec<Arc<str>> = match self.whole {
            true => vec![RECORD_COLUMN.into()],
            false => self.fields.iter().map(|(name, _)| name.clone()).collect(),
        };
        let rows = lines.len();
        RawBatch {
            rows,
            columns: names.into_iter().zip(columns.into_iter().map(|column| column.finish(rows))).collect(),
            row_lines: RowLines::Each(lines),
            line_count: piece.ends.len() as u64,
            rejected,
        }
    }

    fn row(&self, message: &DynamicMessage) -> Result<Vec<Field>, String> {
        let mut left = MAX_VALUES;
        let mut values = Vec::with_capacity(self.fields.len());
        for (_, field) in &self.fields {
            let missing = field.supports_presence() && !message.has_field(field);
            values.push(if missing { Field::Null } else { convert(&message.get_field(field), field, &mut left)? });
        }
        if self.whole {
            let names = self.fields.iter().map(|(name, _)| name.to_string());
            return Ok(vec![Field::Map(names.zip(values).collect())]);
        }
        Ok(values)
    }
}

fn convert(value: &Value, field: &FieldDescriptor, left: &mut usize) -> Result<Field, String> {
    match value {
        Value::List(items) => {
            Ok(Field::List(items.iter().map(|v| one(v, &field.kind(), left)).collect::<Result<_, _>>()?))
        }
        Value::Map(entries) => {
            let Kind::Message(entry) = field.kind() else { return Err("a map without entries".to_owned()) };
            let kind = entry.map_entry_value_field().kind();
            let mut pairs: Vec<(String, Field)> = entries
                .iter()
                .map(|(key, value)| Ok((key_text(key).into_owned(), one(value, &kind, left)?)))
                .collect::<Result<_, String>>()?;
            // Such maps have no order of their own; the same file gives the same text.
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(Field::Map(pairs))
        }
        single => one(single, &field.kind(), left),
    }
}

fn one(value: &Value, kind: &Kind, left: &mut usize) -> Result<Field, String> {
    *left = left.checked_sub(1).ok_or_else(|| format!("it has more than {MAX_VALUES} values"))?;
    Ok(match value {
        Value::Bool(b) => Field::Text(b.to_string()),
        Value::I32(n) => Field::Int(*n),
        Value::I64(n) => Field::Long(*n),
        Value::U32(n) => i32::try_from(*n).map_or(Field::Long((*n).into()), Field::Int),
        Value::U64(n) => i64::try_from(*n).map_or_else(|_| Field::Number(n.to_string()), Field::Long),
        Value::F32(x) => Field::Float(*x),
        Value::F64(x) => Field::Double(*x),
        Value::String(text) => Field::Text(text.clone()),
        Value::Bytes(bytes) => Field::Bytes(bytes.to_vec()),
        Value::EnumNumber(number) => match kind {
            Kind::Enum(values) if values.get_value(*number).is_some() => {
                Field::Text(values.get_value(*number).map(|v| v.name().to_owned()).unwrap_or_default())
            }
            _ => Field::Text(format!("UNKNOWN_ENUM_VALUE_{number}")),
        },
        Value::Message(message) => {
            let entries =
                message.fields().map(|(field, value)| Ok((field.name().to_owned(), convert(value, &field, left)?)));
            Field::Map(entries.collect::<Result<_, String>>()?)
        }
        Value::List(_) | Value::Map(_) => return Err("a list inside a list".to_owned()),
    })
}

fn key_text(key: &MapKey) -> Cow<'_, str> {
    match key {
        MapKey::Bool(b) => b.to_string().into(),
        MapKey::I32(n) => n.to_string().into(),
        MapKey::I64(n) => n.to_string().into(),
        MapKey::U32(n) => n.to_string().into(),
        MapKey::U64(n) => n.to_string().into(),
        MapKey::String(text) => text.into(),
    }
}

/// The message type that the properties name: of the descriptor set, the one with the name, or the first of its first
/// file.
fn message_type(options: &ReadOptions) -> Result<MessageDescriptor, Error> {
    let given = |key: &str| options.properties.get(key).map(String::as_str).filter(|v| !v.trim().is_empty());
    let location = given(DESCRIPTOR).unwrap_or_default();
    let invalid = |key: &str, value: &str, reason: String| Error::Property {
        key: key.to_owned(),
        value: value.to_owned(),
        reason,
    };
    let refuse = |reason: String| invalid(DESCRIPTOR, location, reason);
    if location.is_empty() {
        return Err(refuse("it is missing; give the file that protoc --descriptor_set_out wrote".to_owned()));
    }
    let path =
        local_path(location).ok_or_else(|| refuse("expected a path or a file: URI on this machine".to_owned()))?;
    let bytes = read_bounded(&path).map_err(|reason| refuse(format!("it cannot be read: {reason}")))?;
    let pool = DescriptorPool::decode(bytes.as_slice())
        .map_err(|e| refuse(format!("it is not a descriptor set as protoc --descriptor_set_out writes it: {e}")))?;
    let Some(name) = given(CLASS) else {
        let first = pool.files().find_map(|file| file.messages().next());
        return first.ok_or_else(|| refuse("it has no message types".to_owned()));
    };
    let by_name = pool.get_message_by_name(name).or_else(|| {
        // Java's names of nested classes, and names without their package.
        let plain = name.replace('$', ".");
        pool.get_message_by_name(&plain).or_else(|| pool.all_messages().find(|m| m.name() == plain))
    });
    by_name.ok_or_else(|| {
        let known: Vec<String> =
            pool.all_messages().filter(|m| !m.is_map_entry()).take(10).map(|m| m.full_name().to_owned()).collect();
        invalid(CLASS, name, format!("the descriptor file has no such message type; it has {}", known.join(", ")))
    })
}

/// The path of a plain path or `file:` URI.
fn local_path(location: &str) -> Option<PathBuf> {
    let path = match location.split_once(':') {
        Some(("file", rest)) => match rest.strip_prefix("//") {
            // file://host/path names another machine.
            Some(local) if local.starts_with('/') => local,
            Some(_) => return None,
            None => rest,
        },
        Some((scheme, _)) if scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => return None,
        _ => location,
    };
    Some(PathBuf::from(path))
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_DESCRIPTOR_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_DESCRIPTOR_BYTES {
        return Err(format!("it is larger than {} MB", MAX_DESCRIPTOR_BYTES >> 20));
    }
    Ok(bytes)
}
