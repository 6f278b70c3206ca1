//! Collects the values of one column of a piece, in an array as long as they are all of one type.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, StringArray},
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
};

use super::{Field, RawColumn};

/// A column that grows row by row. Rows without a value need no call.
#[derive(Debug, Default)]
pub(super) struct ColumnBuilder {
    values: Values,
    /// One entry for each row pushed so far; empty for [`Values::Fields`].
    valid: Vec<bool>,
}

#[derive(Debug, Default)]
enum Values {
    /// No value yet.
    #[default]
    None,
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Texts {
        data: Vec<u8>,
        ends: Vec<i32>,
    },
    /// Values of several types, or of one that has no array here.
    Fields(Vec<Field>),
}

macro_rules! push_number {
    ($self:ident, $row:ident, $value:ident, $variant:ident, $field:expr) => {{
        $self.make_room($row);
        if matches!($self.values, Values::None) {
            $self.values = Values::$variant(Vec::new());
        }
        match &mut $self.values {
            Values::$variant(values) => {
                values.resize($row, Default::default());
                values.push($value);
                $self.valid.resize($row, false);
                $self.valid.push(true);
            }
            _ => $self.push_other($row, $field),
        }
    }};
}

impl ColumnBuilder {
    /// Forgets the value of `row` and what comes behind: the last value of a field that comes twice counts.
    #[inline]
    fn make_room(&mut self, row: usize) {
        if self.len() > row {
            self.truncate(row);
        }
    }

    fn len(&self) -> usize {
        if let Values::Fields(values) = &self.values { values.len() } else { self.valid.len() }
    }

    #[cold]
    pub fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.values {
            Values::None => {}
            Values::Ints(values) => values.truncate(rows),
            Values::Longs(values) => values.truncate(rows),
            Values::Floats(values) => values.truncate(rows),
            Values::Doubles(values) => values.truncate(rows),
            Values::Texts { data, ends } => {
                ends.truncate(rows);
                data.truncate(ends.last().map_or(0, |&end| end as usize));
            }
            Values::Fields(values) => values.truncate(rows),
        }
    }

    pub fn push_int(&mut self, row: usize, value: i32) {
        push_number!(self, row, value, Ints, Field::Int(value));
    }

    pub fn push_long(&mut self, row: usize, value: i64) {
        push_number!(self, row, value, Longs, Field::Long(value));
    }

    pub fn push_float(&mut self, row: usize, value: f32) {
        push_number!(self, row, value, Floats, Field::Float(value));
    }

    pub fn push_double(&mut self, row: usize, value: f64) {
        push_number!(self, row, value, Doubles, Field::Double(value));
    }

    pub fn push_text(&mut self, row: usize, text: &str) {
        self.make_room(row);
        if matches!(self.values, Values::None) {
            self.values = Values::Texts { data: Vec::new(), ends: Vec::new() };
        }
        match &mut self.values {
            Values::Texts { data, ends } if data.len() + text.len() <= i32::MAX as usize => {
                ends.resize(row, data.len() as i32);
                data.extend_from_slice(text.as_bytes());
                ends.push(data.len() as i32);
                self.valid.resize(row, false);
                self.valid.push(true);
            }
            _ => self.push_other(row, Field::Text(text.to_owned())),
        }
    }

    /// Any value. `row` is at least the last row that was pushed.
    pub fn push(&mut self, row: usize, value: Field) {
        match value {
            Field::Null => self.make_room(row),
            Field::Int(n) => self.push_int(row, n),
            Field::Long(n) => self.push_long(row, n),
            Field::Float(x) => self.push_float(row, x),
            Field::Double(x) => self.push_double(row, x),
            Field::Text(text) => self.push_text(row, &text),
            other => {
                self.make_room(row);
                self.push_other(row, other);
            }
        }
    }

    fn push_other(&mut self, row: usize, value: Field) {
        let mut fields = match std::mem::take(&mut self.values) {
            Values::Fields(fields) => fields,
            typed => typed.into_fields(&std::mem::take(&mut self.valid)),
        };
        fields.resize(row, Field::Null);
        fields.push(value);
        self.values = Values::Fields(fields);
    }

    /// The column of `rows` rows; values of rows behind are left out.
    pub fn finish(mut self, rows: usize) -> RawColumn {
        self.make_room(rows);
        self.valid.resize(rows, false);
        let nulls = self.valid.contains(&false).then(|| NullBuffer::from(std::mem::take(&mut self.valid)));
        let array: ArrayRef = match self.values {
            Values::None => return RawColumn::Fields(Vec::new()),
            Values::Fields(values) => return RawColumn::Fields(values),
            Values::Ints(mut values) => {
                values.resize(rows, 0);
                Arc::new(Int32Array::new(values.into(), nulls))
            }
            Values::Longs(mut values) => {
                values.resize(rows, 0);
                Arc::new(Int64Array::new(values.into(), nulls))
            }
            Values::Floats(mut values) => {
                values.resize(rows, 0.0);
                Arc::new(Float32Array::new(values.into(), nulls))
            }
            Values::Doubles(mut values) => {
                values.resize(rows, 0.0);
                Arc::new(Float64Array::new(values.into(), nulls))
            }
            Values::Texts { data, mut ends } => {
                ends.resize(rows, data.len() as i32);
                ends.insert(0, 0);
                let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(data), nulls))
            }
        };
        RawColumn::Array(array)
    }
}

