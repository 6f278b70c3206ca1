//! Bytes: character sets, base64, hex, checksums, UUIDs.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::Family;
use crate::{
    call::{Bytes, Dec, Int, Long, Str},
    decimal, function,
};

pub static FUNCTIONS: Family = &[
    &function!("toutf8"; (s: Str) -> Vec<u8> => s.as_bytes().to_vec()),
    &function!("fromutf8"; (b: Bytes) -> String => String::from_utf8_lossy(b).into_owned()),
    &function!("toascii"; (s: Str) -> Vec<u8> => s.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect()),
    &function!("fromascii"; (b: Bytes) -> String => b.iter().map(|b| if b.is_ascii() { *b as char } else { '\u{fffd}' }).collect()),
    &function!("tobytes"; (s: Str, charset: Str) -> Result<Vec<u8>, String> => encode(s, charset)),
    &function!("frombytes"; (b: Bytes, charset: Str) -> Result<String, String> => decode(b, charset)),
    &function!("tobase64"; (b: Bytes) -> String => STANDARD.encode(b)),
    &function!("frombase64"; (s: Str) -> Result<Vec<u8>, String> => from_base64(s.as_bytes())),
    &function!("base64encode"; (b: Bytes) -> Vec<u8> => STANDARD.encode(b).into_bytes()),
    &function!("base64decode"; (b: Bytes) -> Result<Vec<u8>, String> => from_base64(b)),
    &function!("hextobytes"; (s: Str) -> Result<Vec<u8>, String> => {
        hex::decode(s).map_err(|_| format!("'{}' is not an even number of hexadecimal digits", crate::convert::clip(s)))
    }),
    &function!("bytestohex"; (b: Bytes) -> String => hex::encode(b)),
    &function!("hexdecimaltolong"; (s: Str) -> Result<i64, String> => {
        let digits = s.strip_prefix("0x").or_else(|| s.strip_prefix("0X")).unwrap_or(s);
        i64::from_str_radix(digits, 16).map_err(|_| format!("For input string: \"{}\"", crate::convert::clip(digits)))
    }),
    &function!("longtohexdecimal"; (v: Long) -> String => format!("{v:x}")),
    &function!("bigdecimaltobytes"; (d: Dec) -> Vec<u8> => decimal::to_bytes(&d)),
    &function!("bytestobigdecimal"; (b: Bytes) -> Result<bigdecimal::BigDecimal, String> => {
        decimal::from_bytes(b).ok_or_else(|| format!("{} bytes are no serialised decimal", b.len()))
    }),
    &function!("encodeurl"; (s: Str) -> String => encode_url(s)),
    &function!("decodeurl"; (s: Str) -> Result<String, String> => decode_url(s)),
    &function!("adler32"; (b: Bytes) -> i32 => adler32(b)),
    &function!("touuidbytes"; (s: Str) -> Option<Vec<u8>> => parse_uuid(s).map(|u| u.to_vec())),
    &function!("fromuuidbytes"; (b: Bytes) -> Option<String> => uuid_text(b)),
    &function!("isuuid"; (s: Str) -> bool => parse_uuid(s).is_some(), (b: Bytes) -> bool => b.len() == 16),
    &function!("uuidtobytes";
        (s: Str) -> Result<Vec<u8>, String> => uuid(s).map(|u| u.to_vec()),
        (b: Bytes) -> Result<Vec<u8>, String> => uuid_of_bytes(b).map(|u| u.to_vec())),
    &function!("uuidtostring";
        (s: Str) -> Result<Option<String>, String> => uuid(s).map(|u| uuid_text(&u)),
        (b: Bytes) -> Result<Option<String>, String> => uuid_of_bytes(b).map(|u| uuid_text(&u))),
    &function!("uuidversion";
        (s: Str) -> Result<i32, String> => uuid(s).map(|u| i32::from(u[6] >> 4)),
        (b: Bytes) -> Result<i32, String> => uuid_of_bytes(b).map(|u| i32::from(u[6] >> 4))),
    &function!("uuidtimestamp";
        (s: Str) -> Result<Option<i64>, String> => uuid(s).map(|u| uuid_millis(&u)),
        (b: Bytes) -> Result<Option<i64>, String> => uuid_of_bytes(b).map(|u| uuid_millis(&u))),
    &function!("murmurhash2"; (b: Bytes) -> i32 => murmur2(b)),
    &function!("murmurhash2utf8"; (s: Str) -> i32 => murmur2(s.as_bytes())),
    &function!("murmurhash3bit32"; (b: Bytes, seed: Int) -> i32 => murmur3(b, seed)),
];

