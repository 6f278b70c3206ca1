//! A dictionary as queries read it.

use std::{cmp::Ordering, str::FromStr, sync::Arc, sync::OnceLock};

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    },
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
};
use bigdecimal::{BigDecimal, ToPrimitive};
use model::{DataType, Value};
use twox_hash::XxHash3_64;

use crate::{
    ColumnMetadata, Dictionary, Result,
    format::{Container, Kind, as_bytes},
    index::forward::gather_var,
    reader::Numbers,
};

/// The distinct values. Numbers ascend by value (floats as Java orders them: -0.0 below 0.0, NaN last), decimals by
/// value, then text, all else by bytes.
#[derive(Clone)]
pub(crate) enum Entries {
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    Text(StringArray),
    Bytes(BinaryArray),
}

/// A sorted dictionary inside a mapped segment.
pub struct DictionaryReader {
    data_type: DataType,
    entries: Entries,
    fingerprint: OnceLock<u64>,
}

impl DictionaryReader {
    pub(crate) fn open(container: &Container, column: u32, meta: &ColumnMetadata) -> Result<Self> {
        let section = container.require(column, Kind::Dictionary)?;
        let len = u64::from(meta.cardinality);
        let entries = match meta.data_type.stored() {
            DataType::Int => Entries::I32(section.numbers(len)?),
            DataType::Long => Entries::I64(section.numbers(len)?),
            DataType::Float => Entries::F32(section.numbers(len)?),
            DataType::Double => Entries::F64(section.numbers(len)?),
            stored => {
                let offsets = container.require(column, Kind::DictionaryOffsets)?;
                let ends: ScalarBuffer<i32> = offsets.numbers(len + 1)?;
                let checked = check_offsets(&ends, section.bytes().len()).map_err(|e| offsets.damaged(e))?;
                if stored == DataType::Bytes {
                    Entries::Bytes(
                        BinaryArray::try_new(checked, section.buffer(), None)
                            .map_err(|e| section.damaged(e.to_string()))?,
                    )
                } else {
                    Entries::Text(
                        StringArray::try_new(checked, section.buffer(), None)
                            .map_err(|e| section.damaged(e.to_string()))?,
                    )
                }
            }
        };
        Ok(Self::new(meta.data_type, entries))
    }

    pub(crate) fn new(data_type: DataType, entries: Entries) -> Self {
        Self { data_type, entries, fingerprint: OnceLock::new() }
    }

    /// Where `value` stands: `Ok(id)`, or `Err` with the number of entries below it.
    fn search(&self, value: &Value) -> Result<u32, u32> {
        let position = |found: Result<usize, usize>| found.map(|i| i as u32).map_err(|i| i as u32);
        match &self.entries {
            Entries::I32(v) => {
                let key = whole(value).ok_or(self.len())?;
                position(v.binary_search_by(|x| i128::from(*x).cmp(&key)))
            }
            Entries::I64(v) => {
                let key = whole(value).ok_or(self.len())?;
                position(v.binary_search_by(|x| i128::from(*x).cmp(&key)))
            }
            Entries::F32(v) => {
                let key = double(value).ok_or(self.len())?;
                position(v.binary_search_by(|x| f64::from(*x).total_cmp(&key)))
            }
            Entries::F64(v) => {
                let key = double(value).ok_or(self.len())?;
                position(v.binary_search_by(|x| x.total_cmp(&key)))
            }
            Entries::Text(v) if self.data_type == DataType::BigDecimal => {
                let key = decimal(value).ok_or(self.len())?;
                let at = partition_point(v.len(), |i| decimal_text(v.value(i)).cmp(&key) == Ordering::Less);
                let found = at < v.len() && decimal_text(v.value(at)) == key;
                if found { Ok(at as u32) } else { Err(at as u32) }
            }
            Entries::Text(v) => {
                let key = text(value).ok_or(self.len())?.as_bytes();
                let at = partition_point(v.len(), |i| v.value(i).as_bytes() < key);
                if at < v.len() && v.value(at).as_bytes() == key { Ok(at as u32) } else { Err(at as u32) }
            }
            Entries::Bytes(v) => {
                let Value::Bytes(key) = value else { return Err(self.len()) };
                let at = partition_point(v.len(), |i| v.value(i) < key.as_slice());
                if at < v.len() && v.value(at) == key.as_slice() { Ok(at as u32) } else { Err(at as u32) }
            }
        }
    }
}

