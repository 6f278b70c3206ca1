//! A schema proposed from an Avro schema or from JSON data.
//!
//! What a source cannot say (which column is a metric, which one is the time) comes from outside. The rules are those
//! of the admin verbs `AvroSchemaToPinotSchema` and `JsonToPinotSchema`.

use std::{collections::BTreeSet, path::Path};

use connectors::format::{Shape, read_avro_schema};
use model::{
    DataType, FieldSpec, Schema,
    table_config::{ComplexTypeConfig, JsonCollections},
};

use crate::Error;

const TIME_UNITS: [&str; 7] = ["NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS"];

/// What the source cannot say.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub schema_name: String,
    /// Columns that are not named here are dimensions, too.
    pub dimensions: Vec<String>,
    pub metrics: Vec<String>,
    pub time_column: Option<String>,
    /// DAYS, MILLISECONDS, …: the unit since 1970 that the time column counts in.
    pub time_unit: String,
    /// How nested values become columns. For Avro, `None` allows no nested records but those with one field.
    pub complex: Option<ComplexTypeConfig>,
}

impl Wishes {
    /// `complex` as it is when nothing else is said: names joined by a point, lists of objects as JSON.
    pub fn default_complex() -> ComplexTypeConfig {
        ComplexTypeConfig {
            fields_to_unnest: Vec::new(),
            delimiter: ".".to_owned(),
            collections_to_json: JsonCollections::NonPrimitive,
            prefixes_to_rename: Default::default(),
        }
    }
}

/// A proposed schema.
#[derive(Clone, Debug)]
pub struct Inferred {
    pub schema: Schema,
    /// Columns that were wished for and that the source does not have.
    pub not_found: Vec<String>,
}

/// From an Avro schema file (`.avsc`).
pub fn from_avro_schema_file(path: &Path, wishes: &Wishes) -> Result<Inferred, Error> {
    let name = shown(path);
    from_avro(&Shape::of_avro_schema(&read_avro_schema(path)?, &name)?, &name, wishes)
}

/// From the schema inside an Avro data file. Nested records are not opened, whatever the wishes say.
pub fn from_avro_data_file(path: &Path, wishes: &Wishes) -> Result<Inferred, Error> {
    let name = shown(path);
    from_avro(&Shape::of_avro_file(path, &name)?, &name, &Wishes { complex: None, ..wishes.clone() })
}

/// From the first record of a JSON file.
pub fn from_json_file(path: &Path, wishes: &Wishes) -> Result<Inferred, Error> {
    let name = shown(path);
    let Shape::Record(fields) = Shape::of_json_file(path, &name)? else {
        return Err(Error::Infer { source_name: name, reason: "the JSON data shall be an object".to_owned() });
    };
    let complex = wishes.complex.clone().unwrap_or_else(Wishes::default_complex);
    Columns::new(&name, wishes)?.nested(&fields, &complex)
}

fn shown(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn from_avro(shape: &Shape, source: &str, wishes: &Wishes) -> Result<Inferred, Error> {
    let Shape::Record(fields) = shape else {
        let reason = "the Avro schema is not a record".to_owned();
        return Err(Error::Infer { source_name: source.to_owned(), reason });
    };
    let mut columns = Columns::new(source, wishes)?;
    let Some(complex) = &wishes.complex else {
        for (name, shape) in fields {
            columns.flat(name, shape)?;
        }
        return columns.finish();
    };
    columns.nested(fields, complex)
}

struct Columns<'a> {
    source: &'a str,
    wishes: &'a Wishes,
    fields: Vec<FieldSpec>,
    names: BTreeSet<String>,
}

impl<'a> Columns<'a> {
    fn new(source: &'a str, wishes: &'a Wishes) -> Result<Self, Error> {
        if !TIME_UNITS.contains(&wishes.time_unit.as_str()) {
            let reason =
                format!("'{}' is not a time unit, expected one of {}", wishes.time_unit, TIME_UNITS.join(", "));
            return Err(Error::Infer { source_name: source.to_owned(), reason });
        }
        Ok(Self { source, wishes, fields: Vec::new(), names: BTreeSet::new() })
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Infer { source_name: self.source.to_owned(), reason }
    }

    /// An Avro field as one column: unions with null and records with one field are looked through.
    fn flat(&mut self, name: &str, shape: &Shape) -> Result<(), Error> {
        match self.supported(name, shape)? {
            Shape::List(item) => {
                let item = data_type(self.supported(name, item)?);
                self.add(name, item, true)
            }
            single => self.add(name, data_type(single), false),
        }
    }

