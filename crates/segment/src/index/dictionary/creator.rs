//! Collects distinct values under temporary ids, in order of first appearance, and sorts them at the end.
//!
//! As long as values arrive in ascending order no hash table is needed: a value is the last one or a new one. Time
//! columns stay in this mode for good.

use ahash::RandomState;
use hashbrown::HashTable;
use model::{DataType, Value};

use crate::{
    Result,
    creator::{keys, sink::SectionSink},
    index::dictionary::reader::decimal_text,
};

const NONE: u32 = u32::MAX;
/// Bytes of a section written at a time.
const PIECE: usize = 1 << 18;

/// Temporary ids in ascending order of their values, and the other way round.
pub(crate) struct Order {
    /// Final id to temporary id; `None` when both are the same.
    pub by_value: Option<Vec<u32>>,
    /// Temporary id to final id; `None` when both are the same.
    pub remap: Option<Vec<u32>>,
}

impl Order {
    const IDENTITY: Self = Self { by_value: None, remap: None };

    fn new(by_value: Vec<u32>) -> Self {
        let mut remap = vec![0u32; by_value.len()];
        for (id, &temporary) in by_value.iter().enumerate() {
            remap[temporary as usize] = id as u32;
        }
        Self { by_value: Some(by_value), remap: Some(remap) }
    }

    /// Temporary id of a final id.
    pub(crate) fn temporary(&self, id: u32) -> u32 {
        self.by_value.as_ref().map_or(id, |order| order[id as usize])
    }
}

/// Distinct numbers as ordered keys.
///
/// Keys that lie close together, as most whole numbers do, find their id in an array; the others in a hash table.
pub(crate) struct NumberDictionary {
    keys: Vec<u64>,
    ascending: bool,
    last: (u64, u32),
    dense: Dense,
    table: HashTable<(u64, u32)>,
    hasher: RandomState,
    /// Lowest and highest key.
    bounds: (u64, u64),
    /// The table's length at which keys are looked at for density again.
    next_look: usize,
}

/// Ids of all keys from `base` on; `NONE` where there is no such key.
#[derive(Default)]
struct Dense {
    base: u64,
    ids: Vec<u32>,
}

/// Slots of the array that a key may cost.
const SLOTS_PER_KEY: u64 = 8;

impl NumberDictionary {
    pub(crate) fn new() -> Self {
        Self {
            keys: Vec::new(),
            ascending: true,
            last: (0, NONE),
            dense: Dense::default(),
            table: HashTable::new(),
            hasher: RandomState::new(),
            bounds: (u64::MAX, 0),
            next_look: 16,
        }
    }

    /// The temporary id of `key`.
    #[inline]
    pub(crate) fn id(&mut self, key: u64) -> u32 {
        let at = key.wrapping_sub(self.dense.base);
        if let Some(&id) = self.dense.ids.get(at as usize)
            && id != NONE
        {
            return id;
        }
        if self.last.0 == key && self.last.1 != NONE {
            return self.last.1;
        }
        let id = if self.ascending { self.next_ascending(key) } else { self.find(key) };
        self.last = (key, id);
        id
    }

    fn next_ascending(&mut self, key: u64) -> u32 {
        if self.keys.last().is_none_or(|&last| last < key) {
            return self.push(key);
        }
        self.ascending = false;
        if !self.make_dense() {
            for id in 0..self.keys.len() as u32 {
                self.insert(self.keys[id as usize], id);
            }
        }
        self.find(key)
    }

    fn push(&mut self, key: u64) -> u32 {
        self.keys.push(key);
        self.bounds = (self.bounds.0.min(key), self.bounds.1.max(key));
        self.keys.len() as u32 - 1
    }

    fn find(&mut self, key: u64) -> u32 {
        let at = key.wrapping_sub(self.dense.base) as usize;
        if at < self.dense.ids.len() {
            let known = self.dense.ids[at];
            if known != NONE {
                return known;
            }
            let id = self.push(key);
            self.dense.ids[at] = id;
            return id;
        }
        let hash = self.hasher.hash_one(key);
        if let Some(&(_, id)) = self.table.find(hash, |&(other, _)| other == key) {
            return id;
        }
        let id = self.push(key);
        self.insert(key, id);
        if self.table.len() >= self.next_look {
            self.next_look = self.table.len() * 2;
            self.make_dense();
        }
        id
    }

