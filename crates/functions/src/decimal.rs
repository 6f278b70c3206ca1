//! BIG_DECIMAL: parsing with bounds, plain text, rounding as Java's `BigDecimal`.

use bigdecimal::{BigDecimal, RoundingMode, Zero, num_bigint::BigInt};

/// Decimals beyond this many digits on either side of the point are refused, since their plain text would grow
/// without bound (`1e999999999`).
const MAX_DIGITS: i64 = 4_000;

/// Reads a decimal in plain or scientific notation. `None` for anything else and for absurd exponents.
pub fn parse(text: &str) -> Option<BigDecimal> {
    bounded(model::parse::parse_big_decimal(text).ok()?)
}

/// `None` when the plain text would be absurdly long.
pub fn bounded(value: BigDecimal) -> Option<BigDecimal> {
    let scale = value.fractional_digit_count();
    (scale.abs() <= MAX_DIGITS && value.digits() <= 2 * MAX_DIGITS as u64).then_some(value)
}

/// Plain notation without an exponent, trailing zeros kept.
pub fn to_text(value: &BigDecimal) -> String {
    value.to_plain_string()
}

/// From a double by its shortest text, as `BigDecimal.valueOf`. `None` for NaN and infinities.
pub fn from_f64(value: f64) -> Option<BigDecimal> {
    value.is_finite().then(|| parse(&crate::text::double_to_string(value))).flatten()
}

/// Nearest double; beyond its range ±infinity.
pub fn to_f64(value: &BigDecimal) -> f64 {
    value.to_scientific_notation().parse().unwrap_or(f64::NAN)
}

/// The integer part, wrapped to 64 bits as `BigDecimal.longValue()`.
pub fn to_i64(value: &BigDecimal) -> i64 {
    let (digits, _) = value.with_scale_round(0, RoundingMode::Down).into_bigint_and_exponent();
    let low = digits.iter_u64_digits().next().unwrap_or(0) as i64;
    if digits.sign() == bigdecimal::num_bigint::Sign::Minus { low.wrapping_neg() } else { low }
}

/// `a / b` at the scale of `a`, half-even. `None` for a zero divisor.
pub fn divide(a: &BigDecimal, b: &BigDecimal) -> Option<BigDecimal> {
    if b.is_zero() {
        return None;
    }
    let scale = a.fractional_digit_count();
    let (n, n_scale) = a.as_bigint_and_exponent();
    let (d, d_scale) = b.as_bigint_and_exponent();
    // n·10^-n_scale / (d·10^-d_scale) at `scale`: one digit more than wanted cannot be enough for a tie, so the
    // remainder decides.
    let shift = scale - n_scale + d_scale;
    let (mut numerator, mut denominator) = (n, d);
    let power = |by: i64| u32::try_from(by).ok().map(|by| BigInt::from(10).pow(by));
    if shift >= 0 {
        numerator *= power(shift)?;
    } else {
        denominator *= power(-shift)?;
    }
    let quotient = &numerator / &denominator;
    let remainder = &numerator - &quotient * &denominator;
    let twice: BigInt = remainder.magnitude().clone().into();
    let twice = twice * 2u8;
    let size: BigInt = denominator.magnitude().clone().into();
    let odd = (&quotient % 2u8) != BigInt::zero();
    let away = twice > size || (twice == size && odd);
    let negative = (numerator.sign() == bigdecimal::num_bigint::Sign::Minus)
        != (denominator.sign() == bigdecimal::num_bigint::Sign::Minus);
    let rounded = match (away, negative) {
        (false, _) => quotient,
        (true, false) => quotient + 1,
        (true, true) => quotient - 1,
    };
    bounded(BigDecimal::new(rounded, scale))
}

/// Two bytes of scale, then the unscaled value, both big-endian two's complement.
pub fn to_bytes(value: &BigDecimal) -> Vec<u8> {
    let (digits, scale) = value.as_bigint_and_exponent();
    let mut bytes = (scale as i16).to_be_bytes().to_vec();
    bytes.extend(digits.to_signed_bytes_be());
    bytes
}

/// Inverse of [`to_bytes`]; `None` for fewer than three bytes.
pub fn from_bytes(bytes: &[u8]) -> Option<BigDecimal> {
    let (scale, digits) = bytes.split_first_chunk::<2>()?;
    if digits.is_empty() {
        return None;
    }
    bounded(BigDecimal::new(BigInt::from_signed_bytes_be(digits), i64::from(i16::from_be_bytes(*scale))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_exponents_are_refused() {
        assert!(parse("1e999999999").is_none());
        assert!(parse("1e-99999999999999999999").is_none());
        assert!(parse("").is_none());
        assert_eq!(to_text(&parse("1e3").unwrap()), "1000");
        assert_eq!(to_text(&parse("-0.50").unwrap()), "-0.50");
    }

    #[test]
    fn division_rounds_half_even_at_the_scale_of_the_dividend() {
        let divide = |a: &str, b: &str| divide(&parse(a).unwrap(), &parse(b).unwrap()).map(|v| to_text(&v));
        assert_eq!(divide("1", "3").unwrap(), "0");
        assert_eq!(divide("1.00", "3").unwrap(), "0.33");
        assert_eq!(divide("5", "2").unwrap(), "2");
        assert_eq!(divide("7", "2").unwrap(), "4");
        assert_eq!(divide("-7", "2").unwrap(), "-4");
        assert_eq!(divide("1.0", "0.4").unwrap(), "2.5");
        assert_eq!(divide("1", "0"), None);
    }

    #[test]
    fn integers_wrap_like_java() {
        assert_eq!(to_i64(&parse("18446744073709551615").unwrap()), -1);
        assert_eq!(to_i64(&parse("-12.9").unwrap()), -12);
        assert_eq!(to_f64(&parse("12345678901234567890.125").unwrap()), 1.2345678901234567e19);
    }

    #[test]
    fn bytes_round_trip() {
        for text in ["0", "-1.5", "123456789012345678901234567890.123"] {
            let value = parse(text).unwrap();
            assert_eq!(to_text(&from_bytes(&to_bytes(&value)).unwrap()), text);
        }
        assert!(from_bytes(&[1, 2]).is_none());
    }
}