impl Dictionary for DictionaryReader {
    fn len(&self) -> u32 {
        let len = match &self.entries {
            Entries::I32(v) => v.len(),
            Entries::I64(v) => v.len(),
            Entries::F32(v) => v.len(),
            Entries::F64(v) => v.len(),
            Entries::Text(v) => v.len(),
            Entries::Bytes(v) => v.len(),
        };
        len as u32
    }

    fn is_sorted(&self) -> bool {
        true
    }

    fn value(&self, id: u32) -> Value {
        let i = id as usize;
        match &self.entries {
            Entries::I32(v) if self.data_type == DataType::Boolean => Value::Boolean(v[i] != 0),
            Entries::I32(v) => Value::Int(v[i]),
            Entries::I64(v) if self.data_type == DataType::Timestamp => Value::Timestamp(v[i]),
            Entries::I64(v) => Value::Long(v[i]),
            Entries::F32(v) => Value::Float(v[i]),
            Entries::F64(v) => Value::Double(v[i]),
            Entries::Text(v) => match self.data_type {
                DataType::BigDecimal => Value::BigDecimal(decimal_text(v.value(i))),
                DataType::Json => Value::Json(v.value(i).to_owned()),
                DataType::String => Value::String(v.value(i).to_owned()),
                _ => Value::Map(v.value(i).to_owned()),
            },
            Entries::Bytes(v) => Value::Bytes(v.value(i).to_owned()),
        }
    }

    fn bytes(&self, id: u32) -> &[u8] {
        match &self.entries {
            Entries::Text(v) => v.value(id as usize).as_bytes(),
            Entries::Bytes(v) => v.value(id as usize),
            _ => &[],
        }
    }

    fn numbers(&self) -> Numbers<'_> {
        match &self.entries {
            Entries::I32(v) => Numbers::I32(v),
            Entries::I64(v) => Numbers::I64(v),
            Entries::F32(v) => Numbers::F32(v),
            Entries::F64(v) => Numbers::F64(v),
            Entries::Text(_) | Entries::Bytes(_) => Numbers::None,
        }
    }

    fn id_of(&self, value: &Value) -> Option<u32> {
        self.search(value).ok()
    }

    fn rank(&self, value: &Value, or_equal: bool) -> u32 {
        match self.search(value) {
            Ok(id) if or_equal && self.data_type == DataType::BigDecimal => {
                // Texts of one value ("1.0", "1.00") are neighbours.
                let same = |i: u32| self.value(i) == self.value(id);
                (id..self.len()).take_while(|&i| same(i)).last().map_or(id, |last| last + 1)
            }
            Ok(id) => id + u32::from(or_equal),
            Err(below) => below,
        }
    }

    fn all(&self) -> ArrayRef {
        match &self.entries {
            Entries::I32(v) if self.data_type == DataType::Boolean => {
                Arc::new(v.iter().map(|&x| Some(x != 0)).collect::<BooleanArray>())
            }
            Entries::I32(v) => Arc::new(Int32Array::new(v.clone(), None)),
            Entries::I64(v) => Arc::new(Int64Array::new(v.clone(), None)),
            Entries::F32(v) => Arc::new(Float32Array::new(v.clone(), None)),
            Entries::F64(v) => Arc::new(Float64Array::new(v.clone(), None)),
            Entries::Text(v) => Arc::new(v.clone()),
            Entries::Bytes(v) => Arc::new(v.clone()),
        }
    }

    fn take(&self, ids: &[u32]) -> ArrayRef {
        self.gather(ids.len(), ids.iter().copied())
    }

    fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| {
            let seed = self.data_type.stored() as u64;
            let hash = |bytes: &[u8]| XxHash3_64::oneshot_with_seed(seed, bytes);
            match &self.entries {
                Entries::I32(v) => hash(as_bytes::<i32>(v)),
                Entries::I64(v) => hash(as_bytes::<i64>(v)),
                Entries::F32(v) => hash(as_bytes::<f32>(v)),
                Entries::F64(v) => hash(as_bytes::<f64>(v)),
                Entries::Text(v) => hash(v.value_data()) ^ hash(as_bytes::<i32>(v.value_offsets())).rotate_left(1),
                Entries::Bytes(v) => hash(v.value_data()) ^ hash(as_bytes::<i32>(v.value_offsets())).rotate_left(1),
            }
        })
    }
}

