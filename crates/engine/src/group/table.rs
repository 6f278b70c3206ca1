//! Tuples of key ids to dense group numbers.

use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// No group: the row is left out.
pub(crate) const NO_GROUP: u32 = u32::MAX;

/// Groups of one worker, over all of its segments.
pub(crate) struct GroupTable {
    width: usize,
    /// Key ids of all groups, `width` each.
    keys: Vec<u32>,
    index: Index,
    /// The last segment in which each group was seen; kept only while a limit may be reached.
    seen_in: Vec<u32>,
    segment: u32,
    in_segment: usize,
}

enum Index {
    /// One key: its id leads straight to the group.
    Direct(Vec<u32>),
    /// Two keys in 64 bits.
    Pairs(HashTable<(u64, u32)>),
    Rows(HashTable<u32>),
}

fn hash_u64(key: u64) -> u64 {
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

fn hash_row(row: &[u32]) -> u64 {
    let mut hasher = FxHasher::default();
    row.iter().for_each(|&id| hasher.write_u32(id));
    hash_u64(hasher.finish())
}

impl GroupTable {
    pub(crate) fn new(width: usize) -> Self {
        let index = match width {
            0 | 1 => Index::Direct(Vec::new()),
            2 => Index::Pairs(HashTable::new()),
            _ => Index::Rows(HashTable::new()),
        };
        Self { width, keys: Vec::new(), index, seen_in: Vec::new(), segment: 0, in_segment: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len().checked_div(self.width).unwrap_or(usize::from(!self.keys.is_empty()))
    }

    /// Starts counting the groups of another segment.
    pub(crate) fn next_segment(&mut self) {
        self.segment += 1;
        self.in_segment = 0;
    }

    fn find_or_insert(&mut self, row: &[u32], may_insert: bool) -> u32 {
        let next = self.len() as u32;
        let keys = &mut self.keys;
        let width = self.width;
        match &mut self.index {
            Index::Direct(groups) => {
                let at = row.first().copied().unwrap_or(0) as usize;
                if at >= groups.len() {
                    groups.resize((at + 1).next_power_of_two(), NO_GROUP);
                }
                if groups[at] == NO_GROUP && may_insert {
                    groups[at] = next;
                    if width == 0 {
                        keys.push(0)
                    } else {
                        keys.extend_from_slice(row)
                    };
                }
                groups[at]
            }
            Index::Pairs(table) => {
                let key = u64::from(row[0]) << 32 | u64::from(row[1]);
                if let Some((_, group)) = table.find(hash_u64(key), |(k, _)| *k == key) {
                    return *group;
                }
                if !may_insert {
                    return NO_GROUP;
                }
                table.insert_unique(hash_u64(key), (key, next), |(k, _)| hash_u64(*k));
                keys.extend_from_slice(row);
                next
            }
            Index::Rows(table) => {
                let hash = hash_row(row);
                if let Some(group) = table.find(hash, |&g| &keys[g as usize * width..(g as usize + 1) * width] == row) {
                    return *group;
                }
                if !may_insert {
                    return NO_GROUP;
                }
                keys.extend_from_slice(row);
                let keys = &*keys;
                table.insert_unique(hash, next, |&g| hash_row(&keys[g as usize * width..(g as usize + 1) * width]));
                next
            }
        }
    }

    /// The group of each row, appended to `out`; `columns` hold one id a row for each key. With a `limit`, a segment
    /// that has so many groups gets no further ones: their rows have [`NO_GROUP`], and the result is true.
    pub(crate) fn assign(
        &mut self,
        columns: &[Vec<u32>],
        rows: usize,
        limit: Option<usize>,
        out: &mut Vec<u32>,
    ) -> bool {
        let mut row = vec![0u32; self.width];
        let mut reached = false;
        for i in 0..rows {
            for (slot, column) in row.iter_mut().zip(columns) {
                *slot = column[i];
            }
            let Some(limit) = limit else {
                out.push(self.find_or_insert(&row, true));
                continue;
            };
            let room = self.in_segment < limit;
            let group = self.find_or_insert(&row, room);
            if group == NO_GROUP {
                reached = true;
                out.push(NO_GROUP);
                continue;
            }
            if self.seen_in.len() <= group as usize {
                self.seen_in.resize(group as usize + 1, 0);
            }
            let seen_in = &mut self.seen_in[group as usize];
            if *seen_in == self.segment {
                out.push(group);
            } else if room {
                *seen_in = self.segment;
                self.in_segment += 1;
                out.push(group);
            } else {
                // Known from another segment, but this one is full.
                reached = true;
                out.push(NO_GROUP);
            }
        }
        reached
    }

    /// The ids of one key, a group each.
    pub(crate) fn key_ids(&self, key: usize) -> Vec<u32> {
        self.keys.iter().skip(key).step_by(self.width.max(1)).copied().collect()
    }

    /// The group of each group of `other`, whose key ids are translated by `maps`, one a key.
    pub(crate) fn absorb(&mut self, other: &Self, maps: &[Vec<u32>]) -> Vec<u32> {
        let mut out = Vec::with_capacity(other.len());
        let mut row = vec![0u32; self.width];
        for group in 0..other.len() {
            for (key, slot) in row.iter_mut().enumerate() {
                *slot = maps[key][other.keys[group * self.width + key] as usize];
            }
            out.push(self.find_or_insert(&row, true));
        }
        out
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let index = match &self.index {
            Index::Direct(groups) => groups.capacity() * 4,
            Index::Pairs(table) => table.capacity() * 17,
            Index::Rows(table) => table.capacity() * 5,
        };
        index + self.keys.capacity() * 4 + self.seen_in.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_numbers_groups_in_order_of_appearance() {
        for width in 1..=4 {
            let mut table = GroupTable::new(width);
            table.next_segment();
            let columns = vec![vec![5, 6, 5, 7]; width];
            let mut out = Vec::new();
            assert!(!table.assign(&columns, 4, None, &mut out));
            assert_eq!(out, [0, 1, 0, 2]);
            assert_eq!(table.key_ids(width - 1), [5, 6, 7]);
            let mut other = GroupTable::new(width);
            other.next_segment();
            other.assign(&vec![vec![0, 1]; width], 2, None, &mut Vec::new());
            assert_eq!(table.absorb(&other, &vec![vec![7, 9]; width]), [2, 3]);
        }
    }

    #[test]
    fn a_full_segment_drops_new_groups_only() {
        let mut table = GroupTable::new(1);
        let mut out = Vec::new();
        table.next_segment();
        assert!(table.assign(&[vec![1, 2, 3, 1]], 4, Some(2), &mut out));
        table.next_segment();
        assert!(table.assign(&[vec![3, 1, 2]], 3, Some(2), &mut out));
        assert_eq!(out, [0, 1, NO_GROUP, 0, 2, 0, NO_GROUP]);
    }
}
