//! The rows of one batch on their way through the steps.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType as ArrowType, Float32Type, Float64Type, Int32Type},
};
use connectors::format::{Field, RECORD_COLUMN, RawBatch, RawColumn, RowLines};
use functions::{Data, Vector};
use model::{ColumnType, DataType, MaxLengthExceedStrategy};

use crate::convert::{ColumnRules, ColumnWriter, field_of_value, field_of_vector, special_double, special_float};

/// A column as it came, or as a function gave it.
pub(super) enum Column {
    Raw(RawColumn),
    Typed(Vector),
}

/// All columns of a batch by name.
pub(super) struct Rows {
    pub len: usize,
    pub lines: RowLines,
    columns: HashMap<Arc<str>, Column>,
    /// Typed forms of columns that functions asked for.
    vectors: HashMap<Arc<str>, Vector>,
}

impl Rows {
    pub fn new(raw: RawBatch) -> Self {
        let columns = raw.columns.into_iter().map(|(name, column)| (name, Column::Raw(column))).collect();
        Self { len: raw.rows, lines: raw.row_lines, columns, vectors: HashMap::new() }
    }

    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    pub fn set(&mut self, name: &str, column: Column) {
        self.vectors.remove(name);
        self.columns.insert(name.into(), column);
    }

    pub fn remove(&mut self, name: &str) {
        self.vectors.remove(name);
        self.columns.remove(name);
    }

    /// All that a row has, by name.
    pub fn record(&self, row: usize) -> BTreeMap<String, Field> {
        let present = self.columns.iter().filter(|(_, column)| !column.is_null(row));
        present.map(|(name, column)| (name.to_string(), column.field(row))).collect()
    }

    /// The column as functions take it; without values it is a NULL constant of `declared`, or of no type.
    pub fn vector(&mut self, name: &str) -> Vector {
        if let Some(vector) = self.vectors.get(name) {
            return vector.clone();
        }
        let vector = match self.columns.get(name) {
            None => Vector::constant(model::Value::Null),
            Some(column) => column.vector(self.len),
        };
        self.vectors.insert(name.into(), vector.clone());
        vector
    }
}

/// A batch of whole records with a column for each of their fields. Other batches stay as they are.
pub(super) fn opened(mut raw: RawBatch) -> RawBatch {
    if !matches!(&raw.columns[..], [(name, RawColumn::Fields(_))] if &**name == RECORD_COLUMN) {
        return raw;
    }
    let Some((_, RawColumn::Fields(records))) = raw.columns.pop() else { return raw };
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut columns: Vec<(Arc<str>, Vec<Field>)> = Vec::new();
    for (row, record) in records.into_iter().enumerate() {
        let Field::Map(entries) = record else { continue };
        for (name, value) in entries {
            let place = match places.get(name.as_str()) {
                Some(&place) => place,
                None => {
                    let name: Arc<str> = name.into();
                    columns.push((name.clone(), Vec::new()));
                    places.insert(name, columns.len() - 1);
                    columns.len() - 1
                }
            };
            let values = &mut columns[place].1;
            values.resize(row, Field::Null);
            values.push(value);
        }
    }
    raw.columns = columns.into_iter().map(|(name, values)| (name, RawColumn::Fields(values))).collect();
    raw
}

impl Column {
    /// The value of one row.
    pub fn field(&self, row: usize) -> Field {
        match self {
            Self::Raw(RawColumn::Text(text)) => text.field(row),
            Self::Raw(RawColumn::Fields(fields)) => fields.get(row).cloned().unwrap_or(Field::Null),
            Self::Raw(RawColumn::Array(array)) if is_dictionary(array) => dictionary_text(array, row),
            Self::Raw(RawColumn::Array(array)) => field_of_vector(array, type_of(array.data_type()), row),
            Self::Typed(Vector { ty, data: Data::Array(array) }) => field_of_vector(array, *ty, row),
            Self::Typed(Vector { data: Data::Constant(value), .. }) => field_of_value(value),
        }
    }

