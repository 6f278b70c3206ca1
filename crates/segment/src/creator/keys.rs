//! Numbers as `u64` keys whose order is the order of the numbers.

use model::DataType;

const SIGN: u64 = 1 << 63;

#[inline]
pub(crate) fn of_i64(value: i64) -> u64 {
    value as u64 ^ SIGN
}

/// Floats in Java's order: -0.0 below 0.0, every NaN the same and last.
#[inline]
pub(crate) fn of_f64(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !SIGN } else { value.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

#[inline]
pub(crate) fn to_i64(key: u64) -> i64 {
    (key ^ SIGN) as i64
}

#[inline]
pub(crate) fn to_f64(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

/// The stored number of `key`, little-endian, appended to `out`.
#[inline]
pub(crate) fn write(stored: DataType, key: u64, out: &mut Vec<u8>) {
    match stored {
        DataType::Int => out.extend_from_slice(&(to_i64(key) as i32).to_le_bytes()),
        DataType::Long => out.extend_from_slice(&to_i64(key).to_le_bytes()),
        DataType::Float => out.extend_from_slice(&(to_f64(key) as f32).to_le_bytes()),
        _ => out.extend_from_slice(&to_f64(key).to_le_bytes()),
    }
}

/// Bytes of a stored number.
pub(crate) fn width(stored: DataType) -> usize {
    if matches!(stored, DataType::Int | DataType::Float) { 4 } else { 8 }
}

/// The key of a stored number's bytes.
pub(crate) fn read(stored: DataType, bytes: &[u8]) -> u64 {
    let mut wide = [0u8; 8];
    let width = bytes.len().min(8);
    wide[..width].copy_from_slice(&bytes[..width]);
    let low = [wide[0], wide[1], wide[2], wide[3]];
    match stored {
        DataType::Int => of_i64(i64::from(i32::from_le_bytes(low))),
        DataType::Long => of_i64(i64::from_le_bytes(wide)),
        DataType::Float => of_f64(f64::from(f32::from_le_bytes(low))),
        _ => of_f64(f64::from_le_bytes(wide)),
    }
}

/// The value of `key` in the logical type.
pub(crate) fn value(data_type: DataType, key: u64) -> model::Value {
    use model::Value;
    match data_type {
        DataType::Int => Value::Int(to_i64(key) as i32),
        DataType::Boolean => Value::Boolean(to_i64(key) != 0),
        DataType::Timestamp => Value::Timestamp(to_i64(key)),
        DataType::Long => Value::Long(to_i64(key)),
        DataType::Float => Value::Float(to_f64(key) as f32),
        _ => Value::Double(to_f64(key)),
    }
}

/// The key of a value of a number type, BOOLEAN or TIMESTAMP.
pub(crate) fn of_value(value: &model::Value) -> Option<u64> {
    use model::Value;
    Some(match value {
        Value::Int(v) => of_i64(i64::from(*v)),
        Value::Long(v) | Value::Timestamp(v) => of_i64(*v),
        Value::Boolean(v) => of_i64(i64::from(*v)),
        Value::Float(v) => of_f64(f64::from(*v)),
        Value::Double(v) => of_f64(*v),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order() {
        let floats = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 2.0, f64::INFINITY, f64::NAN];
        let keys: Vec<u64> = floats.iter().map(|&f| of_f64(f)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        for (float, key) in floats.iter().zip(keys) {
            assert_eq!(to_f64(key).to_bits(), float.to_bits());
        }
        assert_eq!(of_f64(-f64::NAN), of_f64(f64::NAN));
        let whole = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(whole.iter().map(|&v| of_i64(v)).is_sorted_by(|a, b| a < b));
        assert!(whole.iter().all(|&v| to_i64(of_i64(v)) == v));
        for stored in [DataType::Int, DataType::Long, DataType::Float, DataType::Double] {
            let key = if matches!(stored, DataType::Int | DataType::Long) { of_i64(-7) } else { of_f64(-7.5) };
            let mut bytes = Vec::new();
            write(stored, key, &mut bytes);
            assert_eq!(bytes.len(), width(stored));
            assert_eq!(read(stored, &bytes), key);
        }
    }
}
