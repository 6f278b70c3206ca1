//! Collects the converted values of one column.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, StringArray,
    },
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::Field as ArrowField,
    error::ArrowError,
};
use connectors::format::Field;
use model::{DataType, MaxLengthExceedStrategy, Value};

use super::{
    ColumnRules, json,
    scalar::{self, Converted},
};

/// The values of one column of a batch, row by row. Every row takes exactly one `push_…`.
pub struct ColumnWriter<'a> {
    rules: &'a ColumnRules,
    values: Values,
    /// One entry a row: whether it has a value.
    valid: Vec<bool>,
    /// Multi-value only: element offsets, one more than rows.
    offsets: Vec<i32>,
    /// Texts that were cut or replaced.
    sanitized: u64,
}

enum Values {
    Int(Vec<i32>),
    Long(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    /// STRING, JSON, MAP, BIG_DECIMAL as UTF-8; BYTES as they are.
    Bytes {
        data: Vec<u8>,
        offsets: Vec<i32>,
    },
}

impl Values {
    fn new(data_type: DataType, rows: usize) -> Self {
        match data_type {
            DataType::Int => Self::Int(Vec::with_capacity(rows)),
            DataType::Long | DataType::Timestamp => Self::Long(Vec::with_capacity(rows)),
            DataType::Float => Self::Float(Vec::with_capacity(rows)),
            DataType::Double => Self::Double(Vec::with_capacity(rows)),
            DataType::Boolean => Self::Boolean(Vec::with_capacity(rows)),
            _ => {
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0);
                Self::Bytes { data: Vec::new(), offsets }
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::Long(v) => v.len(),
            Self::Float(v) => v.len(),
            Self::Double(v) => v.len(),
            Self::Boolean(v) => v.len(),
            Self::Bytes { offsets, .. } => offsets.len() - 1,
        }
    }

    fn truncate(&mut self, len: usize) {
        match self {
            Self::Int(v) => v.truncate(len),
            Self::Long(v) => v.truncate(len),
            Self::Float(v) => v.truncate(len),
            Self::Double(v) => v.truncate(len),
            Self::Boolean(v) => v.truncate(len),
            Self::Bytes { data, offsets } => {
                offsets.truncate(len + 1);
                data.truncate(offsets[len] as usize);
            }
        }
    }

    /// The slot of a row without value.
    fn push_empty(&mut self) {
        match self {
            Self::Int(v) => v.push(0),
            Self::Long(v) => v.push(0),
            Self::Float(v) => v.push(0.0),
            Self::Double(v) => v.push(0.0),
            Self::Boolean(v) => v.push(false),
            Self::Bytes { data, offsets } => offsets.push(data.len() as i32),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Converted<()> {
        let Self::Bytes { data, offsets } = self else { return Ok(()) };
        let end = i32::try_from(data.len() + bytes.len())
            .map_err(|_| "the texts of one batch are longer than 2 GB".to_owned())?;
        data.extend_from_slice(bytes);
        offsets.push(end);
        Ok(())
    }

    fn finish(self, data_type: DataType, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Int(v) => Arc::new(Int32Array::try_new(v.into(), nulls)?),
            Self::Long(v) => Arc::new(Int64Array::try_new(v.into(), nulls)?),
            Self::Float(v) => Arc::new(Float32Array::try_new(v.into(), nulls)?),
            Self::Double(v) => Arc::new(Float64Array::try_new(v.into(), nulls)?),
            Self::Boolean(v) => Arc::new(BooleanArray::new(v.into(), nulls)),
            Self::Bytes { data, offsets } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let data = Buffer::from_vec(data);
                if data_type == DataType::Bytes {
                    Arc::new(BinaryArray::try_new(offsets, data, nulls)?)
                } else {
                    Arc::new(StringArray::try_new(offsets, data, nulls)?)
                }
            }
        })
    }
}