    /// As [`Self::field`], without a copy where there is a value to borrow.
    pub fn with_field<T>(&self, row: usize, f: impl FnOnce(&Field) -> T) -> T {
        match self {
            Self::Raw(RawColumn::Fields(fields)) => f(fields.get(row).unwrap_or(&Field::Null)),
            other => f(&other.field(row)),
        }
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Raw(RawColumn::Text(text)) => text.bytes(row).is_none(),
            Self::Raw(RawColumn::Fields(fields)) => fields.get(row).is_none_or(Field::is_null),
            Self::Raw(RawColumn::Array(array)) | Self::Typed(Vector { data: Data::Array(array), .. }) => {
                array.is_null(row)
            }
            Self::Typed(Vector { data: Data::Constant(value), .. }) => value.is_null(),
        }
    }

    /// Whether the row holds a list or a map.
    pub fn is_nested(&self, row: usize) -> bool {
        match self {
            // No array holds a list but those that functions give.
            Self::Raw(RawColumn::Array(_)) => false,
            Self::Typed(vector) if !vector.ty.multi_value => false,
            other => other.with_field(row, |f| matches!(f, Field::List(_) | Field::Map(_))),
        }
    }

    /// The array itself where its values can be stored as they are.
    pub fn as_stored(&self, rules: &ColumnRules) -> Option<ArrayRef> {
        let (array, ty) = match self {
            Self::Raw(RawColumn::Array(array)) => (array, type_of(array.data_type())),
            Self::Typed(Vector { ty, data: Data::Array(array) }) => (array, *ty),
            _ => return None,
        };
        let wanted = ColumnType { data_type: rules.data_type, multi_value: rules.multi_value };
        if ty.multi_value || wanted.multi_value {
            return None;
        }
        if ty != wanted {
            return widened(array, ty.data_type, wanted.data_type).map(|wide| special_values(&wide, rules));
        }
        if is_dictionary(array) {
            return (rules.passes_dictionaries && rules.dictionary_fits(array)).then(|| array.clone());
        }
        if array.data_type() != &wanted.arrow() {
            return None;
        }
        match ty.data_type {
            DataType::Int | DataType::Long | DataType::Boolean | DataType::Timestamp => Some(array.clone()),
            DataType::Float | DataType::Double => Some(special_values(array, rules)),
            DataType::String => texts_fit(array, rules).then(|| array.clone()),
            DataType::Bytes => bytes_fit(array, rules).then(|| array.clone()),
            _ => None,
        }
    }

    fn vector(&self, rows: usize) -> Vector {
        match self {
            Self::Typed(vector) => vector.clone(),
            Self::Raw(RawColumn::Array(array)) => Vector::array(type_of(array.data_type()), flat(array)),
            Self::Raw(RawColumn::Text(text)) => {
                let split = text.multi_value_delimiter().is_some()
                    && (0..rows).any(|r| text.text(r).is_some_and(|t| text.parts(t).is_some()));
                let ty = if split { DataType::String.mv() } else { DataType::String.sv() };
                typed(ty, rows, |row, out| out.push(&text.field(row)))
            }
            Self::Raw(RawColumn::Fields(fields)) => {
                let ty = common_type(fields);
                if ty == ColumnType::UNKNOWN {
                    return Vector::constant(model::Value::Null);
                }
                typed(ty, rows, |row, out| {
                    let field = fields.get(row).unwrap_or(&Field::Null);
                    match field {
                        // JSON text of its own, unless it is a text already.
                        Field::Map(_) | Field::List(_) if !ty.multi_value => out.push(&Field::Text(field.to_json())),
                        other => out.push(other),
                    }
                })
            }
        }
    }
}

/// Whether an array holds its values as references.
pub(super) fn is_dictionary(array: &ArrayRef) -> bool {
    matches!(array.data_type(), ArrowType::Dictionary(_, _))
}

/// The array with its values in place.
pub(super) fn flat(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        ArrowType::Dictionary(_, value) => cast(array, value).unwrap_or_else(|_| array.clone()),
        _ => array.clone(),
    }
}

fn dictionary_text(array: &ArrayRef, row: usize) -> Field {
    let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else { return Field::Null };
    let key = dictionary.is_valid(row).then(|| dictionary.keys().value(row) as usize);
    match (key, dictionary.values().as_string_opt::<i32>()) {
        (Some(key), Some(texts)) if key < texts.len() => Field::Text(texts.value(key).to_owned()),
        _ => Field::Null,
    }
}

