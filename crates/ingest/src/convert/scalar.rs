//! One value to one type: the conversion table.

use bigdecimal::{BigDecimal, FromPrimitive as _, ToPrimitive as _, Zero as _, num_bigint::BigInt};
use connectors::format::Field;
use model::{
    DataType, TimeZone,
    date_time::{format_timestamp, parse_timestamp},
    parse, render,
};

pub(super) type Converted<T> = Result<T, String>;

const SHOWN_CHARS: usize = 100;

/// The sentence for a value that cannot become `to`.
pub(super) fn refuse(field: &Field, to: DataType) -> String {
    let shown = match field {
        Field::Text(text) => text.clone(),
        other => other.to_json(),
    };
    let cut = if shown.chars().count() > SHOWN_CHARS { "…" } else { "" };
    let shown: String = shown.chars().take(SHOWN_CHARS).collect();
    match field {
        Field::Text(_) => format!("Cannot convert value: '{shown}{cut}' to type: {to}"),
        other => format!("Cannot convert value: '{shown}{cut}' of type: {} to type: {to}", kind(other)),
    }
}

fn kind(field: &Field) -> &'static str {
    match field {
        Field::Null => "null",
        Field::Bool(_) => "BOOLEAN",
        Field::Int(_) => "INTEGER",
        Field::Long(_) => "LONG",
        Field::Number(_) | Field::Decimal(_) => "BIG_DECIMAL",
        Field::Float(_) => "FLOAT",
        Field::Double(_) => "DOUBLE",
        Field::Text(_) => "STRING",
        Field::Bytes(_) => "BYTES",
        Field::List(_) => "OBJECT_ARRAY",
        Field::Map(_) => "MAP",
        Field::Timestamp(_) => "TIMESTAMP",
    }
}

pub(super) fn to_int(field: &Field) -> Converted<i32> {
    match field {
        Field::Text(text) => text.trim().parse().map_err(|_| refuse(field, DataType::Int)),
        Field::Int(n) => Ok(*n),
        Field::Long(n) => Ok(*n as i32),
        Field::Float(x) => Ok(*x as i32),
        Field::Double(x) => Ok(*x as i32),
        Field::Decimal(_) | Field::Number(_) => Ok(low_bits(&decimal(field, DataType::Int)?) as i32),
        Field::Bool(b) => Ok(i32::from(*b)),
        _ => Err(refuse(field, DataType::Int)),
    }
}

pub(super) fn to_long(field: &Field) -> Converted<i64> {
    match field {
        Field::Text(text) => text.trim().parse().map_err(|_| refuse(field, DataType::Long)),
        Field::Int(n) => Ok((*n).into()),
        Field::Long(n) | Field::Timestamp(n) => Ok(*n),
        Field::Float(x) => Ok(*x as i64),
        Field::Double(x) => Ok(*x as i64),
        Field::Decimal(_) | Field::Number(_) => Ok(low_bits(&decimal(field, DataType::Long)?)),
        Field::Bool(b) => Ok((*b).into()),
        _ => Err(refuse(field, DataType::Long)),
    }
}

pub(super) fn to_float(field: &Field) -> Converted<f32> {
    match field {
        Field::Text(text) => parse::parse_java_float(text).ok_or_else(|| refuse(field, DataType::Float)),
        Field::Float(x) => Ok(*x),
        Field::Int(n) => Ok(*n as f32),
        Field::Long(n) => Ok(*n as f32),
        Field::Decimal(_) | Field::Number(_) => {
            let text = decimal(field, DataType::Float)?.to_scientific_notation();
            text.parse().map_err(|_| refuse(field, DataType::Float))
        }
        _ => to_double(field).map(|x| x as f32).map_err(|_| refuse(field, DataType::Float)),
    }
}

pub(super) fn to_double(field: &Field) -> Converted<f64> {
    match field {
        Field::Text(text) => parse::parse_java_double(text).ok_or_else(|| refuse(field, DataType::Double)),
        Field::Int(n) => Ok((*n).into()),
        Field::Long(n) | Field::Timestamp(n) => Ok(*n as f64),
        Field::Float(x) => Ok((*x).into()),
        Field::Double(x) => Ok(*x),
        Field::Decimal(_) | Field::Number(_) => {
            decimal(field, DataType::Double)?.to_f64().ok_or_else(|| refuse(field, DataType::Double))
        }
        Field::Bool(b) => Ok(f64::from(u8::from(*b))),
        _ => Err(refuse(field, DataType::Double)),
    }
}

