//! Sets of distinct values of many groups in one hash table.

use std::sync::Arc;

use ahash::RandomState;
use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
        NullArray, StringBuilder,
    },
    datatypes::{DataType as ArrowType, Float32Type, Float64Type, Int32Type, Int64Type},
};
use hashbrown::{HashSet, HashTable};
use rustc_hash::FxBuildHasher;

use crate::{
    Groups,
    columns::{for_rows, list_column},
};

/// Texts or byte strings, each kept once, by number.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
    /// End of each entry in `bytes`.
    ends: Vec<usize>,
    by_hash: HashTable<u32>,
    hasher: RandomState,
}

impl Pool {
    fn get(&self, id: usize) -> &[u8] {
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.bytes[start..self.ends[id]]
    }

    fn intern(&mut self, value: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(value);
        let (bytes, ends) = (&self.bytes, &self.ends);
        let entry = |id: u32| {
            let id = id as usize;
            let start = if id == 0 { 0 } else { ends[id - 1] };
            &bytes[start..ends[id]]
        };
        if let Some(id) = self.by_hash.find(hash, |id| entry(*id) == value) {
            return *id;
        }
        let id = self.ends.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.by_hash.insert_unique(hash, id, |id| {
            let id = *id as usize;
            let start = if id == 0 { 0 } else { ends[id - 1] };
            hasher.hash_one(&bytes[start..ends[id]])
        });
        id
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>() + self.by_hash.allocation_size()
    }
}

/// The distinct values of one Arrow type in each group. Floats are equal by bits, every NaN being the same.
pub(crate) struct DistinctSet {
    item: ArrowType,
    seen: HashSet<(u32, u64), FxBuildHasher>,
    counts: Vec<u32>,
    pool: Pool,
}

fn float_bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

impl DistinctSet {
    pub(crate) fn new(item: ArrowType) -> Self {
        Self { item, seen: HashSet::default(), counts: Vec::new(), pool: Pool::default() }
    }

    pub(crate) fn resize(&mut self, groups: usize) {
        self.counts.resize(groups.max(self.counts.len()), 0);
    }

    pub(crate) fn groups(&self) -> usize {
        self.counts.len()
    }

    pub(crate) fn counts(&self) -> &[u32] {
        &self.counts
    }

    #[inline(always)]
    fn insert(&mut self, group: usize, key: u64) {
        if self.seen.insert((group as u32, key)) {
            self.counts[group] += 1;
        }
    }

    /// Adds the values that are not null. Group ids must be below [`groups`](Self::groups).
    pub(crate) fn add(&mut self, array: &dyn Array, groups: Groups<'_>) -> Result<(), String> {
        if array.data_type() == &ArrowType::Null {
            return Ok(());
        }
        if array.data_type() != &self.item {
            return Err(format!("expected values of {}, got {}", self.item, array.data_type()));
        }
        let (rows, nulls) = (array.len(), array.nulls());
        macro_rules! numbers {
            ($arrow:ty, $key:expr) => {{
                let values = array.as_primitive::<$arrow>().values();
                for_rows(rows, nulls, groups, |row, group| self.insert(group, $key(values[row])));
            }};
        }
        match array.data_type() {
            ArrowType::Int32 => numbers!(Int32Type, |v: i32| v as u32 as u64),
            ArrowType::Int64 => numbers!(Int64Type, |v: i64| v as u64),
            ArrowType::Float32 => numbers!(Float32Type, |v: f32| float_bits(f64::from(v))),
            ArrowType::Float64 => numbers!(Float64Type, float_bits),
            ArrowType::Boolean => {
                let values = array.as_boolean();
                for_rows(rows, nulls, groups, |row, group| self.insert(group, u64::from(values.value(row))));
            }
            ArrowType::Utf8 => {
                let values = array.as_string::<i32>();
                for_rows(rows, nulls, groups, |row, group| {
                    let id = self.pool.intern(values.value(row).as_bytes());
                    self.insert(group, u64::from(id));
                });
            }
            ArrowType::Binary => {
                let values = array.as_binary::<i32>();
                for_rows(rows, nulls, groups, |row, group| {
                    let id = self.pool.intern(values.value(row));
                    self.insert(group, u64::from(id));
                });
            }
            other => return Err(format!("cannot tell values of {other} apart")),
        }
        Ok(())
    }

    /// All keys, group after group, as many as [`counts`](Self::counts) says.
    fn keys(&self) -> Vec<u64> {
        let mut next = Vec::with_capacity(self.counts.len());
        let mut total = 0usize;
        for count in &self.counts {
            next.push(total);
            total += *count as usize;
        }
        let mut keys = vec![0u64; total];
        for (group, key) in &self.seen {
            let at = &mut next[*group as usize];
            keys[*at] = *key;
            *at += 1;
        }
        keys
    }

    /// The values, group after group.
    pub(crate) fn values(&self) -> ArrayRef {
        let keys = self.keys();
        let keys = keys.iter();
        match &self.item {
            ArrowType::Int32 => Arc::new(Int32Array::from_iter_values(keys.map(|k| *k as u32 as i32))),
            ArrowType::Int64 => Arc::new(Int64Array::from_iter_values(keys.map(|k| *k as i64))),
            ArrowType::Float32 => Arc::new(Float32Array::from_iter_values(keys.map(|k| f64::from_bits(*k) as f32))),
            ArrowType::Float64 => Arc::new(Float64Array::from_iter_values(keys.map(|k| f64::from_bits(*k)))),
            ArrowType::Boolean => Arc::new(BooleanArray::from_iter(keys.map(|k| Some(*k != 0)))),
            ArrowType::Utf8 => {
                let mut builder = StringBuilder::new();
                // The pool holds what were texts.
                keys.for_each(|k| builder.append_value(String::from_utf8_lossy(self.pool.get(*k as usize))));
                Arc::new(builder.finish())
            }
            ArrowType::Binary => {
                let mut builder = BinaryBuilder::new();
                keys.for_each(|k| builder.append_value(self.pool.get(*k as usize)));
                Arc::new(builder.finish())
            }
            _ => Arc::new(NullArray::new(0)),
        }
    }

    /// The values as a list a group.
    pub(crate) fn lists(&self) -> Result<ArrayRef, String> {
        list_column(self.values(), self.counts.iter().map(|c| *c as usize))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.seen.allocation_size() + self.counts.capacity() * size_of::<u32>() + self.pool.memory_bytes()
    }
}
