//! The hashes of values that bitmaps and HyperLogLog registers are built on. They are part of what estimates and
//! stored sketches mean, so they follow Java's.

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType as ArrowType, Float32Type, Float64Type, Int32Type, Int64Type},
};

use crate::{Groups, columns::for_rows};

/// Calls `f(group, hash)` for each value that is not null, with the 32-bit hash that `kind` says.
pub(crate) fn for_hashes(
    array: &dyn Array,
    groups: Groups<'_>,
    kind: Kind,
    mut f: impl FnMut(usize, i32),
) -> Result<(), String> {
    let (rows, nulls) = (array.len(), array.nulls());
    macro_rules! numbers {
        ($arrow:ty, $hash:expr) => {{
            let values = array.as_primitive::<$arrow>().values();
            for_rows(rows, nulls, groups, |row, group| f(group, $hash(values[row])));
        }};
    }
    match (array.data_type(), kind) {
        (ArrowType::Int32, Kind::Java) => numbers!(Int32Type, |v: i32| v),
        (ArrowType::Int32, Kind::Murmur) => numbers!(Int32Type, |v: i32| murmur_long(i64::from(v))),
        (ArrowType::Int64, Kind::Java) => numbers!(Int64Type, java_long),
        (ArrowType::Int64, Kind::Murmur) => numbers!(Int64Type, murmur_long),
        (ArrowType::Float32, Kind::Java) => numbers!(Float32Type, |v: f32| float_bits(v)),
        (ArrowType::Float32, Kind::Murmur) => {
            numbers!(Float32Type, |v: f32| murmur_long(i64::from(v.to_bits() as i32)))
        }
        (ArrowType::Float64, Kind::Java) => numbers!(Float64Type, |v: f64| java_long(double_bits(v))),
        (ArrowType::Float64, Kind::Murmur) => numbers!(Float64Type, |v: f64| murmur_long(v.to_bits() as i64)),
        (ArrowType::Boolean, kind) => {
            let values = array.as_boolean();
            for_rows(rows, nulls, groups, |row, group| {
                let value = i32::from(values.value(row));
                f(group, if kind == Kind::Java { value } else { murmur_long(i64::from(value)) });
            });
        }
        (ArrowType::Utf8, kind) => {
            let values = array.as_string::<i32>();
            for_rows(rows, nulls, groups, |row, group| {
                let text = values.value(row);
                f(group, if kind == Kind::Java { java_text(text) } else { murmur_bytes(text.as_bytes()) });
            });
        }
        (ArrowType::Null, _) => {}
        (other, _) => return Err(format!("cannot hash values of {other}")),
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `hashCode()`.
    Java,
    /// The 32-bit MurmurHash of the HyperLogLog sketches.
    Murmur,
}

fn float_bits(value: f32) -> i32 {
    (if value.is_nan() { f32::NAN } else { value }).to_bits() as i32
}

fn double_bits(value: f64) -> i64 {
    (if value.is_nan() { f64::NAN } else { value }).to_bits() as i64
}

fn java_long(value: i64) -> i32 {
    (value ^ ((value as u64) >> 32) as i64) as i32
}

fn java_text(text: &str) -> i32 {
    if text.is_ascii() {
        return text.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    }
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

const M: u32 = 0x5bd1_e995;

fn mix(mut k: u32) -> u32 {
    k = k.wrapping_mul(M);
    k ^= k >> 24;
    k.wrapping_mul(M)
}

fn finalise(mut h: u32) -> i32 {
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    h as i32
}

fn murmur_long(value: i64) -> i32 {
    let h = mix(value as u32);
    finalise(h.wrapping_mul(M) ^ mix((value >> 32) as u32))
}

/// MurmurHash 2 with seed -1, whose tail bytes are signed.
fn murmur_bytes(data: &[u8]) -> i32 {
    let mut h = u32::MAX ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        h = h.wrapping_mul(M) ^ mix(k);
    }
    // The tail is read back from the end: its last byte is the lowest.
    let tail = chunks.remainder();
    if !tail.is_empty() {
        let end = data.len();
        let signed = |back: usize| data[end - back] as i8 as i32 as u32;
        if tail.len() >= 3 {
            h ^= signed(3) << 16;
        }
        if tail.len() >= 2 {
            h ^= signed(2) << 8;
        }
        h ^= signed(1);
        h = h.wrapping_mul(M);
    }
    finalise(h)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_hash_codes() {
        assert_eq!(java_text("hello"), 99162322);
        assert_eq!(java_text("ü"), 252);
        assert_eq!(java_long(-1), 0);
        assert_eq!(java_long(1 << 32), 1);
    }
}