impl Values {
    fn into_fields(self, valid: &[bool]) -> Vec<Field> {
        let field = |row: usize, value: Field| if valid[row] { value } else { Field::Null };
        match self {
            Self::None => Vec::new(),
            Self::Fields(values) => values,
            Self::Ints(values) => values.into_iter().enumerate().map(|(i, v)| field(i, Field::Int(v))).collect(),
            Self::Longs(values) => values.into_iter().enumerate().map(|(i, v)| field(i, Field::Long(v))).collect(),
            Self::Floats(values) => values.into_iter().enumerate().map(|(i, v)| field(i, Field::Float(v))).collect(),
            Self::Doubles(values) => values.into_iter().enumerate().map(|(i, v)| field(i, Field::Double(v))).collect(),
            Self::Texts { data, ends } => {
                let mut start = 0;
                let texts = ends.into_iter().enumerate().map(|(i, end)| {
                    let text = String::from_utf8_lossy(&data[start..end as usize]).into_owned();
                    start = end as usize;
                    field(i, Field::Text(text))
                });
                texts.collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;

    fn shown(column: &RawColumn) -> String {
        match column {
            RawColumn::Fields(values) => Field::List(values.clone()).to_json(),
            RawColumn::Array(array) => format!("{}: {array:?}", array.data_type()).replace(char::is_whitespace, ""),
            RawColumn::Text(_) => panic!(),
        }
    }

    fn build(values: &[(usize, Field)], rows: usize) -> String {
        let mut builder = ColumnBuilder::default();
        values.iter().for_each(|(row, value)| builder.push(*row, value.clone()));
        shown(&builder.finish(rows))
    }

    #[test]
    fn one_type_is_an_array() {
        let ints = build(&[(1, Field::Int(5)), (2, Field::Null), (3, Field::Int(6))], 5);
        assert_eq!(ints, "Int32:PrimitiveArray<Int32>[null,5,null,6,null,]");
        let text = |t: &str| Field::Text(t.to_owned());
        let texts = build(&[(0, text("a")), (2, text("")), (3, text("bc"))], 4);
        assert_eq!(texts, "Utf8:StringArray[\"a\",null,\"\",\"bc\",]");
        assert_eq!(build(&[(0, Field::Double(0.5))], 1), "Float64:PrimitiveArray<Float64>[0.5,]");
        assert_eq!(build(&[(0, Field::Null)], 2), "[]");
    }

    #[test]
    fn several_types_are_values() {
        let text = |t: &str| Field::Text(t.to_owned());
        assert_eq!(build(&[(1, Field::Int(5)), (2, Field::Long(6))], 4), "[null,5,6]");
        assert_eq!(build(&[(0, text("é")), (2, Field::Int(1)), (3, text("x"))], 4), "[\"é\",null,1,\"x\"]");
        assert_eq!(build(&[(0, Field::List(vec![]))], 1), "[[]]");
    }

    #[test]
    fn the_last_value_of_a_row_counts() {
        let text = |t: &str| Field::Text(t.to_owned());
        assert_eq!(build(&[(0, text("ab")), (0, text("c")), (1, text("d"))], 2), "Utf8:StringArray[\"c\",\"d\",]");
        assert_eq!(build(&[(0, Field::Int(1)), (1, Field::Int(2)), (1, Field::Null)], 2).matches("null").count(), 1);
        // A row that was broken off is not part of the piece.
        let mut builder = ColumnBuilder::default();
        builder.push_text(0, "a");
        builder.push_text(1, "b");
        let RawColumn::Array(array) = builder.finish(1) else { panic!() };
        assert_eq!((array.len(), array.as_string::<i32>().value(0)), (1, "a"));
    }
}
