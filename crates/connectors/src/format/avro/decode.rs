//! Binary Avro to values.

use bigdecimal::{BigDecimal, num_bigint::BigInt};

use super::schema::{AvroSchema, Type, TypeId};
use crate::format::{Field, builder::ColumnBuilder};

const MAX_DEPTH: u32 = 200;
/// Values of one piece.
pub(super) const MAX_VALUES: usize = 16 << 20;
/// Elements without bytes (nulls) that one list may have.
const MAX_EMPTY_ITEMS: u64 = 1 << 20;

/// Reads the values of one block.
pub(super) struct Decoder<'a> {
    schema: &'a AvroSchema,
    rest: &'a [u8],
    /// Values that this piece may still have.
    left: usize,
}

type Decoded<T> = Result<T, String>;

impl<'a> Decoder<'a> {
    /// `left`: values that the piece may still have, [`MAX_VALUES`] at first.
    pub fn new(schema: &'a AvroSchema, data: &'a [u8], left: usize) -> Self {
        Self { schema, rest: data, left }
    }

    pub fn left(&self) -> usize {
        self.left
    }

    /// One value of the schema's root type.
    pub fn root(&mut self) -> Decoded<Field> {
        self.value(0, 0)
    }

    /// One value of a type as that of `row` of a column.
    pub fn value_into(&mut self, id: TypeId, column: &mut ColumnBuilder, row: usize) -> Decoded<()> {
        match self.schema.get(id) {
            Type::Text => {
                let bytes = self.sized()?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => column.push_text(row, text),
                    Err(_) => column.push_text(row, &String::from_utf8_lossy(bytes)),
                }
            }
            // Most unions are of null and one type.
            Type::Union(branches) => {
                let n = self.long()?;
                let branch = usize::try_from(n).ok().and_then(|n| branches.get(n));
                let branch = *branch.ok_or_else(|| format!("union has no branch {n}"))?;
                if matches!(self.schema.get(branch), Type::Text) {
                    return self.value_into(branch, column, row);
                }
                column.push(row, self.value(branch, 1)?);
            }
            _ => column.push(row, self.value(id, 0)?),
        }
        Ok(())
    }

    /// One value of a type.
    pub fn value(&mut self, id: TypeId, depth: u32) -> Decoded<Field> {
        if depth > MAX_DEPTH {
            return Err(format!("values are nested more than {MAX_DEPTH} deep"));
        }
        // Small values take far more memory than bytes in the file.
        self.left = self.left.checked_sub(1).ok_or_else(|| format!("a block has more than {MAX_VALUES} values"))?;
        Ok(match self.schema.get(id) {
            Type::Null => Field::Null,
            Type::Boolean => Field::Bool(self.take(1)?[0] != 0),
            Type::Int => Field::Int(self.int()?),
            Type::Long => Field::Long(self.long()?),
            Type::Float => Field::Float(f32::from_le_bytes(self.array()?)),
            Type::Double => Field::Double(f64::from_le_bytes(self.array()?)),
            Type::Bytes => Field::Bytes(self.sized()?.to_vec()),
            Type::Text => Field::Text(String::from_utf8_lossy(self.sized()?).into_owned()),
            Type::Fixed(size) => Field::Bytes(self.take(*size)?.to_vec()),
            Type::Enum(symbols) => {
                let n = self.int()?;
                let symbol = usize::try_from(n).ok().and_then(|n| symbols.get(n));
                Field::Text(symbol.ok_or_else(|| format!("enum has no symbol {n}"))?.clone())
            }
            Type::List(item) => {
                let mut items = Vec::new();
                self.blocks(|decoder| {
                    items.push(decoder.value(*item, depth + 1)?);
                    Ok(())
                })?;
                Field::List(items)
            }
            Type::Map(value) => {
                let mut entries = Vec::new();
                self.blocks(|decoder| {
                    let key = String::from_utf8_lossy(decoder.sized()?).into_owned();
                    entries.push((key, decoder.value(*value, depth + 1)?));
                    Ok(())
                })?;
                Field::Map(entries)
            }
            Type::Union(branches) => {
                let n = self.long()?;
                let branch = usize::try_from(n).ok().and_then(|n| branches.get(n));
                let branch = *branch.ok_or_else(|| format!("union has no branch {n}"))?;
                self.value(branch, depth + 1)?
            }
            Type::Record(fields) => {
                let mut entries = Vec::with_capacity(fields.len());
                for (name, ty) in fields {
                    entries.push((name.clone(), self.value(*ty, depth + 1)?));
                }
                Field::Map(entries)
            }
            Type::Decimal { fixed, scale } => {
                let bytes = match fixed {
                    Some(size) => self.take(*size)?,
                    None => self.sized()?,
                };
                Field::decimal(BigDecimal::new(BigInt::from_signed_bytes_be(bytes), *scale))
            }
            Type::TimestampMillis => Field::Timestamp(self.long()?),
            Type::TimestampMicros => Field::Timestamp(self.long()?.div_euclid(1000)),
            Type::Date => Field::Text(iso_date(self.int()?.into())),
            Type::TimeMillis => Field::Text(iso_time(i64::from(self.int()?) * 1_000_000)),
            Type::TimeMicros => Field::Text(iso_time(self.long()?.saturating_mul(1000))),
        })
    }

    /// Lists and maps come in blocks with a count; a negative one has the block's size behind it.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Decoded<()>) -> Decoded<()> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.long()?;
            }
            if count.unsigned_abs() > self.rest.len() as u64 + MAX_EMPTY_ITEMS {
                return Err("a list is longer than its block".to_owned());
            }
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
        }
    }

    fn take(&mut self, len: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("the block ends in the middle of a value")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or("the block ends in the middle of a value")?;
        self.rest = rest;
        Ok(*taken)
    }

    fn sized(&mut self) -> Decoded<&'a [u8]> {
        let len = self.long()?;
        self.take(usize::try_from(len).map_err(|_| "a length is negative".to_owned())?)
    }

    fn int(&mut self) -> Decoded<i32> {
        i32::try_from(self.long()?).map_err(|_| "an int is beyond 32 bits".to_owned())
    }

    fn long(&mut self) -> Decoded<i64> {
        let mut value = 0u64;
        for i in 0..10u32 {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << (7 * i).min(63);
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err("a number is too long".to_owned())
    }
}

/// A day number since 1970-01-01 as `yyyy-MM-dd`.
pub fn iso_date(days: i64) -> String {
    // Civil date from a day count, in eras of 400 years that start on 1 March.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Nanoseconds of a day as `HH:mm`, `HH:mm:ss` or with a fraction of 3, 6 or 9 digits: the shortest that says all.
pub fn iso_time(nanos: i64) -> String {
    let (seconds, fraction) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (s, fraction) {
        (0, 0) => format!("{h:02}:{m:02}"),
        (_, 0) => format!("{h:02}:{m:02}:{s:02}"),
        (_, f) if f % 1_000_000 == 0 => format!("{h:02}:{m:02}:{s:02}.{:03}", f / 1_000_000),
        (_, f) if f % 1000 == 0 => format!("{h:02}:{m:02}:{s:02}.{:06}", f / 1000),
        (_, f) => format!("{h:02}:{m:02}:{s:02}.{f:09}"),
    }
}
