//! Sums up the lengths of lists and maps before their elements are decoded.
//!
//! A few bytes can say that a list has 2⁴⁰ elements; the library would make room for them. So the lengths of every
//! list and map of a stripe are decoded here first, only to be added up.

use std::io::Read;

use orc_rust::{
    proto::{column_encoding::Kind as Encoding, stream::Kind},
    schema::DataType,
    stripe::Stripe,
};

/// Elements that the lists of one batch may have together.
const MAX_ELEMENTS: u64 = 16 << 20;
/// Entries of a column's dictionary in one stripe.
const MAX_DICTIONARY: usize = 16 << 20;

/// An error where a batch of `batch_rows` rows could have more elements than can be held.
pub(super) fn check(stripe: &Stripe, batch_rows: usize) -> Result<(), String> {
    // Columns, each with the most rows that one batch of the file takes of it.
    let mut columns: Vec<_> = stripe.columns().iter().map(|column| (column.clone(), batch_rows)).collect();
    while let Some((column, rows)) = columns.pop() {
        let name = column.name();
        let mut rows_inside = rows;
        match column.data_type() {
            DataType::List { .. } | DataType::Map { .. } => {
                let version2 = matches!(column.encoding().kind(), Encoding::DirectV2 | Encoding::DictionaryV2);
                let mut stream = stripe.stream_map().get(&column, Kind::Length);
                let most = most_elements(&mut stream, version2, rows).map_err(|r| format!("column {name}: {r}"))?;
                // Batches do not begin where windows do, so that one may reach into two of them.
                rows_inside = 2 * most.max(1);
            }
            DataType::String { .. } | DataType::Varchar { .. } | DataType::Char { .. } => {
                let entries = column.dictionary_size();
                if entries > MAX_DICTIONARY {
                    return Err(format!(
                        "column {name}: its dictionary has {entries} entries, the most is {MAX_DICTIONARY}"
                    ));
                }
            }
            _ => {}
        }
        columns.extend(column.children().into_iter().map(|child| (child, rows_inside)));
    }
    Ok(())
}

/// Decodes run lengths, adds them up over windows of `window` rows and gives the largest sum.
fn most_elements(stream: &mut impl Read, version2: bool, window: usize) -> Result<usize, String> {
    let mut sums = Sums { window, rows: 0, sum: 0, most: 0 };
    let mut bytes = Bytes { stream, buffer: Vec::new(), at: 0 };
    if version2 {
        bytes.version2(&mut sums)?
    } else {
        bytes.version1(&mut sums)?
    }
    Ok(sums.most as usize)
}

struct Sums {
    window: usize,
    rows: usize,
    sum: u64,
    most: u64,
}

impl Sums {
    fn add(&mut self, length: i128) -> Result<(), String> {
        let length = u64::try_from(length).map_err(|_| "a list has a negative length".to_owned())?;
        self.sum = self.sum.saturating_add(length);
        if self.sum > MAX_ELEMENTS {
            return Err(format!("the lists of {} rows have more than {MAX_ELEMENTS} elements", self.window));
        }
        self.most = self.most.max(self.sum);
        self.rows += 1;
        if self.rows == self.window {
            (self.rows, self.sum) = (0, 0);
        }
        Ok(())
    }
}

struct Bytes<'a, R> {
    stream: &'a mut R,
    buffer: Vec<u8>,
    at: usize,
}

const CUT: &str = "its lengths are cut off";
const WIDTHS: [u32; 8] = [26, 28, 30, 32, 40, 48, 56, 64];

/// The width in bits that a 5-bit code stands for.
fn width(code: u8) -> u32 {
    match code {
        0..=23 => u32::from(code) + 1,
        _ => WIDTHS[usize::from(code - 24) & 7],
    }
}

/// The narrowest width that has a code and holds `bits`: patches are written in such.
fn closest_width(bits: u32) -> u32 {
    (0..32).map(width).find(|&w| w >= bits).unwrap_or(64)
}

