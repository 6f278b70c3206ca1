//! SUMPRECISION: an exact decimal sum.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, StringArray},
    datatypes::{DataType as ArrowType, Float32Type, Float64Type, Int32Type, Int64Type},
};
use bigdecimal::{BigDecimal, RoundingMode, num_bigint::BigInt};
use model::{ColumnType, DataType, parse::parse_big_decimal, render};

use crate::{
    columns::{check_groups, column, try_for_rows},
    literals,
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

/// `sumprecision(x[, precision[, scale]])`: the plain text of the sum, rounded half-even.
pub fn bind(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    call.arguments::<1>()?;
    let whole = |at: usize, name: &str| match call.literals.get(at) {
        None => Ok(None),
        Some(literal) => match literals::integer(literal) {
            Some(v) if (0..=4_000).contains(&v) => Ok(Some(v)),
            _ => Err(call.invalid(format!("the {name} must be a whole number from 0 to 4000"))),
        },
    };
    let (precision, scale) = (whole(0, "precision")?.filter(|p| *p > 0), whole(1, "scale")?);
    Ok(Arc::new(SumPrecision { name: call.name.to_owned(), precision, scale, null_handling: call.null_handling }))
}

#[derive(Debug)]
struct SumPrecision {
    name: String,
    precision: Option<i64>,
    scale: Option<i64>,
    null_handling: bool,
}

impl AggregateFunction for SumPrecision {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::String.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Utf8]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Sums {
            name: self.name.clone(),
            precision: self.precision,
            scale: self.scale,
            null_handling: self.null_handling,
            sums: Vec::new(),
        })
    }
}

struct Sums {
    name: String,
    precision: Option<i64>,
    scale: Option<i64>,
    null_handling: bool,
    sums: Vec<Option<BigDecimal>>,
}

impl Sums {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }

    fn add(&mut self, array: &dyn Array, groups: Groups<'_>) -> Result<(), String> {
        check_groups(groups, array.len(), self.sums.len())?;
        let nulls = array.logical_nulls();
        let decimal = |row: usize| -> Result<BigDecimal, String> {
            let text = |text: &str| parse_big_decimal(text).map_err(|e| e.to_string());
            match array.data_type() {
                ArrowType::Int32 => Ok(array.as_primitive::<Int32Type>().value(row).into()),
                ArrowType::Int64 => Ok(array.as_primitive::<Int64Type>().value(row).into()),
                ArrowType::Float32 => text(&render::java_float(array.as_primitive::<Float32Type>().value(row))),
                ArrowType::Float64 => text(&render::java_double(array.as_primitive::<Float64Type>().value(row))),
                ArrowType::Utf8 => text(array.as_string::<i32>().value(row)),
                ArrowType::Binary => from_bytes(array.as_binary::<i32>(), row),
                other => Err(format!("cannot read {other} as decimals")),
            }
        };
        let sums = &mut self.sums;
        try_for_rows(array.len(), nulls.as_ref(), groups, |row, group| {
            let value = decimal(row)?;
            let sum = match sums[group].take() {
                None => value,
                Some(sum) => sum + value,
            };
            sums[group] = Some(sum);
            Ok(())
        })
    }

    fn round(&self, sum: &BigDecimal) -> BigDecimal {
        let mut sum = sum.clone();
        if let Some(precision) = self.precision
            && sum.digits() as i64 > precision
        {
            let scale = sum.fractional_digit_count() - (sum.digits() as i64 - precision);
            sum = sum.with_scale_round(scale, RoundingMode::HalfEven);
        }
        match self.scale {
            Some(scale) => sum.with_scale_round(scale, RoundingMode::HalfEven),
            None => sum,
        }
    }
}

/// Two bytes of scale, then the unscaled value.
fn from_bytes(array: &BinaryArray, row: usize) -> Result<BigDecimal, String> {
    match array.value(row).split_first_chunk::<2>() {
        Some((scale, digits)) if !digits.is_empty() => {
            let scale = i64::from(i16::from_be_bytes(*scale));
            Ok(BigDecimal::new(BigInt::from_signed_bytes_be(digits), scale))
        }
        _ => Err(format!("{} bytes are no serialised decimal", array.value(row).len())),
    }
}

impl Accumulator for Sums {
    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups.max(self.sums.len()), None);
    }

    fn update(&mut self, args: &[ArrayRef], _rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        self.add(array.as_ref(), groups).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let array = column(state, 0).map_err(|e| self.invalid(e))?.clone();
        if array.data_type() != &ArrowType::Utf8 {
            return Err(self.invalid(format!("the state is {} instead of Utf8", array.data_type())));
        }
        self.add(array.as_ref(), groups).map_err(|e| self.invalid(e))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        let texts = self.sums.iter().map(|sum| sum.as_ref().map(BigDecimal::to_plain_string));
        Ok(vec![Arc::new(texts.collect::<StringArray>())])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let text = |sum: &Option<BigDecimal>| match sum {
            Some(sum) => Some(self.round(sum).to_plain_string()),
            None => (!self.null_handling).then(|| "0".to_owned()),
        };
        Ok(Arc::new(self.sums.iter().map(text).collect::<StringArray>()))
    }

    fn memory_bytes(&self) -> usize {
        // A sum has few digits more than its values; 64 bytes are over a hundred of them.
        size_of::<Self>() + self.sums.capacity() * (size_of::<Option<BigDecimal>>() + 64)
    }
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn exact_sums() {
        let decimals: ArrayRef = Arc::new(StringArray::from(vec![
            Some("12345678901234567890.125"),
            Some("-0.5"),
            None,
            Some("100"),
            Some("0"),
        ]));
        let ty = [DataType::BigDecimal.sv()];
        let sum = "12345678901234567989.625";
        check("sumprecision", &ty, &[], std::slice::from_ref(&decimals), (sum, sum));
        assert_eq!(
            finish("sumprecision", &ty, &[Value::Int(10)], std::slice::from_ref(&decimals), None),
            "12345678900000000000"
        );
        assert_eq!(
            finish("sumprecision", &ty, &[Value::Int(30), Value::Int(1)], &[decimals], None),
            "12345678901234567989.6"
        );
        check("sumprecision", &[DataType::Int.sv()], &[], &[int_column(&[])], ("0", "null"));
    }
}