    fn supported<'s>(&self, name: &str, shape: &'s Shape) -> Result<&'s Shape, Error> {
        match shape {
            Shape::Union(_) => self.supported(name, self.branch(name, shape)?),
            Shape::Record(fields) => match &fields[..] {
                [(_, only)] => self.supported(name, only),
                _ => Err(self.refuse(format!(
                    "field '{name}' is a record of {} fields; ask for the handling of complex types to flatten it",
                    fields.len()
                ))),
            },
            Shape::Null => Err(self.refuse(format!("field '{name}' has no type but null"))),
            other => Ok(other),
        }
    }

    /// The one branch of a union that is not null.
    fn branch<'s>(&self, name: &str, shape: &'s Shape) -> Result<&'s Shape, Error> {
        let Shape::Union(branches) = shape else { return Ok(shape) };
        let mut others = branches.iter().filter(|b| **b != Shape::Null);
        match (others.next(), others.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(self.refuse(format!("field '{name}' is a union of several types"))),
            (None, _) => Err(self.refuse(format!("field '{name}' is a union of nothing but null"))),
        }
    }

    /// Nested fields under names joined by the delimiter.
    fn nested(mut self, fields: &[(String, Shape)], complex: &ComplexTypeConfig) -> Result<Inferred, Error> {
        for (name, shape) in fields {
            self.open(name.clone(), shape, complex)?;
        }
        self.finish()
    }

    fn open(&mut self, path: String, shape: &Shape, complex: &ComplexTypeConfig) -> Result<(), Error> {
        match shape {
            Shape::Null => Ok(()),
            Shape::Scalar(data_type) => self.add(&path, *data_type, false),
            Shape::Map => self.add(&path, DataType::Json, false),
            Shape::Union(_) => self.open(path.clone(), self.branch(&path, shape)?, complex),
            Shape::Record(fields) => {
                for (name, inner) in fields {
                    self.open(format!("{path}{}{name}", complex.delimiter), inner, complex)?;
                }
                Ok(())
            }
            Shape::List(item) if complex.fields_to_unnest.contains(&path) => self.open(path, item, complex),
            Shape::List(item) => match complex.collections_to_json {
                JsonCollections::NonPrimitive if is_primitive(item) => self.add(&path, data_type(item), true),
                JsonCollections::NonPrimitive | JsonCollections::All => self.add(&path, DataType::String, false),
                // Such a list has no column.
                JsonCollections::None => Ok(()),
            },
        }
    }

    fn add(&mut self, name: &str, data_type: DataType, multi_value: bool) -> Result<(), Error> {
        if !self.names.insert(name.to_owned()) {
            return Err(self.refuse(format!("two fields become the column '{name}'")));
        }
        let single = |what: &str| match multi_value {
            true => Err(self.refuse(format!("{what} field: {name} cannot be multi-valued"))),
            false => Ok(()),
        };
        let field = if self.wishes.time_column.as_deref() == Some(name) {
            single("Time")?;
            let unit = &self.wishes.time_unit;
            FieldSpec::date_time(name, data_type, format!("EPOCH|{unit}"), format!("1:{unit}"))
        } else if self.wishes.metrics.iter().any(|m| m == name) {
            single("Metric")?;
            FieldSpec::metric(name, data_type)
        } else {
            let field = FieldSpec::dimension(name, data_type);
            if multi_value { field.multi() } else { field }
        };
        self.fields.push(field);
        Ok(())
    }

    fn finish(mut self) -> Result<Inferred, Error> {
        // Schemas list their columns by role.
        self.fields.sort_by_key(|field| match field.role {
            model::FieldRole::Dimension => 0,
            model::FieldRole::Metric => 1,
            _ => 2,
        });
        let wishes = self.wishes;
        let wished = wishes.dimensions.iter().chain(&wishes.metrics).chain(&wishes.time_column);
        let not_found = wished.filter(|name| !self.names.contains(*name)).cloned().collect();
        Ok(Inferred { schema: Schema::new(wishes.schema_name.clone(), self.fields), not_found })
    }
}

/// Whether a list of it becomes a multi-value column.
fn is_primitive(shape: &Shape) -> bool {
    match shape {
        Shape::Null => true,
        Shape::Scalar(data_type) => *data_type != DataType::Bytes,
        _ => false,
    }
}

fn data_type(shape: &Shape) -> DataType {
    match shape {
        Shape::Scalar(data_type) => *data_type,
        Shape::Null => DataType::String,
        _ => DataType::Json,
    }
}

#[cfg(test)]
mod tests;