impl DictionaryReader {
    /// The entries of `len` ids as an array of the element's Arrow type.
    pub(crate) fn gather(&self, len: usize, ids: impl Iterator<Item = u32> + Clone) -> ArrayRef {
        fn numbers<T: Copy>(len: usize, ids: impl Iterator<Item = u32>, v: &[T]) -> Vec<T> {
            let mut out = Vec::with_capacity(len);
            out.extend(ids.map(|id| v[id as usize]));
            out
        }
        match &self.entries {
            Entries::I32(v) if self.data_type == DataType::Boolean => {
                Arc::new(BooleanArray::from(ids.map(|id| v[id as usize] != 0).collect::<Vec<_>>()))
            }
            Entries::I32(v) => Arc::new(Int32Array::from(numbers(len, ids, v))),
            Entries::I64(v) => Arc::new(Int64Array::from(numbers(len, ids, v))),
            Entries::F32(v) => Arc::new(Float32Array::from(numbers(len, ids, v))),
            Entries::F64(v) => Arc::new(Float64Array::from(numbers(len, ids, v))),
            Entries::Text(v) => {
                let (offsets, values) = gather_var(len, v.value_offsets(), v.value_data(), ids);
                // SAFETY: whole entries of a valid string array were copied one after the other.
                Arc::new(unsafe { StringArray::new_unchecked(offsets, values, None) })
            }
            Entries::Bytes(v) => {
                let (offsets, values) = gather_var(len, v.value_offsets(), v.value_data(), ids);
                Arc::new(BinaryArray::new(offsets, values, None))
            }
        }
    }
}

/// Offsets of `len` bytes: from 0, ascending, to the end.
pub(crate) fn check_offsets(offsets: &ScalarBuffer<i32>, len: usize) -> Result<OffsetBuffer<i32>, String> {
    let first = offsets.first().copied().unwrap_or(-1);
    let last = offsets.last().copied().unwrap_or(-1);
    if first != 0 || last as usize != len || offsets.windows(2).any(|w| w[0] > w[1]) {
        return Err(format!("the offsets do not ascend from 0 to {len}"));
    }
    // Checked above, so this does not panic.
    Ok(OffsetBuffer::new(offsets.clone()))
}

/// Text or bytes as an Arrow array of `data_type`; the bytes of text are checked.
pub(crate) fn var_array(
    data_type: DataType,
    offsets: OffsetBuffer<i32>,
    values: Buffer,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    Ok(if data_type.stored() == DataType::Bytes {
        Arc::new(BinaryArray::try_new(offsets, values, None)?)
    } else {
        Arc::new(StringArray::try_new(offsets, values, None)?)
    })
}

fn partition_point(len: usize, below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// A whole number of any integer-like value.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(v) => Some(i128::from(*v)),
        Value::Long(v) | Value::Timestamp(v) => Some(i128::from(*v)),
        Value::Boolean(v) => Some(i128::from(*v)),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    let v = match value {
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        Value::Int(v) => f64::from(*v),
        Value::Long(v) => v.to_f64()?,
        _ => return None,
    };
    Some(if v.is_nan() { f64::NAN } else { v })
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(v) | Value::Json(v) | Value::Map(v) => Some(v),
        _ => None,
    }
}

fn decimal(value: &Value) -> Option<BigDecimal> {
    match value {
        Value::BigDecimal(v) => Some(v.clone()),
        Value::Int(v) => Some(BigDecimal::from(*v)),
        Value::Long(v) => Some(BigDecimal::from(*v)),
        Value::Double(v) => BigDecimal::try_from(*v).ok(),
        Value::String(v) => BigDecimal::from_str(v).ok(),
        _ => None,
    }
}

/// A stored decimal. The creator writes nothing else, so other text reads as zero.
pub(crate) fn decimal_text(text: &str) -> BigDecimal {
    BigDecimal::from_str(text).unwrap_or_default()
}