    fn insert(&mut self, key: u64, id: u32) {
        let hasher = &self.hasher;
        self.table.insert_unique(hasher.hash_one(key), (key, id), |&(other, _)| hasher.hash_one(other));
    }

    /// Moves all keys into the array if they are close enough, with room at both ends.
    fn make_dense(&mut self) -> bool {
        let (low, high) = self.bounds;
        let span = high.saturating_sub(low);
        if span > self.keys.len() as u64 * SLOTS_PER_KEY + 4096 {
            return false;
        }
        let base = low.saturating_sub(span / 2);
        let slots = high.saturating_add(span / 2) - base + 1;
        self.dense = Dense { base, ids: vec![NONE; slots as usize] };
        for (&key, id) in self.keys.iter().zip(0..) {
            self.dense.ids[(key - base) as usize] = id;
        }
        self.table = HashTable::new();
        self.next_look = 16;
        true
    }

    pub(crate) fn len(&self) -> u32 {
        self.keys.len() as u32
    }

    /// Values arrived in ascending order so far.
    pub(crate) fn ascending(&self) -> bool {
        self.ascending
    }

    pub(crate) fn key(&self, temporary: u32) -> u64 {
        self.keys[temporary as usize]
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.keys.capacity() * 8 + self.table.capacity() * 17 + self.dense.ids.capacity() * 4
    }

    /// Frees the look-up table; no id can be asked for afterwards.
    pub(crate) fn order(&mut self) -> Order {
        self.table = HashTable::new();
        self.dense = Dense::default();
        if self.ascending {
            return Order::IDENTITY;
        }
        let mut pairs: Vec<(u64, u32)> = self.keys.iter().copied().zip(0..).collect();
        pairs.sort_unstable();
        Order::new(pairs.into_iter().map(|(_, id)| id).collect())
    }

    pub(crate) fn write(&self, stored: DataType, order: &Order, sink: &mut SectionSink) -> Result<()> {
        let mut piece = Vec::with_capacity(PIECE + 8);
        for id in 0..self.len() {
            keys::write(stored, self.key(order.temporary(id)), &mut piece);
            if piece.len() >= PIECE {
                sink.write(&piece)?;
                piece.clear();
            }
        }
        sink.write(&piece)
    }
}

/// Distinct byte strings in one arena.
pub(crate) struct VarDictionary {
    data_type: DataType,
    bytes: Vec<u8>,
    /// Where each value ends; its start is the end of the one before.
    ends: Vec<u64>,
    ascending: bool,
    last: u32,
    table: HashTable<(u32, u32)>,
    hasher: RandomState,
    longest: usize,
    recent: Vec<Recent>,
}

/// A short value seen before, compared without touching the arena.
#[derive(Clone, Copy)]
struct Recent {
    words: [u64; 4],
    len: u32,
    id: u32,
}

/// Places for values seen before.
const RECENT: usize = 2048;
/// With more values than this they only push each other out.
const RECENT_VALUES: usize = 3000;
const NOTHING: Recent = Recent { words: [0; 4], len: NONE, id: NONE };

/// A value of at most 32 bytes as words that, with its length, are its own only.
#[inline]
fn words(value: &[u8]) -> Option<[u64; 4]> {
    let word = |at: usize| match value.get(at..at + 8) {
        Some(b) => u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        None => 0,
    };
    let half = |at: usize| match value.get(at..at + 4) {
        Some(b) => u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        None => 0,
    };
    let len = value.len();
    match len {
        0 => Some([0; 4]),
        1..4 => Some([u64::from(value[0]) | u64::from(value[len / 2]) << 8 | u64::from(value[len - 1]) << 16, 0, 0, 0]),
        4..8 => Some([half(0) | half(len - 4) << 32, 0, 0, 0]),
        8..=16 => Some([word(0), word(len - 8), 0, 0]),
        17..=32 => Some([word(0), word(8), word(len - 16), word(len - 8)]),
        _ => None,
    }
}