fn encode(text: &str, charset: &str) -> Result<Vec<u8>, String> {
    Ok(match charset.to_ascii_uppercase().as_str() {
        "UTF-8" | "UTF8" => text.as_bytes().to_vec(),
        "US-ASCII" | "ASCII" => text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect(),
        "ISO-8859-1" | "LATIN1" => text.chars().map(|c| u8::try_from(c as u32).unwrap_or(b'?')).collect(),
        "UTF-16" => [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
        "UTF-16BE" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        other => {
            return Err(format!(
                "the character set '{other}' is not supported, use UTF-8, US-ASCII, ISO-8859-1 or UTF-16"
            ));
        }
    })
}

fn decode(bytes: &[u8], charset: &str) -> Result<String, String> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|c| unit([c[0], c[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    Ok(match charset.to_ascii_uppercase().as_str() {
        "UTF-8" | "UTF8" => String::from_utf8_lossy(bytes).into_owned(),
        "US-ASCII" | "ASCII" => bytes.iter().map(|b| if b.is_ascii() { *b as char } else { '\u{fffd}' }).collect(),
        "ISO-8859-1" | "LATIN1" => bytes.iter().map(|b| *b as char).collect(),
        "UTF-16" => match bytes {
            [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
            rest => units(rest, u16::from_be_bytes),
        },
        "UTF-16BE" => units(bytes, u16::from_be_bytes),
        "UTF-16LE" => units(bytes, u16::from_le_bytes),
        other => {
            return Err(format!(
                "the character set '{other}' is not supported, use UTF-8, US-ASCII, ISO-8859-1 or UTF-16"
            ));
        }
    })
}

fn from_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|e| format!("no base64: {e}"))
}

/// Form encoding: letters, digits and `.-*_` stay, a space becomes `+`.
fn encode_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'*' | b'_') => out.push(b as char),
            b' ' => out.push('+'),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

fn decode_url(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = bytes.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
                let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                out.push(byte.ok_or("an escape '%' needs two hexadecimal digits")?);
                at += 2;
            }
            other => out.push(other),
        }
        at += 1;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn adler32(bytes: &[u8]) -> i32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    (b << 16 | a) as i32
}

/// The canonical form of 36 characters, in any case.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|at| bytes[*at] != b'-') {
        return None;
    }
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 {
        return None;
    }
    hex::decode(digits).ok()?.try_into().ok()
}

fn uuid(text: &str) -> Result<[u8; 16], String> {
    parse_uuid(text).ok_or_else(|| format!("Invalid UUID: '{}'", crate::convert::clip(text)))
}

fn uuid_of_bytes(bytes: &[u8]) -> Result<[u8; 16], String> {
    bytes.try_into().map_err(|_| format!("Invalid UUID: {} bytes instead of 16", bytes.len()))
}

