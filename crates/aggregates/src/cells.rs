//! Single values of any type, for aggregations that keep some of their input.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
        NullArray, StringBuilder,
    },
    datatypes::{DataType as ArrowType, Float32Type, Float64Type, Int32Type, Int64Type},
};
use model::order::{compare_doubles, compare_strings};

/// A value that is not null.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// INT, LONG, TIMESTAMP, BOOLEAN.
    Long(i64),
    /// FLOAT, DOUBLE.
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// The value of a row; `None` for a null and for types without single values.
    pub(crate) fn read(array: &dyn Array, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        Some(match array.data_type() {
            ArrowType::Int32 => Self::Long(i64::from(array.as_primitive::<Int32Type>().value(row))),
            ArrowType::Int64 => Self::Long(array.as_primitive::<Int64Type>().value(row)),
            ArrowType::Boolean => Self::Long(i64::from(array.as_boolean().value(row))),
            ArrowType::Float32 => Self::Double(f64::from(array.as_primitive::<Float32Type>().value(row))),
            ArrowType::Float64 => Self::Double(array.as_primitive::<Float64Type>().value(row)),
            ArrowType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            ArrowType::Binary => Self::Bytes(array.as_binary::<i32>().value(row).to_vec()),
            _ => return None,
        })
    }

    fn long(&self) -> Option<i64> {
        Some(match self {
            Self::Long(v) => *v,
            Self::Double(v) => *v as i64,
            Self::Text(v) => v.trim().parse().ok().or_else(|| v.trim().parse::<f64>().ok().map(|v| v as i64))?,
            Self::Bytes(_) => return None,
        })
    }

    fn double(&self) -> Option<f64> {
        Some(match self {
            Self::Long(v) => *v as f64,
            Self::Double(v) => *v,
            Self::Text(v) => v.trim().parse().ok()?,
            Self::Bytes(_) => return None,
        })
    }

    fn text(self) -> String {
        match self {
            Self::Long(v) => v.to_string(),
            Self::Double(v) => model::render::java_double(v),
            Self::Text(v) => v,
            Self::Bytes(v) => hex::encode(v),
        }
    }

    /// Order of values of one type.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Long(a), Self::Long(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => compare_doubles(*a, *b),
            (Self::Text(a), Self::Text(b)) => compare_strings(a, b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (a, b) => compare_doubles(a.double().unwrap_or(f64::NAN), b.double().unwrap_or(f64::NAN)),
        }
    }

    /// Bytes held beyond the value itself.
    pub(crate) fn outside_bytes(&self) -> usize {
        match self {
            Self::Text(v) => v.capacity(),
            Self::Bytes(v) => v.capacity(),
            _ => 0,
        }
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.compare(other).is_eq()
    }
}

impl Eq for Cell {}

impl Hash for Cell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Long(v) => v.hash(state),
            Self::Double(v) => (if v.is_nan() { f64::NAN } else { *v }).to_bits().hash(state),
            Self::Text(v) => v.hash(state),
            Self::Bytes(v) => v.hash(state),
        }
    }
}

/// An array of `ty` from values, converted where they are of another type; what does not convert is null.
pub(crate) fn build(ty: &ArrowType, cells: impl ExactSizeIterator<Item = Option<Cell>>) -> ArrayRef {
    match ty {
        ArrowType::Int32 => Arc::new(cells.map(|c| c?.long().map(|v| v as i32)).collect::<Int32Array>()),
        ArrowType::Int64 => Arc::new(cells.map(|c| c?.long()).collect::<Int64Array>()),
        ArrowType::Boolean => Arc::new(cells.map(|c| boolean(&c?)).collect::<BooleanArray>()),
        ArrowType::Float32 => Arc::new(cells.map(|c| c?.double().map(|v| v as f32)).collect::<Float32Array>()),
        ArrowType::Float64 => Arc::new(cells.map(|c| c?.double()).collect::<Float64Array>()),
        ArrowType::Utf8 => {
            let mut builder = StringBuilder::new();
            cells.for_each(|c| builder.append_option(c.map(Cell::text)));
            Arc::new(builder.finish())
        }
        ArrowType::Binary => {
            let mut builder = BinaryBuilder::new();
            cells.for_each(|c| match c {
                Some(Cell::Bytes(bytes)) => builder.append_value(bytes),
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }
        _ => Arc::new(NullArray::new(cells.len())),
    }
}

fn boolean(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Text(text) => Some(model::parse::parse_boolean(text)),
        other => other.double().map(|v| v != 0.0),
    }
}
