//! Gives each distinct value of a group key a small number.

use std::sync::Arc;

use ahash::RandomState;
use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
        StringArray, new_null_array,
    },
    buffer::NullBuffer,
    datatypes::{Float32Type, Float64Type, Int32Type, Int64Type},
};
use hashbrown::HashTable;
use model::DataType;
use rustc_hash::FxHashMap;
use segment::reader::{Dictionary, Numbers};

/// Ids are dense, in the order in which values were first seen. NULL is a value of its own.
pub(crate) struct Interner {
    ty: DataType,
    values: Store,
    null: Option<u32>,
}

enum Store {
    I32(FxHashMap<i32, u32>, Vec<i32>),
    I64(FxHashMap<i64, u32>, Vec<i64>),
    /// By bits, NaNs made equal.
    F32(FxHashMap<u32, u32>, Vec<f32>),
    F64(FxHashMap<u64, u32>, Vec<f64>),
    /// Texts and bytes, end to end.
    Bytes {
        table: HashTable<u32>,
        hasher: RandomState,
        arena: Vec<u8>,
        ends: Vec<usize>,
    },
}

impl Interner {
    pub(crate) fn new(ty: DataType) -> Self {
        let values = match ty {
            DataType::Int | DataType::Boolean => Store::I32(FxHashMap::default(), Vec::new()),
            DataType::Long | DataType::Timestamp => Store::I64(FxHashMap::default(), Vec::new()),
            DataType::Float => Store::F32(FxHashMap::default(), Vec::new()),
            DataType::Double => Store::F64(FxHashMap::default(), Vec::new()),
            _ => Store::Bytes {
                table: HashTable::new(),
                hasher: RandomState::with_seeds(1, 2, 3, 4),
                arena: Vec::new(),
                ends: vec![0],
            },
        };
        Self { ty, values, null: None }
    }

    pub(crate) fn len(&self) -> u32 {
        match &self.values {
            Store::I32(_, v) => v.len() as u32,
            Store::I64(_, v) => v.len() as u32,
            Store::F32(_, v) => v.len() as u32,
            Store::F64(_, v) => v.len() as u32,
            Store::Bytes { ends, .. } => ends.len() as u32 - 1,
        }
    }

    /// The id of NULL; its slot among the values holds a placeholder.
    pub(crate) fn null(&mut self) -> u32 {
        if let Some(id) = self.null {
            return id;
        }
        let id = self.len();
        match &mut self.values {
            Store::I32(_, v) => v.push(0),
            Store::I64(_, v) => v.push(0),
            Store::F32(_, v) => v.push(0.0),
            Store::F64(_, v) => v.push(0.0),
            Store::Bytes { ends, arena, .. } => ends.push(arena.len()),
        }
        self.null = Some(id);
        id
    }