impl<R: Read> Bytes<'_, R> {
    fn next(&mut self) -> Result<Option<u8>, String> {
        if self.at == self.buffer.len() {
            self.buffer.resize(8192, 0);
            let got = crate::format::input::fill(self.stream, &mut self.buffer).map_err(|e| e.to_string())?;
            self.buffer.truncate(got);
            self.at = 0;
            if got == 0 {
                return Ok(None);
            }
        }
        self.at += 1;
        Ok(Some(self.buffer[self.at - 1]))
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.next()?.ok_or_else(|| CUT.to_owned())
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for i in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(7 * i).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a length is too long".to_owned())
    }

    fn signed_varint(&mut self) -> Result<i128, String> {
        let value = self.varint()?;
        Ok(i128::from((value >> 1) as i64 ^ -((value & 1) as i64)))
    }

    /// `count` big-endian numbers of `bits` bits, up to the next whole byte.
    fn packed(&mut self, count: usize, bits: u32) -> Result<Vec<u64>, String> {
        let mut out = Vec::with_capacity(count);
        let (mut current, mut left) = (0u8, 0);
        for _ in 0..count {
            let mut value = 0u64;
            let mut missing = bits;
            while missing > 0 {
                if left == 0 {
                    (current, left) = (self.byte()?, 8);
                }
                let taken = missing.min(left);
                let part = (current >> (left - taken)) & (0xffu16 >> (8 - taken)) as u8;
                value = if taken == 64 { part.into() } else { (value << taken) | u64::from(part) };
                left -= taken;
                missing -= taken;
            }
            out.push(value);
        }
        Ok(out)
    }

    fn big_endian(&mut self, bytes: u32) -> Result<u64, String> {
        let mut value = 0;
        for _ in 0..bytes {
            value = (value << 8) | u64::from(self.byte()?);
        }
        Ok(value)
    }

    fn version1(&mut self, sums: &mut Sums) -> Result<(), String> {
        while let Some(control) = self.next()? {
            if control < 128 {
                let delta = i128::from(self.byte()? as i8);
                let base = i128::from(self.varint()?);
                for i in 0..i128::from(control) + 3 {
                    sums.add(base + i * delta)?;
                }
            } else {
                for _ in 0..256 - u32::from(control) {
                    let length = self.varint()?;
                    sums.add(length.into())?;
                }
            }
        }
        Ok(())
    }

    fn version2(&mut self, sums: &mut Sums) -> Result<(), String> {
        while let Some(first) = self.next()? {
            match first >> 6 {
                0 => {
                    let bytes = u32::from(first >> 3 & 7) + 1;
                    let value = self.big_endian(bytes)?;
                    for _ in 0..u32::from(first & 7) + 3 {
                        sums.add(value.into())?;
                    }
                }
                kind => {
                    let code = first >> 1 & 31;
                    let count = (usize::from(first & 1) << 8 | usize::from(self.byte()?)) + 1;
                    match kind {
                        1 => {
                            for value in self.packed(count, width(code))? {
                                sums.add(value.into())?;
                            }
                        }
                        2 => self.patched(count, width(code), sums)?,
                        _ => self.delta(count, code, sums)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn patched(&mut self, count: usize, bits: u32, sums: &mut Sums) -> Result<(), String> {
        let (third, fourth) = (self.byte()?, self.byte()?);
        let base_bytes = u32::from(third >> 5) + 1;
        let (patch_bits, gap_bits) = (width(third & 31), u32::from(fourth >> 5) + 1);
        let patches = usize::from(fourth & 31);
        let base = self.big_endian(base_bytes)?;
        // The top bit is the sign.
        let sign = 1u64 << (8 * base_bytes - 1);
        let base = if base & sign == 0 { i128::from(base) } else { -i128::from(base & !sign) };
        let mut values: Vec<i128> = self.packed(count, bits)?.into_iter().map(i128::from).collect();
        let entry_bits = patch_bits + gap_bits;
        if entry_bits > 64 {
            return Err("its lengths are damaged".to_owned());
        }
        let mut at = 0usize;
        for patch in self.packed(patches, closest_width(entry_bits))? {
            let gap = if patch_bits == 64 { 0 } else { patch >> patch_bits };
            at = at.saturating_add(gap as usize);
            let high = i128::from(patch & (u64::MAX >> (64 - patch_bits)));
            let value = values.get_mut(at).ok_or("its lengths are damaged")?;
            *value |= high << bits.min(63);
        }
        values.into_iter().try_for_each(|value| sums.add(base + value))
    }

    fn delta(&mut self, count: usize, code: u8, sums: &mut Sums) -> Result<(), String> {
        let mut value = i128::from(self.varint()?);
        let first = self.signed_varint()?;
        sums.add(value)?;
        if count == 1 {
            return Ok(());
        }
        value += first;
        sums.add(value)?;
        // Code 0 means that every step is as the first one.
        if code == 0 {
            for _ in 2..count {
                value += first;
                sums.add(value)?;
            }
            return Ok(());
        }
        for step in self.packed(count - 2, width(code))? {
            value += if first < 0 { -i128::from(step) } else { i128::from(step) };
            sums.add(value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums of windows of `window` rows, the largest of them, or the reason.
    fn most(bytes: &[u8], version2: bool, window: usize) -> Result<usize, String> {
        most_elements(&mut &bytes[..], version2, window)
    }

    #[test]
    fn every_kind_of_run() {
        // The examples of the format's specification.
        assert_eq!(most(&[0x0a, 0x27, 0x10], true, 100), Ok(50_000));
        let direct = [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(most(&direct, true, 100), Ok(23_713 + 43_806 + 57_005 + 48_879));
        assert_eq!(most(&direct, true, 2), Ok(57_005 + 48_879));
        let patched = [
            0x8e, 0x09, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0xfc, 0xe8,
        ];
        let values = [2030, 2000, 2020, 1_000_000, 2040, 2050, 2060, 2070, 2080, 2090];
        assert_eq!(most(&patched, true, 100), Ok(values.iter().sum()));
        assert_eq!(most(&patched, true, 1), Ok(1_000_000));
        let delta = [0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
        assert_eq!(most(&delta, true, 100), Ok([2, 3, 5, 7, 11, 13, 17, 19, 23, 29].iter().sum()));
        assert_eq!(most(&[0x61, 0x00, 0x07], false, 1000), Ok(700));
        assert_eq!(most(&[0x61, 0xff, 0x64], false, 1000), Ok(5050));
        assert_eq!(most(&[0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b], false, 1000), Ok(29));
        assert_eq!(most(&[], true, 10), Ok(0));
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        // Eight bytes: one list of 2⁴⁰ elements, three times.
        let huge = [0x38, 0, 0, 1, 0, 0, 0, 0, 0];
        assert!(most(&huge, true, 8192).unwrap_err().contains("more than 16777216 elements"));
        // The same as a delta that goes below zero.
        assert_eq!(most(&[0x00, 0xff, 0x01], false, 10), Err("a list has a negative length".to_owned()));
        assert_eq!(most(&[0x5e, 0x03, 0x5c], true, 10), Err(CUT.to_owned()));
        assert_eq!(most(&[0x80; 11], false, 10), Err("a length is too long".to_owned()));
        let mut state = 5u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bytes = (state >> 8).to_le_bytes();
            for version2 in [false, true] {
                let _ = most(&bytes, version2, 100);
            }
        }
    }
}
