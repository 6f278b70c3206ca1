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
/// Small non-negative whole numbers find their id in an array.
const DIRECT: u64 = 1 << 16;
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
pub(crate) struct NumberDictionary {
    keys: Vec<u64>,
    ascending: bool,
    last: (u64, u32),
    direct: Vec<u32>,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl NumberDictionary {
    pub(crate) fn new() -> Self {
        Self {
            keys: Vec::new(),
            ascending: true,
            last: (0, NONE),
            direct: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::new(),
        }
    }

    /// The temporary id of `key`.
    #[inline]
    pub(crate) fn id(&mut self, key: u64) -> u32 {
        if self.last.0 == key && self.last.1 != NONE {
            return self.last.1;
        }
        let id = if self.ascending { self.next_ascending(key) } else { self.find(key) };
        self.last = (key, id);
        id
    }

    fn next_ascending(&mut self, key: u64) -> u32 {
        if self.keys.last().is_none_or(|&last| last < key) {
            self.keys.push(key);
            return self.keys.len() as u32 - 1;
        }
        self.ascending = false;
        for id in 0..self.keys.len() as u32 {
            self.index(self.keys[id as usize], id);
        }
        self.find(key)
    }

    #[inline]
    fn find(&mut self, key: u64) -> u32 {
        let small = keys::to_i64(key) as u64;
        if small < DIRECT
            && let Some(&id) = self.direct.get(small as usize)
            && id != NONE
        {
            return id;
        }
        if small >= DIRECT {
            let hash = self.hasher.hash_one(key);
            if let Some(&id) = self.table.find(hash, |&id| self.keys[id as usize] == key) {
                return id;
            }
        }
        let id = self.keys.len() as u32;
        self.keys.push(key);
        self.index(key, id);
        id
    }

    fn index(&mut self, key: u64, id: u32) {
        let small = keys::to_i64(key) as u64;
        if small < DIRECT {
            if self.direct.len() <= small as usize {
                self.direct.resize((small as usize + 1).next_power_of_two(), NONE);
            }
            self.direct[small as usize] = id;
        } else {
            let (all, hasher) = (&self.keys, &self.hasher);
            let hash = hasher.hash_one(key);
            self.table.insert_unique(hash, id, |&other| hasher.hash_one(all[other as usize]));
        }
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
        self.keys.capacity() * 8 + self.table.capacity() * 5 + self.direct.capacity() * 4
    }

    /// Frees the look-up table; no id can be asked for afterwards.
    pub(crate) fn order(&mut self) -> Order {
        self.table = HashTable::new();
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
        }
    }

    /// The temporary id of `value`.
    #[inline]
    pub(crate) fn id(&mut self, value: &[u8]) -> u32 {
        if self.last != NONE && get(&self.bytes, &self.ends, self.last) == value {
            return self.last;
        }
        let id = if self.ascending { self.next_ascending(value) } else { self.find(value) };
        self.last = id;
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