/// Where among the recent ones a value has its place.
#[inline]
fn place(words: &[u64; 4], len: usize) -> usize {
    let mixed = words[0]
        ^ words[1].rotate_left(21)
        ^ words[2].rotate_left(11)
        ^ words[3].rotate_left(37)
        ^ (len as u64).rotate_left(50);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) as usize
}

impl VarDictionary {
    pub(crate) fn new(data_type: DataType) -> Self {
        Self {
            data_type,
            bytes: Vec::new(),
            ends: Vec::new(),
            // Decimals do not ascend as their text does.
            ascending: data_type != DataType::BigDecimal,
            last: NONE,
            table: HashTable::new(),
            hasher: RandomState::new(),
            longest: 0,
            recent: Vec::new(),
        }
    }

    /// The temporary id of `value`.
    #[inline]
    pub(crate) fn id(&mut self, value: &[u8]) -> u32 {
        if self.ascending {
            if self.last != NONE && get(&self.bytes, &self.ends, self.last) == value {
                return self.last;
            }
            self.last = self.next_ascending(value);
            return self.last;
        }
        if self.ends.len() > RECENT_VALUES {
            return self.find(value);
        }
        let Some(words) = words(value) else { return self.find(value) };
        if self.recent.is_empty() {
            self.recent = vec![NOTHING; RECENT];
        }
        let at = place(&words, value.len());
        let recent = self.recent[at];
        if recent.words == words && recent.len as usize == value.len() {
            return recent.id;
        }
        let id = self.find(value);
        self.recent[at] = Recent { words, len: value.len() as u32, id };
        id
    }

    fn next_ascending(&mut self, value: &[u8]) -> u32 {
        if self.last == NONE || get(&self.bytes, &self.ends, self.last) < value {
            return self.push(value);
        }
        self.ascending = false;
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table.reserve(ends.len(), |&(_, id)| hasher.hash_one(get(bytes, ends, id)));
        for id in 0..ends.len() as u32 {
            let hash = hasher.hash_one(get(bytes, ends, id));
            self.table.insert_unique(hash, (hash as u32, id), |&(_, id)| hasher.hash_one(get(bytes, ends, id)));
        }
        self.find(value)
    }

    fn find(&mut self, value: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(value);
        let (bytes, ends) = (&self.bytes, &self.ends);
        let found = self.table.find(hash, |&(low, id)| low == hash as u32 && get(bytes, ends, id) == value);
        if let Some(&(_, id)) = found {
            return id;
        }
        let id = self.push(value);
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table.insert_unique(hash, (hash as u32, id), |&(_, id)| hasher.hash_one(get(bytes, ends, id)));
        id
    }

    fn push(&mut self, value: &[u8]) -> u32 {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len() as u64);
        self.longest = self.longest.max(value.len());
        self.ends.len() as u32 - 1
    }

    pub(crate) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    pub(crate) fn ascending(&self) -> bool {
        self.ascending
    }

    pub(crate) fn get(&self, temporary: u32) -> &[u8] {
        get(&self.bytes, &self.ends, temporary)
    }

    /// Bytes of all distinct values.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 8 + self.table.capacity() * 9
    }

    /// Frees the look-up table; no id can be asked for afterwards.
    pub(crate) fn order(&mut self) -> Order {
        self.table = HashTable::new();
        self.recent = Vec::new();
        if self.ascending {
            return Order::IDENTITY;
        }
        if self.data_type == DataType::BigDecimal {
            let parse = |id| decimal_text(std::str::from_utf8(self.get(id)).unwrap_or_default());
            let mut pairs: Vec<_> = (0..self.len()).map(|id| (parse(id), id)).collect();
            pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
            return Order::new(pairs.into_iter().map(|(_, id)| id).collect());
        }
        let mut pairs: Vec<(u64, u32)> = (0..self.len()).map(|id| (prefix(self.get(id)), id)).collect();
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        Order::new(pairs.into_iter().map(|(_, id)| id).collect())
    }

    /// Writes the bytes and the offsets.
    pub(crate) fn write(&self, order: &Order, bytes: &mut SectionSink, offsets: &mut SectionSink) -> Result<()> {
        let (mut piece, mut ends) = (Vec::with_capacity(PIECE), Vec::with_capacity(PIECE));
        let mut end = 0u32;
        ends.extend_from_slice(&end.to_le_bytes());
        for id in 0..self.len() {
            let value = self.get(order.temporary(id));
            piece.extend_from_slice(value);
            end += value.len() as u32;
            ends.extend_from_slice(&end.to_le_bytes());
            if piece.len() >= PIECE {
                bytes.write(&piece)?;
                piece.clear();
            }
            if ends.len() >= PIECE {
                offsets.write(&ends)?;
                ends.clear();
            }
        }
        bytes.write(&piece)?;
        offsets.write(&ends)
    }
}