fn uuid_text(bytes: &[u8]) -> Option<String> {
    let hex = hex::encode(<[u8; 16]>::try_from(bytes).ok()?);
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// Epoch millis of the versions that carry a time: 1, 6 and 7.
fn uuid_millis(uuid: &[u8; 16]) -> Option<i64> {
    /// 100 ns steps from 1582-10-15 to the epoch.
    const GREGORIAN: i64 = 0x01B2_1DD2_1381_4000;
    let part = |range: std::ops::Range<usize>| uuid[range].iter().fold(0i64, |n, b| n << 8 | i64::from(*b));
    match uuid[6] >> 4 {
        7 => Some(part(0..6)),
        1 => Some(
            ((part(6..8) & 0xfff) << 48 | part(4..6) << 32 | part(0..4)).wrapping_sub(GREGORIAN).div_euclid(10_000),
        ),
        6 => {
            Some((part(0..4) << 28 | part(4..6) << 12 | part(6..8) & 0xfff).wrapping_sub(GREGORIAN).div_euclid(10_000))
        }
        _ => None,
    }
}

/// The hash by which Kafka's default partitioner and the Murmur partition function go.
fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut h: u32 = 0x9747_b28c ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        for (at, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * at);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    (h ^ h >> 15) as i32
}

fn murmur3(data: &[u8], seed: i32) -> i32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut h = seed as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        h = (h ^ mix(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = chunks.remainder().iter().enumerate().fold(0u32, |k, (at, byte)| k | u32::from(*byte) << (8 * at));
    h ^= mix(tail);
    h ^= data.len() as u32;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    (h ^ h >> 16) as i32
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn encodings() {
        check(&[
            ("toutf8('ü')", "BYTES c3bc"),
            ("fromutf8(x'c3bc')", "STRING ü"),
            ("toascii('aü')", "BYTES 613f"),
            ("tobytes('ü', 'ISO-8859-1')", "BYTES fc"),
            ("frombytes(x'fc', 'ISO-8859-1')", "STRING ü"),
            ("tobytes('a', 'UTF-16')", "BYTES feff0061"),
            ("tobase64(toutf8('hello'))", "STRING aGVsbG8="),
            ("fromutf8(frombase64('aGVsbG8='))", "STRING hello"),
            ("fromutf8(base64encode(toutf8('hello')))", "STRING aGVsbG8="),
            ("hextobytes('00ff')", "BYTES 00ff"),
            ("bytestohex(x'00FF')", "STRING 00ff"),
            ("hexdecimaltolong('0xff')", "LONG 255"),
            ("longtohexdecimal(-1)", "STRING ffffffffffffffff"),
            ("bytestobigdecimal(bigdecimaltobytes(1.50m))", "BIG_DECIMAL 1.50"),
            ("encodeurl('a b&ü')", "STRING a+b%26%C3%BC"),
            ("decodeurl('a+b%26%C3%BC')", "STRING a b&ü"),
            ("adler32(x'01')", "INT 131074"),
            ("adler32(toutf8('Wikipedia'))", "INT 300286872"),
            ("murmurhash3bit32(toutf8(''), 1)", "INT 1364076727"),
        ]);
        check_errors(&[
            ("decodeurl('%G')", "decodeurl: an escape '%' needs two hexadecimal digits"),
            ("hextobytes('0')", "hextobytes: '0' is not an even number of hexadecimal digits"),
        ]);
    }

    #[test]
    fn uuids() {
        check(&[
            ("touuidbytes('550E8400-e29b-41d4-a716-446655440000')", "BYTES 550e8400e29b41d4a716446655440000"),
            ("touuidbytes('x')", "BYTES null"),
            ("fromuuidbytes(x'550e8400e29b41d4a716446655440000')", "STRING 550e8400-e29b-41d4-a716-446655440000"),
            ("isuuid('')", "BOOLEAN false"),
            ("isuuid('550E8400-E29B-41D4-A716-446655440000')", "BOOLEAN true"),
            ("isuuid(x'00')", "BOOLEAN false"),
            ("uuidtostring(x'550e8400e29b41d4a716446655440000')", "STRING 550e8400-e29b-41d4-a716-446655440000"),
            ("uuidversion('550e8400-e29b-41d4-a716-446655440000')", "INT 4"),
            ("uuidtimestamp('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')", "LONG 1645557742000"),
            ("uuidtimestamp('c232ab00-9414-11ec-b3c8-9f6bdeced846')", "LONG 1645557742000"),
        ]);
    }
}