pub(super) fn to_boolean(field: &Field) -> Converted<bool> {
    match field {
        Field::Text(text) => Ok(parse::parse_boolean(text)),
        Field::Bool(b) => Ok(*b),
        Field::Int(n) => Ok(*n != 0),
        Field::Long(n) => Ok(*n != 0),
        Field::Float(x) => Ok(*x != 0.0),
        Field::Double(x) => Ok(*x != 0.0),
        Field::Decimal(_) | Field::Number(_) => Ok(!decimal(field, DataType::Boolean)?.is_zero()),
        _ => Err(refuse(field, DataType::Boolean)),
    }
}

pub(super) fn to_timestamp(field: &Field) -> Converted<i64> {
    match field {
        Field::Text(text) => parse_timestamp(text, TimeZone::UTC).map_err(|e| e.to_string()),
        Field::Timestamp(n) | Field::Long(n) => Ok(*n),
        Field::Double(x) => Ok(*x as i64),
        Field::Decimal(_) | Field::Number(_) => Ok(low_bits(&decimal(field, DataType::Timestamp)?)),
        _ => Err(refuse(field, DataType::Timestamp)),
    }
}

/// The exact decimal of a value. Exponents beyond what can be stored are refused.
pub(super) fn to_decimal(field: &Field) -> Converted<BigDecimal> {
    decimal(field, DataType::BigDecimal)
}

fn decimal(field: &Field, to: DataType) -> Converted<BigDecimal> {
    let fail = || refuse(field, to);
    let text = |text: &str| parse::parse_big_decimal(text).map_err(|_| fail());
    Ok(match field {
        Field::Text(t) | Field::Number(t) => text(t)?,
        Field::Decimal(d) if parse::check_scale(d) => (**d).clone(),
        Field::Int(n) => (*n).into(),
        Field::Long(n) | Field::Timestamp(n) => (*n).into(),
        Field::Float(x) => text(&render::java_float(*x))?,
        Field::Double(x) => text(&render::java_double(*x))?,
        Field::Bool(b) => i32::from(*b).into(),
        Field::Bytes(bytes) => stored_decimal(bytes).ok_or_else(fail)?,
        _ => return Err(fail()),
    })
}

/// The serialised form: two bytes of scale, then the unscaled value, big-endian.
fn stored_decimal(bytes: &[u8]) -> Option<BigDecimal> {
    let (scale, unscaled) = bytes.split_first_chunk::<2>()?;
    if unscaled.is_empty() {
        return None;
    }
    Some(BigDecimal::new(BigInt::from_signed_bytes_be(unscaled), i16::from_be_bytes(*scale).into()))
}

/// A decimal without its fraction, reduced to 64 bits as Java narrows.
fn low_bits(decimal: &BigDecimal) -> i64 {
    let whole = decimal.with_scale_round(0, bigdecimal::RoundingMode::Down);
    if let Some(n) = whole.to_i64() {
        return n;
    }
    let (unscaled, _) = whole.into_bigint_and_exponent();
    let modulus = BigInt::from(1u8) << 64;
    let low: BigInt = ((unscaled % &modulus) + &modulus) % &modulus;
    low.to_u64().map_or(0, |n| n as i64)
}

pub(super) fn to_text(field: &Field) -> Converted<String> {
    Ok(match field {
        Field::Text(text) | Field::Number(text) => text.clone(),
        Field::Int(n) => n.to_string(),
        Field::Long(n) => n.to_string(),
        Field::Float(x) => render::java_float(*x),
        Field::Double(x) => render::java_double(*x),
        Field::Decimal(d) if parse::check_scale(d) => d.to_plain_string(),
        Field::Bool(b) => b.to_string(),
        Field::Timestamp(n) => format_timestamp(*n, TimeZone::UTC),
        Field::Bytes(bytes) => hex::encode(bytes),
        _ => return Err(refuse(field, DataType::String)),
    })
}

pub(super) fn to_bytes(field: &Field) -> Converted<Vec<u8>> {
    match field {
        Field::Bytes(bytes) => Ok(bytes.clone()),
        Field::Text(text) => hex::decode(text.trim()).map_err(|_| refuse(field, DataType::Bytes)),
        Field::Decimal(_) => {
            let (unscaled, scale) = decimal(field, DataType::Bytes)?.into_bigint_and_exponent();
            let scale = i16::from_i64(scale).ok_or_else(|| refuse(field, DataType::Bytes))?;
            let mut out = scale.to_be_bytes().to_vec();
            out.extend(unscaled.to_signed_bytes_be());
            Ok(out)
        }
        _ => Err(refuse(field, DataType::Bytes)),
    }
}
