//! What kinds of values a source has, before any data is read or from one record of it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use model::DataType;

use super::{Field, Meter, ReadOptions, avro, input, json};
use crate::Error;

/// The kind of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Nothing but nulls, or nothing is known.
    Null,
    /// A value of one type.
    Scalar(DataType),
    List(Box<Shape>),
    /// Any keys.
    Map,
    /// Fields in the source's order.
    Record(Vec<(String, Shape)>),
    Union(Vec<Shape>),
}

impl Shape {
    /// The shape of an Avro schema. `name` is what errors call its file. Logical types count as what they annotate.
    pub fn of_avro_schema(schema: &str, name: &str) -> Result<Self, Error> {
        avro::shape(schema).map_err(|reason| malformed(name, "Avro schema", reason))
    }

    /// The shape of the schema inside an Avro data file, compressed or not.
    pub fn of_avro_file(path: &Path, name: &str) -> Result<Self, Error> {
        let schema = avro::schema_text(input::open(path, &Meter::default())?);
        let schema = schema.map_err(|reason| malformed(name, "Avro", reason))?;
        Self::of_avro_schema(&schema, name)
    }

    /// The shape of the first record of a JSON file, compressed or not.
    pub fn of_json_file(path: &Path, name: &str) -> Result<Self, Error> {
        let reader = json::JsonReader::new(input::open(path, &Meter::default())?, name, &ReadOptions::default());
        match reader.first_record()? {
            Some(record) => Ok(Self::of_value(&record)),
            None => Err(malformed(name, "JSON", "it holds no record".to_owned())),
        }
    }

    /// The shape of a value; a list is taken to hold what its first element is.
    pub fn of_value(value: &Field) -> Self {
        match value {
            Field::Null => Self::Null,
            Field::Bool(_) => Self::Scalar(DataType::Boolean),
            Field::Int(_) => Self::Scalar(DataType::Int),
            Field::Long(_) => Self::Scalar(DataType::Long),
            Field::Float(_) => Self::Scalar(DataType::Float),
            Field::Double(_) => Self::Scalar(DataType::Double),
            Field::Decimal(_) => Self::Scalar(DataType::BigDecimal),
            Field::Timestamp(_) => Self::Scalar(DataType::Timestamp),
            Field::Bytes(_) => Self::Scalar(DataType::Bytes),
            Field::Number(text) if text.contains(['.', 'e', 'E']) => Self::Scalar(DataType::Double),
            // Whole numbers beyond 64 bits have no numeric type of their own.
            Field::Number(_) | Field::Text(_) => Self::Scalar(DataType::String),
            Field::List(items) => items.first().map_or(Self::Null, |first| Self::List(Box::new(Self::of_value(first)))),
            Field::Map(entries) => Self::Record(entries.iter().map(|(k, v)| (k.clone(), Self::of_value(v))).collect()),
        }
    }
}

/// The text of an Avro schema file.
pub fn read_avro_schema(path: &Path) -> Result<String, Error> {
    const MAX_BYTES: u64 = 16 << 20;
    let failed = |source: io::Error| Error::Open { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn malformed(file: &str, format: &'static str, reason: String) -> Error {
    Error::Malformed { file: file.to_owned(), format, reason }
}