/// Numbers in a wider type that holds each of them as it is.
fn widened(array: &ArrayRef, from: DataType, to: DataType) -> Option<ArrayRef> {
    let exact =
        matches!((from, to), (DataType::Int, DataType::Long | DataType::Double) | (DataType::Float, DataType::Double));
    if !exact { None } else { cast(array, &to.arrow()).ok() }
}

/// Floating-point numbers as they are stored, see [`convert::writer`](crate::convert); other arrays as they are.
fn special_values(array: &ArrayRef, rules: &ColumnRules) -> ArrayRef {
    match array.data_type() {
        ArrowType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            Arc::new(numbers.unary::<_, Float64Type>(|x| special_double(x, &rules.default)))
        }
        ArrowType::Float32 => {
            let numbers = array.as_primitive::<Float32Type>();
            Arc::new(numbers.unary::<_, Float32Type>(|x| special_float(x, &rules.default)))
        }
        _ => array.clone(),
    }
}

fn bytes_fit(array: &ArrayRef, rules: &ColumnRules) -> bool {
    let Some(bytes) = array.as_binary_opt::<i32>() else { return false };
    rules.max_length == usize::MAX || bytes.offsets().lengths().all(|len| len <= rules.max_length)
}

pub(crate) fn texts_fit(array: &ArrayRef, rules: &ColumnRules) -> bool {
    let Some(texts) = array.as_string_opt::<i32>() else { return false };
    if texts.value_data().contains(&0) {
        return false;
    }
    let limit = rules.max_length;
    rules.exceed == MaxLengthExceedStrategy::NoAction
        || limit == usize::MAX
        || texts.offsets().lengths().all(|len| len <= limit)
}

/// The logical type of a plain array.
fn type_of(ty: &ArrowType) -> ColumnType {
    match ty {
        ArrowType::Int32 => DataType::Int.sv(),
        ArrowType::Int64 => DataType::Long.sv(),
        ArrowType::Float32 => DataType::Float.sv(),
        ArrowType::Float64 => DataType::Double.sv(),
        ArrowType::Boolean => DataType::Boolean.sv(),
        ArrowType::Binary => DataType::Bytes.sv(),
        ArrowType::List(item) => type_of(item.data_type()).data_type.mv(),
        _ => DataType::String.sv(),
    }
}

/// An array of a type from values that all convert to it.
fn typed(ty: ColumnType, rows: usize, value: impl Fn(usize, &mut ColumnWriter<'_>) -> Result<(), String>) -> Vector {
    // Functions take JSON as text; written as is, it is not parsed once more.
    let data_type = if ty.data_type.stored() == DataType::String { DataType::String } else { ty.data_type };
    let rules = ColumnRules::of_argument(data_type, ty.multi_value);
    let mut out = ColumnWriter::new(&rules, rows);
    for row in 0..rows {
        // A value that does not convert is null to a function.
        let _ = value(row, &mut out);
    }
    match out.finish() {
        Ok(array) => Vector::array(ty, array),
        Err(_) => Vector::constant(model::Value::Null),
    }
}

/// The type that holds all values of a column; maps and lists of them are JSON text.
fn common_type(fields: &[Field]) -> ColumnType {
    let mut element = DataType::Unknown;
    let mut multi_value = false;
    for field in fields {
        match field {
            Field::Map(_) => return DataType::Map.sv(),
            Field::List(items) => {
                multi_value = true;
                for item in items {
                    if matches!(item, Field::Map(_) | Field::List(_)) {
                        return DataType::Json.sv();
                    }
                    element = meet(element, item);
                }
            }
            other => element = meet(element, other),
        }
    }
    if multi_value && element == DataType::Unknown {
        element = DataType::String;
    }
    ColumnType { data_type: element, multi_value }
}

fn meet(so_far: DataType, field: &Field) -> DataType {
    let ty = match field {
        Field::Null => return so_far,
        Field::Bool(_) => DataType::Boolean,
        Field::Int(_) => DataType::Int,
        Field::Long(_) => DataType::Long,
        Field::Number(_) | Field::Decimal(_) => DataType::BigDecimal,
        Field::Float(_) => DataType::Float,
        Field::Double(_) => DataType::Double,
        Field::Bytes(_) => DataType::Bytes,
        Field::Timestamp(_) => DataType::Timestamp,
        Field::Text(_) | Field::List(_) | Field::Map(_) => DataType::String,
    };
    functions::convert::common_type(so_far, ty)
}