impl<'a> ColumnWriter<'a> {
    pub fn new(rules: &'a ColumnRules, rows: usize) -> Self {
        let mut offsets = Vec::new();
        if rules.multi_value {
            offsets.reserve(rows + 1);
            offsets.push(0);
        }
        let values = Values::new(rules.data_type, rows);
        Self { rules, values, valid: Vec::with_capacity(rows), offsets, sanitized: 0 }
    }

    /// A row without value.
    pub fn push_null(&mut self) {
        if !self.rules.multi_value {
            self.values.push_empty();
        }
        self.end_row(false);
    }

    /// A row's raw value. On an error the row has no value.
    pub fn push(&mut self, field: &Field) -> Result<(), String> {
        let pushed = self.try_push(field);
        if pushed.is_err() {
            self.push_null();
        }
        pushed
    }

    fn try_push(&mut self, field: &Field) -> Result<(), String> {
        if field.is_null() {
            self.push_null();
            return Ok(());
        }
        if self.rules.keeps_nested() && !self.rules.multi_value {
            self.push_element(field)?;
            self.end_row(true);
            return Ok(());
        }
        let elements = standardized(field);
        match &elements[..] {
            [] => self.push_null(),
            [one] => {
                self.push_element(one)?;
                self.end_row(true);
            }
            many if self.rules.multi_value => {
                let before = self.values.len();
                for element in many {
                    if let Err(reason) = self.push_element(element) {
                        self.values.truncate(before);
                        return Err(reason);
                    }
                }
                self.end_row(true);
            }
            many => return Err(self.several(field, many)),
        }
        Ok(())
    }

    fn several(&self, field: &Field, elements: &[&Field]) -> String {
        let shown: Vec<String> = elements
            .iter()
            .take(10)
            .map(|f| match f {
                Field::Text(text) => text.clone(),
                other => other.to_json(),
            })
            .collect();
        let more = if elements.len() > 10 { ", …" } else { "" };
        let what = if matches!(field, Field::Map(_)) { "Collection" } else { "Object[]" };
        format!("Cannot read single-value from {what}: [{}{more}] for column: {}", shown.join(", "), self.rules.name)
    }

    fn push_element(&mut self, field: &Field) -> Result<(), String> {
        match self.rules.data_type {
            DataType::String => match field {
                Field::Text(text) => self.push_text(text),
                Field::List(_) | Field::Map(_) => Err(scalar::refuse(field, DataType::String)),
                other => self.push_text(&scalar::to_text(other)?),
            },
            DataType::Json => self.push_text(&json::json_text(field)),
            DataType::Map | DataType::List | DataType::Struct => self.push_text(&json::map_text(field)?),
            DataType::Bytes | DataType::Object => {
                let bytes = scalar::to_bytes(field)?;
                let kept = self.limited_bytes(&bytes)?.to_vec();
                self.values.push_bytes(&kept)
            }
            DataType::BigDecimal => {
                let decimal = scalar::to_decimal(field)?;
                let decimal = if self.rules.keep_trailing_zeros { decimal } else { decimal.normalized() };
                self.values.push_bytes(decimal.to_plain_string().as_bytes())
            }
            _ => self.push_number(field),
        }
    }

    fn push_number(&mut self, field: &Field) -> Result<(), String> {
        match &mut self.values {
            Values::Int(v) => v.push(scalar::to_int(field)?),
            Values::Long(v) if self.rules.data_type == DataType::Timestamp => v.push(scalar::to_timestamp(field)?),
            Values::Long(v) => v.push(scalar::to_long(field)?),
            Values::Float(v) => v.push(special_float(scalar::to_float(field)?, &self.rules.default)),
            Values::Double(v) => v.push(special_double(scalar::to_double(field)?, &self.rules.default)),
            Values::Boolean(v) => v.push(scalar::to_boolean(field)?),
            Values::Bytes { .. } => return Err(scalar::refuse(field, self.rules.data_type)),
        }
        Ok(())
    }