    fn i32(&mut self, value: i32) -> u32 {
        let Store::I32(map, values) = &mut self.values else { return 0 };
        *map.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    fn i64(&mut self, value: i64) -> u32 {
        let Store::I64(map, values) = &mut self.values else { return 0 };
        *map.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    fn f32(&mut self, value: f32) -> u32 {
        let Store::F32(map, values) = &mut self.values else { return 0 };
        let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
        *map.entry(bits).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    fn f64(&mut self, value: f64) -> u32 {
        let Store::F64(map, values) = &mut self.values else { return 0 };
        let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        *map.entry(bits).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    fn bytes(&mut self, value: &[u8]) -> u32 {
        let Store::Bytes { table, hasher, arena, ends } = &mut self.values else { return 0 };
        let hash = hasher.hash_one(value);
        if let Some(&id) = table.find(hash, |&id| &arena[ends[id as usize]..ends[id as usize + 1]] == value) {
            return id;
        }
        let id = ends.len() as u32 - 1;
        arena.extend_from_slice(value);
        ends.push(arena.len());
        table.insert_unique(hash, id, |&id| hasher.hash_one(&arena[ends[id as usize]..ends[id as usize + 1]]));
        id
    }

    /// The id of a dictionary's entry, without an array in between.
    pub(crate) fn dictionary_entry(&mut self, dictionary: &dyn Dictionary, id: u32) -> u32 {
        let at = id as usize;
        match dictionary.numbers() {
            Numbers::I32(v) => self.i32(v[at]),
            Numbers::I64(v) => self.i64(v[at]),
            Numbers::F32(v) => self.f32(v[at]),
            Numbers::F64(v) => self.f64(v[at]),
            Numbers::None => self.bytes(dictionary.bytes(id)),
        }
    }

    /// Appends the id of every row. The array has the Arrow type of this interner's data type.
    pub(crate) fn rows(&mut self, array: &dyn Array, out: &mut Vec<u32>) {
        let nulls = array.logical_nulls();
        let valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        macro_rules! each {
            ($len:expr, $id:expr) => {
                for row in 0..$len {
                    let id = if valid(row) { $id(&mut *self, row) } else { self.null() };
                    out.push(id);
                }
            };
        }
        if let Some(v) = array.as_primitive_opt::<Int32Type>() {
            each!(v.len(), |this: &mut Self, row| this.i32(v.value(row)));
        } else if let Some(v) = array.as_boolean_opt() {
            each!(v.len(), |this: &mut Self, row| this.i32(i32::from(v.value(row))));
        } else if let Some(v) = array.as_primitive_opt::<Int64Type>() {
            each!(v.len(), |this: &mut Self, row| this.i64(v.value(row)));
        } else if let Some(v) = array.as_primitive_opt::<Float32Type>() {
            each!(v.len(), |this: &mut Self, row| this.f32(v.value(row)));
        } else if let Some(v) = array.as_primitive_opt::<Float64Type>() {
            each!(v.len(), |this: &mut Self, row| this.f64(v.value(row)));
        } else if let Some(v) = array.as_string_opt::<i32>() {
            each!(v.len(), |this: &mut Self, row| this.bytes(v.value(row).as_bytes()));
        } else if let Some(v) = array.as_binary_opt::<i32>() {
            each!(v.len(), |this: &mut Self, row| this.bytes(v.value(row)));
        } else {
            each!(array.len(), |this: &mut Self, _row| this.null());
        }
    }

    /// The values of some ids, as an array of the data type's Arrow type.
    pub(crate) fn take(&self, ids: &[u32]) -> ArrayRef {
        let nulls = self
            .null
            .filter(|null| ids.contains(null))
            .map(|null| NullBuffer::from(ids.iter().map(|&id| id != null).collect::<Vec<bool>>()));
        match &self.values {
            Store::I32(_, v) if self.ty == DataType::Boolean => {
                Arc::new(BooleanArray::new(ids.iter().map(|&id| v[id as usize] != 0).collect(), nulls))
            }
            Store::I32(_, v) => Arc::new(Int32Array::new(ids.iter().map(|&id| v[id as usize]).collect(), nulls)),
            Store::I64(_, v) => Arc::new(Int64Array::new(ids.iter().map(|&id| v[id as usize]).collect(), nulls)),
            Store::F32(_, v) => Arc::new(Float32Array::new(ids.iter().map(|&id| v[id as usize]).collect(), nulls)),
            Store::F64(_, v) => Arc::new(Float64Array::new(ids.iter().map(|&id| v[id as usize]).collect(), nulls)),
            Store::Bytes { arena, ends, .. } => {
                let slice = |id: u32| &arena[ends[id as usize]..ends[id as usize + 1]];
                let cells = ids.iter().map(|&id| (Some(id) != self.null).then(|| slice(id)));
                match self.ty {
                    DataType::Bytes | DataType::Object => Arc::new(cells.collect::<BinaryArray>()),
                    DataType::Unknown => new_null_array(&self.ty.arrow(), ids.len()),
                    _ => Arc::new(cells.map(|c| c.map(String::from_utf8_lossy)).collect::<StringArray>()),
                }
            }
        }
    }

    /// For every id of `other` the id of the same value here.
    pub(crate) fn absorb(&mut self, other: &Self) -> Vec<u32> {
        let mut out = Vec::with_capacity(other.len() as usize);
        let ids: Vec<u32> = (0..other.len()).collect();
        for chunk in ids.chunks(65_536) {
            self.rows(other.take(chunk).as_ref(), &mut out);
        }
        out
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.values {
            Store::I32(_, v) => v.capacity() * 16,
            Store::I64(_, v) => v.capacity() * 28,
            Store::F32(_, v) => v.capacity() * 16,
            Store::F64(_, v) => v.capacity() * 28,
            Store::Bytes { arena, ends, .. } => arena.capacity() + ends.capacity() * 16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_an_id_and_come_back() {
        let mut texts = Interner::new(DataType::String);
        let mut ids = Vec::new();
        texts.rows(&StringArray::from(vec![Some("a"), None, Some("b"), Some("a"), None]), &mut ids);
        assert_eq!(ids, [0, 1, 2, 0, 1]);
        let back = texts.take(&[2, 1, 0]);
        assert_eq!(back.as_string::<i32>(), &StringArray::from(vec![Some("b"), None, Some("a")]));
        let mut other = Interner::new(DataType::String);
        other.rows(&StringArray::from(vec![Some("b"), Some("c"), None]), &mut Vec::new());
        assert_eq!(texts.absorb(&other), [2, 3, 1]);
    }

    #[test]
    fn nans_are_one_group() {
        let mut reals = Interner::new(DataType::Double);
        let mut ids = Vec::new();
        reals.rows(&Float64Array::from(vec![f64::NAN, -f64::NAN, 0.0, -0.0]), &mut ids);
        assert_eq!(ids, [0, 0, 1, 2]);
    }
}
