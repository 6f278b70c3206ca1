//! Files of rows: what `ConvertPinotSegment` and `GenerateData` write.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    str::FromStr,
};

use apache_avro::{Codec, DeflateSettings, Schema as AvroSchema, types::Value as AvroValue};
use model::{ColumnType, DataType, Value, render};
use serde_json::json;

use crate::Error;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    Avro,
    Csv,
    Json,
}

impl RowFormat {
    /// Ending of a file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Avro => "avro",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl FromStr for RowFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_uppercase().as_str() {
            "AVRO" => Ok(Self::Avro),
            "CSV" => Ok(Self::Csv),
            "JSON" => Ok(Self::Json),
            _ => Err(Error::Value {
                what: "output format",
                value: name.to_owned(),
                reason: "it is AVRO, CSV or JSON".to_owned(),
            }),
        }
    }
}

/// How CSV is written.
#[derive(Clone, Copy, Debug)]
pub struct CsvStyle {
    pub delimiter: u8,
    /// Between the elements of a multi-value cell.
    pub list_delimiter: char,
    pub header: bool,
}

impl Default for CsvStyle {
    fn default() -> Self {
        Self { delimiter: b',', list_delimiter: ';', header: true }
    }
}

/// A column's name and type.
pub type RowColumn = (String, ColumnType);

/// Takes one row; values are in the columns' order.
pub type TakeRow<'a> = dyn FnMut(&[Value]) -> Result<(), Error> + 'a;

/// Writes a file; `fill` hands the rows over. TIMESTAMP values are epoch milliseconds, BYTES hex text in CSV and JSON.
/// Blocks.
pub fn write_file(
    path: &Path,
    format: RowFormat,
    style: CsvStyle,
    columns: &[RowColumn],
    fill: impl FnOnce(&mut TakeRow<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = File::create(path).map_err(Error::io("create", path))?;
    let out = BufWriter::with_capacity(1 << 18, file);
    match format {
        RowFormat::Json => write_json(path, out, columns, fill),
        RowFormat::Csv => write_csv(path, out, style, columns, fill),
        RowFormat::Avro => write_avro(path, out, columns, fill),
    }
}

fn write_json(
    path: &Path,
    mut out: BufWriter<File>,
    columns: &[RowColumn],
    fill: impl FnOnce(&mut TakeRow<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut line = String::new();
    fill(&mut |row| {
        line.clear();
        line.push('{');
        for (i, ((name, _), value)) in columns.iter().zip(row).enumerate() {
            if i > 0 {
                line.push(',');
            }
            render::push_json_string(&mut line, name);
            line.push(':');
            push_json(&mut line, value);
        }
        line.push_str("}\n");
        out.write_all(line.as_bytes()).map_err(Error::io("write", path))
    })?;
    out.flush().map_err(Error::io("write", path))
}

fn push_json(line: &mut String, value: &Value) {
    match value {
        Value::Timestamp(ms) => render::push_i64(line, *ms),
        Value::Array(_, items) => {
            line.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    line.push(',');
                }
                push_json(line, item);
            }
            line.push(']');
        }
        other => render::push_json(line, other),
    }
}

fn write_csv(
    path: &Path,
    out: BufWriter<File>,
    style: CsvStyle,
    columns: &[RowColumn],
    fill: impl FnOnce(&mut TakeRow<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |e: csv::Error| Error::io("write", path)(std::io::Error::other(e));
    let mut out = csv::WriterBuilder::new().delimiter(style.delimiter).from_writer(out);
    if style.header {
        out.write_record(columns.iter().map(|(name, _)| name)).map_err(failed)?;
    }
    fill(&mut |row| out.write_record(row.iter().map(|value| csv_cell(value, style.list_delimiter))).map_err(failed))?;
    out.flush().map_err(Error::io("write", path))
}

fn csv_cell(value: &Value, list_delimiter: char) -> String {
    match value {
        Value::Timestamp(ms) => ms.to_string(),
        Value::Array(_, items) => {
            let cells: Vec<String> = items.iter().map(|item| csv_cell(item, list_delimiter)).collect();
            cells.join(&list_delimiter.to_string())
        }
        other => render::to_text(other),
    }
}

fn write_avro(
    path: &Path,
    out: BufWriter<File>,
    columns: &[RowColumn],
    fill: impl FnOnce(&mut TakeRow<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |e: apache_avro::Error| Error::io("write", path)(std::io::Error::other(e));
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, ty)| {
            let one = avro_type(ty.data_type);
            let ty = if ty.multi_value { json!({"type": "array", "items": one}) } else { json!(one) };
            json!({"name": name, "type": ty})
        })
        .collect();
    let schema = json!({"type": "record", "name": "record", "fields": fields}).to_string();
    let schema = AvroSchema::parse_str(&schema).map_err(|e| Error::Value {
        what: "columns for Avro",
        value: columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
        reason: e.to_string(),
    })?;
    let mut writer = apache_avro::Writer::with_codec(&schema, out, Codec::Deflate(DeflateSettings::default()));
    fill(&mut |row| {
        let fields = columns.iter().zip(row).map(|((name, _), value)| (name.clone(), avro_value(value)));
        writer.append(AvroValue::Record(fields.collect())).map(|_| ()).map_err(failed)
    })?;
    let mut out = writer.into_inner().map_err(failed)?;
    out.flush().map_err(Error::io("write", path))
}

fn avro_type(ty: DataType) -> &'static str {
    match ty {
        DataType::Int => "int",
        DataType::Long | DataType::Timestamp => "long",
        DataType::Float => "float",
        DataType::Double => "double",
        DataType::Boolean => "boolean",
        DataType::Bytes => "bytes",
        _ => "string",
    }
}

fn avro_value(value: &Value) -> AvroValue {
    match value {
        Value::Int(n) => AvroValue::Int(*n),
        Value::Long(n) | Value::Timestamp(n) => AvroValue::Long(*n),
        Value::Float(x) => AvroValue::Float(*x),
        Value::Double(x) => AvroValue::Double(*x),
        Value::Boolean(b) => AvroValue::Boolean(*b),
        Value::Bytes(bytes) => AvroValue::Bytes(bytes.clone()),
        Value::Array(_, items) => AvroValue::Array(items.iter().map(avro_value).collect()),
        other => AvroValue::String(render::to_text(other)),
    }
}