#[inline]
fn get<'a>(bytes: &'a [u8], ends: &[u64], id: u32) -> &'a [u8] {
    let start = if id == 0 { 0 } else { ends[id as usize - 1] };
    &bytes[start as usize..ends[id as usize] as usize]
}

/// The first eight bytes as a number that sorts as they do.
fn prefix(value: &[u8]) -> u64 {
    let mut head = [0u8; 8];
    let len = value.len().min(8);
    head[..len].copy_from_slice(&value[..len]);
    u64::from_be_bytes(head)
}

/// Stored bytes of a variable-width type as a value.
pub(crate) fn var_value(data_type: DataType, bytes: &[u8]) -> Value {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    match data_type {
        DataType::Bytes => Value::Bytes(bytes.to_owned()),
        DataType::BigDecimal => Value::BigDecimal(decimal_text(&text())),
        DataType::Json => Value::Json(text()),
        DataType::String => Value::String(text()),
        _ => Value::Map(text()),
    }
}

/// Stored bytes of a value of a variable-width type; `None` for other values.
pub(crate) fn var_bytes(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::String(v) | Value::Json(v) | Value::Map(v) => v.clone().into_bytes(),
        Value::Bytes(v) => v.clone(),
        Value::BigDecimal(v) => v.to_plain_string().into_bytes(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_id() {
        let sparse: Vec<u64> = (0..5_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let dense: Vec<u64> = (0..50_000u64).map(|i| (1 << 63) + 19_920_101 + i * 7919 % 30_000).collect();
        let edges = vec![u64::MAX, 0, u64::MAX - 3, 5, 0, u64::MAX, 1, 2, 3];
        let both: Vec<u64> = dense.iter().take(9_000).zip(&sparse).flat_map(|(&a, &b)| [a, b]).collect();
        for numbers in [sparse, dense, edges, both, (0..100).chain(0..200).collect()] {
            let mut dictionary = NumberDictionary::new();
            let mut seen = std::collections::HashMap::new();
            for &number in numbers.iter().chain(&numbers) {
                let next = seen.len() as u32;
                assert_eq!(dictionary.id(number), *seen.entry(number).or_insert(next));
            }
            assert_eq!(dictionary.len() as usize, seen.len());
        }
    }

    #[test]
    fn equal_texts_have_one_id() {
        let mut texts: Vec<String> = (0..50).map(|len| "x".repeat(len)).collect();
        texts.extend((0..9_000).map(|i| format!("{}{}", i * 7919 % 6_000, "-".repeat(i % 40))));
        texts.extend(["ab", "ba", "aab", "aba", "abcd", "abdc", "abcdefgh", "abcdefgi"].map(str::to_owned));
        let mut dictionary = VarDictionary::new(DataType::String);
        let mut seen = std::collections::HashMap::new();
        for text in texts.iter().chain(texts.iter().rev()) {
            let next = seen.len() as u32;
            assert_eq!(dictionary.id(text.as_bytes()), *seen.entry(text).or_insert(next), "{text}");
        }
        let order = dictionary.order();
        let sorted: Vec<&[u8]> = (0..dictionary.len()).map(|id| dictionary.get(order.temporary(id))).collect();
        assert!(sorted.is_sorted_by(|a, b| a < b));
    }
}