    /// A text, cut to what the column may hold.
    pub(super) fn push_text(&mut self, text: &str) -> Result<(), String> {
        let limit = self.rules.max_length;
        if text.len() <= limit && !text.as_bytes().contains(&0) {
            return self.values.push_bytes(text.as_bytes());
        }
        let until_nul = text.split('\0').next().unwrap_or_default();
        let kept = cut_utf16(until_nul, limit);
        if kept.len() == text.len() {
            return self.values.push_bytes(text.as_bytes());
        }
        match self.rules.exceed {
            MaxLengthExceedStrategy::Error => Err(self.too_long(text.encode_utf16().count())),
            MaxLengthExceedStrategy::SubstituteDefaultValue => {
                self.sanitized += 1;
                let default = model::render::to_text(&self.rules.default);
                self.values.push_bytes(default.as_bytes())
            }
            MaxLengthExceedStrategy::TrimLength | MaxLengthExceedStrategy::NoAction => {
                self.sanitized += 1;
                self.values.push_bytes(kept.as_bytes())
            }
        }
    }

    fn limited_bytes<'b>(&mut self, bytes: &'b [u8]) -> Result<std::borrow::Cow<'b, [u8]>, String> {
        if bytes.len() <= self.rules.max_length {
            return Ok(bytes.into());
        }
        match (self.rules.exceed, &self.rules.default) {
            (MaxLengthExceedStrategy::Error, _) => Err(self.too_long(bytes.len())),
            (MaxLengthExceedStrategy::SubstituteDefaultValue, Value::Bytes(default)) => {
                self.sanitized += 1;
                Ok(default.clone().into())
            }
            _ => {
                self.sanitized += 1;
                Ok(bytes[..self.rules.max_length].into())
            }
        }
    }

    fn too_long(&self, length: usize) -> String {
        format!(
            "a value of length {length} exceeds the maxLength {} of column '{}' (or holds a NUL character)",
            self.rules.max_length, self.rules.name
        )
    }

    fn end_row(&mut self, valid: bool) {
        self.valid.push(valid);
        if self.rules.multi_value {
            self.offsets.push(i32::try_from(self.values.len()).unwrap_or(i32::MAX));
        }
    }

    /// Texts that were cut or replaced.
    pub fn sanitized(&self) -> u64 {
        self.sanitized
    }

    /// The column's array, of the schema's Arrow type.
    pub fn finish(self) -> Result<ArrayRef, ArrowError> {
        let has_nulls = self.valid.contains(&false);
        let nulls = has_nulls.then(|| NullBuffer::from(self.valid));
        if !self.rules.multi_value {
            return self.values.finish(self.rules.data_type, nulls);
        }
        let items = self.values.finish(self.rules.data_type, None)?;
        let item = Arc::new(ArrowField::new("item", self.rules.data_type.arrow(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(Arc::new(ListArray::try_new(item, offsets, items, nulls)?))
    }
}

/// -0.0 becomes 0.0; NaN becomes the column's default null value.
#[inline]
pub(crate) fn special_double(x: f64, default: &Value) -> f64 {
    if x.is_nan() {
        return if let Value::Double(d) = default { *d } else { f64::NEG_INFINITY };
    }
    x + 0.0
}

/// As [`special_double`].
#[inline]
pub(crate) fn special_float(x: f32, default: &Value) -> f32 {
    if x.is_nan() {
        return if let Value::Float(d) = default { *d } else { f32::NEG_INFINITY };
    }
    x + 0.0
}

/// The elements of a value: nulls dropped, lists in lists opened once, a map taken as its values.
fn standardized(field: &Field) -> Vec<&Field> {
    fn values<'f>(field: &'f Field) -> Box<dyn Iterator<Item = &'f Field> + 'f> {
        match field {
            Field::List(items) => Box::new(items.iter()),
            Field::Map(entries) => Box::new(entries.iter().map(|(_, v)| v)),
            other => Box::new(std::iter::once(other)),
        }
    }
    values(field).flat_map(values).filter(|f| !f.is_null()).collect()
}

/// The longest start of a text with at most `limit` UTF-16 units. A pair that would be split is left out whole.
fn cut_utf16(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > limit {
            return &text[..at];
        }
    }
    text
}
